"""Values with parameters (Content-Type, Content-Disposition; RFC 2045, 2183, 2231), read leniently; what they mean is `structure.py`."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from gateway.inbound.charset import clean, decode_text
from gateway.inbound.words import one_line

_NAME = re.compile(r";[\s;]*+([^\s=;\"]*+)\s*+(=?)\s*+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"?', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_FORGOTTEN = re.compile(r'("(?:[^"\\]|\\.)*+"?)|(?<!\s)\s++(?=[A-Za-z][A-Za-z0-9*-]{0,40}=)', re.DOTALL)
"""Something quoted, or the white space before a parameter where a semicolon was forgotten."""
_SEGMENT = re.compile(r"([^*]+)(?:\*(\d{1,4}))?(\*?)$")
_MOST = 200


def value_of(raw: bytes) -> tuple[str, dict[str, str]]:
    """The lower-case value and its parameters. Parameter text is the bytes as Latin-1, unless RFC 2231 gave it a charset of its own.

    Those of RFC 2231 stand under `name*`, decoded, so that a reader can prefer them.
    """
    text = raw.decode("latin-1")
    if "\n" in text:
        text = text.replace("\r", "").replace("\n", "")
    head, semicolon, _ = text.partition(";")
    if "=" in head:
        text = _FORGOTTEN.sub(lambda found: found.group(1) or ";", " " + text.strip())
        head, semicolon, _ = text.partition(";")
    value = head.strip().lower()
    return value, _parameters(text[len(head) :]) if semicolon else {}


def _parameters(text: str) -> dict[str, str]:
    plain: dict[str, str] = {}
    extended: dict[str, dict[int, tuple[str, bool]]] = {}
    position = 0
    for _ in range(_MOST):
        found = _NAME.match(text, position)
        if not found:
            break
        value, position = _value(text, found.end())
        name = found.group(1).lower()
        if not name or not found.group(2):
            continue
        if "*" in name:
            _collect(extended, name, value)
        else:
            plain.setdefault(name, value)
    for name, segments in extended.items():
        plain[name + "*"] = _joined(segments)
    return plain


def _value(text: str, position: int) -> tuple[str, int]:
    """One parameter's value, quoted or running up to the next semicolon, and where the next parameter begins."""
    quoted = _QUOTED.match(text, position)
    if quoted:
        end = text.find(";", quoted.end())
        return _ESCAPED.sub(r"\1", quoted.group(1)), end if end >= 0 else len(text)
    end = text.find(";", position)
    end = end if end >= 0 else len(text)
    return text[position:end].strip(), end


def _collect(extended: dict[str, dict[int, tuple[str, bool]]], name: str, value: str) -> None:
    found = _SEGMENT.match(name)
    if found:
        base, number, encoded = found.groups()
        extended.setdefault(base, {}).setdefault(int(number or 0), (value, bool(encoded)))


def _joined(segments: dict[int, tuple[str, bool]]) -> str:
    """RFC 2231 section 4.1: segments in the order of their numbers, percent-decoded where marked, then decoded by the charset of the first."""
    charset = ""
    data = bytearray()
    for place, number in enumerate(sorted(segments)):
        value, encoded = segments[number]
        if encoded and place == 0 and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        octets = value.encode("latin-1", "replace")
        data += unquote_to_bytes(octets) if encoded else octets
    return one_line(clean(decode_text(bytes(data), charset)[0]))
