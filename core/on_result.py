"""A delivery answers: what that means for the item, its clocks and its timeline, and for the author; the message itself is `core/settling.py`."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from core.absence import handed_on
from core.assignment import place_people
from core.decision import Decision, Entry, EntryKind, OutboxChange, Suppression
from core.delivery import Delivery, Stage
from core.mail import FailedRecipient, Feedback, Report, address_key
from core.outbox import TO_AGENTS, OutboxEvent, OutboxMessage, OutboxState, Outcome, Purpose, Recipient
from core.resolving import resolved_when_sent
from core.settling import Rules, Settlement, may_repeat, settle, settled_as, still_to_try, that_count, with_outcomes
from core.status import TABLES, Event, Status
from core.timeline import change_entries
from core.work_item import WorkItem, move

SUPPRESSED_FOR = timedelta(days=60)
"""How long a dead address gets no automatic mail (decisions.md 3)."""

DEAD = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
"""Enhanced codes of an address that is wrong, gone or takes no mail (RFC 3463, RFC 7505)."""

_CODE = re.compile(r"\b5\.1\.\d{1,2}\b")

DIED_MARKED = "The sender stopped just when the mail was being handed over, so it is not known whether it arrived."
DIED_UNMARKED = "The sender stopped before the mail was handed over."

NOT_KNOWN = "It is not known whether the mail to "
"""Begins what an item is marked with until a person looks."""

NOT_DELIVERED, NOT_EVERYBODY, OTHERS = "The mail could not be delivered. ", "The mail did not reach everybody. ", " Others did not get it. "
"""What stands before the failures on timelines; the last after what is not known."""

NEWS = "news"
"""The fact of a line about a delivery: the sentence that is new in it, '' where everybody was told before; absent where all of it is new."""

NOT_ARRIVED = frozenset({Outcome.PERMANENT, Outcome.BOUNCED, Outcome.TEMPORARY, Outcome.PENDING})
"""With these outcomes a recipient has not got the mail when all tries are over."""

TELLS = frozenset({OutboxState.SENT, OutboxState.FAILED, OutboxState.UNKNOWN})
"""The ends of an attempt that the timeline shows; what will be tried again stands in the Outbox only."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one attempt changes: the outbox row by its settlement, the item by the decision. `failures`: what the author of a person's mail
    is to be told, '' if nothing."""

    settlement: Settlement
    decision: Decision = field(default_factory=Decision)
    failures: str = ""


def result(message: OutboxMessage, delivery: Delivery, rules: Rules, item: WorkItem | None, now: datetime) -> Result:
    """What an answered attempt means. `message` is as it was claimed (state *sending*), `item` as it is now, or None."""
    settlement, ended = settle(message, delivery, rules, now)
    return _told(ended, settlement, rules, item, now)


def leaves_item_alone(message: OutboxMessage, delivery: Delivery) -> bool:
    """Whether an answer changes nothing of the item, unless a clock of it waits for this very mail: everybody has it, and it does not resolve when it leaves."""
    if delivery.trouble is not None or delivery.put_off or (message.resolves and message.scheduled):
        return False
    counting = that_count(message.recipients)
    return bool(counting) and all(delivery.recipients.get(one.address.key, (one.outcome,))[0] is Outcome.ACCEPTED for one in counting)


def left(message: OutboxMessage, delivery: Delivery, now: datetime) -> Result:
    """The same as `result` for a mail that leaves its item alone: no rule is needed, and only the timeline says that it left."""
    settlement, ended = settle(message, delivery, Rules(), now)
    return Result(settlement, Decision(entries=() if ended.purpose in TO_AGENTS else (_left_line(ended, now),)))


def died(message: OutboxMessage, rules: Rules, item: WorkItem | None, now: datetime) -> Result:
    """What it means that the sender of a claimed message is gone: unmarked, it is sent again at once; marked, its outcome is unknown."""
    if message.marked:
        lost = Delivery(Stage.DOT, DIED_MARKED, {one.address.key: (Outcome.UNKNOWN, DIED_MARKED) for one in still_to_try(message)})
        event = OutboxEvent.REPEAT if may_repeat(message, rules) else OutboxEvent.LEASE_OVER_MARKED
    else:
        lost, event = Delivery(Stage.BODY, DIED_UNMARKED), OutboxEvent.LEASE_OVER
    recipients = with_outcomes(message.recipients, lost.recipients)
    settlement, ended = settled_as(event, message, lost, recipients, rules, now)
    return _told(ended, settlement, rules, item, now)


def bounce(message: OutboxMessage, report: Report, item: WorkItem | None, now: datetime, *, people: Container[str] | None = None) -> Decision:
    """What a delivery report about a mail of ours means (decisions.md 3): its recipients are marked with the server's words, the item of a
    person's mail goes to To Do, dead addresses are suppressed. A report that only speaks of a delay is written down and changes nothing.

    The message must be one the table lets bounce; applying the change raises IllegalTransition otherwise.
    """
    item = None if message.purpose in TO_AGENTS else item  # what our own people are told is nothing of the item's
    failed = tuple(one for one in report.recipients if one.action.lower() == "failed")
    if not failed:
        return Decision(entries=_delay_entries(message, report, item, now))
    if not (failed := _about_the_mail(message, failed)):
        return Decision()
    outcomes = {one.address.key: (Outcome.BOUNCED, words) for one, words in _matched(message, failed)}
    words = next((words for _, words in outcomes.values()), "") or _said(failed[0])
    ended = replace(message, state=OutboxState.BOUNCED, recipients=with_outcomes(message.recipients, outcomes))
    changed = OutboxChange(message.id, OutboxEvent.BOUNCE, reason=words, recipients={key: (str(outcome), said) for key, (outcome, said) in outcomes.items()})
    decision = Decision(outbox=(changed,), suppressions=tuple(_suppressions(message, failed, now)))
    news = returned_to_author(message, report) if outcomes else None
    return decision if item is None else decision + _failed(ended, Rules(people=people), item, now, news=news)


def returned_to_author(message: OutboxMessage, report: Report) -> str:
    """What the author of a person's mail is told when it came back; '' for automatic mail, and where an earlier report said it already."""
    if message.purpose is not Purpose.PERSON:
        return ""
    failed = _about_the_mail(message, [one for one in report.recipients if one.action.lower() == "failed"])
    news = [(one, words) for one, words in _matched(message, failed) if one.outcome is not Outcome.BOUNCED] if failed else []
    return "\n".join(f"{one.address.address}: {words}" for one, words in news)


