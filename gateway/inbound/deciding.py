"""One mail decided: the facts are read, routing and core are asked; writing the answer is `process.py`. Explaining is the same without writing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from core.brakes import Brakes
from core.evidence import Evidence
from core.mail import Mail
from core.mail_facts import MailFacts
from core.on_mail import OnMail, on_mail
from core.on_time import due_alarm
from core.setup import Setup
from core.verdict import DUPLICATE_WINDOW, Action, Resolution, TraceStep, Verdict
from core.work_item import WorkItem
from gateway.clock import Clock
from gateway.inbound.facts import FactReader, NotYet, Read
from gateway.inbound.flooding import Flooding
from gateway.inbound.signed_by import SignedBy
from gateway.keys import Keys
from gateway.routing.authentication import Authentication
from gateway.routing.facts import Facts
from gateway.routing.resolve import resolve
from gateway.store import inbound_claims, inbounds, items
from gateway.store.inbound_claims import Claimed
from gateway.store.inbounds import Settlement, Standing
from gateway.store.setups import Setups

PARENT_PATIENCE = timedelta(seconds=10)
"""How long after its receipt an answer to an unknown mail waits for mails that came before it and are still being read."""

Ring = Callable[[Connection, WorkItem, datetime], bool]
"""Rings the alarm of an item; whether that changed it."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One mail decided but not written."""

    mail: Mail
    """With its real author, where a list of our own rewrote it, and without the line by which one of our people chose a process."""
    setup: Setup
    read: Read
    resolution: Resolution
    outcome: OnMail

    @property
    def trace(self) -> tuple[TraceStep, ...]:
        return (*self.resolution.trace, *self.outcome.trace)


class Decider:
    """Decides mails for one installation. `ring` is asked for alarms that were due before a mail came."""

    def __init__(self, setups: Setups, keys: Keys, clock: Clock, limits: Brakes, ring: Ring) -> None:
        self.setups = setups
        self.reader = FactReader(keys, limits)
        self._flooding = Flooding(limits)
        self._clock = clock
        self._ring = ring

    def decide(
        self,
        connection: Connection,
        claimed: Claimed,
        mail: Mail,
        now: datetime,
        *,
        writes: bool = True,
        checked: Authentication | None = None,
        signed: SignedBy | None = None,
    ) -> Decided:
        """Facts → routing → core. Without `writes` nothing is taken: references read as numbers that do not exist."""
        setup = self.setups.current(connection)
        author = self.reader.author(mail, claimed.envelope, setup, checked)
        mail, known = author.mail, author.authentication
        parent_may_come = writes and self._parent_may_come(connection, claimed, mail, now)
        read = self.reader.read(connection, claimed.id, mail, claimed.envelope, setup, now, lock=writes, checked=known, said=author.said, signed=signed)
        if writes and self._ring_late(connection, read, claimed, now):
            read = self.reader.read(connection, claimed.id, mail, claimed.envelope, setup, now, lock=writes, checked=known, said=author.said, signed=signed)
        read, resolution = self._resolved(connection, claimed, mail, read, now)
        mail = resolution.shown or mail
        if parent_may_come and resolution.new_items and all(verdict.evidence is Evidence.NONE for verdict in resolution.verdicts):
            raise NotYet(claimed.id)
        mail_facts = self._replayed(connection, claimed, read.mail_facts) if claimed.replayed else read.mail_facts
        if any(verdict.action is Action.BOUNCE and verdict.outbox_id for verdict in resolution.verdicts):
            mail_facts = replace(mail_facts, draft_ids=(self._clock.new_id(),))
        if resolution.new_items:
            if writes:
                self._flooding.count(connection, read.facts, resolution.new_items, now)
            mail_facts = self._for_opening(connection, mail_facts, resolution, mail, now, writes=writes)
        return Decided(mail, setup, replace(read, mail_facts=mail_facts), resolution, on_mail(resolution, mail, mail_facts, setup, now))

    def _resolved(self, connection: Connection, claimed: Claimed, mail: Mail, read: Read, now: datetime) -> tuple[Read, Resolution]:
        """Resolved; and resolved again without new items where the sender opened too many of late. A replay is a person's wish, and is not braked."""
        resolution = resolve(mail, claimed.envelope, read.facts)
        flooding = self._flooding.why(connection, read.facts, now) if resolution.new_items and not claimed.replayed else ""
        if not flooding:
            return read, resolution
        read = replace(read, facts=replace(read.facts, flooding=flooding))
        return read, resolve(mail, claimed.envelope, read.facts)

    def _parent_may_come(self, connection: Connection, claimed: Claimed, mail: Mail, now: datetime) -> bool:
        """An answer may be read by one worker while another still reads what it answers. Asked before the facts are read, so that nothing falls between."""
        came = claimed.envelope.received_at or now
        if not (mail.in_reply_to or mail.references) or now - came >= PARENT_PATIENCE:
            return False
        return inbound_claims.earlier_unread(connection, claimed.id, came)

    def _ring_late(self, connection: Connection, read: Read, claimed: Claimed, now: datetime) -> bool:
        """Alarms that were due when the mail came go first, however late the clock is: receipt time counts (decisions.md 1, E-13)."""
        came = claimed.envelope.received_at or now
        late = [item for item in read.mail_facts.items.values() if due_alarm(item, came) is not None]
        rung = [self._ring(connection, item, now) for item in late]
        return any(rung)

    def _replayed(self, connection: Connection, claimed: Claimed, mail_facts: MailFacts) -> MailFacts:
        """Items that stand still because of the mail go on, and what it opened before keeps its ids."""
        waiting = items.load(connection, items.stopped_by(connection, claimed.id))
        return replace(mail_facts, items={**waiting, **mail_facts.items}, first=inbounds.standing(connection, claimed.id).next)

    def _for_opening(
        self, connection: Connection, mail_facts: MailFacts, resolution: Resolution, mail: Mail, now: datetime, *, writes: bool
    ) -> MailFacts:
        wanted = resolution.new_items
        more = self.reader.for_opening(connection, mail_facts, resolution, mail, now)
        return replace(
            more,
            numbers=items.take_numbers(connection, wanted) if writes else (0,) * wanted,
            draft_ids=tuple(self._clock.new_id() for _ in range(wanted)),
        )


