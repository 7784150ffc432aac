"""Rows of alarms: which last, which were told, and for which the alarm command is still to be run; what is told is `core/alarms.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from core.alarms import Alarm, AlarmKind
from gateway.store.schema import alarm

_A = alarm.c
_ONE = select(alarm).where(_A.name == bindparam("wanted")).with_for_update()
_LASTING = select(alarm).where(_A.over_at.is_(None)).order_by(_A.raised_at, _A.name)
_COMMANDS = select(alarm).where(_A.command_due).order_by(_A.name)
_INSERT = insert(alarm)
_UPSERT = _INSERT.on_conflict_do_update(index_elements=[_A.name], set_={column.name: _INSERT.excluded[column.name] for column in alarm.columns if column.name != "name"})
_ENSURE = _INSERT.on_conflict_do_nothing(index_elements=[_A.name])
_TAKE = update(alarm).where(_A.name == bindparam("wanted"), _A.command_due).values(command_due=False)


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm and what has been done about it. `told`: this time; `told_at`: the last time one of its name was. Moments are aware UTC."""

    alarm: Alarm
    raised_at: datetime
    over_at: datetime | None = None
    told: bool = False
    told_at: datetime | None = None
    command_due: bool = False


def lasting(connection: Connection) -> dict[str, Raised]:
    """Those that are not over, by name, the oldest first."""
    return {row.name: _raised(row) for row in connection.execute(_LASTING)}


def noted(connection: Connection, about: Alarm, now: datetime) -> Raised:
    """The one of this name, kept from others until the transaction ends; one that never was is written as over. Of several who note it at once, one is first."""
    connection.execute(_ENSURE, _row(Raised(about, now, over_at=now)))
    found = locked(connection, about.name)
    assert found is not None
    return found


def locked(connection: Connection, name: str) -> Raised | None:
    """One by its name, kept from others until the transaction ends; None if there never was one."""
    row = connection.execute(_ONE, {"wanted": name}).first()
    return _raised(row) if row is not None else None


def save(connection: Connection, now: Raised) -> None:
    """Write one as it is now."""
    connection.execute(_UPSERT, _row(now))


def with_command(connection: Connection) -> list[Raised]:
    """Those for which the alarm command is still to be run."""
    return [_raised(row) for row in connection.execute(_COMMANDS)]


def take_command(connection: Connection, name: str) -> bool:
    """Whether it is us who run the command for this one: of several who ask, one."""
    return connection.execute(_TAKE, {"wanted": name}).rowcount == 1


def _raised(row: Row[Any]) -> Raised:
    return Raised(Alarm(AlarmKind(row.kind), row.about, row.detail), row.raised_at, row.over_at, row.told, row.told_at, row.command_due)


def _row(one: Raised) -> dict[str, Any]:
    return {
        "name": one.alarm.name,
        "kind": str(one.alarm.kind),
        "about": one.alarm.about,
        "detail": one.alarm.detail,
        "raised_at": one.raised_at,
        "over_at": one.over_at,
        "told_at": one.told_at,
        "told": one.told,
        "command_due": one.command_due,
    }
