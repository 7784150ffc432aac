"""Content-Transfer-Encoding: octets out of encoded octets (RFC 2045 section 6), leniently; charsets are `charset.py`."""

from __future__ import annotations

import binascii
import re

from core.mail import Attachment

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_MOST_PADDING = 1_000
_COMMENT = re.compile(r"\([^()]*+\)")
_NAMES = {
    "base64": "base64",
    "b64": "base64",
    "quoted-printable": "quoted-printable",
    "quotedprintable": "quoted-printable",
    "quoted printable": "quoted-printable",
    "x-uuencode": "x-uuencode",
    "uuencode": "x-uuencode",
    "x-uue": "x-uuencode",
    "uue": "x-uuencode",
}


def encoding_named(value: str) -> str:
    """`base64`, `quoted-printable`, `x-uuencode` or '' (as it stands), without comments and what else is written beside it."""
    if value in ("7bit", "8bit", "base64", "quoted-printable", ""):
        return _NAMES.get(value, "")
    name = _COMMENT.sub(" ", value[:200].lower()).strip(" \t;,.\"'")
    return _NAMES.get(name) or _NAMES.get(name.split(";")[0].split(" ")[0], "")


def decode(raw: bytes, attachment: Attachment) -> bytes:
    """The attachment's decoded content out of the raw mail it is a place in. Garbage never raises; what can be decoded is."""
    return decode_octets(raw[attachment.offset : attachment.offset + attachment.length], attachment.encoding)


def decode_octets(data: bytes, encoding: str) -> bytes:
    """Decoded octets of a part that is no text."""
    if encoding == "base64":
        return _base64(data)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)
    return _uudecoded(data) if encoding == "x-uuencode" else data


def decode_text_octets(data: bytes, encoding: str) -> bytes:
    """Decoded octets of a text part; plain lines behind the base64 (what lists and scanners append) are kept as they are."""
    if encoding != "base64":
        return decode_octets(data, encoding)
    if not data.translate(None, _BASE64 + b"\r\n").strip(b"= \t"):
        return _base64(data)
    coded, footer = _split_footer(data)
    return _base64(coded) + (b"\r\n" + footer if footer else b"")


def _split_footer(data: bytes) -> tuple[bytes, bytes]:
    """Base64 lines and the first line with spaces between words onwards."""
    position = 0
    for line in data.splitlines(keepends=True):
        if b" " in line.strip() or (line.startswith(b"--") and len(line) < 78):
            return data[:position], data[position:].strip()
        position += len(line)
    return data, b""


def _base64(data: bytes) -> bytes:
    """Every character outside the alphabet dropped, padding in the middle restarts the groups, a missing end is supplied."""
    if b"=" not in data or data.rstrip(b"\r\n \t").rstrip(b"=").find(b"=") < 0 or data.count(b"=") > _MOST_PADDING:
        return _groups(data)
    return b"".join(map(_groups, data.split(b"=")))


def _groups(data: bytes) -> bytes:
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        letters = data.translate(None, _NOT_BASE64)
        if len(letters) % 4 == 1:
            letters = letters[:-1]
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


_NOT_BASE64 = bytes(code for code in range(256) if code not in _BASE64)


def _uudecoded(data: bytes) -> bytes:
    """Lines between `begin` and `end`; a spoilt line gives what it can."""
    out = bytearray()
    for line in data.splitlines():
        if line.startswith(b"begin ") or not line.strip():
            continue
        if line.strip() == b"end":
            break
        try:
            out += binascii.a2b_uu(line)
        except binascii.Error:
            out += _uu_line(line)
    return bytes(out)


def _uu_line(line: bytes) -> bytes:
    """Some encoders write wrong lengths: as many groups of four as the count in the first octet asks for."""
    count = (line[0] - 32) & 63
    try:
        return binascii.a2b_uu(line[: ((count * 4 + 5) // 3) + 1])
    except binascii.Error:
        return b""


def decoded_size(raw: bytes, offset: int, length: int, encoding: str) -> int:
    """Decoded octets without decoding: exact for base64 in even lines and for unencoded parts, near for the rest."""
    if encoding == "base64":
        return _base64_size(raw, offset, length)
    if encoding == "quoted-printable":
        return max(0, length - 2 * raw.count(b"=", offset, offset + length))
    return length * 3 // 4 if encoding == "x-uuencode" else length


def _base64_size(raw: bytes, offset: int, length: int) -> int:
    end = offset + length
    while end > offset and raw[end - 1] in b"\r\n \t":
        end -= 1
    first = raw.find(b"\n", offset, end)
    letters = end - offset
    if first >= 0:
        ending = 2 if raw[first - 1 : first] == b"\r" else 1
        letters -= ending * ((end - offset - 1) // (first + 1 - offset))
    padding = 2 if raw.endswith(b"==", offset, end) else 1 if raw.endswith(b"=", offset, end) else 0
    return max(0, letters * 3 // 4 - padding)