def settlement(decided: Decided, standing: Standing) -> Settlement:
    """What is written of the message itself, as it was decided."""
    mail, facts, verdicts = decided.mail, decided.read.facts, decided.outcome.verdicts
    duplicates = {(verdict.connector, verdict.recipient) for verdict in verdicts if verdict.action is Action.DUPLICATE}
    keys = ((recipient.connector, recipient.key) for recipient in facts.recipients)
    return Settlement(
        mail=mail,
        verdicts=verdicts,
        trace=decided.trace,
        classification=decided.resolution.classification.kind.value,
        keys=tuple(key for key in keys if key not in duplicates and not _taken_before(mail, facts, key)),
        standing=standing,
        prints=decided.read.prints,
    )


def _taken_before(mail: Mail, facts: Facts, key: tuple[str, str]) -> bool:
    """A loop or a mail of our own that comes twice is ignored twice; it was noted the first time."""
    before = [one for one in facts.taken.get(key, ()) if one.inbound_id != facts.inbound_id and one.content_key == mail.content_key]
    return any(one.message_id == mail.message_id and (mail.message_id or facts.received_at - one.at <= DUPLICATE_WINDOW) for one in before)


def explanation(decided: Decided) -> dict[str, Any]:
    """`explain --json` of the contract."""
    return {
        "verdicts": [verdict_json(verdict, decided) for verdict in decided.outcome.verdicts],
        "trace": [{"step": step.step, "check": step.check, "outcome": step.outcome, "because": step.because} for step in decided.trace],
    }


def verdict_json(verdict: Verdict, decided: Decided) -> dict[str, Any]:
    """One verdict; `item` is the reference of an item that exists, null for one that would be opened."""
    target = decided.read.facts.targets.get(verdict.item_id)
    return {
        "recipient": verdict.recipient,
        "action": verdict.action.value,
        "item": target.item.ref if target is not None else None,
        "process": verdict.process or None,
        "because": verdict.because,
    }
