"""The people who write to us, known across items by their addresses; who they are on one item is in `items.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, select
from sqlalchemy.dialects.postgresql import insert

from core.decision import ContactOnItem
from core.mail import address_key
from gateway.store.schema import contact, contact_address, outbox, outbox_recipient

_KNOWN = select(contact_address.c.address_key, contact_address.c.contact_id).where(contact_address.c.address_key.in_(bindparam("keys", expanding=True)))
_COMPANION = select(contact_address.c.contact_id, contact_address.c.address_key).where(
    contact_address.c.contact_id.in_(
        select(contact_address.c.contact_id).where(contact_address.c.address_key.in_(bindparam("keys", expanding=True)))
    )
)
_WRITTEN_TO = select(contact_address.c.address_key).where(
    contact_address.c.address_key.in_(bindparam("keys", expanding=True)),
    exists().where(
        outbox_recipient.c.address_key == contact_address.c.address_key,
        outbox.c.id == outbox_recipient.c.outbox_id,
        outbox.c.system_generated.is_(False),
        outbox.c.sent_at.is_not(None),
    ),
)
_COMPANIES = (
    select(contact_address.c.address_key, contact.c.company)
    .join(contact, contact_address.c.contact_id == contact.c.id)
    .where(contact_address.c.address_key.in_(bindparam("keys", expanding=True)))
)
_INSERT = contact.insert()
_ADDRESS_INSERT = insert(contact_address).on_conflict_do_nothing()


def known(connection: Connection, keys: Iterable[str]) -> dict[str, str]:
    """Address key → contact id, for those of `keys` that we know."""
    wanted = list(dict.fromkeys(keys))
    if not wanted:
        return {}
    return {row.address_key: row.contact_id for row in connection.execute(_KNOWN, {"keys": wanted})}


def companies(connection: Connection, keys: Sequence[str]) -> dict[str, str]:
    """Address key → company ('' = none), for those of `keys` that we know."""
    return {row.address_key: row.company for row in connection.execute(_COMPANIES, {"keys": list(keys)})} if keys else {}


def written_to(connection: Connection, keys: Sequence[str]) -> frozenset[str]:
    """Those of `keys` to whom a mail by a person of ours has left."""
    return frozenset(connection.execute(_WRITTEN_TO, {"keys": list(keys)}).scalars()) if keys else frozenset()


def all_addresses(connection: Connection, keys: Iterable[str]) -> frozenset[str]:
    """`keys` and every other address of the same people (decisions.md, "participant")."""
    wanted = frozenset(keys)
    if not wanted:
        return wanted
    return wanted | {row.address_key for row in connection.execute(_COMPANION, {"keys": list(wanted)})}


def remember(connection: Connection, contacts: Sequence[ContactOnItem], company_of: Callable[[str], str], new_id: Callable[[], str], now: datetime) -> None:
    """Keep everyone put on an item as a contact (B-CO-01); who is known stays as they are. `company_of` takes a domain key."""
    people = {address_key(one.address): one for one in contacts}
    there = known(connection, people)
    fresh = [(key, one, new_id()) for key, one in people.items() if key not in there]
    if not fresh:
        return
    connection.execute(
        _INSERT,
        [{"id": its_id, "name": one.name, "company": company_of(key.rpartition("@")[2]), "created_at": now} for key, one, its_id in fresh],
    )
    connection.execute(_ADDRESS_INSERT, [{"address_key": key, "address": one.address, "contact_id": its_id} for key, one, its_id in fresh])


def add_addresses(connection: Connection, pairs: Iterable[tuple[str, str]]) -> None:
    """(address key that is known, further address): the second becomes an address of the same person, if nobody has it yet."""
    wanted = dict(pairs)
    there = known(connection, wanted)
    rows = [{"address_key": address_key(further), "address": further, "contact_id": there[key]} for key, further in wanted.items() if key in there]
    if rows:
        connection.execute(_ADDRESS_INSERT, rows)
