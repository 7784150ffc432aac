"""What a mailbox still owes, and which mails of it are ours under another name; how far a folder was read is `fetched.py`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from gateway.store import fetched as sources
from gateway.store.fetched import Folder
from gateway.store.schema import fetched, inbound, lease

STREAMED = 2_000
"""Rows held in memory while all mails of a connector are walked through."""
ALL_OWED = 2**62

_F, _I = fetched.c, inbound.c
_OWED_OF = (_F.connector == bindparam("its_connector"), _F.inbound_id == "", _F.touched.is_(False), _F.source.like(bindparam("pattern"), escape="\\"))
_OWED = select(_F.source, _F.at).where(*_OWED_OF).order_by(_F.at, _F.source).limit(bindparam("most"))
_NAMED = select(_F.source).where(_F.connector == bindparam("its_connector"), _F.source.like(bindparam("pattern"), escape="\\")).order_by(_F.at, _F.source)
_COUNTED = select(func.count(), func.min(_F.at)).where(*_OWED_OF)
_LEFT = (
    update(fetched).where(_F.connector == bindparam("its_connector"), _F.source == bindparam("its_source"), _F.inbound_id == "").values(touched=True)
)
_OURS = select(_I.id, _I.message_id, _I.size, _I.full_size).where(_I.connector == bindparam("its_connector"), _I.message_id != "")
_HOLDER = select(lease.c.holder).where(lease.c.name == bindparam("lease_name"))


def owed(connection: Connection, connector: str, prefix: str, most: int = ALL_OWED) -> list[tuple[str, datetime]]:
    """(source, since when) of what was seen in the mailbox and is to be taken in later: chosen old mail, and mail that could not be had or stored."""
    return [(row.source, row.at) for row in connection.execute(_OWED, {"its_connector": connector, "pattern": _pattern(prefix), "most": most})]


def named(connection: Connection, connector: str, prefix: str) -> list[str]:
    """Everything of the connector that is written down under a name with this beginning, the oldest first; ours, owed or noted."""
    return list(connection.execute(_NAMED, {"its_connector": connector, "pattern": _pattern(prefix)}).scalars())


def counted(connection: Connection, connector: str, prefix: str) -> tuple[int, datetime | None]:
    """How much is owed, and since when."""
    row = connection.execute(_COUNTED, {"its_connector": connector, "pattern": _pattern(prefix)}).one()
    return row[0], row[1]


def owe(connection: Connection, connector: str, names: list[str], at: datetime) -> None:
    """These are to be taken in later; whatever is ours already stays so."""
    for start in range(0, len(names), STREAMED):
        sources.note(connection, [(connector, name, "") for name in names[start : start + STREAMED]], at)


def leave(connection: Connection, connector: str, names: list[str]) -> None:
    """These are gone from the mailbox, or are not wanted: nobody asks for them again."""
    if names:
        connection.execute(_LEFT, [{"its_connector": connector, "its_source": name} for name in names])


def ours(connection: Connection, connector: str) -> Iterator[tuple[str, str, int]]:
    """(inbound id, Message-ID, size on the server) of every mail of a connector that was read, however many they are."""
    rows: Iterator[Row[Any]] = iter(connection.execute(_OURS, {"its_connector": connector}, execution_options={"yield_per": STREAMED}))
    return ((row.id, row.message_id, row.full_size or row.size) for row in rows)


def choose(connection: Connection, connector: str, choice: str, folder: str, expected: tuple[str, ...]) -> list[Folder]:
    """Write from where on a mailbox is read, for one folder or for all that are known or expected; the next look carries it out."""
    there = {one.folder: one for one in sources.folders(connection, connector)}
    names = [name for name in dict.fromkeys((*there, *expected)) if folder in ("", name)]
    chosen = [replace(there.get(name, Folder(connector, name)), begun_at=None, choice=choice) for name in names]
    for one in chosen:
        sources.save(connection, one)
    return chosen


def lease_holder(connection: Connection, name: str) -> str:
    """Who has this lease, or had it last; '' if nobody."""
    return str(connection.execute(_HOLDER, {"lease_name": name}).scalar() or "")


def _pattern(prefix: str) -> str:
    return prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
