"""Backup and restore: a consistent copy of a living database, and back; what is no backup is refused."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from sqlalchemy import select, text

from gateway.store import schema
from gateway.store.backup import BackupTrouble, backup, restore
from gateway.store.engine import Database
from gateway.store.version import HEAD, stored_version


@pytest.fixture
def living(database: Database) -> Database:
    """A database with a revision and a few rows. On PostgreSQL the client programs are needed."""
    if not database.is_sqlite and shutil.which("pg_dump") is None:
        pytest.skip("pg_dump is not installed")
    with database.durable() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
        connection.execute(schema.counter.insert(), [{"name": f"n{n}", "value": n} for n in range(100)])
    return database


def _count(database: Database) -> int:
    with database.read() as connection:
        return len(connection.execute(select(schema.counter)).all())


def test_what_was_there_comes_back(living: Database, tmp_path: Path) -> None:
    """Rows written after the backup are gone after the restore, rows deleted after it are there again."""
    file = tmp_path / "copy"
    backup(living, file)
    assert file.stat().st_mode & 0o077 == 0, "a backup holds mails: nobody else may read it"
    with living.durable() as connection:
        connection.execute(schema.counter.delete().where(schema.counter.c.value < 50))
        connection.execute(schema.counter.insert().values(name="later", value=1))
    restore(living, file)
    assert _count(living) == 100
    with living.read() as connection:
        assert stored_version(connection) == HEAD
        assert connection.execute(select(schema.counter.c.name).where(schema.counter.c.name == "later")).all() == []


def test_others_go_on_writing_meanwhile(living: Database, tmp_path: Path) -> None:
    """The copy is of one moment: of rows written in pairs there is never half a pair."""
    stop = threading.Event()

    def write() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            with living.lazy() as connection:
                connection.execute(schema.counter.insert(), [{"name": f"a{n}", "value": n}, {"name": f"b{n}", "value": n}])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(3):
            backup(living, tmp_path / f"copy{n}")
    finally:
        stop.set()
        writer.join()
    for n in range(3):
        restore(living, tmp_path / f"copy{n}")
        assert _count(living) % 2 == 0


def test_a_backup_never_overwrites(living: Database, tmp_path: Path) -> None:
    """An existing file is refused and left alone."""
    file = tmp_path / "copy"
    file.write_text("precious", "utf-8")
    with pytest.raises(BackupTrouble, match="exists already"):
        backup(living, file)
    assert file.read_text("utf-8") == "precious"


def test_a_failed_backup_leaves_no_file(living: Database, tmp_path: Path) -> None:
    """Neither the file nor a part of it."""
    with pytest.raises(OSError, match="No such file"):
        backup(living, tmp_path / "nowhere" / "copy")
    assert list(tmp_path.glob("**/copy*")) == []


@pytest.mark.parametrize("content", [b"", b"not a database at all", b"SQLite format 3\x00" + b"\x00" * 4_000])
def test_what_is_no_backup_is_refused_and_changes_nothing(living: Database, tmp_path: Path, content: bytes) -> None:
    """A sentence, and the rows are still there."""
    file = tmp_path / "nonsense"
    file.write_bytes(content)
    with pytest.raises(BackupTrouble):
        restore(living, file)
    assert _count(living) == 100


def test_a_missing_backup_is_refused(living: Database, tmp_path: Path) -> None:
    """By name."""
    with pytest.raises(BackupTrouble, match="does not exist"):
        restore(living, tmp_path / "nothing")
