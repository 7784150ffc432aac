"""A mail that waits in the queue of another system, read so that it can leave from here with the same bytes (A-OB-17); storing it is `store/outbox_imports.py`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses

from core.mail import Address, Importance
from core.outbox import Recipient
from core.recipients import MOST_RECIPIENTS, parse_address
from core.refusal import Refused
from core.wording import LINE, TEXT, clean_line, clean_text
from gateway.outbound.headers import clean_id

LARGEST = 100 * 2**20
"""Bytes of a mail that is looked at (C-CO-09)."""
LARGEST_HEAD = 2**18

_NEVER_LEAVES = frozenset({b"bcc", b"resent-bcc", b"return-path", b"delivered-to", b"x-original-to", b"x-uidl", b"status", b"x-status"})
"""Fields of a queue or a mailbox, and blind copies: no recipient sees them."""
_LINE_END = re.compile(rb"\r\n|\r|\n")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
_URGENT = re.compile(r"\s*(?:high|urgent|[12]\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Queued:
    """One mail as it will leave (CRLF, without blind copies) and what is known of it. `message_id` is '' where it has none that can be used."""

    bytes: bytes
    sender: Address
    recipients: tuple[Recipient, ...]
    message_id: str
    subject: str
    text: str
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    importance: Importance = Importance.NORMAL
    attachment_count: int = 0

    def with_id(self, message_id: str) -> Queued:
        """The mail under an id of ours, as its first field."""
        return Queued(
            b"Message-ID: <" + message_id.encode("ascii") + b">\r\n" + self.bytes,
            self.sender, self.recipients, message_id, self.subject, self.text, self.in_reply_to, self.references, self.importance, self.attachment_count,
        )  # fmt: skip


def read(raw: bytes) -> Queued:
    """The mail. Its recipients are those in To, Cc and Bcc. Raises Refused with a sentence for what is no mail, or one that could not leave."""
    if len(raw) > LARGEST:
        raise Refused(f"It has {len(raw)} bytes, more than the {LARGEST} that a mail may have.")
    if b"\0" in raw:
        raise Refused("It holds NUL bytes, which no mail may carry.")
    if raw.startswith((b"From ", b">From ")):  # the separator of an mbox
        raw = raw.partition(b"\n")[2]
    fields, body = _split(raw)
    usable_id = _single(fields, b"message-id")
    kept = [(name, field) for name, field in fields if name not in _NEVER_LEAVES and (usable_id or name != b"message-id")]
    head = message_from_bytes(b"".join(field for _, field in fields) + b"\r\n")
    content = b"".join(field for _, field in kept) + b"\r\n" + body
    text, files = _content(content)
    return Queued(
        bytes=content,
        sender=_sender(head),
        recipients=_recipients(head),
        message_id=usable_id,
        subject=clean_line(_decoded(str(head.get("subject", ""))), LINE),
        text=text,
        in_reply_to=next(iter(_ids(head, "in-reply-to")), ""),
        references=_ids(head, "references"),
        importance=Importance.HIGH if any(_URGENT.match(str(head.get(name, ""))) for name in ("importance", "x-priority", "priority")) else Importance.NORMAL,
        attachment_count=files,
    )


def _split(raw: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Fields by lower-case name, as they stand, and the body; every line ends with CRLF."""
    text = _LINE_END.sub(b"\r\n", raw)
    head, _, body = text.partition(b"\r\n\r\n")
    if len(head) > LARGEST_HEAD:
        raise Refused("Its header is too long to be one.")
    fields: list[tuple[bytes, bytes]] = []
    for line in head.removesuffix(b"\r\n").split(b"\r\n"):
        named = _FIELD.match(line)
        if named is not None:
            fields.append((named[1].lower(), line + b"\r\n"))
        elif fields and line[:1] in (b" ", b"\t"):
            fields[-1] = (fields[-1][0], fields[-1][1] + line + b"\r\n")
        else:
            raise Refused("It does not begin with header fields, so it is no mail.")
    return fields, body


def _single(fields: Sequence[tuple[bytes, bytes]], name: bytes) -> str:
    """The one Message-ID there is, if it can be used."""
    found = [field.partition(b":")[2].decode("ascii", "replace") for known, field in fields if known == name]
    return clean_id(found[0]) if len(found) == 1 else ""


def _sender(head: Message) -> Address:
    found = _addresses(head, "from")
    if len(found) != 1:
        raise Refused("It has no single sender in From.")
    return found[0]


def _recipients(head: Message) -> tuple[Recipient, ...]:
    found: dict[str, Recipient] = {}
    for role in ("to", "cc", "bcc"):
        for address in _addresses(head, role):
            found.setdefault(address.key, Recipient(address, role))
    if not found:
        raise Refused("It has nobody to go to in To, Cc or Bcc.")
    if len(found) > MOST_RECIPIENTS:
        raise Refused(f"It goes to {len(found)} addresses; a mail may have at most {MOST_RECIPIENTS} recipients.")
    return tuple(found.values())


def _addresses(head: Message, name: str) -> list[Address]:
    try:
        pairs = getaddresses([str(value) for value in head.get_all(name, [])])
    except RecursionError:  # comments within comments without end
        raise Refused(f"Its {name.capitalize()} is built so that it cannot be read.") from None
    return [Address(parse_address(address).address, clean_line(_decoded(display), 200)) for display, address in pairs if address or display]


def _ids(head: Message, name: str) -> tuple[str, ...]:
    return tuple(filter(None, map(clean_id, str(head.get(name, "")).split())))


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return value


def _content(raw: bytes) -> tuple[str, int]:
    """The first plain text, for the list, and how many files there are. What cannot be read is empty: the mail leaves as it is all the same."""
    try:
        parts = [part for part in message_from_bytes(raw).walk() if not part.is_multipart()]
        plain = next((part for part in parts if part.get_content_type() == "text/plain" and not part.get_filename()), None)
        data = plain.get_payload(decode=True) if plain is not None else b""
        charset = (plain.get_content_charset() if plain is not None else None) or "utf-8"
        files = sum(part.get_content_disposition() == "attachment" for part in parts)
    except (LookupError, ValueError, TypeError, RecursionError):
        return "", 0
    try:
        return clean_text(bytes(data).decode(charset, "replace") if isinstance(data, bytes) else "", TEXT), files
    except (LookupError, ValueError):
        return clean_text(bytes(data).decode("latin-1") if isinstance(data, bytes) else "", TEXT), files
