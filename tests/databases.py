"""Throw-away databases with all tables: a file that is copied, and on PostgreSQL one database that is emptied for whoever comes next; who gets them is `conftest.py`.

To make a database there and drop it again costs a third of a second of the server's time, as much as twenty small tests.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError

from gateway.clock import SystemClock
from gateway.store.engine import Database
from gateway.store.schema import metadata
from tests.servers import postgres_url

MOST_BYTES = 10 * 8192
"""Of one table: what PostgreSQL's planner takes a new one to have. With more, dead rows would show in its plans, and the database is not used again."""

_SHAPE = text(
    """
    SELECT
      (SELECT md5(string_agg(concat_ws(' ', oid, relname, relkind, relchecks, relhastriggers, reloptions::text), ',' ORDER BY oid)) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace),
      (SELECT md5(string_agg(concat_ws(' ', attrelid, attnum, attname, atttypid, attnotnull, atthasdef, attisdropped, attstattarget), ',' ORDER BY attrelid, attnum))
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace),
      (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_namespace),
      (SELECT count(*) FROM pg_statistic_ext),
      (SELECT count(*) FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))
    """
)
"""Everything that makes one schema another."""
_TABLES = text("SELECT relname, pg_relation_size(oid), reltuples >= 0 FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
"""Name, bytes, and whether statistics were gathered: they cannot be taken back."""
_RESTART = text(
    "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
)
_END_ALL = text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()")


def make_schema(database: Database) -> None:
    """All tables, without walking the migrations."""
    if database.is_sqlite and database.url.database and not Path(database.url.database).exists():
        shutil.copy(_sqlite_template(), database.url.database)
        return
    _create(database)


def _create(database: Database) -> None:
    with database.durable() as connection:
        metadata.create_all(connection)
        if not database.is_sqlite:
            connection.execute(text("CREATE SEQUENCE IF NOT EXISTS item_number START 101001"))


@functools.cache
def _sqlite_template() -> Path:
    """A file with all tables, made once per process."""
    folder = Path(tempfile.mkdtemp(prefix="guichet-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = Database(f"sqlite:///{folder}/guichet.db")
    _create(database)
    database.dispose()
    return folder / "guichet.db"


@functools.cache
def on_postgres() -> Emptied | None:
    """The one of this process; None without a server."""
    server = postgres_url()
    return None if server is None else Emptied(server)


class Emptied:
    """Databases on one server, each under a name of its own: whoever still knows the last one's finds nothing there."""

    def __init__(self, server: URL) -> None:
        self._admin: Engine = create_engine(server.set(database="postgres"), isolation_level="AUTOCOMMIT", pool_size=1, pool_pre_ping=True)
        self._server = server
        self._idle = ""
        self._template = f"guichet_template_{SystemClock().new_id()}"
        atexit.register(self._close)
        self._say(f'CREATE DATABASE "{self._template}"')
        made = Database(server.set(database=self._template))
        _create(made)
        with made.read() as connection:
            self._shape = connection.execute(_SHAPE).one()
        made.dispose()

    def take(self) -> Database:
        """An empty one with all tables."""
        name = f"guichet_test_{SystemClock().new_id()}"
        was, self._idle = self._idle, ""
        if not was or not self._again(was, name):
            self._say(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}" STRATEGY file_copy')
        return Database(self._server.set(database=name))

    def give_back(self, database: Database) -> None:
        """It will be emptied when the next one is asked for."""
        database.dispose()
        self._drop(self._idle)
        self._idle = str(database.url.database)

    def _again(self, was: str, name: str) -> bool:
        """Whether the last one could be emptied and is now called `name`; else it is gone."""
        try:
            with self._admin.connect() as connection:
                connection.execute(_END_ALL, {"name": was})
                connection.execute(text(f'ALTER DATABASE "{was}" RENAME TO "{name}"'))
        except DBAPIError:  # somebody is in there still
            self._drop(was)
            return False
        engine = create_engine(self._server.set(database=name), pool_size=1)
        try:
            with engine.begin() as connection:
                emptied = self._emptied(connection)
        finally:
            engine.dispose()
        if not emptied:
            self._drop(name)
        return emptied

    def _emptied(self, connection: Connection) -> bool:
        """Every row is gone and every sequence begins anew; not done where that would not be enough."""
        if connection.execute(_SHAPE).one() != self._shape:
            return False
        tables = connection.execute(_TABLES).all()
        if any(size > MOST_BYTES or counted for _, size, counted in tables):
            return False
        filled = {name for name, size, _ in tables if size}
        for table in reversed(metadata.sorted_tables):
            if table.name in filled:
                connection.execute(table.delete())
        connection.execute(_RESTART)
        return True

    def _drop(self, name: str) -> None:
        if name:
            self._say(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _say(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))

    def _close(self) -> None:
        self._drop(self._idle)
        self._drop(self._template)
        self._admin.dispose()
