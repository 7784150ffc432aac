"""Delivery reports: RFC 3464, 6522 and 6533 read from their parts, with prose (`bounce_text.py`) behind them; what a bounce does is decided elsewhere."""

from __future__ import annotations

import re

from core.mail import FailedRecipient, Report
from gateway.inbound.bounce_reason import judge
from gateway.inbound.bounce_text import ADDRESS, REPLY, STATUS, Prose, coded, known_daemons, sentence
from gateway.inbound.budget import DEFAULT
from gateway.inbound.feedback import is_feedback
from gateway.inbound.header import read_block
from gateway.inbound.identity import message_id
from gateway.inbound.returned import RETURNED_FIELDS, RETURNED_ID, RETURNED_TYPES, content, returned_fields, returned_id
from gateway.inbound.structure import Part, Tree, scan
from gateway.inbound.words import decode, one_line

STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_DAEMONS = ("mailer-daemon", "mailerdaemon", "mail-daemon", "maildaemon", "postmaster", "post_master", "mdaemon", "double-bounce", "mail delivery")
_UNREAD = ("no-reply@", "noreply@", "do-not-reply@", "donotreply@", "bounce@", "bounces@")
_SUBJECTS = re.compile(
    r"undeliver|deliver|delay|retried|returned|return to sender|failure|failed|bounce|rejected|warning: |mail system error|error sending"
    r"|errors from|could not send|not sent|nicht zustell|unzustellbar|zustellung|non remis|non distribu|échec|echec|retour|remise"
    r"|não entregue|no entregado|no se puede entregar|mancata consegna|niet bezorgd|onbestelbaar|配信|送信|エラー|送達",
    re.IGNORECASE,
)
_SAID = (
    "could not be delivered", "couldn't be delivered", "cannot be delivered", "was not delivered", "wasn't delivered", "delivery has failed",
    "trouble delivering", "permanent fatal errors", "unable to deliver", "wasn't able to deliver", "not able to deliver", "invalid user address",
    "did not reach the following", "error message below", "undeliverable", "送信できませんでした",
    "has been returned because", "was automatically rejected", "delivery failed", "n'a pas pu être remis", "konnte nicht zugestellt werden", "non remis",
)
"""What daemons write in prose; asked only where the sender's address or the beginning of the subject is a daemon's."""
_OPENINGS = re.compile(
    r"undeliver|non-delivery|delivery (?:failure|failed|notification|status|report|problem|has failed|unsuccessful)|mail delivery|returned mail|failure notice"
    r"|(?:mail|message) (?:could not|couldn't|cannot) be delivered|returned to sender|unzustellbar|échec de la remise",
    re.IGNORECASE,
)
"""How programs begin the subject of a report; people who answer or forward one have a prefix before it."""
_RETURNED_TO = re.compile(r"^[> \t]{0,10}To:[ \t]{0,10}([^\n]{1,300})", re.IGNORECASE | re.MULTILINE)
_ENVELOPE_ID = re.compile(r"^[> \t]{0,10}Original-Envelope-Id[ \t]{0,5}:[ \t]{0,10}([^\s]{1,200})", re.IGNORECASE | re.MULTILINE)
_FINAL = re.compile(r"^[> \t]{0,10}(?:Final|Original)-Recipient[ \t]{0,5}:[ \t]{0,10}(?:rfc822[ \t]{0,5};)?[ \t]{0,10}<?([^\s<>]{1,320})>?", re.IGNORECASE | re.MULTILINE)
_EMPTY_LINE = re.compile(r"\n[ \t]{0,20}\n")
_ESCAPED_CODE = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_READ = 256_000
_TEXT = 64_000
_GROUPS = 1_000
_TOLD = 100
"""Recipients of one report that the prose is asked about."""
NO_PROSE = Prose("")
_WORDS = 500
_PARTS = 50


def read_report(raw: bytes, tree: Tree, fields: dict[str, str], text: str) -> Report | None:
    """The report this mail is, or None. `fields` are the decoded first values of its header fields, names in lower case.

    Never raises; costs next to nothing for mail that is none.
    """
    leaves = list(tree.leaves()) if tree.root.children else [tree.root]
    statuses = [part for part in leaves if part.content_type in STATUS_TYPES]
    if not statuses and (is_feedback(tree) or not _looks_like_one(fields, tree, leaves, text)):
        return None
    return _read(raw, leaves, statuses, fields, text[:_TEXT])


