"""Puts copies of mail that has left into the Sent folder of its mailbox, where a connector wants that; the mail itself is sent whatever becomes of its copy.

Never twice: that a copy is being tried is durable before the server hears of it, and one that was tried before is looked for first.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from core.alarms import Alarm, AlarmKind
from core.setup import Connector, Setup
from gateway.clock import Clock
from gateway.inbound.fetch_token import with_fresh_token
from gateway.inbound.fetching import FetchTrouble, Means
from gateway.inbound.imap_mailbox import Declined
from gateway.inbound.imap_place import place_of, wishes_of
from gateway.outbound.alarms import Alarms
from gateway.sent_mailbox import SentMailbox
from gateway.store import connector_status, sent_copies
from gateway.store.due import FETCHING
from gateway.store.engine import Database
from gateway.store.sent_copies import SentCopy
from gateway.store.setups import Setups

log = logging.getLogger("guichet.outbound")

LEASE = timedelta(minutes=15)
"""How long one copy may take; a large mail over a slow line, and a server that hangs."""
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 20, 30, 60))
"""After each failure; then always the last."""
GIVE_UP = timedelta(days=7)
"""Since the mail has left; then the copy is not tried any more."""
ALARM_AFTER = 5
"""Failures of one copy, more than half an hour, before administrators hear of it."""


class SentFolder:
    """Works off the copies that are due. Any number of threads and processes may do so; each copy is claimed by one."""

    def __init__(self, database: Database, setups: Setups, clock: Clock, alarms: Alarms, means: Callable[[], Means]) -> None:
        """`means` are a fetcher's: the log-in is that of the connector's `incoming`."""
        self._database = database
        self._setups = setups
        self._clock = clock
        self._alarms = alarms
        self._means = means
        self._rests: dict[str, datetime] = {}
        self._failing: set[str] = set()
        self._closing = threading.Event()

    def run_due(self, limit: int = 200) -> int:
        """Try the copies that are due, at most `limit`; returns how many were tried. One connection for each mailbox in a turn."""
        mailboxes: dict[str, SentMailbox] = {}
        tried = 0
        try:
            while tried < limit and not self._closing.is_set():
                found = self._claim()
                if found is None:
                    break
                tried += 1
                self._try(*found, mailboxes)
        finally:
            for mailbox in mailboxes.values():
                mailbox.close()
        return tried

    def close(self) -> None:
        """No further copy is begun."""
        self._closing.set()

    def _claim(self) -> tuple[SentCopy, Connector, Setup] | None:
        now = self._clock.now()
        with self._database.read() as connection:
            named = sent_copies.waiting(connection)
            if not named:
                return None
            setup = self._setups.current(connection)
            healths = connector_status.healths(connection)
        usable = [one.name for one in setup.connectors if one.name in named and one.enabled and sent_copies.wants(one)]
        usable = [name for name in usable if not self._resting(name, now) and not ((health := healths.get(FETCHING + name)) and health.suspended and health.rests(now))]
        if not usable:
            return None
        with self._database.durable() as connection:
            copy = sent_copies.claim(connection, usable, now, now + LEASE)
        return (copy, setup.connector_named[copy.connector], setup) if copy is not None else None

    def _resting(self, name: str, now: datetime) -> bool:
        return name in self._rests and now < self._rests[name]

    def _try(self, copy: SentCopy, connector: Connector, setup: Setup, mailboxes: dict[str, SentMailbox]) -> None:
        name = connector.name
        try:
            if name not in mailboxes:
                mailboxes[name] = self._opened(connector)
            mailbox = mailboxes[name]
            if copy.attempts == 1 or not mailbox.holds(copy.message_id):
                mailbox.put(copy.data, copy.sent_at)
        except FetchTrouble as trouble:
            lost = mailboxes.pop(name, None)
            if lost is not None:
                lost.close(politely=False)
            self._failed(copy, setup, str(trouble), mailbox_away=True)
        except Declined as refused:
            self._failed(copy, setup, f"The mailbox does not take it: {refused}", mailbox_away=name not in mailboxes)
        else:
            self._done(copy, setup)

    def _opened(self, connector: Connector) -> SentMailbox:
        means = self._means()
        place = place_of(connector, means.environ, means.token, means.timeout, means.secrets)
        wanted, prefix = str(connector.outgoing.get("sent_folder")), wishes_of(connector, 0).prefix
        return with_fresh_token(means.token, connector, lambda: SentMailbox(place, wanted, prefix))

    def _done(self, copy: SentCopy, setup: Setup) -> None:
        self._rests.pop(copy.connector, None)
        mended = copy.attempts > 1 or copy.connector in self._failing
        self._failing.discard(copy.connector)
        with self._database.lazy() as connection:
            sent_copies.done(connection, copy.outbox_id)
            if mended:
                self._alarms.over(connection, Alarm(AlarmKind.SENT_COPY, copy.connector), setup, self._clock.now())
        log.info("sent_copy_put", extra={"outbox_id": copy.outbox_id, "connector": copy.connector})

    def _failed(self, copy: SentCopy, setup: Setup, words: str, *, mailbox_away: bool) -> None:
        """Again later, with its mailbox if that is away; after a week never."""
        now = self._clock.now()
        due_at = now + WAITS[min(copy.attempts, len(WAITS)) - 1]
        given_up = now - copy.sent_at >= GIVE_UP
        facts = {"outbox_id": copy.outbox_id, "connector": copy.connector, "attempt": copy.attempts, "fault": words}
        self._failing.add(copy.connector)
        if mailbox_away:
            self._rests[copy.connector] = due_at
        with self._database.durable() as connection:
            sent_copies.failed(connection, copy, words, due_at=due_at, given_up_at=now if given_up else None)
            if mailbox_away:
                sent_copies.postpone(connection, copy.connector, words, now=now, due_at=due_at)
            if given_up or copy.attempts >= ALARM_AFTER:
                self._alarms.raise_(connection, Alarm(AlarmKind.SENT_COPY, copy.connector, words), setup, now)
        if given_up:
            log.error("sent_copy_given_up", extra=facts)
        else:
            log.warning("sent_copy_failed", extra=facts)
