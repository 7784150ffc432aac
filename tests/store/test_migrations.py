"""The revisions of the schema: they lead to the schema of the code, back again, and fail as a whole."""

from __future__ import annotations

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, inspect, select, text

from core.refs import FIRST_NUMBER
from gateway.store import schema
from gateway.store.engine import Database
from gateway.store.items import take_numbers
from gateway.store.migrate import downgrade, newest_revision, upgrade
from gateway.store.version import HEAD, VersionTrouble, require_head, stored_version


@pytest.fixture
def empty(database: Database) -> Database:
    """A database without any table."""
    with database.durable() as connection:
        schema.metadata.drop_all(connection)
        if not database.is_sqlite:
            connection.execute(text("DROP SEQUENCE item_number"))
    return database


def _tables(database: Database) -> set[str]:
    with database.read() as connection:
        return set(inspect(connection).get_table_names())


def test_the_upgraded_schema_is_that_of_the_code(empty: Database) -> None:
    """Alembic finds no difference between the migrated database and the declared tables."""
    assert upgrade(empty) == ("", HEAD)
    with empty.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_upgrading_twice_changes_nothing(empty: Database) -> None:
    """A second upgrade finds everything in place."""
    upgrade(empty)
    assert upgrade(empty) == (HEAD, HEAD)


def test_no_table_is_copied_on_the_way_up(empty: Database) -> None:
    """A house of a million mails is upgraded in the time its columns take: nothing is re-made row by row, also on SQLite."""
    upgrade(empty, "0001")
    said: list[str] = []
    event.listen(empty.engine, "before_cursor_execute", lambda _connection, _cursor, statement, *_more: said.append(statement))
    upgrade(empty)
    assert any("ADD COLUMN" in one for one in said)
    assert [one for one in said if "INSERT INTO" in one and "SELECT" in one] == []


def test_down_leaves_nothing_and_up_works_again(empty: Database) -> None:
    """Every revision can be taken back and made again."""
    upgrade(empty)
    assert downgrade(empty, "base") == (HEAD, "")
    assert _tables(empty) <= {"alembic_version"}
    assert upgrade(empty) == ("", HEAD)


def test_numbers_begin_where_references_begin(empty: Database) -> None:
    """The first work item of a migrated database is 101001 on both databases."""
    upgrade(empty)
    with empty.durable() as connection:
        assert take_numbers(connection, 1) == (FIRST_NUMBER,)


def test_the_constant_names_the_newest_revision() -> None:
    """`version.HEAD` saves a start from importing Alembic and must never lag behind."""
    assert newest_revision() == HEAD


def test_a_failing_revision_leaves_the_database_as_it_was(empty: Database) -> None:
    """A table in the way of the upgrade: the error comes out and no other table was made."""
    with empty.durable() as connection:
        connection.execute(text("CREATE TABLE timeline (x INTEGER)"))
    with pytest.raises(Exception, match="timeline"):
        upgrade(empty)
    assert _tables(empty) == {"timeline"}


def test_two_upgrades_at_once_are_one(empty: Database) -> None:
    """Two processes that start together on a new database do not fight."""
    results: list[tuple[str, str]] = []
    threads = [threading.Thread(target=lambda: results.append(upgrade(empty))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [("", HEAD), (HEAD, HEAD)]


def test_rows_survive_with_foreign_keys_checked_afterwards(empty: Database) -> None:
    """After an upgrade foreign keys are enforced again on every connection."""
    upgrade(empty)
    with pytest.raises(Exception, match=r"(?i)foreign key"), empty.durable() as connection:
        connection.execute(schema.participant.insert().values(item_id="nobody", address_key="a@b.example"))
    with empty.read() as connection:
        assert connection.execute(select(schema.participant)).all() == []


@pytest.mark.parametrize(("stored", "word"), [("", "guichet init"), ("0000", "guichet db upgrade"), ("9999", "newer Guichet")])
def test_a_wrong_revision_is_a_sentence(empty: Database, stored: str, word: str) -> None:
    """A start on an empty, older or newer database says what to do."""
    if stored:
        upgrade(empty)
        with empty.durable() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :stored"), {"stored": stored})
    with empty.read() as connection:
        assert stored_version(connection) == stored
        with pytest.raises(VersionTrouble, match=word):
            require_head(connection)
