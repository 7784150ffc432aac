"""Attempts in the database: claim what is due, mark before the final dot, settle what came of it, find what died; deciding is `core/on_result.py`.

One attempt belongs to (message, n): whoever holds another number has lost it, and every write says so.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, not_, or_, select, update

from core.outbox import OUTBOX, Draft, OutboxEvent, OutboxMessage, OutboxState, Sealed
from core.settling import Settlement
from gateway.store.outbox_rows import INSERT_CHANGE, UPDATE_RECIPIENT, change_row, messages, sealed_values
from gateway.store.schema import outbox, outbox_attempt, raw_mail

CLAIMABLE = tuple(state for state, row in OUTBOX.items() if OutboxEvent.CLAIM in row)

SHORT = {OutboxEvent.CONNECTOR_TROUBLE: "trouble", OutboxEvent.LEASE_OVER_MARKED: "unknown_outcome"}
"""Events whose names are longer than the column of an attempt's outcome."""


class LostClaim(Exception):
    """The attempt is no longer ours: its lease was over, or it was settled already."""


_earlier = outbox.alias("earlier")
_BLOCKED = (
    select(_earlier.c.id)
    .where(
        _earlier.c.item_id == outbox.c.item_id,
        or_(_earlier.c.seq < outbox.c.seq, and_(_earlier.c.seq == outbox.c.seq, _earlier.c.id < outbox.c.id)),
        _earlier.c.connector.in_(bindparam("live", expanding=True)),
        or_(
            _earlier.c.state.in_([str(OutboxState.SENDING), str(OutboxState.PENDING_RETRY)]),
            and_(_earlier.c.state == str(OutboxState.QUEUED), _earlier.c.due_at <= bindparam("now", type_=outbox.c.due_at.type)),
        ),
    )
    .exists()
)
"""An earlier mail of the item that is not settled stands before a later one (decisions.md 20). One that is scheduled for later, held,
failed, of unknown outcome or waiting for a connector that was switched off does not."""

_DUE = (
    select(outbox)
    .where(outbox.c.state == bindparam("in_state"), outbox.c.due_at <= bindparam("now", type_=outbox.c.due_at.type))
    .where(outbox.c.connector.in_(bindparam("usable", expanding=True)), not_(_BLOCKED))
    .order_by(outbox.c.due_at)
    .limit(1)
    .with_for_update(skip_locked=True, of=outbox)
)
_ANY_DUE = select(outbox.c.id).where(outbox.c.state == bindparam("in_state"), outbox.c.due_at <= bindparam("now", type_=outbox.c.due_at.type)).limit(1)
_CLAIM = (
    update(outbox)
    .where(outbox.c.id == bindparam("its_id"), outbox.c.state == bindparam("was_state"), outbox.c.attempts == bindparam("was_attempts"))
    .values(state=str(OutboxState.SENDING), attempts=outbox.c.attempts + 1, marked=False)
)
_RESEAL = update(outbox).where(outbox.c.id == bindparam("its_id"), outbox.c.attempts <= 1)
_RAW_UPDATE = update(raw_mail).where(raw_mail.c.id == bindparam("its_id"))
_OURS = and_(outbox.c.id == bindparam("its_id"), outbox.c.attempts == bindparam("n"), outbox.c.state == str(OutboxState.SENDING))
_MARK = update(outbox).where(_OURS, outbox.c.marked.is_(False)).values(marked=True)
_SETTLE = update(outbox).where(_OURS)
_ATTEMPT = outbox_attempt.insert()
_ATTEMPT_END = update(outbox_attempt).where(outbox_attempt.c.outbox_id == bindparam("its_id"), outbox_attempt.c.n == bindparam("its_n"))
_SENDING = select(outbox.c.id, outbox.c.attempts, outbox.c.lease_by, outbox.c.lease_until).where(outbox.c.state == str(OutboxState.SENDING))
_OVER = _SENDING.where(outbox.c.lease_until <= bindparam("now", type_=outbox.c.lease_until.type)).order_by(outbox.c.lease_until).limit(bindparam("most"))


def any_due(connection: Connection, now: datetime) -> bool:
    """Whether a message may be due; cheap, for those who ask every second."""
    return any(connection.execute(_ANY_DUE, {"in_state": str(state), "now": now}).first() for state in CLAIMABLE)


