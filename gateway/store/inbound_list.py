"""Inbound messages as people meet them: lists by filters, counts, details; what a person decides about one is `inbound_waiting.py`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, case, exists, func, or_, select

from core.mail import Address, address_key
from core.refusal import NotFound
from gateway.store.inbound_more import more_json
from gateway.store.inbound_waiting import ORIGINAL
from gateway.store.moments import moment_json
from gateway.store.schema import inbound, inbound_body, inbound_verdict, item, raw_mail, state_change

MOST = 500
UNREAD = ("new", "working")
RECENT = timedelta(hours=24)
"""What a list of newcomers shows (B-UH-02)."""

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
_S = state_change.c
_HISTORY = select(state_change).where(_S.what == "inbound", _S.row_id == bindparam("its_id")).order_by(_S.seq)
_DECIDED = (
    select(_S.row_id, _S.by, _S.at)
    .where(_S.what == "inbound", _S.row_id.in_(bindparam("ids", expanding=True)), _S.by != "")
    .order_by(_S.seq)
)
_ORIGINAL = select(raw_mail.c.id).where(raw_mail.c.id == bindparam("its_id"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Filters of the list; an empty one asks nothing (B-UH-04). Moments are aware UTC, `until` is not in the range any more.

    `address` is an address the mail was for, `connector` the name of a mailbox, `sender` a part of who wrote, `text` and `reason` parts of
    what it says and of why it lies there; all without regard to case.
    """

    states: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    connector: str = ""
    address: str = ""
    sender: str = ""
    text: str = ""
    reason: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As conditions on `inbound`."""
        made: list[ColumnElement[bool]] = []
        if self.states:
            made.append(_C.state.in_(list(self.states)))
        if self.ids:
            made.append(_C.id.in_(list(self.ids)))
        if self.connector:
            made.append(or_(_C.connector == self.connector, _verdict(_V.connector == self.connector)))
        if self.address:
            made.append(_verdict(_V.recipient == address_key(self.address)))
        if self.sender:
            made.append(_holds(self.sender, _C.from_address, _C.from_name, _C.envelope_from))
        if self.text:
            made.append(or_(_holds(self.text, _C.subject, _C.from_address, _C.from_name, _C.message_id), _in_body(self.text)))
        if self.reason:
            made.append(_holds(self.reason, _C.reason))
        if self.since is not None:
            made.append(_C.received_at >= self.since)
        if self.until is not None:
            made.append(_C.received_at < self.until)
        return made


def _verdict(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(_V.inbound_id == _C.id, condition)


def _holds(text: str, *columns: Any) -> ColumnElement[bool]:
    """Whether a column says `text` somewhere; `%` and `_` mean themselves."""
    pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    return or_(*(column.ilike(pattern, escape="\\") for column in columns))


def _in_body(text: str) -> ColumnElement[bool]:
    return exists().where(inbound_body.c.inbound_id == _C.id, _holds(text, inbound_body.c.new_text))


# ---------------------------------------------------------------- lists and details


def listing(
    connection: Connection,
    wanted: Wanted | None = None,
    *,
    states: Sequence[str] = (),
    ids: Sequence[str] = (),
    seen: ColumnElement[bool] | None = None,
    limit: int = MOST,
) -> list[dict[str, Any]]:
    """Messages as JSON (contract section 3), the newest first. `seen` is the rule of sight; `states` and `ids` stand for a filter of just those."""
    asked = (wanted or Wanted(states=tuple(states), ids=tuple(ids))).conditions()
    rows = connection.execute(select(*_LISTED).where(*asked, *_seen(seen)).order_by(_C.received_at.desc(), _C.id).limit(limit)).all()
    refs = refs_of(connection, [row.id for row in rows])
    decided = _deciders(connection, [row.id for row in rows])
    return [{**_json(row, refs.get(row.id, [])), **decided.get(row.id, _NOBODY)} for row in rows]


def newest_read(connection: Connection, wanted: Wanted, limit: int) -> list[str]:
    """Ids of messages that are not new and not being read, the newest first."""
    rows = connection.execute(select(_C.id).where(*wanted.conditions(), _C.state.not_in(UNREAD)).order_by(_C.received_at.desc(), _C.id).limit(limit))
    return list(rows.scalars())


def counts(connection: Connection, wanted: Wanted, now: datetime, *, seen: ColumnElement[bool] | None = None) -> dict[str, dict[str, int]]:
    """State → how many messages there are in all (`total`) and how many came in the last 24 hours (`recent`); B-UH-02."""
    recent = func.sum(case((_C.received_at >= now - RECENT, 1), else_=0))
    rows = connection.execute(select(_C.state, func.count(), recent).where(*wanted.conditions(), *_seen(seen)).group_by(_C.state).order_by(_C.state))
    return {state: {"total": int(total), "recent": int(lately or 0)} for state, total, lately in rows}


def _seen(seen: ColumnElement[bool] | None) -> tuple[ColumnElement[bool], ...]:
    return () if seen is None else (seen,)


_NOBODY: dict[str, Any] = {"decided_by": "", "decided_at": None}


def _deciders(connection: Connection, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Which person did something with each message last, and when (B-UH-09)."""
    rows = connection.execute(_DECIDED, {"ids": list(ids)}) if ids else ()
    return {row.row_id: {"decided_by": row.by, "decided_at": moment_json(row.at)} for row in rows}


def refs_of(connection: Connection, ids: Collection[str]) -> dict[str, list[str]]:
    """The references of the items that each message belongs to or waits at, each once."""
    found: dict[str, list[str]] = {}
    for row in connection.execute(_ITEMS, {"ids": list(ids)}) if ids else ():
        listed = found.setdefault(row.inbound_id, [])
        if row.ref not in listed:
            listed.append(row.ref)
    return found


def item_ids(connection: Connection, inbound_id: str) -> list[str]:
    """The items that the message belongs to or waits at, by its verdicts."""
    rows = connection.execute(_VERDICTS, {"its_id": inbound_id})
    return list(dict.fromkeys(row.item_id for row in rows if row.item_id))


def show(connection: Connection, inbound_id: str) -> dict[str, Any]:
    """One message with its text, verdicts and history. Raises NotFound with a sentence."""
    row = _row(connection, inbound_id)
    decided = _deciders(connection, (inbound_id,)).get(inbound_id, _NOBODY)
    edited = connection.execute(_ORIGINAL, {"its_id": inbound_id + ORIGINAL}).first() is not None
    body = connection.execute(_BODY, {"its_id": inbound_id}).first()
    verdicts = connection.execute(_VERDICTS, {"its_id": inbound_id}).all()
    refs = list(dict.fromkeys(verdict.ref for verdict in verdicts if verdict.ref))
    shown = {**_json(row, refs), **decided, "edited": edited}
    shown["verdicts"] = [_verdict_json(verdict) for verdict in verdicts]
    shown["history"] = [
        {"at": moment_json(change.at), "was": change.was, "became": change.became, "by": change.by, "reason": change.reason}
        for change in connection.execute(_HISTORY, {"its_id": inbound_id})
    ]
    if body is not None:
        shown |= {"text": body.new_text, "quoted_text": body.quoted_text, "attachments": body.attachments, "defects": body.defects}
        shown |= {role: [_person(name, address) for name, address in body.people.get(role, ())] for role in ("to", "cc", "reply_to")}
        shown |= more_json(body.more)
    return shown


def _row(connection: Connection, inbound_id: str) -> Any:
    row = connection.execute(_ONE, {"its_id": inbound_id}).first()
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
