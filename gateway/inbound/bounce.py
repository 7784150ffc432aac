"""Delivery reports: RFC 3464, 6522 and 6533 read from their parts, other daemons' prose by guess; what a bounce does is decided elsewhere."""

from __future__ import annotations

import re

from core.mail import FailedRecipient, Report
from gateway.inbound.header import header_start, read_block
from gateway.inbound.identity import message_id
from gateway.inbound.structure import Part, Tree
from gateway.inbound.transfer import decode_octets
from gateway.inbound.words import decode, one_line

STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
RETURNED_TYPES = frozenset({"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"})
_OTHER_REPORTS = frozenset({"disposition-notification", "feedback-report"})
_DAEMONS = ("mailer-daemon", "mailerdaemon", "mail-daemon", "maildaemon", "postmaster", "mdaemon", "double-bounce", "mail delivery")
_SUBJECTS = re.compile(
    r"undeliver|deliver|delay|retried|returned|return to sender|failure|failed|bounce|rejected|warning: |mail system error|could not send|nicht zustell|unzustellbar"
    r"|non remis|non distribu|échec|echec|retour|remise|não entregue|no entregado|mancata consegna|配信|送信",
    re.IGNORECASE,
)
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_REPLY_LINE = re.compile(r"(?:^|[\s:<(\"'])([45]\d\d)[ -]")
_RETURNED_ID = re.compile(r"^[> \t]{0,10}Message-ID:[ \t]{0,10}(?:\r?\n[ \t]{1,10})?<([^<>\s]{1,998})>", re.IGNORECASE | re.MULTILINE)
_RETURNED_TO = re.compile(r"^[> \t]{0,10}To:[ \t]{0,10}([^\n]{1,300})", re.IGNORECASE | re.MULTILINE)
_RETURNED_START = re.compile(r"^[> \t]{0,4}(?:Received|Return-Path|Message-ID|From|Subject|MIME-Version):", re.IGNORECASE | re.MULTILINE)
_FINAL = re.compile(r"^[> \t]{0,10}(?:Final|Original)-Recipient:[ \t]{0,10}(?:rfc822[ \t]{0,5};)?[ \t]{0,10}<?([^\s<>]{1,320})>?", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255}")
_ESCAPED_CODE = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_TEMPORARY = ("delayed", "will be retried", "not yet been delivered", "warning message only", "still trying", "temporarily deferred")
_READ = 256_000
_TEXT = 64_000
_GROUPS = 1_000
_WORDS = 500


def read_report(raw: bytes, tree: Tree, fields: dict[str, str], text: str) -> Report | None:
    """The delivery report this mail is, or None. `fields` are the decoded first values of its header fields, names in lower case.

    Never raises; costs next to nothing for mail that is none.
    """
    leaves = list(tree.leaves()) if tree.root.children else [tree.root]
    statuses = [part for part in leaves if part.content_type in STATUS_TYPES]
    kind = tree.root.parameters.get("report-type", "").lower()
    if not statuses and (kind in _OTHER_REPORTS or not _looks_like_one(fields, kind, leaves)):
        return None
    recipients, envelope_id = _stated(raw, statuses)
    returned = _returned_fields(raw, leaves)
    text = text[:_TEXT]
    original = message_id(returned.get("message-id", "")) or _id_in_text(text)
    if not recipients:
        recipients = _guessed(raw, fields, returned, text)
    return Report(tuple(recipients[:_GROUPS]), original, envelope_id) if recipients or original or statuses else None


def _looks_like_one(fields: dict[str, str], report_type: str, leaves: list[Part]) -> bool:
    """Whether it is worth guessing: a daemon wrote it and its subject speaks of delivery, or a mail came back under the null sender."""
    if report_type == "delivery-status" or "x-failed-recipients" in fields:
        return True
    if "in-reply-to" in fields and "auto-replied" in fields.get("auto-submitted", "").lower():
        return False
    null_sender = fields.get("return-path", "-").strip() == "<>"
    if null_sender and any(part.content_type in RETURNED_TYPES for part in leaves):
        return True
    sender = fields.get("from", "").lower()
    daemon = null_sender or any(name in sender for name in _DAEMONS)
    return daemon and bool(_SUBJECTS.search(fields.get("subject", "")[:300]))


def _content(raw: bytes, part: Part) -> bytes:
    return decode_octets(raw[part.body : min(part.end, part.body + _READ)], part.encoding)


def _returned_fields(raw: bytes, leaves: list[Part]) -> dict[str, str]:
    """Message-ID and To of the returned mail or of its header."""
    for part in leaves:
        if part.content_type in RETURNED_TYPES:
            data = _content(raw, part)
            block = read_block(data, header_start(data), len(data), _READ, 1_000)
            return {name.lower(): decode(value[:4_000]) for name, value in reversed(block.fields) if name.lower() in ("message-id", "to")}
    return {}


def _id_in_text(text: str) -> str:
    found = _RETURNED_ID.search(text)
    return found.group(1) if found else ""


