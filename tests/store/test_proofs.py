"""Proofs of the connection test in the database: who hears of them, and what makes them void."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.setup import Connector, PlusMode, Setup
from gateway.clock import FakeClock
from gateway.store import proofs
from gateway.store.engine import Database
from gateway.store.setups import Setups


def saved(database: Database, setups: Setups, clock: FakeClock, connector: Connector) -> Any:
    """Store a setup with one connector; what that changed."""
    with database.durable() as connection:
        return setups.save(connection, Setup(connectors=(connector,)), "test", clock.now())


def proved(database: Database, setups: Setups) -> bool:
    with database.read() as connection:
        return setups.current(connection).connector_named["support"].plus_proved


def prove(database: Database, clock: FakeClock, works: bool = True, address: str = "Support@Demo.example") -> None:
    with database.durable() as connection:
        proofs.record(connection, "support", address, {proofs.PLUS_ADDRESSING: works}, clock.now())


SUPPORT = Connector("c", "support", "support@demo.example", plus_addressing=PlusMode.MIXED, incoming={"kind": "smtp"}, outgoing={"kind": "maildir", "path": "out"})


def test_every_process_hears_of_a_proof(database: Database, clock: FakeClock) -> None:
    """A proof gives the setup another revision, so that caches elsewhere are read anew; so does its end. It is for one address, whatever its letters."""
    here, elsewhere = Setups(clock), Setups(clock)
    saved(database, here, clock, SUPPORT)
    assert not proved(database, here) and not proved(database, elsewhere)
    prove(database, clock)
    assert proved(database, here) and proved(database, elsewhere)
    prove(database, clock, works=False)
    assert not proved(database, here) and not proved(database, elsewhere)
    prove(database, clock, address="other@demo.example")
    assert not proved(database, here)


def test_a_proof_is_no_difference_between_two_setups(database: Database, clock: FakeClock) -> None:
    """Applying the same desk file again after a proof changes nothing, and takes nothing away."""
    setups = Setups(clock)
    saved(database, setups, clock, SUPPORT)
    prove(database, clock)
    assert saved(database, setups, clock, SUPPORT) == () and proved(database, setups)
    assert "plus_proved" not in str(saved(database, setups, clock, replace(SUPPORT, auto_replies_count=True, plus_proved=True)))
    assert proved(database, setups)


@pytest.mark.parametrize(
    "more",
    [{"address": "desk@demo.example"}, {"incoming": {"kind": "lmtp"}}, {"outgoing": {"kind": "maildir", "path": "elsewhere"}}],
)
def test_another_way_makes_the_proof_void(database: Database, clock: FakeClock, more: dict[str, Any]) -> None:
    """A changed address, way in or way out has to be tested again, also when it is changed back."""
    setups = Setups(clock)
    saved(database, setups, clock, SUPPORT)
    prove(database, clock)
    saved(database, setups, clock, replace(SUPPORT, **more))
    assert not proved(database, setups)
    saved(database, setups, clock, SUPPORT)
    assert not proved(database, setups)


def test_a_connector_that_is_removed_takes_its_proofs_along(database: Database, clock: FakeClock) -> None:
    """A later one of the same name begins anew."""
    setups = Setups(clock)
    saved(database, setups, clock, SUPPORT)
    prove(database, clock)
    with database.durable() as connection:
        setups.save(connection, Setup(), "test", clock.now())
        assert proofs.of(connection, "support") == {}
