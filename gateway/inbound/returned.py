"""The mail that a report returns, or its header: which part it is, and its Message-ID; what the report says of it is read beside this."""

from __future__ import annotations

import re

from gateway.inbound.header import header_start, read_block
from gateway.inbound.identity import message_id
from gateway.inbound.structure import Part
from gateway.inbound.transfer import decode_octets
from gateway.inbound.words import decode

RETURNED_TYPES = frozenset({"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers", "message/rfc822-headers", "message/partial"})
RETURNED_FIELDS = frozenset({"message-id", "to", "subject", "from"})
RETURNED_ID = re.compile(r"^[> \t]{0,10}Message-ID:[ \t]{0,10}(?:\r?\n[ \t]{1,10})?<([^<>\s]{1,998})>", re.IGNORECASE | re.MULTILINE)
_READ = 256_000
_PARTS = 50


def content(raw: bytes, part: Part) -> bytes:
    """The decoded beginning of a part."""
    return decode_octets(raw[part.body : min(part.end, part.body + _READ)], part.encoding)


def returned_id(raw: bytes, leaves: list[Part], text: str) -> str:
    """The Message-ID of the returned mail: of its part, else of a header in a text part, else in the daemon's text."""
    found = RETURNED_ID.search(text)
    return message_id(returned_fields(raw, leaves).get("message-id", "")) or (found.group(1) if found else "")


def returned_fields(raw: bytes, leaves: list[Part]) -> dict[str, str]:
    """Message-ID and To of the returned mail or of its header; daemons send that as plain text, too."""
    for part in leaves[:_PARTS]:
        if part.content_type in RETURNED_TYPES:
            return _header_of(content(raw, part))
    for part in leaves[1:_PARTS]:
        if part.content_type in ("text/plain", "application/octet-stream"):
            for found in (_header_of(content(raw, part)), _header_of(raw[part.start : part.body][:_READ])):  # some put it where the header of the part should be
                if found.keys() >= RETURNED_FIELDS:
                    return found
    return {}


def _header_of(content: bytes) -> dict[str, str]:
    block = read_block(content, header_start(content), len(content), _READ, 1_000)
    return {name.lower(): decode(value[:4_000]) for name, value in reversed(block.fields) if name.lower() in RETURNED_FIELDS}
