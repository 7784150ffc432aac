"""The one way in: every door hands its mails here and learns whether they are ours; reading them is `process.py`.

Law 3: `Stored` is said only after the durable commit. Mails that wait while a commit is on its way share the next one,
so a busy house pays one flush for many mails and an idle one waits for nobody.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from core.setup import Setup
from gateway.clock import Clock
from gateway.inbound.port import Answer, Arrival, Refused, Stored, TryLater
from gateway.store import arrivals
from gateway.store.engine import Database, is_passing_fault

MAX_SIZE = 45 * 2**20
MAX_WAITING = 192 * 2**20
BATCH_BYTES = 32 * 2**20
BATCH_MAILS = 500

log = logging.getLogger("guichet.intake")


@dataclass(slots=True)
class _Waiting:
    """Mails that were handed in together, and who waits for the answers: `future` gets the list, or the answer itself if it is for one `alone`."""

    arrivals: Sequence[Arrival]
    answers: list[Answer | None]
    """None for each of `arrivals`, in their order, between those that are refused already."""
    future: Future[Any]
    alone: bool = False

    @property
    def size(self) -> int:
        return sum(len(arrival.raw) for arrival in self.arrivals)

    def tell(self, told: Iterator[Answer]) -> None:
        answers = [next(told) if answer is None else answer for answer in self.answers]
        self.future.set_result(answers[0] if self.alone else answers)


class Intake:
    """Takes arrivals from any thread and commits them in groups.

    `setup` is asked at every recipient check, on the caller's thread: it must be cheap. Sizes are bytes: `max_size` of one mail,
    `max_waiting` of all that are not yet committed. `on_stored` is told the inbound ids after each commit; it may fail.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        setup: Callable[[], Setup],
        *,
        max_size: int = MAX_SIZE,
        max_waiting: int = MAX_WAITING,
        on_stored: Callable[[Sequence[str]], None] = lambda ids: None,
    ) -> None:
        self.clock = clock
        self.max_size = max_size
        self._database = database
        self._setup = setup
        self._max_waiting = max_waiting
        self._on_stored = on_stored
        self._changed = threading.Condition()
        self._queue: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._closing = False
        self._thread: threading.Thread | None = None

    def knows(self, address: str) -> bool:
        """Whether an envelope recipient belongs to one of our connectors. Raises what `setup` raises when the database is away."""
        return self._setup().receiver(address) is not None

    def rests(self, address: str) -> bool:
        """Whether the connector of an address of ours is switched off: its mail is to come again later. Raises as `knows` does."""
        connector = self._setup().receiver(address)
        return connector is not None and not connector.enabled

    def accept(self, arrival: Arrival) -> Answer:
        """Store one mail and wait for the commit; without a running committer it commits alone, in the caller's thread."""
        if self._is_running():
            return self.submit(arrival).result()
        size = len(arrival.raw)
        refusal = self._refusal(size, size)
        return refusal if refusal is not None else self._commit_and_tell([arrival])[0]

    def submit(self, arrival: Arrival) -> Future[Answer]:
        """Put one mail before the committer (started by the first one). A future cancelled before its turn is not stored."""
        answer: Future[Answer] = Future()
        self._put([arrival], answer, alone=True)
        return answer

    def submit_all(self, arrivals: Sequence[Arrival]) -> Future[list[Answer]]:
        """Put several before the committer at once, which then share one commit: an answer for each, in their order. The caller bounds them."""
        answers: Future[list[Answer]] = Future()
        self._put(arrivals, answers, alone=False)
        return answers

    def _put(self, arrivals: Sequence[Arrival], future: Future[Any], *, alone: bool) -> None:
        with self._changed:
            total = sum(len(arrival.raw) for arrival in arrivals)
            answers = [self._refusal(len(arrival.raw), total) for arrival in arrivals]
            waiting = _Waiting([arrival for arrival, answer in zip(arrivals, answers, strict=True) if answer is None], answers, future, alone)
            if waiting.arrivals:
                self._queue.append(waiting)
                self._waiting_bytes += waiting.size
                self._start()
                self._changed.notify()
        if not waiting.arrivals:
            waiting.tell(iter(()))

    def close(self) -> None:
        """Commit what waits, then end the committer. Later arrivals are told to try later."""
        with self._changed:
            self._closing = True
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _refusal(self, size: int, total: int) -> Answer | None:
        """Of a mail of this size, with all that come with it."""
        if size > self.max_size:
            return Refused("5.3.4", f"The mail is larger than the {self.max_size} bytes that are taken.")
        if self._closing:
            return TryLater("closing")
        if self._queue and self._waiting_bytes + total > self._max_waiting:
            return TryLater("too much is waiting to be stored")
        return None

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _start(self) -> None:
        if not self._is_running():
            self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while self._turn():
            pass

    def _turn(self) -> bool:
        """Commit one batch; False when closing and nothing waits. A function of its own, so that no mail outlives its turn in memory."""
        batch = self._next_batch()
        if not batch:
            return False
        claimed = [waiting for waiting in batch if waiting.future.set_running_or_notify_cancel()]
        if claimed:
            answers = self._commit([arrival for waiting in claimed for arrival in waiting.arrivals])
            told = iter(answers)
            for waiting in claimed:
                waiting.tell(told)
            self._tell(answers)
        with self._changed:
            self._waiting_bytes -= sum(waiting.size for waiting in batch)
        return True

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = mails = 0
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            while self._queue:
                size += self._queue[0].size
                mails += len(self._queue[0].arrivals)
                if batch and (size > BATCH_BYTES or mails > BATCH_MAILS):
                    break
                batch.append(self._queue.popleft())
        return batch

    def _commit_and_tell(self, batch: Sequence[Arrival]) -> list[Answer]:
        answers = self._commit(batch)
        self._tell(answers)
        return answers

    def _commit(self, batch: Sequence[Arrival]) -> list[Answer]:
        """One durable transaction for the batch; if the fault is one of the mails', each alone, so that one cannot refuse the others."""
        rows = [(self.clock.new_id(), arrival) for arrival in batch]
        try:
            with self._database.durable() as connection:
                ids = arrivals.store(connection, rows)
        except Exception as fault:  # outer edge: whatever went wrong, every door that waits must get an answer
            return self._answers_to(fault, batch)
        if log.isEnabledFor(logging.INFO):
            for (inbound_id, arrival), kept in zip(rows, ids, strict=True):
                event = "mail_stored" if kept == inbound_id else "mail_known"
                log.info(event, extra={"inbound": kept, "door": arrival.door, "peer": arrival.peer, "size": len(arrival.raw)})
        return [Stored(inbound_id) for inbound_id in ids]

    def _answers_to(self, fault: Exception, batch: Sequence[Arrival]) -> list[Answer]:
        if is_passing_fault(fault):
            log.warning("intake_deferred", extra={"mails": len(batch), "fault": _sentence(fault)})
            return [TryLater(_sentence(fault))] * len(batch)
        if len(batch) > 1:
            return [self._commit([arrival])[0] for arrival in batch]
        log.error("intake_failed", extra={"door": batch[0].door, "peer": batch[0].peer, "size": len(batch[0].raw), "fault": _sentence(fault)})
        return [TryLater(_sentence(fault))]

    def _tell(self, answers: Sequence[Answer]) -> None:
        ids = [answer.inbound_id for answer in answers if isinstance(answer, Stored)]
        if not ids:
            return
        try:
            self._on_stored(ids)
        except Exception:  # outer edge: the rows are the truth, a lost wake-up costs a second (law 5)
            log.exception("wake_failed", extra={"mails": len(ids)})


def _sentence(fault: BaseException) -> str:
    """The driver's own words without the statement and its parameters, which SQLAlchemy would append."""
    origin = getattr(fault, "orig", None) or fault
    return f"{type(origin).__name__}: {origin}"[:300]
