"""Inbound messages on their way: claimed, given back, failed, settled with their verdicts; lists and what people do with them is `inbound_list.py`.

Claims and settlements are compare-and-set on holder and attempt. Only settlements and what people do are written to the history:
a claim says nothing about a mail, and its count stands in the row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from core.mail import Address, Attachment, Envelope, Mail
from core.verdict import InboundState, TraceStep, Verdict, most_urgent
from gateway.store.schema import inbound, inbound_body, inbound_verdict, intake_key, raw_mail, state_change

MOST_ATTEMPTS = 3
RETRY_AFTER = timedelta(seconds=10)
"""Before a mail that failed is tried again: this, times the attempts so far."""
KEY_WINDOW = timedelta(days=7)
"""How long content alone tells a duplicate (decisions.md 8)."""
REPLAYED = "replayed"
"""The reason of a message that is new once more."""
MOST_ADDRESSES = 1_000
_ATTACHMENT = tuple(one.name for one in fields(Attachment))
SHORT, LONG = 998, 1_000
"""Bounds of the id and address columns."""

_C = inbound.c
_CLAIMED = (
    _C.id, _C.attempts, _C.door, _C.connector, _C.peer, _C.received_at, _C.envelope_from, _C.envelope_to, _C.archive, _C.reason,
)  # fmt: skip
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
_MINE = (_C.id == bindparam("its_id"), _C.state == "working", _C.lease_by == bindparam("its_holder"), _C.attempts == bindparam("its_attempts"))
_RENEW = update(inbound).where(*_MINE).values(lease_until=bindparam("until"))
_RELEASE = update(inbound).where(*_MINE).values(state="new", attempts=_C.attempts - bindparam("less"), lease_until=bindparam("until"), lease_by=None)
_QUARANTINE = (
    update(inbound).where(*_MINE).values(state="quarantined", reason=bindparam("because"), settled_at=bindparam("now"), lease_until=None, lease_by=None)
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
_HOLDERS = select(_C.lease_by).where(_C.state == "working", _C.lease_by.is_not(None)).distinct()
_OF_HOLDER = update(inbound).where(_C.state == "working", _C.lease_by == bindparam("its_holder")).values(lease_until=bindparam("past"))
_SETTLED_COLUMNS = ("state", "reason", "message_id", "from_address", "from_name", "subject", "sent_at", "classification", "settled_at", "trace")
_SETTLE = (
    update(inbound)
    .where(*_MINE)
    .values({name: bindparam(f"new_{name}", type_=_C[name].type) for name in _SETTLED_COLUMNS})
    .values(lease_until=None, lease_by=None)
)
_NO_VERDICT = {
    "recipient": "",
    "connector": "",
    "action": "hold",
    "state": "quarantined",
    "process_id": None,
    "evidence": "none",
    "decided_by": "",
    "decided_at": None,
}
_BODY = insert(inbound_body)
_BODY = _BODY.on_conflict_do_update(
    index_elements=[inbound_body.c.inbound_id],
    set_={name: _BODY.excluded[name] for name in ("new_text", "quoted_text", "html", "attachments", "people", "defects")},
)
_VERDICTS = inbound_verdict.insert()
_KEY = insert(intake_key)
_KEY = _KEY.on_conflict_do_update(
    index_elements=[intake_key.c.connector, intake_key.c.recipient, intake_key.c.message_id, intake_key.c.content_key],
    set_={"inbound_id": _KEY.excluded.inbound_id, "at": _KEY.excluded.at},
    where=or_(intake_key.c.inbound_id == _KEY.excluded.inbound_id, (intake_key.c.message_id == "") & (intake_key.c.at < bindparam("before", type_=intake_key.c.at.type))),
).execution_options(preserve_rowcount=True)  # else an INSERT's row count is not kept on PostgreSQL
_CHANGE = state_change.insert()
_STANDING = select(inbound_verdict.c.n, inbound_verdict.c.state).where(inbound_verdict.c.inbound_id == bindparam("its_id"))
_RAW = select(raw_mail.c.bytes).where(raw_mail.c.id == bindparam("its_id"))


class LostLease(Exception):
    """Somebody else has the message now: what was worked out for it is thrown away."""


class TakenMeanwhile(Exception):
    """The same mail was taken in for the same recipient by another worker a moment ago: decide again."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message in our hands until the lease ends. `attempts` counts this one."""

    id: str
    attempts: int
    envelope: Envelope
    holder: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Verdicts of an earlier run that stand: their states, and the number of the next verdict."""

    states: tuple[InboundState, ...] = ()
    next: int = 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is written of a mail that was read and decided. `keys` are the (connector, recipient key) it was taken in for."""

    mail: Mail
    verdicts: tuple[Verdict, ...]
    trace: tuple[TraceStep, ...]
    classification: str
    keys: tuple[tuple[str, str], ...] = ()
    standing: Standing = field(default_factory=Standing)

    @property
    def state(self) -> InboundState:
        return most_urgent((*self.standing.states, *(verdict.state for verdict in self.verdicts)))

    @property
    def reason(self) -> str:
        return next((verdict.because for verdict in self.verdicts if verdict.state is self.state), "")


