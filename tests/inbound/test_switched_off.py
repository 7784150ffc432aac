"""A connector that an administrator switched off takes no mail in: at a door and from a pipe it is to come again later, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.setup import Setup
from gateway.clock import FakeClock
from gateway.inbound.intake import Intake
from gateway.inbound.port import TryLater
from gateway.inbound.receive import exit_code, receive
from gateway.store.engine import Database
from tests.conftest import make_schema
from tests.inbound.doors import HELLO, MAIL, US, open_door, stored


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/guichet.db")
    make_schema(made)
    yield made
    made.dispose()


@pytest.fixture
def off(example_setup: Setup) -> Setup:
    """The mailbox support switched off."""
    support, claims = example_setup.connectors
    return replace(example_setup, connectors=(replace(support, enabled=False), claims))


def test_the_door_says_later(database: Database, off: Setup) -> None:
    """E-35: 450 4.2.1 for its addresses, aliases and plus-tagged forms, so that the sender's server keeps the mail; others are taken as ever."""
    with open_door(database, off) as opened, opened.client() as client:
        client.reply()
        client.ask(HELLO)
        client.ask(b"MAIL FROM:<a@client.example>\r\n")
        asked = (US, "help@demo.example", "Support+x@demo.example", "claims@demo.example", "no@demo.example")
        said = {to: client.ask(f"RCPT TO:<{to}>\r\n".encode())[:9] for to in asked}
    assert list(said.values()) == ["450 4.2.1"] * 3 + ["250 2.1.5", "550 5.1.1"]


def test_the_pipe_says_later(database: Database, off: Setup, clock: FakeClock) -> None:
    """Exit 75, so that the MTA tries again; nothing is stored."""
    intake = Intake(database, clock, lambda: off)
    try:
        answer = receive(intake, MAIL, recipients=[US])
        assert isinstance(answer, TryLater) and exit_code(answer) == 75
        assert stored(database) == []
    finally:
        intake.close()
