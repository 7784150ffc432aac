"""The outbox in the database: new messages, and what people do to them by compare-and-set; attempts are `outbox_claims.py`, rows `outbox_rows.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, case, delete, func, select, update

from core.decision import OutboxChange
from core.outbox import Draft, OutboxEvent, OutboxMessage, OutboxState, Recipient, Sealed
from core.outbox_acts import Edit, acted
from core.refusal import NotFound
from core.retry import DEFAULT, tries
from core.setup import RetryTemplate
from core.transitions import IllegalTransition
from gateway.store import outbox_texts
from gateway.store.brakes import count_automatic
from gateway.store.outbox_rows import (
    INSERT_CHANGE,
    UPDATE_RECIPIENT,
    change_row,
    draft_of,
    get,
    listing,
    load,
    lock_unsent,
    of_item,
    raw,
    recipient_rows,
    sealed_values,
    to_text,
    unsent_of,
)
from gateway.store.outbox_shown import QUIET, as_json, detail, history, refs_of, warnings_of, warnings_on
from gateway.store.schema import outbox, outbox_recipient, raw_mail

__all__ = [
    "QUIET",
    "act",
    "as_json",
    "change",
    "detail",
    "draft_of",
    "get",
    "history",
    "insert",
    "listing",
    "load",
    "lock_unsent",
    "of_item",
    "raw",
    "refs_of",
    "unsent_of",
    "warnings_of",
    "warnings_on",
]

_MICROS = bindparam("micros", type_=BigInteger)
_SEQ = (
    select(func.coalesce(func.max(case((outbox.c.seq >= _MICROS, outbox.c.seq + 1))), _MICROS))
    .where(outbox.c.item_id == bindparam("its_item"))
    .scalar_subquery()
)
"""Microseconds of creation, and always after the earlier mails of the item (decisions.md 20)."""

_INSERT = outbox.insert().values({column.name: bindparam(column.name, type_=column.type) for column in outbox.columns if column.name != "seq"} | {"seq": _SEQ})
_INSERT_RECIPIENTS = outbox_recipient.insert()
_INSERT_RAW = raw_mail.insert()
_CAS = update(outbox).where(
    outbox.c.id == bindparam("its_id"), outbox.c.state == bindparam("was_state"), outbox.c.attempts == bindparam("was_attempts")
)
_DROP_RECIPIENTS = delete(outbox_recipient).where(outbox_recipient.c.outbox_id == bindparam("its_id"))

_EMPTY: dict[str, Any] = {
    "attempts": 0,
    "unknown_repeats": 0,
    "marked": False,
    "last_attempt_at": None,
    "last_error": "",
    "first_failed_at": None,
    "sent_at": None,
    "lease_until": None,
    "lease_by": None,
    "queue_id": "",
    "signature": "",
}


def insert(connection: Connection, draft: Draft, sealed: Sealed, *, now: datetime, ref: str = "", template: RetryTemplate | None = None) -> None:
    """Put a sealed draft into the outbox: queued, or held where the draft says why. The waits of the retry template go with it (E-24).

    Automatic mail is counted for the brakes. The draft's id is the message's id; a second insert of the same raises IntegrityError.
    """
    retry = template or DEFAULT
    state = OutboxState.HELD if draft.hold_reason else OutboxState.QUEUED
    values = sealed_values(draft, sealed, ref)
    values["content"], apart = outbox_texts.parted({**values["content"], "intervals": [interval.total_seconds() for interval in retry.intervals]})
    row = {
        **_EMPTY,
        **values,
        "id": draft.id,
        "micros": _micros(now),
        "its_item": draft.item_id or None,
        "item_id": draft.item_id or None,
        "state": str(state),
        "due_at": draft.due_at,
        "created_at": now,
        "author": draft.author,
        "purpose": str(draft.purpose),
        "system_generated": draft.system_generated,
        "connector": draft.connector,
        "importance": str(draft.importance),
        "to_text": to_text(draft.recipients),
        "scheduled": draft.scheduled,
        "resolves": draft.resolves,
        "starts_clock": draft.starts_clock,
        "hold_reason": draft.hold_reason,
        "retry_template_id": retry.id or None,
        "tries_left": tries(retry.intervals),
    }
    connection.execute(_INSERT, row)
    outbox_texts.write(connection, draft.id, apart, fresh=True)
    _insert_recipients(connection, draft.id, draft.recipients)
    connection.execute(_INSERT_RAW, {"id": draft.id, "bytes": sealed.bytes})
    connection.execute(INSERT_CHANGE, change_row(draft.id, now, "", state, draft.author, draft.hold_reason))
    if draft.system_generated:
        count_automatic(connection, draft, now)


def act(
    connection: Connection,
    outbox_id: str,
    event: OutboxEvent,
    now: datetime,
    by: str,
    *,
    reason: str = "",
    due_at: datetime | None = None,
    edit: Edit | None = None,
    outcomes: Mapping[str, tuple[str, str]] | None = None,
) -> OutboxMessage:
    """Cancel, hold, release, send now, retry, edit, reschedule (EDIT with `due_at`) or bounce a message, and return it as it is now.

    Compare-and-set: against a dispatcher that claims it at the same moment there is one winner. Raises IllegalTransition with a
    sentence (too late, not possible), NotFound for an unknown id.
    """
    for _ in range(3):
        was = get(connection, outbox_id, lock=True)
        if was is None:
            raise NotFound(f"There is no outgoing mail “{outbox_id[:64]}”.")
        after = acted(was, event, now, by, reason=reason, due_at=due_at, edit=edit, outcomes=outcomes)
        if _swap(connection, was, after):
            _write_recipients(connection, was, after)
            connection.execute(INSERT_CHANGE, change_row(was.id, now, was.state, after.state, by, f"{event}: {reason}" if reason else str(event)))
            return after
    raise IllegalTransition("Too late: the mail changed at this very moment. Look again.", state=None, event=event)


def change(connection: Connection, wanted: OutboxChange, now: datetime) -> OutboxMessage:
    """Apply one change of a decision. Raises as `act` does."""
    return act(connection, wanted.outbox_id, wanted.event, now, wanted.by, reason=wanted.reason, due_at=wanted.due_at, outcomes=wanted.recipients)


def _swap(connection: Connection, was: OutboxMessage, after: OutboxMessage) -> bool:
    """Write what an act may change, if the row is still as it was."""
    content, apart = outbox_texts.parted(after.content)
    values: dict[str, Any] = {
        "state": str(after.state),
        "due_at": after.due_at,
        "subject": after.subject,
        "content": content,
        "to_text": to_text(after.recipients),
        "scheduled": after.scheduled,
        "hold_reason": after.hold_reason,
        "tries_left": after.tries_left,
        "sealed": after.sealed,
        "last_error": after.last_error,
        "first_failed_at": after.first_failed_at,
        "sent_at": after.sent_at,
        "attachment_count": after.attachment_count,
    }
    done = connection.execute(_CAS, {"its_id": was.id, "was_state": str(was.state), "was_attempts": was.attempts, **values})
    if done.rowcount == 1 and after.content != was.content:
        outbox_texts.write(connection, was.id, apart)
    return done.rowcount == 1


def _write_recipients(connection: Connection, was: OutboxMessage, after: OutboxMessage) -> None:
    if [(one.address, one.role) for one in was.recipients] != [(one.address, one.role) for one in after.recipients]:
        connection.execute(_DROP_RECIPIENTS, {"its_id": was.id})
        _insert_recipients(connection, was.id, after.recipients)
        return
    changed = [new for old, new in zip(was.recipients, after.recipients, strict=True) if old != new]
    if changed:
        rows = [{"its_id": was.id, "its_key": one.address.key, "new_outcome": str(one.outcome), "new_words": one.words} for one in changed]
        connection.execute(UPDATE_RECIPIENT, rows)


def _insert_recipients(connection: Connection, outbox_id: str, recipients: Sequence[Recipient]) -> None:
    rows = recipient_rows(outbox_id, recipients)
    if rows:
        connection.execute(_INSERT_RECIPIENTS, rows)


def _micros(moment: datetime) -> int:
    delta = moment.astimezone(UTC) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
