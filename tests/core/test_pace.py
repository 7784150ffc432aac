"""The pace of a connector: never more than its rate and burst in any window, never starving, whatever the times are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.pace import Pace, pace_of

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PACES = some.builds(Pace, some.integers(1, 5000), some.timedeltas(timedelta(seconds=1), timedelta(days=1)))
STEPS = some.lists(some.tuples(some.timedeltas(timedelta(0), timedelta(minutes=2)), some.integers(1, 40)), min_size=1, max_size=60)


@given(PACES, STEPS)
def test_never_more_than_the_rate_and_the_burst_in_any_window(pace: Pace, steps: list[tuple[timedelta, int]]) -> None:
    """Issue 4, 1: between any two moments no more mails leave than the rate gives for that time, and the burst."""
    now, next_at = NOW, None
    left: list[tuple[datetime, int]] = []
    for wait, wanted in steps:
        now += wait
        taken = min(wanted, pace.allowed(next_at, now))
        assert 0 <= taken <= pace.burst
        if taken:
            next_at = pace.after(next_at, now, taken)
            left.append((now, taken))
    for first in range(len(left)):
        for last in range(first, len(left)):
            mails = sum(n for _, n in left[first : last + 1])
            assert mails <= pace.burst + (left[last][0] - left[first][0]) / pace.interval + 1e-6


@given(PACES, STEPS, some.timedeltas(timedelta(days=-9000), timedelta(days=9000)))
def test_never_starves(pace: Pace, steps: list[tuple[timedelta, int]], odd: timedelta) -> None:
    """Whatever is remembered, even by a clock that was wrong or a rate that was another, a mail may leave after a burst's time; and at `free_at`, not before."""
    for remembered in (None, NOW + odd):
        now, next_at = NOW, remembered
        assert pace.free_at(next_at, now) <= now + pace.burst * pace.interval
        for wait, wanted in steps:
            now += wait
            taken = min(wanted, pace.allowed(next_at, now))
            next_at = pace.after(next_at, now, taken)
            free = pace.free_at(next_at, now)
            assert pace.allowed(next_at, free) >= 1
            if free > now:
                assert pace.allowed(next_at, free - timedelta(microseconds=1)) <= pace.allowed(next_at, free) and pace.allowed(next_at, now) == 0


def test_the_whole_rate_is_used_when_there_is_enough_to_send() -> None:
    """Asked every second for an hour, a rate of 120 a minute lets out 120 a minute, after its burst of 12."""
    pace, next_at, left = Pace(120), None, 0
    for second in range(3601):
        now = NOW + timedelta(seconds=second)
        taken = pace.allowed(next_at, now)
        next_at, left = pace.after(next_at, now, taken), left + taken
    assert left == 120 * 60 + 12


@pytest.mark.parametrize(
    ("outgoing", "pace"),
    [
        ({}, None),
        ({"rate": 0}, None),
        ({"rate": 30}, Pace(30)),
        ({"rate": 30, "rate_per": "PT1H"}, Pace(30, timedelta(hours=1))),
        ({"rate": 5, "rate_per": "PT0S"}, Pace(5)),
    ],
)
def test_what_the_desk_file_says(outgoing: dict[str, object], pace: Pace | None) -> None:
    """`rate` and `rate_per` of the outgoing settings; without a rate there is no limit."""
    assert pace_of(outgoing) == pace


def test_a_burst_is_a_tenth() -> None:
    """At least one mail, at most a tenth of the rate, at once."""
    assert [Pace(rate).burst for rate in (1, 9, 10, 25, 600)] == [1, 1, 1, 2, 60]
