"""The only place where time, ids and dice come from (law 2); everything else is told."""

from __future__ import annotations

import random
import secrets
import threading
from datetime import UTC, datetime
from typing import Protocol

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS = range(120, -1, -10)


def _random_id() -> str:
    """26 characters, 130 random bits, lower case, safe in addresses, file names and URLs."""
    number = secrets.randbits(130)
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in _SHIFTS])


class Clock(Protocol):
    """What the house asks of time and chance; tests pass one that stands still."""

    def now(self) -> datetime:
        """The present moment, aware, UTC, to the microsecond."""
        ...

    def new_id(self) -> str:
        """A fresh random id of 26 lower-case characters."""
        ...

    def jitter(self) -> float:
        """A number from -1 to 1, for spreading retries."""
        ...


class SystemClock:
    """The real clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def new_id(self) -> str:
        return _random_id()

    def jitter(self) -> float:
        return random.uniform(-1.0, 1.0)


class FakeClock:
    """A clock that stands still until told to move; its ids are random too, its jitter is nought. For tests and rehearsals."""

    def __init__(self, start: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self._now

    def new_id(self) -> str:
        return _random_id()

    def jitter(self) -> float:
        return 0.0

    def set(self, moment: datetime) -> None:
        """Jump to an aware moment."""
        with self._lock:
            self._now = moment

    def advance(self, **delta: float) -> datetime:
        """Move on by `timedelta(**delta)` and return the new moment."""
        from datetime import timedelta

        self.set(self._now + timedelta(**delta))
        return self._now


def new_secret() -> bytes:
    """32 random bytes for a new key."""
    return secrets.token_bytes(32)


def new_password() -> str:
    """A password a person can type: 16 characters, 80 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
