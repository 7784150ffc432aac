"""Inbound messages as people meet them: lists, details, and what a person decides about one; processing is `inbounds.py`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, exists, select, update

from core.mail import Address, Attachment, Mail
from core.refusal import NotFound, Refused
from core.verdict import InboundState, most_urgent
from gateway.store.inbound_claims import REPLAYED, envelope_of, record
from gateway.store.moments import moment_json
from gateway.store.schema import inbound, inbound_body, inbound_verdict, intake_key, item, state_change

MOST = 500
OPEN_STATES = frozenset({InboundState.HELD, InboundState.UNHANDLED, InboundState.QUARANTINED})
"""What a person is asked to decide."""
REPLAYABLE = OPEN_STATES | {InboundState.IGNORED, InboundState.DUPLICATE, InboundState.DISCARDED}

_C, _V = inbound.c, inbound_verdict.c
_LISTED = (
    _C.id, _C.state, _C.reason, _C.door, _C.connector, _C.received_at, _C.envelope_from, _C.envelope_to, _C.subject, _C.from_address, _C.from_name,
    _C.message_id, _C.trace, _C.attempts, _C.classification, _C.size, _C.archive, _C.settled_at,
)  # fmt: skip
_ITEMS = (
    select(_V.inbound_id, item.c.ref)
    .join(item, _V.item_id == item.c.id)
    .where(_V.inbound_id.in_(bindparam("ids", expanding=True)))
    .order_by(_V.inbound_id, _V.n)
)
_ONE = select(inbound).where(_C.id == bindparam("its_id"))
_BODY = select(inbound_body).where(inbound_body.c.inbound_id == bindparam("its_id"))
_VERDICTS = (
    select(inbound_verdict, item.c.ref)
    .select_from(inbound_verdict.outerjoin(item, _V.item_id == item.c.id))
    .where(_V.inbound_id == bindparam("its_id"))
    .order_by(_V.n)
)
_HISTORY = select(state_change).where(state_change.c.what == "inbound", state_change.c.row_id == bindparam("its_id")).order_by(state_change.c.seq)
_TO_STATE = update(inbound).where(_C.id == bindparam("its_id"), _C.state == bindparam("was")).values(
    state=bindparam("becomes"), reason=bindparam("because"), settled_at=bindparam("now")
)
_TO_NEW = update(inbound).where(_C.id == bindparam("its_id"), _C.state == bindparam("was")).values(
    state="new", reason=REPLAYED, attempts=0, lease_until=None, lease_by=None, settled_at=None
)
_DECIDED = (
    update(inbound_verdict)
    .where(_V.inbound_id == bindparam("its_id"), _V.n.in_(bindparam("numbers", expanding=True)))
    .values(
        action=bindparam("its_action"),
        state=bindparam("becomes"),
        item_id=bindparam("its_item"),
        process_id=bindparam("its_process"),
        because=bindparam("why"),
        decided_by=bindparam("by"),
        decided_at=bindparam("now"),
    )
)
_STATE_ONLY = (
    update(inbound_verdict)
    .where(_V.inbound_id == bindparam("its_id"), _V.n.in_(bindparam("numbers", expanding=True)))
    .values(state=bindparam("becomes"), decided_by=bindparam("by"), decided_at=bindparam("now"))
)
_DROP = delete(inbound_verdict).where(_V.inbound_id == bindparam("its_id"), _V.state != "done")
_K = intake_key.c
_DROP_KEYS = delete(intake_key).where(
    _K.inbound_id == bindparam("its_id"),
    ~exists().where(
        and_(_V.inbound_id == _K.inbound_id, _V.connector == _K.connector, _V.recipient == _K.recipient, _V.state == "done"),
    ),
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that a person decides about. `mail` is what was stored of it; `numbers` are the verdicts that are open, `item_ids` theirs."""

    id: str
    state: InboundState
    mail: Mail
    received_at: datetime
    archive: bool = False
    connector: str = ""
    recipient: str = ""
    numbers: tuple[int, ...] = ()
    item_ids: tuple[str, ...] = ()
    standing: tuple[InboundState, ...] = ()
    """The states of the verdicts that are not open."""
    next: int = 0
    """The number of the next verdict, and of the next item the message opens."""


# ---------------------------------------------------------------- lists and details


