"""Attempts in the database: claim what is due, mark before the final dot, settle what came of it, find what died; deciding is `core/on_result.py`.

One attempt belongs to (message, n): whoever holds another number has lost it, and every write says so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import accumulate
from typing import Any

from sqlalchemy import Connection, Integer, String, and_, bindparam, case, delete, func, literal_column, not_, or_, select, update

from core.outbox import INTERNAL, OUTBOX, Draft, OutboxEvent, OutboxMessage, OutboxState, Sealed
from core.settling import BECAUSE, Settlement
from core.transitions import step
from gateway.store import outbox_texts
from gateway.store.outbox_rows import INSERT_CHANGE, UPDATE_RECIPIENT, change_row, messages, sealed_values
from gateway.store.prepared import Prepared
from gateway.store.schema import outbox, outbox_attempt, raw_mail

CLAIMABLE = tuple(state for state, row in OUTBOX.items() if OutboxEvent.CLAIM in row)

_OTHERS = [str(state) for state in OutboxState if state not in CLAIMABLE]
"""Said as "none of these", because with "one of those" SQLite reads through all that is queued instead of looking up the few ids."""

BACK = {OutboxState.QUEUED: OutboxEvent.GIVEN_BACK, OutboxState.PENDING_RETRY: OutboxEvent.GIVEN_BACK_RETRY}
"""What brings a claimed message back to the state it had."""

SHORT = {OutboxEvent.CONNECTOR_TROUBLE: "trouble", OutboxEvent.LEASE_OVER_MARKED: "unknown_outcome"}
"""Events whose names are longer than the column of an attempt's outcome."""

QUEUE_ID = 120
"""Characters kept of what a server calls a mail."""


class LostClaim(Exception):
    """The attempt is no longer ours: its lease was over, or it was settled already."""


EARLIER = outbox.alias("earlier")
_its_state, _its_connector = func.coalesce(EARLIER.c.state, ""), func.coalesce(EARLIER.c.connector, "")
"""Never empty: said so that no planner looks them up in `ix_outbox_due`. An item has few mails; of those that wait there may be a hundred
thousand, and PostgreSQL reads them all for each row that it looks at until its statistics say how many there are."""
STANDS_BEFORE = (
    select(EARLIER.c.id)
    .where(
        EARLIER.c.item_id == outbox.c.item_id,
        or_(EARLIER.c.seq < outbox.c.seq, and_(EARLIER.c.seq == outbox.c.seq, EARLIER.c.id < outbox.c.id)),
        EARLIER.c.purpose.not_in(sorted(INTERNAL)),
        _its_connector.in_(bindparam("live", expanding=True)),
        or_(
            _its_state.in_([str(OutboxState.SENDING), str(OutboxState.PENDING_RETRY)]),
            and_(_its_state == str(OutboxState.QUEUED), EARLIER.c.due_at <= bindparam("now", type_=outbox.c.due_at.type)),
        ),
    )
)
"""An earlier mail of the item that is not settled stands before a later one (decisions.md 20). One that is scheduled for later, held,
failed, of unknown outcome or waiting for a connector that was switched off does not; nor does a notice to a colleague, who is not in the conversation."""
_BLOCKED = STANDS_BEFORE.limit(literal_column("1")).offset(literal_column("0")).exists()
"""The offset keeps PostgreSQL from making a join of it, for which it may read the whole outbox: it is looked up for the few rows that are claimed."""

_WAITS = and_(
    outbox.c.state == bindparam("in_state"),
    outbox.c.connector == bindparam("by_connector"),
    outbox.c.due_at <= bindparam("now", type_=outbox.c.due_at.type),
)
"""A range of `ix_outbox_due`: what is sent, held or planned, and what other connectors have to send, costs nothing here."""

