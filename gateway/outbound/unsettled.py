"""An answer that waits for company: it is settled in the durable commit that marks the next mail of its thread, or 100 ms later by itself.

So a mail costs at most one durable commit instead of two, and after a kill no more mails are unknown than threads were sending.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from core.delivery import Delivery
from gateway.outbound.claiming import Claimed
from gateway.outbound.journal import Entry, Journal
from gateway.outbound.settler import Settler

log = logging.getLogger("guichet.outbound")

PATIENCE = 0.1
"""Seconds an answer waits for the next mark."""
LOOK_EVERY = 0.05
IDLE = 20
"""Looks without anything to look at after which the thread ends; the next batch starts it again."""


@dataclass(slots=True)
class _Waiting:
    """An answered attempt that is not written yet."""

    claimed: Claimed
    delivery: Delivery
    since: float = field(default_factory=time.monotonic)


class Unsettled:
    """The one answer of a thread that is not written yet."""

    def __init__(self, journal: Journal, settler: Settler) -> None:
        self._journal = journal
        self._settler = settler
        self._lock = threading.Lock()
        self._waiting: _Waiting | None = None

    def put(self, claimed: Claimed, delivery: Delivery) -> None:
        """The answer will be written with the next mark. There is none that waits already: each mark takes it along."""
        self.flush()
        with self._lock:
            self._waiting = _Waiting(claimed, delivery)

    def mark(self, claimed: Claimed) -> None:
        """Mark a mail durably, with the answer that waits. Raises LostClaim if the attempt is no longer ours, and what the database raises."""
        waiting = self._take()
        if waiting is not None:
            try:
                self._journal.write(Entry(waiting.claimed, waiting.delivery, claimed))
                return
            except Exception as fault:  # whichever of the two it was about, neither may spoil the other: from here on each goes alone
                log.info("settle_apart", extra={"outbox_id": waiting.claimed.message.id, "fault": type(fault).__name__})
                with self._lock:
                    self._waiting = waiting
        self._journal.write(Entry(marked=claimed))

    def flush(self) -> None:
        """Write the answer that waits, now."""
        self._write(self._take())

    def flush_late(self) -> None:
        """Write the answer that has waited too long; from another thread."""
        self._write(self._take(older_than=PATIENCE))

    def _write(self, waiting: _Waiting | None) -> None:
        """With others, if that goes; else by itself and as often as it takes."""
        if waiting is None:
            return
        try:
            self._journal.write(Entry(waiting.claimed, waiting.delivery))
        except Exception as fault:  # the settler knows which faults pass
            log.info("settle_apart", extra={"outbox_id": waiting.claimed.message.id, "fault": type(fault).__name__})
            self._settler.settle(waiting.claimed, waiting.delivery)

    def _take(self, older_than: float = 0.0) -> _Waiting | None:
        with self._lock:
            if self._waiting is None or time.monotonic() - self._waiting.since < older_than:
                return None
            waiting, self._waiting = self._waiting, None
            return waiting


class Watch:
    """A thread that lives while mails are being sent: it writes answers that have waited too long, and calls `relieve` now and then."""

    def __init__(self, relieve: Callable[[], None]) -> None:
        self._relieve = relieve
        self._lock = threading.Lock()
        self._watched: set[Unsettled] = set()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    def begin(self, batch: Unsettled) -> None:
        """A batch is being sent."""
        with self._lock:
            self._watched.add(batch)
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="outbox-watch", daemon=True)
                self._thread.start()

    def end(self, batch: Unsettled) -> None:
        """The batch is over and has nothing left to write."""
        with self._lock:
            self._watched.discard(batch)

    def close(self) -> None:
        """No more looks; what waits is written by the threads that send."""
        self._closing.set()

    def _run(self) -> None:
        idle = 0
        while not self._closing.wait(LOOK_EVERY):
            with self._lock:
                watched = list(self._watched)
                idle = 0 if watched else idle + 1
                if idle > IDLE:
                    self._thread = None
                    return
            try:
                for batch in watched:
                    batch.flush_late()
                self._relieve()
            except Exception:  # the outer edge of a thread: a fault of ours is logged whole, and the attempt is left to its lease
                log.exception("watch_failed")
