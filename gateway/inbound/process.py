"""The handler of arriving mail: claim, read, ask routing and core, apply, settle; one mail, one decision, one commit.

It is given `apply` and `read_mail`. Its outer edge is the only place here that catches everything, and it writes down what it caught.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from core.brakes import Brakes
from core.decision import Decision, Entry, EntryKind
from core.evidence import Evidence
from core.mail import Envelope, Mail
from core.mail_facts import MailFacts
from core.on_mail import OnMail, on_mail
from core.on_time import due_alarm
from core.setup import Setup
from core.verdict import Action, InboundState, Resolution, Verdict
from core.work_item import WorkItem
from gateway.clock import Clock
from gateway.inbound.facts import FactReader, NotYet, Read
from gateway.keys import Keys
from gateway.routing import match
from gateway.routing.facts import Facts
from gateway.routing.resolve import resolve
from gateway.routing.trace import Trace
from gateway.store import inbounds, items
from gateway.store.engine import Database, is_passing_fault
from gateway.store.inbounds import Claimed, LostLease, Settlement, Standing, TakenMeanwhile
from gateway.store.items import StaleItem
from gateway.store.setups import Setups

LEASE = timedelta(minutes=2)
"""Longer than any one mail takes, the child process with its time-out included."""
RENEW_BELOW = timedelta(minutes=1)
BATCH = 8
SMALL = 256 * 1024
"""Bytes of a raw mail up to which it is read together with the others of its batch."""
TRIES = 4
"""How often one mail is decided again because something changed under it."""
SOON = timedelta(seconds=2)
"""Before a mail that met a passing fault is looked at again."""

GONE = "The worker ended three times while it was processing this mail."

_LIVING: set[str] = set()
"""Names of the processors of this process."""

log = logging.getLogger("guichet.inbound")


class Applying(Protocol):
    """`gateway.apply.Apply`, given by the bootstrap."""

    def __call__(self, connection: Connection, decision: Decision, setup: Setup, now: datetime) -> Any: ...


@dataclass(frozen=True, slots=True)
class Decided:
    """One mail decided but not written."""

    setup: Setup
    read: Read
    resolution: Resolution
    outcome: OnMail

    @property
    def trace(self) -> tuple[Any, ...]:
        return (*self.resolution.trace, *self.outcome.trace)


class Processor:
    """Processes inbound messages. One instance serves all threads of a process; `holder` names it in leases."""

    def __init__(
        self,
        database: Database,
        setups: Setups,
        keys: Keys,
        clock: Clock,
        apply: Applying,
        read_mail: Callable[[bytes], Mail],
        *,
        holder: str,
        limits: Brakes | None = None,
        on_mail_queued: Callable[[], None] = lambda: None,
        ring: Callable[[Connection, WorkItem, datetime], bool] = lambda connection, item, now: False,
    ) -> None:
        self._database = database
        self._setups = setups
        self._clock = clock
        self._apply = apply
        self._read_mail = read_mail
        self._holder = holder
        _LIVING.add(holder)
        self._reader = FactReader(keys, limits or Brakes())
        self._on_mail_queued = on_mail_queued
        self._ring = ring
        self._recovered = False
        self._owed: dict[str, Claimed] = {}
        self._lock = threading.Lock()

    # ------------------------------------------------------------ what is to be done

    def process(self, ids: Sequence[str]) -> int:
        """Process the named messages, those that nobody else has. Returns how many."""
        with self._database.lazy() as connection:
            claimed = inbounds.claim_named(connection, self._clock.now(), self._holder, LEASE, ids)
        return self._work(claimed)

    def process_one(self, inbound_id: str) -> InboundState | None:
        """Process one message and say its state; None if somebody else has it, or it is settled already."""
        with self._database.lazy() as connection:
            claimed = inbounds.claim_named(connection, self._clock.now(), self._holder, LEASE, (inbound_id,))
        return self._safely(claimed[0], None) if claimed else None

    def sweep(self, most: int = 1_000) -> int:
        """Everything that lies about: leases that are over, what failed before, what nobody was told of. Returns how many were processed."""
        self.recover()
        done = 0
        for claim in (self._again, self._fresh):
            while done < most:
                worked = self._work(claim())
                if not worked:
                    break
                done += worked
        return done

    def recover(self) -> tuple[str, ...]:
        """End the leases that are over, and those of workers of this machine that are gone; pay back attempts that were none.

        Returns the ids of messages that were quarantined because their worker ended three times.
        """
        now = self._clock.now()
        with self._database.lazy() as connection:
            self._pay_back(connection, now)
            if not self._recovered:
                inbounds.expire(connection, _dead(inbounds.holders(connection)), now - timedelta(seconds=1))
                self._recovered = True
            lost = inbounds.sweep(connection, now, GONE)
        for inbound_id in lost:
            log.error("quarantined", extra={"inbound_id": inbound_id, "reason": GONE})
            self._stop_clocks(inbound_id)
        return lost

    def _fresh(self) -> list[Claimed]:
        with self._database.lazy() as connection:
            return inbounds.claim(connection, self._clock.now(), self._holder, LEASE, BATCH)

    def _again(self) -> list[Claimed]:
        with self._database.lazy() as connection:
            return inbounds.claim_again(connection, self._clock.now(), self._holder, LEASE)

    def _work(self, claimed: Sequence[Claimed]) -> int:
        until = self._clock.now() + LEASE
        try:
            raws = self._small(claimed)
        except Exception as fault:  # the database went away between claim and work: the claims are given back
            if not is_passing_fault(fault):
                raise
            for one in claimed:
                self._give_back(one, fault)
            return len(claimed)
        for one in claimed:
            now = self._clock.now()
            if until - now < RENEW_BELOW and not self._renewed(one, now):
                continue
            self._safely(one, raws.pop(one.id, None))
        return len(claimed)

    def _small(self, claimed: Sequence[Claimed]) -> dict[str, bytes]:
        """The raw mails of a batch in one look, as far as they are small; the others are read when their turn comes."""
        small = [one.id for one in claimed if one.size <= SMALL]
        if len(small) < 2:
            return {}
        with self._database.read() as connection:
            return inbounds.raws(connection, small)

    def _renewed(self, claimed: Claimed, now: datetime) -> bool:
        with self._database.lazy() as connection:
            return inbounds.renew(connection, claimed, now + LEASE)

    # ------------------------------------------------------------ the outer edge

    def _safely(self, claimed: Claimed, raw: bytes | None) -> InboundState | None:
        try:
            return self._process(claimed, raw)
        except (LostLease, NotYet) as passing:
            self._give_back(claimed, passing)
        except Exception as fault:  # the edge of the handler: one mail must never stop the others, and the fault is kept with the mail
            if is_passing_fault(fault):
                log.warning("passing_fault", extra={"inbound_id": claimed.id, "fault": _sentence(fault)})
                self._give_back(claimed, fault)
            else:
                self._failed(claimed, fault)
        return None

    def _give_back(self, claimed: Claimed, fault: Exception) -> None:
        """No attempt. Where even that cannot be written now, it is kept in mind for the next sweep."""
        if isinstance(fault, LostLease):
            return
        with self._lock:
            self._owed[claimed.id] = claimed
        try:
            with self._database.lazy() as connection:
                self._pay_back(connection, self._clock.now())
        except Exception as again:  # the database is away: the sweep comes back to it
            if not is_passing_fault(again):
                raise

    def _pay_back(self, connection: Connection, now: datetime) -> None:
        with self._lock:
            owed, self._owed = self._owed, {}
        for claimed in owed.values():
            inbounds.release(connection, claimed, now, delay=SOON)

    def _failed(self, claimed: Claimed, fault: Exception) -> None:
        """Our own fault: an attempt is counted, and after three the mail is quarantined with the reason (law 7)."""
        reason = _sentence(fault)
        log.error("processing_failed", extra={"inbound_id": claimed.id, "attempt": claimed.attempts}, exc_info=fault)
        try:
            with self._database.lazy() as connection:
                quarantined = inbounds.fail(connection, claimed, reason, self._clock.now())
        except Exception as again:  # the lease ends by itself, and the attempt stays counted
            if not is_passing_fault(again):
                raise
            return
        if quarantined:
            log.error("quarantined", extra={"inbound_id": claimed.id, "reason": reason})
            self._stop_clocks(claimed.id)

    # ------------------------------------------------------------ one mail

    def _process(self, claimed: Claimed, raw: bytes | None) -> InboundState:
        if raw is None:
            with self._database.read() as connection:
                raw = inbounds.raw(connection, claimed.id)
        mail = self._read_mail(raw)
        del raw
        for left in range(TRIES, 0, -1):
            try:
                return self._decide_and_write(claimed, mail)
            except (StaleItem, TakenMeanwhile, IntegrityError):
                if left == 1:
                    raise
        raise AssertionError("unreachable")

    def _decide_and_write(self, claimed: Claimed, mail: Mail) -> InboundState:
        now = self._clock.now()
        with self._database.lazy() as connection:
            decided = self._decide(connection, claimed, mail, now)
            applied = self._apply(connection, decided.outcome.decision, decided.setup, now)
            settled = _settlement(mail, decided, inbounds.standing(connection, claimed.id) if claimed.replayed else Standing())
            inbounds.settle(connection, claimed, settled, now)
        if applied.mails:
            self._on_mail_queued()
        return settled.state

    def _decide(self, connection: Connection, claimed: Claimed, mail: Mail, now: datetime, *, writes: bool = True) -> Decided:
        """Facts → routing → core. Without `writes` nothing is taken: references read as numbers that do not exist."""
        setup = self._setups.current(connection)
        read = self._reader.read(connection, claimed.id, mail, claimed.envelope, setup, now, lock=writes)
        if writes and self._ring_late(connection, read, claimed, now):
            read = self._reader.read(connection, claimed.id, mail, claimed.envelope, setup, now, lock=writes)
        resolution = resolve(mail, claimed.envelope, read.facts)
        mail_facts = self._replayed(connection, claimed, read.mail_facts) if claimed.replayed else read.mail_facts
        if resolution.new_items:
            mail_facts = self._for_opening(connection, mail_facts, resolution, mail, now, writes=writes)
        return Decided(setup, replace(read, mail_facts=mail_facts), resolution, on_mail(resolution, mail, mail_facts, setup, now))

    def _ring_late(self, connection: Connection, read: Read, claimed: Claimed, now: datetime) -> bool:
        """Alarms that were due when the mail came go first, however late the clock is: receipt time counts (decisions.md 1, E-13)."""
        came = claimed.envelope.received_at or now
        late = [item for item in read.mail_facts.items.values() if due_alarm(item, came) is not None]
        return any([self._ring(connection, item, now) for item in late])

    def _replayed(self, connection: Connection, claimed: Claimed, mail_facts: MailFacts) -> MailFacts:
        """Items that stand still because of the mail go on, and what it opened before keeps its ids."""
        waiting = items.load(connection, items.stopped_by(connection, claimed.id))
        return replace(mail_facts, items={**waiting, **mail_facts.items}, first=inbounds.standing(connection, claimed.id).next)

    def _for_opening(
        self, connection: Connection, mail_facts: MailFacts, resolution: Resolution, mail: Mail, now: datetime, *, writes: bool
    ) -> MailFacts:
        wanted = resolution.new_items
        more = self._reader.for_opening(connection, mail_facts, resolution, mail, now)
        return replace(
            more,
            numbers=items.take_numbers(connection, wanted) if writes else (0,) * wanted,
            draft_ids=tuple(self._clock.new_id() for _ in range(wanted)),
        )

    # ------------------------------------------------------------ explaining

    def explain(self, raw: bytes, envelope: Envelope | None = None) -> dict[str, Any]:
        """What would happen to a mail and why, as the contract's JSON; the same path, and nothing is written.

        An envelope without sender says nothing here: whether it is the null sender is read from the mail's Return-Path.
        """
        now = self._clock.now()
        mail = self._read_mail(raw)
        given = envelope or Envelope("explain")
        asked = replace(given, door=given.door if given.sender else "explain", received_at=given.received_at or now)
        with self._database.read() as connection:
            decided = self._decide(connection, Claimed("", 0, asked, self._holder), mail, now, writes=False)
        return explanation(decided)

    # ------------------------------------------------------------ quarantine

    def _stop_clocks(self, inbound_id: str) -> None:
        """The items that a quarantined mail points to do not close over it (decisions.md 1), as far as its ids can be read."""
        try:
            with self._database.read() as connection:
                raw = inbounds.raw(connection, inbound_id)
            mail = self._read_mail(raw)
            for _ in range(TRIES):
                try:
                    return self._stop_clocks_for(inbound_id, mail)
                except StaleItem:
                    continue
        except Exception as fault:  # the mail has just shown that something of ours fails on it: what matters is that it is in quarantine
            log.warning("clocks_not_stopped", extra={"inbound_id": inbound_id, "fault": _sentence(fault)})

    def _stop_clocks_for(self, inbound_id: str, mail: Mail) -> None:
        now = self._clock.now()
        with self._database.lazy() as connection:
            setup = self._setups.current(connection)
            facts = self._reader.read(connection, inbound_id, mail, Envelope("quarantine"), setup, now).facts
            stopped = tuple(replace(item, clocks=item.clocks.stop(inbound_id, now), updated_at=now) for item in _pointed_at(mail, facts))
            text = "A mail that belongs here could not be processed."
            lines = tuple(Entry(item.id, now, EntryKind.ATTENTION, text=text, inbound_id=inbound_id) for item in stopped)
            if stopped:
                self._apply(connection, Decision(items=stopped, entries=lines), setup, now)
                inbounds.write_pointers(connection, inbound_id, [item.id for item in stopped], text)


def _settlement(mail: Mail, decided: Decided, standing: Standing) -> Settlement:
    facts, verdicts = decided.read.facts, decided.outcome.verdicts
    duplicates = {(verdict.connector, verdict.recipient) for verdict in verdicts if verdict.action is Action.DUPLICATE}
    keys = ((recipient.connector, recipient.key) for recipient in facts.recipients)
    return Settlement(
        mail=mail,
        verdicts=verdicts,
        trace=decided.trace,
        classification=decided.resolution.classification.kind.value,
        keys=tuple(key for key in keys if key not in duplicates),
        standing=standing,
    )


def _pointed_at(mail: Mail, facts: Facts) -> tuple[WorkItem, ...]:
    """Open items that the mail's ids or a signed address point to; a reference that anybody can write stops nothing."""
    strong = (one for one in match.candidates(mail, facts, Trace()) if one.evidence in (Evidence.STRONG, Evidence.KNOWN))
    found = {item_id: facts.targets[item_id].item for one in strong for item_id in one.items if item_id in facts.targets}
    return tuple(item for item in found.values() if item.status.value != "closed")


