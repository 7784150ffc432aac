"""Sends what is due: claim → deliver, with the durable mark before the final dot → settle together with the item; the fourth handler.

A delivery is never inside a transaction. Its answer is settled by `settler.py`, as `core/on_result.py` decides. Any number of threads and
processes may run this on one database at once.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from core import redirect
from core.settling import still_to_try
from core.setup import Connector
from gateway.clock import Clock
from gateway.holders import is_dead, living
from gateway.keys import Keys
from gateway.outbound import faults
from gateway.outbound.claiming import Claimed, Claims, Round
from gateway.outbound.giving_back import GivingBack
from gateway.outbound.journal import Journal
from gateway.outbound.port import LeaseTime, Outgoing, Sign, Transports, connections_of, unsigned
from gateway.outbound.settler import Apply, Settler
from gateway.outbound.transports import TransportPool
from gateway.outbound.turns import Turns
from gateway.outbound.unsettled import Unsettled, Watch
from gateway.outbound.work import SETUP_FRESH, Work
from gateway.secrets import no_secrets
from gateway.store import outbox_claims
from gateway.store.engine import Database, is_passing_fault
from gateway.store.outbox_claims import LostClaim
from gateway.store.setups import Setups

if TYPE_CHECKING:
    from gateway.outbound.session import Bearer

log = logging.getLogger("guichet.outbound")

MOST_SPARES = 8
"""Threads that go on with other connectors while attempts are stuck, at the most."""
SPARE_REST = 0.2
"""Seconds a spare thread waits when there is nothing for it to do."""


class Dispatcher:
    """The way out of an installation. `holder` names this process in leases; `folder` is where relative Maildir paths begin.

    `hostname` is said in EHLO, `timeout` is the patience with each answer of a server in seconds, `bearer` gives access tokens for OAuth2,
    `secrets` what is in the secret store.
    `transports` is given by tests. `sign` is asked once for each mail, before its first try, and what it says is kept.
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
        secrets: Callable[[str], str] = no_secrets,
        sign: Sign = unsigned,
    ) -> None:
        self._database = database
        self._setups = setups
        self._clock = clock
        self._settler = Settler(database, setups, clock, apply)
        self._journal = Journal(database, self._settler)
        living(holder)
        self._turns = Turns()
        self._claims = Claims(database, setups, keys, clock, self._turns, holder=holder, lease=lease, overtaken=self._settler.overtaken)
        self._watch = Watch(self._relieve)
        self._spares: list[threading.Thread] = []
        self._pool = TransportPool(folder, environ, hostname, timeout, bearer, secrets)
        self._transports = transports or self._pool
        self._closing = threading.Event()
        self._sign = sign
        self._give_back = GivingBack(database, clock)

    # ------------------------------------------------------------ sending

    def run_due(self, limit: int = 100) -> int:
        """Try what is due now, one mail after the other, at most `limit`; returns how many were tried. A plain call, no thread needed."""
        self._settler.settle_left()
        self._give_back()
        if not self._claims.anything():
            return 0
        tried, round_ = 0, Round()
        while tried < limit and not self._closing.is_set():
            self._settler.settle_left()
            self._give_back()
            batch = self._claims.next(limit - tried, round_)
            if not batch:
                break
            tried += self._send(batch)
        return tried

    def close(self) -> None:
        """No further mail is begun; connections that are kept are left."""
        self._closing.set()
        self._watch.close()
        self._pool.close()

    def _send(self, batch: Sequence[Claimed]) -> int:
        """Send a batch, on as many connections as its connector may have. What is not begun because the way is slow, or we close, is given back;
        returns how many were tried."""
        work = Work(self._signed(batch), self._goes_on)
        lanes = min(len(batch), connections_of(batch[0].connector))
        others = [threading.Thread(target=work.done_by, args=(self._run_lane,), name="outbox-lane", daemon=True) for _ in range(lanes - 1)]
        for other in others:
            other.start()
        try:
            self._run_lane(work)
        finally:
            work.stop()
            for other in others:
                other.join()
            self._give_back(work.left(batch))
        work.fail_as_others_did()
        return work.begun

    def _run_lane(self, work: Work) -> None:
        """One mail after the other on one connection, until there is none left."""
        unsettled = Unsettled(self._journal, self._settler)
        self._watch.begin(unsettled)
        try:
            with self._journal.lane():
                while (claimed := work.next()) is not None:
                    self._attempt(claimed, unsettled)
        finally:
            try:
                unsettled.flush()
            finally:
                self._watch.end(unsettled)

    def _goes_on(self, claimed: Claimed, since: float) -> bool:
        """Whether another mail of a batch may be begun, `since` seconds after the desk's setup was looked at."""
        if self._closing.is_set() or self._turns.is_careful(claimed.connector.name):
            return False
        return since < SETUP_FRESH or not self._reconfigured(claimed)

    def _reconfigured(self, claimed: Claimed) -> bool:
        """Whether the desk was changed since the batch was claimed: what it says of redirection and of connectors holds for every attempt that begins."""
        with self._database.read() as connection:
            return self._setups.current(connection).revision != claimed.setup.revision

    def _attempt(self, claimed: Claimed, unsettled: Unsettled) -> None:
        """Deliver outside any transaction, then settle: with the mark of the next mail of this thread, or soon."""
        message = claimed.message
        marked, away = threading.Event(), threading.Event()

        def before_final_dot() -> None:
            try:
                unsettled.mark(claimed)
            except Exception as fault:  # goes up; here it is only remembered whose fault it was
                if is_passing_fault(fault):
                    away.set()
                raise
            marked.set()

        people = tuple(one.address.address for one in still_to_try(message))
        redirect_all = claimed.setup.redirect_all
        data = claimed.signature.encode("ascii") + claimed.data
        envelope = redirect.envelope(redirect_all, people)
        try:
            if claimed.fault is not None:
                raise claimed.fault
            with self._turns.attempt(claimed.connector.name):
                delivery = self._transports(claimed.connector).deliver(Outgoing(message.id, message.envelope_from, envelope, data), before_final_dot)
            delivery = redirect.answered(delivery, people, envelope if redirect_all else ())
        except LostClaim:
            log.warning("claim_lost", extra={"outbox_id": message.id, "attempt": message.attempts})
            return
        except Exception as fault:  # the outer edge: whatever broke, the mail keeps a state that says so
            if away.is_set():  # comes for every mail as long as the database is away: no trace
                log.warning("put_off", extra={"outbox_id": message.id, "fault": type(fault).__name__})
                delivery = faults.put_off()
            else:
                log.exception("delivery_broke", extra={"outbox_id": message.id})
                delivery = faults.broken(message, fault, marked=marked.is_set())
        if delivery.trouble is not None or delivery.put_off:
            self._turns.be_careful(claimed.connector.name)
        unsettled.put(claimed, delivery)
        if self._turns.is_careful(claimed.connector.name):
            unsettled.flush()

    def _signed(self, batch: Sequence[Claimed]) -> list[Claimed]:
        """The batch with the signatures of mails that go out for the first time; kept by a lazy commit, which the mark makes durable."""
        if self._sign is unsigned:
            return list(batch)
        signed = [self._with_signature(one) for one in batch]
        made = [(one.message, one.signature) for one, was in zip(signed, batch, strict=True) if one.signature != was.signature]
        if made:
            with self._database.lazy() as connection:
                outbox_claims.sign(connection, made)
        return signed

    def _with_signature(self, claimed: Claimed) -> Claimed:
        """Asked for as long as nothing of the mail has been on its way; then it leaves as it did the first time."""
        if claimed.signature or claimed.message.first_failed_at is not None:
            return claimed
        try:
            return replace(claimed, signature=self._sign(claimed.setup, claimed.message, claimed.data))
        except Exception as fault:  # the outer edge: a mail that cannot be signed must not stop the others, nor leave unsigned
            log.exception("sign_failed", extra={"outbox_id": claimed.message.id})
            return replace(claimed, fault=fault)

    def _relieve(self) -> None:
        """While attempts are stuck, as many threads more go on with what other connectors have to send."""
        self._spares = [spare for spare in self._spares if spare.is_alive()]
        if len(self._spares) < min(self._turns.stuck(), MOST_SPARES) and not self._closing.is_set():
            spare = threading.Thread(target=self._run_spare, name="outbox-spare", daemon=True)
            self._spares.append(spare)
            spare.start()

    def _run_spare(self) -> None:
        try:
            while self._turns.stuck() and not self._closing.is_set():
                if not self.run_due():
                    self._closing.wait(SPARE_REST)
        except Exception:  # the outer edge of a thread: the next one begins afresh, and what was claimed is left to its lease
            log.exception("spare_failed")

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
