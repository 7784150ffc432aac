"""Answers to FETCH in the one form that nearly every server gives, read without the full parser, which costs more than the mail itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

_BODY = re.compile(rb"\d{1,10} \(UID (\d{1,10}) BODY\[\] \{\d{1,12}\}")
_SIZE = re.compile(rb"\d{1,10} \(UID (\d{1,10}) RFC822\.SIZE (\d{1,12})\)")

Line = bytes | tuple[bytes, bytes]
"""As imaplib gives them: a line, or a line that ends with a literal and the literal."""


def uid_set(uids: Sequence[int]) -> str:
    """`1:3,7` (RFC 9051 section 9, sequence-set); ascending runs are written as ranges."""
    runs: list[list[int]] = []
    for uid in uids:
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in runs)


def bodies_in(lines: Sequence[Line]) -> dict[int, bytes] | None:
    """UID → BODY[]; None if any line has another form."""
    found: dict[int, bytes] = {}
    for line in lines:
        if isinstance(line, tuple):
            match = _BODY.fullmatch(line[0])
            if match is None:
                return None
            found[int(match[1])] = line[1]
        elif line != b")":
            return None
    return found


def sizes_in(lines: Sequence[Line]) -> dict[int, int] | None:
    """UID → RFC822.SIZE; None if any line has another form."""
    found: dict[int, int] = {}
    for line in lines:
        match = _SIZE.fullmatch(line) if isinstance(line, bytes) else None
        if match is None:
            return None
        found[int(match[1])] = int(match[2])
    return found
