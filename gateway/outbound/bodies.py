"""Bodies of outgoing mail: text made clean, transfer encodings, parts and their boundaries; header fields are `headers.py`."""

from __future__ import annotations

import re
from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

from gateway.outbound.headers import id_field, parameter

_NOT_IN_BODY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n?|[\u2028\u2029\x85]")
_LONG_LINE = re.compile(r"[^\n]{901}")
_BLOCKS = frozenset("p div br tr li h1 h2 h3 h4 h5 h6 blockquote pre table ul ol hr".split())
_TYPE = re.compile(r"[A-Za-z0-9.+-]{1,60}/[A-Za-z0-9.+_-]{1,100}")
_BYTES = "application/octet-stream"
_ANY_LINE_END = re.compile(rb"\r\n|\r|\n")
_NOT_SEVEN_BIT = re.compile(rb"[\x00\x80-\xff]|[^\r\n]{999}")
_BASE64_LINE = 76
_HEADER_ROOM = 8_000
"""For the header, with up to forty ids in References, and what stands around the parts."""
_ROOM_EACH = 400
"""For a recipient: an address and an encoded name."""
_PART_ROOM = 2_200
"""For the header of a file: its name stands there twice, in RFC 2231 three bytes for one."""
_SILENT = frozenset(("script", "style", "title", "head"))


@dataclass(frozen=True, slots=True)
class File:
    """Something attached: decoded bytes and what they are called."""

    name: str
    content_type: str
    content: bytes
    inline_id: str = ""
    """Not empty: an image that the HTML names `cid:` so; what is named nowhere is an attachment like others."""


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


def body(mail_id: str, text: str, html: str, files: Sequence[File]) -> bytes:
    """The whole body with its own header fields: mixed(related(alternative(text, HTML), images), files), each level only where it is needed.

    Boundaries come from the mail's id, so that they are always the same. `text` and `html` are clean.
    """
    shown = tuple(one for one in files if html and one.inline_id and f"cid:{one.inline_id}" in html)
    others = tuple(one for one in files if one not in shown)
    made = text_part(text)
    if html:
        made = multipart("alternative", f"=_a.{mail_id}", (made, text_part(html, "html")))
    if shown:
        made = multipart("related", f"=_r.{mail_id}", (made, *(file_part(one, inline=True) for one in shown)), kind="multipart/alternative")
    return multipart("mixed", f"=_m.{mail_id}", (made, *map(file_part, others))) if others else made


def file_part(file: File, *, inline: bool = False) -> bytes:
    """A file as a part: in base64, or as it is where it is a mail that may be handed on so; `inline` for an image that the HTML shows."""
    kind = file.content_type if _TYPE.fullmatch(file.content_type) else _BYTES
    mail = _seven_bit(file.content) if kind == "message/rfc822" else None
    if mail is None and kind.startswith(("multipart/", "message/")):  # these may not be base64 (RFC 2045 section 6.4)
        kind = _BYTES
    known_by = id_field("Content-ID", (file.inline_id,)) if inline else ""
    head = f"Content-Type: {kind}{parameter('name', file.name)}\r\n"
    head += f"Content-Disposition: {'inline' if known_by else 'attachment'}{parameter('filename', file.name)}\r\n"
    head += f"{known_by}\r\n" if known_by else ""
    if mail is not None:
        return head.encode("ascii") + b"Content-Transfer-Encoding: 7bit\r\n\r\n" + mail
    return head.encode("ascii") + b"Content-Transfer-Encoding: base64\r\n\r\n" + _base64(file.content)


def estimated_size(text: str, html: str, sizes: Sequence[int], *, recipients: int = 1) -> int:
    """Bytes of a mail before it is sealed, never fewer than it will have: the bodies as they are encoded, files grown by base64, room for the header."""
    bodies = len(text_part(clean_text(text))) + (len(text_part(clean_text(html), "html")) if html else 0)
    return _HEADER_ROOM + recipients * _ROOM_EACH + bodies + sum(_PART_ROOM + encoded_size(size) for size in sizes)


def encoded_size(size: int) -> int:
    """Bytes of base64 with its line ends."""
    letters = (size + 2) // 3 * 4
    return letters + 2 * -(-letters // _BASE64_LINE)


def multipart(subtype: str, boundary: str, parts: Sequence[bytes], *, kind: str = "") -> bytes:
    """Several parts in one; the boundary is made longer until no part contains it. `kind` is the type of the first (RFC 2387)."""
    while any(boundary.encode("ascii") in part for part in parts):
        boundary += "="
    mark = f"--{boundary}".encode("ascii")
    more = f'\r\n type="{kind}";' if kind else ""
    head = f'Content-Type: multipart/{subtype};{more}\r\n boundary="{boundary}"\r\n\r\n'.encode("ascii")
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


def _seven_bit(content: bytes) -> bytes | None:
    """A mail that can stand in another without being encoded, which no encoding but 7bit leaves whole everywhere (RFC 2046 section 5.2.1); else None."""
    mail = _ANY_LINE_END.sub(b"\r\n", content)
    return mail if mail and _NOT_SEVEN_BIT.search(mail) is None else None


def _part(content_type: str, encoding: str, body: bytes) -> bytes:
    return f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode("ascii") + body


def _base64(data: bytes) -> bytes:
    return encodebytes(data).replace(b"\n", b"\r\n")
