"""Whose turn it is: due mails of one connector after the other, fairly, at their pace, claimed in small batches; sending them is `dispatch.py`.

A batch never mixes connectors and holds one mail of an item at the most, so a slow way out delays nobody else's mail.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from core.health import Health
from core.mail import address_key
from core.outbox import OutboxEvent, OutboxMessage
from core.pace import Pace, pace_of
from core.permissions import sees, visible_to
from core.setup import Connector, Setup
from core.test_mode import why_kept
from gateway.clock import Clock
from gateway.keys import Keys
from gateway.outbound.port import LeaseTime, connections_of
from gateway.outbound.sealing import FileGone, sealed_with_files
from gateway.outbound.turns import Turns
from gateway.store import connector_status, items, outbox_claims, outboxes
from gateway.store.connector_status import NOTED_EVERY
from gateway.store.engine import Database
from gateway.store.setups import Setups

log = logging.getLogger("guichet.outbound")

PROBE_SECONDS = 120.0
"""How long a connector that was in trouble is left to the one mail that tries it again."""

HEAVIEST = 16 * 2**20
"""Bytes of the mails of a batch together, at the most: they are in memory while it is sent; a mail that is larger goes alone."""

LOOK_AGAIN = 0.25
"""Seconds after which a connector that had nothing to send is asked again while others are busy."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours for one attempt (`was`: as it was before), with its bytes and its connector.

    `signature` stands before the bytes; `fault`: why it could not be signed. `well`: the connector was seen to be fine a moment ago, so that
    one more success need not be written down.
    """

    message: OutboxMessage
    was: OutboxMessage
    connector: Connector
    data: bytes
    setup: Setup
    signature: str = ""
    fault: Exception | None = None
    well: bool = False


@dataclass(slots=True)
class Round:
    """What one call of `run_due` has found out: connectors that had nothing to send a moment ago."""

    idle: set[str] = field(default_factory=set)
    since: float = field(default_factory=time.monotonic)

    def asks(self, name: str) -> bool:
        """Whether a connector is worth a look."""
        now = time.monotonic()
        if now - self.since > LOOK_AGAIN:
            self.idle, self.since = set(), now
        return name not in self.idle


class Claims:
    """Claims for one process, named `holder`. `overtaken` cancels a mail that was to cancel itself, and says whether it did."""

    def __init__(
        self,
        database: Database,
        setups: Setups,
        keys: Keys,
        clock: Clock,
        turns: Turns,
        *,
        holder: str,
        lease: LeaseTime | None,
        overtaken: Callable[[Connection, OutboxMessage, Setup, datetime], bool],
    ) -> None:
        self._database = database
        self._setups = setups
        self._keys = keys
        self._clock = clock
        self._turns = turns
        self._holder = holder
        self._lease = lease or LeaseTime()
        self._overtaken = overtaken

    def anything(self) -> bool:
        """Whether a connector that may send has something due."""
        with self._database.read() as connection:
            now = self._clock.now()
            names, _ = _able(self._setups.current(connection), connector_status.healths(connection), now)
            return outbox_claims.any_due(connection, now, names)

    def next(self, most: int, round_: Round) -> list[Claimed]:
        """The next batch, of at most `most` mails, claimed by a lazy commit: a power cut before a mark takes the claim back. [] = nothing may leave."""
        while True:
            with self._database.lazy() as connection:
                now = self._clock.now()
                setup = self._setups.current(connection)
                healths = connector_status.healths(connection)
                able, live = _able(setup, healths, now)
                found, allowed = self._found(connection, setup, able, live, most, round_, now)
                if not found:
                    return []
                ready = [one for one in (self._ready(connection, message, setup, now) for message in found) if one is not None]
                if not ready:
                    continue
                ready = outbox_claims.as_many_as(connection, ready, HEAVIEST)
                connector = setup.connector_named[ready[0].connector]
                self._note(connection, connector, healths.get(connector.name), allowed, len(ready), now)
                lease = timedelta(seconds=self._lease.seconds + len(ready) * self._turns.slow)
                claimed = outbox_claims.claim(connection, ready, now, holder=self._holder, lease_until=now + lease)
                bytes_ = outbox_claims.bytes_of(connection, claimed)
                shared: dict[str, Any] = {"connector": connector, "setup": setup, "well": _is_well(healths.get(connector.name), now)}
                return [
                    Claimed(
                        message,
                        was,
                        signature=bytes_.get(message.id, ("", b""))[0],
                        data=bytes_.get(message.id, ("", b""))[1],
                        **shared,
                    )
                    for message, was in zip(claimed, ready, strict=True)
                ]

    def _found(
        self, connection: Connection, setup: Setup, able: Sequence[str], live: Sequence[str], most: int, round_: Round, now: datetime
    ) -> tuple[list[OutboxMessage], _Allowed | None]:
        """The oldest due mails of the connector whose turn it is."""
        for name in self._turns.order(able):
            if not round_.asks(name):
                continue
            size = min(most, self._turns.size(name, connections_of(setup.connector_named[name])))
            allowed = _allowed(connection, setup.connector_named[name], now)
            if allowed is not None:
                size = min(size, allowed.mails)
            if size < 1:
                continue
            found = outbox_claims.due(connection, now, name, live=live, most=size)
            if found:
                self._turns.served(name)
                return found, allowed
            round_.idle.add(name)
        return [], None

    def _ready(self, connection: Connection, message: OutboxMessage, setup: Setup, now: datetime) -> OutboxMessage | None:
        """A due mail as it may be sent; None if it is held instead, with the reason, or has cancelled itself."""
        if self._overtaken(connection, message, setup, now):
            return None
        reason = _must_wait(connection, message, setup)
        if not reason and (message.sealed or message.attempts or message.imported):
            return message
        reason = reason or self._seal(connection, message, setup)
        if not reason:
            return outboxes.get(connection, message.id)
        outboxes.act(connection, message.id, OutboxEvent.HOLD, now, "", reason=reason)
        log.warning("held", extra={"outbox_id": message.id, "reason": reason})
        return None

    def _seal(self, connection: Connection, message: OutboxMessage, setup: Setup) -> str:
        """Seal a message again whose time or content changed before its first try; '' or why that is impossible."""
        whole = outboxes.get(connection, message.id)
        assert whole is not None, "it was claimed a moment ago, in this transaction"
        draft, ref = outboxes.draft_of(whole)
        try:
            sealed = sealed_with_files(connection, draft, setup.connector_named[message.connector], setup, self._keys, ref=ref)
        except FileGone as gone:
            return f"{gone} Edit the mail or cancel it."
        except Exception as fault:  # the outer edge: one mail that cannot be composed must not stop the others
            log.exception("seal_failed", extra={"outbox_id": message.id})
            return f"This mail could not be composed ({type(fault).__name__}); edit it or cancel it."
        outbox_claims.reseal(connection, draft, sealed, ref, whole)
        return ""

    def _note(self, connection: Connection, connector: Connector, health: Health | None, allowed: _Allowed | None, taken: int, now: datetime) -> None:
        """What claiming changes for the others: one mail probes a connector that was in trouble, and turns are taken from its rate."""
        if health is not None and health.troubled:
            connector_status.save(connection, health.probing(now + timedelta(seconds=PROBE_SECONDS)))
        if allowed is not None:
            connector_status.move_next_at(connection, connector.name, allowed.pace.after(allowed.next_at, now, taken))


@dataclass(frozen=True, slots=True)
class _Allowed:
    """What a connector's rate lets out now, and what it is reckoned from."""

    pace: Pace
    next_at: datetime | None
    mails: int


