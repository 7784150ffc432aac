"""The stored setup: read as one value, cached by its revision, and saved as rows with their history; passwords are in `passwords.py`."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from core.mail import address_key
from core.plain import from_plain
from core.setup import Setup
from core.setup_parts import PARTS, Change, Part, diff
from gateway.clock import Clock, SystemClock
from gateway.store import app_passwords, proofs, schema

TABLES: Mapping[str, Table] = {part.kind: getattr(schema, part.kind) for part in PARTS}
_KEEPS_OLD = frozenset({"process", "retry_template", "user"})
"""Kinds whose inactive rows are still asked for: items and mails refer to old versions, timelines to people who left."""

PROVED_OF = ("address", "incoming", "outgoing")
"""What of a connector the connection test was about; another value, and it has to be tested again."""

_REVISION = "SELECT revision FROM desk_revision WHERE id = 1"


@dataclass(frozen=True, slots=True)
class _Stored:
    """A row of a configured table, made a value."""

    value: Any
    active: bool


class Setups:
    """Reads and writes the setup of one database. One instance per process; safe to share between threads."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._cached: Setup | None = None
        # A setup read inside the transaction that changes it may yet be rolled back, so it is never cached.
        self._saving: weakref.WeakSet[Connection] = weakref.WeakSet()

    def current(self, connection: Connection) -> Setup:
        """The setup at its newest revision: one cheap SELECT, and the tables only when the revision is another one."""
        revision = _revision(connection)
        cached = self._cached
        if cached is not None and cached.revision == revision and connection not in self._saving:
            return cached
        setup = load(connection)
        if connection not in self._saving:
            with self._lock:
                if self._cached is None or self._cached.revision != setup.revision:
                    self._cached = setup
        return setup

    def locked(self, connection: Connection) -> Setup:
        """The setup as it is, and nobody else saves another one until this transaction ends: for whoever changes a part of it and saves the whole."""
        _locked_revision(connection)
        return self.current(connection)

    def save(self, connection: Connection, new: Setup, by: str, now: datetime, *, noted: Mapping[str, str] | None = None) -> tuple[Change, ...]:
        """Make `new` the stored setup, and say what that changed; nothing changed, nothing written. `by` and `noted` are kept in the history.

        Things are known by their names. Ids of `new` are used only for what was not there; a changed process, retry or mail
        template becomes a new version with a new id. Must run in a write transaction; concurrent saves wait for each other.
        """
        revision = _locked_revision(connection)
        old = load(connection)
        changes = diff(old, new)
        if not changes:
            return ()
        self._saving.add(connection)
        for part in PARTS:
            _save_part(connection, part, new, [change for change in changes if change.kind == part.kind], by, now, self._clock)
        connection.execute(
            schema.desk_change.insert(),
            [
                {"at": now, "by": by, "kind": change.kind, "name": change.name, "change": change.change, "body": _kept_of(change, noted)}
                for change in changes
            ],
        )
        connection.execute(schema.desk_revision.update().values(revision=revision + 1))
        return changes


def _kept_of(change: Change, noted: Mapping[str, str] | None) -> dict[str, Any] | None:
    return {**change.becomes, **noted} if noted and change.becomes is not None else change.becomes


def load(connection: Connection) -> Setup:
    """The setup as stored, all of one revision."""
    while True:
        revision = _revision(connection)
        setup = _proved(_assemble(revision, {part.kind: _rows(connection, part) for part in PARTS}), proofs.all_of(connection, proofs.PLUS_ADDRESSING))
        # On PostgreSQL each statement of a write transaction sees its own moment: read again if somebody saved meanwhile.
        if _revision(connection) == revision:
            return setup


def versions(connection: Connection, kind: str) -> dict[str, int]:
    """Id → version of every configured thing of a kind that is in force."""
    table = TABLES[kind]
    return {row.id: row.version for row in connection.execute(select(table.c.id, table.c.version).where(table.c.active))}


def version_of(connection: Connection, kind: str, id: str) -> int | None:
    """Which version of its name something configured is, in force or not; None if it is not there."""
    table = TABLES[kind]
    return connection.execute(select(table.c.version).where(table.c.id == id)).scalar()


def _assemble(revision: int, parts: Mapping[str, list[_Stored]]) -> Setup:
    def active(kind: str) -> tuple[Any, ...]:
        return tuple(row.value for row in parts[kind] if row.active)

    def old(kind: str) -> tuple[Any, ...]:
        return tuple(row.value for row in parts[kind] if not row.active)

    desk = active("desk")[0] if active("desk") else None
    head = {} if desk is None else asdict(desk)
    return Setup(
        revision=revision,
        companies=active("company"),
        queues=tuple(queue.name for queue in active("queue")),
        teams=active("team"),
        users=active("user") + old("user"),
        retry_templates=active("retry_template"),
        old_retry_templates=old("retry_template"),
        connectors=active("connector"),
        processes=active("process"),
        old_processes=old("process"),
        routes=active("route"),
        blocked_addresses=active("blocked_address"),
        mail_templates=active("mail_template"),
        canned_texts=active("canned_text"),
        dkim_keys=active("dkim_key"),
        **head,
    )


