"""Marks and answers of all threads that send, written together: whoever comes while a commit is under way is in the next one; deciding is the settler's.

One durable commit so serves up to eight mails that are on the wire at the same time, and each of them still waits for its own mark to be on disk.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from core.delivery import Delivery
from gateway.outbound.claiming import Claimed
from gateway.outbound.settler import Settler
from gateway.store import outbox_claims
from gateway.store.engine import Database

MOST = 8
"""Entries that are written in one commit at the most."""


GATHER = 0.0005
"""Seconds that a commit waits for entries of other threads, at the most; alone, nobody waits."""


@dataclass(slots=True)
class Entry:
    """What one thread wants written: the answer of its mail before, and the mark of its next one; either may be missing."""

    answered: Claimed | None = None
    delivery: Delivery | None = None
    marked: Claimed | None = None
    written: bool = False
    fault: BaseException | None = None

    @property
    def about(self) -> list[Claimed]:
        """The mails it is about."""
        return [one for one in (self.answered, self.marked) if one is not None]


class Journal:
    """For one dispatcher; safe to use from several threads."""

    def __init__(self, database: Database, settler: Settler) -> None:
        self._database = database
        self._settler = settler
        self._queue: list[Entry] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._lanes = 0

    def write(self, entry: Entry) -> None:
        """Return when it is on disk. Raises LostClaim if a mail of it is no longer ours, and what the database raises; then nothing of it is written."""
        with self._lock:
            self._queue.append(entry)
        while not entry.written and entry.fault is None:
            with self._writing:
                if not entry.written and entry.fault is None:
                    self._write_next()
        if entry.fault is not None:
            raise entry.fault

    def _write_next(self) -> None:
        self._await_others()
        with self._lock:
            group, self._queue = self._queue[:MOST], self._queue[MOST:]
        try:
            self._commit(group)
        except Exception as fault:  # whichever it was about, it may not spoil the others: each goes alone, and is told what became of it
            if len(group) == 1:
                group[0].fault = fault
                return
            for one in group:
                self._write_alone(one)
        finally:
            for one in group:
                if not one.written and one.fault is None:  # we are being ended in the middle: nobody may wait for ever
                    one.fault = InterruptedError("the commit was broken off")

    def _await_others(self) -> None:
        """While several threads send, a moment for those that are nearly there: what they would wait for the next commit is longer."""
        until = time.monotonic() + GATHER
        while len(self._queue) < min(self._lanes, MOST) and time.monotonic() < until:
            time.sleep(GATHER / 8)

    @contextmanager
    def lane(self) -> Iterator[None]:
        """Around what one thread sends: the others know that it will come."""
        with self._lock:
            self._lanes += 1
        try:
            yield
        finally:
            with self._lock:
                self._lanes -= 1

    def _write_alone(self, entry: Entry) -> None:
        try:
            self._commit([entry])
        except Exception as fault:  # handed to the thread whose entry it is
            entry.fault = fault

    def _commit(self, group: Sequence[Entry]) -> None:
        group = sorted(group, key=_item)  # items are locked in one order, whoever writes
        with self._database.durable() as connection:
            outbox_claims.hold_on(connection, [claimed.message for entry in group for claimed in entry.about])
            for entry in group:
                if entry.answered is not None and entry.delivery is not None:
                    self._settler.within(connection, entry.answered, entry.delivery)
                if entry.marked is not None:
                    outbox_claims.mark(connection, entry.marked.message.id, entry.marked.message.attempts)
        for entry in group:
            entry.written = True


def _item(entry: Entry) -> str:
    return entry.answered.message.item_id or "" if entry.answered is not None else ""