def listing(
    connection: Connection,
    *,
    states: Sequence[str] = (),
    ids: Sequence[str] = (),
    seen: ColumnElement[bool] | None = None,
    limit: int = MOST,
) -> list[dict[str, Any]]:
    """Messages as JSON (contract section 3), the newest first. `seen` is the rule of sight."""
    wanted: list[ColumnElement[bool]] = [] if seen is None else [seen]
    if states:
        wanted.append(_C.state.in_(list(states)))
    if ids:
        wanted.append(_C.id.in_(list(ids)))
    rows = connection.execute(select(*_LISTED).where(*wanted).order_by(_C.received_at.desc(), _C.id).limit(limit)).all()
    refs = refs_of(connection, [row.id for row in rows])
    return [_json(row, refs.get(row.id, [])) for row in rows]


def refs_of(connection: Connection, ids: Collection[str]) -> dict[str, list[str]]:
    """The references of the items that each message belongs to or waits at, each once."""
    found: dict[str, list[str]] = {}
    for row in connection.execute(_ITEMS, {"ids": list(ids)}) if ids else ():
        listed = found.setdefault(row.inbound_id, [])
        if row.ref not in listed:
            listed.append(row.ref)
    return found


def show(connection: Connection, inbound_id: str) -> dict[str, Any]:
    """One message with its text, verdicts and history. Raises NotFound with a sentence."""
    row = _row(connection, inbound_id)
    body = connection.execute(_BODY, {"its_id": inbound_id}).first()
    verdicts = connection.execute(_VERDICTS, {"its_id": inbound_id}).all()
    refs = list(dict.fromkeys(verdict.ref for verdict in verdicts if verdict.ref))
    shown = _json(row, refs)
    shown["verdicts"] = [_verdict_json(verdict) for verdict in verdicts]
    shown["history"] = [
        {"at": moment_json(change.at), "was": change.was, "became": change.became, "by": change.by, "reason": change.reason}
        for change in connection.execute(_HISTORY, {"its_id": inbound_id})
    ]
    if body is not None:
        shown |= {"text": body.new_text, "quoted_text": body.quoted_text, "attachments": body.attachments, "defects": body.defects}
        shown |= {role: [_person(name, address) for name, address in body.people.get(role, ())] for role in ("to", "cc", "reply_to")}
    return shown


def _row(connection: Connection, inbound_id: str, *, lock: bool = False) -> Any:
    statement = _ONE.with_for_update() if lock else _ONE
    row = connection.execute(statement, {"its_id": inbound_id}).first()
    if row is None:
        raise NotFound(f"There is no inbound message “{inbound_id[:60]}”.")
    return row


def _json(row: Any, refs: list[str]) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state,
        "reason": row.reason,
        "door": row.door,
        "received_at": moment_json(row.received_at),
        "envelope_from": row.envelope_from,
        "envelope_to": row.envelope_to,
        "subject": row.subject,
        "from": _person(row.from_name, row.from_address),
        "message_id": row.message_id,
        "items": refs,
        "trace": [dict(zip(("step", "check", "outcome", "because"), step, strict=True)) for step in row.trace or ()],
        "connector": row.connector,
        "attempts": row.attempts,
        "classification": row.classification,
        "size": row.size,
        "archive": bool(row.archive),
        "settled_at": moment_json(row.settled_at),
    }


def _verdict_json(row: Any) -> dict[str, Any]:
    return {
        "recipient": row.recipient,
        "action": row.action,
        "state": row.state,
        "item": row.ref,
        "evidence": row.evidence,
        "because": row.because,
        "decided_by": row.decided_by,
        "decided_at": moment_json(row.decided_at),
    }


def _person(name: str, address: str) -> str:
    return str(Address(address, name)) if address else ""


# ---------------------------------------------------------------- what a person decides


