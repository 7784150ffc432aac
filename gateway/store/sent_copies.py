"""Mails that have left and are still to be put into their mailbox's Sent folder: queued with the settlement, claimed one by one; `gateway/sent_folder.py` puts them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from core.conversation import UNSENT
from core.outbox import OutboxMessage, Outcome
from core.settling import Settlement, that_count
from core.setup import Connector
from gateway.store.outbox_rows import raw
from gateway.store.schema import outbox, sent_copy

LONGEST_WORDS = 500

_C = sent_copy.c
_QUEUE = insert(sent_copy).on_conflict_do_nothing(index_elements=[_C.outbox_id])
_DUE = (
    select(_C.outbox_id, _C.connector, _C.due_at, _C.attempts, outbox.c.message_id, func.coalesce(outbox.c.sent_at, outbox.c.last_attempt_at).label("sent_at"))
    .join(outbox, outbox.c.id == _C.outbox_id)
    .where(_C.due_at <= bindparam("now", type_=_C.due_at.type), _C.given_up_at.is_(None), _C.connector.in_(bindparam("connectors", expanding=True)))
    .order_by(_C.due_at, _C.outbox_id)
    .limit(1)
)
_CLAIM = update(sent_copy).where(_C.outbox_id == bindparam("its_id"), _C.due_at == bindparam("was_due_at", type_=_C.due_at.type), _C.given_up_at.is_(None))
_POSTPONE = update(sent_copy).where(
    _C.connector == bindparam("its_connector"), _C.due_at <= bindparam("now", type_=_C.due_at.type), _C.given_up_at.is_(None)
)
_WAITING = select(_C.connector).where(_C.given_up_at.is_(None)).distinct()
_ONE = select(_C.due_at, _C.attempts, _C.last_error, _C.given_up_at).where(_C.outbox_id == bindparam("its_id"))


@dataclass(frozen=True, slots=True)
class SentCopy:
    """One mail that is to be copied. `sent_at` is aware UTC; `attempts` counts the claims, this one too."""

    outbox_id: str
    connector: str
    attempts: int
    message_id: str
    sent_at: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is shown of a copy that is not there yet. Moments are aware UTC."""

    due_at: datetime
    attempts: int
    last_error: str
    given_up_at: datetime | None


def wants(connector: Connector | None) -> bool:
    """Whether mail of this connector is copied: it says so, and its own mailbox is fetched from by IMAP."""
    return connector is not None and bool(connector.outgoing.get("sent_folder")) and connector.receives and connector.incoming.get("kind") == "imap"


def queue(connection: Connection, message: OutboxMessage, settlement: Settlement, connector: Connector | None, now: datetime) -> None:
    """Note that a copy is due, if the mail has come to its end and somebody has got it. In the transaction of the settlement; once for each mail."""
    if connector is None or not wants(connector) or settlement.state in UNSENT:  # it may still reach more people; the copy waits for the end
        return
    came_to = (settlement.recipients.get(one.address.key, (one.outcome, ""))[0] for one in that_count(message.recipients))
    if Outcome.ACCEPTED in came_to:
        connection.execute(_QUEUE, {"outbox_id": message.id, "connector": connector.name, "due_at": now})


def queue_known(connection: Connection, was: OutboxMessage, connector: Connector | None, now: datetime) -> None:
    """The same for a mail of unknown outcome that a person knows to have arrived; `was` as it was before. Where somebody had got it, the copy was queued then."""
    if wants(connector) and all(one.outcome is not Outcome.ACCEPTED for one in that_count(was.recipients)):
        connection.execute(_QUEUE, {"outbox_id": was.id, "connector": was.connector, "due_at": now})


def again(connection: Connection, connector: str, now: datetime) -> int:
    """Copies of this connector that were given up are due once more; how many."""
    given_up = update(sent_copy).where(_C.connector == connector, _C.given_up_at.is_not(None))
    return connection.execute(given_up.values(due_at=now, given_up_at=None)).rowcount


def waiting(connection: Connection) -> frozenset[str]:
    """The connectors for which copies wait."""
    return frozenset(row.connector for row in connection.execute(_WAITING))


def claim(connection: Connection, connectors: Collection[str], now: datetime, until: datetime) -> SentCopy | None:
    """The copy that is due first among these connectors, ours until `until`; None if there is none.

    Must be durable: a copy that was tried is looked for before it is tried again.
    """
    while connectors:
        row = connection.execute(_DUE, {"now": now, "connectors": list(connectors)}).first()
        if row is None:
            return None
        done = connection.execute(_CLAIM.values(due_at=until, attempts=row.attempts + 1), {"its_id": row.outbox_id, "was_due_at": row.due_at})
        if done.rowcount == 1:
            return SentCopy(row.outbox_id, row.connector, row.attempts + 1, row.message_id, row.sent_at or now, raw(connection, row.outbox_id))
    return None


def done(connection: Connection, outbox_id: str) -> None:
    """The copy is there."""
    connection.execute(delete(sent_copy).where(_C.outbox_id == outbox_id))


def failed(connection: Connection, copy: SentCopy, words: str, *, due_at: datetime, given_up_at: datetime | None = None) -> None:
    """It could not be put there: again at `due_at`, or never."""
    values = {"due_at": due_at, "last_error": words[:LONGEST_WORDS], "given_up_at": given_up_at}
    connection.execute(update(sent_copy).where(_C.outbox_id == copy.outbox_id).values(values))


def postpone(connection: Connection, connector: str, words: str, *, now: datetime, due_at: datetime) -> None:
    """The mailbox cannot be used: whatever else is due for it waits as well."""
    connection.execute(_POSTPONE.values(due_at=due_at, last_error=words[:LONGEST_WORDS]), {"its_connector": connector, "now": now})


def of(connection: Connection, outbox_id: str) -> Waiting | None:
    """How the copy of one mail fares; None if it is there, or was never wanted."""
    row = connection.execute(_ONE, {"its_id": outbox_id}).first()
    return Waiting(row.due_at, row.attempts, row.last_error, row.given_up_at) if row is not None else None
