"""What kind of mail it is: ours, a loop, a report, automatic, from a list, or written by somebody; the tables it goes by are in `signs.py`."""

from __future__ import annotations

from core.mail import Envelope, Mail
from core.setup import BlockEffect, Connector, Setup
from core.verdict import Classification, Kind, Weight
from gateway.routing.facts import Facts
from gateway.routing.patterns import fold, matches_address
from gateway.routing.signs import ANY, BY_HEADER, FOLDED_ABSENCE, FOLDED_PHRASES, NO, REPORTS, is_daemon

MAX_HOPS = 50
"""Received fields of a mail that goes in circles; Postfix gives up at the same number (hopcount_limit)."""

ENVELOPE_DOORS = frozenset({"smtp", "lmtp"})
"""Doors whose empty sender is the null sender of RFC 5321; elsewhere it may only be unknown, and the Return-Path field tells."""

WEIGHTS: dict[Kind, Weight] = {
    Kind.OWN: Weight.COUNTS,
    Kind.LOOP: Weight.NEVER,
    Kind.BOUNCE: Weight.NEVER,
    Kind.FEEDBACK_REPORT: Weight.NEVER,
    Kind.READ_RECEIPT: Weight.NEVER,
    Kind.OUT_OF_OFFICE: Weight.NEVER,
    Kind.AUTO_REPLY: Weight.NEVER,
    Kind.LIST: Weight.IF_PARTICIPANT,
    Kind.AUTO_GENERATED: Weight.IF_PARTICIPANT,
    Kind.ORDINARY: Weight.COUNTS,
}
"""decisions.md 2."""

_AUTOMATIC = frozenset({Kind.OUT_OF_OFFICE, Kind.AUTO_REPLY, Kind.LIST, Kind.AUTO_GENERATED})
_RANK = {kind: rank for rank, kind in enumerate(Kind)}


def is_null_sender(mail: Mail, envelope: Envelope) -> bool:
    """Whether the mail has the empty return path of reports and replies by programs."""
    if envelope.sender:
        return envelope.sender.strip() in ("<>", "<<>>")
    if envelope.door in ENVELOPE_DOORS:
        return True
    return mail.header("Return-Path").replace(" ", "") in ("<>", "<<>>")


def classify(mail: Mail, facts: Facts) -> Classification:
    """Kind, weight and whether automatic mail may be sent in return, each with its reasons."""
    kinds, reasons = _signs(mail)
    if facts.null_sender:
        kinds.append(Kind.AUTO_GENERATED)
        reasons.append("the return path is empty")
    for kind, reason in (_own(facts), _loop(mail, facts), _report(mail)):
        if kind is not None:
            kinds.append(kind)
            reasons.append(reason)
    kind = min(kinds, key=_RANK.__getitem__, default=Kind.ORDINARY)
    kind, weight, spoken = _absence(mail, kind)
    reasons.extend(spoken)
    quiet = _no_answer(facts)
    reasons.extend(quiet)
    return Classification(kind, weight, may_answer=not kinds and not quiet and kind is Kind.ORDINARY, reasons=tuple(reasons))


def _signs(mail: Mail) -> tuple[list[Kind], list[str]]:
    kinds: list[Kind] = []
    reasons: list[str] = []
    for name, value in mail.headers:
        signs = BY_HEADER.get(name.lower())
        if not signs:
            continue
        words = value[:500].lower().replace(",", " ").replace(";", " ").split()
        for sign in signs:
            if _says(words, sign.values):
                kinds.append(sign.kind)
                reasons.append(f"{sign.header}: {value[:80]}")
                break
    return kinds, reasons


def _says(words: list[str], values: tuple[str, ...]) -> bool:
    if ANY in values:
        return not words or words[0] not in NO
    return any(word in values for word in words)


def _own(facts: Facts) -> tuple[Kind | None, str]:
    return (Kind.OWN, "its Message-ID is one that we signed") if facts.is_own else (None, "")


