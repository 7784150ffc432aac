"""Tells our people by mail what waits to be told: claims rows that are due, asks once more whether they may be told, and puts mails into the outbox.

What has to be told is `telling.py`, what a mail looks like `notified_mail.py`. Any number of processes may do it at once: rows are
claimed, and each is told once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from core.decision import Decision
from core.notifications import SOON, Notification, What, due_for, why_dropped, why_untold
from core.setup import Setup, User
from core.work_item import WorkItem
from gateway.notified_mail import Made, Means, Reader, of_digest, of_item
from gateway.store import brakes, items, notifications
from gateway.store.engine import Database, is_passing_fault
from gateway.store.notifications import Group, Waiting
from gateway.store.setups import Setups
from gateway.telling import due_at

if TYPE_CHECKING:
    from gateway.apply import Apply

MOST_GROUPS = 200
"""Mails made in one turn; the rest has its turn in the next one."""
LOOK_AT_DATES_EVERY = timedelta(seconds=10)
LOOK_BACK = timedelta(days=7)
"""A due date that passed longer ago is not told any more."""
MOST_DATES = 200
PUT_ASIDE = timedelta(minutes=5)
"""How long a mail that failed by a fault of ours is left alone."""
HOUR = timedelta(hours=1)
NO_SENDER = "no connector sends"

log = logging.getLogger("guichet.notifier")


class Notifier:
    """`per_hour`: mails to one person within an hour; what is more is told together. `wake_outbox` may be lost without harm (law 5)."""

    def __init__(
        self, database: Database, setups: Setups, apply: Apply, means: Means, *, per_hour: int, wake_outbox: Callable[[], None] = lambda: None
    ) -> None:
        self._database = database
        self._setups = setups
        self._apply = apply
        self._means = means
        self._per_hour = per_hour
        self._wake_outbox = wake_outbox
        self._looked_at: datetime | None = None
        self._aside: dict[Group, datetime] = {}

    def run_due(self, now: datetime) -> int:
        """Tell what is due at `now` (aware UTC); returns how many mails were made. Call it every second; an idle house costs one indexed look."""
        self._look_at_dates(now)
        self._aside = {group: until for group, until in self._aside.items() if until > now}
        with self._database.read() as connection:
            groups = notifications.due(connection, now, MOST_GROUPS + len(self._aside))
        made = sum(self._guarded(group, now) for group in groups if group not in self._aside)
        if made:
            self._wake_outbox()
        return made

    def _guarded(self, group: Group, now: datetime) -> int:
        try:
            with self._database.lazy() as connection:  # it can be done again from the rows (law 9)
                return self._tell(connection, group, now)
        except Exception as fault:  # the outer edge: one person's mail must not hold up the others'
            if is_passing_fault(fault):
                raise
            self._aside[group] = now + PUT_ASIDE
            log.exception("not_told", extra={"user": group.user_key, "item": group.item_id})
            return 0

    def _tell(self, connection: Connection, group: Group, now: datetime) -> int:
        rows = notifications.claim(connection, group, now)
        if not rows:
            return 0
        setup = self._setups.current(connection)
        user = setup.user_of.get(group.user_key)
        known = items.load(connection, {row.told.item_id for row in rows})
        suppressed = brakes.suppressed(connection, (group.user_key,), now)
        dropped = [(row, because) for row in rows if (because := why_dropped(row.told, user, known.get(row.told.item_id), setup, suppressed, now))]
        notifications.settle_dropped(connection, dropped)
        gone = {row.id for row, _ in dropped}
        left = [row for row in rows if row.id not in gone]
        if not left or user is None:
            return 0
        if not group.item_id:
            return self._tell_together(connection, left, known, user, setup, now)
        if self._is_too_much(connection, group, left, now):
            return 0
        return sum(self._tell_one(connection, some, known[group.item_id], user, setup, now) for some in _apart(left))

    def _tell_one(self, connection: Connection, rows: Sequence[Waiting], item: WorkItem, user: User, setup: Setup, now: datetime) -> int:
        return self._queue(connection, rows, of_item(Reader(connection, user, setup, now), item, rows, self._means), setup, now)

    def _tell_together(self, connection: Connection, rows: Sequence[Waiting], known: dict[str, WorkItem], user: User, setup: Setup, now: datetime) -> int:
        of_each: dict[str, list[Waiting]] = {}
        for row in rows:
            of_each.setdefault(row.told.item_id, []).append(row)
        told = [(known[item_id], some) for item_id, some in of_each.items()]
        return self._queue(connection, rows, of_digest(Reader(connection, user, setup, now), told, self._means), setup, now)

    def _queue(self, connection: Connection, rows: Sequence[Waiting], made: Made | None, setup: Setup, now: datetime) -> int:
        """The mail into the outbox and the rows settled, in one commit (law 4)."""
        if made is None:
            notifications.settle_dropped(connection, [(row, NO_SENDER) for row in rows])
            return 0
        self._apply(connection, Decision(mails=(made.draft,), mail_links=made.links), setup, now)
        notifications.settle_told(connection, rows, made.draft.id, now, made.shown)
        return 1

    def _is_too_much(self, connection: Connection, group: Group, rows: Sequence[Waiting], now: datetime) -> bool:
        """Above the measure of an hour the rest waits until the hour is over, and is told together."""
        lately = notifications.lately(connection, group.user_key, now - HOUR, self._per_hour)
        if len(lately) < self._per_hour:
            return False
        notifications.put_off(connection, rows, lately[-1] + HOUR, f"more than {self._per_hour} mails within an hour")
        return True

    # ------------------------------------------------------------ due dates

    def _look_at_dates(self, now: datetime) -> None:
        """Every ten seconds: items that are soon due, or overdue, and nobody was told."""
        if self._looked_at is not None and timedelta(0) <= now - self._looked_at < LOOK_AT_DATES_EVERY:
            return
        self._looked_at = now
        with self._database.read() as connection:
            near = notifications.near_due(connection, now, now + SOON, now - LOOK_BACK, MOST_DATES)
        if not near:
            return
        with self._database.lazy() as connection:
            setup = self._setups.current(connection)
            for item in near:
                told = due_for(item, setup, now)
                if told is not None:
                    _note(connection, item, told, setup, now)


def _note(connection: Connection, item: WorkItem, told: Notification, setup: Setup, now: datetime) -> None:
    """One row for each due date, whoever finds it first; also where it is not told, so that nobody looks again."""
    row_id = sha256(f"{item.id}|{told.occasion}|{told.words}".encode()).hexdigest()[:32]
    because = why_untold(setup.user_of[told.user_key], told.occasion, item, setup, now)
    row = (row_id, replace(told, digest=told.digest and not because), now if because else due_at(told, setup, now))
    assert item.due_at is not None  # that is why it was found
    notifications.add(connection, (row,), item.due_at, because=because)


def _apart(rows: Sequence[Waiting]) -> tuple[Sequence[Waiting], ...]:
    """Notes are told with a mail of their own: an answer to it stays internal, and to the other it does not."""
    notes = [row for row in rows if row.told.what is What.NOTE]
    others = [row for row in rows if row.told.what is not What.NOTE]
    return tuple(some for some in (others, notes) if some)