_DUE = select(outbox).where(_WAITS, not_(_BLOCKED)).order_by(outbox.c.due_at, outbox.c.seq)
_DUE = _DUE.limit(bindparam("most", type_=Integer)).with_for_update(skip_locked=True, of=outbox)
"""Of one moment the older first, as they stand in the index: one that was given back comes before those that wait for it."""
_ANY_DUE = select(outbox.c.id).where(_WAITS).order_by(outbox.c.due_at).limit(1)  # without the order PostgreSQL may read the table from its beginning
_CLAIM = (
    update(outbox)
    .where(outbox.c.id.in_(bindparam("ids", expanding=True)), outbox.c.state.not_in(_OTHERS))
    .values(state=str(OutboxState.SENDING), attempts=outbox.c.attempts + 1, marked=False)
)
_RESEAL = update(outbox).where(outbox.c.id == bindparam("its_id"), outbox.c.attempts <= 1)
_RAW_UPDATE = update(raw_mail).where(raw_mail.c.id == bindparam("its_id"))
_OURS = and_(outbox.c.id == bindparam("its_id"), outbox.c.attempts == bindparam("n"), outbox.c.state == str(OutboxState.SENDING))
_MARK = Prepared(update(outbox).where(_OURS, outbox.c.marked.is_(False)).values(marked=True))
_CALLED = bindparam("called", type_=String)
_SETTLE = Prepared(
    update(outbox).where(_OURS).values(queue_id=case((_CALLED == "", outbox.c.queue_id), else_=_CALLED)),
    "state due_at tries_left unknown_repeats last_error first_failed_at lease_until lease_by sent_at".split(),
)
_GIVE_BACK = update(outbox).where(_OURS, outbox.c.marked.is_(False)).values(attempts=outbox.c.attempts - 1, lease_until=None, lease_by=None)
_SIGN = update(outbox).where(_OURS, outbox.c.signature == "").values(signature=bindparam("new_signature"))
_BYTES = select(outbox.c.id, outbox.c.signature, raw_mail.c.bytes).where(outbox.c.id.in_(bindparam("ids", expanding=True)), raw_mail.c.id == outbox.c.id)
_SIZES = select(raw_mail.c.id, func.length(raw_mail.c.bytes).label("size")).where(raw_mail.c.id.in_(bindparam("ids", expanding=True)))
_HOLDS = select(outbox.c.id).where(_OURS).with_for_update()
_ATTEMPT = Prepared(outbox_attempt.insert(), "outbox_id n began_at ended_at outcome words queue_id".split())
_CHANGE = Prepared(INSERT_CHANGE, "what row_id at was became by reason".split())
_RECIPIENT = Prepared(UPDATE_RECIPIENT)
_ATTEMPT_UNDONE = delete(outbox_attempt).where(outbox_attempt.c.outbox_id == bindparam("its_id"), outbox_attempt.c.n == bindparam("its_n"))
_ATTEMPT_END = Prepared(
    update(outbox_attempt).where(outbox_attempt.c.outbox_id == bindparam("its_id"), outbox_attempt.c.n == bindparam("its_n")),
    ("ended_at", "outcome", "words", "queue_id"),
)
_SENDING = select(outbox.c.id, outbox.c.attempts, outbox.c.lease_by, outbox.c.lease_until).where(outbox.c.state == str(OutboxState.SENDING))
_OVER = _SENDING.where(outbox.c.lease_until <= bindparam("now", type_=outbox.c.lease_until.type)).order_by(outbox.c.lease_until).limit(bindparam("most"))


def any_due(connection: Connection, now: datetime, connectors: Collection[str]) -> bool:
    """Whether one of these connectors may have something to send; cheap, for those who ask every second."""
    asked = ({"in_state": str(state), "by_connector": name, "now": now} for name in connectors for state in CLAIMABLE)
    return any(connection.execute(_ANY_DUE, one).first() for one in asked)


def due(connection: Connection, now: datetime, connector: str, *, live: Collection[str], most: int = 1) -> list[OutboxMessage]:
    """The messages of a connector that have been due longest and may be sent now, locked until the transaction ends; one of each item at the most.

    `live`: the connectors that an administrator has not switched off. Two who ask at once never get the same message, nor two of one
    item: on PostgreSQL by SKIP LOCKED, on SQLite because there is one writer.
    """
    asked = {"now": now, "by_connector": connector, "live": list(live), "most": most}
    rows = [row for state in CLAIMABLE for row in connection.execute(_DUE, {**asked, "in_state": str(state)})]
    return messages(connection, sorted(rows, key=lambda row: row.due_at)[:most], texts=False)


def claim(connection: Connection, found: Sequence[OutboxMessage], now: datetime, *, holder: str, lease_until: datetime) -> list[OutboxMessage]:
    """Due messages become *sending*, each for its attempt n+1, until the lease is over. Raises LostClaim if one is no longer as it was."""
    asked = {"ids": [message.id for message in found], "lease_by": holder, "lease_until": lease_until, "last_attempt_at": now}
    if connection.execute(_CLAIM, asked).rowcount != len(found):
        raise LostClaim(found[0].id)
    begun = [{"outbox_id": one.id, "n": one.attempts + 1, "began_at": now, "ended_at": None, "outcome": "", "words": "", "queue_id": ""} for one in found]
    _ATTEMPT.run_all(connection, begun)
    changes = [change_row(one.id, now, one.state, OutboxState.SENDING, "", f"attempt {one.attempts + 1}") for one in found]
    _CHANGE.run_all(connection, changes)
    lease: dict[str, Any] = {"marked": False, "lease_by": holder, "lease_until": lease_until, "last_attempt_at": now}
    return [replace(one, state=OutboxState.SENDING, attempts=one.attempts + 1, **lease) for one in found]


