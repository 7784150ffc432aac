"""Sends what is due: claim → deliver, with the durable mark before the final dot → settle together with the item; the fourth handler.

A delivery is never inside a transaction. What an answer means is decided in `core/on_result.py`. Any number of threads and
processes may run this on one database at once.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from core.decision import Decision
from core.delivery import Delivery, Meaning, Stage, clean_words
from core.notice import notice
from core.on_result import Result, died, result
from core.outbox import OutboxEvent, OutboxMessage, OutboxState, Outcome
from core.retry import DEFAULT, unknown_policy
from core.settling import Rules, still_to_try
from core.setup import Connector, Setup, UnknownPolicy
from core.work_item import WorkItem
from gateway.clock import Clock
from gateway.keys import Keys
from gateway.outbound.compose import seal
from gateway.outbound.holders import is_dead
from gateway.outbound.port import LeaseTime, Outgoing, Transports
from gateway.outbound.transports import TransportPool
from gateway.store import brakes, connector_status, items, outbox_claims, outboxes
from gateway.store.engine import Database, is_passing_fault
from gateway.store.outbox_claims import LostClaim
from gateway.store.setups import Setups

log = logging.getLogger("guichet.outbound")

SETTLE_TRIES = 6
"""How often a settlement is written again after a passing fault of the database, with growing waits; then the lease heals it."""
PROBE_SECONDS = 120.0
NOTICES_A_DAY = 20
"""Notices about failed mails that one author gets (decisions.md 9); the items are marked in any case."""

Apply = Callable[[Connection, Decision, Setup, datetime], Any]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours for one attempt, with its bytes and its connector."""

    message: OutboxMessage
    connector: Connector
    data: bytes


