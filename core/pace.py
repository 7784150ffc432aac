"""How fast mail may leave by one connector: a rate with a small burst, as one moment to remember (GCRA); where it is kept is `gateway/store/connector_status.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.durations import parse_duration

PER = timedelta(minutes=1)
"""What a rate is about where nothing else is said."""
BURST = 10
"""A tenth of the rate, at least one mail, may leave at once; the rest is spread over the time."""


@dataclass(frozen=True, slots=True)
class Pace:
    """`rate` mails within `per`. What is remembered is the moment at which the mails that left would have left, had they been spread evenly."""

    rate: int
    per: timedelta = PER

    @property
    def interval(self) -> timedelta:
        """The time between two mails when they are spread evenly."""
        return max(self.per / self.rate, timedelta(microseconds=1))

    @property
    def burst(self) -> int:
        """Mails that may leave at once after a quiet time."""
        return max(1, self.rate // BURST)

    def allowed(self, next_at: datetime | None, now: datetime) -> int:
        """How many mails may leave at `now`, at most the burst."""
        return max(0, self.burst - -((now - self._even(next_at, now)) // self.interval))

    def after(self, next_at: datetime | None, now: datetime, taken: int) -> datetime:
        """What is remembered when `taken` mails leave at `now`."""
        return self._even(next_at, now) + taken * self.interval

    def free_at(self, next_at: datetime | None, now: datetime) -> datetime:
        """When the next mail may leave: `now` or later."""
        return max(now, self._even(next_at, now) - (self.burst - 1) * self.interval)

    def _even(self, next_at: datetime | None, now: datetime) -> datetime:
        """Never before `now`; never further off than a whole burst, which only a clock set back or a changed rate can leave behind."""
        return now if next_at is None else min(max(next_at, now), now + self.burst * self.interval)


def pace_of(outgoing: Mapping[str, object]) -> Pace | None:
    """The pace a connector's outgoing settings ask for, None where they set no limit. Raises ValueError for a `rate_per` that is no duration."""
    rate = outgoing.get("rate")
    if not isinstance(rate, int) or rate < 1:
        return None
    per = outgoing.get("rate_per")
    return Pace(rate, parse_duration(str(per)) or PER) if per else Pace(rate)