def failures_in(sentence: str) -> tuple[str, str]:
    """A sentence of ours about a delivery, in two: what is not known of it, and who did not get the mail and why; either may be ''."""
    for begins in (NOT_DELIVERED, NOT_EVERYBODY):
        if sentence.startswith(begins):
            return "", sentence.removeprefix(begins)
    known, _, failures = sentence.partition(OTHERS)
    return known, failures


def complaint(message: OutboxMessage, feedback: Feedback, item: WorkItem | None, now: datetime) -> Decision:
    """A recipient told their provider that they do not want our mail (RFC 5965): no automatic mail to them for a while, and a line that says so.

    Only those we wrote to: a complaint that names nobody of them means our only recipient, if there is one.
    """
    named = {address_key(address) for address in feedback.about}
    ours = [one.address for one in that_count(message.recipients)]
    meant = [one for one in ours if one.key in named] or (ours if len(ours) == 1 else [])
    stopped = tuple(Suppression(one.key, now + SUPPRESSED_FOR, f"Complained: {feedback.complaint}") for one in meant)
    if item is None or not meant or message.purpose in TO_AGENTS:
        return Decision(suppressions=stopped)
    words = f"{', '.join(one.address for one in meant)} complained to their provider about this mail ({feedback.complaint}). They get no automatic mail for now."
    return Decision(suppressions=stopped, entries=(_line(message, now, words),))


def marked_sent(message: OutboxMessage, rules: Rules, item: WorkItem, now: datetime) -> Decision:
    """A person knows that a mail of unknown outcome arrived: what follows for the item is what follows when a mail has left, for everybody or for some."""
    answered = replace(item, attention="") if item.attention.startswith(NOT_KNOWN) else item
    decision = _failed(message, rules, answered, now) if _failures(message) else _sent(message, rules, answered, now)
    if decision.items or answered is item:
        return decision
    return decision + Decision(items=(place_people(replace(answered, updated_at=now), people=rules.people),))


# ---------------------------------------------------------------- the item


def _told(ended: OutboxMessage, settlement: Settlement, rules: Rules, item: WorkItem | None, now: datetime) -> Result:
    if settlement.state not in TELLS:
        return Result(settlement)
    if ended.purpose in TO_AGENTS:  # nothing of the item's: only whether our person can be reached at all
        return Result(settlement, Decision(suppressions=_refused(ended, now)))
    missing = _failures(ended)
    if settlement.state is OutboxState.SENT and not missing:
        return Result(settlement, _sent(ended, rules, item, now) if item is not None else Decision())
    failures = missing if ended.purpose is Purpose.PERSON else ""
    if settlement.state is OutboxState.UNKNOWN:
        return Result(settlement, _unknown(ended, rules, item, now) if item is not None else Decision(), failures)
    return Result(settlement, _failed(ended, rules, item, now) if item is not None else Decision(), failures)


