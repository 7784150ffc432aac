"""Messages of mailboxes that are ours already, and how far each folder was read; talking to the servers is done in `gateway/inbound/`.

A source names one message of one connector's mailbox for ever: `INBOX/1700000000/42`, a UIDL, a file name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.store.schema import fetched, inbound, mailbox_folder

SOURCE_LENGTH = 700
MOST_ASKED = 400
"""Sources in one statement; SQLite takes 32,766 parameters, and smaller statements are cached."""

_F, _M = fetched.c, mailbox_folder.c
_KNOWN = select(_F.source, _F.inbound_id).where(_F.connector == bindparam("its_connector"), _F.source.in_(bindparam("sources", expanding=True)))
_INSERT = insert(fetched).on_conflict_do_nothing()
_TOUCHED = update(fetched).where(_F.connector == bindparam("its_connector"), _F.source.in_(bindparam("sources", expanding=True))).values(touched=True)
_UNTOUCHED = (
    select(_F.source)
    .where(_F.connector == bindparam("its_connector"), _F.touched.is_(False), _F.inbound_id != "", _F.source.like(bindparam("pattern"), escape="\\"))
    .order_by(_F.at)
    .limit(bindparam("most"))
)
_IN_PART = (
    select(_F.source)
    .join(inbound, inbound.c.id == _F.inbound_id)
    .where(_F.connector == bindparam("its_connector"), _F.source.in_(bindparam("sources", expanding=True)), inbound.c.full_size > 0)
)
_FORGET = delete(fetched).where(_F.connector == bindparam("its_connector"), _F.source.in_(bindparam("sources", expanding=True)))
_FOLDERS = select(mailbox_folder).where(_M.connector == bindparam("its_connector")).order_by(_M.folder)
_ALL_FOLDERS = select(mailbox_folder).order_by(_M.connector, _M.folder)
_SAVE = insert(mailbox_folder)
_SAVE = _SAVE.on_conflict_do_update(
    index_elements=[_M.connector, _M.folder],
    set_={column.name: _SAVE.excluded[column.name] for column in mailbox_folder.columns if column.name not in ("connector", "folder")},
)


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder of a mailbox: the cursor (RFC 9051 section 2.3.1.1), what was chosen at first, and the last figures. Moments are aware UTC.

    `begun_at` is None as long as nobody has chosen from where on mail is taken in (decisions.md 13).
    """

    connector: str
    folder: str
    uidvalidity: int = 0
    last_uid: int = 0
    begun_at: datetime | None = None
    choice: str = ""
    seen: int = 0
    stored: int = 0
    waiting: int = 0
    oldest_waiting_at: datetime | None = None
    looked_at: datetime | None = None


def known(connection: Connection, connector: str, sources: Collection[str]) -> dict[str, str]:
    """Source → inbound id ('' for what was only looked at), of those that are ours already."""
    found: dict[str, str] = {}
    listed = list(dict.fromkeys(sources))
    for start in range(0, len(listed), MOST_ASKED):
        rows = connection.execute(_KNOWN, {"its_connector": connector, "sources": listed[start : start + MOST_ASKED]})
        found.update((row.source, row.inbound_id) for row in rows)
    return found


def note(connection: Connection, rows: Sequence[tuple[str, str, str]], now: datetime, *, touched: bool = False) -> None:
    """(connector, source, inbound id): from now on they are ours. What is there already stays as it is."""
    if rows:
        values = [{"connector": name, "source": source, "inbound_id": inbound_id, "at": now, "touched": touched} for name, source, inbound_id in rows]
        connection.execute(_INSERT, values)


def untouched(connection: Connection, connector: str, prefix: str = "", most: int = 1_000) -> tuple[str, ...]:
    """What is ours and was not yet marked, moved or deleted in the mailbox, the oldest first."""
    pattern = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    return tuple(connection.execute(_UNTOUCHED, {"its_connector": connector, "pattern": pattern, "most": most}).scalars())


def in_part(connection: Connection, connector: str, sources: Collection[str]) -> frozenset[str]:
    """Those of which only the header is ours: the whole mail must stay where it is, whatever is done with the others (law 7)."""
    return frozenset(
        source for some in _in_pieces(sources) for source in connection.execute(_IN_PART, {"its_connector": connector, "sources": some}).scalars()
    )


def touch(connection: Connection, connector: str, sources: Collection[str]) -> None:
    """What was to be done in the mailbox with these is done."""
    for some in _in_pieces(sources):
        connection.execute(_TOUCHED, {"its_connector": connector, "sources": some})


def forget(connection: Connection, connector: str, sources: Collection[str]) -> None:
    """These are gone from the mailbox, and their names can never come again."""
    for some in _in_pieces(sources):
        connection.execute(_FORGET, {"its_connector": connector, "sources": some})


def _in_pieces(sources: Collection[str]) -> Iterable[list[str]]:
    listed = list(sources)
    return (listed[start : start + MOST_ASKED] for start in range(0, len(listed), MOST_ASKED))


def folders(connection: Connection, connector: str = "") -> tuple[Folder, ...]:
    """The folders of one mailbox, or of all."""
    rows = connection.execute(_FOLDERS, {"its_connector": connector}) if connector else connection.execute(_ALL_FOLDERS)
    return tuple(Folder(**{str(name): value for name, value in row._mapping.items()}) for row in rows)


def save(connection: Connection, folder: Folder) -> None:
    """Write one folder as it is now."""
    connection.execute(_SAVE, asdict(folder))

