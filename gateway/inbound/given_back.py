"""Claims that go back undone, kept in mind until the database has written that; who claims and why one goes back is `process.py`."""

from __future__ import annotations

import threading
from datetime import timedelta

from gateway.clock import Clock
from gateway.store import inbound_claims
from gateway.store.engine import Database, is_passing_fault
from gateway.store.inbound_claims import Claimed


class GivenBack:
    """For all threads of a process. What is given back is no attempt (architecture section 4)."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._owed: dict[str, tuple[Claimed, timedelta]] = {}
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._owed)

    def add(self, claimed: Claimed, delay: timedelta) -> None:
        """It is to be looked at again after `delay`. Where that cannot be written now, the next `pay` does it."""
        with self._lock:
            self._owed[claimed.id] = (claimed, delay)
        try:
            self.pay()
        except Exception as again:  # the database is away: the sweep comes back to it
            if not is_passing_fault(again):
                raise

    def pay(self) -> None:
        """Write it. Raises what the database raises; a full disk may say so at the commit, and then it is owed as before."""
        with self._lock:
            owed, self._owed = self._owed, {}
        if not owed:
            return
        try:
            with self._database.lazy() as connection:
                for claimed, delay in owed.values():
                    inbound_claims.release(connection, claimed, self._clock.now(), delay=delay)
        except BaseException:
            with self._lock:
                self._owed = owed | self._owed
            raise
