"""Fixtures of the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.setup import Setup
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.store.engine import Database
from tests.outbound.drafts import House


@pytest.fixture
def house(database: Database, example_setup: Setup, keys: Keys, clock: FakeClock, tmp_path: Path) -> House:
    """The example setup stored, on both databases."""
    return House(database, example_setup, keys, clock, tmp_path)
