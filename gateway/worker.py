"""Dramatiq's part: brokers, two actors that carry ids only, and their worker threads; rows are the truth, and what is done with them is elsewhere.

Law 5: losing every message costs seconds, never mail. So a wake never raises, and each role also sweeps its rows by itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import dramatiq
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import ShutdownNotifications

from gateway.store.engine import is_passing_fault

INBOUND_QUEUE = "inbound"
OUTBOX_QUEUE = "outbox"
IDS_PER_MESSAGE = 16

log = logging.getLogger("guichet.worker")


class DropBroker(StubBroker):
    """A broker that loses everything it is given: for the tests of law 5."""

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        return message


def make_broker(url: str) -> dramatiq.Broker:
    """The broker of a URL: '' in-process, `redis://…`, `amqp://…`, or `drop://` which loses everything.

    Without Retries, TimeLimit and AgeLimit: attempts are counted in rows, and a time limit may strike after the final dot
    (libraries.md section 4). Raises ValueError with a sentence for any other URL.
    """
    middleware: list[dramatiq.Middleware] = [ShutdownNotifications()]
    scheme = url.partition(":")[0]
    if not url:
        return StubBroker(middleware=middleware)
    if scheme == "drop":
        return DropBroker(middleware=middleware)
    if scheme in ("redis", "rediss"):
        from dramatiq.brokers.redis import RedisBroker

        return RedisBroker(url=url, namespace="guichet", middleware=middleware)
    if scheme in ("amqp", "amqps"):
        from dramatiq.brokers.rabbitmq import RabbitmqBroker

        return RabbitmqBroker(url=url, confirm_delivery=False, middleware=middleware)
    raise ValueError(f"broker.url is “{url}”; expected redis://…, amqp://… or nothing for the broker inside the process.")


class Inbound(Protocol):
    """What the inbound actor calls."""

    def process(self, ids: Sequence[str]) -> Any: ...


class Outbound(Protocol):
    """What the outbox actor calls."""

    def run_due(self) -> int: ...


class Wakes:
    """The two wake-up calls, each over a broker of its own, so that each has its own threads. They may be lost, doubled or late without harm."""

    def __init__(self, url: str, inbound: Callable[[], Inbound], outbound: Callable[[], Outbound]) -> None:
        self._in_process = not url
        self._brokers = {queue: make_broker(url) for queue in (INBOUND_QUEUE, OUTBOX_QUEUE)}
        self._working: set[str] = set()
        self._outbox_pending = threading.Event()

        def process_inbound(ids: list[str]) -> None:
            _unless_away(INBOUND_QUEUE, lambda: inbound().process(ids))

        def send_due() -> None:
            self._outbox_pending.clear()
            _unless_away(OUTBOX_QUEUE, lambda: _until_done(outbound().run_due))

        self._process: dramatiq.Actor[..., None] = dramatiq.actor(broker=self._brokers[INBOUND_QUEUE], queue_name=INBOUND_QUEUE)(process_inbound)
        self._send: dramatiq.Actor[..., None] = dramatiq.actor(broker=self._brokers[OUTBOX_QUEUE], queue_name=OUTBOX_QUEUE)(send_due)

    def start_workers(self, queue: str, threads: int) -> dramatiq.Worker:
        """Worker threads of this process for one queue; stop them with `.stop()`."""
        worker = dramatiq.Worker(self._brokers[queue], queues={queue}, worker_threads=threads, worker_timeout=200)
        worker.start()
        self._working.add(queue)
        return worker

    def inbound(self, ids: Sequence[str]) -> None:
        """Somebody should read these inbound messages."""
        if self._is_heard(INBOUND_QUEUE):
            for start in range(0, len(ids), IDS_PER_MESSAGE):
                self._tell(self._process, list(ids[start : start + IDS_PER_MESSAGE]))

    def outbox(self) -> None:
        """Something in the outbox is due. Inside the process one call at a time is enough."""
        if not self._is_heard(OUTBOX_QUEUE) or (self._in_process and self._outbox_pending.is_set()):
            return
        self._outbox_pending.set()
        self._tell(self._send)

    def _is_heard(self, queue: str) -> bool:
        """Without a broker between processes, calls that no thread of this process takes would pile up in memory."""
        return not self._in_process or queue in self._working

    def _tell(self, actor: dramatiq.Actor[..., None], *arguments: Any) -> None:
        try:
            actor.send(*arguments)
        except Exception as fault:  # each broker has its own errors, and none may reach who only wakes: the sweep finds the rows within a second
            self._outbox_pending.clear()
            log.warning("broker_away", extra={"fault": str(fault)[:200]})


def _until_done(work: Callable[[], int]) -> None:
    while work():
        pass


def _unless_away(queue: str, work: Callable[[], object]) -> None:
    """While the database is away or the disk full, a line says so, and not a trace with every id for every wake; the sweep finds the rows."""
    try:
        work()
    except Exception as fault:  # sorted: a fault of ours goes up to Dramatiq, which logs it whole
        if not is_passing_fault(fault):
            raise
        log.warning("wake_put_off", extra={"queue": queue, "fault": type(fault).__name__})
