"""Reports that are no failures: complaints (ARF, RFC 5965 and 6650) and read receipts (MDN, RFC 8098 and 3503); delivery reports are `bounce.py`."""

from __future__ import annotations

import re

from core.mail import Feedback, address_key
from gateway.inbound.header import read_block
from gateway.inbound.identity import message_id
from gateway.inbound.returned import returned_id
from gateway.inbound.structure import Part, Tree
from gateway.inbound.transfer import decode_octets
from gateway.inbound.words import decode

FEEDBACK_REPORTS = {"feedback-report": "message/feedback-report", "disposition-notification": "message/disposition-notification"}
"""`report-type` → content type of the part that the programs read."""
_DISPOSITION_TYPES = frozenset({"message/disposition-notification", "message/global-disposition-notification"})
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255}")
_READ = 64_000
_MOST = 20
_PARTS = 50
_WORD = 60


def is_feedback(tree: Tree) -> bool:
    """Whether a mail is such a report by its form; what only holds one is somebody's mail."""
    return tree.root.parameters.get("report-type", "").lower() in FEEDBACK_REPORTS


def read_feedback(raw: bytes, tree: Tree, text: str) -> Feedback | None:
    """The complaint or the receipt, None for other mail and where the part with its fields is missing. Never raises."""
    if not is_feedback(tree):
        return None
    leaves = list(tree.leaves())[:_PARTS]
    for part in leaves:
        if part.content_type == "message/feedback-report":
            return _complaint(_fields(raw, part), returned_id(raw, leaves, text))
        if part.content_type in _DISPOSITION_TYPES:
            return _receipt(_fields(raw, part), returned_id(raw, leaves, text))
    return None


def _fields(raw: bytes, part: Part) -> list[tuple[str, str]]:
    data = decode_octets(raw[part.body : min(part.end, part.body + _READ)], part.encoding).lstrip(b"\r\n")
    block = read_block(data, 0, len(data), _READ, 500)
    return [(name.lower(), decode(value[:4_000])) for name, value in block.fields]


def _complaint(fields: list[tuple[str, str]], original: str) -> Feedback:
    """Feedback-Type and the addresses the mail had gone to (RFC 5965 section 3.2); servers blank them out as they like."""
    kind = next((value.strip().lower()[:_WORD] for name, value in fields if name == "feedback-type"), "") or "abuse"
    about = [one for name, value in fields if name in ("original-rcpt-to", "removal-recipient") for one in _ADDRESS.findall(value)]
    return Feedback(original, complaint=kind, about=_once(about))


def _receipt(fields: list[tuple[str, str]], original: str) -> Feedback:
    """What was done with the mail: `displayed`, `deleted`, `dispatched`, `processed`, `denied`, `failed` (RFC 8098 section 3.2.6)."""
    values = dict(reversed(fields))
    done = values.get("disposition", "").partition(";")[2].partition("/")[0].strip().lower()[:_WORD] or "displayed"
    about = _ADDRESS.findall(values.get("original-recipient", "")) or _ADDRESS.findall(values.get("final-recipient", ""))
    return Feedback(message_id(values.get("original-message-id", "")) or original, disposition=done, about=_once(about))


def _once(addresses: list[str]) -> tuple[str, ...]:
    return tuple({address_key(one): one for one in addresses[:_MOST]}.values())