def give_back(connection: Connection, claimed: Sequence[tuple[OutboxMessage, OutboxMessage]], now: datetime) -> None:
    """Claimed messages whose sending was not begun, each with the message as it was before, are that again; those no longer ours are left alone."""
    for was, mine in claimed:
        event = BACK[was.state]
        values = {"state": str(step(OUTBOX, mine.state, event)), "last_attempt_at": was.last_attempt_at}
        if connection.execute(_GIVE_BACK, {"its_id": mine.id, "n": mine.attempts, **values}).rowcount == 1:
            connection.execute(_ATTEMPT_UNDONE, {"its_id": mine.id, "its_n": mine.attempts})
            connection.execute(INSERT_CHANGE, change_row(mine.id, now, mine.state, was.state, "", BECAUSE[event]))


def as_many_as(connection: Connection, found: Sequence[OutboxMessage], heaviest: int) -> list[OutboxMessage]:
    """The first of these messages, as many as have `heaviest` bytes together; the first of all in any case."""
    sizes = {row.id: row.size for row in connection.execute(_SIZES, {"ids": [one.id for one in found]})}
    sums = accumulate(sizes.get(one.id, 0) for one in found)
    return [one for n, (one, whole) in enumerate(zip(found, sums, strict=True)) if not n or whole <= heaviest]


def bytes_of(connection: Connection, found: Sequence[OutboxMessage]) -> dict[str, tuple[str, bytes]]:
    """Outbox id → its signature fields ('' = none yet) and its sealed bytes."""
    rows = connection.execute(_BYTES, {"ids": [one.id for one in found]}) if found else ()
    return {row.id: (row.signature, bytes(row.bytes)) for row in rows}


def sign(connection: Connection, signed: Sequence[tuple[OutboxMessage, str]]) -> None:
    """Keep the signature fields of claimed messages; a signature that is there stays as it is."""
    for message, text in signed:
        connection.execute(_SIGN, {"its_id": message.id, "n": message.attempts, "new_signature": text})


def reseal(connection: Connection, draft: Draft, sealed: Sealed, ref: str, message: OutboxMessage) -> None:
    """New bytes for a message whose time or content changed, in the transaction that claims its first attempt."""
    values = sealed_values(draft, sealed, ref)
    values["content"], apart = outbox_texts.parted({**message.content, **values["content"]})
    values["signature"] = ""
    outbox_texts.write(connection, message.id, apart)
    connection.execute(_RESEAL, {"its_id": message.id, **values})
    connection.execute(_RAW_UPDATE, {"its_id": message.id, "bytes": sealed.bytes})


def mark(connection: Connection, outbox_id: str, attempt: int) -> None:
    """The final dot of this attempt is next. Must be committed durably before it. Raises LostClaim if the attempt is no longer ours."""
    if _MARK.run(connection, {"its_id": outbox_id, "n": attempt}) != 1:
        raise LostClaim(outbox_id)


def hold_on(connection: Connection, claimed: Sequence[OutboxMessage]) -> None:
    """Lock the rows of attempts before anything else is locked, in the order everybody takes; SQLite has one writer. Raises LostClaim."""
    if connection.dialect.name == "sqlite":
        return
    for one in sorted(claimed, key=lambda message: message.id):
        if connection.execute(_HOLDS, {"its_id": one.id, "n": one.attempts}).first() is None:
            raise LostClaim(one.id)


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
        "called": settled.queue_id[:QUEUE_ID],
    }
    if _SETTLE.run(connection, {"its_id": settled.outbox_id, "n": settled.attempt, **values}) != 1:
        raise LostClaim(settled.outbox_id)
    if settled.recipients:
        rows = [
            {"its_id": settled.outbox_id, "its_key": key, "new_outcome": str(outcome), "new_words": words} for key, (outcome, words) in settled.recipients.items()
        ]
        _RECIPIENT.run_all(connection, rows)
    ending = {"its_id": settled.outbox_id, "its_n": settled.attempt, "ended_at": now, "outcome": SHORT.get(settled.event, str(settled.event)), "words": settled.words}
    ending["queue_id"] = settled.queue_id[:QUEUE_ID]
    _ATTEMPT_END.run(connection, ending)
    _CHANGE.run(connection, change_row(settled.outbox_id, now, OutboxState.SENDING, settled.state, "", settled.because))


def leases_over(connection: Connection, now: datetime, most: int = 100) -> list[tuple[str, int]]:
    """(id, attempt) of messages whose sender did not come back in time, the oldest first."""
    return [(row.id, row.attempts) for row in connection.execute(_OVER, {"now": now, "most": most})]


def leases(connection: Connection) -> list[tuple[str, int, str]]:
    """(id, attempt, holder) of every message that is being sent."""
    return [(row.id, row.attempts, row.lease_by or "") for row in connection.execute(_SENDING)]

