"""The items that a quarantined mail points to: their countdowns stand still until a person has decided (decisions.md 1); nothing else is read into it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from core.decision import Decision, Entry, EntryKind
from core.evidence import Evidence
from core.mail import Envelope, Mail
from core.status import Status
from core.work_item import WorkItem
from gateway.inbound.facts import FactReader
from gateway.routing import match
from gateway.routing.facts import Facts
from gateway.routing.trace import Trace
from gateway.store import inbounds
from gateway.store.setups import Setups

TEXT = "A mail that belongs here could not be processed."


def stopped(connection: Connection, inbound_id: str, mail: Mail, setups: Setups, reader: FactReader, now: datetime) -> Decision:
    """The items with their clocks stopped. They are written down as the message's verdicts, for the list; the decision is still to be applied."""
    facts = reader.read(connection, inbound_id, mail, Envelope("quarantine"), setups.current(connection), now, lock=True).facts
    still = tuple(replace(item, clocks=item.clocks.stop(inbound_id, now), updated_at=now) for item in _pointed_at(mail, facts))
    inbounds.write_pointers(connection, inbound_id, [item.id for item in still], TEXT)
    lines = tuple(Entry(item.id, now, EntryKind.ATTENTION, text=TEXT, inbound_id=inbound_id) for item in still)
    return Decision(items=still, entries=lines)


def _pointed_at(mail: Mail, facts: Facts) -> tuple[WorkItem, ...]:
    """Open items that the mail's ids or a signed address point to; a reference that anybody can write stops nothing."""
    strong = (one for one in match.candidates(mail, facts, Trace()) if one.evidence in (Evidence.STRONG, Evidence.KNOWN))
    found = {item_id: facts.targets[item_id].item for one in strong for item_id in one.items if item_id in facts.targets}
    return tuple(item for item in found.values() if item.status is not Status.CLOSED)
