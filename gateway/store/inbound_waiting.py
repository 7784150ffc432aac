"""What a person decides about one inbound message: locked, decided, put aside, given back, replayed; lists and details are `inbound_list.py`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, literal, select, update

from core.mail import Address, Attachment, Mail
from core.refusal import NotFound, Refused
from core.verdict import InboundState, most_urgent
from gateway.store.inbound_claims import REPLAYED, envelope_of, record
from gateway.store.inbounds import with_more
from gateway.store.schema import inbound, inbound_body, inbound_verdict, intake_key, raw_mail

OPEN_STATES = frozenset({InboundState.HELD, InboundState.UNHANDLED, InboundState.QUARANTINED})
"""What a person is asked to decide."""
REPLAYABLE = OPEN_STATES | {InboundState.IGNORED, InboundState.DUPLICATE, InboundState.DISCARDED}
MOVABLE = frozenset(InboundState) - {InboundState.NEW, InboundState.WORKING}
"""Whatever is not being read just now."""
AUTHENTICATION = "authentication"
"""The step of the trace that tells what is known of the sender."""
ORIGINAL = ".original"
"""Behind the id of a message whose content a person has replaced: the content as it came."""

_C, _V = inbound.c, inbound_verdict.c
_ONE = select(inbound).where(_C.id == bindparam("its_id")).with_for_update()
_BODY = select(inbound_body).where(inbound_body.c.inbound_id == bindparam("its_id"))
_VERDICTS = select(inbound_verdict).where(_V.inbound_id == bindparam("its_id")).order_by(_V.n)
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
_GIVEN_BACK = ("n", "action", "state", "item_id", "process_id", "because")
_TO_VERDICT = (
    update(inbound_verdict)
    .where(_V.inbound_id == bindparam("its_id"), _V.n == bindparam("its_n"))
    .values({name: bindparam(f"its_{name}", type_=_V[name].type) for name in _GIVEN_BACK[1:]})
    .values(decided_by="", decided_at=None)
)
_DROP_ADDED = delete(inbound_verdict).where(_V.inbound_id == bindparam("its_id"), _V.n == bindparam("its_n"))
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
    reason: str = ""
    dmarc: str = ""
    """What was known of the sender when the message was decided: `pass`, `fail` or `none`; '' for one that never was."""


# ---------------------------------------------------------------- what a person decides


def waiting(connection: Connection, inbound_id: str, *, states: Collection[InboundState] = OPEN_STATES) -> Waiting:
    """The message, locked until the transaction ends, with its open verdicts. Raises NotFound, and Refused if it is in none of the states."""
    row = _locked(connection, inbound_id)
    if InboundState(row.state) not in states:
        raise Refused(f"The message {inbound_id} is {row.state}; that can be done only while it is {' or '.join(sorted(states))}.")
    return _found(connection, row, lambda verdict: InboundState(verdict.state) in states)


def on_item(connection: Connection, inbound_id: str, item_id: str) -> Waiting:
    """The message, locked, with the verdicts that put it on this item. Raises NotFound, and Refused while it is being read."""
    row = _locked(connection, inbound_id)
    if InboundState(row.state) not in MOVABLE:
        raise Refused(f"The message {inbound_id} is being read just now. Look at it again in a moment.")
    return _found(connection, row, lambda verdict: verdict.state == InboundState.DONE.value and verdict.item_id == item_id)


def locked(connection: Connection, inbound_id: str) -> InboundState:
    """The state of the message, which is locked until the transaction ends. Raises NotFound."""
    return InboundState(_locked(connection, inbound_id).state)


def _locked(connection: Connection, inbound_id: str) -> Any:
    row = connection.execute(_ONE, {"its_id": inbound_id}).first()
    if row is None:
        raise NotFound(f"There is no inbound message “{inbound_id[:60]}”.")
    return row


def _found(connection: Connection, row: Any, meant: Callable[[Any], bool]) -> Waiting:
    verdicts = connection.execute(_VERDICTS, {"its_id": row.id}).all()
    undecided = [verdict for verdict in verdicts if meant(verdict)]
    first = undecided[0] if undecided else None
    envelope = envelope_of(row)
    return Waiting(
        id=row.id,
        state=InboundState(row.state),
        mail=_stored_mail(row, connection.execute(_BODY, {"its_id": row.id}).first()),
        received_at=row.received_at,
        archive=envelope.archive,
        connector=first.connector if first is not None else row.connector,
        recipient=first.recipient if first is not None else "",
        numbers=tuple(verdict.n for verdict in undecided),
        item_ids=tuple(dict.fromkeys(verdict.item_id for verdict in undecided if verdict.item_id)),
        standing=tuple(InboundState(verdict.state) for verdict in verdicts if verdict not in undecided),
        next=1 + max((verdict.n for verdict in verdicts), default=-1),
        reason=row.reason,
        dmarc=_judged(row.trace),
    )


def _stored_mail(row: Any, body: Any) -> Mail:
    """What was kept of a mail; empty where it was never read."""
    if body is None:
        return Mail(message_id=row.message_id, subject=row.subject, partial=True)
    people = {role: tuple(Address(address, name) for name, address in listed) for role, listed in body.people.items()}
    mail = Mail(
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
    return with_more(mail, body.more)


def _judged(trace: Any) -> str:
    """The word of the trace about the sender; '' where the message was never decided."""
    return next((outcome for step, _, outcome, _ in trace or () if step == AUTHENTICATION), "")


def decide(connection: Connection, found: Waiting, *, action: str, item_id: str, process_id: str, because: str, by: str, now: datetime) -> None:
    """A person's decision stands for every open verdict of the message: joined, or opened as `item_id`."""
    done = InboundState.DONE
    asked = {"its_id": found.id, "its_item": item_id, "its_process": process_id or None, "by": by, "now": now, "why": because, "its_action": action}
    if found.numbers:
        connection.execute(_DECIDED, {**asked, "numbers": list(found.numbers), "becomes": done.value})
    else:
        _add_verdict(connection, found, asked, done)
    _move(connection, found, most_urgent((*found.standing, done)), because, by, now)


