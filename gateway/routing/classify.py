"""What kind of mail it is: ours, a loop, a report, automatic, from a list, spam, or written by somebody; the tables it goes by are in `signs.py`.

Nothing here looks at the text of a mail: only at its header, its envelope, and what the parser found.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.mail import Envelope, Mail
from core.setup import Connector
from core.verdict import Classification, Kind, Weight
from gateway.routing.authentication import Dmarc
from gateway.routing.facts import Facts
from gateway.routing.patterns import first_match, fold
from gateway.routing.signs import ANY, BY_HEADER, FOLDED_ABSENCE, FOLDED_PHRASES, NO, NOTES_PREFIX, REPORTS, Sign, is_daemon

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
"""decisions.md 2. Spam in the sense of a trusted filter counts only from a participant, whatever its kind."""

_AUTOMATIC = frozenset({Kind.OUT_OF_OFFICE, Kind.AUTO_REPLY, Kind.LIST, Kind.AUTO_GENERATED})
_RANK = {kind: rank for rank, kind in enumerate(Kind)}


def is_null_sender(mail: Mail, envelope: Envelope) -> bool:
    """Whether the mail has the empty return path of reports and replies by programs."""
    if envelope.sender:
        return envelope.sender.strip() in ("<>", "<<>>")
    if envelope.door in ENVELOPE_DOORS:
        return True
    return mail.header("Return-Path").replace(" ", "") in ("<>", "<<>>")


def classify(mail: Mail, facts: Facts, envelope: Envelope | None = None) -> Classification:
    """Kind, weight and whether automatic mail may be sent in return, each with its reasons. The envelope tells of the folder it lay in."""
    kinds, reasons = _signs(mail, facts)
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
    spam = _spam(mail, facts, envelope)
    reasons.extend([spam] if spam else [])
    weight, never, spoken = _overruled(facts, kind, Weight.IF_PARTICIPANT if spam and weight is Weight.COUNTS and kind is not Kind.OWN else weight)
    reasons.extend(spoken)
    may_answer = not kinds and not quiet and not spam and not never and kind is Kind.ORDINARY
    return Classification(kind, weight, may_answer=may_answer, reasons=tuple(reasons), spam=bool(spam), never=never)


def _signs(mail: Mail, facts: Facts) -> tuple[list[Kind], list[str]]:
    kinds: list[Kind] = []
    reasons: list[str] = []
    ours = _is_own_list(mail, facts)
    for name, value in mail.headers:
        signs = BY_HEADER.get(name.lower())
        sign = _sign(signs, value) if signs else None
        if sign is not None and not (ours and sign.kind is Kind.LIST):
            kinds.append(sign.kind)
            reasons.append(f"{sign.header}: {value[:80]}")
    return kinds, reasons


def _sign(signs: Iterable[Sign], value: str) -> Sign | None:
    """Which of the signs of its name the value of a header field is."""
    text = value[:500].lower()
    words = text.replace(",", " ").replace(";", " ").split()
    return next((sign for sign in signs if _says(text, words, sign)), None)


def _says(text: str, words: list[str], sign: Sign) -> bool:
    if ANY in sign.values:
        return not words or words[0] not in NO
    return any(value in text for value in sign.values) if sign.within else any(word in sign.values for word in words)


def _is_own_list(mail: Mail, facts: Facts) -> bool:
    """It came through a list that stands before a mailbox of ours (a Google Group): its marks say nothing about who wrote."""
    own = [address.strip().lower() for connector in _connectors(facts) for address in connector.profile.own_lists]
    if not own:
        return False
    named = " ".join(value[:500].lower() for name in ("List-Id", "List-Post", "X-BeenThere", "Mailing-List") for value in mail.header_all(name)[:3])
    return any(address in named or f"<{address.replace('@', '.')}>" in named for address in own)


def _connectors(facts: Facts) -> list[Connector]:
    named = dict.fromkeys(recipient.connector for recipient in facts.recipients)
    return [connector for name in named if (connector := facts.setup.connector_named.get(name)) is not None]


# ---------------------------------------------------------------- spam


def _spam(mail: Mail, facts: Facts, envelope: Envelope | None) -> str:
    """Which trusted filter took it for spam, '' if none. Marks that no profile lists are not looked at: anybody can write them."""
    if envelope is not None and envelope.spam:
        return f"it lay in the folder {envelope.folder} for spam" if envelope.folder else "it lay in a folder for spam"
    for connector in _connectors(facts):
        for mark in connector.profile.spam_marks:
            name, _, wanted = mark.partition(":")
            words = fold(wanted).strip()
            if any(words in fold(value[:1_000]) for value in mail.header_all(name.strip())[:20]):
                return f"the filter in front of {connector.name} marked it as spam ({mark[:80]})"
    return ""


# ---------------------------------------------------------------- overrides


def _overruled(facts: Facts, kind: Kind, weight: Weight) -> tuple[Weight, bool, tuple[str, ...]]:
    """decisions.md 2: the desk's word for a sender, the stricter one first. Whoever forges a sender does not make his mail count by it."""
    key, setup = facts.sender.key, facts.setup
    if not key or kind in (Kind.OWN, Kind.LOOP, Kind.BOUNCE, Kind.FEEDBACK_REPORT, Kind.READ_RECEIPT):
        return weight, False, ()
    pattern = first_match(setup.never_counts, (key,))
    if pattern:
        return Weight.NEVER, True, (f"never_counts of the desk names {pattern}",)
    pattern = first_match(setup.counts, (key,)) if weight is not Weight.COUNTS else ""
    if not pattern:
        return weight, False, ()
    if facts.sender.authentication.dmarc is Dmarc.FAIL:
        return weight, False, (f"counts of the desk names {pattern}, but the sender may be forged",)
    return Weight.COUNTS, False, (f"counts of the desk names {pattern}",)