def _stated(raw: bytes, statuses: list[Part]) -> tuple[list[FailedRecipient], str]:
    """Recipients and Original-Envelope-Id of the delivery-status parts: groups of fields between empty lines (RFC 3464 section 2.1)."""
    recipients: list[FailedRecipient] = []
    envelope_id = ""
    for part in statuses[:10]:
        for group in _groups(_content(raw, part)):
            envelope_id = envelope_id or group.get("original-envelope-id", "")[:_WORDS]
            one = _recipient(group)
            recipients.extend([one] if one else [])
    return recipients, envelope_id


def _groups(data: bytes) -> list[dict[str, str]]:
    """One dict a group of fields, split also where a daemon forgot the empty line between two recipients."""
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


def _recipient(group: dict[str, str]) -> FailedRecipient | None:
    """The recipient of a group, by the address we had sent to where that is told (Original-Recipient)."""
    address = _typed_address(group.get("original-recipient", "")) or _typed_address(group.get("final-recipient", ""))
    if not address:
        return None
    diagnostic = group.get("diagnostic-code", "")
    words = diagnostic.partition(";")[2] or diagnostic or group.get("status", "")
    action = group.get("action", "failed").split(" ")[0].split(";")[0].lower()
    return FailedRecipient(address, action, _status(group.get("status", ""), diagnostic), _sentence(words))


def _status(stated: str, diagnostic: str) -> str:
    """The enhanced status, that of the server's words where the daemon states only a class (`5.0.0`)."""
    first, second = _STATUS.search(stated), _STATUS.search(diagnostic)
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


def _guessed(raw: bytes, fields: dict[str, str], returned: dict[str, str], text: str) -> list[FailedRecipient]:
    """Recipients out of a daemon's prose."""
    start = _RETURNED_START.search(text)
    prose = text[: start.start()] if start and start.start() > 20 else text
    lowered = prose[:4_000].lower()
    action = "delayed" if any(words in lowered for words in _TEMPORARY) else "failed"
    found = []
    for address in _failed_addresses(raw, fields, returned, prose, text):
        words = _server_words(_from_address(prose, address)) or _server_words(text) or _below(prose, address)
        status = _STATUS.search(words) or _STATUS.search(text)
        found.append(FailedRecipient(address, action, status.group(1) if status else "", words))
    return found


def _failed_addresses(raw: bytes, fields: dict[str, str], returned: dict[str, str], prose: str, text: str) -> list[str]:
    """Who did not get it: fields that say so, what flufl.bounce knows of daemons, the returned mail's To, else whom the prose names."""
    found = _ADDRESS.findall(fields.get("x-failed-recipients", "")[:4_000]) or [one for one in _FINAL.findall(text) if "@" in one]
    ours = {one.lower() for key in ("from", "to", "sender", "reply-to") for one in _ADDRESS.findall(fields.get(key, "")[:4_000])}
    if not found:
        known = [one for one in _known_daemons(raw) if one != _id_in_text(text)]
        found = [one for one in known if one.lower() not in ours] or known
    sent_to = _ADDRESS.findall(returned.get("to", "")[:1_000])
    if not found and len(sent_to) == 1:
        found = sent_to
    if not found:
        named = [one.rstrip(".") for one in _ADDRESS.findall(prose[:4_000])]
        found = [one for one in named if one.lower() not in ours and not one.lower().startswith(_DAEMONS)][:5]
    if not found:
        returned_to = _RETURNED_TO.search(text)
        found = _ADDRESS.findall(returned_to.group(1))[:1] if returned_to and _REPLY_LINE.search(text) else []
    return list(dict.fromkeys(found))[:50]


def _known_daemons(raw: bytes) -> list[str]:
    import logging  # here and below: only bounces pay for these imports
    from email import message_from_bytes

    from flufl.bounce import all_failures

    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)
    try:
        temporary, permanent = all_failures(message_from_bytes(raw[:_TEXT]))
    except Exception:  # its detectors raise IndexError and others on odd mail (libraries.md, section 2); what they miss is only missed
        return []
    found = sorted(permanent) + sorted(temporary)
    return [address for address in (decode(one) for one in found) if _ADDRESS.fullmatch(address)]


def _from_address(prose: str, address: str) -> str:
    """The prose from the first line that names the address."""
    at = prose.find(address)
    return prose[prose.rfind("\n", 0, at) + 1 :] if at >= 0 else ""


def _below(prose: str, address: str) -> str:
    """The line that names the address and the next one, where no server is quoted."""
    lines = [line.strip() for line in _from_address(prose, address)[:2_000].split("\n") if line.strip()]
    return _sentence(" ".join(lines[:2]))


def _server_words(text: str) -> str:
    """The line with the server's reply code, else with its status, and what it is continued by."""
    lines = text.split("\n", 500)[:500]
    for pattern in (_REPLY_LINE, _STATUS):
        for number, line in enumerate(lines):
            if pattern.search(line[:1_000]):
                following = lines[number + 1 : number + 3]
                more = [one.strip() for one in following if one[:1] in (" ", "\t") and one.strip()]
                return _sentence(" ".join([line, *more]))
    return ""


def _sentence(words: str) -> str:
    """A server's words on one line, single spaces, at most 500 characters."""
    return " ".join(one_line(words[:4_000]).split())[:_WORDS]