def moved(connection: Connection, found: Waiting, *, action: str, item_id: str, process_id: str, because: str, by: str, now: datetime) -> None:
    """The verdicts that put the message on one item put it on another; its state stays, its history says who did it."""
    asked = {"its_id": found.id, "its_item": item_id, "its_process": process_id or None, "by": by, "now": now, "why": because, "its_action": action}
    connection.execute(_DECIDED, {**asked, "numbers": list(found.numbers), "becomes": InboundState.DONE.value})
    record(connection, found.id, now, found.state, found.state, by=by, reason=because)


def verdict_rows(connection: Connection, found: Waiting) -> list[dict[str, Any]]:
    """The open verdicts as plain values: what an undo gives back."""
    rows = connection.execute(_VERDICTS, {"its_id": found.id}).all()
    return [{name: getattr(row, name) for name in _GIVEN_BACK} for row in rows if row.n in found.numbers]


def give_back(
    connection: Connection,
    inbound_id: str,
    was: InboundState,
    becomes: InboundState,
    verdicts: Sequence[Mapping[str, Any]],
    *,
    added: int | None,
    reason: str,
    by: str,
    now: datetime,
) -> None:
    """The message waits again as it did: its verdicts as they were; the one with the number `added`, which only the decision made, is gone."""
    for verdict in verdicts:
        connection.execute(_TO_VERDICT, {"its_id": inbound_id, "its_n": verdict["n"], **{f"its_{name}": verdict[name] for name in _GIVEN_BACK[1:]}})
    if added is not None:
        connection.execute(_DROP_ADDED, {"its_id": inbound_id, "its_n": added})
    if connection.execute(_TO_STATE, {"its_id": inbound_id, "was": was.value, "becomes": becomes.value, "because": reason, "now": now}).rowcount != 1:
        raise Refused(f"The message {inbound_id} was changed by somebody else in the meantime.")
    record(connection, inbound_id, now, was, becomes, by=by, reason=f"the decision was undone by {by}")


def replace_raw(connection: Connection, found: Waiting, content: bytes, *, by: str, now: datetime, because: str) -> None:
    """Another content is processed from now on; the one that came is kept for ever under the id with `ORIGINAL`. Written to the history."""
    kept = select(literal(found.id + ORIGINAL), raw_mail.c.bytes).where(raw_mail.c.id == found.id)
    there = connection.execute(select(raw_mail.c.id).where(raw_mail.c.id == found.id + ORIGINAL)).first()
    if there is None:
        connection.execute(raw_mail.insert().from_select(["id", "bytes"], kept))
    connection.execute(update(raw_mail).where(raw_mail.c.id == found.id).values(bytes=content))
    connection.execute(update(inbound).where(_C.id == found.id).values(size=len(content)))
    record(connection, found.id, now, found.state, found.state, by=by, reason=because)


def set_aside(connection: Connection, found: Waiting, becomes: InboundState, *, because: str, by: str, now: datetime, noted: str = "") -> None:
    """Discarded, or taken back from there: the open verdicts change their state and nothing else.

    `because` is why it lies there from now on, `noted` what its history says where that is not the same.
    """
    if found.numbers:
        connection.execute(_STATE_ONLY, {"its_id": found.id, "numbers": list(found.numbers), "becomes": becomes.value, "by": by, "now": now})
    _move(connection, found, most_urgent((*found.standing, becomes)), because, by, now, noted)


def replay(connection: Connection, found: Waiting, *, by: str, now: datetime) -> None:
    """Decided anew by the next worker; what was done already for some recipient stands (law 7)."""
    connection.execute(_DROP_KEYS, {"its_id": found.id})
    connection.execute(_DROP, {"its_id": found.id})
    if connection.execute(_TO_NEW, {"its_id": found.id, "was": found.state.value}).rowcount != 1:
        raise Refused(f"The message {found.id} was changed by somebody else in the meantime.")
    record(connection, found.id, now, found.state, InboundState.NEW, by=by, reason=REPLAYED)


def _move(connection: Connection, found: Waiting, becomes: InboundState, because: str, by: str, now: datetime, noted: str = "") -> None:
    asked = {"its_id": found.id, "was": found.state.value, "becomes": becomes.value, "because": because, "now": now}
    if connection.execute(_TO_STATE, asked).rowcount != 1:
        raise Refused(f"The message {found.id} was changed by somebody else in the meantime.")
    record(connection, found.id, now, found.state, becomes, by=by, reason=noted or because)


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
