"""`guichet db` by command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from gateway.bootstrap import open_house
from gateway.clock import SystemClock
from gateway.demo import SAMPLES
from gateway.settings_source import load_settings
from gateway.store.engine import Database
from gateway.store.version import HEAD
from tests.cli.conftest import Guichet, mail
from tests.conftest import missing
from tests.servers import postgres_url

DEMO_DESK = SAMPLES / "desk.toml"


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
    for typed, words in ((b"n\n", "Nothing was changed."), (b"", "--yes")):
        refused = guichet("db", "restore", copy, stdin=typed)
        assert refused.code == 2 and words in refused.err
    assert guichet("item", "show", ticket, "--json").json["status"] == "in_progress"
    assert guichet("db", "restore", copy, "--yes").code == 0
    assert guichet("item", "show", ticket, "--json").json["status"] == "to_do"
    assert guichet("db", "restore", installation / "desk.toml", "--yes").code == 2


@pytest.fixture
def on_postgres(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings, by the environment alone, that name a new database on PostgreSQL."""
    server = postgres_url()
    if server is None:
        missing("PostgreSQL is not installed")
    assert server is not None
    name = f"guichet_test_{SystemClock().new_id()}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    monkeypatch.setenv("GUICHET_DATABASE__URL", server.set(database=name).render_as_string(hide_password=False))
    (bare / "guichet.toml").write_text("", "utf-8")
    yield
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()


@pytest.mark.usefixtures("on_postgres")
def test_the_same_commands_on_postgresql(guichet: Guichet, bare: Path) -> None:
    """From nothing to a mail that is stored and listed, by settings alone."""
    assert guichet("item", "list").code == 78
    assert guichet("init", "--admin", "root@demo.example").code == 0
    assert guichet("db", "current").code == 0
    applied = guichet("config", "apply", DEMO_DESK, "--json")
    assert applied.code == 0, applied.err
    assert guichet("config", "apply", DEMO_DESK, "--json").json == []
    assert guichet("receive", "--to", "support@demo.example", "--from", "alice@acme.example", stdin=mail("On PostgreSQL")).code == 0
    (message,) = guichet("inbound", "list", "--json").json
    assert message["state"] == "new"
    house = open_house(load_settings(bare / "guichet.toml"))
    house.processor.sweep()
    house.close()
    assert [item["title"] for item in guichet("item", "list", "--json").json] == ["On PostgreSQL"]
    found = {finding["check"]: finding["level"] for finding in guichet("check", "--json").json}
    assert (found["database"], found["migrations"]) == ("fine", "fine")