class Dispatcher:
    """The way out of an installation. `holder` names this process in leases; `folder` is where relative Maildir paths begin.

    `hostname` is said in EHLO, `timeout` is the patience with each answer of a server in seconds. `transports` is given by tests.
    """

    def __init__(
        self,
        database: Database,
        setups: Setups,
        keys: Keys,
        clock: Clock,
        apply: Apply,
        *,
        holder: str,
        folder: Path = Path("."),
        hostname: str = "localhost",
        timeout: float = 60.0,
        transports: Transports | None = None,
        environ: Mapping[str, str] = os.environ,
        lease: LeaseTime | None = None,
    ) -> None:
        self._database = database
        self._setups = setups
        self._keys = keys
        self._clock = clock
        self._apply = apply
        self._holder = holder
        self._pool = TransportPool(folder, environ, hostname, timeout)
        self._transports = transports or self._pool
        self._lease = timedelta(seconds=(lease or LeaseTime()).seconds)
        self._closing = threading.Event()

    # ------------------------------------------------------------ sending

    def run_due(self, limit: int = 100) -> int:
        """Try what is due now, one mail after the other, at most `limit`; returns how many were tried. A plain call, no thread needed."""
        with self._database.read() as connection:
            if not outbox_claims.any_due(connection, self._clock.now()):
                return 0
        tried = 0
        while tried < limit and not self._closing.is_set():
            claimed = self._claim()
            if claimed is None:
                break
            self._attempt(claimed)
            tried += 1
        return tried

    def close(self) -> None:
        """No further mail is begun; connections that are kept are left."""
        self._closing.set()
        self._pool.close()

    def _claim(self) -> Claimed | None:
        """The next message that may leave, claimed by a lazy commit: a power cut before the mark takes the claim back."""
        while True:
            with self._database.lazy() as connection:
                now = self._clock.now()
                setup = self._setups.current(connection)
                healths = connector_status.healths(connection)
                live = [one.name for one in setup.connectors if one.enabled and one.sends]
                usable = [name for name in live if name not in healths or not healths[name].rests(now)]
                message = outbox_claims.due(connection, now, usable=usable, live=live)
                if message is None:
                    return None
                connector = setup.connector_named[message.connector]
                reason = _must_wait(message, setup) or self._sealed(connection, message, connector, setup)
                if reason:
                    outboxes.act(connection, message.id, OutboxEvent.HOLD, now, "", reason=reason)
                    log.warning("held", extra={"outbox_id": message.id, "reason": reason})
                    continue
                health = healths.get(message.connector)
                if health is not None and health.troubled:
                    connector_status.save(connection, health.probing(now + timedelta(seconds=PROBE_SECONDS)))
                claimed = outbox_claims.claim(connection, message, now, holder=self._holder, lease_until=now + self._lease)
                return Claimed(claimed, connector, outboxes.raw(connection, message.id))

    def _sealed(self, connection: Connection, message: OutboxMessage, connector: Connector, setup: Setup) -> str:
        """Seal a message again whose time or content changed before its first try; '' or why that is impossible."""
        if message.sealed or message.attempts:
            return ""
        draft, ref = outboxes.draft_of(message)
        try:
            sealed = seal(draft, connector, setup, self._keys, ref=ref)
        except Exception as fault:  # the outer edge: one mail that cannot be composed must not stop the others
            log.exception("seal_failed", extra={"outbox_id": message.id})
            return f"This mail could not be composed ({type(fault).__name__}); edit it or cancel it."
        outbox_claims.reseal(connection, draft, sealed, ref, message)
        return ""

    def _attempt(self, claimed: Claimed) -> None:
        """Deliver outside any transaction, then settle."""
        message = claimed.message
        marked = threading.Event()

        def before_final_dot() -> None:
            with self._database.durable() as connection:
                outbox_claims.mark(connection, message.id, message.attempts)
            marked.set()

        people = tuple(one.address.address for one in still_to_try(message))
        try:
            delivery = self._transports(claimed.connector).deliver(Outgoing(message.id, message.envelope_from, people, claimed.data), before_final_dot)
        except LostClaim:
            log.warning("claim_lost", extra={"outbox_id": message.id, "attempt": message.attempts})
            return
        except Exception as fault:  # the outer edge: whatever broke, the mail keeps a state that says so
            log.exception("delivery_broke", extra={"outbox_id": message.id})
            delivery = _broken(message, fault, marked=marked.is_set())
        self._settle_stubbornly(claimed, delivery)

    # ------------------------------------------------------------ settling

    def _settle_stubbornly(self, claimed: Claimed, delivery: Delivery) -> None:
        """The answer of the outside is worth several tries: without it the outcome would be unknown."""
        for n in range(SETTLE_TRIES):
            try:
                with self._database.durable() as connection:
                    self._settle(connection, claimed.message, delivery)
                return
            except LostClaim:
                log.warning("claim_lost", extra={"outbox_id": claimed.message.id, "attempt": claimed.message.attempts})
                return
            except Exception as fault:  # sorted out below: a passing fault is tried again, a fault of ours goes up
                if not is_passing_fault(fault) or n == SETTLE_TRIES - 1:
                    raise
                log.warning("settle_again", extra={"outbox_id": claimed.message.id, "fault": type(fault).__name__})
            self._closing.wait(0.05 * 2**n)

    def _settle(self, connection: Connection, claimed: OutboxMessage, delivery: Delivery) -> None:
        """Locks the message, then the connector's row, then the item, as everybody does."""
        now = self._clock.now()
        message = outboxes.get(connection, claimed.id, lock=True)
        if message is None or message.state is not OutboxState.SENDING or message.attempts != claimed.attempts:
            raise LostClaim(claimed.id)
        setup = self._setups.current(connection)
        rests_until = self._connector_fared(connection, message, delivery, now)
        item = _item_of(connection, message)
        rules = self._rules(message, setup, item, rests_until)
        self._write(connection, message, result(message, delivery, rules, item, now), setup, now)

    def _connector_fared(self, connection: Connection, message: OutboxMessage, delivery: Delivery, now: datetime) -> datetime | None:
        """Write how the connector did; when it is asked again, if it is in trouble."""
        was = connector_status.health(connection, message.connector, lock=delivery.trouble is not None)
        if delivery.trouble is None:
            connector_status.note_success(connection, was, now)
            return None
        health = was.met(delivery.trouble, delivery.words, now, self._clock.jitter())
        connector_status.save(connection, health)
        facts = {"connector": message.connector, "trouble": str(delivery.trouble), "words": delivery.words}
        if health.suspended and not was.suspended:
            log.error("connector_suspended", extra=facts)
        elif delivery.trouble is Meaning.PASSING:
            log.warning("connector_away", extra=facts)
        else:
            log.error("connector_trouble", extra=facts)
        return health.suspended_until

    def _write(self, connection: Connection, message: OutboxMessage, found: Result, setup: Setup, now: datetime) -> None:
        outbox_claims.settle(connection, found.settlement, now)
        decision = found.decision
        if found.failures and brakes.counted(connection, message.item_id or "", message.author, now, most=NOTICES_A_DAY).address < NOTICES_A_DAY:
            told = notice(message, found.failures, setup, self._clock.new_id(), now)
            decision += Decision(mails=(told,) if told is not None else ())
        self._apply(connection, decision, setup, now)
        facts = {"outbox_id": message.id, "attempt": message.attempts, "state": str(found.settlement.state), "words": found.settlement.words}
        log.info("attempt_settled", extra=facts)

    def _rules(self, message: OutboxMessage, setup: Setup, item: WorkItem | None, rests_until: datetime | None = None) -> Rules:
        connector = setup.connector_named.get(message.connector)
        process = setup.process_by_id.get(item.process_id) if item is not None else None
        policy = UnknownPolicy.HOLD if connector is None else unknown_policy(connector, system_generated=message.system_generated)
        waits = {} if process is None else {"feedback_window": process.feedback_window}
        return Rules(_intervals(message), policy, people=setup.user_of, jitter=self._clock.jitter(), rests_until=rests_until, **waits)

    # ------------------------------------------------------------ recovery

    def recover_own(self) -> int:
        """At start: put right what processes of this machine left that no longer run. Returns how many messages that were."""
        with self._database.read() as connection:
            left = [(outbox_id, n) for outbox_id, n, holder in outbox_claims.leases(connection) if is_dead(holder, self._holder)]
        return sum(self._recover(outbox_id, n) for outbox_id, n in left)

    def recover_expired(self, now: datetime) -> int:
        """Put right what senders left whose lease is over. Returns how many messages that were."""
        with self._database.read() as connection:
            left = outbox_claims.leases_over(connection, now)
        return sum(self._recover(outbox_id, n) for outbox_id, n in left)

    def _recover(self, outbox_id: str, attempt: int) -> bool:
        """Unmarked: sent again at once. Marked: unknown, by the connector's policy."""
        with self._database.durable() as connection:
            now = self._clock.now()
            message = outboxes.get(connection, outbox_id, lock=True)
            if message is None or message.state is not OutboxState.SENDING or message.attempts != attempt:
                return False
            setup = self._setups.current(connection)
            item = _item_of(connection, message)
            self._write(connection, message, died(message, self._rules(message, setup, item), item, now), setup, now)
            return True


