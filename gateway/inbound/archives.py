"""Looking into archives without unpacking them: names, sizes and what is wrong, within bounds; what of it is welcome is told in `judging.py`.

Of a zip only its directory is read, of a tar its headers; archives inside are looked into up to three deep, and nothing is ever written anywhere.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.inbound.charset import decode_text

LARGEST = 32_000_000
"""Decoded bytes of an archive that is looked into at all."""
_DEEPEST = 3
_MOST_ENTRIES = 10_000
_MOST_UNPACKED = 1_000_000_000
_RATIO, _RATIO_FROM = 100, 50_000_000
"""An archive that grows more than a hundredfold, once it is over 50 MB."""
_INNER = 4_000_000
"""Bytes of an archive inside an archive that are unpacked in memory to look at it."""
_INNER_TOTAL = 16_000_000
_ALL_ENTRIES = 50_000
_ZIPPED = (".zip", ".jar", ".docx", ".xlsx", ".pptx", ".docm", ".xlsm", ".pptm", ".odt", ".ods", ".odp")
_PACKED = (*_ZIPPED, ".gz", ".tgz", ".tar")
_END, _ENTRY, _LOCAL = b"PK\5\6", b"PK\1\2", b"PK\3\4"
_STORED, _DEFLATED = 0, 8
_EXTRA_FLAG, _NAME_FLAG = 0x4, 0x8
_ENCRYPTED_FLAG, _UTF8_FLAG = 0x1, 0x800
_UNICODE_PATH = 0x7075
_MOST_EXTRA = 20
"""Extra fields of one file that are looked at."""


_PAX_PATH = re.compile(rb"(?:^|\n)[0-9]{1,6} path=([^\n]{1,1000})")
_PAX = 64_000
"""Bytes of the records before a file of a tar that are looked at."""


@dataclass(slots=True)
class Room:
    """What looking into all archives of one mail may cost: bytes unpacked in memory, bytes read for that, and files."""

    unpacked: int = _INNER_TOTAL
    packed: int = 2 * LARGEST
    """Bytes that are read for it: files that overlap could be read ten thousand times, and unpack to nothing."""
    entries: int = _ALL_ENTRIES


@dataclass(slots=True)
class Looked:
    """The names in an archive and those inside it, and what is wrong with it: each a sentence."""

    names: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    encrypted: bool = False
    macros: bool = False
    unpacked: int = 0
    room: Room = field(default_factory=Room)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One file of a zip, by its directory. `names`: what one program or another unpacks it as; the first is the usual one."""

    names: tuple[str, ...]
    flags: int
    method: int
    packed: int
    size: int
    offset: int


def look(data: bytes, room: Room | None = None) -> Looked:
    """What is in a zip, gzip or tar. Garbage never raises; what is none of them has no names. `room` is shared by the archives of one mail."""
    looked = Looked(room=room or Room())
    _look(data, looked, 1)
    return looked


def _look(data: bytes, looked: Looked, depth: int) -> None:
    if data.startswith((_LOCAL, _END)):
        _look_into_zip(data, looked, depth)
    elif data.startswith(b"\x1f\x8b"):
        _look_into_gzip(data, looked, depth)
    elif data[257:262] == b"ustar":
        _look_into_tar(data, looked, depth)


def _say(looked: Looked, sentence: str) -> None:
    if sentence not in looked.wrong:
        looked.wrong.append(sentence)


def _named(looked: Looked, name: str) -> bool:
    looked.room.entries -= 1
    if len(looked.names) >= _MOST_ENTRIES or looked.room.entries < 0:
        _say(looked, f"The archive holds more than {_MOST_ENTRIES} files.")
        return False
    looked.names.append(name)
    looked.macros = looked.macros or name.lower().endswith("vbaproject.bin")
    return True


def _sized(looked: Looked, size: int, packed: int) -> None:
    """A bomb is told by what it says it will be; what lies about that is stopped when it is unpacked."""
    looked.unpacked += size
    if looked.unpacked > _MOST_UNPACKED or (size > _RATIO_FROM and size > _RATIO * max(1, packed)):
        _say(looked, "The archive would be many times its size when unpacked.")


# ---------------------------------------------------------------- zip


def _look_into_zip(data: bytes, looked: Looked, depth: int) -> None:
    packed = total = 0
    for entry in _entries(data, looked):
        if not all(_named(looked, name) for name in entry.names):
            return
        looked.encrypted = looked.encrypted or bool(entry.flags & _ENCRYPTED_FLAG)
        packed, total = packed + entry.packed, total + entry.size
        _sized(looked, entry.size, entry.packed)
        if any(name.lower().endswith(_PACKED) for name in entry.names) and not entry.flags & _ENCRYPTED_FLAG:
            _look_inside(_unpacked(data, entry, looked), looked, depth)
    if packed > len(data):
        _say(looked, "Files in the archive overlap, as they do only in archives made to harm.")
    _ratio(looked, total, len(data))


def _ratio(looked: Looked, total: int, packed: int) -> None:
    if total > _RATIO_FROM and total > _RATIO * max(1, packed):
        _say(looked, "The archive would be many times its size when unpacked.")


def _look_inside(inner: bytes, looked: Looked, depth: int) -> None:
    if not inner:
        return
    if depth >= _DEEPEST:
        _say(looked, f"Archives stand in each other more than {_DEEPEST} deep.")
        return
    _look(inner, looked, depth + 1)


