"""The doors as roles of the service: served together, and closed without taking a mail away from each other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.setup import Setup
from gateway.bootstrap import House, open_house
from gateway.cli.serve import ROLES as OFFERED
from gateway.inbound.lmtp import LmtpDoor
from gateway.inbound.smtp import SmtpDoor
from gateway.serve import ROLES, Service
from gateway.store.engine import Database
from tests.conftest import make_schema
from tests.houses import make_house, settings_for, url_of
from tests.inbound.doors import ENVELOPE, MAIL, Client, stored


@pytest.fixture
def house(tmp_path: Path, example_setup: Setup) -> Iterator[House]:
    """A house on SQLite whose LMTP door is a socket in the file system."""
    database = Database(f"sqlite:///{tmp_path}/guichet.db")
    make_schema(database)
    make_house(tmp_path, database, example_setup).close()
    made = open_house(settings_for(tmp_path, url_of(database), broker={"url": "drop://"}, lmtp={"socket": "lmtp.sock"}))
    database.dispose()
    yield made
    made.close()


def test_the_roles_offered_are_those_served() -> None:
    """The command and the service know the same roles, in the contract's order."""
    assert OFFERED == ROLES and ROLES[:2] == ("smtp", "lmtp")


def test_both_doors_drain_before_the_intake_closes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail that is on its way at either door when the service is stopped gets its 250: the intake outlives the last door."""
    opened: dict[str, SmtpDoor] = {}
    start = SmtpDoor.start

    def noted(door: SmtpDoor) -> None:
        start(door)
        opened[door.conversation.door_name] = door

    monkeypatch.setattr(SmtpDoor, "start", noted)
    service = Service(house, ("smtp", "lmtp"))
    service.start()
    assert isinstance(opened["lmtp"], LmtpDoor) and opened["lmtp"].peers._is_unlimited("192.0.2.1")
    with Client(opened["smtp"].port) as smtp, Client(house.settings.data / "lmtp.sock") as lmtp:
        for client, hello in ((smtp, b"EHLO client.example\r\n"), (lmtp, b"LHLO mta.example\r\n")):
            client.begin(hello).send(ENVELOPE + b"DATA\r\n")
            assert [reply[:3] for reply in client.replies(3)] == ["250", "250", "354"]
        stopping = threading.Thread(target=service.stop)
        stopping.start()
        for client in (lmtp, smtp):
            assert client.ask(MAIL + b".\r\n").startswith("250 2.0.0")
        stopping.join(30)
    assert not stopping.is_alive() and not (house.settings.data / "lmtp.sock").exists()
    assert sorted(row.door for row in stored(house.database)) == ["lmtp", "smtp"]


def test_a_service_that_redirects_says_so(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """C-GW-05: at start the log names where every mail goes instead of to its recipients."""
    with house.database.durable() as connection:
        setup = house.setups.current(connection)
        house.setups.save(connection, replace(setup, redirect_all=("sink@test.example",)), "test", house.clock.now())
    service = Service(house, ())
    service.start()
    service.stop()
    (said,) = [record for record in caplog.records if record.message == "redirect_all"]
    assert said.levelname == "WARNING" and said.addresses == "sink@test.example"  # type: ignore[attr-defined]