def _read(raw: bytes, leaves: list[Part], statuses: list[Part], fields: dict[str, str], text: str) -> Report | None:
    groups = [group for part in statuses[:10] for group in _groups(content(raw, part))][:_GROUPS] or _groups_told(text)
    prose = Prose(text)
    subject = fields.get("subject", "")[:300]
    recipients = [one for number, group in enumerate(groups) for one in _recipients(group, prose if number < _TOLD else NO_PROSE, subject)]
    original = returned_id(raw, leaves, text) or next((message_id(group["message-id"]) for group in groups if group.keys() >= RETURNED_FIELDS), "")
    envelope_id = next((found for group in groups if (found := group.get("original-envelope-id", "")[:_WORDS])), "") or _envelope_id(text)
    if not recipients and not statuses and (nested := _wrapped(raw, leaves, fields)) is not None:
        return nested
    if not recipients:
        recipients = _guessed(raw, fields, returned_fields(raw, leaves), prose, text)
    return Report(tuple(recipients[:_GROUPS]), original, envelope_id) if recipients or original or statuses else None


def _wrapped(raw: bytes, leaves: list[Part], fields: dict[str, str]) -> Report | None:
    """The report that a gateway hands on as an attached mail of its own."""
    for part in leaves[:_PARTS]:
        if part.content_type == "message/rfc822" and not part.children:
            inner = content(raw, part)
            tree = scan(inner, DEFAULT)
            if tree.root.parameters.get("report-type", "").lower() != "delivery-status":
                continue
            parts = list(tree.leaves())
            statuses = [one for one in parts if one.content_type in STATUS_TYPES]
            texts = [content(inner, one) for one in parts[:_PARTS] if one.content_type == "text/plain"]
            if statuses:
                return _read(inner, parts, statuses, {"subject": fields.get("subject", "")}, decode(b"\n".join(texts)[:_TEXT]))
    return None


def _looks_like_one(fields: dict[str, str], tree: Tree, leaves: list[Part], text: str) -> bool:
    """Whether it is worth guessing: a daemon wrote it and speaks of delivery, or a mail came back under the null sender."""
    if tree.root.parameters.get("report-type", "").lower() == "delivery-status" or "x-failed-recipients" in fields:
        return True
    sender, subject = fields.get("from", "").lower(), fields.get("subject", "")[:300]
    if "in-reply-to" in fields and "auto-replied" in fields.get("auto-submitted", "").lower() and "mailer-daemon@" not in sender:
        return False
    null_sender = fields.get("return-path", "-").strip().lower().startswith(("<>", "<mailer-daemon"))
    returned = any(part.content_type in RETURNED_TYPES for part in leaves)
    daemon = any(name in sender for name in _DAEMONS)
    if returned and (null_sender or "mailer-daemon@" in sender):
        return True
    said = (daemon or _OPENINGS.match(subject) is not None) and any(words in text[:4_000].lower() for words in _SAID)
    sent_by_program = daemon or null_sender or (returned and any(name in sender for name in _UNREAD))
    return said or (sent_by_program and _SUBJECTS.search(subject) is not None)


# ---------------------------------------------------------------- the standard's form


def _envelope_id(text: str) -> str:
    found = _ENVELOPE_ID.search(text)
    return found.group(1) if found else ""


def _groups(data: bytes) -> list[dict[str, str]]:
    """Groups of fields between empty lines (RFC 3464 section 2.1), one dict each; split also where a daemon forgot the empty line between two recipients."""
    groups: list[dict[str, str]] = []
    position = 0
    while position < len(data) and len(groups) < _GROUPS:
        block = read_block(data, position, len(data), _READ, 1_000)
        groups.append({})
        for name, value in block.fields:
            key = name.lower()
            if key == "final-recipient" and key in groups[-1]:
                groups.append({})
            groups[-1].setdefault(key, decode(value[:4_000]))
        if block.body <= position:
            break
        position = block.body
    return groups


def _recipients(group: dict[str, str], prose: Prose, subject: str) -> list[FailedRecipient]:
    """The recipient of a group: as we had addressed it, and as it was last addressed where an alias or a forward changed that."""
    addresses = list(dict.fromkeys(filter(None, (_typed_address(group.get(name, "")) for name in ("original-recipient", "final-recipient")))))
    if not addresses:
        return []
    diagnostic = group.get("diagnostic-code", "")
    said = sentence(diagnostic.partition(";")[2] or diagnostic)
    told = max((prose.told_of(address) for address in addresses), key=lambda one: (bool(one.around), len(one.words)))
    words = said or told.words or group.get("status", "")[:_WORDS]
    action = group.get("action", "failed").split(" ")[0].split(";")[0].lower() or "failed"
    status = _status(group.get("status", ""), diagnostic or words)
    hard, reason = judge(action, status, words, f"{told.around}\n{subject}", local=diagnostic.lower().startswith("x-unix"))
    asked = addresses[0]
    return [
        FailedRecipient(address, action, status, words, hard, reason, handed_on_from=asked if address != asked else "") for address in _distinct(addresses)
    ]


