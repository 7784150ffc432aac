"""Leases: one holder at a time, whatever its clock says."""

from __future__ import annotations

from datetime import timedelta

from gateway.clock import FakeClock
from gateway.store import due
from gateway.store.engine import Database

MINUTE = timedelta(minutes=1)


def leads(database: Database, clock: FakeClock, holder: str) -> bool:
    with database.lazy() as connection:
        return due.take_lead(connection, "poll:support", holder, clock.now(), MINUTE)


def test_a_lease_from_a_clock_that_was_put_back(database: Database, clock: FakeClock) -> None:
    """A process elsewhere that died under a wrong clock does not keep a mailbox until that hour comes again; clocks that differ by minutes take nothing away."""
    right = clock.now()
    clock.set(right + timedelta(minutes=9))
    assert leads(database, clock, "there/1/a")
    clock.set(right)
    assert not leads(database, clock, "here/2/b")
    clock.set(right + timedelta(hours=5))
    assert leads(database, clock, "there/1/a")
    clock.set(right)
    assert leads(database, clock, "here/2/b") and not leads(database, clock, "there/1/a")
