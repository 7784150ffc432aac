"""The life of one mailbox that is fetched from: lease, session, pauses after trouble, suspension and the way back; which mailboxes there are is `poller.py`."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.delivery import Meaning
from core.health import LOGINS, PAUSES, Health
from core.setup import Connector
from gateway.holders import is_dead
from gateway.inbound.fetching import Fetched, Fetcher, FetchTrouble, LeaseLost, Means, NeedsConsent, NotStored
from gateway.store import connector_status, due, mailboxes
from gateway.store.engine import is_passing_fault

LEASE = timedelta(seconds=60)
"""A process that died on another machine keeps a mailbox so long."""
LEASE_NAME = 120
LOOK_SECONDS = 1.0
"""How soon a resting mailbox notices that it may go on."""
SOON_SECONDS = 5.0
"""Pause while something waits that could not be taken in, and least length of a session before the next is opened at once."""
JUST_AFTER = timedelta(microseconds=1)
"""An error after the last success: nothing is closed by time while a part of the mailbox cannot be read (decisions.md 1)."""
HOUSE_PAUSES = (1.0, 2.0, 5.0, 10.0)
"""Waits while the fault is ours (the database is away, the disk is full); the last repeats."""

log = logging.getLogger("guichet.poll")

Make = Callable[[Connector, Means], Fetcher]


class Polled:
    """One mailbox in a thread of its own. `every` in seconds; `at_once`: the first attempt does not wait for the end of a pause."""

    def __init__(self, connector: Connector, means: Means, make: Make, *, holder: str, every: float, at_once: bool = False) -> None:
        self.connector = connector
        self.stopping = threading.Event()
        self._means = replace(means, stopping=self.stopping, alive=self._alive, memory={})
        self._make = make
        self._holder = holder
        self._every = every
        self._at_once = at_once
        self._leads_until: datetime | None = None
        self._house_faults = 0
        self._fetcher: Fetcher | None = None
        """Kept from one session to the next, for what it remembers of messages that break connections."""
        self._thread = threading.Thread(target=self._run, name=f"poll:{connector.name}"[:60], daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def has_ended(self) -> bool:
        return not self._thread.is_alive()

    # ---- one turn after the other

    def _run(self) -> None:
        while not self.stopping.is_set():
            self.turn()
        try:
            with self._means.database.lazy() as connection:
                due.give_up_lead(connection, self._lease, self._holder)
        except Exception as fault:  # the outer edge of a thread that ends; the lease ends by time
            log.warning("lease_not_given_back", extra={"connector": self.connector.name, "fault": type(fault).__name__})

    def turn(self) -> None:
        """A session, or a pause. Never raises."""
        try:
            if not self._lead() or self._rests():
                self.stopping.wait(LOOK_SECONDS)
            else:
                self._session()
            self._house_faults = 0
        except LeaseLost:
            log.warning("mailbox_lease_lost", extra={"connector": self.connector.name})
            self._leads_until = None
        except Exception as fault:  # the outer edge of one mailbox: the others must go on, and this one again later
            self._outer_edge(fault)

    def _outer_edge(self, fault: Exception) -> None:
        self._leads_until = None
        if isinstance(fault, NotStored) or is_passing_fault(fault):
            pause = HOUSE_PAUSES[min(self._house_faults, len(HOUSE_PAUSES) - 1)]
            self._house_faults += 1
            log.warning("fetching_waits_for_the_house", extra={"connector": self.connector.name, "fault": type(fault).__name__, "seconds": pause})
            self.stopping.wait(pause)
            return
        self._fetcher = None
        log.error("fetching_failed", exc_info=fault, extra={"connector": self.connector.name})
        try:
            self._met(FetchTrouble(Meaning.PASSING, f"A fault of ours, which is in the log: {type(fault).__name__}."))
        except Exception:  # the database has gone as well; the pause is all that is left
            log.exception("trouble_not_noted", extra={"connector": self.connector.name})
        self.stopping.wait(SOON_SECONDS)

    def _session(self) -> None:
        """Log in, then fetch and wait in turn until something goes wrong or the thread is to end."""
        began = time.monotonic()
        try:
            with ExitStack() as stack:
                fetcher = self._fetcher = self._fetcher or self._make(self.connector, self._means)
                stack.callback(fetcher.close)
                fetcher.open()
                while not self.stopping.is_set():
                    came_to = fetcher.fetch()
                    self._fine(came_to)
                    self._alive()
                    try:
                        fetcher.wait(min(self._every, SOON_SECONDS) if came_to.waiting else self._every, self.stopping)
                    except FetchTrouble as trouble:  # servers end waiting connections as they like: that is no trouble yet
                        log.info("mailbox_connection_lost", extra={"connector": self.connector.name, "words": str(trouble)})
                        break
        except NotStored:
            raise
        except FetchTrouble as trouble:
            self._met(trouble)
            return
        finally:
            self._at_once = False
        if not self.stopping.is_set():
            self.stopping.wait(max(0.0, SOON_SECONDS - (time.monotonic() - began)))

    # ---- whether it is our turn

    @property
    def _lease(self) -> str:
        name = f"poll:{self.connector.name}"
        return name if len(name) <= LEASE_NAME else f"{name[:80]}:{hashlib.sha256(name.encode()).hexdigest()[:32]}"

    def _lead(self) -> bool:
        """The lease is written anew only when half of it is over. One that a dead process of this machine left is taken at once."""
        now = self._means.clock.now()
        until = self._leads_until
        if until is not None and now + LEASE / 2 < until <= now + LEASE:
            return True
        with self._means.database.lazy() as connection:
            leads = due.take_lead(connection, self._lease, self._holder, now, LEASE) or self._inherits(connection, now)
        self._leads_until = now + LEASE if leads else None
        return leads

    def _inherits(self, connection: Connection, now: datetime) -> bool:
        holder = mailboxes.lease_holder(connection, self._lease)
        if not holder or not is_dead(holder):
            return False
        due.give_up_lead(connection, self._lease, holder)
        return due.take_lead(connection, self._lease, self._holder, now, LEASE)

    def _alive(self) -> None:
        if not self._lead():
            raise LeaseLost(self.connector.name)

    # ---- how it fares

    @property
    def _name(self) -> str:
        return due.FETCHING + self.connector.name

    def _rests(self) -> bool:
        if self._at_once:
            return False
        with self._means.database.read() as connection:
            return connector_status.health(connection, self._name).rests(self._means.clock.now())

    def _fine(self, came_to: Fetched) -> None:
        now = self._means.clock.now()
        with self._means.database.lazy() as connection:
            was = connector_status.health(connection, self._name)
            if came_to.trouble:
                connector_status.save(connection, replace(was.fine(now), last_error=came_to.trouble, last_error_at=now + JUST_AFTER))
            else:
                connector_status.note_success(connection, was, now)
        facts = {"connector": self.connector.name, "stored": came_to.stored, "seen": came_to.seen, "waiting": came_to.waiting}
        if was.troubled or was.refused_logins:
            log.warning("mailbox_recovered", extra=facts)
        elif came_to.stored:
            log.info("mailbox_fetched", extra=facts)
        if came_to.trouble and came_to.trouble != was.last_error:
            log.error("mailbox_partly_read", extra={**facts, "words": came_to.trouble})

    def _met(self, trouble: FetchTrouble) -> None:
        """Write how long to pause; three refused log-ins suspend at once, a missing consent needs no second attempt (decisions.md 19)."""
        with self._means.database.lazy() as connection:
            was = connector_status.health(connection, self._name, lock=True)
            asked = replace(was, refused_logins=max(was.refused_logins, LOGINS - 1)) if isinstance(trouble, NeedsConsent) else was
            now = asked.met(trouble.meaning, str(trouble), self._means.clock.now(), self._means.clock.jitter())
            connector_status.save(connection, now)
        self._tell(trouble, was, now)

    def _tell(self, trouble: FetchTrouble, was: Health, now: Health) -> None:
        facts = {"connector": self.connector.name, "trouble": str(trouble.meaning), "words": str(trouble), "again_at": now.suspended_until}
        if now.suspended and not was.suspended:
            log.error("mailbox_suspended", extra=facts)
        elif trouble.meaning is not Meaning.PASSING and str(trouble) != was.last_error:
            log.error("mailbox_trouble", extra=facts)
        elif trouble.meaning is Meaning.PASSING and now.probes == len(PAUSES):
            log.error("mailbox_unreachable", extra=facts)
        else:
            log.warning("mailbox_away", extra=facts)
