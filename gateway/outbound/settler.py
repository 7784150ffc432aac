"""Writes what came of an attempt, message and item in one transaction, and puts right what dead senders left; deciding is `core/on_result.py`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from core.absence import present
from core.brakes import Brakes
from core.decision import Decision
from core.delivery import Delivery, Meaning
from core.notice import notice
from core.on_result import Result, died, leaves_item_alone, left, result
from core.outbox import OutboxMessage, OutboxState
from core.overtaken import cancelled_late, cancels_itself
from core.retry import DEFAULT, unknown_policy
from core.settling import Rules
from core.setup import Setup, UnknownPolicy
from core.work_item import WorkItem
from gateway.clock import Clock
from gateway.outbound.alarms import Alarms
from gateway.outbound.claiming import Claimed
from gateway.store import brakes, connector_status, items, outbox_claims, outboxes, sent_copies
from gateway.store.engine import Database, is_passing_fault
from gateway.store.outbox_claims import LostClaim
from gateway.store.setups import Setups

log = logging.getLogger("guichet.outbound")

SETTLE_TRIES = 6
"""How often a settlement is written again after a passing fault of the database, with growing waits; then it is kept in mind for `settle_left`."""
SETUP_HOLDS = timedelta(seconds=10)
"""For so long after the claim a settlement goes by the setup of the claim, and does not ask for a newer one."""
NOTICES = Brakes(per_sender_day=20)
"""Notices about failed mails that one author gets (decisions.md 9); the items are marked in any case."""

Apply = Callable[[Connection, Decision, Setup, datetime], Any]


class Settler:
    """Locks the message, then the connector's row, then the item, as everybody does who needs more than one of them."""

    def __init__(self, database: Database, setups: Setups, clock: Clock, apply: Apply) -> None:
        self._database = database
        self._setups = setups
        self._clock = clock
        self._apply = apply
        self._alarms = Alarms(apply, clock)
        self._pause = threading.Event()
        self._left: list[tuple[Claimed, Delivery]] = []
        self._lock = threading.Lock()
        self._announced: dict[str, int] = {}

    def settle(self, claimed: Claimed, delivery: Delivery) -> None:
        """The answer of the outside is worth several tries: without it the outcome would be unknown, and the mail might leave twice."""
        for n in range(SETTLE_TRIES):
            try:
                self._settle_once(claimed, delivery)
                return
            except Exception as fault:  # sorted out below: a passing fault is tried again, a fault of ours goes up
                if not is_passing_fault(fault):
                    raise
                log.warning("settle_again", extra={"outbox_id": claimed.message.id, "fault": type(fault).__name__})
            if n < SETTLE_TRIES - 1:
                self._pause.wait(0.05 * 2**n)
        log.error("settled_later", extra={"outbox_id": claimed.message.id, "attempt": claimed.message.attempts})
        with self._lock:
            self._left.append((claimed, delivery))

    def settle_left(self) -> None:
        """Answers that could not be written when they came. Raises what the database raises; those not yet written stay in mind then.

        There are never more of them than threads that send: each comes by here before it claims the next mail.
        """
        with self._lock:
            left, self._left = self._left, []
        while left:
            try:
                self._settle_once(*left[0])
            except Exception as fault:  # goes up; here it is only said what stays in mind: a fault of ours is left to the lease
                with self._lock:
                    self._left += left if is_passing_fault(fault) else left[1:]
                raise
            del left[0]

    def _settle_once(self, claimed: Claimed, delivery: Delivery) -> None:
        try:
            with self._database.durable() as connection:
                outbox_claims.hold_on(connection, (claimed.message,))
                self.within(connection, claimed, delivery)
        except LostClaim:
            log.warning("claim_lost", extra={"outbox_id": claimed.message.id, "attempt": claimed.message.attempts})

    def recover(self, outbox_id: str, attempt: int) -> bool:
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

    def overtaken(self, connection: Connection, message: OutboxMessage, setup: Setup, now: datetime) -> bool:
        """A mail that was to cancel itself and was overtaken during an earlier try is cancelled instead of tried again (decisions.md 16).

        Inside the transaction that would claim it, which holds the message.
        """
        if not message.attempts or not cancels_itself(message) or not outboxes.warnings_on(connection, message).sentences:
            return False
        self._apply(connection, cancelled_late(_item_of(connection, message), message, now, people=present(setup, now)), setup, now)
        log.info("cancelled_itself", extra={"outbox_id": message.id})
        return True

    def within(self, connection: Connection, claimed: Claimed, delivery: Delivery) -> None:
        """Write what came of an attempt, in a durable transaction that holds the message's row (`outbox_claims.hold_on`). Raises LostClaim.

        The message is as it was claimed: nobody else may change it while it is being sent, and the settlement is written only then.
        """
        now = self._clock.now()
        message = claimed.message
        setup = claimed.setup if now - (message.last_attempt_at or now) < SETUP_HOLDS else self._setups.current(connection)
        fared = delivery.trouble is not None or not (claimed.well or delivery.put_off)
        rests_until = self._connector_fared(connection, message, delivery, setup, now) if fared else None
        if delivery.size_limit is not None and self._announced.get(message.connector) != delivery.size_limit:
            self._note_limit(connection, message.connector, delivery.size_limit)
        if message.item_id and leaves_item_alone(message, delivery) and items.waits_for(connection, message.item_id, message.id) is False:
            self._write(connection, message, left(message, delivery, now), setup, now)
            return
        item = _item_of(connection, message)
        rules = replace(self._rules(message, setup, item, rests_until), customer_wrote=_customer_wrote(connection, message))
        self._write(connection, message, result(message, delivery, rules, item, now), setup, now)

    def _connector_fared(self, connection: Connection, message: OutboxMessage, delivery: Delivery, setup: Setup, now: datetime) -> datetime | None:
        """Write how the connector did; when it is asked again, if it is in trouble."""
        was = connector_status.health(connection, message.connector, lock=delivery.trouble is not None)
        if delivery.trouble is None:
            connector_status.note_success(connection, was, now)
            self._alarms.fared(connection, was, was.fine(now), setup, now)
            return None
        health = was.met(delivery.trouble, delivery.words, now, self._clock.jitter())
        connector_status.save(connection, health)
        self._alarms.fared(connection, was, health, setup, now)
        facts = {"connector": message.connector, "trouble": str(delivery.trouble), "words": delivery.words}
        if health.suspended and not was.suspended:
            log.error("connector_suspended", extra=facts)
        elif delivery.trouble is Meaning.PASSING:
            log.warning("connector_away", extra=facts)
        else:
            log.error("connector_trouble", extra=facts)
        return health.suspended_until

    def _note_limit(self, connection: Connection, connector: str, limit: int) -> None:
        """What the server announced, for those who write the next mail (C-CO-09). Known to be noted only once it is found there: a commit may fail."""
        if connector_status.size_limit(connection, connector) == limit:
            self._announced[connector] = limit
        else:
            connector_status.note_size_limit(connection, connector, limit)

    def _write(self, connection: Connection, message: OutboxMessage, found: Result, setup: Setup, now: datetime) -> None:
        outbox_claims.settle(connection, found.settlement, now)
        sent_copies.queue(connection, message, found.settlement, setup.connector_named.get(message.connector), now)
        decision = found.decision
        if found.failures and self._may_be_told(connection, message.author, now):
            told = notice(message, found.failures, decision, setup, self._clock.new_id(), now)
            decision += Decision(mails=(told,) if told is not None else ())
        self._apply(connection, decision, setup, now)
        facts = {"outbox_id": message.id, "attempt": message.attempts, "state": str(found.settlement.state), "words": found.settlement.words}
        log.info("attempt_settled", extra=facts)

    def _may_be_told(self, connection: Connection, author: str, now: datetime) -> bool:
        lately, suppressed = brakes.lately(connection, NOTICES, None, author, now)
        return lately.sender < NOTICES.per_sender_day and not suppressed

    def _rules(self, message: OutboxMessage, setup: Setup, item: WorkItem | None, rests_until: datetime | None = None) -> Rules:
        connector = setup.connector_named.get(message.connector)
        process = setup.process_by_id.get(item.process_id) if item is not None else None
        policy = UnknownPolicy.HOLD if connector is None else unknown_policy(connector, system_generated=message.system_generated)
        waits: dict[str, Any] = {} if process is None else {"feedback_window": process.feedback_window}
        people = present(setup, self._clock.now())
        return Rules(_intervals(message), policy, people=people, jitter=self._clock.jitter(), rests_until=rests_until, **waits)


def _customer_wrote(connection: Connection, message: OutboxMessage) -> bool:
    """Whether the customer wrote while a scheduled Send & Resolve waited; of other mails nobody asks."""
    return message.resolves and message.scheduled and outboxes.warnings_on(connection, message).customer_wrote_at is not None


def _item_of(connection: Connection, message: OutboxMessage) -> WorkItem | None:
    return items.load(connection, (message.item_id,), lock=True).get(message.item_id) if message.item_id else None


def _intervals(message: OutboxMessage) -> tuple[timedelta, ...]:
    """The waits the mail was queued with (E-24)."""
    stored: Any = message.content.get("intervals")
    return DEFAULT.intervals if stored is None else tuple(timedelta(seconds=seconds) for seconds in stored)
