"""Raises alarms and says when they are over, with the mails that tell it, in the transaction of whoever noticed; looking for trouble is `gateway/alarm_watch.py`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.alarms import Alarm, AlarmKind, administrators, is_to_be_told, mail, sentence
from core.decision import Decision
from core.health import Health
from core.mail import address_key
from core.senders import Sender, another_way
from core.setup import Setup
from gateway.clock import Clock
from gateway.store import alarms, brakes, connector_status
from gateway.store.alarms import Raised

log = logging.getLogger("guichet.alarm")

Apply = Callable[[Connection, Decision, Setup, datetime], Any]

CANNOT_TELL = frozenset({AlarmKind.SUSPENDED, AlarmKind.WAITING})
"""Alarms about a connector that is of no use for telling them."""


class Alarms:
    """Tells administrators: by a mail that leaves by a way that works, by the log, and by the row from which the alarm command is run.

    The row of an alarm is locked after everything else (message, connector, item).
    """

    def __init__(self, apply: Apply, clock: Clock) -> None:
        self._apply = apply
        self._clock = clock

    def raise_(self, connection: Connection, alarm: Alarm, setup: Setup, now: datetime) -> bool:
        """Note that something is wrong, and tell it unless it was told already (`core.alarms.is_to_be_told`). Returns whether it was told.

        Call it in a write transaction, as often as the trouble is seen.
        """
        was = alarms.noted(connection, alarm, now)
        lasts = was.over_at is None
        tell = is_to_be_told(now, was.told_at, lasts=lasts and was.told)
        if lasts and not tell:
            return False
        alarms.save(connection, Raised(alarm, was.raised_at if lasts else now, None, tell, now if tell else was.told_at, tell))
        if tell:
            log.error("alarm", extra={"kind": str(alarm.kind), "about": alarm.about, "sentence": " ".join(sentence(alarm)[1].split())})
            self._mail(connection, alarm, setup, now, over=False)
        return tell

    def over(self, connection: Connection, alarm: Alarm, setup: Setup, now: datetime, *, silently: bool = False) -> bool:
        """Note that it is no longer so, and tell those who were told; nothing happens where no such alarm lasts. Returns whether it was told."""
        was = alarms.locked(connection, alarm.name)
        if was is None or was.over_at is not None:
            return False
        tell = was.told and not silently
        alarms.save(connection, replace(was, over_at=now, told=False, command_due=tell))
        log.info("alarm_over", extra={"kind": str(alarm.kind), "about": alarm.about})
        if tell:
            self._mail(connection, was.alarm, setup, now, over=True)
        return tell

    def fared(self, connection: Connection, was: Health, health: Health, setup: Setup, now: datetime) -> None:
        """A connector was suspended by what an attempt met, or has come back from it."""
        about = Alarm(AlarmKind.SUSPENDED, health.name, health.last_error)
        if health.suspended and not was.suspended:
            self.raise_(connection, about, setup, now)
        elif was.suspended and not health.suspended:
            self.over(connection, about, setup, now)

    def _mail(self, connection: Connection, alarm: Alarm, setup: Setup, now: datetime, *, over: bool) -> None:
        """One mail to each administrator whose address takes automatic mail."""
        sender = self._sender(connection, alarm, setup, over=over)
        found = tuple(administrators(setup))
        dead = brakes.suppressed(connection, [address_key(one.email) for one in found], now)
        people = [one for one in found if address_key(one.email) not in dead]
        if sender is None or not people:
            why = "no other connector can send" if sender is None else "no administrator has an address that takes automatic mail"
            log.error("alarm_not_mailed", extra={"kind": str(alarm.kind), "about": alarm.about, "reason": why})
            return
        drafts = tuple(mail(alarm, one, sender, setup, self._clock.new_id(), now, over=over) for one in people)
        self._apply(connection, Decision(mails=drafts), setup, now)

    def _sender(self, connection: Connection, alarm: Alarm, setup: Setup, *, over: bool) -> Sender | None:
        """A way that works, rather one without any trouble at all."""
        healths = connector_status.healths(connection).values()
        failing = {alarm.about} if alarm.kind in CANNOT_TELL and not over else set()
        failing |= {one.name for one in healths if one.suspended}
        troubled = {one.name for one in healths if one.troubled}
        return another_way(setup, failing | troubled) or another_way(setup, failing)