def _proved(setup: Setup, shown: Mapping[str, str]) -> Setup:
    """The setup whose connectors know what the connection test has shown for their address."""
    if not shown:
        return setup
    known = (replace(one, plus_proved=shown.get(one.name) == address_key(one.address)) for one in setup.connectors)
    return replace(setup, connectors=tuple(known))


def _revision(connection: Connection) -> int:
    return connection.exec_driver_sql(_REVISION).scalar() or 0


def _locked_revision(connection: Connection) -> int:
    """The revision, with its row locked until the end of the transaction (SQLite writers are alone anyway)."""
    row = connection.execute(select(schema.desk_revision.c.revision).where(schema.desk_revision.c.id == 1).with_for_update()).scalar()
    if row is None:
        connection.execute(schema.desk_revision.insert().values(id=1, revision=0))
    return row or 0


def _rows(connection: Connection, part: Part) -> list[_Stored]:
    table = TABLES[part.kind]
    statement = select(table.c.id, table.c.active, table.c.body).order_by(table.c.position, table.c.name, table.c.version)
    if part.kind not in _KEEPS_OLD:
        statement = statement.where(table.c.active)
    return [_Stored(_value(part, row), row.active) for row in connection.execute(statement)]


def _value(part: Part, row: Row[Any, Any, Any]) -> Any:
    known = {field.name for field in fields(part.type)}
    apart = {name: getattr(row, name) for name in ("id", "active") if name in known}
    # A key written by a newer or older version of the product and unknown to this one is passed over, not refused.
    return from_plain(part.type, {key: content for key, content in row.body.items() if key in known}, **apart)


def _save_part(connection: Connection, part: Part, new: Setup, changes: list[Change], by: str, now: datetime, clock: Clock) -> None:
    if not changes:
        return
    table = TABLES[part.kind]
    given = {part.key(value): getattr(value, "id", "") for value in part.values(new)}
    stamp = {"changed_at": now, "changed_by": by}
    for change in changes:
        if change.change == "removed":
            connection.execute(table.update().where(table.c.name == change.name, table.c.active).values(active=False, **stamp))
        elif change.change == "added":
            _add(connection, part, change, given[change.name], stamp, clock)
        elif change.change == "changed" and part.versioned:
            connection.execute(table.update().where(table.c.name == change.name, table.c.active).values(active=False, **stamp))
            _add(connection, part, change, given[change.name], stamp, clock)
        elif change.change == "changed":
            done = connection.execute(table.update().where(table.c.name == change.name, table.c.active).values(body=change.becomes, **stamp))
            if not done.rowcount:  # the desk itself has default values before its row is there
                _add(connection, part, change, given[change.name], stamp, clock)
    if part.kind == "connector":
        proofs.forget(connection, [change.name for change in changes if _goes_another_way(change)])
    if part.kind == "user":
        for gone in (change.name for change in changes if change.change == "removed"):
            app_passwords.revoke_all(connection, gone, now, by=by)
    for position, name in enumerate(given):
        connection.execute(table.update().where(table.c.name == name, table.c.active, table.c.position != position).values(position=position))


def _goes_another_way(change: Change) -> bool:
    """Whether mail of a connector takes another way than the one that was shown to work."""
    was, becomes = change.was or {}, change.becomes or {}
    return any(was.get(key) != becomes.get(key) for key in PROVED_OF)


def _add(connection: Connection, part: Part, change: Change, wanted_id: str, stamp: dict[str, Any], clock: Clock) -> None:
    """A new row, or a new version, or the row that was here before under this name."""
    table = TABLES[part.kind]
    newest = connection.execute(select(table.c.id, table.c.version).where(table.c.name == change.name).order_by(table.c.version.desc()).limit(1)).first()
    if newest is not None and not part.versioned:
        connection.execute(table.update().where(table.c.id == newest.id).values(active=True, body=change.becomes, **stamp))
        return
    taken = wanted_id and connection.execute(select(table.c.id).where(table.c.id == wanted_id)).first()
    connection.execute(
        table.insert().values(
            id=wanted_id if wanted_id and not taken else clock.new_id(),
            name=change.name,
            version=1 if newest is None else newest.version + 1,
            position=0,
            active=True,
            body=change.becomes,
            **stamp,
        )
    )
