"""Whole houses with their threads and a real clock, for stories with real servers; what they are to show stands in the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from core.mail import address_key
from core.setup import Connector, PlusMode, RetryTemplate, Setup
from gateway.bootstrap import House, open_house
from gateway.serve import Service
from gateway.store import proofs
from gateway.store.engine import Database
from gateway.store.schema import inbound, outbox
from tests.conftest import free_port, make_schema
from tests.houses import furnish, sending_to, settings_for, url_of, wait_for

ROLES = ("dispatch", "worker", "scheduler", "smtp")
UNDER_WAY = ("queued", "sending", "pending_retry")


def database_in(folder: Path) -> Database:
    """An empty SQLite database with all tables."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Database(f"sqlite:///{folder}/guichet.db")
    make_schema(made)
    return made


def impatient(setup: Setup, seconds: int = 1) -> Setup:
    """The same desk, which tries again every second or so."""
    return replace(setup, retry_templates=(RetryTemplate("rt-1", "standard", (timedelta(seconds=seconds),) * 20),))


def with_plus_addresses(setup: Setup) -> Setup:
    """The same desk, whose mailbox for support uses plus-addresses; that they arrive is `proved` apart."""

    def changed(one: Connector) -> Connector:
        return replace(one, plus_addressing=PlusMode.MIXED) if one.name == "support" else one

    return replace(setup, connectors=tuple(map(changed, setup.connectors)))


def prove_plus_addresses(house: House) -> None:
    """As the round trip of the connection test writes it down."""
    support = house.setup().connector_named["support"]
    with house.database.durable() as connection:
        proofs.record(connection, support.name, address_key(support.address), {proofs.PLUS_ADDRESSING: True}, house.clock.now())


def at(setup: Setup, domain: str) -> Setup:
    """The same desk under another domain."""

    def moved(address: str) -> str:
        return address.replace("demo.example", domain)

    connectors = tuple(replace(one, address=moved(one.address), aliases=tuple(map(moved, one.aliases))) for one in setup.connectors)
    routes = tuple(replace(one, address=moved(one.address)) for one in setup.routes)
    return replace(setup, name=f"Desk of {domain}", connectors=connectors, routes=routes, unmonitored_address=moved(setup.unmonitored_address))


@contextmanager
def running(folder: Path, setup: Setup, *, door: int, out: int, limits: dict[str, Any] | None = None) -> Iterator[House]:
    """A house with all roles but the web; its door listens on `door`, its mails leave by `out`. `limits`: the brakes, as shipped where not given."""
    database = database_in(folder)
    furnish(folder, database, sending_to(setup, out))
    smtp = {"host": "127.0.0.1", "port": door, "hostname": f"mx.{setup.connectors[0].domain}"}
    house = open_house(settings_for(folder, url_of(database), smtp=smtp, limits=limits or {}))
    service = Service(house, ROLES)
    service.start()
    try:
        yield house
    finally:
        service.stop()
        house.close()
        database.dispose()


def under_way(house: House) -> int:
    """Mails that are still to be read or to leave."""
    with house.database.read() as connection:
        waiting = connection.execute(select(inbound.c.id).where(inbound.c.state.in_(("new", "working")))).all()
        leaving = connection.execute(select(outbox.c.id).where(outbox.c.state.in_(UNDER_WAY))).all()
    return len(waiting) + len(leaving)


def wait_until_quiet(*houses: House) -> None:
    """Nothing is under way in any of them, twice in turn: a mail is stored in one before it is settled in the other."""
    wait_for(lambda: not any(under_way(house) for _ in range(2) for house in houses), "everything is read and sent")


def a_port() -> int:
    """For a door whose number a server in front must know before the house starts."""
    return free_port()