def _sent(ended: OutboxMessage, rules: Rules, item: WorkItem, now: datetime) -> Decision:
    """The mail has left: clocks that waited for it begin (decisions.md 1), a scheduled Send & Resolve resolves (decisions.md 15)."""
    line = _left_line(ended, now)
    if ended.resolves and ended.scheduled and item.is_open:
        if rules.customer_wrote and item.new_information:  # no window may run over a mail that nobody has seen (decisions.md 1)
            return _not_resolved(line, "the customer wrote before it left, and nobody has seen that yet", rules, item, now)
        done = resolved_when_sent(item, by=ended.author, outbox_id=ended.id, window=rules.feedback_window, now=now, people=rules.people)
        if done is not None:
            return Decision(items=(done[0],), entries=(line, *done[1]))
        return _not_resolved(line, f"it is {item.place}", rules, item, now)
    if item.clocks.after_mail != ended.id:
        return Decision(entries=(line,))
    begun = replace(item, clocks=item.clocks.begin(now), before=None)
    if item.status is Status.RESOLVED and item.clocks.feedback_window == timedelta(0) and not item.clocks.stopped_by:
        return Decision(entries=(line,)) + _closed(begun, rules, now)
    return Decision(items=(begun,), entries=(line,))


def _not_resolved(line: Entry, because: str, rules: Rules, item: WorkItem, now: datetime) -> Decision:
    words = f"The mail was sent, but the item could not be resolved with it: {because}."
    after = place_people(replace(item, attention=words, updated_at=now), people=rules.people)
    told = replace(line, facts={**line.facts, "attention": words})
    return Decision(items=(after,), entries=(told, *handed_on(item, after, now, rules.people, placed_aloud=False)))


def _closed(item: WorkItem, rules: Rules, now: datetime) -> Decision:
    """Resolved without a feedback window: the end came with the mail (decisions.md 5)."""
    moved = move(item, Event.FEEDBACK_OVER, now, "")
    after = place_people(replace(moved.item, clocks=moved.item.clocks.cleared()), people=rules.people)
    return Decision(items=(after,), entries=change_entries(item, replace(moved, item=after), now, "", event=Event.FEEDBACK_OVER))


def _unknown(ended: OutboxMessage, rules: Rules, item: WorkItem, now: datetime) -> Decision:
    """Nobody knows: a person looks. No clock begins, nothing moves; of automatic mail only the line is written."""
    who = _names([one for one in that_count(ended.recipients) if one.outcome is Outcome.UNKNOWN])
    missing = f"{OTHERS}{failures}" if (failures := _failures(ended)) else ""
    words = f"{NOT_KNOWN}{who} arrived. Send it again, or mark it as sent, in the Outbox.{missing}"
    line = _line(ended, now, words)
    if ended.purpose is not Purpose.PERSON:
        return Decision(entries=(line,))
    after = place_people(replace(item, attention=words, updated_at=now), people=rules.people)
    return Decision(items=(after,), entries=(line, *handed_on(item, after, now, rules.people, placed_aloud=False)))


def _failed(ended: OutboxMessage, rules: Rules, item: WorkItem, now: datetime, *, news: str | None = None) -> Decision:
    """Somebody did not get the mail. A person's: back to To Do with the countdown off and a mark (decisions.md 3 and 15); automatic: the line only.

    `news`: those of the failures that nobody was told of yet; None for all of them.
    """
    reached = any(one.outcome is Outcome.ACCEPTED for one in that_count(ended.recipients))
    begins, failures = NOT_EVERYBODY if reached else NOT_DELIVERED, _failures(ended)
    words = f"{begins}{failures}"
    line = _line(ended, now, words)
    if ended.purpose is not Purpose.PERSON:
        return Decision(entries=(line,))
    if news is not None and news != failures:
        line = replace(line, facts={**line.facts, NEWS: f"{begins}{news}" if news else ""})
    cell = TABLES[item.kind].get(item.place, {}).get(Event.DELIVERY_FAILED)
    if cell is None:  # a closed item stays closed; the mark shows it in the inbox
        after = place_people(replace(item, attention=words, updated_at=now), people=rules.people)
        return Decision(items=(after,), entries=(line,))
    moved = move(item, Event.DELIVERY_FAILED, now, "")
    method = item.resolution_method if not moved.changed else None
    marked = replace(moved.item, reason=cell.reason, attention=words, clocks=item.clocks.cleared(), before=None, resolution_method=method, updated_at=now)
    after = place_people(marked, people=rules.people)
    entries = change_entries(item, replace(moved, item=after), now, "", event=Event.DELIVERY_FAILED)
    return Decision(items=(after,), entries=(line, *entries, *handed_on(item, after, now, rules.people)))


