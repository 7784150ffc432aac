"""The handler of arriving mail: claim, read, ask routing and core, apply, settle; one mail, one decision, one commit.

It is given `apply` and `read_mail`. Its outer edge is the only place here that catches everything, and it writes down what it caught.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from core.brakes import Brakes
from core.decision import Decision
from core.mail import Envelope, Mail
from core.setup import Setup
from core.verdict import InboundState
from gateway.clock import Clock
from gateway.holders import is_dead, living
from gateway.inbound.by_agent import BY_AGENT, AgentMail, ByAgent, nobody
from gateway.inbound.deciding import Decided, Decider, Ring, explanation, settlement
from gateway.inbound.facts import NotYet
from gateway.inbound.given_back import GivenBack
from gateway.inbound.inspection import Inspect, Inspection, NotInspected, uninspected
from gateway.inbound.quarantine import stopped
from gateway.inbound.signed_by import SignedBy, signed_by
from gateway.keys import Keys
from gateway.store import inbound_claims, inbounds
from gateway.store.engine import Database, is_passing_fault
from gateway.store.inbound_claims import Claimed
from gateway.store.inbounds import LostLease, Standing
from gateway.store.intake_keys import TakenMeanwhile
from gateway.store.items import StaleItem
from gateway.store.setups import Setups

LEASE = timedelta(minutes=2)
"""Longer than any one mail takes, the child process with its time-out included."""
RENEW_BELOW = timedelta(minutes=1)
BATCH = 8
SMALL = 256 * 1024
"""Bytes of a raw mail up to which it is read together with the others of its batch."""
PASSES, MOST_MET = 20, 10_000
"""How often a fault that should pass may meet one mail, and of how many mails that is kept in mind."""
TRIES = 4
"""How often one mail is decided again because something changed under it."""
SOON = timedelta(seconds=2)
"""Before a mail that met a passing fault is looked at again."""
UNINSPECTED = timedelta(seconds=30)
"""The same for one that waits for a scanner: there may be thousands of them."""

GONE = "The worker ended three times while it was processing this mail."

log = logging.getLogger("guichet.inbound")


class Applying(Protocol):
    """`gateway.apply.Apply`, given by the bootstrap."""

    def __call__(self, connection: Connection, decision: Decision, setup: Setup, now: datetime) -> Any: ...


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
        ring: Ring = lambda connection, item, now: False,
        inspect: Inspect = uninspected,
        by_agent: ByAgent = nobody,
    ) -> None:
        self._database = database
        self._setups = setups
        self._clock = clock
        self._apply = apply
        self._read_mail = read_mail
        self._inspect = inspect
        self._by_agent = by_agent
        self._holder = holder
        living(holder)
        self._on_mail_queued = on_mail_queued
        self._decider = Decider(setups, keys, clock, limits or Brakes(), ring)
        self._recovered = False
        self._met: Counter[str] = Counter()
        self._given_back = GivenBack(database, clock)

    # ------------------------------------------------------------ what is to be done

    def process(self, ids: Sequence[str]) -> int:
        """Process the named messages, those that nobody else has. Returns how many."""
        return self._work(self._claimed(inbound_claims.claim_named, ids=ids))

    def process_one(self, inbound_id: str) -> InboundState | None:
        """Process one message and say its state; None if somebody else has it, or it is settled already."""
        claimed = self._claimed(inbound_claims.claim_named, ids=(inbound_id,))
        return self._safely(claimed[0], None) if claimed else None

    def sweep(self, most: int = 1_000) -> int:
        """Everything that lies about: leases that are over, what failed before, what nobody was told of. Returns how many were processed.

        A house with nothing to read is only looked at: nothing is written, nobody waits for a lock.
        """
        with self._database.read() as connection:
            if not self._given_back and not inbound_claims.any_unread(connection):
                return 0
        self.recover()
        done = 0
        for claim, bound in ((inbound_claims.claim_again, {}), (inbound_claims.claim, {"most": BATCH})):
            while done < most:
                worked = self._work(self._claimed(claim, **bound))
                if not worked:
                    break
                done += worked
        return done

    def recover(self) -> tuple[str, ...]:
        """End the leases that are over, and those of workers of this machine that are gone; pay back attempts that were none.

        Returns the ids of messages that were quarantined because their worker ended three times.
        """
        self._given_back.pay()
        now = self._clock.now()
        with self._database.lazy() as connection:
            if not self._recovered:
                inbound_claims.expire(connection, [one for one in inbound_claims.holders(connection) if is_dead(one)], now - timedelta(seconds=1))
                self._recovered = True
            lost = inbound_claims.sweep(connection, now, GONE)
        for inbound_id in lost:
            log.error("quarantined", extra={"inbound_id": inbound_id, "reason": GONE})
            self._stop_clocks(inbound_id)
        return lost

    def _claimed(self, claim: Callable[..., list[Claimed]], **bound: Any) -> list[Claimed]:
        with self._database.lazy() as connection:
            return claim(connection, self._clock.now(), self._holder, LEASE, **bound)

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
            try:
                if until - now < RENEW_BELOW and not self._renewed(one, now):
                    continue
            except Exception as fault:  # as above: this one is given back, and the next one is tried
                if not is_passing_fault(fault):
                    raise
                self._give_back(one, fault)
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
            return inbound_claims.renew(connection, claimed, now + LEASE)

    # ------------------------------------------------------------ the outer edge

    def _safely(self, claimed: Claimed, raw: bytes | None) -> InboundState | None:
        try:
            return self._process(claimed, raw)
        except (LostLease, NotYet) as passing:
            self._give_back(claimed, passing)
        except NotInspected as waits:
            log.info("not_inspected", extra={"inbound_id": claimed.id, "because": str(waits)})
            self._give_back(claimed, waits)
        except Exception as fault:  # the edge of the handler: one mail must never stop the others, and the fault is kept with the mail
            if is_passing_fault(fault) and not self._comes_again(claimed, fault):
                log.warning("passing_fault", extra={"inbound_id": claimed.id, "fault": _sentence(fault)})
                self._give_back(claimed, fault)
            else:
                self._failed(claimed, fault)
        return None

    def _comes_again(self, claimed: Claimed, fault: Exception) -> bool:
        """Whether what should pass (no memory, no answer) met this mail so often that it is the mail's: then it counts. The database never is."""
        if isinstance(fault, SQLAlchemyError):
            return False
        if len(self._met) > MOST_MET:
            self._met.clear()
        self._met[claimed.id] += 1
        return self._met[claimed.id] > PASSES

    def _give_back(self, claimed: Claimed, fault: Exception) -> None:
        """No attempt."""
        if not isinstance(fault, LostLease):
            self._given_back.add(claimed, UNINSPECTED if isinstance(fault, NotInspected) else SOON)

    def _failed(self, claimed: Claimed, fault: Exception) -> None:
        """Our own fault: an attempt is counted, and after three the mail is quarantined with the reason (law 7)."""
        reason = _sentence(fault)
        log.error("processing_failed", extra={"inbound_id": claimed.id, "attempt": claimed.attempts}, exc_info=fault)
        try:
            with self._database.lazy() as connection:
                quarantined = inbound_claims.fail(connection, claimed, reason, self._clock.now())
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
        inspection = self._inspect(raw, mail, claimed.envelope)
        signed = self._signed_by(raw, mail, claimed.envelope)
        del raw, mail
        for left in range(TRIES, 0, -1):
            try:
                return self._decide_and_write(claimed, inspection, signed)
            except (StaleItem, TakenMeanwhile, IntegrityError):
                if left == 1:
                    raise
        raise AssertionError("unreachable")

    def _signed_by(self, raw: bytes, mail: Mail, envelope: Envelope) -> SignedBy | None:
        """By whose registered key a mail was signed; only one that is signed costs a look."""
        if not mail.protection:
            return None
        with self._database.read() as connection:
            setup = self._setups.current(connection)
        return signed_by(raw, mail, setup, received_at=envelope.received_at)

    def _decide_and_write(self, claimed: Claimed, inspection: Inspection, signed: SignedBy | None) -> InboundState:
        now = self._clock.now()
        with self._database.lazy() as connection:
            decided = self._decider.decide(connection, claimed, inspection.mail, now, checked=inspection.authentication, signed=signed)
            decision = decided.outcome.decision + self._carried_out(connection, claimed, decided, now)
            applied = self._apply(connection, decision, decided.setup, now)
            settled = settlement(decided, inbounds.standing(connection, claimed.id) if claimed.replayed else Standing())
            inbounds.settle(connection, claimed, settled, now)
        refs = ",".join(item.ref for item in applied.items)
        log.info("processed", extra={"inbound_id": claimed.id, "state": settled.state.value, "items": refs})
        if applied.mails:
            self._on_mail_queued()
        return settled.state

    def _carried_out(self, connection: Connection, claimed: Claimed, decided: Decided, now: datetime) -> Decision:
        """What a mail by one of our people does: once for each item, however many addresses of ours it is for."""
        made = Decision()
        theirs = (one for one in reversed(decided.outcome.verdicts) if one.action in BY_AGENT or one.refused)
        for verdict in {(one.action, one.item_id, one.refused): one for one in theirs}.values():
            agent_mail = AgentMail(
                claimed.id, decided.mail, verdict, decided.resolution.classification, claimed.envelope, lambda: inbounds.raw(connection, claimed.id)
            )
            made = made + self._by_agent(connection, agent_mail, decided.setup, now)
        return made

    # ------------------------------------------------------------ explaining

    def explain(self, raw: bytes, envelope: Envelope | None = None) -> dict[str, Any]:
        """What would happen to a mail and why, as the contract's JSON; the same path, and nothing is written.

        An envelope without sender says nothing here: whether it is the null sender is read from the mail's Return-Path.
        """
        now = self._clock.now()
        mail = self._read_mail(raw)
        given = envelope or Envelope("explain")
        asked = replace(given, door=given.door if given.sender else "explain", received_at=given.received_at or now)
        try:
            inspection = self._inspect(raw, mail, asked)
        except NotInspected:  # what would be decided once it is
            inspection = Inspection(mail)
        with self._database.read() as connection:
            claimed = Claimed("", 0, asked, self._holder)
            signed = signed_by(raw, mail, self._setups.current(connection), received_at=asked.received_at) if mail.protection else None
            decided = self._decider.decide(connection, claimed, inspection.mail, now, writes=False, checked=inspection.authentication, signed=signed)
            return explanation(decided)

    # ------------------------------------------------------------ quarantine

    def _stop_clocks(self, inbound_id: str) -> None:
        """As far as the mail's ids can be read."""
        try:
            with self._database.read() as connection:
                raw = inbounds.raw(connection, inbound_id)
            self._stop_clocks_for(inbound_id, self._read_mail(raw))
        except Exception as fault:  # the mail has just shown that something of ours fails on it: what matters is that it is in quarantine
            log.warning("clocks_not_stopped", extra={"inbound_id": inbound_id, "fault": _sentence(fault)})

    def _stop_clocks_for(self, inbound_id: str, mail: Mail) -> None:
        for left in range(TRIES, 0, -1):
            now = self._clock.now()
            try:
                with self._database.lazy() as connection:
                    decision = stopped(connection, inbound_id, mail, self._setups, self._decider.reader, now)
                    self._apply(connection, decision, self._setups.current(connection), now)
                return
            except StaleItem:
                if left == 1:
                    raise


def _sentence(fault: BaseException) -> str:
    return f"{type(fault).__name__}: {fault}".replace("\x00", "")[:1000]
