"""What becomes of an outgoing message after an attempt: recipients' outcomes → event → state, next time and tries left; its item is `core/on_result.py`."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from core.delivery import Delivery
from core.outbox import OUTBOX, OutboxEvent, OutboxMessage, OutboxState, Outcome, Recipient
from core.retry import next_wait, nth_wait
from core.setup import UnknownPolicy
from core.transitions import step

URGENCY = (Outcome.UNKNOWN, Outcome.TEMPORARY, Outcome.PENDING, Outcome.ACCEPTED, Outcome.BOUNCED, Outcome.PERMANENT)
"""Which outcome among the recipients speaks for the message: the first of these that occurs."""

EVENT_OF: Mapping[Outcome, tuple[OutboxEvent, OutboxEvent]] = {
    Outcome.UNKNOWN: (OutboxEvent.REPEAT, OutboxEvent.UNKNOWN_OUTCOME),
    Outcome.TEMPORARY: (OutboxEvent.TEMPORARY, OutboxEvent.EXHAUSTED),
    Outcome.PENDING: (OutboxEvent.TEMPORARY, OutboxEvent.EXHAUSTED),
    Outcome.ACCEPTED: (OutboxEvent.ACCEPTED, OutboxEvent.ACCEPTED),
    Outcome.BOUNCED: (OutboxEvent.PERMANENT, OutboxEvent.PERMANENT),
    Outcome.PERMANENT: (OutboxEvent.PERMANENT, OutboxEvent.PERMANENT),
}
"""The most urgent outcome → the event if one more try is allowed, and if not. Allowed: for unknown ones by the connector's policy
and once only (decisions.md 18), for the others while tries are left."""

BECAUSE: Mapping[OutboxEvent, str] = {
    OutboxEvent.ACCEPTED: "accepted",
    OutboxEvent.TEMPORARY: "refused for now",
    OutboxEvent.EXHAUSTED: "refused for now, and no try is left",
    OutboxEvent.PERMANENT: "refused for good",
    OutboxEvent.UNKNOWN_OUTCOME: "unknown outcome",
    OutboxEvent.REPEAT: "unknown outcome, to be repeated once",
    OutboxEvent.CONNECTOR_TROUBLE: "trouble with the connector",
    OutboxEvent.LEASE_OVER: "the sender stopped before it was handed over",
    OutboxEvent.LEASE_OVER_MARKED: "unknown outcome: the sender stopped while it was handed over",
    OutboxEvent.GIVEN_BACK: "given back: its turn had not come",
    OutboxEvent.GIVEN_BACK_RETRY: "given back: its turn had not come",
}
"""What the history of the message says of each event."""

TO_TRY = frozenset({Outcome.PENDING, Outcome.TEMPORARY, Outcome.UNKNOWN})
"""Recipients with these outcomes are tried (again); who accepted is never sent to twice."""

FIRST_INTERVAL = 1


@dataclass(frozen=True, slots=True)
class Rules:
    """What an attempt is judged by: the waits of the mail's retry template, the connector's policy for unknown outcomes, the process's
    feedback window, the active users (address keys), a number from -1 to 1 for spreading, when a resting connector is asked again, and whether
    the customer wrote while a scheduled Send & Resolve waited."""

    intervals: Sequence[timedelta] = ()
    unknown: UnknownPolicy = UnknownPolicy.REPEAT
    feedback_window: timedelta = timedelta(days=5)
    people: Container[str] | None = None
    jitter: float = 0.0
    rests_until: datetime | None = None
    customer_wrote: bool = False


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is written of an attempt: the new state and why, the next time (aware UTC), and the recipients' outcomes by address key."""

    outbox_id: str
    attempt: int
    event: OutboxEvent
    state: OutboxState
    due_at: datetime
    tries_left: int
    unknown_repeats: int
    words: str
    last_error: str
    first_failed_at: datetime | None
    because: str
    recipients: Mapping[str, tuple[Outcome, str]] = field(default_factory=dict, hash=False)
    queue_id: str = ""


def still_to_try(message: OutboxMessage) -> tuple[Recipient, ...]:
    """The recipients that an attempt is for."""
    return tuple(one for one in message.recipients if one.outcome in TO_TRY)


def that_count(recipients: Sequence[Recipient]) -> tuple[Recipient, ...]:
    """The recipients that say what became of a mail: all but the desk's own blind copies."""
    return tuple(one for one in recipients if not one.is_copy)


