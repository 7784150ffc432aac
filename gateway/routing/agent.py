"""Whether a mail is by one of our people and believed: answers to what we told them, mail to everybody on an item, mail handed in for people outside.

The table of what a proof is worth is `core/agent_trust.py`, starting work by mail `starting.py`; what is done with it is `gateway/agent_mail.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from core.agent_trust import Belief, Distrust, Proof, Situation, weighed
from core.commands import Parsed, parse, starts
from core.evidence import Evidence
from core.mail import Mail
from core.permissions import sees, visible_to
from core.refs import references_in_subject
from core.verdict import Action, Kind, Verdict
from gateway.routing.authentication import has_one_author
from gateway.routing.dkim_fields import names_recipients, why_weak
from gateway.routing.facts import Answered, Target
from gateway.routing.forward import is_forward
from gateway.routing.prints import prints
from gateway.routing.recipients import Recipient
from gateway.routing.walk import Walk

SKEW = timedelta(days=1)
"""How far a clock may be wrong: an answer is not written before the mail that it answers."""
STEP = "agent"


# ---------------------------------------------------------------- handed in for people outside


def handed_in(walk: Walk) -> list[Verdict]:
    """One verdict for a mail that one of our people handed in at the submission door for anybody who is not ours; else none."""
    facts = walk.facts
    if not facts.submitted_by or not facts.strange:
        return []
    because = f"{facts.submitted_by} handed it in for people outside"
    walk.trace.hit(STEP, facts.submitted_by, because)
    return [Verdict("", Action.SEND, because, agent=facts.submitted_by, fingerprint=prints(walk.mail)[0])]


# ---------------------------------------------------------------- an answer to what we told them


def answer(walk: Walk, *, again: bool) -> list[Verdict]:
    """One verdict for a mail that answers one of ours to one of our people; `again`: the same came in before. Whoever wrote it, it is no customer's."""
    facts, told = walk.facts, walk.facts.answered
    if told is None or (facts.is_own and facts.sender.ours):
        return []
    by = "to its signed address" if told.by_address else "by our signed Message-ID"
    walk.trace.hit(STEP, f"answers our mail {told.outbox_id}", f"{told.purpose} to {told.user_key}, {by}")
    recipient = next((one for one in facts.recipients if one.agent_of == told.outbox_id), next(iter(facts.recipients), None))
    if facts.archive:
        return [Verdict(recipient.key if recipient else "", Action.IGNORE, "history: it answers what one of our people was told")]
    refused, because = _refused(walk, told, again=again)
    walk.trace.add(STEP, facts.user or facts.sender.key or "(no sender)", refused or "believed", because)
    return [
        Verdict(
            recipient.key if recipient else "",
            Action.AGENT,
            f"answers what {told.user_key} was told: {because}",
            connector=recipient.connector if recipient else "",
            item_id=told.item_id if told.item_id in facts.targets else "",
            evidence=Evidence.STRONG,
            agent=told.user_key,
            answers=told.outbox_id,
            refused=refused,
            fingerprint=prints(walk.mail)[0],
        )
    ]


def _refused(walk: Walk, told: Answered, *, again: bool) -> tuple[str, str]:
    """The first reason that holds, in the order of the list, and what was found."""
    if again:
        return Distrust.COPY, "the same mail came in before"
    for reason, check in CHECKS:
        because = check(walk, told)
        if because:
            return reason, because
    return "", f"from {walk.facts.user}; {_proved(walk)}"


def _automatic(walk: Walk, told: Answered) -> str:
    kind = walk.classification
    return "" if kind.kind is Kind.ORDINARY else f"{kind.kind}: {'; '.join(kind.reasons)}"


def _copy(walk: Walk, told: Answered) -> str:
    return "the same mail came to another address of ours" if walk.facts.seen == Distrust.COPY else ""


def _spam(walk: Walk, told: Answered) -> str:
    return "; ".join(walk.classification.reasons) if walk.classification.spam else "the sender is blocked as spam" if walk.is_spam else ""


def _left(walk: Walk, told: Answered) -> str:
    return "" if told.user_key in walk.setup.user_of else f"{told.user_key} is no active user"


def _several(walk: Walk, told: Answered) -> str:
    return f"{max(len(walk.mail.from_), len(walk.mail.header_all('From')))} authors" if not has_one_author(walk.mail) and walk.mail.from_ else ""


