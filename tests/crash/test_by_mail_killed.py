"""A house is killed before and after each commit while one of our people is told and answers with a command (Agents by mail, 1 to 3; docs/crash.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.setup import Setup
from tests.crash.by_mail import check, desk_for, fill, tell
from tests.crash.played import Played
from tests.crash.stages import Ground
from tests.crash.test_crash import GROUNDS, play_part
from tests.sink import Sink

PLAYED = ["sqlite", "sqlite-power-cut", *(pytest.param(one, marks=pytest.mark.nightly) for one in ("postgres", "postgres-power-cut"))]


@pytest.fixture
def sink() -> Iterator[Sink]:
    """The outside world."""
    server = Sink()
    yield server
    server.stop()


@pytest.fixture(params=PLAYED)
def ground(request: pytest.FixtureRequest, tmp_path: Path, example_setup: Setup, sink: Sink) -> Iterator[Ground]:
    """Houses in which somebody waits to be told."""
    made = GROUNDS[request.param](tmp_path, desk_for(example_setup, sink.port), fill)
    yield made
    made.close()


def story(played: Played) -> None:
    """Told to its end, it is true."""
    tell(played)
    check(played)


@pytest.mark.timeout(300)
def test_no_death_tells_or_carries_out_twice(ground: Ground, sink: Sink) -> None:
    """Told once, one mail to the customer, one confirmation, one line that it was done, whatever commit the death stood beside."""
    assert play_part(ground, sink, 0, 1, story) >= 4 * len(ground.moments)
