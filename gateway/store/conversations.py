"""What a person's deed must know of an item, read in a few queries: contacts, newest mail, thread, notes and mails by people; the values are `core/conversation.py`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, not_, or_, select

from core.acknowledge import doubt_in
from core.conversation import Conversation, LastMail, Said
from core.decision import EntryKind
from core.evidence import Evidence
from core.mail import Address, address_key
from core.outbox import INTERNAL, OutboxState
from core.verdict import Action, Kind, TraceStep
from gateway.store.items import contacts_of
from gateway.store.mail_on_item import GONE
from gateway.store.schema import inbound, inbound_body, known_id, outbox, timeline

MOST_SAID = 200
SHOWN_ONLY = (Action.APPEND.value, Action.BOUNCE.value, *sorted(GONE))
"""Mails that stand on an item without being joined to it, and those that were moved away: whoever wrote them is never who an answer goes to."""
MOST_IDS = 60
_WORKED_IN = ("to_do", "in_progress")

_SAID = (
    select(timeline.c.seq, timeline.c.at, timeline.c.by, timeline.c.kind, timeline.c.outbox_id, outbox.c.state, outbox.c.scheduled, outbox.c.resolves)
    .select_from(timeline.outerjoin(outbox, timeline.c.outbox_id == outbox.c.id))
    .where(
        timeline.c.item_id == bindparam("item_id"),
        or_(
            timeline.c.kind == EntryKind.NOTE.value,
            and_(timeline.c.kind == EntryKind.MAIL_OUT.value, or_(outbox.c.system_generated.is_(False), timeline.c.outbox_id.is_(None))),
        ),
    )
    .order_by(timeline.c.seq.desc())
    .limit(MOST_SAID)
)
_STATUSES = (
    select(timeline.c.seq, timeline.c.facts)
    .where(timeline.c.item_id == bindparam("item_id"), timeline.c.kind == EntryKind.STATUS.value)
    .order_by(timeline.c.seq.desc())
    .limit(MOST_SAID)
)
_LAST_MAIL = (
    select(
        inbound.c.id,
        inbound.c.received_at,
        inbound.c.message_id,
        inbound.c.subject,
        inbound.c.from_address,
        inbound.c.from_name,
        inbound_body.c.people,
        timeline.c.facts["evidence"].as_string().label("evidence"),
    )
    .select_from(
        timeline.join(inbound, timeline.c.inbound_id == inbound.c.id).outerjoin(inbound_body, inbound_body.c.inbound_id == inbound.c.id)
    )
    .where(
        timeline.c.item_id == bindparam("item_id"),
        timeline.c.kind == EntryKind.MAIL_IN.value,
        func.coalesce(timeline.c.facts["action"].as_string(), "").not_in(SHOWN_ONLY),
    )
    .order_by(timeline.c.seq.desc())
    .limit(1)
)
_NATURE = select(inbound.c.classification, inbound.c.trace).where(inbound.c.id == bindparam("wanted"))
_NOT_OF_THE_THREAD = (
    select(outbox.c.id)
    .where(
        known_id.c.direction == "out",
        outbox.c.id == known_id.c.source_id,
        or_(outbox.c.purpose.in_(sorted(INTERNAL)), outbox.c.state == OutboxState.CANCELLED.value),
    )
    .exists()
)
"""What customers never get: a notice to the author of a mail that failed, and a mail that was taken back."""
_IDS = select(known_id.c.message_id, known_id.c.at).where(known_id.c.item_id == bindparam("item_id"), not_(_NOT_OF_THE_THREAD))
_FIRST_IDS = _IDS.order_by(known_id.c.at).limit(1)
_NEWEST_IDS = _IDS.order_by(known_id.c.at.desc()).limit(MOST_IDS)


def conversation(connection: Connection, item_id: str) -> Conversation:
    """Everything said on an item as far as deeds need it; six short queries, each bounded."""
    return Conversation(
        contacts=contacts_of(connection, (item_id,))[item_id],
        last_mail=last_mail(connection, item_id),
        references=references(connection, item_id),
        said=_said(connection, item_id),
        working_since=_working_since(connection, item_id),
    )


def last_mail(connection: Connection, item_id: str) -> LastMail | None:
    """The newest mail joined to an item: what an answer is an answer to."""
    row = connection.execute(_LAST_MAIL, {"item_id": item_id}).first()
    if row is None:
        return None
    people: dict[str, Any] = row.people or {}
    return LastMail(
        inbound_id=row.id,
        at=row.received_at,
        message_id=row.message_id,
        subject=row.subject,
        author=Address(row.from_address, row.from_name) if row.from_address else None,
        reply_to=tuple(Address(address, name) for name, address in people.get("reply_to", ())),
        weak=row.evidence == Evidence.WEAK.value,
    )


def doubt(connection: Connection, last: LastMail | None) -> str:
    """Why the newest mail of an item gets nothing automatic in return, '' if nothing is known against it: it was automatic itself, or its sender may be forged."""
    row = connection.execute(_NATURE, {"wanted": last.inbound_id}).first() if last is not None else None
    if row is None:
        return ""
    if row.classification not in ("", Kind.ORDINARY.value):
        return f"the newest mail of the item is automatic ({row.classification})"
    return doubt_in(TraceStep(*step) for step in row.trace or ())


def references(connection: Connection, item_id: str) -> tuple[str, ...]:
    """The Message-IDs of an item's mails both ways, oldest first: the first one and the newest (contract section 6)."""
    newest = [row.message_id for row in connection.execute(_NEWEST_IDS, {"item_id": item_id})][::-1]
    first = [row.message_id for row in connection.execute(_FIRST_IDS, {"item_id": item_id})] if len(newest) == MOST_IDS else []
    return tuple(dict.fromkeys((*first, *newest)))


def _said(connection: Connection, item_id: str) -> tuple[Said, ...]:
    """A mail that one of our people sent from their own program has left, though not by our outbox."""
    return tuple(
        Said(
            seq=row.seq,
            at=row.at,
            by=address_key(row.by),
            outbox_id=row.outbox_id or "",
            state=OutboxState(row.state) if row.state else OutboxState.SENT if row.kind == EntryKind.MAIL_OUT.value else None,
            scheduled=bool(row.scheduled),
            resolves=bool(row.resolves),
        )
        for row in connection.execute(_SAID, {"item_id": item_id})
    )


def _working_since(connection: Connection, item_id: str) -> int:
    for row in connection.execute(_STATUSES, {"item_id": item_id}):
        if (row.facts or {}).get("to") in _WORKED_IN:
            return int(row.seq)
    return 0