def _loop(mail: Mail, facts: Facts) -> tuple[Kind | None, str]:
    hops = sum(1 for name, _ in mail.headers if name.lower() == "received")
    if hops > MAX_HOPS:
        return Kind.LOOP, f"it passed {hops} servers"
    for value in mail.header_all("X-Loop"):
        if facts.setup.is_ours(value.strip().strip("<>")):
            return Kind.LOOP, f"X-Loop names our own address {value[:80]}"
    return None, ""


def _report(mail: Mail) -> tuple[Kind | None, str]:
    if mail.content_type == "multipart/report":
        said = fold(mail.header("Content-Type")[:1000]).replace(" ", "").replace('"', "")
        for report_type, kind in REPORTS.items():
            if f"report-type={report_type}" in said and (kind is not Kind.BOUNCE or mail.report is not None):
                return kind, f"it is a report ({report_type})"
    if mail.report is not None:
        return Kind.BOUNCE, "it is a delivery report"
    return (Kind.AUTO_GENERATED, "it is a report") if mail.content_type in ("multipart/report", "message/delivery-status") else (None, "")


def _absence(mail: Mail, kind: Kind) -> tuple[Kind, Weight, tuple[str, ...]]:
    """An automatic mail that speaks of absence is an out-of-office; a mail that only looks like one is doubtful."""
    subject = fold(mail.subject[:300]).strip()
    phrase = next((phrase for phrase in FOLDED_PHRASES if subject.startswith(phrase) and _stands_alone(subject[len(phrase) :])), "")
    if kind is Kind.ORDINARY:
        if phrase:
            return Kind.OUT_OF_OFFICE, Weight.DOUBTFUL, (f"the subject begins like an automatic reply ({phrase})",)
    elif kind in (Kind.AUTO_REPLY, Kind.AUTO_GENERATED):
        word = phrase or next((word for word in FOLDED_ABSENCE if word in subject), "")
        if word:
            return Kind.OUT_OF_OFFICE, Weight.NEVER, (f"the subject speaks of absence ({word})",)
    return kind, WEIGHTS[kind], ()


def _stands_alone(rest: str) -> bool:
    """Nothing follows the phrase, or a colon or dash does: people write on, programs do not."""
    rest = rest.strip()
    return not rest or rest[0] in ":-–—[(：;,."


def _no_answer(facts: Facts) -> tuple[str, ...]:
    """Reasons why nothing automatic is sent although a person wrote (contract section 6)."""
    sender = facts.sender
    if not sender.key:
        return ("it has no sender",)
    found = []
    if sender.ours:
        found.append("the sender is one of our own addresses")
    if is_daemon(sender.key):
        found.append("nobody reads the sender's address")
    return tuple(found)


def blocked(setup: Setup, key: str) -> BlockEffect | None:
    """What the block list says of a sender; *reject as spam* wins over the milder effect (B-BL-01)."""
    effects = {entry.effect for entry in setup.blocked_addresses if matches_address(entry.address, key)}
    if BlockEffect.REJECT_AS_SPAM in effects:
        return BlockEffect.REJECT_AS_SPAM
    return BlockEffect.NO_AUTOMATED_EMAILS if effects else None


def counts(classification: Classification, *, participant: bool, connector: Connector | None) -> bool:
    """Whether the mail wakes, reopens and counts as an answer; `auto_replies_count` restores what the original product does (B-EF-12)."""
    weight = classification.weight
    if connector is not None and connector.auto_replies_count and classification.kind in _AUTOMATIC:
        return True
    return weight is Weight.COUNTS or (weight is Weight.IF_PARTICIPANT and participant)


def doubtful(classification: Classification, *, participant: bool) -> bool:
    """Whether it is not clear that the mail is automatic: the countdowns stop until somebody has seen it (decisions.md 1)."""
    weight = classification.weight
    return weight is Weight.DOUBTFUL or (weight is Weight.IF_PARTICIPANT and not participant)
