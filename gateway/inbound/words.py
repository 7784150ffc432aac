"""Text of header fields: raw 8-bit, folding and encoded words (RFC 2047) into one clean line; the grammar of fields is elsewhere."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from gateway.inbound.charset import WIDE, clean, codec_named, decode_text

_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_CONTROL_OCTETS = re.compile(rb"[\x00-\x1a\x1c-\x1f\x7f]+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_WORD = re.compile(r"=\?([^?\s]*)\?([bBqQ])\?([^?]*)\?=")
_SPECIAL = re.compile(r'[(),:;<>@\[\]\\"]')
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]+")
_WHOLE_ENDS = {2: "AQgw", 3: "AEIMQUYcgkosw048"}
"""Last letters a base64 group of 2 or 3 letters can end with when it is whole and only its padding is missing."""
_Run = tuple[str, str, list[str]]


def one_line(text: str) -> str:
    """Without controls: each run of them, line ends too, becomes one space (no header can be injected); ends are stripped."""
    if not text.isprintable():
        plain = text.replace("\t", " ") if "\t\t" not in text else text  # lines folded with a tab: nearly all there is
        text = plain if plain.isprintable() else _CONTROL.sub(" ", text)
    return text.strip()


def raw_text(raw: bytes) -> str:
    """A header field's value as text, unfolded, encoded words still encoded. Raw 8-bit is UTF-8 or else Windows-1252 (RFC 6532)."""
    if b"\n" in raw:
        raw = _unfolded(raw)
    if raw.isascii() and b"\x1b" not in raw:
        return one_line(raw.decode("ascii"))
    return one_line(_decoded(raw, ""))


def _unfolded(raw: bytes) -> bytes:
    """Without the line ends that white space follows; where it follows all of them, without any."""
    if raw.count(b"\n") == raw.count(b"\n ") + raw.count(b"\n\t"):
        return raw.replace(b"\r\n", b"").replace(b"\n", b"")
    return _FOLD.sub(b"", raw)


def _decoded(data: bytes, charset: str) -> str:
    """The text with each run of controls as one space; those of an encoded word would else join what they part."""
    if codec_named(charset) not in WIDE:
        data = _CONTROL_OCTETS.sub(b" ", data)
    return clean(decode_text(data, charset)[0])


def decode_words(text: str) -> str:
    """The text with its encoded words decoded; neighbours of one charset are joined first, for characters are split between them."""
    if "=?" not in text:
        return text
    pieces: list[str] = []
    for piece in _runs(text):
        pieces.append(piece if isinstance(piece, str) else _decode_run(piece))
    return one_line("".join(pieces))


def guarded(text: str) -> str:
    """The text with what would part an address list (`,` `@` `:` …) encoded inside its Q words, where it is forbidden but found."""
    if "=?" not in text:
        return text
    return _WORD.sub(lambda word: _SPECIAL.sub(lambda one: f"={ord(one.group()):02X}", word.group()) if word.group(2) in "qQ" else word.group(), text)


def decode(raw: bytes) -> str:
    """A header field's value, decoded, on one line."""
    return decode_words(raw_text(raw))


def _runs(text: str) -> Iterator[str | _Run]:
    """Plain text and runs of encoded words alike in charset and encoding; white space between encoded words is dropped."""
    run: _Run | None = None
    end = 0
    for found in _WORD.finditer(text):
        between = text[end : found.start()]
        charset, encoding = found.group(1).partition("*")[0].lower(), found.group(2).lower()
        if run is not None and (between.strip() or run[:2] != (charset, encoding)):
            yield run
            run = None
        if between.strip() or (between and not end):
            yield between
        if run is None:
            run = (charset, encoding, [])
        run[2].append(found.group(3))
        end = found.end()
    if run is not None:
        yield run
    yield text[end:]


def _decode_run(run: _Run) -> str:
    charset, encoding, payloads = run
    data = _base64(payloads) if encoding == "b" else b"".join(_quoted(payload, charset) for payload in payloads)
    return _decoded(data, charset)


def _quoted(payload: str, charset: str) -> bytes:
    """Octets of a Q word; raw 8-bit letters in it, which are forbidden but found, go back to the charset the word names."""
    try:
        octets = payload.encode("ascii" if payload.isascii() else codec_named(charset) or "utf-8")
    except (UnicodeError, LookupError):
        octets = payload.encode("utf-8", "replace")
    return binascii.a2b_qp(octets, header=True)


def _base64(payloads: list[str]) -> bytes:
    """Lenient: wrong characters dropped, missing padding supplied, a group split between two words joined."""
    data = bytearray()
    pending = ""
    for payload in payloads:
        pending += _NOT_BASE64.sub("", payload)
        if len(pending) % 4 == 0 or "=" in payload or pending[-1] in _WHOLE_ENDS.get(len(pending) % 4, ""):
            data += _groups(pending)
            pending = ""
    return bytes(data + _groups(pending))


def _groups(letters: str) -> bytes:
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return binascii.a2b_base64(letters + "=" * (-len(letters) % 4))
