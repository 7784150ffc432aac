"""Time passes: one plain function of the moment it is told, which rings the alarms of items and wakes whoever sleeps over rows that are due.

What time does to an item is `core/on_time.py`. Ticks may be late, doubled or run by two processes at once: each alarm is decided anew
from the item as it is, in its own transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from core.absence import present
from core.brakes import Brakes
from core.no_answer import no_answer
from core.on_time import alarm, due_alarm, received_before
from core.outbox import Draft
from core.setup import Setup
from core.told import Asked, addressee
from core.work_item import WorkItem
from gateway.clock import Clock
from gateway.connector_kinds import POLLED_KINDS
from gateway.store import brakes, conversations, due, items, mail_drafts, mail_links, notifications
from gateway.store.engine import Database, is_passing_fault
from gateway.store.items import StaleItem
from gateway.store.outbox_claims import any_due
from gateway.store.setups import Setups

if TYPE_CHECKING:
    from gateway.apply import Apply

LEASE = "scheduler"
LEASE_LENGTH = timedelta(seconds=15)
MOST_ALARMS = 200
"""Alarms rung in one tick; the rest has its turn in the next one."""
MOST_WOKEN = 64
GRACE = timedelta(seconds=5)
"""How long a stored mail may wait for the worker it was announced to before it is announced again."""
SWEEP_EVERY = timedelta(seconds=2)
FORGET_EVERY = timedelta(hours=1)
LINKS_KEPT = timedelta(days=30)
"""How long a link that is over still says so to whoever opens it."""
TOLD_KEPT = timedelta(days=90)
"""How long it is known what our people were told of, and why they were not."""
PUT_ASIDE = timedelta(minutes=5)
"""How long an item whose alarm failed by a fault of ours is left alone, so that it does not hold up the others."""

log = logging.getLogger("guichet.scheduler")


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick did. `leader` False: another process has the lead, nothing was done."""

    leader: bool = True
    alarms: int = 0
    failed: int = 0
    woken: int = 0
    recovered: int = 0
    mail_due: bool = False