def _distinct(addresses: list[str]) -> list[str]:
    return list({one.lower(): one for one in reversed(addresses)}.values())[::-1]


def _status(stated: str, diagnostic: str) -> str:
    """The enhanced status, that of the server's words where the daemon states only a class (`5.0.0`)."""
    first, second = STATUS.search(stated), STATUS.search(diagnostic)
    if second and (not first or first.group(1).endswith(".0.0")):
        return second.group(1)
    return first.group(1) if first else ""


def _typed_address(value: str) -> str:
    """`rfc822; user@x` and `utf-8; us\\x{E9}r@x` (RFC 6533 section 3) as an address; '' for other types of address."""
    kind, semicolon, address = value.partition(";")
    if not semicolon:
        kind, address = "rfc822", value
    if kind.strip().lower() not in ("rfc822", "rfc/822", "utf-8", "unknown", "smtp", "local"):
        return ""
    address = address.strip().strip("<>").strip()
    if kind.strip().lower() == "utf-8" and "\\x{" in address:
        address = one_line(_ESCAPED_CODE.sub(_code_point, address))
    return address[:320] if "@" in address and " " not in address else ""


def _code_point(found: re.Match[str]) -> str:
    code = int(found.group(1), 16)
    return chr(code) if code < 0xD800 or 0xDFFF < code < 0x110000 else "\ufffd"


def _groups_told(text: str) -> list[dict[str, str]]:
    """The groups that stand in the text, where a boundary is broken or a gateway made text of them."""
    if _FINAL.search(text) is None:
        return []
    paragraphs = [one for one in _EMPTY_LINE.split(text, _GROUPS) if _FINAL.search(one)]
    return [group for one in paragraphs for group in _groups(one.strip("\n").encode("utf-8", "replace"))][:_GROUPS]


# ---------------------------------------------------------------- prose


def _guessed(raw: bytes, fields: dict[str, str], returned: dict[str, str], prose: Prose, text: str) -> list[FailedRecipient]:
    """Recipients out of a daemon's prose."""
    action = prose.action
    subject = fields.get("subject", "")[:300]
    found = []
    addresses = _failed_addresses(raw, fields, returned, prose, text)
    several = len(addresses) > 1
    for address in addresses:
        told = prose.told_of(address)
        words = told.words or coded(text.split("\n", 500)[:500])
        told_codes = (STATUS.search(said) for said in (words, told.around, prose.text[:8_000]))
        stated = next((code.group(1) for code in told_codes if code is not None and code.group(1)[0] != "2"), "")
        hard, reason = judge(action, stated, words, f"{told.around}\n{subject}\n{prose.text[:2_000]}", block=told.around if several else None)
        found.append(FailedRecipient(address, action, stated, words, hard, reason))
    return found


def _failed_addresses(raw: bytes, fields: dict[str, str], returned: dict[str, str], prose: Prose, text: str) -> list[str]:
    """Who did not get it: fields that say so, the daemon's list, what flufl.bounce knows of daemons, the returned mail's To, else whom the prose names."""
    found = ADDRESS.findall(fields.get("x-failed-recipients", "")[:4_000]) or [one for one in _FINAL.findall(text) if "@" in one]
    ours = {one.lower() for key in ("from", "to", "sender", "reply-to") for one in ADDRESS.findall(fields.get(key, "")[:4_000])}
    if not found:
        found = [one.address for one in prose.listed if one.address.lower() not in ours]
    if not found:
        id_ = RETURNED_ID.search(text)
        known = [one for one in known_daemons(raw) if id_ is None or one != id_.group(1)]
        found = [one for one in known if one.lower() not in ours] or known
    sent_to = ADDRESS.findall(returned.get("to", "")[:1_000])
    if not found and len(sent_to) == 1:
        found = sent_to
    if not found:
        named = [one.strip("'").rstrip(".") for one in ADDRESS.findall(prose.text[:4_000])]
        found = [one for one in named if one.lower() not in ours and not one.lower().startswith(_DAEMONS)][:5]
    if not found:
        returned_to = _RETURNED_TO.search(text)
        found = ADDRESS.findall(returned_to.group(1))[:1] if returned_to and (REPLY.search(text) or (prose.returns and RETURNED_ID.search(text))) else []
    return _distinct(found)[:50]
