"""Mails by people that have not left when the customer writes or a colleague answers: they are warned of, or cancel themselves (decisions.md 16).

What the author is told before the send is `core/conversation.py`; who finds the mails is `gateway/store/outbox_rows.py`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from core.absence import handed_on
from core.assignment import place_people
from core.decision import Decision, Entry, EntryKind, OutboxChange
from core.outbox import OutboxEvent, OutboxMessage, OutboxState, Outcome
from core.work_item import WorkItem

TOLD = "overtaken_by"
"""The fact by which a line of the timeline is known as a warning about the mail it names; its value is a `Kind`."""
WROTE_AT = "wrote_at"
"""The fact that says when: for a mail its receipt."""
SUBJECT = 200
"""Characters of a subject that a line repeats."""


class Kind(StrEnum):
    """What overtook a mail."""

    CUSTOMER_WROTE = "customer_wrote"
    COLLEAGUE_ANSWERED = "colleague_answered"


@dataclass(frozen=True, slots=True)
class Overtaking:
    """Who wrote, as people read it, and when (aware UTC; for a mail its receipt).

    `person` is the address key of a colleague, whose own mails are not overtaken; `outbox_id` the colleague's mail, `inbound_id` the customer's.
    """

    kind: Kind
    who: str
    at: datetime
    person: str = ""
    inbound_id: str = ""
    outbox_id: str = ""

    @property
    def did(self) -> str:
        return f"{self.who} {'wrote' if self.kind is Kind.CUSTOMER_WROTE else 'answered'}"


WAITS = frozenset({OutboxState.QUEUED, OutboxState.HELD, OutboxState.PENDING_RETRY})
"""States in which a mail may still cancel itself; one that is being sent is looked at again before its next try."""


def cancels_itself(message: OutboxMessage) -> bool:
    """Whether a mail that was overtaken is cancelled: its author asked for that, and for all that is known nobody has it yet."""
    had_by_nobody = message.unknown_repeats == 0 and not any(one.outcome is Outcome.ACCEPTED for one in message.recipients)
    return message.cancel_if_answered and message.state in WAITS and had_by_nobody


def overtaken(item: WorkItem, unsent: Iterable[OutboxMessage], by: Overtaking, now: datetime, *, people: Container[str] | None = None) -> Decision:
    """What it means for the unsent mails of an item, and for the item where one of them cancels itself; nothing where there are none."""
    made = Decision()
    for message in unsent:
        if message.system_generated or (by.person and message.author == by.person):
            continue
        if cancels_itself(message):
            made = made + _cancelled(made.items[-1] if made.items else item, message, by, now, people)
        else:
            made = made + Decision(entries=(_warning(item.id, message, by, now),))
    return made


def cancelled_late(item: WorkItem | None, message: OutboxMessage, now: datetime, *, people: Container[str] | None = None) -> Decision:
    """A mail that was being sent when it was overtaken, and did not leave: it cancels itself instead of a further try."""
    because = "it was overtaken while it was being sent, and did not leave"
    change = OutboxChange(message.id, OutboxEvent.CANCEL, reason=because)
    if item is None:
        return Decision(outbox=(change,))
    return _taken_out(item, message, change, f"{_named(message)} cancelled itself: {because}.", now, people)


def _warning(item_id: str, message: OutboxMessage, by: Overtaking, now: datetime) -> Entry:
    """The line is also what the mail shows in the Outbox."""
    sends = message.state is OutboxState.SENDING
    text = f"{by.did} while the mail “{message.subject[:SUBJECT]}” by {message.author} {'was being sent' if sends else 'waits to be sent'}."
    facts: dict[str, object] = {TOLD: str(by.kind), WROTE_AT: by.at.isoformat()}
    return Entry(item_id, now, EntryKind.ATTENTION, text=text, system=True, facts=facts, inbound_id=by.inbound_id, outbox_id=message.id)


def _cancelled(item: WorkItem, message: OutboxMessage, by: Overtaking, now: datetime, people: Container[str] | None) -> Decision:
    change = OutboxChange(message.id, OutboxEvent.CANCEL, reason=f"{by.did}; it was set to cancel itself", again_if_late=True)
    return _taken_out(item, message, change, f"{_named(message)} cancelled itself: {by.did}.", now, people, by)


def _named(message: OutboxMessage) -> str:
    return f"The mail “{message.subject[:SUBJECT]}” by {message.author}"


def _taken_out(
    item: WorkItem, message: OutboxMessage, change: OutboxChange, words: str, now: datetime, people: Container[str] | None, by: Overtaking | None = None
) -> Decision:
    """The mail is cancelled and the item calls attention. What waited for the mail waits for the one that overtook it, or begins now: it will not leave."""
    clocks = item.clocks
    if clocks.after_mail == message.id:
        clocks = replace(clocks, after_mail=by.outbox_id) if by is not None and by.outbox_id else clocks.begin(now)
    after = place_people(replace(item, attention=words, clocks=clocks, updated_at=now), people=people)
    facts: dict[str, object] = {"state": str(OutboxState.CANCELLED), "author": message.author, "attention": words}
    if by is not None:
        facts |= {TOLD: str(by.kind), WROTE_AT: by.at.isoformat()}
    line = Entry(item.id, now, EntryKind.DELIVERY, text=words, system=True, facts=facts, inbound_id=by.inbound_id if by else "", outbox_id=message.id)
    return Decision(items=(after,), entries=(line, *handed_on(item, after, now, people, placed_aloud=False)), outbox=(change,))
