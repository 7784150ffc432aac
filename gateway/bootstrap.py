"""The composition root: builds one House from the settings and hands each part what it needs; no part looks for another by itself."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from core.brakes import Brakes
from core.setup import Setup
from gateway.apply import Apply
from gateway.clock import Clock, SystemClock
from gateway.desk import Desk
from gateway.holders import new_holder
from gateway.inbound.intake import Intake
from gateway.inbound.isolate import read_mail
from gateway.inbound.process import Processor
from gateway.keys import Keys
from gateway.outbound.dispatch import Dispatcher
from gateway.scheduler import Scheduler
from gateway.settings import Settings
from gateway.store.engine import Database
from gateway.store.setups import Setups
from gateway.worker import Wakes

if TYPE_CHECKING:
    from gateway.inbound.smtp import SmtpDoor

SETUP_FRESH_SECONDS = 1.0


class FreshSetup:
    """The setup for those who ask often and outside a transaction (the door at every RCPT): at most a second old."""

    def __init__(self, database: Database, setups: Setups) -> None:
        self._database = database
        self._setups = setups
        self._lock = threading.Lock()
        self._value: Setup | None = None
        self._read_at = 0.0

    def __call__(self) -> Setup:
        with self._lock:
            if self._value is None or time.monotonic() - self._read_at > SETUP_FRESH_SECONDS:
                with self._database.read() as connection:
                    self._value = self._setups.current(connection)
                self._read_at = time.monotonic()
            return self._value


@dataclass
class House:
    """One installation in one process: every part, wired. Nothing runs until somebody calls it."""

    settings: Settings
    clock: Clock
    database: Database
    setups: Setups
    keys: Keys
    apply: Apply
    holder: str
    """Name of this process in leases: host, process and a random part."""

    @cached_property
    def setup(self) -> Callable[[], Setup]:
        return FreshSetup(self.database, self.setups)

    @cached_property
    def wakes(self) -> Wakes:
        return Wakes(self.settings.broker.url, lambda: self.processor, lambda: self.dispatcher)

    @cached_property
    def intake(self) -> Intake:
        return Intake(self.database, self.clock, self.setup, max_size=self.settings.smtp.max_size, on_stored=self.wakes.inbound)

    @cached_property
    def processor(self) -> Processor:
        return Processor(
            self.database,
            self.setups,
            self.keys,
            self.clock,
            self.apply,
            read_mail,
            holder=self.holder,
            limits=_brakes(self.settings),
            on_mail_queued=self.wakes.outbox,
            ring=lambda connection, item, now: self.scheduler.ring(connection, item, now),
        )

    @cached_property
    def dispatcher(self) -> Dispatcher:
        outbound = self.settings.outbound
        return Dispatcher(
            self.database,
            self.setups,
            self.keys,
            self.clock,
            self.apply,
            holder=self.holder,
            hostname=outbound.hostname or socket.gethostname(),
            timeout=outbound.timeout.total_seconds(),
            folder=self.settings.data,
        )

    @cached_property
    def desk(self) -> Desk:
        return Desk(self.database, self.setups, self.clock, self.apply, wake_outbox=self.wakes.outbox)

    @cached_property
    def scheduler(self) -> Scheduler:
        return Scheduler(
            self.database,
            self.setups,
            self.apply,
            self.clock,
            holder=self.holder,
            brakes=_brakes(self.settings),
            wake_inbound=self.wakes.inbound,
            wake_outbox=self.wakes.outbox,
            recover=self.dispatcher.recover_expired,
        )

    def smtp_door(self) -> SmtpDoor:
        """A new SMTP door by the settings; not started."""
        from gateway.inbound.smtp import SmtpDoor, SmtpOptions  # asyncio and aiosmtpd are needed by this role only

        smtp = self.settings.smtp
        options = SmtpOptions(
            host=smtp.host,
            port=smtp.port,
            hostname=smtp.hostname,
            max_size=smtp.max_size,
            tls_certificate=_place(self.settings, smtp.tls_certificate),
            tls_key=_place(self.settings, smtp.tls_key),
            max_connections=smtp.max_connections,
            max_connections_per_peer=smtp.max_connections_per_peer,
            connections_per_minute=smtp.connections_per_minute,
            mails_per_minute=smtp.mails_per_minute,
            unlimited_peers=smtp.unlimited_peers,
            max_recipients=smtp.max_recipients,
            max_held=smtp.max_held,
            command_timeout=smtp.command_timeout.total_seconds(),
            data_timeout=smtp.data_timeout.total_seconds(),
        )
        return SmtpDoor(self.intake, options)

    def close(self) -> None:
        """Give back what is held: leases, connections."""
        for name in ("intake", "dispatcher"):
            if name in self.__dict__:
                self.__dict__[name].close()
        self.database.dispose()


def open_house(settings: Settings, *, clock: Clock | None = None) -> House:
    """Wire an installation. Touches no network; reads the key file.

    Raises KeyTrouble with a sentence when the keys are missing or readable by others.
    """
    tick = clock or SystemClock()
    keys = Keys.load(settings.key_file)
    return House(
        settings=settings,
        clock=tick,
        database=Database(settings.database_url, pool_size=settings.database.pool_size),
        setups=Setups(tick),
        keys=keys,
        apply=Apply(keys, tick),
        holder=new_holder(tick.new_id()[:8]),
    )


def _place(settings: Settings, path: Path | None) -> Path | None:
    return settings.path(path) if path is not None else None


def _brakes(settings: Settings) -> Brakes:
    limits = settings.limits
    return Brakes(per_item=limits.automatic_per_item, per_sender_day=limits.automatic_per_sender_day, per_hour=limits.automatic_per_hour)
