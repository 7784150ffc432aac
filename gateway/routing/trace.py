"""Collecting the trace of one mail while it is decided, bounded in length; what the steps mean to a person is in their own words."""

from __future__ import annotations

from core.verdict import TraceStep

MAX_STEPS = 200
MAX_CHARS = 300
HIT = "hit"
MISS = "miss"


class Trace:
    """Steps in order. Beyond the bound steps are counted and the last one says how many are not shown."""

    def __init__(self) -> None:
        self._steps: list[TraceStep] = []
        self._more = 0

    def hit(self, step: str, check: str, because: str = "") -> None:
        self.add(step, check, HIT, because)

    def miss(self, step: str, check: str, because: str = "") -> None:
        self.add(step, check, MISS, because)

    def add(self, step: str, check: str, outcome: str, because: str = "") -> None:
        if len(self._steps) >= MAX_STEPS:
            self._more += 1
            return
        self._steps.append(TraceStep(step, check[:MAX_CHARS], outcome[:MAX_CHARS], because[:MAX_CHARS]))

    @property
    def steps(self) -> tuple[TraceStep, ...]:
        if not self._more:
            return tuple(self._steps)
        return (*self._steps, TraceStep("trace", "further checks", MISS, f"{self._more} more checks are not shown"))