def waiting(connection: Connection, inbound_id: str, *, states: Collection[InboundState] = OPEN_STATES) -> Waiting:
    """The message, locked until the transaction ends, with its open verdicts. Raises NotFound, and Refused if it is in none of the states."""
    row = _row(connection, inbound_id, lock=True)
    state = InboundState(row.state)
    if state not in states:
        raise Refused(f"The message {inbound_id} is {state}; that can be done only while it is {' or '.join(sorted(states))}.")
    verdicts = connection.execute(_VERDICTS, {"its_id": inbound_id}).all()
    undecided = [verdict for verdict in verdicts if InboundState(verdict.state) in states]
    first = undecided[0] if undecided else None
    envelope = envelope_of(row)
    return Waiting(
        id=row.id,
        state=state,
        mail=_stored_mail(row, connection.execute(_BODY, {"its_id": inbound_id}).first()),
        received_at=row.received_at,
        archive=envelope.archive,
        connector=first.connector if first is not None else row.connector,
        recipient=first.recipient if first is not None else "",
        numbers=tuple(verdict.n for verdict in undecided),
        item_ids=tuple(dict.fromkeys(verdict.item_id for verdict in undecided if verdict.item_id)),
        standing=tuple(InboundState(verdict.state) for verdict in verdicts if verdict not in undecided),
        next=1 + max((verdict.n for verdict in verdicts), default=-1),
    )


def _stored_mail(row: Any, body: Any) -> Mail:
    """What was kept of a mail; empty where it was never read."""
    if body is None:
        return Mail(message_id=row.message_id, subject=row.subject, partial=True)
    people = {role: tuple(Address(address, name) for name, address in listed) for role, listed in body.people.items()}
    return Mail(
        message_id=row.message_id,
        from_=people.get("from", ()),
        reply_to=people.get("reply_to", ()),
        to=people.get("to", ()),
        cc=people.get("cc", ()),
        subject=row.subject,
        date=row.sent_at,
        text=body.new_text,
        new_text=body.new_text,
        quoted_text=body.quoted_text,
        attachments=tuple(Attachment(**attachment) for attachment in body.attachments),
    )


def decide(connection: Connection, found: Waiting, *, action: str, item_id: str, process_id: str, because: str, by: str, now: datetime) -> None:
    """A person's decision stands for every open verdict of the message: joined, or opened as `item_id`."""
    done = InboundState.DONE
    asked = {"its_id": found.id, "its_item": item_id, "its_process": process_id or None, "by": by, "now": now, "why": because, "its_action": action}
    if found.numbers:
        connection.execute(_DECIDED, {**asked, "numbers": list(found.numbers), "becomes": done.value})
    else:
        _add_verdict(connection, found, asked, done)
    _move(connection, found, most_urgent((*found.standing, done)), because, by, now)


def set_aside(connection: Connection, found: Waiting, becomes: InboundState, *, because: str, by: str, now: datetime) -> None:
    """Discarded, or taken back from there: the open verdicts change their state and nothing else."""
    if found.numbers:
        connection.execute(_STATE_ONLY, {"its_id": found.id, "numbers": list(found.numbers), "becomes": becomes.value, "by": by, "now": now})
    _move(connection, found, most_urgent((*found.standing, becomes)), because, by, now)


def replay(connection: Connection, found: Waiting, *, by: str, now: datetime) -> None:
    """Decided anew by the next worker; what was done already for some recipient stands (law 7)."""
    connection.execute(_DROP_KEYS, {"its_id": found.id})
    connection.execute(_DROP, {"its_id": found.id})
    if connection.execute(_TO_NEW, {"its_id": found.id, "was": found.state.value}).rowcount != 1:
        raise Refused(f"The message {found.id} was changed by somebody else in the meantime.")
    record(connection, found.id, now, found.state, InboundState.NEW, by=by, reason=REPLAYED)


def _move(connection: Connection, found: Waiting, becomes: InboundState, because: str, by: str, now: datetime) -> None:
    asked = {"its_id": found.id, "was": found.state.value, "becomes": becomes.value, "because": because, "now": now}
    if connection.execute(_TO_STATE, asked).rowcount != 1:
        raise Refused(f"The message {found.id} was changed by somebody else in the meantime.")
    record(connection, found.id, now, found.state, becomes, by=by, reason=because)


def _add_verdict(connection: Connection, found: Waiting, asked: dict[str, Any], state: InboundState) -> None:
    """For a message that was never decided by the house: quarantined before it could be."""
    row = {
        "inbound_id": found.id,
        "n": found.next,
        "recipient": found.recipient,
        "connector": found.connector,
        "action": asked["its_action"],
        "state": state.value,
        "item_id": asked["its_item"],
        "process_id": asked["its_process"],
        "evidence": "none",
        "because": asked["why"],
        "decided_by": asked["by"],
        "decided_at": asked["now"],
    }
    connection.execute(inbound_verdict.insert(), row)
