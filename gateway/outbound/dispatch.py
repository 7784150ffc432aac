"""Sends what is due: claim → deliver, with the durable mark before the final dot → settle together with the item; the fourth handler.

A delivery is never inside a transaction. Its answer is settled by `settler.py`, as `core/on_result.py` decides. Any number of threads and
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
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from core.delivery import Delivery, Stage, clean_words
from core.outbox import OutboxEvent, OutboxMessage, Outcome
from core.settling import still_to_try
from core.setup import Connector, Setup
from core.test_mode import why_kept
from gateway.clock import Clock
from gateway.holders import is_dead, living
from gateway.keys import Keys
from gateway.outbound.port import LeaseTime, Outgoing, Transports
from gateway.outbound.sealing import FileGone, sealed_with_files
from gateway.outbound.settler import Apply, Settler
from gateway.outbound.transports import TransportPool
from gateway.store import connector_status, outbox_claims, outboxes
from gateway.store.engine import Database
from gateway.store.outbox_claims import LostClaim
from gateway.store.setups import Setups

if TYPE_CHECKING:
    from gateway.outbound.session import Bearer

log = logging.getLogger("guichet.outbound")

PROBE_SECONDS = 120.0
"""How long a connector that was in trouble is left to the one mail that tries it again."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours for one attempt, with its bytes and its connector."""

    message: OutboxMessage
    connector: Connector
    data: bytes


class Dispatcher:
    """The way out of an installation. `holder` names this process in leases; `folder` is where relative Maildir paths begin.

    `hostname` is said in EHLO, `timeout` is the patience with each answer of a server in seconds, `bearer` gives access tokens for OAuth2.
    `transports` is given by tests.
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
        bearer: Callable[[Connector], Bearer] | None = None,
    ) -> None:
        self._database = database
        self._setups = setups
        self._keys = keys
        self._clock = clock
        self._settler = Settler(database, setups, clock, apply)
        self._holder = holder
        living(holder)
        self._pool = TransportPool(folder, environ, hostname, timeout, bearer)
        self._transports = transports or self._pool
        self._lease = timedelta(seconds=(lease or LeaseTime()).seconds)
        self._closing = threading.Event()

    # ------------------------------------------------------------ sending

    def run_due(self, limit: int = 100) -> int:
        """Try what is due now, one mail after the other, at most `limit`; returns how many were tried. A plain call, no thread needed."""
        self._settler.settle_left()
        with self._database.read() as connection:
            if not outbox_claims.any_due(connection, self._clock.now()):
                return 0
        tried = 0
        while tried < limit and not self._closing.is_set():
            self._settler.settle_left()
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
                if self._settler.overtaken(connection, message, setup, now):
                    continue
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
            sealed = sealed_with_files(connection, draft, connector, setup, self._keys, ref=ref)
        except FileGone as gone:
            return f"{gone} Edit the mail or cancel it."
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
        self._settler.settle(claimed.message, delivery)

    # ------------------------------------------------------------ recovery

    def recover_own(self) -> int:
        """At start: put right what processes of this machine left that no longer run. Returns how many messages that were."""
        with self._database.read() as connection:
            left = [(outbox_id, n) for outbox_id, n, holder in outbox_claims.leases(connection) if is_dead(holder)]
        return sum(self._settler.recover(outbox_id, n) for outbox_id, n in left)

    def recover_expired(self, now: datetime) -> int:
        """Put right what senders left whose lease is over. Returns how many messages that were."""
        with self._database.read() as connection:
            left = outbox_claims.leases_over(connection, now)
        return sum(self._settler.recover(outbox_id, n) for outbox_id, n in left)

def _must_wait(message: OutboxMessage, setup: Setup) -> str:
    """Why a mail may not leave now: its author's right is looked at again when its time has come (decisions.md 16), and whom a test item mails (E-47)."""
    kept = why_kept(message, setup)
    if kept:
        return kept
    if not message.scheduled or not message.author or "released_by" in message.content or message.author in setup.user_of:
        return ""
    return f"{message.author} wrote this mail and is no longer active; release it or cancel it."


def _broken(message: OutboxMessage, fault: Exception, *, marked: bool) -> Delivery:
    """The answer of an attempt that our own fault ended: unknown if the dot may have left, else to be tried again."""
    words = clean_words(f"A fault of ours ended the attempt: {type(fault).__name__}: {fault}")
    if marked:
        return Delivery(Stage.DOT, words, {one.address.key: (Outcome.UNKNOWN, words) for one in still_to_try(message)})
    return Delivery(Stage.BODY, words, {one.address.key: (Outcome.TEMPORARY, words) for one in still_to_try(message)})
