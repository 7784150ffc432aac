"""Transactions on both databases: what is kept, what is rolled back, what two writers do to each other."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text

from gateway.store.engine import Database
from gateway.store.schema import counter, lease


def test_a_failing_write_leaves_nothing(database: Database) -> None:
    """An exception inside a write transaction takes back everything written in it."""
    with pytest.raises(ZeroDivisionError), database.lazy() as connection:
        connection.execute(counter.insert().values(name="n", value=1))
        raise ZeroDivisionError
    with database.read() as connection:
        assert connection.execute(select(counter)).all() == []


def test_concurrent_increments_are_all_counted(database: Database) -> None:
    """Six threads that read, add one and write lose no update (libraries.md, surprise 1)."""
    with database.durable() as connection:
        connection.execute(counter.insert().values(name="n", value=0))

    def work() -> None:
        for _ in range(20):
            with database.lazy() as connection:
                value = connection.execute(select(counter.c.value).where(counter.c.name == "n").with_for_update()).scalar_one()
                connection.execute(counter.update().where(counter.c.name == "n").values(value=value + 1))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.execute(select(counter.c.value)).scalar_one() == 120


def test_moments_come_back_as_they_went_in(database: Database) -> None:
    """An aware moment keeps its microseconds and its zone; a naive one is refused."""
    moment = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
    with database.durable() as connection:
        connection.execute(lease.insert().values(name="a", holder="b", until=moment))
    with database.read() as connection:
        assert connection.execute(select(lease.c.until)).scalar_one() == moment
    with pytest.raises(Exception, match="without a zone"), database.lazy() as connection:
        connection.execute(lease.update().values(until=datetime(2026, 3, 29)))  # noqa: DTZ001  # a naive moment is what is refused


def test_durable_commits_are_synchronous_and_lazy_ones_are_not(database: Database) -> None:
    """Law 9: FULL against NORMAL on SQLite, synchronous_commit on against off on PostgreSQL."""
    question = "PRAGMA synchronous" if database.is_sqlite else "SHOW synchronous_commit"
    with database.durable() as connection:
        durable = connection.execute(text(question)).scalar_one()
    with database.lazy() as connection:
        lazy = connection.execute(text(question)).scalar_one()
    assert (durable, lazy) == ((2, 1) if database.is_sqlite else ("on", "off"))
