"""Moving a database between revisions of the schema (Alembic, imported only here and in `migrations/`); what the revisions do is in `migrations/versions`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from gateway.store.engine import Database
from gateway.store.version import stored_version

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x6775_6963
"""Key of PostgreSQL's advisory lock: two upgrades at once wait for each other."""


def upgrade(database: Database, revision: str = "head") -> tuple[str, str]:
    """Bring a database to a revision in one transaction; (revision before, revision after). Creates the tables of an empty one."""
    return _move(database, command.upgrade, revision)


def downgrade(database: Database, revision: str) -> tuple[str, str]:
    """Back to an earlier revision (`base` empties it); (revision before, revision after)."""
    return _move(database, command.downgrade, revision)


def newest_revision() -> str:
    """The head of the scripts; `version.HEAD` must be the same."""
    return ScriptDirectory.from_config(_config(None)).get_current_head() or ""


def _move(database: Database, how: object, revision: str) -> tuple[str, str]:
    with _alone(database) as connection:
        before = stored_version(connection)
        how(_config(connection), revision)  # type: ignore[operator]  # alembic.command.upgrade or downgrade
        return before, stored_version(connection)


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _alone(database: Database) -> Iterator[Connection]:
    """A durable transaction that no other upgrade shares; on SQLite with foreign keys unchecked until the end, since tables are re-made in batches."""
    with database.engine.connect() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        try:
            yield connection
            if database.is_sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()):
                raise RuntimeError(f"the new revision leaves {len(broken)} rows without what they refer to; nothing was changed")
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        finally:
            connection.invalidate()
