"""Work items in the database: load, save against their version, numbers, and what hangs on them (people, links, ids, timeline); lists for screens are `views.py`.

Every statement is built once; SQLAlchemy caches what it compiles to. Reading one item locks nothing unless asked to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Text, bindparam, cast, select, text, update
from sqlalchemy.dialects.postgresql import insert

from core.decision import ContactOnItem, Entry, KnownId, Link
from core.mail import address_key
from core.refs import FIRST_NUMBER
from core.work_item import WorkItem
from gateway.store.item_rows import item_of, item_row
from gateway.store.prepared import Prepared
from gateway.store.schema import counter, item, item_contact, item_link, known_id, participant, timeline

ITEM_NUMBER = "item_number"
"""Name of the counter row on SQLite and of the sequence on PostgreSQL."""

MOST_KNOWN = 1_000
"""Places that the ids of one mail are followed to: anybody may use an id again for any number of mails."""

REVERSE_LINK = {"follow_up_of": "followed_by", "followed_by": "follow_up_of"}
"""How a link reads from the other item; the kinds not named read the same both ways."""


class StaleItem(Exception):
    """An item changed since it was read; read again and decide again (architecture section 8)."""

    def __init__(self, ref: str) -> None:
        super().__init__(f"{ref} was changed by somebody else in the meantime.")
        self.ref = ref


_BY_IDS = select(item).where(item.c.id.in_(bindparam("ids", expanding=True)))
_BY_IDS_LOCKED = _BY_IDS.order_by(item.c.id).with_for_update()
_BY_REFS = select(item).where(item.c.ref.in_(bindparam("refs", expanding=True)))
_BY_REFS_LOCKED = _BY_REFS.order_by(item.c.id).with_for_update()
_INSERT = item.insert()
_UPDATE = update(item).where(item.c.id == bindparam("its_id"), item.c.version == bindparam("its_version"))
_ALARMS = select(item.c.id).where(item.c.alarm_at <= bindparam("now")).order_by(item.c.alarm_at).limit(bindparam("most"))
_STOPPED_BY = select(item.c.id).where(cast(item.c.clock, Text).like(bindparam("quoted"))).order_by(item.c.id)

_TAKE_NUMBERS = (
    insert(counter)
    .values(name=ITEM_NUMBER, value=bindparam("first"))
    .on_conflict_do_update(index_elements=[counter.c.name], set_={"value": counter.c.value + bindparam("n")})
    .returning(counter.c.value)
)
_NEXT_NUMBERS = text(f"SELECT nextval('{ITEM_NUMBER}') FROM generate_series(1, :n)")

_CONTACTS = select(item_contact).where(item_contact.c.item_id.in_(bindparam("ids", expanding=True))).order_by(item_contact.c.address_key)
_CONTACT_INSERT = item_contact.insert()
_CONTACT_UPDATE = (
    update(item_contact)
    .where(item_contact.c.item_id == bindparam("its_item"), item_contact.c.address_key == bindparam("its_key"))
    .values(name=bindparam("new_name"), tags=bindparam("new_tags", type_=item_contact.c.tags.type))
)
_PARTICIPANTS = select(participant).where(participant.c.item_id.in_(bindparam("ids", expanding=True)))
_PARTICIPANT_INSERT = insert(participant).on_conflict_do_nothing()
_LINKS = select(item_link).where(item_link.c.item_id.in_(bindparam("ids", expanding=True))).order_by(item_link.c.at, item_link.c.other_id, item_link.c.kind)
_LINK_INSERT = insert(item_link).on_conflict_do_nothing()
_KNOWN = select(known_id).where(known_id.c.message_id.in_(bindparam("message_ids", expanding=True))).order_by(known_id.c.at, known_id.c.item_id).limit(bindparam("most"))
_KNOWN_INSERT = insert(known_id).on_conflict_do_nothing()
_ENTRY_INSERT = Prepared(timeline.insert(), "item_id at kind by text system facts inbound_id outbox_id".split())
_CLOCK = Prepared(select(item.c.clock).where(item.c.id == bindparam("its_id")).with_for_update())


# ---------------------------------------------------------------- items


def load(connection: Connection, ids: Iterable[str], *, lock: bool = False) -> dict[str, WorkItem]:
    """The items with these ids, those that exist. `lock` keeps others from changing them until the transaction ends (PostgreSQL; SQLite has one writer)."""
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return {}
    rows = connection.execute(_BY_IDS_LOCKED if lock else _BY_IDS, {"ids": wanted})
    return {row.id: item_of(row) for row in rows}


def waits_for(connection: Connection, item_id: str, outbox_id: str) -> bool | None:
    """Whether a clock of the item may wait for this mail; None if there is no such item. Nobody changes the item until the transaction ends."""
    row = _CLOCK.first(connection, {"its_id": item_id})
    return None if row is None else outbox_id in str(row[0])


def by_refs(connection: Connection, refs: Iterable[str], *, lock: bool = False) -> dict[str, WorkItem]:
    """The items with these references, by reference (upper case), those that exist."""
    wanted = list(dict.fromkeys(ref.upper() for ref in refs))
    if not wanted:
        return {}
    rows = connection.execute(_BY_REFS_LOCKED if lock else _BY_REFS, {"refs": wanted})
    return {row.ref: item_of(row) for row in rows}


def by_ref(connection: Connection, ref: str, *, lock: bool = False) -> WorkItem | None:
    """The item with this reference in any case of letters, or None."""
    return by_refs(connection, (ref,), lock=lock).get(ref.upper())


def save(connection: Connection, work_item: WorkItem) -> int:
    """Write an item: version 0 is inserted, the others only if nobody saved them since. Returns the new version.

    Raises StaleItem if somebody did.
    """
    row = item_row(work_item)
    version = work_item.version + 1
    if work_item.version == 0:
        connection.execute(_INSERT, {"id": work_item.id, "version": version, **row})
        return version
    done = connection.execute(_UPDATE, {"its_id": work_item.id, "its_version": work_item.version, "version": version, **row})
    if done.rowcount != 1:
        raise StaleItem(work_item.ref)
    return version


def due_alarms(connection: Connection, now: datetime, most: int) -> tuple[str, ...]:
    """Ids of the items whose alarm has come, the earliest first, at most `most`."""
    return tuple(connection.execute(_ALARMS, {"now": now, "most": most}).scalars())


def stopped_by(connection: Connection, cause: str) -> tuple[str, ...]:
    """Ids of the items whose countdowns a cause (an inbound message id) stopped. Reads all items: for the rare replay."""
    return tuple(connection.execute(_STOPPED_BY, {"quoted": f'%"{cause}"%'}).scalars()) if cause.isalnum() else ()


def take_numbers(connection: Connection, n: int) -> tuple[int, ...]:
    """`n` fresh item numbers, rising, never given twice; a rolled-back transaction may leave a gap."""
    if n <= 0:
        return ()
    if connection.dialect.name != "sqlite":
        return tuple(sorted(connection.execute(_NEXT_NUMBERS, {"n": n}).scalars()))
    last: int = connection.execute(_TAKE_NUMBERS, {"first": FIRST_NUMBER + n - 1, "n": n}).scalar_one()
    return tuple(range(last - n + 1, last + 1))


# ---------------------------------------------------------------- people


def contacts_of(connection: Connection, ids: Iterable[str]) -> dict[str, tuple[ContactOnItem, ...]]:
    """The contacts of each item; an item without any has an empty tuple."""
    wanted = list(dict.fromkeys(ids))
    found: dict[str, list[ContactOnItem]] = {one: [] for one in wanted}
    if wanted:
        for row in connection.execute(_CONTACTS, {"ids": wanted}):
            found[row.item_id].append(ContactOnItem(row.item_id, row.address, row.name, tuple(row.tags)))
    return {one: tuple(contacts) for one, contacts in found.items()}


def add_contacts(connection: Connection, contacts: Sequence[ContactOnItem], *, fresh: Container[str] = ()) -> None:
    """Put people on items: new ones are written, those that are there get the further tags, and a name if they had none.

    Nobody is looked for on items that are `fresh`: inserted in this transaction.
    """
    merged: dict[tuple[str, str], ContactOnItem] = {}
    for contact in contacts:
        place = (contact.item_id, address_key(contact.address))
        merged[place] = _merged(merged[place], contact) if place in merged else contact
    if not merged:
        return
    older = list(dict.fromkeys(item_id for item_id, _ in merged if item_id not in fresh))
    rows = connection.execute(_CONTACTS, {"ids": older}) if older else ()
    there = {(row.item_id, row.address_key): ContactOnItem(row.item_id, row.address, row.name, tuple(row.tags)) for row in rows}
    _insert_contacts(connection, {place: contact for place, contact in merged.items() if place not in there})
    for place, contact in merged.items():
        if place in there and (both := _merged(there[place], contact)) != there[place]:
            connection.execute(_CONTACT_UPDATE, {"its_item": place[0], "its_key": place[1], "new_name": both.name, "new_tags": list(both.tags)})


def _insert_contacts(connection: Connection, fresh: Mapping[tuple[str, str], ContactOnItem]) -> None:
    rows = [
        {"item_id": item_id, "address_key": key, "address": contact.address, "name": contact.name, "tags": list(dict.fromkeys(contact.tags))}
        for (item_id, key), contact in fresh.items()
    ]
    if rows:
        connection.execute(_CONTACT_INSERT, rows)


def _merged(there: ContactOnItem, more: ContactOnItem) -> ContactOnItem:
    return ContactOnItem(there.item_id, there.address, there.name or more.name, tuple(dict.fromkeys((*there.tags, *more.tags))))


def participants_of(connection: Connection, ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """The address keys of everyone tied to each item; an item without any has an empty set."""
    wanted = list(dict.fromkeys(ids))
    found: dict[str, set[str]] = {one: set() for one in wanted}
    if wanted:
        for row in connection.execute(_PARTICIPANTS, {"ids": wanted}):
            found[row.item_id].add(row.address_key)
    return {one: frozenset(keys) for one, keys in found.items()}


def add_participants(connection: Connection, pairs: Iterable[tuple[str, str]]) -> None:
    """Tie (item id, address key) pairs to items; those that are there stay."""
    rows = [{"item_id": item_id, "address_key": key} for item_id, key in dict.fromkeys(pairs) if key]
    if rows:
        connection.execute(_PARTICIPANT_INSERT, rows)


# ---------------------------------------------------------------- links and ids


def links_of(connection: Connection, ids: Iterable[str]) -> dict[str, tuple[Link, ...]]:
    """The links that go out from each item, oldest first; an item without any has an empty tuple."""
    wanted = list(dict.fromkeys(ids))
    found: dict[str, list[Link]] = {one: [] for one in wanted}
    if wanted:
        for row in connection.execute(_LINKS, {"ids": wanted}):
            found[row.item_id].append(Link(row.item_id, row.other_id, row.kind))
    return {one: tuple(links) for one, links in found.items()}


def add_links(connection: Connection, links: Iterable[Link], now: datetime) -> None:
    """Link items both ways; a link that is there stays."""
    both = {(link.item_id, link.other_id, link.kind): None for link in links}
    both |= {(other, one, REVERSE_LINK.get(kind, kind)): None for one, other, kind in both}
    rows = [{"item_id": one, "other_id": other, "kind": kind, "at": now} for one, other, kind in both]
    if rows:
        connection.execute(_LINK_INSERT, rows)


def known_ids(connection: Connection, message_ids: Iterable[str]) -> dict[str, tuple[KnownId, ...]]:
    """Where each of these Message-IDs (without brackets) points, the oldest first; those that point nowhere are left out. At most `MOST_KNOWN` in all."""
    wanted = list(dict.fromkeys(one for one in message_ids if one))
    found: dict[str, list[KnownId]] = defaultdict(list)
    if wanted:
        for row in connection.execute(_KNOWN, {"message_ids": wanted, "most": MOST_KNOWN}):
            found[row.message_id].append(KnownId(row.message_id, row.item_id, row.direction, row.source_id))
    return {message_id: tuple(known) for message_id, known in found.items()}


def add_known_ids(connection: Connection, known: Iterable[KnownId], now: datetime) -> None:
    """Remember to which items Message-IDs point; what is known stays as it is."""
    rows = [
        {"message_id": one.message_id[:998], "item_id": one.item_id, "direction": one.direction, "source_id": one.source_id, "at": now}
        for one in dict.fromkeys(known)
        if one.message_id
    ]
    if rows:
        connection.execute(_KNOWN_INSERT, rows)


# ---------------------------------------------------------------- timeline


def add_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write lines of timelines in the order given."""
    if entries:
        _ENTRY_INSERT.run_all(connection, [_entry_row(entry) for entry in entries])


def _entry_row(entry: Entry) -> dict[str, Any]:
    return {
        "item_id": entry.item_id,
        "at": entry.at,
        "kind": entry.kind.value,
        "by": entry.by,
        "text": entry.text,
        "system": entry.system,
        "facts": dict(entry.facts) or None,
        "inbound_id": entry.inbound_id or None,
        "outbox_id": entry.outbox_id or None,
    }
