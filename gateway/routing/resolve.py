"""From one mail to its verdicts, one for each address of ours, with every check on the way; what changes is decided by `core/on_mail.py`."""

from __future__ import annotations

from dataclasses import replace

from core.agent_trust import Distrust
from core.evidence import Evidence
from core.mail import Envelope, Feedback, Mail
from core.verdict import DUPLICATE_WINDOW, Action, Kind, Resolution, Verdict
from gateway.routing import match
from gateway.routing.agent import answer, handed_in, misplaced, refusing
from gateway.routing.facts import Facts, Taken
from gateway.routing.opening import open_by_route
from gateway.routing.overheard import overheard
from gateway.routing.recipients import Recipient
from gateway.routing.starting import asked, left_undone, without_command
from gateway.routing.walk import Walk
from gateway.routing.weigh import weigh

REPORTS = frozenset({Kind.BOUNCE, Kind.FEEDBACK_REPORT, Kind.READ_RECEIPT})
"""Mail that never opens an item (RFC 3464, 5965, 8098)."""

NEVER_LEFT = frozenset({"queued", "held", "cancelled"})
"""Outbox states in which a mail cannot have come back."""


def resolve(mail: Mail, envelope: Envelope, facts: Facts) -> Resolution:
    """The verdicts and the trace. A mail that names no address of ours and belongs to no item has one verdict, *unhandled*, for nobody."""
    walk = Walk(mail, envelope, facts)
    _introduce(walk)
    verdicts = handed_in(walk) or _special(walk) or _answer(walk) or _each(walk)
    for verdict in verdicts:
        walk.trace.add("verdict", verdict.recipient or "(no address of ours)", str(verdict.action), verdict.because)
    return Resolution(walk.classification, tuple(verdicts), walk.trace.steps, _shown(walk, verdicts))


def _introduce(walk: Walk) -> None:
    """Recipients, kind of mail, sender: what is the same for every recipient."""
    trace, sender, kind = walk.trace, walk.facts.sender, walk.classification
    for recipient in walk.facts.recipients:
        unnamed = "" if recipient.named else ", not named in To or Cc"
        trace.hit("recipients", recipient.key, f"connector {recipient.connector}, by {recipient.source}{unnamed}")
    if not walk.facts.recipients:
        trace.miss("recipients", "addresses of ours", "the mail names none")
    trace.add("classify", "kind of mail", str(kind.kind), "; ".join(kind.reasons) or "no sign of automatic mail")
    if sender.said:
        trace.hit("author", sender.key or "(no sender)", sender.said)
    trace.add("authentication", sender.key or "(no sender)", str(sender.authentication.dmarc), sender.authentication.because)
    if walk.blocked is not None:
        trace.hit("blocked", sender.key, f"the block list says {walk.blocked}")


def _shown(walk: Walk, verdicts: list[Verdict]) -> Mail | None:
    """The line by which one of our people chose a process is for us: nobody else ever reads it."""
    opened = any(verdict.opens is not None for verdict in verdicts)
    return without_command(walk.mail) if opened and asked(walk) is not None else None


def _answer(walk: Walk) -> list[Verdict]:
    """An answer to what one of our people was told, unless it is decided already."""
    ours = walk.facts.recipients
    if walk.facts.answered is None or (ours and all(_is_decided(walk, one) for one in ours)):
        return []
    return answer(walk, again=any(_duplicate(walk, one) is not None for one in ours))


# ---------------------------------------------------------------- loops and reports


def _special(walk: Walk) -> list[Verdict]:
    kind = walk.classification.kind
    if kind is Kind.LOOP:
        return [Verdict(_first(walk), Action.IGNORE, f"a loop: {'; '.join(walk.classification.reasons)}")]
    if kind not in REPORTS or _only_looks_like_one(walk):
        return []
    again = [verdict for verdict in (_duplicate(walk, recipient) for recipient in walk.facts.recipients) if verdict is not None]
    if again and len(again) == len(walk.facts.recipients):
        return again
    return [_report(walk)]


def _only_looks_like_one(walk: Walk) -> bool:
    """Neither the form nor the null sender of a report, and about no mail of ours: somebody passes one on or writes of one, and people must see it."""
    mail, facts = walk.mail, walk.facts
    if mail.content_type == "multipart/report" or facts.null_sender or not walk.envelope.sender or facts.returned is not None:
        return False
    walk.trace.miss("match", "returned mail", "it has a return path and speaks of no mail of ours: routed like any other, without automatic mail")
    return True


def _report(walk: Walk) -> Verdict:
    """What a delivery report, a complaint or a read receipt is about (decisions.md 3)."""
    kind, returned, report = walk.classification.kind, walk.facts.returned, walk.mail.report
    if returned is None:
        walk.trace.miss("match", "returned mail", walk.facts.untied or "the report speaks of no mail of ours")
        action = Action.BOUNCE if kind is Kind.BOUNCE else Action.IGNORE
        because = f"{walk.facts.untied}: kept, changes nothing" if walk.facts.untied else "a report about no mail of ours: kept, changes nothing"
        return Verdict(_first(walk), action, because)
    if returned.state in NEVER_LEFT:
        walk.trace.miss("match", "returned mail", f"our mail {returned.outbox_id} has not left: it is {returned.state}")
        return Verdict(_first(walk), Action.IGNORE, "a report about a mail of ours that never left: kept, changes nothing")
    walk.trace.hit("match", "returned mail", f"our mail {returned.outbox_id}")
    about = Verdict(
        _first(walk), Action.BOUNCE, "it returns a mail of ours", connector=returned.connector, item_id=returned.item_id, evidence=Evidence.STRONG
    )
    if kind is Kind.BOUNCE and report is not None and any(one.action == "failed" for one in report.recipients):
        return replace(about, outbox_id=returned.outbox_id)
    said = _said_of(kind, walk.mail.feedback)
    if returned.item_id in walk.facts.targets:
        complains = kind is Kind.FEEDBACK_REPORT and walk.mail.feedback is not None
        return replace(about, action=Action.APPEND, quiet=True, because=said, outbox_id=returned.outbox_id if complains else "")
    return replace(about, action=Action.IGNORE, because=said)


