"""Bodies of outgoing mail: text made clean, transfer encodings, parts and their boundaries; header fields are `headers.py`."""

from __future__ import annotations

import re
from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

from gateway.outbound.headers import parameter

_NOT_IN_BODY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n?|[\u2028\u2029\x85]")
_LONG_LINE = re.compile(r"[^\n]{901}")
_BLOCKS = frozenset("p div br tr li h1 h2 h3 h4 h5 h6 blockquote pre table ul ol hr".split())
_SILENT = frozenset(("script", "style", "title", "head"))


@dataclass(frozen=True, slots=True)
class File:
    """Something attached: decoded bytes and what they are called."""

    name: str
    content_type: str
    content: bytes
    inline_id: str = ""
    """Not empty: an image that the HTML names `cid:` so."""


def clean_text(text: str) -> str:
    r"""The text with `\n` line ends, without controls other than tab and without lone surrogates."""
    if "\r" in text or not text.isascii():
        text = _LINE_END.sub("\n", text)
    return _NOT_IN_BODY.sub("", text)


def text_part(text: str, subtype: str = "plain") -> bytes:
    """A text part in UTF-8 with its header fields: 7bit where it can be, else the shorter of quoted-printable and base64.

    `text` is clean (see `clean_text`). Every line ends with CRLF and is shorter than 998 bytes.
    """
    if not text.endswith("\n"):
        text += "\n"
    if text.isascii() and not _LONG_LINE.search(text):
        return _part(f"text/{subtype}; charset=utf-8", "7bit", text.replace("\n", "\r\n").encode("ascii"))
    data = text.replace("\n", "\r\n").encode("utf-8", "replace")
    if len(data) - len(text) > len(text) // 2:
        return _part(f"text/{subtype}; charset=utf-8", "base64", _base64(data))
    quoted = b2a_qp(data, quotetabs=False, istext=True, header=False)
    return _part(f"text/{subtype}; charset=utf-8", "quoted-printable", quoted)


def file_part(file: File) -> bytes:
    """An attachment, in base64."""
    kind = file.content_type if re.fullmatch(r"[A-Za-z0-9.+-]{1,60}/[A-Za-z0-9.+_-]{1,100}", file.content_type) else "application/octet-stream"
    if kind.startswith(("multipart/", "message/")):  # these may not be base64 (RFC 2045 section 6.4)
        kind = "application/octet-stream"
    head = f"Content-Type: {kind}{parameter('name', file.name)}\r\nContent-Disposition: attachment{parameter('filename', file.name)}\r\n"
    return head.encode("ascii") + b"Content-Transfer-Encoding: base64\r\n\r\n" + _base64(file.content)


def multipart(subtype: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    """Several parts in one; the boundary is made longer until no part contains it."""
    while any(boundary.encode("ascii") in part for part in parts):
        boundary += "="
    mark = f"--{boundary}".encode("ascii")
    head = f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n\r\n'.encode("ascii")
    return head + b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"


def text_of_html(html: str) -> str:
    """What an HTML body says, as plain text, for mails that were given no text of their own (a text part always, contract section 6)."""
    reader = _Words()
    reader.feed(html[:1_000_000])
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.words).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Words(HTMLParser):
    """Collects the text of HTML; blocks end lines, scripts and styles are silent."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT
        if tag in _BLOCKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in _SILENT))
        if tag in _BLOCKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data.replace("\n", " "))


def _part(content_type: str, encoding: str, body: bytes) -> bytes:
    return f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode("ascii") + body


def _base64(data: bytes) -> bytes:
    return encodebytes(data).replace(b"\n", b"\r\n")