def _must_wait(message: OutboxMessage, setup: Setup) -> str:
    """Why a scheduled mail may not leave now: its author's right is looked at again when its time has come (decisions.md 16)."""
    if not message.scheduled or not message.author or "released_by" in message.content or message.author in setup.user_of:
        return ""
    return f"{message.author} wrote this mail and is no longer active; release it or cancel it."


def _item_of(connection: Connection, message: OutboxMessage) -> WorkItem | None:
    return items.load(connection, (message.item_id,), lock=True).get(message.item_id) if message.item_id else None


def _intervals(message: OutboxMessage) -> tuple[timedelta, ...]:
    """The waits the mail was queued with (E-24)."""
    stored: Any = message.content.get("intervals")
    return DEFAULT.intervals if stored is None else tuple(timedelta(seconds=seconds) for seconds in stored)


def _broken(message: OutboxMessage, fault: Exception, *, marked: bool) -> Delivery:
    """The answer of an attempt that our own fault ended: unknown if the dot may have left, else to be tried again."""
    words = clean_words(f"A fault of ours ended the attempt: {type(fault).__name__}: {fault}")
    if marked:
        return Delivery(Stage.DOT, words, {one.address.key: (Outcome.UNKNOWN, words) for one in still_to_try(message)})
    return Delivery(Stage.BODY, words, {one.address.key: (Outcome.TEMPORARY, words) for one in still_to_try(message)})