def _said_of(kind: Kind, feedback: Feedback | None) -> str:
    """What a report about a mail of ours says that is no failure, for the timeline."""
    if feedback is not None and feedback.disposition:
        return f"a read receipt for a mail of ours: {feedback.disposition}"
    if feedback is not None and feedback.complaint:
        return f"a complaint ({feedback.complaint}) about a mail of ours"
    return f"a {kind} about a mail of ours that did not fail"


def _first(walk: Walk) -> str:
    return next((recipient.key for recipient in walk.facts.recipients), "")


# ---------------------------------------------------------------- every recipient


def _each(walk: Walk) -> list[Verdict]:
    """Addresses that nobody knows are refused at the door; but a setup may change between the door and here."""
    verdicts = [Verdict(strange.key, Action.UNHANDLED, "no connector knows this address") for strange in walk.facts.strange]
    fresh: list[Recipient | None] = []
    for recipient in walk.facts.recipients:
        if _is_decided(walk, recipient):
            continue
        passed = _own(walk, recipient) or _duplicate(walk, recipient)
        if passed is None:
            fresh.append(recipient)
        else:
            verdicts.append(passed)
    if not walk.facts.recipients and not verdicts:
        fresh.append(None)
    if fresh:
        listed = match.candidates(walk.mail, walk.facts, walk.trace)
        if not listed:
            walk.trace.miss("match", "any evidence", "nothing in the mail points to an item")
        for each in fresh:
            verdicts.extend(_flagged(walk, each, verdict) for verdict in _decide(walk, each, listed))
        if walk.asked_in_vain:
            verdicts.append(refusing(walk, fresh[0], Distrust.UNKNOWN_PROCESS, "it asks for a process that there is not", walk.asked_in_vain))
        elif left_undone(walk):
            verdicts.append(refusing(walk, fresh[0], Distrust.NOT_AN_ANSWER, "it begins something, and commands other things besides"))
    return overheard(walk, verdicts)


def _decide(walk: Walk, recipient: Recipient | None, listed: tuple[match.Candidate, ...]) -> list[Verdict]:
    """A matched mail is only appended; only one that joins nothing is routed (B-RT-08)."""
    candidate = match.chosen(match.counting(listed, recipient, walk.facts, walk.trace), recipient, walk.facts)
    targets = match.meant(candidate, recipient, walk.facts, walk.trace) if candidate is not None else ()
    if candidate is None or not targets:
        return [misplaced(walk, recipient) or open_by_route(walk, recipient)]
    return [weigh(walk, recipient, candidate, target) for target in targets]


def _own(walk: Walk, recipient: Recipient) -> Verdict | None:
    """Own mail coming back is ignored, except at another mailbox of ours that it was sent to (decisions.md 7, B-DD-01)."""
    if not walk.facts.is_own:
        return None
    own = walk.facts.own
    sent_here = own is not None and bool({recipient.key, recipient.base} & own.recipients)
    if own is not None and sent_here and own.connector != recipient.connector and walk.facts.sender.ours:
        walk.trace.hit("own mail", recipient.key, "it was sent to this other mailbox of ours: processed, without automatic mail")
        return None
    because = "our own mail came back to the mailbox that sent it" if sent_here else "our own mail came back; it was not sent to this address"
    return Verdict(recipient.key, Action.IGNORE, because, connector=recipient.connector, item_id=own.item_id if own else "")


def _is_decided(walk: Walk, recipient: Recipient) -> bool:
    """A replay decides again only what was left open."""
    taken = walk.facts.taken.get((recipient.connector, recipient.key), ())
    if not any(one.inbound_id == walk.facts.inbound_id for one in taken):
        return False
    walk.trace.hit("decided", recipient.key, "decided in an earlier run: it stands")
    return True


def _duplicate(walk: Walk, recipient: Recipient) -> Verdict | None:
    """decisions.md 8, B-DD-04."""
    facts = walk.facts
    before = [one for one in facts.taken.get((recipient.connector, recipient.key), ()) if one.inbound_id != facts.inbound_id]
    same = next((one for one in before if _is_same(walk, one)), None)
    if same is not None:
        walk.trace.hit("duplicate", recipient.key, f"the same mail came in as {same.inbound_id}")
        return Verdict(recipient.key, Action.DUPLICATE, f"the same mail was taken in as {same.inbound_id}", connector=recipient.connector)
    return None


def _flagged(walk: Walk, recipient: Recipient | None, verdict: Verdict) -> Verdict:
    """The same Message-ID with other content is a mail of its own, and says so (decisions.md 8)."""
    before = walk.facts.taken.get((recipient.connector, recipient.key), ()) if recipient else ()
    if not any(one.message_id and one.message_id == walk.mail.message_id and one.inbound_id != walk.facts.inbound_id for one in before):
        return verdict
    said = "another mail with the same Message-ID came in before, with other content"
    walk.trace.miss("duplicate", recipient.key if recipient else "", said)
    return replace(verdict, because=f"{verdict.because}; {said}")


def _is_same(walk: Walk, taken: Taken) -> bool:
    mail = walk.mail
    if taken.content_key != mail.content_key or taken.message_id != mail.message_id:
        return False
    return bool(mail.message_id) or abs(walk.facts.received_at - taken.at) <= DUPLICATE_WINDOW
