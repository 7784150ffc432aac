"""Fixtures of the stories: the sink that plays the outside world, and a house that is told what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.setup import Setup
from gateway.bootstrap import House
from gateway.clock import FakeClock
from gateway.store.engine import Database
from tests.houses import make_house, sending_to
from tests.sink import Sink


@pytest.fixture
def sink() -> Iterator[Sink]:
    """The outside world: takes every mail."""
    server = Sink()
    yield server
    server.stop()


@pytest.fixture
def house(tmp_path: Path, database: Database, example_setup: Setup, sink: Sink, clock: FakeClock) -> Iterator[House]:
    """A house on each database, on a clock that stands still, whose broker loses everything: only the sweeps work."""
    made = make_house(tmp_path, database, sending_to(example_setup, sink.port), clock=clock)
    yield made
    made.close()
