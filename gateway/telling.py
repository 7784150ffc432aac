"""Writes down what our people are to be told of a decision, in its commit; when and with which mail it is told is `notifier.py`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.decision import Decision
from core.mail import address_key
from core.notifications import Notification, arising, items_told_of, mails_told_of
from core.setup import Setup
from core.work_item import WorkItem
from gateway.clock import Clock
from gateway.local_time import next_time
from gateway.store import items, notifications, outbox_rows

GATHER = timedelta(seconds=1)
"""How long a notification waits for others of the same moment: one trigger is told with one mail."""


def tell(connection: Connection, decision: Decision, saved: Mapping[str, WorkItem], setup: Setup, clock: Clock, now: datetime) -> None:
    """Rows for everybody whom the decision concerns, none for most. `saved`: items as they are now, those at hand; asks nothing where nobody is concerned."""
    told_of = items_told_of(decision)
    if not told_of:
        return
    missing = [item_id for item_id in told_of if item_id not in saved]
    known = {**saved, **items.load(connection, missing)} if missing else saved
    mails = mails_told_of(decision)
    authors = {one.id: address_key(one.author) for one in outbox_rows.load(connection, mails).values() if one.author} if mails else {}
    found = arising(decision, known, authors, setup, now)
    notifications.add(connection, ((clock.new_id(), one, due_at(one, setup, now)) for one in found), now)


def due_at(one: Notification, setup: Setup, now: datetime) -> datetime:
    """When it is told: in a moment, or with the person's next digest."""
    if not one.digest:
        return now + GATHER
    user = setup.user_of[one.user_key]
    return next_time(user.by_mail.digest_at, user.timezone or setup.timezone, now)