class Scheduler:
    """The clock of an installation. `holder` names this process in the lease; the callbacks may be lost without harm (law 5).

    `recover` puts right what dead senders left in the outbox and returns how many messages that were. `answered_for`: how long a notification can be
    answered; what it told of is kept at least so long.
    """

    def __init__(
        self,
        database: Database,
        setups: Setups,
        apply: Apply,
        clock: Clock,
        *,
        holder: str,
        brakes: Brakes | None = None,
        answered_for: timedelta = timedelta(0),
        wake_inbound: Callable[[Sequence[str]], None] = lambda ids: None,
        wake_outbox: Callable[[], None] = lambda: None,
        recover: Callable[[datetime], int] = lambda now: 0,
    ) -> None:
        self._database = database
        self._setups = setups
        self._apply = apply
        self._clock = clock
        self._brakes = brakes or Brakes()
        self._told_kept = max(TOLD_KEPT, answered_for)
        self._holder = holder
        self._wake_inbound = wake_inbound
        self._wake_outbox = wake_outbox
        self._recover = recover
        self._leads_until: datetime | None = None
        self._swept_at: datetime | None = None
        self._forgot_at: datetime | None = None
        self._aside: dict[str, datetime] = {}

    def tick(self, now: datetime) -> Tick:
        """Everything that is due at `now` (aware UTC), at most `MOST_ALARMS` items of it. Call it every second at the latest."""
        if not self._lead(now):
            return Tick(leader=False)
        woken, recovered = self._sweep(now)
        rung, failed = self._ring(now)
        with self._database.read() as connection:
            senders = [one.name for one in self._setups.current(connection).connectors if one.enabled and one.sends]
            mail_due = any_due(connection, now, senders)
        if mail_due:
            self._wake_outbox()
        return Tick(alarms=rung, failed=failed, woken=woken, recovered=recovered, mail_due=mail_due)

    def give_up(self) -> None:
        """Another process may lead from now on; called when this one stops."""
        with self._database.lazy() as connection:
            due.give_up_lead(connection, LEASE, self._holder)
        self._leads_until = None

    def _lead(self, now: datetime) -> bool:
        """The lease is written anew only when half of it is over: an idle house writes little."""
        until = self._leads_until
        if until is not None and now + LEASE_LENGTH / 2 < until <= now + LEASE_LENGTH:
            return True
        with self._database.lazy() as connection:
            leads = due.take_lead(connection, LEASE, self._holder, now, LEASE_LENGTH)
        self._leads_until = now + LEASE_LENGTH if leads else None
        return leads

    def _sweep(self, now: datetime) -> tuple[int, int]:
        """Every other second: announce what lies about, and put right what dead senders left."""
        if self._swept_at is not None and timedelta(0) <= now - self._swept_at < SWEEP_EVERY:
            return 0, 0
        self._swept_at = now
        with self._database.read() as connection:
            lying = due.left_lying(connection, now, grace=GRACE, most=MOST_WOKEN)
        if lying:
            self._wake_inbound(lying)
        self._forget(now)
        return len(lying), self._recover(now)

    def _forget(self, now: datetime) -> None:
        """Once an hour: what the brakes counted and no window looks at any more, drafts that nobody went on with (C-DR-01), links long over, old notifications."""
        if self._forgot_at is not None and timedelta(0) <= now - self._forgot_at < FORGET_EVERY:
            return
        self._forgot_at = now
        with self._database.lazy() as connection:
            brakes.prune_counts(connection, now)
            mail_drafts.prune(connection, now)
            mail_links.prune(connection, now - LINKS_KEPT)
            notifications.prune(connection, now - self._told_kept)

    def _ring(self, now: datetime) -> tuple[int, int]:
        self._aside = {item_id: until for item_id, until in self._aside.items() if until > now}
        with self._database.read() as connection:
            wanted = items.due_alarms(connection, now, MOST_ALARMS + len(self._aside))
        rung = failed = 0
        for item_id in wanted:
            if item_id in self._aside:
                continue
            try:
                rung += self._ring_one(item_id, now)
            except StaleItem:
                continue  # somebody was faster; the next tick looks again
            except Exception as fault:  # the outer edge of the clock: one item must not hold up the others
                if is_passing_fault(fault):
                    raise
                failed += 1
                self._aside[item_id] = now + PUT_ASIDE
                log.exception("alarm_failed", extra={"item": item_id})
        return rung, failed

    def _ring_one(self, item_id: str, now: datetime) -> int:
        """One item in one transaction. It can be done again from what is stored, so it commits lazily (law 9)."""
        with self._database.lazy() as connection:
            item = items.load(connection, (item_id,), lock=True).get(item_id)
            return int(item is not None and self.ring(connection, item, now))

    def ring(self, connection: Connection, item: WorkItem, now: datetime) -> bool:
        """The item's alarm, if it is due at `now`, in the caller's transaction, which holds the item. Says whether anything was written."""
        if due_alarm(item, now) is None:
            return False
        setup = self._setups.current(connection)
        until = received_before(item)
        behind = until is not None and due.is_behind(connection, _feeder(item, setup), until)
        decision = alarm(item, now, behind=behind, people=present(setup, now), tell=lambda closed: self._told(connection, item, setup, closed, now))
        self._apply(connection, decision, setup, now)
        return True

    def _told(self, connection: Connection, item: WorkItem, setup: Setup, closed: bool, now: datetime) -> Draft | None:
        """The mail to a customer who did not answer, if there may be one (decisions.md 9)."""
        talk = conversations.conversation(connection, item.id)
        asked = Asked(talk, setup, self._brakes, doubt=conversations.doubt(connection, talk.last_mail))
        person = addressee(item, asked)
        if person is None:
            return None
        lately, suppressed = brakes.lately(connection, self._brakes, item.id, person.key, now)
        asked = replace(asked, lately=lately, suppressed={person.key} if suppressed else frozenset())
        return no_answer(item, asked, closed=closed, draft_id=self._clock.new_id(), now=now)


def _feeder(item: WorkItem, setup: Setup) -> str:
    """The mailbox that the item is fed from; '' where none is fetched any more: what its rows said last would hold the item for ever."""
    connector = setup.connector_named.get(item.connector)
    fetched = connector is not None and connector.receives and connector.incoming.get("kind") in POLLED_KINDS
    return item.connector if fetched else ""
