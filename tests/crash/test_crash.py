"""A house is killed before and after each of its effects, with and without a power cut: nothing is lost, nothing is doubled (docs/crash.md)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.setup import Setup
from tests.crash.effects import KillAt
from tests.crash.played import Played
from tests.crash.stages import Fill, Ground, PostgresGround, PostgresPowerCut, SqliteGround, SqlitePowerCut, nothing
from tests.crash.story import check, tell
from tests.houses import sending_to
from tests.sink import Sink

SLICES = 6
"""The kill points are dealt out to so many tests, which run side by side."""

GROUNDS: dict[str, Callable[[Path, Setup, Fill], Ground]] = {
    "sqlite": SqliteGround,
    "sqlite-power-cut": SqlitePowerCut,
    "postgres": PostgresGround,
    "postgres-power-cut": PostgresPowerCut,
}


@pytest.fixture
def sink() -> Iterator[Sink]:
    """The outside world."""
    server = Sink()
    yield server
    server.stop()


@pytest.fixture(params=list(GROUNDS))
def ground(request: pytest.FixtureRequest, tmp_path: Path, example_setup: Setup, sink: Sink) -> Iterator[Ground]:
    """Where houses are built: each database, and each with what a power cut takes away."""
    made = GROUNDS[request.param](tmp_path, sending_to(example_setup, sink.port), nothing)
    yield made
    made.close()


def the_story(played: Played) -> None:
    """Told to its end, it is true."""
    check(played, tell(played))


def play_once(ground: Ground, sink: Sink, kill_at: KillAt, story: Callable[[Played], None] = the_story) -> int:
    """Tell the story on a fresh stage with one death, check it, and return how many deaths there were."""
    with sink.lock:
        sink.raw.clear()
        sink.recipients.clear()
    stage = ground.stage(kill_at)
    played = Played(stage, sink, ground.power_cut)
    try:
        story(played)
    except BaseException as trouble:
        trouble.add_note(f"kill at effect {kill_at.n}, {'before' if kill_at.before else 'after'}; its effects:\n{stage.journal.read_text()[-4000:]}")
        raise
    finally:
        played.end()
        ground.clear(stage)
    return played.deaths


def test_the_story_is_true_without_a_death(ground: Ground, sink: Sink) -> None:
    """The story that the others interrupt is told to its end and holds."""
    assert play_once(ground, sink, KillAt()) == 0


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(SLICES))
def test_no_death_loses_or_doubles_anything(ground: Ground, sink: Sink, part: int) -> None:
    """Killed before and after every commit and every network write, a house restarts and the story still holds; a second send only
    in the one gap that nobody can close, with the same bytes and the state *unknown* in its history."""
    assert play_part(ground, sink, part, SLICES) >= 50 / SLICES / ground.stride


def play_part(ground: Ground, sink: Sink, part: int, slices: int, story: Callable[[Played], None] = the_story) -> int:
    """Every so many-th kill point of a story has its turn; returns how many that were."""
    points = (KillAt(n, before) for n in itertools.count(1) for before in ground.moments)
    deaths = 0
    for number, kill_at in enumerate(points):
        if number % (slices * ground.stride) != part * ground.stride:
            continue
        if play_once(ground, sink, kill_at, story) == 0:
            break  # the story has fewer effects than that: all have had their turn
        deaths += 1
    return deaths