# ---------------------------------------------------------------- kinds


def _own(facts: Facts) -> tuple[Kind | None, str]:
    return (Kind.OWN, "its Message-ID is one that we signed") if facts.is_own else (None, "")


def _loop(mail: Mail, facts: Facts) -> tuple[Kind | None, str]:
    names = [name.lower() for name, _ in mail.headers]
    hops = names.count("received")
    if hops > MAX_HOPS:
        return Kind.LOOP, f"it passed {hops} servers"
    for value in mail.header_all("X-Loop") if "x-loop" in names else ():
        if facts.setup.is_ours(value.strip().strip("<>")):
            return Kind.LOOP, f"X-Loop names our own address {value[:80]}"
    return None, ""


def _report(mail: Mail) -> tuple[Kind | None, str]:
    if mail.feedback is not None:
        said = mail.feedback.complaint or mail.feedback.disposition
        return (Kind.FEEDBACK_REPORT, f"it is a complaint ({said})") if mail.feedback.complaint else (Kind.READ_RECEIPT, f"it is a read receipt ({said})")
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
    phrase = ""
    if subject.startswith(FOLDED_PHRASES):
        phrase = next((phrase for phrase in FOLDED_PHRASES if subject.startswith(phrase) and _stands_alone(subject[len(phrase) :])), "")
    if kind is Kind.ORDINARY:
        if phrase:
            return Kind.OUT_OF_OFFICE, Weight.DOUBTFUL, (f"the subject begins like an automatic reply ({phrase})",)
        if subject.startswith(NOTES_PREFIX) and (word := _absent(subject)):
            return Kind.OUT_OF_OFFICE, Weight.DOUBTFUL, (f"the subject begins like an automatic reply of Notes and speaks of absence ({word})",)
    elif kind in (Kind.AUTO_REPLY, Kind.AUTO_GENERATED):
        word = phrase or _absent(subject)
        if word:
            return Kind.OUT_OF_OFFICE, Weight.NEVER, (f"the subject speaks of absence ({word})",)
    return kind, WEIGHTS[kind], ()


def _absent(subject: str) -> str:
    return next((word for word in FOLDED_ABSENCE if word in subject), "")


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


def counts(classification: Classification, *, participant: bool, connector: Connector | None) -> bool:
    """Whether the mail wakes, reopens and counts as an answer; `auto_replies_count` restores what the original product does (B-EF-12)."""
    weight = classification.weight
    if overrules(classification, connector):
        return True
    return weight is Weight.COUNTS or (weight is Weight.IF_PARTICIPANT and participant)


def overrules(classification: Classification, connector: Connector | None) -> bool:
    """Whether the mailbox says that automatic mail counts, and nobody said otherwise of this sender."""
    allowed = connector is not None and connector.auto_replies_count and classification.kind in _AUTOMATIC
    return allowed and not classification.never and not classification.spam


def doubtful(classification: Classification, *, participant: bool) -> bool:
    """Whether it is not clear that the mail is automatic: the countdowns stop until somebody has seen it (decisions.md 1)."""
    weight = classification.weight
    return weight is Weight.DOUBTFUL or (weight is Weight.IF_PARTICIPANT and not participant)