# ---------------------------------------------------------------- words


def _line(ended: OutboxMessage, now: datetime, text: str) -> Entry:
    """The timeline's line about a delivery, with what each recipient's server said."""
    facts: dict[str, object] = {
        "state": str(ended.state),
        "subject": ended.subject,
        "recipients": [{"address": one.address.address, "outcome": str(one.outcome), "words": one.words} for one in that_count(ended.recipients)],
    }
    return Entry(ended.item_id or "", now, EntryKind.DELIVERY, text=text, system=ended.system_generated, facts=facts, outbox_id=ended.id)


def _failures(ended: OutboxMessage) -> str:
    """Who did not get the mail and what their servers said, a sentence for each; '' if everybody did."""
    missing = (one for one in that_count(ended.recipients) if one.outcome in NOT_ARRIVED)
    return "\n".join(f"{one.address.address}: {one.words or 'no answer'}" for one in missing)


def _left_line(ended: OutboxMessage, now: datetime) -> Entry:
    return _line(ended, now, f"Sent to {_names(that_count(ended.recipients))}.")


def _names(recipients: Sequence[Recipient]) -> str:
    return ", ".join(one.address.address for one in recipients) or "nobody"


# ---------------------------------------------------------------- reports


def _matched(message: OutboxMessage, failed: Sequence[FailedRecipient]) -> list[tuple[Recipient, str]]:
    """Our recipients that a report speaks of, with its words. One that names nobody of ours (a forward) means our only recipient, if there is one."""
    by_key = {one.address.key: one for one in message.recipients}
    failed = _as_sent(failed, by_key)
    found = [(by_key[address_key(one.address)], _said(one)) for one in failed if address_key(one.address) in by_key]
    if not found and len(those := that_count(message.recipients)) == 1:
        return [(those[0], _said(failed[0]))]
    return found


def _about_the_mail(message: OutboxMessage, failed: Sequence[FailedRecipient]) -> tuple[FailedRecipient, ...]:
    """Without what came back of the desk's own blind copies: their mailbox is for the administrator to mend, the mail itself has arrived."""
    copies = {one.address.key for one in message.recipients} - {one.address.key for one in that_count(message.recipients)}
    return tuple(one for one in failed if address_key(one.address) not in copies and address_key(one.handed_on_from or "") not in copies)


def _as_sent(failed: Sequence[FailedRecipient], ours: Container[str]) -> list[FailedRecipient]:
    """Without the addresses that a mail to one of ours was handed on to: those may be recipients of their own, whose copy arrived."""
    return [one for one in failed if not one.handed_on_from or address_key(one.handed_on_from) not in ours]


def _said(one: FailedRecipient) -> str:
    status = "" if one.status in one.words else one.status
    return " ".join(part for part in (status, one.words) if part) or "returned without a reason"


def _suppressions(message: OutboxMessage, failed: Sequence[FailedRecipient], now: datetime) -> list[Suppression]:
    """Addresses that are dead, of those we wrote to: a report can be forged, and may not silence anybody else."""
    ours = {one.address.key for one in message.recipients}
    gone = ((address_key(one.address), one) for one in _as_sent(failed, ours) if is_dead(one))
    return [Suppression(key, now + SUPPRESSED_FOR, f"Returned: {_said(one)}") for key, one in gone if key in ours]


def _refused(ended: OutboxMessage, now: datetime) -> tuple[Suppression, ...]:
    """Addresses that their own server called dead when it was asked."""
    dead = (one for one in ended.recipients if one.outcome is Outcome.PERMANENT and not DEAD.isdisjoint(_CODE.findall(one.words)))
    return tuple(Suppression(one.address.key, now + SUPPRESSED_FOR, f"Refused: {one.words}") for one in dead)


def is_dead(one: FailedRecipient) -> bool:
    """Whether the address itself is dead (a hard bounce); where the report could not be judged, whether its code says so (RFC 3463 section 3.2)."""
    return one.hard if one.hard is not None else one.status in DEAD


def _delay_entries(message: OutboxMessage, report: Report, item: WorkItem | None, now: datetime) -> tuple[Entry, ...]:
    """A server that goes on trying says so; shown for a person's mail."""
    if item is None or message.purpose is not Purpose.PERSON or not report.recipients:
        return ()
    said = "; ".join(f"{one.address}: {one.action} {_said(one)}" for one in report.recipients[:20])
    return (_line(message, now, f"A server reports about this mail: {said}"),)