def _another(walk: Walk, told: Answered) -> str:
    facts = walk.facts
    if facts.submitted_by and facts.submitted_by != told.user_key:
        return f"handed in by {facts.submitted_by}, and not by {told.user_key}"
    return "" if facts.user == told.user_key else f"from {facts.sender.key or 'nobody'}, and not from {told.user_key}"


def _unproved(walk: Walk, told: Answered) -> str:
    found = weighed(Situation.ANSWER, walk.facts.proof)
    return walk.facts.sender.authentication.because if isinstance(found, Distrust) else _weak(walk)


def _replayed(walk: Walk, told: Answered) -> str:
    if walk.facts.seen:
        return "a mail with the same signature, or with the same date and text, came before"
    date = walk.mail.date
    return f"it is of {date:%Y-%m-%d %H:%M}, and answers a mail of {told.at:%Y-%m-%d %H:%M}" if date is not None and date < told.at - SKEW else ""


def _elsewhere(walk: Walk, told: Answered) -> str:
    """Mail to somebody else, sent on to us by whoever got it: To is what the author wrote, the envelope is not."""
    if not _is_addressed(walk, told):
        return "neither To nor Cc names the address that it came to"
    if not isinstance(weighed(Situation.LOOSE, walk.facts.proof), Distrust) or _signed_recipients(walk):
        return ""
    if is_loose(walk, walk.facts.targets.get(told.item_id)):
        return "the recipients are not signed, and the reference of the item is not in what is signed"
    return "the recipients are not signed, and it hands our mail on: whoever got it has the reference" if _hands_on(walk) else ""


def _signed_recipients(walk: Walk) -> bool:
    return walk.facts.proof == Proof.DMARC and names_recipients(walk.mail)


def _hands_on(walk: Walk) -> bool:
    """By the subject, where that is signed; else by the text."""
    return walk.mail.forwarded is not None if walk.facts.proof == Proof.SIGNATURE else is_forward(walk.mail.subject)


def _is_addressed(walk: Walk, told: Answered) -> bool:
    named = {one.key for one in (*walk.mail.to, *walk.mail.cc)}
    wanted = (one for one in walk.facts.recipients if one.agent_of == told.outbox_id) if told.by_address else walk.facts.recipients
    return any(one.key in named for one in wanted)


def _too_old(walk: Walk, told: Answered) -> str:
    return f"our mail is of {told.at:%Y-%m-%d}" if told.outdated else ""


def _unreadable(walk: Walk, told: Answered) -> str:
    closed = next((word for word in walk.mail.protection if word.endswith("_encrypted")), "")
    return closed or (next(iter(walk.mail.defects), "only a part of it could be read") if walk.mail.partial or walk.envelope.full_size else "")


def _without_item(walk: Walk, told: Answered) -> str:
    return "" if told.item_id in walk.facts.targets else "our mail is about no item that is there"


CHECKS: tuple[tuple[Distrust, Callable[[Walk, Answered], str]], ...] = (
    (Distrust.AUTOMATIC, _automatic),
    (Distrust.COPY, _copy),
    (Distrust.SPAM, _spam),
    (Distrust.LEFT, _left),
    (Distrust.SEVERAL_AUTHORS, _several),
    (Distrust.NOT_THEIRS, _another),
    (Distrust.NOT_PROVED, _unproved),
    (Distrust.REPLAYED, _replayed),
    (Distrust.NOT_ADDRESSED, _elsewhere),
    (Distrust.TOO_OLD, _too_old),
    (Distrust.UNREADABLE, _unreadable),
    (Distrust.NO_ITEM, _without_item),
)
"""Reason → what in the mail speaks for it, '' for nothing. Whatever may come from somebody else is looked at before what is only out of place."""


# ---------------------------------------------------------------- whose it is, elsewhere


def is_colleague(walk: Walk, item_id: str) -> bool:
    """Whether the mail bears the address of one of our people who is no contact of the item: not a customer there, whatever else they are."""
    facts = walk.facts
    return bool(facts.user) and not facts.archive and item_id not in facts.contact_on


