"""How the connectors share the senders of a process: whose turn is next, how many mails are claimed at once, who is stuck; nothing here is stored."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

BATCH = 8
"""Mails that are claimed at once at the most."""
MOST = 64
"""The same for a connector that has several connections."""
QUICK = 0.25
"""Seconds within which an attempt was quick: the next batch may be larger."""
SLOW = 1.0
"""Seconds after which an attempt is slow: the rest of its batch is given back, and while it lasts others let the connector be."""
SLOW_AT_ONCE = 2
"""Attempts of one process that may be slow with one connector at the same time."""


@dataclass(slots=True)
class _Way:
    """What this process knows of one connector: how many mails to claim next, and when its running attempts began."""

    size: int = 1
    running: dict[int, float] = field(default_factory=dict)


class Turns:
    """Shared by all threads that send. Times are of the monotonic clock: they measure the machine, and tell no time."""

    def __init__(self, *, slow: float = SLOW) -> None:
        self.slow = slow
        self._lock = threading.Lock()
        self._ways: dict[str, _Way] = {}
        self._last = ""
        self._count = 0

    def order(self, names: Sequence[str]) -> list[str]:
        """Those that may be served, beginning after the one served last; without those that are slow just now and have their share."""
        with self._lock:
            at = names.index(self._last) + 1 if self._last in names else 0
            return [name for name in (*names[at:], *names[:at]) if self._slow_ones(name) < SLOW_AT_ONCE]

    def served(self, name: str) -> None:
        """This one had its turn."""
        with self._lock:
            self._last = name

    def size(self, name: str, connections: int = 1) -> int:
        """How many mails to claim: one until its attempts are quick, then more and more, for each of its connections."""
        with self._lock:
            way = self._ways.get(name)
            return 1 if way is None or self._slow_ones(name) else way.size if way.size < BATCH else min(way.size * connections, MOST)

    def be_careful(self, name: str) -> None:
        """The connector is in trouble: one mail at a time again."""
        with self._lock:
            self._way(name).size = 1

    def is_careful(self, name: str) -> bool:
        """Whether a batch in hand is better given back."""
        with self._lock:
            return self._way(name).size == 1

    @contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Around one attempt: what it took decides about the next batch."""
        began = time.monotonic()
        with self._lock:
            self._count += 1
            number = self._count
            self._way(name).running[number] = began
        try:
            yield
        finally:
            took = time.monotonic() - began
            with self._lock:
                way = self._way(name)
                del way.running[number]
                if took > self.slow:
                    way.size = 1
                elif took <= QUICK:
                    way.size = min(BATCH, way.size * 2)

    def stuck(self) -> int:
        """How many attempts are slow at this moment, over all connectors."""
        with self._lock:
            return sum(self._slow_ones(name) for name in self._ways)

    def _slow_ones(self, name: str) -> int:
        limit = time.monotonic() - self.slow
        way = self._ways.get(name)
        return sum(began < limit for began in way.running.values()) if way is not None else 0

    def _way(self, name: str) -> _Way:
        return self._ways.setdefault(name, _Way())
