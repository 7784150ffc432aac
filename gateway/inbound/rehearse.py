"""Rehearsal of another desk: which of the stored mails would be decided differently, and how; the path is that of `explain`, and nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.brakes import Brakes
from core.mail import Mail
from core.setup import Setup
from core.verdict import Verdict
from gateway.clock import Clock
from gateway.inbound.deciding import Decided, Decider
from gateway.inbound.facts import FactReader, NotYet, Read
from gateway.keys import Keys
from gateway.store import inbound_claims, inbound_list, inbounds
from gateway.store.engine import Database
from gateway.store.inbound_claims import Claimed
from gateway.store.inbound_list import Wanted
from gateway.store.moments import moment_json
from gateway.store.setups import Setups

LAST = 500
MOST = 20_000
"""Mails of one rehearsal."""
MOST_SHOWN = 5_000
"""Changes of one rehearsal that are kept; the others are counted."""
NOTHING = ("nothing", "")


@dataclass(frozen=True, slots=True)
class Which:
    """The stored mails that are rehearsed: the newest `last` of those received since then (aware UTC), of one mailbox."""

    last: int = LAST
    since: datetime | None = None
    connector: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """One mail that would be decided differently for one recipient."""

    id: str
    received_at: datetime
    sender: str
    subject: str
    recipient: str
    before: str
    after: str
    because: str

    def as_json(self) -> dict[str, Any]:
        return {
            "mail": self.id,
            "received_at": moment_json(self.received_at),
            "from": self.sender,
            "subject": self.subject,
            "recipient": self.recipient,
            "before": self.before,
            "after": self.after,
            "because": self.because,
        }


@dataclass(slots=True)
class Rehearsal:
    """What a rehearsal found. `kinds` counts the changes by (before, after); `not_read` are mails that could not be rehearsed now."""

    mails: int = 0
    unchanged: int = 0
    changed_mails: int = 0
    not_read: int = 0
    changes: list[Changed] = field(default_factory=list)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        return {
            "mails": self.mails,
            "unchanged": self.unchanged,
            "changed": self.changed_mails,
            "not_read": self.not_read,
            "counts": [{"before": before, "after": after, "mails": number} for (before, after), number in self.kinds.most_common()],
            "changes": [change.as_json() for change in self.changes],
        }


@dataclass(frozen=True, slots=True)
class Stage:
    """What a rehearsal is given."""

    database: Database
    keys: Keys
    clock: Clock
    read_mail: Callable[[bytes], Mail]
    brakes: Brakes = field(default_factory=Brakes)


class _Given(Setups):
    """Knows one setup and reads none."""

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        self._given = setup

    def current(self, connection: Connection) -> Setup:
        return self._given


class _AsIfNew(FactReader):
    """The facts without what the mail itself has left when it came: it is no duplicate of itself."""

    def read(self, *arguments: Any, **more: Any) -> Read:
        found = super().read(*arguments, **more)
        return replace(found, facts=replace(found.facts, taken={}))


def rehearse(stage: Stage, old: Setup, new: Setup, which: Which | None = None, *, seen: Callable[[int, int], None] = lambda done, of: None) -> Rehearsal:
    """Both setups over the same mails and the same facts, as they are now. `seen` is told how many of how many are done.

    One mail is in memory at a time; large ones are read in the child process. Connectors and processes are the same by their names.
    """
    sides = [_decider(stage, setup) for setup in (old, known_by_name(new, old))]
    found, asked = Rehearsal(), which or Which()
    with stage.database.read() as connection:
        ids = inbound_list.newest_read(connection, Wanted(connector=asked.connector, since=asked.since), min(asked.last, MOST))
    for done, inbound_id in enumerate(ids, 1):
        _one(stage, sides, inbound_id, found)
        seen(done, len(ids))
    return found


def known_by_name(new: Setup, old: Setup) -> Setup:
    """The new setup with the ids that its processes have or would get, and with the versions that items refer to."""
    ids = {process.name: process.id for process in old.processes}
    processes = tuple(replace(process, id=ids.get(process.name, f"new {process.name}")) for process in new.processes)
    return replace(new, processes=processes, old_processes=(*old.old_processes, *old.processes))


def _decider(stage: Stage, setup: Setup) -> Decider:
    brakes = replace(stage.brakes, items_per_sender_hour=0)  # what was counted for these mails, or for others just now, is no part of a desk file
    decider = Decider(_Given(setup), stage.keys, stage.clock, brakes, lambda connection, item, now: False)
    decider.reader = _AsIfNew(stage.keys, stage.brakes)
    return decider


def _one(stage: Stage, sides: list[Decider], inbound_id: str, found: Rehearsal) -> None:
    found.mails += 1
    with stage.database.read() as connection:
        raw = inbounds.raws(connection, (inbound_id,)).get(inbound_id)
    if raw is None:
        found.not_read += 1
        return
    mail = stage.read_mail(raw)
    del raw
    now = stage.clock.now()
    try:
        with stage.database.read() as connection:
            envelope = inbound_claims.envelope(connection, inbound_id)
            claimed = Claimed(inbound_id, 0, envelope, "rehearsal")
            author = mail.author.key if mail.author is not None else ""
            before, after = [_said(side.decide(connection, claimed, mail, now, writes=False), author) for side in sides]
    except NotYet:
        found.not_read += 1
        return
    differing = [recipient for recipient in {**before, **after} if before.get(recipient, NOTHING)[0] != after.get(recipient, NOTHING)[0]]
    if not differing:
        found.unchanged += 1
        return
    found.changed_mails += 1
    for recipient in differing:
        was, becomes = before.get(recipient, NOTHING), after.get(recipient, NOTHING)
        found.kinds[was[0], becomes[0]] += 1
        if len(found.changes) < MOST_SHOWN:
            sender = str(mail.author or "")
            found.changes.append(Changed(inbound_id, envelope.received_at or now, sender, mail.subject, recipient, was[0], becomes[0], becomes[1] or was[1]))


def _said(decided: Decided, author: str) -> dict[str, tuple[str, str]]:
    """Recipient → what happens, and why; one recipient may have several items."""
    verdicts = decided.resolution.verdicts
    each = {one.recipient: [verdict for verdict in verdicts if verdict.recipient == one.recipient] for one in verdicts}
    return {
        recipient: ("; ".join(_outcome(one, decided, author) for one in listed), "; ".join(dict.fromkeys(one.because for one in listed)))
        for recipient, listed in each.items()
    }


def _outcome(verdict: Verdict, decided: Decided, author: str) -> str:
    """Everything of a verdict that a desk file can change, as words; the requester only where it is not the author, so that like mails are counted together."""
    parts = [str(verdict.action).replace("_", " ")]
    target = decided.read.facts.targets.get(verdict.item_id)
    if target is not None:
        parts.append(target.item.ref)
    if verdict.process:
        parts.append(f"{verdict.process}{f' / {verdict.category}' if verdict.category else ''}")
    said = {
        "acknowledged": verdict.send_automated_emails,
        "a test item": verdict.test,
        "counts": verdict.counts and bool(verdict.item_id),
        "adds the sender": verdict.adds_cc,
    }
    marks = [name for name, holds in said.items() if holds]
    if verdict.requester is not None and verdict.opens is not None and verdict.requester.key != author:
        marks.append(f"for {verdict.requester.key}")
    if verdict.connector:
        marks.append(f"at {verdict.connector}")
    return " ".join(parts) + (f" ({', '.join(marks)})" if marks else "")
