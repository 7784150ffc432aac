"""Fixtures of the attacks: the way in on each database with its keys, and the desk behind it."""

from __future__ import annotations

import pytest

from core.setup import Setup
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.store.engine import Database
from tests.desk.conftest import gate, room
from tests.inbound.way_in import WayIn

__all__ = ["gate", "room", "way"]


@pytest.fixture
def way(database: Database, example_setup: Setup, clock: FakeClock, keys: Keys) -> WayIn:
    """Everything between the intake and the outbox, with the demo desk."""
    return WayIn(database, example_setup, clock, keys)
