"""Claimed mails that were not begun are given back, also when the database is away at that moment; who begins what is `work.py`."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from gateway.clock import Clock
from gateway.outbound.claiming import Claimed
from gateway.store import outbox_claims
from gateway.store.engine import Database, is_passing_fault


class GivingBack:
    """For one dispatcher; safe to use from several threads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._left: list[Claimed] = []

    def __call__(self, batch: Sequence[Claimed] = ()) -> None:
        """These, and those that could not be given back before. Raises what the database raises; they stay in mind then, and not until their leases end."""
        with self._lock:
            back, self._left = [*self._left, *batch], []
        if not back:
            return
        try:
            with self._database.lazy() as connection:
                outbox_claims.give_back(connection, [(one.was, one.message) for one in back], self._clock.now())
        except Exception as fault:  # goes up; a fault of ours is left to the leases
            if is_passing_fault(fault):
                with self._lock:
                    self._left += back
            raise