def _allowed(connection: Connection, connector: Connector, now: datetime) -> _Allowed | None:
    """None: as many as there are."""
    try:
        pace = pace_of(connector.outgoing)
    except ValueError:  # the desk file refuses such a time; an old row with one must not stop the mail
        return None
    if pace is None:
        return None
    next_at = connector_status.next_at(connection, connector.name, lock=True)
    return _Allowed(pace, next_at, pace.allowed(next_at, now))


def _able(setup: Setup, healths: Mapping[str, Health], now: datetime) -> tuple[list[str], list[str]]:
    """The connectors that may send now, and all that an administrator has not switched off."""
    live = [one.name for one in setup.connectors if one.enabled and one.sends]
    return [name for name in live if name not in healths or not healths[name].rests(now)], live


def _is_well(health: Health | None, now: datetime) -> bool:
    """Whether a success has been written lately, and nothing that it would have to clear."""
    if health is None or health.troubled or health.refused_logins or health.last_success_at is None:
        return False
    return timedelta(0) <= now - health.last_success_at < NOTED_EVERY


def _must_wait(connection: Connection, message: OutboxMessage, setup: Setup) -> str:
    """Why a mail may not leave now: its author's right is looked at again when its time has come (decisions.md 16), and whom a test item mails (E-47)."""
    kept = why_kept(message, setup)
    if kept:
        return kept
    if not message.scheduled or not message.author or "released_by" in message.content:
        return ""
    user = setup.user_of.get(address_key(message.author))
    if user is None:
        return f"{message.author} wrote this mail and is no longer active; release it or cancel it."
    item = items.load(connection, (message.item_id,)).get(message.item_id) if message.item_id else None
    if item is not None and not sees(visible_to(user, setup), item):
        return f"{message.author} wrote this mail and may no longer see {item.ref}; release it or cancel it."
    return ""
