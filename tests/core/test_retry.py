"""Waits between tries: templates, spreading, retry by hand, and how a connector rests and comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.delivery import Meaning
from core.health import LOGINS, PAUSES, PROBES, Health
from core.retry import DEFAULT, MOST_TOLD, by_hand, next_tries, next_wait, nth_wait, spread, template_for, tries, unknown_policy
from core.setup import Connector, RetryTemplate, Setup, UnknownPolicy
from tests.outbound.drafts import NOW

MINUTES = tuple(timedelta(minutes=n) for n in (2, 4, 8))


def test_the_default_template() -> None:
    """E-24: 2, 4, 8 … minutes and four hours at the most."""
    assert [interval.total_seconds() / 60 for interval in DEFAULT.intervals] == [2, 4, 8, 16, 32, 64, 128, 240]


@pytest.mark.parametrize(("tries_left", "minutes"), [(3, 2), (2, 4), (1, 8), (0, 8), (9, 2)])
def test_the_wait_belongs_to_the_tries_that_are_left(tries_left: int, minutes: int) -> None:
    """After the first failed try the first interval, before the last try the last one; a retry by hand beyond the template waits as long as the last."""
    assert tries(MINUTES) == 4
    assert next_wait(MINUTES, tries_left, 0.0) == timedelta(minutes=minutes)


@given(some.floats(-5, 5))
def test_waits_vary_by_ten_percent_at_the_most(jitter: float) -> None:
    """decisions.md 19."""
    assert timedelta(seconds=90) <= spread(timedelta(seconds=100), jitter) <= timedelta(seconds=110)


def test_faults_of_the_connector_repeat_the_last_interval() -> None:
    """They use up no try, so they may be more than the template has intervals; without intervals the default ones serve."""
    assert [nth_wait(MINUTES, n, 0.0) for n in (1, 2, 3, 4, 50)] == [*MINUTES, MINUTES[-1], MINUTES[-1]]
    assert nth_wait((), 1, 0.0) == next_wait((), 99, 0.0) == timedelta(minutes=2)


@pytest.mark.parametrize(("tries_left", "minutes"), [(4, [0, 2, 6, 14]), (2, [0, 8]), (1, [0]), (0, []), (5, [0, 2, 4, 8, 16])])
def test_the_tries_to_come(tries_left: int, minutes: list[int]) -> None:
    """E-24, C-OB-04: the next time, and each wait after it as `next_wait` gives it, as many as tries are left."""
    assert next_tries(MINUTES, NOW, tries_left) == tuple(NOW + timedelta(minutes=n) for n in minutes)
    assert len(next_tries(MINUTES, NOW, 5000)) == MOST_TOLD


def test_a_retry_by_hand_is_one_more_try() -> None:
    """E-25."""
    assert [by_hand(left) for left in (-1, 0, 2)] == [1, 1, 3]


def test_which_template_a_connector_uses() -> None:
    """The one it names, else the first there is, else the default one."""
    setup = Setup(retry_templates=(RetryTemplate("1", "quick", MINUTES), RetryTemplate("2", "slow", MINUTES[1:])))
    assert template_for(setup, Connector("c", "c", "c@x", outgoing={"retry_template": "slow"})).id == "2"
    assert template_for(setup, Connector("c", "c", "c@x")).id == "1"
    assert template_for(Setup(), Connector("c", "c", "c@x")) is DEFAULT


def test_policies_for_unknown_outcomes() -> None:
    """decisions.md 18: people's mails are repeated, automatic ones held, unless the connector says otherwise for that kind."""
    plain = Connector("c", "c", "c@x")
    assert unknown_policy(plain, system_generated=False) is UnknownPolicy.REPEAT
    assert unknown_policy(plain, system_generated=True) is UnknownPolicy.HOLD
    other = replace(plain, outgoing={"unknown": "hold", "unknown_automatic": "repeat"})
    assert unknown_policy(other, system_generated=False) is UnknownPolicy.HOLD
    assert unknown_policy(other, system_generated=True) is UnknownPolicy.REPEAT


def test_a_connector_rests_longer_with_each_trouble_and_is_well_after_one_success() -> None:
    """Pauses grow to five minutes; they are no suspension; one success ends them and keeps the last error for people to read."""
    health, now = Health("c"), NOW
    waits = []
    for _ in range(9):
        health = health.met(Meaning.PASSING, "away", now, 0.0)
        assert health.suspended_until is not None and health.rests(now) and not health.suspended
        waits.append(health.suspended_until - now)
        now = health.suspended_until
        assert not health.rests(now) and health.troubled
    assert waits == [*PAUSES, PAUSES[-1], PAUSES[-1]]
    well = health.fine(now)
    assert not well.troubled and well.probes == 0 and well.last_error == "away" and well.last_success_at == now


def test_refused_log_ins_in_a_row_suspend() -> None:
    """decisions.md 19: the third suspends, and then the probes have growing waits; a success in between starts the count anew."""
    health = Health("c")
    for n in range(LOGINS):
        assert not health.suspended
        health = health.met(Meaning.LOGIN_REFUSED, "535", NOW, 0.0)
        assert health.refused_logins == n + 1
    assert health.suspended
    waits = []
    for _ in range(6):
        assert health.suspended_until is not None
        waits.append(health.suspended_until - NOW)
        health = health.met(Meaning.LOGIN_REFUSED, "535", NOW, 0.0)
    assert waits == [*PROBES, PROBES[-1]]
    assert health.met(Meaning.PASSING, "away", NOW, 0.0).suspended, "another trouble does not lift it"
    assert not health.fine(NOW).suspended
