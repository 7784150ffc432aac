"""The web server: alive, ready, and its figures."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from sqlalchemy import text

from gateway.clock import FakeClock
from gateway.settings import Settings
from gateway.store import schema
from gateway.store.engine import Database
from gateway.store.setups import Setups
from gateway.store.version import HEAD
from gateway.web.app import WebDoor, make_app, start_web


@dataclass
class SmallHouse:
    """As much of a House as the web server asks for."""

    database: Database
    clock: FakeClock
    settings: Settings = field(default_factory=lambda: Settings(web={"port": 0}))
    setups: Setups = field(default_factory=Setups)


@pytest.fixture
def house(database: Database, clock: FakeClock) -> SmallHouse:
    """A house over an upgraded database."""
    with database.durable() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
    return SmallHouse(database, clock)


@pytest.fixture
def door(house: Any) -> Iterator[WebDoor]:
    """The server on a free port."""
    served = WebDoor(make_app(house), "127.0.0.1", 0)
    served.start()
    yield served
    served.stop()


def _get(door: WebDoor, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{door.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        return refused.code, refused.read().decode()


def _arrive(database: Database, clock: FakeClock, name: str, state: str) -> None:
    with database.durable() as connection:
        connection.execute(schema.inbound.insert().values(id=name, state=state, door="smtp", received_at=clock.now(), envelope_to=[], size=1))


def test_alive_and_ready(door: WebDoor) -> None:
    """With a database at the newest revision all is well."""
    assert _get(door, "/healthz") == (200, "ok\n")
    status, body = _get(door, "/readyz")
    assert status == 200
    assert json.loads(body) == {"ready": True, "checks": {"database": {"ok": True}, "migrations": {"ok": True}}}


def test_not_ready_with_another_revision(door: WebDoor, house: SmallHouse) -> None:
    """503, and what helps; still alive."""
    with house.database.durable() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    status, body = _get(door, "/readyz")
    assert status == 503
    assert "guichet db upgrade" in json.loads(body)["checks"]["migrations"]["because"]
    assert _get(door, "/healthz")[0] == 200


def test_not_ready_without_a_database(clock: FakeClock) -> None:
    """A database that cannot be reached is a sentence without inner words, for readiness and for the figures."""
    nowhere: Any = SmallHouse(Database("postgresql+psycopg://nobody:geheim@127.0.0.1:1/nothing"), clock)
    served = WebDoor(make_app(nowhere), "127.0.0.1", 0)
    served.start()
    try:
        status, body = _get(served, "/readyz")
        assert (status, json.loads(body)["checks"]) == (503, {"database": {"ok": False, "because": "the database cannot be reached"}})
        assert _get(served, "/metrics") == (503, "the database cannot be read\n")
        assert _get(served, "/healthz")[0] == 200
    finally:
        served.stop()


def test_the_figures_are_those_of_the_rows(door: WebDoor, house: SmallHouse) -> None:
    """Inbound by state, age of the oldest that waits; read at each scrape."""
    _arrive(house.database, house.clock, "a", "new")
    house.clock.advance(seconds=30)
    _arrive(house.database, house.clock, "b", "quarantined")
    house.clock.advance(seconds=60)
    status, body = _get(door, "/metrics")
    lines = body.splitlines()
    assert status == 200
    for line in (
        'guichet_inbound_messages{state="new"} 1.0',
        'guichet_inbound_messages{state="quarantined"} 1.0',
        'guichet_inbound_messages{state="done"} 0.0',
        "guichet_inbound_processed_total 1.0",
        "guichet_inbound_oldest_unprocessed_seconds 90.0",
        'guichet_outbox_messages{state="sent"} 0.0',
        "guichet_outbox_oldest_due_seconds 0.0",
    ):
        assert line in lines
    assert any(line.startswith("process_resident_memory_bytes") for line in lines)


def test_the_age_of_what_is_due(door: WebDoor, house: SmallHouse) -> None:
    """A mail scheduled for later is not late; one whose time has come is."""
    row = {"created_at": house.clock.now(), "purpose": "person", "system_generated": False, "connector": "support", "envelope_from": "", "content": {}, "seq": 1}
    with house.database.durable() as connection:
        for name, wait in (("a", -5), ("b", 3_600)):
            due = house.clock.now() + timedelta(seconds=wait)
            connection.execute(schema.outbox.insert().values(id=name, state="queued", due_at=due, message_id=name, **row))
    body = _get(door, "/metrics")[1]
    assert 'guichet_outbox_messages{state="queued"} 2.0' in body
    assert "guichet_outbox_oldest_due_seconds 5.0" in body


def test_everything_else_is_not_there(door: WebDoor) -> None:
    """No pages yet."""
    assert _get(door, "/")[0] == 404


def test_a_port_in_use_is_an_error_at_once(house: Any) -> None:
    """Raised when the server is made, not lost in its thread."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        house.settings = Settings(web={"port": other.getsockname()[1]})
        with pytest.raises(OSError, match="in use"):
            start_web(house)


def test_stopping_gives_the_port_back(house: Any) -> None:
    """After stop nobody of us listens there any more: the thread has ended and the socket is closed (the port may be somebody else's at once)."""
    served = WebDoor(make_app(house), "127.0.0.1", 0)
    served.start()
    assert _get(served, "/healthz")[0] == 200
    served.stop()
    assert not served._thread.is_alive()
    assert served._socket.fileno() == -1