# ---------------------------------------------------------------- claims


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
    return Claimed(row.id, row.attempts, envelope_of(row), holder, row.reason == REPLAYED)


def envelope_of(row: Any) -> Envelope:
    """The envelope of a row with the columns of a claim."""
    return Envelope(row.door, row.envelope_from, tuple(row.envelope_to), row.received_at, bool(row.archive), row.connector, row.peer)


def renew(connection: Connection, claimed: Claimed, until: datetime) -> bool:
    """A longer lease; False if it is no longer ours."""
    return connection.execute(_RENEW, {**_mine(claimed), "until": until}).rowcount == 1


def release(connection: Connection, claimed: Claimed, now: datetime, *, delay: timedelta = timedelta(0), attempt: bool = False) -> None:
    """Give a message back. A passing fault is no attempt (architecture section 4)."""
    connection.execute(_RELEASE, {**_mine(claimed), "less": 0 if attempt else 1, "until": now + delay if delay or attempt else None})


def fail(connection: Connection, claimed: Claimed, reason: str, now: datetime) -> bool:
    """Our own fault: tried again a little later, after three attempts quarantined with the reason. True: it is quarantined."""
    if claimed.attempts < MOST_ATTEMPTS:
        release(connection, claimed, now, delay=RETRY_AFTER * claimed.attempts, attempt=True)
        return False
    done = connection.execute(_QUARANTINE, {**_mine(claimed), "because": reason[:2000], "now": now}).rowcount == 1
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


def standing(connection: Connection, inbound_id: str) -> Standing:
    """What an earlier run left."""
    rows = connection.execute(_STANDING, {"its_id": inbound_id}).all()
    return Standing(tuple(InboundState(row.state) for row in rows), 1 + max((row.n for row in rows), default=-1))


def raw(connection: Connection, inbound_id: str) -> bytes:
    """The raw mail. Raises LookupError if it is not there."""
    found = connection.execute(_RAW, {"its_id": inbound_id}).scalar_one_or_none()
    if found is None:
        raise LookupError(f"The raw mail of {inbound_id} is not stored.")
    return bytes(found)


# ---------------------------------------------------------------- settlement


