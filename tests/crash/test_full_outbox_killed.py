"""A house is killed at each effect while it sends what a full outbox holds, in batches, and people undo: issue 4, “kill and power cut at each effect during sending”."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.setup import Setup
from tests.crash.effects import CLAIMED, KillAt
from tests.crash.full_outbox import check, desk_for, fill, tell
from tests.crash.played import Played
from tests.crash.stages import Ground
from tests.crash.test_crash import GROUNDS, play_once, play_part
from tests.sink import Sink

SLICES = 20
"""The kill points are dealt out to so many tests: one runs always, the others at night."""
PARTS = [0, *(pytest.param(part, marks=pytest.mark.nightly) for part in range(1, SLICES))]


@pytest.fixture
def sink() -> Iterator[Sink]:
    """The outside world."""
    server = Sink()
    yield server
    server.stop()


@pytest.fixture(params=list(GROUNDS))
def ground(request: pytest.FixtureRequest, tmp_path: Path, example_setup: Setup, sink: Sink) -> Iterator[Ground]:
    """Houses whose outbox is full before anybody sends."""
    made = GROUNDS[request.param](tmp_path, desk_for(example_setup, sink.port), fill)
    yield made
    made.close()


def story(played: Played) -> None:
    """Told to its end, it is true."""
    tell(played)
    check(played)


def test_the_outbox_is_emptied_in_batches(ground: Ground, sink: Sink) -> None:
    """Without a death the story is true, and mails really are claimed several at a time: only then do the other tests show what they say."""
    sizes: list[int] = []

    def watched(played: Played) -> None:
        story(played)
        sizes.extend(int(line.split()[1]) for line in played.stage.journal.read_text().splitlines() if line.startswith(CLAIMED))

    assert play_once(ground, sink, KillAt(), watched) == 0
    assert max(sizes) >= 3 and sizes.count(1) < len(sizes) - 1, sizes


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", PARTS)
def test_no_death_while_sending_loses_or_doubles_a_mail(ground: Ground, sink: Sink, part: int) -> None:
    """Each mail arrives, a second time only if its history says *unknown*, which are as many as were on the wire at the most; those of a ticket in
    their order, with the same bytes and one signature; an undo that was asked for holds; the resolved ticket is resolved; nothing stays *sending*."""
    assert play_part(ground, sink, part, SLICES, story) >= 50 / SLICES
