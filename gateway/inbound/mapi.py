"""The property lists inside TNEF (MS-OXTNEF 2.1.3.4, MS-OXCDATA 2.11): property id to value; what they mean is told in `tnef.py`."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from gateway.inbound.charset import clean, decode_text

_FIXED = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
"""Property type → octets of its value, padding included."""
_COUNTED = frozenset({0x0D, 0x1E, 0x1F, 0x102})
_STRING, _UNICODE, _OBJECT = 0x1E, 0x1F, 0x0D
_SEVERAL = 0x1000
_NAMED = 0x8000
_MOST = 5_000
_INTERFACE = 16
"""Octets in front of an embedded object that name its interface."""


class Spoilt(Exception):
    """The list cannot be read on; what was read until then counts."""


@dataclass(slots=True)
class Properties:
    """Texts, octets and numbers by property id; the first of each id counts. Only those `wanted` are kept and decoded: there may be a million others."""

    wanted: frozenset[int]
    codepage: str = "windows-1252"
    texts: dict[int, str] = field(default_factory=dict)
    octets: dict[int, bytes] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)

    def read(self, data: bytes) -> None:
        """Add the properties of one list. Never raises: a spoilt list gives what stands before the fault."""
        try:
            self._read(data)
        except (Spoilt, struct.error):
            return

    def _read(self, data: bytes) -> None:
        (count,) = struct.unpack_from("<I", data)
        at = 4
        for _ in range(min(count, _MOST)):
            kind, name = struct.unpack_from("<HH", data, at)
            at = _after_name(data, at + 4) if name >= _NAMED else at + 4
            at = self._value(data, at, kind, name)

    def _value(self, data: bytes, at: int, kind: int, name: int) -> int:
        several, kind = kind & _SEVERAL, kind & ~_SEVERAL
        counted = kind in _COUNTED
        if not counted and kind not in _FIXED:
            raise Spoilt
        values = 1
        if several or counted:
            (values,) = struct.unpack_from("<I", data, at)
            at += 4
        for _ in range(values):
            at = self._counted(data, at, kind, name) if counted else self._fixed(data, at, kind, name)
        return at

    def _fixed(self, data: bytes, at: int, kind: int, name: int) -> int:
        size = _FIXED[kind]
        if at + size > len(data):
            raise Spoilt
        if name in self.wanted:
            self.numbers.setdefault(name, int.from_bytes(data[at : at + size], "little"))
        return at + size

    def _counted(self, data: bytes, at: int, kind: int, name: int) -> int:
        size: int
        (size,) = struct.unpack_from("<I", data, at)
        at += 4
        if at + size > len(data):
            raise Spoilt
        if name not in self.wanted or name in (self.texts if kind in (_STRING, _UNICODE) else self.octets):
            return at + size + -size % 4
        value = data[at : at + size]
        if kind == _STRING:
            self.texts[name] = decode_text(value.split(b"\0")[0], self.codepage)[0]
        elif kind == _UNICODE:
            self.texts[name] = clean(value.decode("utf-16-le", "replace").split("\0")[0])
        else:
            self.octets[name] = value[_INTERFACE:] if kind == _OBJECT else value
        return at + size + -size % 4


def _after_name(data: bytes, at: int) -> int:
    """Behind the name of a named property: a GUID and a number or a text."""
    kind: int
    length: int
    kind, length = struct.unpack_from("<II", data, at + 16)
    return at + 24 + (length + -length % 4 if kind else 0)