def doubt(walk: Walk) -> str:
    """Why nothing is done in the name of the user in From, '' where the mail is theirs."""
    if walk.classification.kind is not Kind.ORDINARY or walk.classification.spam or walk.is_spam:
        return "it is automatic, or marked as spam"
    if walk.facts.seen:
        return "a mail with the same signature, or with the same date and text, came before"
    if not walk.facts.proof:
        return walk.facts.sender.authentication.because
    return _weak(walk)


def filed(walk: Walk, recipient: Recipient | None, target: Target, because: str, evidence: Evidence) -> Verdict | None:
    """The verdict for a mail that one of our people wrote on an item from their own mail program; None where it is not believed to be theirs."""
    facts, item = walk.facts, target.item
    if not is_colleague(walk, item.id):
        return None
    if facts.seen == Distrust.COPY and facts.proof:
        return Verdict(recipient.key if recipient else "", Action.DUPLICATE, "the same mail came to another address of ours", item_id=item.id)
    if not sees(visible_to(walk.setup.user_of[facts.user], walk.setup), item):
        walk.trace.miss(STEP, facts.user, f"they may not see {item.ref}: as a stranger's mail on it")
        return None
    situation = Situation.LOOSE_ON_ITEM if is_loose(walk, target) else Situation.ON_ITEM
    found, why_not = weighed(situation, facts.proof), doubt(walk)
    if found is not Belief.FILED or why_not:
        walk.trace.miss(STEP, facts.user, why_not or f"{situation}; {_proved(walk)}: {found}")
        return None
    walk.trace.hit(STEP, facts.user, f"{_proved(walk)}: {found}")
    return Verdict(
        recipient.key if recipient else "",
        Action.FILE,
        f"{because}; written by {facts.user}, who is one of us: filed as ours",
        connector=recipient.connector if recipient else item.connector,
        item_id=item.id,
        evidence=evidence,
        agent=facts.user,
        refused=Distrust.NOT_AN_ANSWER if commands_in(walk.mail, item.title) else "",
        fingerprint=prints(walk.mail)[0],
    )


def misplaced(walk: Walk, recipient: Recipient | None) -> Verdict | None:
    """The verdict for a mail by one of our people that commands something and belongs to no item; None for any other, and for one that begins something."""
    facts = walk.facts
    if starts(walk.mail.subject, walk.mail.new_text or walk.mail.text) is not None:
        return None
    found = weighed(Situation.COMMANDS, facts.proof) if facts.user and not facts.archive else Belief.ANYBODYS
    if not isinstance(found, Distrust) or doubt(walk) or not commands_in(walk.mail, ""):
        return None
    because = f"{facts.user} commands something, and answers no mail of ours"
    walk.trace.miss(STEP, facts.user, because)
    return refusing(walk, recipient, found, because)


def refusing(walk: Walk, recipient: Recipient | None, reason: Distrust, because: str, possible: tuple[str, ...] = ()) -> Verdict:
    """The verdict by which a user learns why something in their mail was not done; it is about no item."""
    return Verdict(
        recipient.key if recipient else "",
        Action.AGENT,
        because,
        connector=recipient.connector if recipient else "",
        agent=walk.facts.user,
        refused=reason,
        fingerprint=prints(walk.mail)[0],
        possible=possible,
    )


def commands_in(mail: Mail, told_subject: str) -> bool:
    """Whether a mail holds commands, and nothing in their place that is none."""
    parsed = commanded(mail, told_subject)
    return bool(parsed.commands) and not parsed.faults


def commanded(mail: Mail, told_subject: str) -> Parsed:
    """What a mail says in its first lines and in its subject; the subject of a forward is that of whoever wrote the mail."""
    return parse(mail.subject, mail.new_text or mail.text, told_subject=None if is_forward(mail.subject) else told_subject)


def is_loose(walk: Walk, target: Target | None) -> bool:
    """Whether somebody who got hold of the mail could have sent it here: nothing that the proof covers says to which item it belongs."""
    if _signed_recipients(walk) or target is None:
        return False
    ref = target.item.ref
    in_subject = walk.facts.proof != Proof.SIGNATURE and ref in references_in_subject(walk.mail.subject)
    return not in_subject and ref.casefold() not in walk.mail.text.casefold()


def _weak(walk: Walk) -> str:
    return why_weak(walk.mail) if walk.facts.proof == Proof.DMARC else ""


def _proved(walk: Walk) -> str:
    return f"proved by {walk.facts.proof}" if walk.facts.proof else "nothing proves it"
