"""Connections and transactions: read, lazy write and durable write, the same three on SQLite and PostgreSQL; no table is known here.

Law 9: a promise to the outside is preceded by a durable commit, which also makes all earlier commits durable. Work that can
be redone from what is stored commits lazily. On SQLite these are two engines on one file (`synchronous` FULL and NORMAL)
under one writer lock per process; on PostgreSQL the lazy one says `SET LOCAL synchronous_commit = off`.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

BUSY_TIMEOUT_MS = 15_000


class Database:
    """The database of one installation. Transactions are short; nothing in them waits for the network.

    `url` is an SQLAlchemy URL (`sqlite:///FILE` or `postgresql+psycopg://…`); `pool_size` bounds connections per process.
    """

    def __init__(self, url: str | URL, *, pool_size: int = 12) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writer = threading.RLock()
        if self.is_sqlite:
            self._durable = _sqlite(self.url, "FULL", pool_size)
            self._lazy = _sqlite(self.url, "NORMAL", pool_size)
        else:
            self._durable = self._lazy = _engine(self.url, pool_size, pool_pre_ping=True)

    @property
    def engine(self) -> Engine:
        """For migrations and tests."""
        return self._durable

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only view of one moment; ends without a commit."""
        with self._lazy.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def lazy(self) -> Iterator[Connection]:
        """A write that can be redone from what is stored: a power cut may take it back, a crash of the process cannot."""
        yield from self._write(self._lazy, lazy=True)

    @contextmanager
    def durable(self) -> Iterator[Connection]:
        """A write that is on disk, with everything committed before it, when the block has ended."""
        yield from self._write(self._durable, lazy=False)

    def _write(self, engine: Engine, *, lazy: bool) -> Iterator[Connection]:
        if not self.is_sqlite:
            with engine.connect() as connection, connection.begin():
                if lazy:
                    connection.execute(text("SET LOCAL synchronous_commit = off"))
                yield connection
            return
        with self._writer, engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def checkpoint(self) -> None:
        """SQLite: move the write-ahead log into the file and empty it, if nobody reads. PostgreSQL does this itself."""
        if self.is_sqlite:
            with self._writer, self._lazy.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def no_automatic_checkpoints(self) -> None:
        """SQLite: the log is moved into the file only by `checkpoint`, on connections opened from now on. For the power-cut tests."""
        if self.is_sqlite:
            self.dispose()
            for engine in (self._durable, self._lazy):
                event.listen(engine, "connect", lambda connection, _record: connection.execute("PRAGMA wal_autocheckpoint = 0"))

    def dispose(self) -> None:
        """Close all connections; also after a fork, before the first use in the child."""
        self._durable.dispose()
        self._lazy.dispose()


def _engine(url: URL, pool_size: int, **more: Any) -> Engine:
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_use_lifo=True,  # the connection used last has the warmest page cache
        hide_parameters=True,  # they are bodies of mails and more that no log and no reason may quote
        **more,
    )


def _sqlite(url: URL, synchronous: str, pool_size: int) -> Engine:
    from sqlalchemy.pool import QueuePool

    arguments = {"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False, "isolation_level": None}
    engine = _engine(url, pool_size, poolclass=QueuePool, connect_args=arguments)

    @event.listens_for(engine, "do_connect")
    def _private(_dialect: Any, _record: Any, _arguments: Any, _options: Any) -> None:
        # It holds every mail, so a new file is its owner's alone, whatever the umask; its log takes the same mode from it.
        if url.database and url.database != ":memory:":
            with suppress(OSError):  # there already, or SQLite says in a moment why it cannot be
                os.close(os.open(url.database, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
        # The pragma raises inside a transaction, so it is set once per connection (libraries.md, "DB toolkit").
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {synchronous}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.close()

    return engine


def is_passing_fault(fault: BaseException) -> bool:
    """Whether a database error is no fault of the mail in hand: away, locked, full, shutting down. It is no attempt (architecture section 4)."""
    if isinstance(fault, DBAPIError) and fault.connection_invalidated:
        return True
    if isinstance(fault, OperationalError):
        return not _is_about_the_statement(fault.orig)
    return isinstance(fault, (ConnectionError, TimeoutError, MemoryError))


def _is_about_the_statement(fault: BaseException | None) -> bool:
    """Operational errors that come again with the same statement: SQLITE_ERROR, PostgreSQL's class 54 (program limit exceeded)."""
    code = getattr(fault, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF == sqlite3.SQLITE_ERROR
    return str(getattr(fault, "sqlstate", None) or "").startswith("54")
