"""Inbound messages claimed: leases, attempts, what is given back, fails or is left by dead workers; what becomes of a mail is `inbounds.py`.

A claim is compare-and-set on holder and attempt. Claims are not written to the history: they say nothing about a mail, and their
count stands in the row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, or_, select, update

from core.mail import Envelope
from core.verdict import InboundState
from gateway.store.schema import inbound, state_change

MOST_ATTEMPTS = 3
RETRY_AFTER = timedelta(seconds=10)
"""Before a mail that failed is tried again: this, times the attempts so far."""
REPLAYED = "replayed"
"""The reason of a message that is new once more."""

_C = inbound.c
_CLAIMED = (
    _C.id, _C.attempts, _C.door, _C.connector, _C.peer, _C.received_at, _C.envelope_from, _C.envelope_to, _C.archive, _C.reason, _C.size,
    _C.helo, _C.folder, _C.spam, _C.full_size, _C.submitted_by,
)  # fmt: skip
_ENVELOPE = select(*_CLAIMED).where(_C.id == bindparam("its_id"))
_TAKE = {
    "state": InboundState.WORKING.value,
    "attempts": _C.attempts + 1,
    "lease_until": bindparam("until"),
    "lease_by": bindparam("holder"),
}
_READY = or_(_C.lease_until.is_(None), _C.lease_until <= bindparam("now"))
_FRESH = select(_C.id).where(_C.state == "new", _C.lease_until.is_(None)).order_by(_C.lease_until).limit(bindparam("most")).with_for_update(skip_locked=True)
_AGAIN = select(_C.id).where(_C.state == "new", _C.lease_until <= bindparam("now")).order_by(_C.lease_until).limit(1).with_for_update(skip_locked=True)
_NAMED = select(_C.id).where(_C.state == "new", _C.id.in_(bindparam("ids", expanding=True)), _READY).with_for_update(skip_locked=True)


def _claiming(picked: Select[tuple[str]]) -> Any:
    """The picked rows come from a CTE: PostgreSQL may run a plain subquery with LIMIT more than once."""
    chosen = picked.cte("picked")
    return update(inbound).where(_C.id.in_(select(chosen.c.id)), _C.state == "new").values(_TAKE).returning(*_CLAIMED)


_CLAIM_FRESH, _CLAIM_AGAIN, _CLAIM_NAMED = (_claiming(picked) for picked in (_FRESH, _AGAIN, _NAMED))
MINE = (_C.id == bindparam("its_id"), _C.state == "working", _C.lease_by == bindparam("its_holder"), _C.attempts == bindparam("its_attempts"))
_RENEW = update(inbound).where(*MINE).values(lease_until=bindparam("until"))
_RELEASE = update(inbound).where(*MINE).values(state="new", attempts=_C.attempts - bindparam("less"), lease_until=bindparam("until"), lease_by=None)
_QUARANTINE = (
    update(inbound).where(*MINE).values(state="quarantined", reason=bindparam("because"), settled_at=bindparam("now"), lease_until=None, lease_by=None)
)
_EXPIRED = update(inbound).where(_C.state == "working", _C.lease_until < bindparam("now"))
_EXPIRED_AGAIN = (
    _EXPIRED.where(_C.attempts < MOST_ATTEMPTS).values(state="new", lease_until=bindparam("now"), lease_by=None)
)
_EXPIRED_FOR_GOOD = (
    _EXPIRED.where(_C.attempts >= MOST_ATTEMPTS)
    .values(state="quarantined", reason=bindparam("because"), settled_at=bindparam("now"), lease_until=None, lease_by=None)
    .returning(_C.id)
)
_UNREAD = select(_C.id).where(_C.state.in_(("new", "working"))).limit(1)
_EARLIER = (
    select(_C.id)
    .where(_C.state.in_(("new", "working")), _C.received_at < bindparam("came", type_=_C.received_at.type), _C.id != bindparam("its_id"))
    .limit(1)
)
_HOLDERS = select(_C.lease_by).where(_C.state == "working", _C.lease_by.is_not(None)).distinct()
_OF_HOLDER = update(inbound).where(_C.state == "working", _C.lease_by == bindparam("its_holder")).values(lease_until=bindparam("past"))
_CHANGE = state_change.insert()


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message in our hands until the lease ends. `attempts` counts this one."""

    id: str
    attempts: int
    envelope: Envelope
    holder: str
    replayed: bool = False
    size: int = 0
    """Bytes of the raw mail."""


def earlier_unread(connection: Connection, inbound_id: str, came: datetime) -> bool:
    """Whether a mail that came before this one is still new or being read by somebody."""
    return connection.execute(_EARLIER, {"came": came, "its_id": inbound_id}).first() is not None


def any_unread(connection: Connection) -> bool:
    """Whether anything is new or being read; cheap, for those who ask every second."""
    return connection.execute(_UNREAD).first() is not None