def settle(connection: Connection, claimed: Claimed, settled: Settlement, now: datetime) -> None:
    """Write what became of a mail: state, text, verdicts, trace, and that it was taken in.

    Raises LostLease if the message is no longer ours, TakenMeanwhile if the same mail was taken in at the same time.
    """
    mail, author = settled.mail, settled.mail.author or Address("")
    state = settled.state
    done = connection.execute(
        _SETTLE,
        {
            **_mine(claimed),
            "new_state": state.value,
            "new_reason": settled.reason[:2000],
            "new_message_id": mail.message_id[:SHORT],
            "new_from_address": author.address[:LONG],
            "new_from_name": author.name[:LONG],
            "new_subject": mail.subject,
            "new_sent_at": mail.date,
            "new_classification": settled.classification,
            "new_settled_at": now,
            "new_trace": [[step.step, step.check, step.outcome, step.because] for step in settled.trace],
        },
    )
    if done.rowcount != 1:
        raise LostLease(claimed.id)
    write_keys(connection, claimed.id, mail, settled.keys, now)
    connection.execute(_BODY, _body_row(claimed.id, mail))
    write_verdicts(connection, claimed.id, settled.verdicts, settled.standing.next)
    record(connection, claimed.id, now, InboundState.WORKING, state, reason=settled.reason)


def write_keys(connection: Connection, inbound_id: str, mail: Mail, keys: Iterable[tuple[str, str]], now: datetime) -> None:
    """Remember that a mail was taken in for these recipients (decisions.md 8). Raises TakenMeanwhile."""
    for connector, recipient in keys:
        row = {
            "connector": connector,
            "recipient": recipient[:LONG],
            "message_id": mail.message_id[:SHORT],
            "content_key": mail.content_key[:64],
            "inbound_id": inbound_id,
            "at": now,
            "before": now - KEY_WINDOW,
        }
        if connection.execute(_KEY, row).rowcount != 1:
            raise TakenMeanwhile(inbound_id)


def write_verdicts(connection: Connection, inbound_id: str, verdicts: Sequence[Verdict], first: int = 0) -> None:
    """One row for each verdict, numbered from `first`."""
    rows = [
        {
            "inbound_id": inbound_id,
            "n": first + n,
            "recipient": verdict.recipient[:LONG],
            "connector": verdict.connector,
            "action": verdict.action.value,
            "state": verdict.state.value,
            "item_id": verdict.item_id or None,
            "process_id": verdict.process_id or None,
            "evidence": verdict.evidence.value,
            "because": verdict.because,
            "decided_by": "",
            "decided_at": None,
        }
        for n, verdict in enumerate(verdicts)
    ]
    if rows:
        connection.execute(_VERDICTS, rows)


def write_pointers(connection: Connection, inbound_id: str, item_ids: Iterable[str], because: str) -> None:
    """The items whose clocks stand still because of a quarantined message, as verdicts that are yet to be made."""
    rows = [{**_NO_VERDICT, "inbound_id": inbound_id, "n": n, "item_id": item_id, "because": because} for n, item_id in enumerate(item_ids)]
    if rows:
        connection.execute(_VERDICTS, rows)


def record(connection: Connection, inbound_id: str, now: datetime, was: InboundState, became: InboundState, *, by: str = "", reason: str = "") -> None:
    """One line of the history of a message."""
    row = {"what": "inbound", "row_id": inbound_id, "at": now, "was": was.value, "became": became.value, "by": by, "reason": reason[:2000]}
    connection.execute(_CHANGE, row)


def _mine(claimed: Claimed) -> dict[str, Any]:
    return {"its_id": claimed.id, "its_holder": claimed.holder, "its_attempts": claimed.attempts}


def _body_row(inbound_id: str, mail: Mail) -> Mapping[str, Any]:
    people = {"from": mail.from_, "reply_to": mail.reply_to, "to": mail.to, "cc": mail.cc}
    return {
        "inbound_id": inbound_id,
        "new_text": mail.new_text,
        "quoted_text": mail.quoted_text,
        "html": mail.html,
        "attachments": [{name: getattr(attachment, name) for name in _ATTACHMENT} for attachment in mail.attachments],
        "people": {role: [[one.name, one.address] for one in listed[:MOST_ADDRESSES]] for role, listed in people.items()},
        "defects": list(mail.defects),
    }
