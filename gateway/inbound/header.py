"""A header block of bytes into its fields, repaired where mailers break it; values stay raw, `words.py` decodes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_LINE_END = re.compile(rb"\n(?![ \t])")
_NEAR = 16_384
"""Octets in which nearly every header ends: a mail with one kind of line ends is not searched through for the other."""
_START = re.compile(rb"[\r\n \t]{1,1000}")


@dataclass(frozen=True, slots=True)
class Block:
    """The fields of a header block in order, where the body starts in the raw mail, and what had to be repaired."""

    fields: list[tuple[str, bytes]]
    body: int
    defects: tuple[str, ...] = ()


def header_start(raw: bytes, start: int = 0) -> int:
    """Where the header begins, after a byte order mark, empty lines and mbox separator lines."""
    if raw.startswith(b"\xef\xbb\xbf", start):
        start += 3
    blank = _START.match(raw, start)
    if blank and _NAME.match(raw, blank.end()):
        start = blank.end()
    while raw.startswith((b"From ", b">From "), start):
        end = raw.find(b"\n", start, start + 1000)
        if end < 0:
            break
        start = end + 1
    return start


def read_block(raw: bytes, start: int, end: int, max_bytes: int, max_fields: int) -> Block:
    """The fields between `start` and the first empty line, at most `max_bytes` and `max_fields` of them.

    A line that is no field and no continuation is dropped; if only such lines follow, the body has begun without an empty line.
    """
    if raw.startswith((b"\n", b"\r\n"), start):
        return Block([], raw.index(b"\n", start) + 1)
    stop, body = _empty_line(raw, start, end)
    defects: list[str] = []
    if stop - start > max_bytes:
        stop = start + max_bytes
        defects.append(f"The header is longer than {max_bytes} bytes; the rest of it was not read.")
    fields, junk, more = _fields(raw, start, stop, max_fields)
    if more:
        defects.append(f"The header has more than {max_fields} fields; the rest were not read.")
    elif junk >= 0:
        body = junk
    return Block(fields, body, tuple(defects))


def _empty_line(raw: bytes, start: int, end: int) -> tuple[int, int]:
    """Offsets of the end of the header and of the start of the body (RFC 5322 section 2.1; bare line feeds too)."""
    crlf = raw.find(b"\n\r\n", start, min(end, start + _NEAR))
    if crlf < 0:
        bare = raw.find(b"\n\n", start, min(end, start + _NEAR))
        if bare >= 0:
            return bare + 1, bare + 2
        crlf = raw.find(b"\n\r\n", start, end)
    bare = raw.find(b"\n\n", start, crlf if crlf >= 0 else end)
    if bare >= 0:
        return bare + 1, bare + 2
    return (crlf + 1, crlf + 3) if crlf >= 0 else (end, end)


def _fields(raw: bytes, start: int, stop: int, max_fields: int) -> tuple[list[tuple[str, bytes]], int, bool]:
    """Fields, the offset of the junk lines after the last field (-1 if there are none), and whether fields were left out."""
    fields: list[tuple[str, bytes]] = []
    junk = -1
    for line in _LINE_END.split(raw[start:stop]):
        named = _NAME.match(line)
        if named:
            if len(fields) == max_fields:
                return fields, -1, True
            fields.append((named.group(1).decode("ascii"), line[named.end() : -1 if line[-1] == 13 else None]))
            junk = -1
        elif junk < 0 and line:
            junk = start
        start += len(line) + 1
    return fields, junk, False
