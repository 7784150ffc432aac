"""Where crash stories are played: houses on SQLite and PostgreSQL, and what a power cut takes from each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from core.setup import Setup
from gateway.clock import SystemClock
from gateway.store.engine import Database
from gateway.store.schema import metadata
from tests.conftest import make_schema, missing
from tests.crash.child import Stage
from tests.crash.effects import KillAt
from tests.houses import furnish, url_of
from tests.servers import Postgres, postgres_binaries, postgres_url

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


Fill = Callable[[Path, Database], None]
"""Puts into a furnished house what a story finds there."""


def nothing(_folder: Path, _database: Database) -> None:
    """The house is empty."""


class Ground(Protocol):
    """What a crash test asks of a place to play: stages, and what happens between a death and the restart."""

    moments: tuple[bool, ...]
    """Kill before an effect (True), after it (False)."""
    stride: int
    """Of so many kill points one is played."""

    def stage(self, kill_at: KillAt) -> Stage: ...

    def power_cut(self, stage: Stage) -> None: ...

    def clear(self, stage: Stage) -> None: ...

    def close(self) -> None: ...


class SqliteGround:
    """A fresh SQLite file for each story; a death takes nothing but the process."""

    moments: tuple[bool, ...] = (True, False)
    stride = 1

    def __init__(self, folder: Path, setup: Setup, fill: Fill = nothing) -> None:
        self._folder = folder
        self._template = folder / "template"
        self._template.mkdir()
        database = Database(f"sqlite:///{self._template}/guichet.db")
        make_schema(database)
        furnish(self._template, database, setup)
        fill(self._template, database)
        database.dispose()

    def stage(self, kill_at: KillAt) -> Stage:
        folder = self._folder / f"house-{kill_at.n}-{kill_at.before}"
        shutil.copytree(self._template, folder)
        return Stage(f"sqlite:///{folder}/guichet.db", folder, START, kill_at)

    def power_cut(self, stage: Stage) -> None:
        """The machine stays on."""

    def clear(self, stage: Stage) -> None:
        shutil.rmtree(stage.folder)

    def close(self) -> None:
        """Nothing runs."""


class SqlitePowerCut(SqliteGround):
    """After the death the log ends where it ended after the last durable commit, and the shared index is gone."""

    moments = (True,)

    def power_cut(self, stage: Stage) -> None:
        kept = int(stage.log_length.read_text()) if stage.log_length.exists() else 0
        if stage.log.exists():
            os.truncate(stage.log, kept)
        (stage.folder / "guichet.db-shm").unlink(missing_ok=True)


class PostgresGround:
    """One PostgreSQL database, emptied and furnished anew for each story: quicker than a database for each."""

    moments: tuple[bool, ...] = (True, False)
    stride = 1

    def __init__(self, folder: Path, setup: Setup, fill: Fill = nothing) -> None:
        self._folder = folder
        self._setup = setup
        self._fill = fill
        server = self._server()
        self._admin = create_engine(server, isolation_level="AUTOCOMMIT", pool_size=1)
        self._name = f"guichet_crash_{SystemClock().new_id()}"
        with self._admin.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{self._name}"'))
        self._database = Database(server.set(database=self._name), pool_size=1)
        make_schema(self._database)

    def _server(self) -> URL:
        url = postgres_url()
        if url is None:
            missing("PostgreSQL is not installed")
        assert url is not None
        return url

    def stage(self, kill_at: KillAt) -> Stage:
        folder = self._folder / f"house-{kill_at.n}-{kill_at.before}"
        folder.mkdir()
        with self._database.durable() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
            connection.execute(text("ALTER SEQUENCE item_number RESTART"))
        furnish(folder, self._database, self._setup)
        self._fill(folder, self._database)
        return Stage(url_of(self._database), folder, START, kill_at)

    def power_cut(self, stage: Stage) -> None:
        """The machine stays on."""

    def clear(self, stage: Stage) -> None:
        """A killed house's connections may still hold locks for a moment: they are ended."""
        with self._admin.connect() as connection:
            ended = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
            connection.execute(ended, {"name": self._name})
        self._database.dispose()
        shutil.rmtree(stage.folder)

    def close(self) -> None:
        self._database.dispose()
        with self._admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{self._name}" WITH (FORCE)'))
        self._admin.dispose()


class PostgresPowerCut(PostgresGround):
    """A cluster of its own that flushes nothing by itself; after the death it is stopped as by a power cut and started again."""

    moments = (True,)

    def _server(self) -> URL:
        binaries = postgres_binaries()
        if binaries is None:
            missing("PostgreSQL's own programs are not installed")
        assert binaries is not None
        self._cluster = Postgres(binaries, "-c wal_writer_delay=10s -c wal_writer_flush_after=1GB -c checkpoint_timeout=1h -c max_wal_size=4GB")
        return self._cluster.url

    def power_cut(self, stage: Stage) -> None:
        self._admin.dispose()
        self._database.dispose()
        self._cluster.power_cut()

    def stage(self, kill_at: KillAt) -> Stage:
        made = super().stage(kill_at)
        with self._admin.connect() as connection:
            connection.execute(text("CHECKPOINT"))
        return made

    def close(self) -> None:
        self._database.dispose()
        self._admin.dispose()
        self._cluster.stop()

