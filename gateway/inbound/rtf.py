"""Rich text as Outlook packs it (MS-OXRTFCP) into the RTF itself; reading RTF is left to the programs people open it with."""

from __future__ import annotations

import struct

_DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArial"
    b"Times New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
"""What every packed text may refer to from its first octet on (MS-OXRTFCP 2.1.2.1)."""
_PACKED, _PLAIN = b"LZFu", b"MELA"
_HEADER = 16
_WINDOW = 4096
_MOST_PACKED = 500_000
_MOST = 4_000_000


def unpacked_rtf(data: bytes) -> bytes:
    """The RTF, b'' for what is no packed RTF or too large to unpack."""
    if len(data) < _HEADER or len(data) > _MOST_PACKED:
        return b""
    (size,) = struct.unpack_from("<I", data, 4)
    if data[8:12] == _PLAIN:
        return data[_HEADER : _HEADER + size]
    return _unpacked(data[_HEADER:], min(size, _MOST)) if data[8:12] == _PACKED else b""


def _unpacked(data: bytes, size: int) -> bytes:
    """Runs of eight: a bit says whether a literal octet follows or a place and length in what was written so far."""
    out = bytearray(_DICTIONARY)
    base, at, most = len(_DICTIONARY), 0, len(_DICTIONARY) + size
    while at < len(data) and len(out) < most:
        control = data[at]
        at += 1
        for bit in range(8):
            if at >= len(data):
                break
            if not control >> bit & 1:
                out.append(data[at])
                at += 1
                continue
            reference = int.from_bytes(data[at : at + 2], "big")
            at += 2
            back = (len(out) - (reference >> 4)) % _WINDOW
            if not back:
                return bytes(out[base:most])
            if back > len(out):
                return bytes(out[base:most])
            for _ in range((reference & 15) + 2):
                out.append(out[-back])
    return bytes(out[base:most])