def claim(connection: Connection, now: datetime, holder: str, lease: timedelta, most: int = 8) -> list[Claimed]:
    """The next messages that nobody has looked at yet, oldest first."""
    return _ours(connection, _CLAIM_FRESH, now, holder, lease, most=most)


def claim_again(connection: Connection, now: datetime, holder: str, lease: timedelta) -> list[Claimed]:
    """The next message that failed before, if its time has come: alone, so that it cannot take others with it."""
    return _ours(connection, _CLAIM_AGAIN, now, holder, lease)


def claim_named(connection: Connection, now: datetime, holder: str, lease: timedelta, ids: Collection[str]) -> list[Claimed]:
    """Those of the named messages that are to be worked on, oldest first."""
    return _ours(connection, _CLAIM_NAMED, now, holder, lease, ids=list(ids)) if ids else []


def _ours(connection: Connection, statement: Any, now: datetime, holder: str, lease: timedelta, **more: Any) -> list[Claimed]:
    rows = connection.execute(statement, {"now": now, "until": now + lease, "holder": holder, **more})
    return sorted((_claimed(row, holder) for row in rows), key=_came)


def _came(claimed: Claimed) -> tuple[datetime, str]:
    at = claimed.envelope.received_at
    assert at is not None
    return at, claimed.id


def _claimed(row: Any, holder: str) -> Claimed:
    return Claimed(row.id, row.attempts, envelope_of(row), holder, row.reason == REPLAYED, row.size)


def envelope(connection: Connection, inbound_id: str) -> Envelope:
    """The envelope of a stored message. Raises LookupError if it is not there."""
    row = connection.execute(_ENVELOPE, {"its_id": inbound_id}).first()
    if row is None:
        raise LookupError(f"The message {inbound_id} is not stored.")
    return envelope_of(row)


def envelope_of(row: Any) -> Envelope:
    """The envelope of a row with the columns of a claim."""
    return Envelope(
        row.door,
        row.envelope_from,
        tuple(row.envelope_to),
        row.received_at,
        bool(row.archive),
        row.connector,
        row.peer,
        row.helo,
        row.folder,
        bool(row.spam),
        row.full_size,
        row.submitted_by,
    )


def renew(connection: Connection, claimed: Claimed, until: datetime) -> bool:
    """A longer lease; False if it is no longer ours."""
    return connection.execute(_RENEW, {**mine(claimed), "until": until}).rowcount == 1


def release(connection: Connection, claimed: Claimed, now: datetime, *, delay: timedelta = timedelta(0), attempt: bool = False) -> None:
    """Give a message back. A passing fault is no attempt (architecture section 4)."""
    connection.execute(_RELEASE, {**mine(claimed), "less": 0 if attempt else 1, "until": now + delay if delay or attempt else None})


def fail(connection: Connection, claimed: Claimed, reason: str, now: datetime) -> bool:
    """Our own fault: tried again a little later, after three attempts quarantined with the reason. True: it is quarantined."""
    if claimed.attempts < MOST_ATTEMPTS:
        release(connection, claimed, now, delay=RETRY_AFTER * claimed.attempts, attempt=True)
        return False
    done = connection.execute(_QUARANTINE, {**mine(claimed), "because": reason[:2000], "now": now}).rowcount == 1
    if done:
        record(connection, claimed.id, now, InboundState.WORKING, InboundState.QUARANTINED, reason=reason)
    return done


def sweep(connection: Connection, now: datetime, reason: str) -> tuple[str, ...]:
    """Messages whose worker is gone: tried again, or quarantined after three attempts. Returns the ids of the quarantined ones."""
    connection.execute(_EXPIRED_AGAIN, {"now": now})
    lost = tuple(connection.execute(_EXPIRED_FOR_GOOD, {"now": now, "because": reason}).scalars())
    for inbound_id in lost:
        record(connection, inbound_id, now, InboundState.WORKING, InboundState.QUARANTINED, reason=reason)
    return lost


def holders(connection: Connection) -> tuple[str, ...]:
    """Who holds leases now."""
    return tuple(connection.execute(_HOLDERS).scalars())


def expire(connection: Connection, dead: Iterable[str], past: datetime) -> None:
    """The leases of holders that are known to be gone are over."""
    for holder in dead:
        connection.execute(_OF_HOLDER, {"its_holder": holder, "past": past})


def record(connection: Connection, inbound_id: str, now: datetime, was: InboundState, became: InboundState, *, by: str = "", reason: str = "") -> None:
    """One line of the history of a message."""
    row = {"what": "inbound", "row_id": inbound_id, "at": now, "was": was.value, "became": became.value, "by": by, "reason": reason[:2000]}
    connection.execute(_CHANGE, row)


def mine(claimed: Claimed) -> dict[str, Any]:
    """The parameters of `MINE`: that the message is still ours."""
    return {"its_id": claimed.id, "its_holder": claimed.holder, "its_attempts": claimed.attempts}
