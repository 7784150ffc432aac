"""What routing is told before it decides: who the sender is, what the mail's ids point to, what was taken in before.

Reading it from the database is `gateway/inbound/facts.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from core.decision import Link
from core.setup import Setup
from core.work_item import WorkItem
from gateway.routing.authentication import Authentication
from gateway.routing.recipients import Recipient, Strange


@dataclass(frozen=True, slots=True)
class Sender:
    """Who wrote: address key of the first From ('' if there is none) and what we know of it.

    `keys` are all addresses of that person; `authors` those of every From address, each with its person's other addresses.
    """

    key: str = ""
    authors: tuple[frozenset[str], ...] = ()
    ours: bool = False
    known: bool = False
    """They are among our contacts already."""
    companies: frozenset[str] = frozenset()
    """Names: the owner of the sender's domain, and the contact's company."""
    domain_company: str = ""
    """The company that owns the sender's domain; never for free-mail domains."""
    authentication: Authentication = field(default_factory=Authentication)
    said: str = ""
    """How the author was found where it is not simply From."""

    @property
    def keys(self) -> frozenset[str]:
        return self.authors[0] if self.authors else frozenset()


@dataclass(frozen=True, slots=True)
class Target:
    """An item that something may point to, with those tied to it and its links to others."""

    item: WorkItem
    participants: frozenset[str] = frozenset()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """The same mail, or one with the same Message-ID, came in before for a recipient (decisions.md 8)."""

    inbound_id: str
    message_id: str
    content_key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail of ours that this one is, or speaks of."""

    outbox_id: str
    item_id: str
    connector: str
    recipients: frozenset[str]
    state: str = "sent"


@dataclass(frozen=True, slots=True)
class Answered:
    """A mail to one of our people that this mail answers. `at`: when that mail was made; `by_address`: to its signed address, else by its signed Message-ID."""

    outbox_id: str
    user_key: str
    item_id: str
    at: datetime
    purpose: str
    by_address: bool = False
    subject: str = ""
    """Of that mail."""
    outdated: bool = False
    """It is older than answers are taken."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything, as one value. `signed` are those of the mail's ids that carry our verified signature; ids stand without brackets."""

    setup: Setup
    inbound_id: str
    received_at: datetime
    recipients: tuple[Recipient, ...] = ()
    strange: tuple[Strange, ...] = ()
    sender: Sender = field(default_factory=Sender)
    null_sender: bool = False
    archive: bool = False
    signed: frozenset[str] = frozenset()
    outdated: frozenset[str] = frozenset()
    """Those that carry it, but are older than our signatures count: they are like any other id we know."""
    flooding: str = ""
    """Why the sender opens no more items for now, '' if they may."""
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Message-ID → ids of the items it belongs to."""
    by_ref: Mapping[str, str] = field(default_factory=dict)
    """Reference, upper case → item id."""
    targets: Mapping[str, Target] = field(default_factory=dict)
    taken: Mapping[tuple[str, str], tuple[Taken, ...]] = field(default_factory=dict)
    """(connector, recipient key) → what came in before with the same id or, without an id, the same content."""
    is_own: bool = False
    """The mail's own Message-ID is one that we signed."""
    own: Outgoing | None = None
    """That mail of ours, if we still have it."""
    returned: Outgoing | None = None
    """The mail of ours that a report speaks of."""
    answered: Answered | None = None
    """Set where the mail answers one that we sent to one of our own people."""
    user: str = ""
    """Address key of our active user whose registered address the mail is from ('' = nobody's, or several authors)."""
    proof: str = ""
    """What shows that it is theirs: a `core.agent_trust.Proof`, '' = nothing does."""
    submitted_by: str = ""
    """Address key of our user who logged in to hand it in."""
    contact_on: frozenset[str] = frozenset()
    """Ids of the items that `user` is a contact of: there they are a customer like any other."""
    seen: str = ""
    """`copy` or `replayed` (`core.agent_trust.Distrust`) where a mail of theirs with the same prints came before."""
    untied: str = ""
    """Why a report that names a mail of ours is tied to none; '' where it is, or names none."""