def due(connection: Connection, now: datetime, *, usable: Collection[str], live: Collection[str]) -> OutboxMessage | None:
    """The message that has been due longest and may be sent now, locked until the transaction ends; None if there is none.

    `usable`: connectors that may send now; `live`: those an administrator has not switched off. Two who ask at once never get the
    same message, nor two of one item: on PostgreSQL by SKIP LOCKED, on SQLite because there is one writer.
    """
    if not usable:
        return None
    asked = {"now": now, "usable": list(usable), "live": list(live)}
    rows = [row for state in CLAIMABLE for row in connection.execute(_DUE, {**asked, "in_state": str(state)})]
    return messages(connection, (min(rows, key=lambda row: row.due_at),))[0] if rows else None


def claim(connection: Connection, message: OutboxMessage, now: datetime, *, holder: str, lease_until: datetime) -> OutboxMessage:
    """A due message becomes *sending*, for attempt n+1, until the lease is over. Raises LostClaim if it is no longer as it was."""
    asked = {"its_id": message.id, "was_state": str(message.state), "was_attempts": message.attempts}
    if connection.execute(_CLAIM, {**asked, "lease_by": holder, "lease_until": lease_until, "last_attempt_at": now}).rowcount != 1:
        raise LostClaim(message.id)
    n = message.attempts + 1
    connection.execute(_ATTEMPT, {"outbox_id": message.id, "n": n, "began_at": now, "ended_at": None, "outcome": "", "words": ""})
    connection.execute(INSERT_CHANGE, change_row(message.id, now, message.state, OutboxState.SENDING, "", f"attempt {n}"))
    return replace(message, state=OutboxState.SENDING, attempts=n, marked=False, lease_by=holder, lease_until=lease_until, last_attempt_at=now)


def reseal(connection: Connection, draft: Draft, sealed: Sealed, ref: str, message: OutboxMessage) -> None:
    """New bytes for a message whose time or content changed, in the transaction that claims its first attempt."""
    values = sealed_values(draft, sealed, ref)
    values["content"] = {**message.content, **values["content"]}
    connection.execute(_RESEAL, {"its_id": message.id, **values})
    connection.execute(_RAW_UPDATE, {"its_id": message.id, "bytes": sealed.bytes})


def mark(connection: Connection, outbox_id: str, attempt: int) -> None:
    """The final dot of this attempt is next. Must be committed durably before it. Raises LostClaim if the attempt is no longer ours."""
    if connection.execute(_MARK, {"its_id": outbox_id, "n": attempt}).rowcount != 1:
        raise LostClaim(outbox_id)


def settle(connection: Connection, settled: Settlement, now: datetime) -> None:
    """Write what came of an attempt. Raises LostClaim if somebody settled it already: then nothing may be written."""
    ended = settled.state is OutboxState.SENT
    values: dict[str, Any] = {
        "state": str(settled.state),
        "due_at": settled.due_at,
        "tries_left": settled.tries_left,
        "unknown_repeats": settled.unknown_repeats,
        "last_error": settled.last_error,
        "first_failed_at": settled.first_failed_at,
        "lease_until": None,
        "lease_by": None,
        "sent_at": now if ended else None,
    }
    if connection.execute(_SETTLE, {"its_id": settled.outbox_id, "n": settled.attempt, **values}).rowcount != 1:
        raise LostClaim(settled.outbox_id)
    if settled.recipients:
        rows = [
            {"its_id": settled.outbox_id, "its_key": key, "new_outcome": str(outcome), "new_words": words} for key, (outcome, words) in settled.recipients.items()
        ]
        connection.execute(UPDATE_RECIPIENT, rows)
    ending = {"its_id": settled.outbox_id, "its_n": settled.attempt, "ended_at": now, "outcome": SHORT.get(settled.event, str(settled.event)), "words": settled.words}
    connection.execute(_ATTEMPT_END, ending)
    connection.execute(INSERT_CHANGE, change_row(settled.outbox_id, now, OutboxState.SENDING, settled.state, "", settled.because))


def leases_over(connection: Connection, now: datetime, most: int = 100) -> list[tuple[str, int]]:
    """(id, attempt) of messages whose sender did not come back in time, the oldest first."""
    return [(row.id, row.attempts) for row in connection.execute(_OVER, {"now": now, "most": most})]


def leases(connection: Connection) -> list[tuple[str, int, str]]:
    """(id, attempt, holder) of every message that is being sent."""
    return [(row.id, row.attempts, row.lease_by or "") for row in connection.execute(_SENDING)]

