"""Looks now and then for trouble that no single mail shows (mail that is late, the hourly brake), and runs the alarm command; what an alarm is: `core/alarms.py`."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from core.alarms import Alarm, AlarmKind, sentence
from core.health import Health
from core.setup import Connector, Setup
from gateway.clock import Clock
from gateway.connector_kinds import POLLED_KINDS
from gateway.outbound.alarms import Alarms
from gateway.store import alarms, connector_status
from gateway.store.alarms import Raised
from gateway.store.due import FETCHING
from gateway.store.engine import Database
from gateway.store.outbox_figures import Outgoing, held_by_brake, outgoing, stranded
from gateway.store.setups import Setups

if TYPE_CHECKING:
    from gateway.apply import Apply

LOOK_EVERY = timedelta(minutes=1)
WATCHED = frozenset({AlarmKind.SUSPENDED, AlarmKind.WAITING, AlarmKind.FETCHING, AlarmKind.BRAKED})
"""Kinds whose end is noticed here; the others end where they began."""
NO_WAY = "{number} waiting, and there is no connector of this name that sends; make it send again, or cancel them and write them anew."
ENVIRONMENT = ("PATH", "HOME", "LANG", "TZ")
"""All that the alarm command is told of our environment, which holds passwords."""

log = logging.getLogger("guichet.alarm")


class AlarmWatch:
    """Any number of processes may have one. `command`: a program and its arguments, () for none; `timeout` and `late_after` as in the settings."""

    def __init__(
        self, database: Database, setups: Setups, clock: Clock, apply: Apply, *, command: Sequence[str], timeout: timedelta, late_after: timedelta
    ) -> None:
        self._database = database
        self._setups = setups
        self._clock = clock
        self._alarms = Alarms(apply, clock)
        self._command = tuple(command)
        self._timeout = timeout
        self._late_after = late_after
        self._looked_at: datetime | None = None

    def turn(self) -> None:
        """Run the commands that are due, and look once a minute. Call it every few seconds."""
        now = self._clock.now()
        if self._looked_at is None or not timedelta(0) <= now - self._looked_at < LOOK_EVERY:
            self._looked_at = now
            self.look(now)
        self.run_commands()

    def look(self, now: datetime) -> None:
        """Raise what is wrong at `now`, end what is right again. Writes only where something has changed or is to be told again."""
        with self._database.read() as connection:
            setup = self._setups.current(connection)
            sending = {one.name: one for one in setup.connectors if one.sends and one.enabled}
            found = {one.name: one for one in outgoing(connection, now, tuple(sending))}
            healths = connector_status.healths(connection)
            lost = stranded(connection, now, {one.name for one in setup.connectors if one.sends})
            wrong = (
                *_wrong(found.values(), held_by_brake(connection), now, self._late_after),
                *_unfetched(setup, healths),
                *(Alarm(AlarmKind.WAITING, name, NO_WAY.format(number=number)) for name, (number, since) in lost.items() if now - since >= self._late_after),
            )
            wanted = {alarm.name: alarm for alarm in wrong}
            lasting = alarms.lasting(connection)
            enabled = {one.name for one in setup.connectors if one.enabled}
        for alarm in wanted.values():
            with self._database.durable() as connection:
                self._alarms.raise_(connection, alarm, setup, now)
        for name, raised in lasting.items():
            if name not in wanted and raised.alarm.kind in WATCHED and _is_over(raised, sending, found):
                gone = bool(raised.alarm.about) and raised.alarm.about not in enabled
                with self._database.durable() as connection:
                    self._alarms.over(connection, raised.alarm, setup, now, silently=gone)

    def run_commands(self) -> None:
        """Run the alarm command once for each alarm that was told, and for each end, outside any transaction; its failure is logged, never raised."""
        with self._database.read() as connection:
            due = alarms.with_command(connection)
        for raised in due:
            with self._database.durable() as connection:
                ours = alarms.take_command(connection, raised.alarm.name)
            if ours and self._command:
                self._run(raised)

    def _run(self, raised: Raised) -> None:
        over = raised.over_at is not None
        subject, text = sentence(raised.alarm, over=over)
        facts = {"kind": str(raised.alarm.kind), "about": raised.alarm.about, "command": self._command[0]}
        known = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        told = {"GUICHET_ALARM_KIND": str(raised.alarm.kind), "GUICHET_ALARM_ABOUT": raised.alarm.about, "GUICHET_ALARM_OVER": "yes" if over else ""}
        try:
            done = subprocess.run(
                self._command,
                input=f"{subject}\n\n{text}\n".encode("utf-8", "replace"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=self._timeout.total_seconds(),
                env=known | {name: value.replace("\0", "") for name, value in told.items()},
                check=False,
            )
        except (OSError, ValueError, subprocess.SubprocessError) as fault:
            log.error("alarm_command_failed", extra={**facts, "fault": f"{type(fault).__name__}: {fault}"[:300]})
            return
        if done.returncode:
            log.error("alarm_command_failed", extra={**facts, "fault": f"exit {done.returncode}: {done.stderr.decode('utf-8', 'replace').strip()[:300]}"})


def _wrong(found: Iterable[Outgoing], held: int, now: datetime, late_after: timedelta) -> Iterator[Alarm]:
    """What is wrong now. A suspended connector is one alarm, not also one for its mail that waits."""
    for one in found:
        since = _late_since(one)
        if one.health.suspended:
            yield Alarm(AlarmKind.SUSPENDED, one.name, one.health.last_error)
        elif since is not None and now - since >= late_after:
            minutes = int((now - since).total_seconds()) // 60
            said = f": {one.health.last_error}" if one.health.troubled and one.health.last_error else "."
            yield Alarm(AlarmKind.WAITING, one.name, f"{one.waiting} waiting, for up to {minutes} minutes{said}")
    if held:
        yield Alarm(AlarmKind.BRAKED, "", f"{held}")


def _unfetched(setup: Setup, healths: Mapping[str, Health]) -> Iterator[Alarm]:
    """Mailboxes whose log-in is refused."""
    for connector in setup.connectors:
        health = healths.get(FETCHING + connector.name)
        if connector.enabled and connector.receives and connector.incoming.get("kind") in POLLED_KINDS and health is not None and health.suspended:
            yield Alarm(AlarmKind.FETCHING, connector.name, health.last_error)


def _late_since(one: Outgoing) -> datetime | None:
    """Since when mail of a connector should have left. While a server is away each try moves the due time of the mail it was about, so its trouble counts too."""
    moments = [one.oldest_due_at]
    if one.health.troubled and one.waiting:
        moments.append(one.health.troubled_since)
    return min((moment for moment in moments if moment is not None), default=None)


def _is_over(raised: Raised, sending: Mapping[str, Connector], found: Mapping[str, Outgoing]) -> bool:
    """A suspension is over when a mail has left since; somebody who only wants it tried again has not mended it."""
    if raised.alarm.kind is not AlarmKind.SUSPENDED or raised.alarm.about not in sending:
        return True
    left_at = found[raised.alarm.about].health.last_success_at
    return left_at is not None and left_at >= raised.raised_at
