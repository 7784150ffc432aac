"""How every mailbox that is fetched from fares, as one value for lists, metrics and alarms; what is in the rows is `fetched.py` and `core/health.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from core.health import Health
from gateway.store import connector_status, fetched
from gateway.store.due import FETCHING
from gateway.store.fetched import Folder


@dataclass(frozen=True, slots=True)
class MailboxFigures:
    """One mailbox. Moments are aware UTC; `seen` counts messages on the server, `stored` those taken in since the beginning."""

    name: str
    health: Health
    folders: tuple[Folder, ...] = ()

    @property
    def seen(self) -> int:
        return sum(folder.seen for folder in self.folders)

    @property
    def stored(self) -> int:
        return sum(folder.stored for folder in self.folders)

    @property
    def waiting(self) -> int:
        return sum(folder.waiting for folder in self.folders)

    @property
    def oldest_waiting_at(self) -> datetime | None:
        return min((folder.oldest_waiting_at for folder in self.folders if folder.oldest_waiting_at is not None), default=None)

    def looked_at(self, folders: Collection[str]) -> datetime | None:
        """As of when the figures are: the oldest last look into one of these folders, None if there was none. A folder no longer read does not count."""
        looks = (folder.looked_at for folder in self.folders if folder.folder in folders)
        return min((moment for moment in looks if moment is not None), default=None)

    @property
    def state(self) -> str:
        """`new`: nobody has looked into it yet; `suspended`: log-ins are refused; `in trouble`: the last look failed; `behind`: mail waits; else `fine`."""
        if self.health.suspended:
            return "suspended"
        if self.health.troubled:
            return "in trouble"
        if not any(folder.begun_at for folder in self.folders):
            return "new"
        return "behind" if self.waiting else "fine"


def mailbox_figures(connection: Connection, names: Iterable[str]) -> tuple[MailboxFigures, ...]:
    """Of these connectors, in the order given."""
    healths = connector_status.healths(connection)
    folders: dict[str, list[Folder]] = {}
    for folder in fetched.folders(connection):
        folders.setdefault(folder.connector, []).append(folder)
    return tuple(MailboxFigures(name, healths.get(FETCHING + name, Health(FETCHING + name)), tuple(folders.get(name, ()))) for name in names)