def settle(message: OutboxMessage, delivery: Delivery, rules: Rules, now: datetime) -> tuple[Settlement, OutboxMessage]:
    """What an answered attempt makes of the message as it was claimed, and the message as it is then."""
    recipients = with_outcomes(message.recipients, delivery.recipients)
    about_us = OutboxEvent.LEASE_OVER if delivery.put_off else OutboxEvent.CONNECTOR_TROUBLE if delivery.trouble is not None else None
    event = about_us or event_of(message, recipients, rules)
    return settled_as(event, message, delivery, recipients, rules, now)


def event_of(message: OutboxMessage, recipients: Sequence[Recipient], rules: Rules) -> OutboxEvent:
    """The event that the recipients' outcomes amount to; a message for nobody has failed."""
    outcomes = {one.outcome for one in that_count(recipients)}
    worst = next((outcome for outcome in URGENCY if outcome in outcomes), Outcome.PERMANENT)
    allowed = may_repeat(message, rules) if worst is Outcome.UNKNOWN else message.tries_left > 1
    return EVENT_OF[worst][0 if allowed else 1]


def may_repeat(message: OutboxMessage, rules: Rules) -> bool:
    """Whether an unknown outcome is followed by one more try by itself."""
    return rules.unknown is UnknownPolicy.REPEAT and message.unknown_repeats == 0


def settled_as(
    event: OutboxEvent, message: OutboxMessage, delivery: Delivery, recipients: tuple[Recipient, ...], rules: Rules, now: datetime
) -> tuple[Settlement, OutboxMessage]:
    """The settlement of an attempt whose event is known."""
    counting = that_count(recipients)
    words = _words(delivery, recipients, counting)
    fault = event not in (OutboxEvent.ACCEPTED, OutboxEvent.LEASE_OVER)
    used = event in (OutboxEvent.TEMPORARY, OutboxEvent.EXHAUSTED)
    tries_left = message.tries_left - used
    refused = next((one.words for one in counting if one.outcome in (Outcome.PERMANENT, Outcome.BOUNCED)), "")
    settlement = Settlement(
        outbox_id=message.id,
        attempt=message.attempts,
        event=event,
        state=step(OUTBOX, message.state, event),
        due_at=_next_time(event, message, tries_left, rules, now),
        tries_left=tries_left,
        unknown_repeats=message.unknown_repeats + (event is OutboxEvent.REPEAT),
        words=words,
        last_error=words if event is not OutboxEvent.ACCEPTED else refused,
        first_failed_at=message.first_failed_at or (now if fault else None),
        because=f"{BECAUSE[event]}: {words}" if words else BECAUSE[event],
        recipients=delivery.recipients,
        queue_id=delivery.queue_id,
    )
    return settlement, replace(message, state=settlement.state, recipients=recipients)


def _words(delivery: Delivery, recipients: Sequence[Recipient], counting: Sequence[Recipient]) -> str:
    """What to show of the attempt: the words of a copy of ours that was refused are not about the mail."""
    aside = {one.words for one in recipients if one.is_copy} - {one.words for one in counting}
    if delivery.words and delivery.words not in aside:
        return delivery.words
    return next((one.words for one in counting if one.words and one.outcome is not Outcome.ACCEPTED), "")


def with_outcomes(recipients: tuple[Recipient, ...], outcomes: Mapping[str, tuple[Outcome, str]]) -> tuple[Recipient, ...]:
    """The recipients with what is new of them; address keys that are not among them change nothing."""
    found = ((one, outcomes.get(one.address.key)) for one in recipients)
    return tuple(replace(one, outcome=new[0], words=new[1]) if new else one for one, new in found)


def _next_time(event: OutboxEvent, message: OutboxMessage, tries_left: int, rules: Rules, now: datetime) -> datetime:
    if event is OutboxEvent.TEMPORARY:
        return now + next_wait(rules.intervals, tries_left, rules.jitter)
    if event is OutboxEvent.REPEAT:
        return now + nth_wait(rules.intervals, FIRST_INTERVAL, rules.jitter)
    if event is OutboxEvent.CONNECTOR_TROUBLE:
        wait = now + nth_wait(rules.intervals, message.attempts, rules.jitter)
        return wait if rules.rests_until is None else max(wait, rules.rests_until)
    return now if event is OutboxEvent.LEASE_OVER else message.due_at
