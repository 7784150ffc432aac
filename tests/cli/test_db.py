"""`guichet db` by command line."""

from __future__ import annotations

from pathlib import Path

from gateway.settings_source import load_settings
from gateway.store.engine import Database
from gateway.store.version import HEAD
from tests.cli.conftest import Guichet


def _set_revision(installation: Path, revision: str) -> None:
    database = Database(load_settings(installation / "guichet.toml").database_url)
    with database.durable() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
    database.dispose()


def test_current(guichet: Guichet, installation: Path) -> None:
    """Stored and needed revision; exit 2 if they differ."""
    said = guichet("db", "current", "--json")
    assert (said.code, said.json) == (0, {"stored": HEAD, "needed": HEAD})
    _set_revision(installation, "0000")
    assert guichet("db", "current").code == 2


def test_upgrade_of_an_empty_and_of_a_current_database(guichet: Guichet, installation: Path) -> None:
    """Made from nothing, and left alone."""
    assert guichet("db", "upgrade").out == f"The database is at revision {HEAD}.\n"
    (installation / "guichet.db").unlink()
    assert guichet("db", "upgrade").out == f"The database went from revision (empty) to {HEAD}.\n"


def test_an_old_or_newer_database_is_refused_with_what_helps(guichet: Guichet, installation: Path) -> None:
    """Every command that opens the house: exit 78."""
    for revision, words in (("0000", "guichet db upgrade"), ("9999", "newer Guichet")):
        _set_revision(installation, revision)
        for arguments in (("item", "list"), ("serve",)):
            said = guichet(*arguments)
            assert said.code == 78
            assert words in said.err


def test_backup_and_restore(guichet: Guichet, installation: Path, ticket: str) -> None:
    """A ticket deleted after the backup is back; restoring asks first."""
    copy = installation / "copy.db"
    said = guichet("db", "backup", copy)
    assert said.code == 0
    assert "secret.key" in said.out
    assert guichet("db", "backup", copy).code == 2
    guichet("item", "do", ticket, "take", "--as", "ann@demo.example")
    assert guichet("item", "show", ticket, "--json").json["status"] == "in_progress"
    assert guichet("db", "restore", copy, stdin=b"n\n").code == 130
    assert guichet("item", "show", ticket, "--json").json["status"] == "in_progress"
    assert guichet("db", "restore", copy, "--yes").code == 0
    assert guichet("item", "show", ticket, "--json").json["status"] == "to_do"
    assert guichet("db", "restore", installation / "desk.toml", "--yes").code == 2
