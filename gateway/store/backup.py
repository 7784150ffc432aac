"""A copy of the whole database in a file, and back; the key file is not part of it and must be kept apart."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import URL

from gateway.store.engine import Database

PAGES_AT_ONCE = 4_096
Progress = Callable[[int, int], None]
"""Told pages done and pages in all."""


class BackupTrouble(Exception):
    """A backup or restore that was not done; `str()` is a sentence."""


def backup(database: Database, file: Path, progress: Progress = lambda done, total: None) -> None:
    """Write a consistent copy of one moment while others go on working. The file must not exist; it is there only when complete. Raises BackupTrouble."""
    if file.exists():
        raise BackupTrouble(f"{file} exists already; a backup never overwrites.")
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        if database.is_sqlite:
            _copy_sqlite(Path(str(database.url.database)), part, progress)
        else:
            _run_postgres("pg_dump", ["--format=custom", f"--file={part}"], database.url)
        _to_disk(part)
        part.rename(file)
        _to_disk(file.parent)
    finally:
        part.unlink(missing_ok=True)


def restore(database: Database, file: Path, progress: Progress = lambda done, total: None) -> None:
    """Put the contents of a backup into the database, in place of what is there. Nothing may be served meanwhile. Raises BackupTrouble."""
    if not file.is_file():
        raise BackupTrouble(f"{file} does not exist.")
    if database.is_sqlite:
        _require_ours(file)
        database.dispose()
        _copy_sqlite(file, Path(str(database.url.database)), progress)
    else:
        _run_postgres("pg_restore", ["--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error", str(file)], database.url)


def _copy_sqlite(source: Path, target: Path, progress: Progress) -> None:
    def step(_status: int, remaining: int, total: int) -> None:
        progress(total - remaining, total)

    try:
        with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new, pages=PAGES_AT_ONCE, progress=step)
            if new.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise BackupTrouble(f"{source} is damaged: its copy does not pass SQLite's check.")
    except sqlite3.Error as fault:
        raise BackupTrouble(f"{source} could not be copied to {target}: {fault}.") from None


def _require_ours(file: Path) -> None:
    """A backup of Guichet: an intact SQLite file with our revision table."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise BackupTrouble(f"{file} is damaged; nothing was restored.")
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as fault:
        raise BackupTrouble(f"{file} is no backup of Guichet ({fault}); nothing was restored.") from None


def _run_postgres(program: str, arguments: list[str], url: URL) -> None:
    if shutil.which(program) is None:
        raise BackupTrouble(f"{program} is not on the PATH; it comes with PostgreSQL's client programs (Debian: postgresql-client).")
    environment = {**os.environ, "PGPASSWORD": url.password or "", "PGCONNECT_TIMEOUT": "15"}
    where = [f"--dbname={url.set(drivername='postgresql', password=None).render_as_string()}"]
    done = subprocess.run([program, *where, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise BackupTrouble(f"{program} ended with {done.returncode}: {lines[0] if lines else 'no words'}.")


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
