"""The running service: starts the roles asked for, waits for a signal, stops them in order; what each role does lives elsewhere."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING

from gateway.bootstrap import House
from gateway.store.engine import is_passing_fault
from gateway.worker import INBOUND_QUEUE, OUTBOX_QUEUE

if TYPE_CHECKING:
    from gateway.inbound.smtp import SmtpDoor

ROLES = ("smtp", "lmtp", "submission", "poll", "worker", "dispatch", "scheduler", "web")
"""Roles that can be served; one process may have all or one (contract section 3)."""

TICK_SECONDS = 0.5
SWEEP_SECONDS = 1.0
HANDFUL = 8
NOTIFY_SECONDS = 0.5
SENT_COPIES_SECONDS = 3.0
CHECKPOINT_SECONDS = 30.0
ALARM_SECONDS = 5.0
DRAIN_SECONDS = 30.0

log = logging.getLogger("guichet.serve")


class Periodic:
    """A thread that calls `work` every `seconds` until stopped; a fault is logged and the next turn comes."""

    def __init__(self, name: str, seconds: float, work: Callable[[], object]) -> None:
        self._seconds = seconds
        self._work = work
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(DRAIN_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._work()
            except Exception as fault:  # the outer edge of a role: leases heal the rows, the thread must live on
                role = threading.current_thread().name
                if is_passing_fault(fault):  # it comes every second as long as the database is away: no trace, least of all on a disk that is full
                    log.error("turn_failed", extra={"role": role, "fault": f"{type(fault).__name__}: {getattr(fault, 'orig', None) or fault}"[:300]})
                else:
                    log.exception("turn_failed", extra={"role": role})
            self._stop.wait(self._seconds)


class Service:
    """The roles of one process over one House."""

    def __init__(self, house: House, roles: Sequence[str] = ROLES) -> None:
        self.house = house
        self.roles = tuple(roles)
        self._stops: list[Callable[[], None]] = []

    def start(self) -> None:
        """Start every role; doors last, so that what comes in finds someone to read it."""
        starters: dict[str, Callable[[], None]] = {
            "dispatch": self._dispatch,
            "worker": self._worker,
            "scheduler": self._scheduler,
            "web": self._web,
            "smtp": self._smtp,
            "lmtp": self._lmtp,
            "submission": self._submission,
            "poll": self._poll,
        }
        redirected = self.house.setup().redirect_all
        if redirected:
            log.warning("redirect_all", extra={"addresses": ", ".join(redirected)})
        if self.house.database.is_sqlite:
            self._periodic("checkpoint", CHECKPOINT_SECONDS, self.house.database.checkpoint)
        for role, starter in starters.items():
            if role in self.roles:
                starter()
        log.info("serving", extra={"roles": ",".join(self.roles)})

    def stop(self) -> None:
        """Stop what was started, newest first: doors drain, workers end their mail, leases are given back."""
        while self._stops:
            stop = self._stops.pop()
            try:
                stop()
            except Exception:  # the next part must be stopped as well
                log.exception("stop_failed")
        log.info("stopped")

    def _periodic(self, name: str, seconds: float, work: Callable[[], object]) -> None:
        periodic = Periodic(name, seconds, work)
        periodic.start()
        self._stops.append(periodic.stop)

    def _dispatch(self) -> None:
        house = self.house
        house.dispatcher.recover_own()
        worker = house.wakes.start_workers(OUTBOX_QUEUE, house.settings.workers.dispatch_threads)
        self._stops.append(lambda: worker.stop(int(DRAIN_SECONDS * 1000)))
        self._periodic("dispatch-sweep", SWEEP_SECONDS, self._send_all)
        self._periodic("sent-copies", SENT_COPIES_SECONDS, house.sent_folder.run_due)
        self._stops.append(house.sent_folder.close)
        self._stops.append(house.dispatcher.close)  # before anybody waits for those who send: they go on as long as something is due

    def _send_all(self) -> None:
        """What is due; if that is more than a handful, with the threads that wait to be called: nobody else may call them where there is no scheduler."""
        tried = self.house.dispatcher.run_due(HANDFUL)
        while tried >= HANDFUL:
            self.house.wakes.outbox()
            tried = self.house.dispatcher.run_due()

    def _worker(self) -> None:
        house = self.house
        processor = house.processor  # made before there are threads that would each make their own
        worker = house.wakes.start_workers(INBOUND_QUEUE, house.settings.workers.inbound_threads)
        self._stops.append(lambda: worker.stop(int(DRAIN_SECONDS * 1000)))
        self._periodic("inbound-sweep", SWEEP_SECONDS, processor.sweep)

    def _scheduler(self) -> None:
        self._stops.append(self.house.scheduler.give_up)
        self._periodic("scheduler", TICK_SECONDS, lambda: self.house.scheduler.tick(self.house.clock.now()))
        self._periodic("notifier", NOTIFY_SECONDS, lambda: self.house.notifier.run_due(self.house.clock.now()))
        self._periodic("alarms", ALARM_SECONDS, self.house.alarm_watch.turn)  # apart from the clock: a command may take its time

    def _web(self) -> None:
        from gateway.web.app import start_web

        self._stops.append(start_web(self.house))

    def _smtp(self) -> None:
        self._open(self.house.smtp_door())

    def _lmtp(self) -> None:
        self._open(self.house.lmtp_door())

    def _submission(self) -> None:
        """Only where the settings open it: a role that is served by default must not bring a door that nobody asked for."""
        if self.house.settings.submission.enabled:
            self._open(self.house.submission_door())

    def _open(self, door: SmtpDoor) -> None:
        """The intake is closed once, after the last door: what is on its way in another one is still to be stored."""
        door.start()
        self._close_intake_later()
        self._stops.append(lambda: door.stop(DRAIN_SECONDS))

    def _poll(self) -> None:
        poller = self.house.poller()
        poller.start()
        self._close_intake_later()
        self._stops.append(lambda: poller.stop(DRAIN_SECONDS))

    def _close_intake_later(self) -> None:
        if self.house.intake.close not in self._stops:
            self._stops.append(self.house.intake.close)


def serve(house: House, roles: Sequence[str] = ROLES, *, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or SIGINT; a second signal ends at once. Call from the main thread."""
    stopping = threading.Event()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if stopping.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    service = Service(house, roles)
    try:
        service.start()
        ready()
        while not stopping.wait(1.0):
            pass
    finally:
        service.stop()
        house.close()