def _entries(data: bytes, looked: Looked) -> Iterator[_Entry]:
    """The directory at the end (APPNOTE 4.3.12); without one the archive is damaged, and that is said."""
    end = data.rfind(_END, max(0, len(data) - 66_000))
    if end < 0 or end + 22 > len(data):
        _say(looked, "The archive has no directory: it is damaged or not what it says.")
        return
    count, size, at = struct.unpack_from("<HII", data, end + 10)
    if at == 0xFFFFFFFF or count == 0xFFFF:
        _say(looked, "The archive is of a form for very many or very large files.")
        return
    if data[at : at + 4] not in (_ENTRY, _END):  # something stands in front of the archive
        at = end - size
    for _ in range(count):
        if at < 0 or data[at : at + 4] != _ENTRY or at + 46 > len(data):
            _say(looked, "The directory of the archive is damaged.")
            return
        flags, method = struct.unpack_from("<HH", data, at + 8)
        packed, unpacked, name, extra, comment = struct.unpack_from("<IIHHH", data, at + 20)
        (offset,) = struct.unpack_from("<I", data, at + 42)
        names = _zip_names(data[at + 46 : at + 46 + name], data[at + 46 + name : at + 46 + name + extra], flags)
        yield _Entry(names, flags, method, packed, unpacked, offset)
        at += 46 + name + extra + comment


def _zip_names(name: bytes, extra: bytes, flags: int) -> tuple[str, ...]:
    """The name, the beginning of one with a NUL in it, where many programs end it, and the one that stands in an extra field (APPNOTE 4.6.9)."""
    found = [name, name.split(b"\0")[0]] if b"\0" in name else [name]
    names = [decode_text(one[:1_000], "utf-8" if flags & _UTF8_FLAG else "cp437")[0] for one in found]
    at = 0
    for _ in range(_MOST_EXTRA):
        if at + 4 > len(extra):
            break
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == _UNICODE_PATH and size > 5:
            names.append(decode_text(extra[at + 9 : at + 4 + size][:1_000].split(b"\0")[0], "utf-8")[0])
        at += 4 + size
    return tuple(dict.fromkeys(names))


def _unpacked(data: bytes, entry: _Entry, looked: Looked) -> bytes:
    """An archive inside, as far as it is small; b'' for what cannot be looked into."""
    if entry.size > _INNER or looked.room.unpacked <= 0:
        _say(looked, "An archive inside the archive is too large to be looked into.")
        return b""
    at = entry.offset
    if data[at : at + 4] != _LOCAL or at + 30 > len(data):
        return b""
    name, extra = struct.unpack_from("<HH", data, at + 26)
    if entry.packed > looked.room.packed:
        _say(looked, "An archive inside the archive is too large to be looked into.")
        return b""
    looked.room.packed -= entry.packed
    body = data[at + 30 + name + extra : at + 30 + name + extra + entry.packed]
    if entry.method == _STORED:
        looked.room.unpacked -= len(body)
        return body
    return _inflated(body, looked, -zlib.MAX_WBITS) if entry.method == _DEFLATED else b""


def _inflated(body: bytes, looked: Looked, window: int) -> bytes:
    most = min(_INNER, looked.room.unpacked)
    try:
        inner = zlib.decompressobj(window).decompress(body, most) if most > 0 else b""
    except zlib.error:
        _say(looked, "A file in the archive is damaged.")
        return b""
    looked.room.unpacked -= len(inner)
    if len(inner) >= most:
        _say(looked, "An archive inside the archive is too large to be looked into.")
    return inner


# ---------------------------------------------------------------- gzip, tar


def _look_into_gzip(data: bytes, looked: Looked, depth: int) -> None:
    """One file; its size stands at the end, and its name, if it has one, at the beginning (RFC 1952 section 2.3). A tar in it has names of its own."""
    if len(data) < 18:
        _say(looked, "The archive is damaged.")
        return
    if data[3] & _NAME_FLAG and not data[3] & _EXTRA_FLAG:
        _named(looked, decode_text(data[10:1_010].split(b"\0")[0], "iso-8859-1")[0])
    _sized(looked, int.from_bytes(data[-4:], "little"), len(data))
    try:
        head = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data, 1_024)
    except zlib.error:
        _say(looked, "The archive is damaged.")
        return
    if head[257:262] == b"ustar" or head.startswith((_LOCAL, b"\x1f\x8b")):
        _look_inside(_inflated(data, looked, 16 + zlib.MAX_WBITS), looked, depth)


def _look_into_tar(data: bytes, looked: Looked, depth: int) -> None:
    at, long_name = 0, ""
    while at + 512 <= len(data) and data[at : at + 512].strip(b"\0"):
        head = data[at : at + 512]
        size = _octal(head[124:136])
        if size < 0:
            _say(looked, "The archive is damaged.")
            return
        kind = head[156:157]
        body = data[at + 512 : at + 512 + size]
        if kind == b"L":
            long_name = decode_text(body[:1_000].split(b"\0")[0], "utf-8")[0]
        elif kind == b"x":
            long_name = _pax_path(body) or long_name
        elif kind in (b"0", b"\0", b"1", b"2", b"7"):
            name, long_name = long_name or decode_text(head[:100].split(b"\0")[0], "utf-8")[0], ""
            if not _named(looked, name):
                return
            _sized(looked, size, size)
            if name.lower().endswith(_PACKED) and size <= _INNER:
                _look_inside(body, looked, depth)
        at += 512 + size + -size % 512


def _pax_path(records: bytes) -> str:
    """The name in the records `25 path=…` that stand before a file's own header and go before it."""
    found = _PAX_PATH.findall(records[:_PAX])
    return decode_text(found[-1], "utf-8")[0] if found else ""


def _octal(digits: bytes) -> int:
    text = digits.strip(b"\0 ")
    return int(text, 8) if text and len(text) <= 12 and not text.strip(b"01234567") else 0 if not text else -1
