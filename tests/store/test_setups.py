"""The stored setup: what comes back, what a change writes, what two savers do to each other."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from core.setup import Process, Setup
from gateway.clock import FakeClock
from gateway.store import schema
from gateway.store.engine import Database
from gateway.store.setups import Setups, load


@pytest.fixture
def setups(database: Database, example_setup: Setup, clock: FakeClock) -> Setups:
    """The example desk, saved once."""
    made = Setups(clock)
    with database.durable() as connection:
        made.save(connection, example_setup, "root@demo.example", clock.now())
    return made


def _save(database: Database, setups: Setups, new: Setup, clock: FakeClock) -> list[str]:
    with database.durable() as connection:
        return [f"{change.kind} {change.name} {change.change}" for change in setups.save(connection, new, "root@demo.example", clock.now())]


def _current(database: Database, setups: Setups) -> Setup:
    with database.read() as connection:
        return setups.current(connection)


def test_a_saved_setup_comes_back_equal(database: Database, setups: Setups, example_setup: Setup) -> None:
    """Every list, duration, enum and id of the example desk survives the database."""
    assert _current(database, setups) == example_setup


def test_an_empty_database_holds_the_default_setup(database: Database) -> None:
    """Before anything is configured the setup is empty, at revision 0."""
    assert _current(database, Setups()) == Setup()


def test_saving_the_same_again_writes_nothing(database: Database, setups: Setups, example_setup: Setup, clock: FakeClock) -> None:
    """Idempotent: no change, no history, the same revision."""
    assert _save(database, setups, example_setup, clock) == []
    assert _current(database, setups).revision == 1


def test_the_cache_is_kept_until_the_revision_changes(database: Database, setups: Setups, clock: FakeClock) -> None:
    """A second call returns the very same value at the cost of one statement; a change by another process is seen at once."""
    first = _current(database, setups)
    statements: list[str] = []
    with database.read() as connection:
        event.listen(connection, "before_cursor_execute", lambda *call: statements.append(call[2]))
        assert setups.current(connection) is first
    assert len(statements) == 1
    _save(database, Setups(clock), replace(first, name="Other"), clock)
    assert _current(database, setups).name == "Other"


def test_a_changed_process_is_a_new_version_and_the_old_one_stays(database: Database, setups: Setups, clock: FakeClock) -> None:
    """Items go on with the version they began with: new id, old one in `old_processes`."""
    before = _current(database, setups)
    changed = replace(before.processes[0], feedback_window=timedelta(days=2))
    assert _save(database, setups, replace(before, processes=(changed, before.processes[1])), clock) == ["process General support changed"]
    after = _current(database, setups)
    new = after.process_named["General support"]
    assert new.feedback_window == timedelta(days=2)
    assert new.id != before.processes[0].id
    assert after.process_by_id[before.processes[0].id] == before.processes[0]
    assert after.revision == 2


def test_a_changed_retry_template_is_a_new_version(database: Database, setups: Setups, clock: FakeClock) -> None:
    """Mails keep the list of waits they began with."""
    before = _current(database, setups)
    old = before.retry_templates[0]
    _save(database, setups, replace(before, retry_templates=(replace(old, intervals=(timedelta(seconds=1),)),)), clock)
    after = _current(database, setups)
    assert after.retry_template("standard") != old
    assert after.retry_template_by_id[old.id] == old


def test_what_is_not_versioned_keeps_its_id(database: Database, setups: Setups, clock: FakeClock) -> None:
    """A changed connector is the same connector."""
    before = _current(database, setups)
    changed = replace(before.connectors[0], id="", aliases=())
    _save(database, setups, replace(before, connectors=(changed, before.connectors[1])), clock)
    assert _current(database, setups).connectors[0] == replace(changed, id="c-support")


def test_a_removed_user_stays_known_but_inactive_and_comes_back_the_same(database: Database, setups: Setups, clock: FakeClock) -> None:
    """People who left keep their id; taken in again they keep id and password."""
    before = _current(database, setups)
    with database.durable() as connection:
        connection.execute(schema.user.update().where(schema.user.c.id == "u-bob").values(password_hash="kept"))
    without = replace(before, users=tuple(user for user in before.users if user.id != "u-bob"))
    assert _save(database, setups, without, clock) == ["user bob@demo.example removed"]
    assert [one.active for one in _current(database, setups).users if one.id == "u-bob"] == [False]
    assert "bob@demo.example" not in _current(database, setups).user_of
    assert _save(database, setups, _current(database, setups), clock) == []
    _save(database, setups, replace(before, users=tuple(replace(user, id="") for user in before.users)), clock)
    assert _current(database, setups).users == before.users
    with database.read() as connection:
        assert connection.execute(select(schema.user.c.password_hash).where(schema.user.c.id == "u-bob")).scalar_one() == "kept"


def test_order_is_kept_and_a_new_order_is_a_change(database: Database, setups: Setups, clock: FakeClock) -> None:
    """The order in the file is the order of routes (B-RT-09)."""
    before = _current(database, setups)
    first, second, third = before.routes
    assert _save(database, setups, replace(before, routes=(second, first, third)), clock) == ["route support/help moved", "route support/default moved"]
    assert [route.id for route in _current(database, setups).routes] == [second.id, first.id, third.id]


def test_every_change_is_in_the_history(database: Database, setups: Setups, clock: FakeClock) -> None:
    """Who changed what, when (B-CN-11)."""
    before = _current(database, setups)
    clock.advance(days=1)
    _save(database, setups, replace(before, queues=(*before.queues, "Third line")), clock)
    with database.read() as connection:
        rows = connection.execute(select(schema.desk_change).where(schema.desk_change.c.at == clock.now())).all()
    assert [(row.by, row.kind, row.name, row.change, row.body) for row in rows] == [
        ("root@demo.example", "queue", "Third line", "added", {"name": "Third line"})
    ]


def test_a_setup_that_is_rolled_back_is_never_cached(database: Database, setups: Setups, clock: FakeClock) -> None:
    """Reading inside the transaction that saves leaves no trace when it fails, even if the next save has the same revision."""
    before = _current(database, setups)
    with pytest.raises(ZeroDivisionError), database.durable() as connection:
        setups.save(connection, replace(before, name="Never"), "root@demo.example", clock.now())
        assert setups.current(connection).name == "Never"
        raise ZeroDivisionError
    assert _current(database, setups).name == "Demo desk"
    _save(database, Setups(clock), replace(before, name="Second"), clock)
    assert _current(database, setups).name == "Second"


def test_concurrent_saves_are_all_counted(database: Database, setups: Setups, clock: FakeClock) -> None:
    """Eight savers, each from the newest setup, give eight revisions and eight queues."""

    def add(n: int) -> None:
        with database.durable() as connection:
            # The lock is taken by the first statement of save, so the value to extend is read inside it.
            connection.execute(select(schema.desk_revision).with_for_update())
            now = load(connection)
            setups.save(connection, replace(now, queues=(*now.queues, f"Queue {n}")), "root@demo.example", clock.now())

    threads = [threading.Thread(target=add, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = _current(database, setups)
    assert after.revision == 9
    assert {f"Queue {n}" for n in range(8)} <= set(after.queues)


def test_a_removed_process_can_return_as_a_new_version(database: Database, setups: Setups, clock: FakeClock) -> None:
    """Removing and adding again never touches what items refer to."""
    before = _current(database, setups)
    claim: Process = before.process_named["Claim"]
    _save(database, setups, replace(before, processes=before.processes[:1], routes=before.routes[:2]), clock)
    _save(database, setups, before, clock)
    after = _current(database, setups)
    assert after.process_named["Claim"].id != claim.id
    assert after.process_by_id[claim.id] == claim
