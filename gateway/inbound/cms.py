"""The content of an S/MIME message that is signed but not readable as it stands (RFC 5652 section 5, RFC 8551 section 3.5.2); nothing is verified.

A walk through BER, definite and indefinite lengths, no deeper than the format needs. What is no such message gives None.
"""

from __future__ import annotations

SIGNED = bytes.fromhex("2a864886f70d010702")
_KINDS = {
    SIGNED: "smime_signed",
    bytes.fromhex("2a864886f70d010703"): "smime_encrypted",
    bytes.fromhex("2a864886f70d0109100117"): "smime_encrypted",  # authEnvelopedData (RFC 5083)
}
SEQUENCE, SET, OID, OCTETS, EXPLICIT, _CONSTRUCTED = 0x30, 0x31, 0x06, 0x04, 0xA0, 0x20
_DEEPEST = 8
_MOST_PIECES = 100_000


class Malformed(Exception):
    """No BER, or more of it than is read."""


def cms_kind(data: bytes) -> str:
    """`smime_signed`, `smime_encrypted`, or '' for anything else; the first octets are enough."""
    try:
        at, _ = opened(data, 0, SEQUENCE)
        start, end = opened(data, at, OID)
        return _KINDS.get(data[start:end], "")
    except Malformed:
        return ""


def signed_content(data: bytes) -> bytes | None:
    """The signed octets inside a SignedData, None where there are none."""
    try:
        inside, _ = opened(data, 0, SEQUENCE)
        start, end = opened(data, inside, OID)
        if data[start:end] != SIGNED:
            return None
        inside, _ = opened(data, end, EXPLICIT)
        inside, _ = opened(data, inside, SEQUENCE)
        after_version = after(data, inside)
        content, _ = opened(data, after(data, after_version), SEQUENCE)
        inside, _ = opened(data, after(data, content), EXPLICIT)
        pieces: list[bytes] = []
        _collect(data, inside, len(data), 0, pieces)
        return b"".join(pieces)
    except Malformed:
        return None


def head(data: bytes, at: int) -> tuple[int, int, int]:
    """Tag, first octet of the content, and its end; -1 for a content that ends where two zero octets say so."""
    if at + 2 > len(data) or at < 0:
        raise Malformed
    tag, length = data[at], data[at + 1]
    at += 2
    if length == 0x80 and tag & _CONSTRUCTED:
        return tag, at, -1
    if length >= 0x80:
        octets = length & 0x7F
        if not 1 <= octets <= 4 or at + octets > len(data):
            raise Malformed
        length = int.from_bytes(data[at : at + octets], "big")
        at += octets
    return tag, at, at + length


def opened(data: bytes, at: int, wanted: int) -> tuple[int, int]:
    tag, start, end = head(data, at)
    if tag != wanted:
        raise Malformed
    return start, end


def after(data: bytes, at: int, depth: int = 0) -> int:
    """Where the next element begins."""
    _, start, end = head(data, at)
    if end >= 0:
        return end
    if depth > _DEEPEST:
        raise Malformed
    for _ in range(_MOST_PIECES):
        if data[start : start + 2] == b"\0\0":
            return start + 2
        start = after(data, start, depth + 1)
    raise Malformed


def _collect(data: bytes, at: int, most: int, depth: int, pieces: list[bytes]) -> int:
    """An octet string, whole or in pieces, and where what follows it begins. Nothing reaches beyond what it stands in (`most`), so that no octet counts twice."""
    tag, start, end = head(data, at)
    inside = most if end < 0 else min(end, most)
    if tag == OCTETS:
        pieces.append(data[start:inside])
        return inside
    if tag != OCTETS | _CONSTRUCTED or depth > _DEEPEST:
        raise Malformed
    for _ in range(_MOST_PIECES):
        if end < 0 and data[start : start + 2] == b"\0\0":
            return start + 2
        if end >= 0 and start >= inside:
            return inside
        if start >= inside:
            raise Malformed
        start = _collect(data, start, inside, depth + 1, pieces)
    raise Malformed
