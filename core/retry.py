"""When a mail is tried again: waits from a retry template, tries left, what a retry by hand adds; moving states is `core/on_result.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.setup import Connector, RetryTemplate, Setup, UnknownPolicy

SPREAD = 0.10
"""Waits vary by ±10 % so that what failed together does not come back together (decisions.md 19)."""

MOST_TOLD = 20
"""Tries to come that are named."""

DEFAULT = RetryTemplate("", "default", tuple(timedelta(minutes=min(2**n, 240)) for n in range(1, 9)))
"""2, 4, 8 … minutes, four hours at most (E-24); where no template is configured."""


def template_for(setup: Setup, connector: Connector) -> RetryTemplate:
    """The template a connector names for its outgoing mail, else the first there is, else the default one."""
    named = setup.retry_template(str(connector.outgoing.get("retry_template") or ""))
    return named or next(iter(setup.retry_templates), DEFAULT)


def unknown_policy(connector: Connector, *, system_generated: bool) -> UnknownPolicy:
    """What follows an unknown outcome: people's mails are repeated once, automatic ones are not, unless the connector says otherwise (decisions.md 18)."""
    key, default = ("unknown_automatic", UnknownPolicy.HOLD) if system_generated else ("unknown", UnknownPolicy.REPEAT)
    return UnknownPolicy(str(connector.outgoing.get(key) or default))


def tries(intervals: Sequence[timedelta]) -> int:
    """How often a new mail may be tried by itself: once, and once after each wait."""
    return 1 + len(intervals)


def spread(interval: timedelta, jitter: float) -> timedelta:
    """The interval, longer or shorter by up to 10 %; `jitter` is a number from -1 to 1."""
    return interval * (1.0 + SPREAD * max(-1.0, min(1.0, jitter)))


def next_wait(intervals: Sequence[timedelta], tries_left: int, jitter: float) -> timedelta:
    """The wait before the next try, when `tries_left` are left after the one that just failed (at least one)."""
    waits = intervals or DEFAULT.intervals
    return spread(waits[max(0, min(len(waits) - tries_left, len(waits) - 1))], jitter)


def nth_wait(intervals: Sequence[timedelta], n: int, jitter: float) -> timedelta:
    """The wait after the n-th fault in a row (from 1); the last interval repeats. For faults that use up no try."""
    waits = intervals or DEFAULT.intervals
    return spread(waits[max(0, min(n, len(waits)) - 1)], jitter)


def next_tries(intervals: Sequence[timedelta], due_at: datetime, tries_left: int) -> tuple[datetime, ...]:
    """When a mail is tried, from its next time on, if each try is refused for now; without the spreading, and at most `MOST_TOLD` of them."""
    moments = [due_at] if tries_left > 0 else []
    for left in range(tries_left - 1, max(0, tries_left - MOST_TOLD), -1):
        moments.append(moments[-1] + next_wait(intervals, left, 0.0))
    return tuple(moments)


def by_hand(tries_left: int) -> int:
    """The tries left after a person asked for a retry: one more (E-25)."""
    return max(tries_left, 0) + 1
