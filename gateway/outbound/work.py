"""A claimed batch that several threads send from: each takes the next mail, until one of them finds that no more is to be begun; how to send is `dispatch.py`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from gateway.outbound.claiming import Claimed

SETUP_FRESH = 1.0
"""Seconds after which the desk's setup is looked at again before a mail is begun."""


class Work:
    """`goes_on` is asked before each mail but the first: whether it may be begun, so many seconds after the setup was looked at."""

    def __init__(self, batch: Sequence[Claimed], goes_on: Callable[[Claimed, float], bool]) -> None:
        self._batch = batch
        self._goes_on = goes_on
        self._lock = threading.Lock()
        self._read_at = time.monotonic()
        self._stopped = False
        self._faults: list[BaseException] = []
        self.begun = 0

    def next(self) -> Claimed | None:
        """The next mail, which is begun then; None if there is none to be begun."""
        with self._lock:
            if self._stopped or self.begun >= len(self._batch):
                return None
            claimed = self._batch[self.begun]
            if self.begun and not self._may_go_on(claimed):
                self._stopped = True
                return None
            self.begun += 1
            return claimed

    def _may_go_on(self, claimed: Claimed) -> bool:
        since = time.monotonic() - self._read_at
        allowed = self._goes_on(claimed, since)
        if since >= SETUP_FRESH:
            self._read_at = time.monotonic()
        return allowed

    def done_by(self, lane: Callable[[Work], None]) -> None:
        """Run one thread's part; what it raises is kept for the thread that began the batch."""
        try:
            lane(self)
        except BaseException as fault:  # the outer edge of a thread
            self.stop()
            with self._lock:
                self._faults.append(fault)

    def fail_as_others_did(self) -> None:
        """Raise what ended the part of another thread, if anything did."""
        if self._faults:
            raise self._faults[0]

    def stop(self) -> None:
        """Nothing more is begun."""
        with self._lock:
            self._stopped = True

    def left(self, batch: Sequence[Claimed]) -> Sequence[Claimed]:
        """Those of the batch, in its order, that were not begun."""
        return batch[self.begun :]
