"""What a person or a delivery report does to an outgoing message, as a new value; what an attempt does is `core/on_result.py`.

Undo, edit and cancel come too late once the message is claimed: that is an answer, not an error (E-28).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from core.outbox import OUTBOX, FileRef, OutboxEvent, OutboxMessage, OutboxState, Outcome, Recipient
from core.retry import by_hand
from core.transitions import IllegalTransition, step

TOO_LATE = {
    OutboxState.SENDING: "Too late: the mail is being sent at this moment.",
    OutboxState.SENT: "Too late: the mail has been sent.",
    OutboxState.CANCELLED: "The mail was cancelled; nothing more can be done with it.",
    OutboxState.HELD: "The mail is held; release it first.",
    OutboxState.PENDING_RETRY: "Too late: the mail has been tried already, so it can only be sent again, held or cancelled.",
    OutboxState.FAILED: "The mail has failed; it can be tried again or cancelled.",
    OutboxState.UNKNOWN: "It is not known whether the mail arrived; it can be tried again, cancelled, or marked as sent.",
    OutboxState.BOUNCED: "The mail came back; it can be tried again or cancelled.",
    OutboxState.QUEUED: "The mail has not been sent yet; it can be sent now, edited, held or cancelled.",
}
"""What a person is told who asks for what the table forbids, by the state the message is in."""

CHANGED_AFTER_FIRST_TRY = "Too late: the mail has been tried already, and from the first try on it stays as it is."

STAYS_AS_IT_CAME = "The mail was imported and leaves as it came or not at all; write a new one instead."

OPEN_AGAIN = frozenset({Outcome.PERMANENT, Outcome.TEMPORARY, Outcome.UNKNOWN, Outcome.BOUNCED})
"""Recipients with these outcomes are tried again by a retry by hand."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person changed in a mail that has not been tried; None = left as it was. `due_at` (aware UTC) reschedules it."""

    subject: str | None = None
    text: str | None = None
    html: str | None = None
    recipients: tuple[Recipient, ...] | None = None
    due_at: datetime | None = None
    files: tuple[FileRef, ...] | None = None


def next_state(state: OutboxState, event: OutboxEvent) -> OutboxState:
    """The table's answer. Raises IllegalTransition with a sentence for the person who asked."""
    try:
        return step(OUTBOX, state, event)
    except IllegalTransition:
        raise IllegalTransition(TOO_LATE[state], state=state, event=event) from None


def acted(
    message: OutboxMessage,
    event: OutboxEvent,
    now: datetime,
    by: str,
    *,
    reason: str = "",
    due_at: datetime | None = None,
    edit: Edit | None = None,
    outcomes: Mapping[str, tuple[str, str]] | None = None,
) -> OutboxMessage:
    """The message after `event` by `by` ('' = the system). `outcomes`: address key → (outcome, words) that change with it.

    Before the first try a change of time or content leaves it unsealed; it is sealed again, under the same Message-ID, when it is
    claimed. Raises IllegalTransition: too late, or not possible.
    """
    after = replace(message, state=next_state(message.state, event), recipients=_with_outcomes(message.recipients, outcomes or {}))
    if event is OutboxEvent.EDIT:
        return _edited(after, edit or Edit(due_at=due_at))
    if event is OutboxEvent.HOLD:
        return replace(after, hold_reason=reason or f"held by {by or 'the system'}")
    if event is OutboxEvent.RELEASE:
        return _due(replace(after, hold_reason="", content={**after.content, "released_by": by}), max(due_at or message.due_at, now))
    if event is OutboxEvent.SEND_NOW:
        return _due(_wanted(after), min(message.due_at, now))
    if event is OutboxEvent.RETRY:
        after = _due(after, now) if message.state is OutboxState.QUEUED else after
        return replace(_wanted(after), due_at=now, tries_left=by_hand(message.tries_left), recipients=_opened(after.recipients))
    if event is OutboxEvent.ACCEPTED:
        taken = tuple(replace(one, outcome=Outcome.ACCEPTED) if one.outcome is Outcome.UNKNOWN else one for one in after.recipients)
        return replace(after, sent_at=now, recipients=taken)
    if event is OutboxEvent.BOUNCE:
        return replace(after, first_failed_at=message.first_failed_at or now, last_error=reason or message.last_error)
    return after


def _wanted(message: OutboxMessage) -> OutboxMessage:
    """A person wants it sent whatever came in: it does not cancel itself any more (decisions.md 16)."""
    return replace(message, content={**message.content, "cancel_if_answered": False}) if message.cancel_if_answered else message


def _due(message: OutboxMessage, due_at: datetime) -> OutboxMessage:
    """The message due at another time; its Date changes with it until the first try."""
    untouched = due_at == message.due_at or message.attempts > 0 or message.imported
    return replace(message, due_at=due_at, sealed=message.sealed if untouched else False)


def _edited(message: OutboxMessage, edit: Edit) -> OutboxMessage:
    if message.attempts:
        raise IllegalTransition(CHANGED_AFTER_FIRST_TRY, state=message.state, event=OutboxEvent.EDIT)
    if message.imported:
        raise IllegalTransition(STAYS_AS_IT_CAME, state=message.state, event=OutboxEvent.EDIT)
    words: dict[str, object] = {name: value for name, value in (("subject", edit.subject), ("text", edit.text), ("html", edit.html)) if value is not None}
    if edit.files is not None:
        words["files"] = [asdict(one) for one in edit.files]
    if edit.recipients is not None:
        words["names"] = {one.address.key: one.address.name for one in edit.recipients if one.address.name}
    return replace(
        message,
        content={**message.content, **words},
        subject=edit.subject if edit.subject is not None else message.subject,
        recipients=message.recipients if edit.recipients is None else (*edit.recipients, *_own_copies(message, edit.recipients)),
        due_at=edit.due_at or message.due_at,
        scheduled=message.scheduled or edit.due_at is not None,
        sealed=False,
        attachment_count=message.attachment_count if edit.files is None else sum(not one.inline_id for one in edit.files),
    )


def _own_copies(message: OutboxMessage, others: tuple[Recipient, ...]) -> tuple[Recipient, ...]:
    """The desk's own blind copies stay, whomever else a person writes to (C-GW-05)."""
    named = {one.address.key for one in others}
    return tuple(one for one in message.recipients if one.is_copy and one.address.key not in named)


def _opened(recipients: tuple[Recipient, ...]) -> tuple[Recipient, ...]:
    """Those who have not got it are to be tried again; if a report left it open who that is, everybody."""
    named = any(one.outcome in OPEN_AGAIN | {Outcome.PENDING} for one in recipients)
    return tuple(replace(one, outcome=Outcome.PENDING) if one.outcome in OPEN_AGAIN or not named else one for one in recipients)


def _with_outcomes(recipients: tuple[Recipient, ...], outcomes: Mapping[str, tuple[str, str]]) -> tuple[Recipient, ...]:
    changed = (outcomes.get(one.address.key) for one in recipients)
    return tuple(replace(one, outcome=Outcome(new[0]), words=new[1]) if new else one for one, new in zip(recipients, changed, strict=True))