def explanation(decided: Decided) -> dict[str, Any]:
    """`explain --json` of the contract."""
    return {
        "verdicts": [verdict_json(verdict, decided) for verdict in decided.outcome.verdicts],
        "trace": [{"step": step.step, "check": step.check, "outcome": step.outcome, "because": step.because} for step in decided.trace],
    }


def verdict_json(verdict: Verdict, decided: Decided) -> dict[str, Any]:
    """One verdict; `item` is the reference of an item that exists, null for one that would be opened."""
    target = decided.read.facts.targets.get(verdict.item_id)
    return {
        "recipient": verdict.recipient,
        "action": verdict.action.value,
        "item": target.item.ref if target is not None else None,
        "process": verdict.process or None,
        "because": verdict.because,
    }


def _dead(holders: Sequence[str]) -> list[str]:
    """Holders on this machine whose process is gone, or whose process number is ours now. A holder is `host/process/random`."""
    host = socket.gethostname()[:40]
    dead = []
    for holder in holders:
        parts = holder.split("/")
        if len(parts) == 3 and parts[0] == host and parts[1].isdigit() and holder not in _LIVING and not _lives(int(parts[1])):
            dead.append(holder)
    return dead


def _lives(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _sentence(fault: BaseException) -> str:
    return f"{type(fault).__name__}: {fault}".replace("\x00", "")[:1000]
