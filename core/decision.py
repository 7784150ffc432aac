"""A Decision: everything one trigger changes, as a value. It does nothing; `gateway/apply.py` writes it in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.agent_record import AgentRecord
from core.mail_links import MailLink
from core.outbox import Draft, OutboxEvent
from core.work_item import WorkItem


class EntryKind(StrEnum):
    """Kinds of timeline entries (A-CM-01, A-TL-01…03)."""

    CREATED = "created"
    STATUS = "status"
    ALLOCATION = "allocation"
    NOTE = "note"
    DESCRIPTION = "description"
    MAIL_IN = "mail_in"
    MAIL_OUT = "mail_out"
    MAIL_HELD = "mail_held"
    LINK = "link"
    DELIVERY = "delivery"
    ATTENTION = "attention"
    RESOLUTION = "resolution"
    FILE = "file"
    """A file was put on the item, or taken away."""
    AGENT_MAIL = "agent_mail"
    """A mail of one of our people that was kept and not carried out; `text` says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an item's timeline; newest last when several share a decision. `by` '' = the system."""

    item_id: str
    at: datetime
    kind: EntryKind
    by: str = ""
    text: str = ""
    system: bool = False
    facts: dict[str, object] = field(default_factory=dict, hash=False)
    inbound_id: str = ""
    outbox_id: str = ""


@dataclass(frozen=True, slots=True)
class ContactOnItem:
    """A person put on an item, tags from `primary requester original_requester subject cc`; written if not there, tags added."""

    item_id: str
    address: str
    name: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """Item → other item; written both ways (`follow_up_of`/`followed_by`, `same_mail`, `may_belong_to`, `linked`)."""

    item_id: str
    other_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class KnownId:
    """A Message-ID that from now on points to an item. `direction` is `in` or `out`."""

    message_id: str
    item_id: str
    direction: str
    source_id: str


@dataclass(frozen=True, slots=True)
class OutboxChange:
    """An event for a message already in the outbox, checked against the table when applied.

    `due_at`, where given, is the new time; `recipients` address key → (outcome, words) that change with it. `again_if_late`: the change
    rests on what was read of the message; if it is too late for it, everything is decided anew from what is there then.
    """

    outbox_id: str
    event: OutboxEvent
    by: str = ""
    reason: str = ""
    due_at: datetime | None = None
    recipients: dict[str, tuple[str, str]] = field(default_factory=dict, hash=False)
    again_if_late: bool = False


@dataclass(frozen=True, slots=True)
class Suppression:
    """No automatic mail to this address until then (decisions.md 3)."""

    address_key: str
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What to save, what to write on timelines, which mails to queue. Items with version 0 are new; the others are saved against their version."""

    items: tuple[WorkItem, ...] = ()
    entries: tuple[Entry, ...] = ()
    contacts: tuple[ContactOnItem, ...] = ()
    participants: tuple[tuple[str, str], ...] = ()
    """(item id, address key)."""
    links: tuple[Link, ...] = ()
    known_ids: tuple[KnownId, ...] = ()
    mails: tuple[Draft, ...] = ()
    outbox: tuple[OutboxChange, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    remember_addresses: tuple[tuple[str, str], ...] = ()
    """(address key that is known, further address of the same person): joining by hand remembers it on the contact."""
    mail_links: tuple[MailLink, ...] = ()
    """Links that stand in `mails` to our own people."""
    audited: tuple[AgentRecord, ...] = ()
    """Lines for the audit list of mails by our people."""
    tells_nobody: bool = False
    """History that is taken in: nobody is told of it by mail."""

    def __add__(self, other: Decision) -> Decision:
        """Both, in order. The same item in both: the later value wins."""
        later = {item.id for item in other.items}
        return Decision(
            items=(*(item for item in self.items if item.id not in later), *other.items),
            entries=self.entries + other.entries,
            contacts=self.contacts + other.contacts,
            participants=self.participants + other.participants,
            links=self.links + other.links,
            known_ids=self.known_ids + other.known_ids,
            mails=self.mails + other.mails,
            outbox=self.outbox + other.outbox,
            suppressions=self.suppressions + other.suppressions,
            remember_addresses=self.remember_addresses + other.remember_addresses,
            mail_links=self.mail_links + other.mail_links,
            audited=self.audited + other.audited,
            tells_nobody=self.tells_nobody or other.tells_nobody,
        )
