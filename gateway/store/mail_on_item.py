"""A mail as it stands on an item: its line on the timeline, its ids and people, and taking these off again; what that means is decided in `core/`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, func, select, update

from core.decision import EntryKind
from core.mail import address_key
from core.work_item import WorkItem
from gateway.store.item_rows import item_of, item_row
from gateway.store.schema import (
    contact,
    contact_address,
    inbound,
    inbound_body,
    item_contact,
    known_id,
    outbox,
    outbox_recipient,
    participant,
    timeline,
)

MOVED, UNDONE = "moved", "undone"
"""What the line of a mail says as its action once the mail was taken off the item."""
GONE = frozenset({MOVED, UNDONE})
MOST_LINES = 1_000
MOST_SAID = 5

_T, _K = timeline.c, known_id.c
_ON_ITEM = (
    select(_T.seq, _T.item_id, _T.facts)
    .where(_T.item_id.in_(bindparam("items", expanding=True)), _T.inbound_id == bindparam("its_mail"), _T.kind == EntryKind.MAIL_IN.value)
    .order_by(_T.seq.desc())
)
_CREATED = select(_T.seq).where(_T.item_id == bindparam("its_item"), _T.inbound_id == bindparam("its_mail"), _T.kind == EntryKind.CREATED.value).limit(1)
_LAST = select(func.max(_T.seq)).where(_T.item_id == bindparam("its_item"))
_SINCE = select(timeline).where(_T.item_id == bindparam("its_item"), _T.seq > bindparam("after")).order_by(_T.seq).limit(MOST_LINES)
_MARK = update(timeline).where(_T.seq == bindparam("its_seq")).values(facts=bindparam("new_facts", type_=_T.facts.type))
_DROP_IDS = delete(known_id).where(_K.source_id == bindparam("its_mail"), _K.item_id == bindparam("its_item"), _K.direction == "in")
_NAMED = (
    select(_T.inbound_id, _T.facts, inbound.c.from_address, inbound_body.c.people)
    .select_from(timeline.join(inbound, _T.inbound_id == inbound.c.id).outerjoin(inbound_body, inbound_body.c.inbound_id == inbound.c.id))
    .where(_T.item_id == bindparam("its_item"), _T.kind == EntryKind.MAIL_IN.value)
    .limit(MOST_LINES)
)
_WRITTEN_TO = select(outbox_recipient.c.address_key).join(outbox, outbox.c.id == outbox_recipient.c.outbox_id).where(outbox.c.item_id == bindparam("its_item"))
_BY_HAND = select(_T.facts["contact"].as_string()).where(_T.item_id == bindparam("its_item"), _T.kind == EntryKind.DESCRIPTION.value)


@dataclass(frozen=True, slots=True)
class MailLine:
    """The line of a mail on the timeline of an item."""

    seq: int
    item_id: str
    facts: Mapping[str, Any]

    @property
    def stands(self) -> bool:
        """Whether the mail still belongs there."""
        return self.facts.get("action") not in GONE


def lines(connection: Connection, inbound_id: str, item_ids: Collection[str]) -> list[MailLine]:
    """The lines of a mail on these items that still stand, the newest first."""
    rows = connection.execute(_ON_ITEM, {"items": list(item_ids), "its_mail": inbound_id}) if item_ids else ()
    found = [MailLine(row.seq, row.item_id, row.facts or {}) for row in rows]
    return [line for line in found if line.stands]


def created(connection: Connection, inbound_id: str, item_id: str) -> bool:
    """Whether the mail opened the item."""
    return connection.execute(_CREATED, {"its_item": item_id, "its_mail": inbound_id}).first() is not None


def mark(connection: Connection, line: MailLine, facts: Mapping[str, Any]) -> None:
    """The line says this besides what it said."""
    connection.execute(_MARK, {"its_seq": line.seq, "new_facts": {**line.facts, **facts}})


def last_line(connection: Connection, item_id: str) -> int:
    """The number of the newest line of an item."""
    return int(connection.execute(_LAST, {"its_item": item_id}).scalar() or 0)


def since(connection: Connection, item_id: str, after: int) -> list[Any]:
    """The lines of an item behind a number, oldest first, as rows."""
    return list(connection.execute(_SINCE, {"its_item": item_id, "after": after}))


def forget_ids(connection: Connection, inbound_id: str, item_id: str) -> None:
    """The Message-ID of the mail does not point to the item any more."""
    connection.execute(_DROP_IDS, {"its_mail": inbound_id, "its_item": item_id})


# ---------------------------------------------------------------- people


def named_by_others(connection: Connection, inbound_id: str, item_id: str) -> frozenset[str]:
    """The address keys of everyone whom another mail of the item names, in either direction, or whom a person put on it by hand."""
    keys: set[str] = set(connection.execute(_WRITTEN_TO, {"its_item": item_id}).scalars())
    for row in connection.execute(_NAMED, {"its_item": item_id}):
        if row.inbound_id == inbound_id or (row.facts or {}).get("action") in GONE:
            continue
        listed = [address for part in (row.people or {}).values() for _name, address in part]
        keys |= {address_key(address) for address in (row.from_address, *listed) if address}
    return frozenset(keys | {address_key(one) for one in connection.execute(_BY_HAND, {"its_item": item_id}).scalars() if one})


def untie(connection: Connection, item_id: str, keys: Iterable[str]) -> None:
    """These people take part in the item no more."""
    wanted = list(dict.fromkeys(keys))
    if wanted:
        connection.execute(delete(participant).where(participant.c.item_id == item_id, participant.c.address_key.in_(wanted)))


def drop_contacts(connection: Connection, item_id: str, keys: Iterable[str]) -> None:
    """These people are contacts of the item no more."""
    wanted = list(dict.fromkeys(keys))
    if wanted:
        connection.execute(delete(item_contact).where(item_contact.c.item_id == item_id, item_contact.c.address_key.in_(wanted)))


def set_tags(connection: Connection, item_id: str, key: str, name: str, tags: Collection[str]) -> None:
    """A contact of the item with exactly these tags."""
    place = and_(item_contact.c.item_id == item_id, item_contact.c.address_key == key)
    connection.execute(update(item_contact).where(place).values(name=name, tags=list(tags)))


def forget_addresses(connection: Connection, keys: Iterable[str]) -> None:
    """These addresses are nobody's any more, unless they are on some item; a person without any address is forgotten."""
    wanted = list(dict.fromkeys(keys))
    if not wanted:
        return
    unused = ~exists().where(item_contact.c.address_key == contact_address.c.address_key)
    gone = delete(contact_address).where(contact_address.c.address_key.in_(wanted), unused).returning(contact_address.c.contact_id)
    owners = list(connection.execute(gone).scalars())
    if owners:
        alone = ~exists().where(contact_address.c.contact_id == contact.c.id)
        connection.execute(delete(contact).where(contact.c.id.in_(owners), alone))


# ---------------------------------------------------------------- what an undo gives back

_KEPT = (
    "status", "wait_type", "resolution_method", "reason", "queue", "assignee", "owner", "new_information", "attention", "clock", "resolution", "before",
)  # fmt: skip


def kept(item: WorkItem) -> dict[str, Any]:
    """What a deed may change of an item and an undo gives back, as JSON, and its version then."""
    row = item_row(item)
    return {**{name: row[name] for name in _KEPT}, "version": item.version}


def as_kept(item: WorkItem, said: Mapping[str, Any]) -> WorkItem:
    """The item with what `kept` wrote down."""
    return item_of(SimpleNamespace(**{**item_row(item), **{name: said[name] for name in _KEPT}, "id": item.id, "version": item.version}))


def shown_since(rows: Iterable[Any]) -> str:
    """What happened since, for a sentence: the newest few lines."""
    said = [f"{row.kind.replace('_', ' ')}{f' by {row.by}' if row.by else ''} at {_shown(row.at)}" for row in rows]
    return "; ".join(said[-MOST_SAID:])


def _shown(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
