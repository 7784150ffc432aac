"""What has been said on an item, as values a decision can be made from; reading it from the database is `gateway/store/conversations.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.decision import ContactOnItem
from core.mail import Address, address_key
from core.outbox import OutboxState

UNSENT = frozenset({OutboxState.QUEUED, OutboxState.HELD, OutboxState.SENDING, OutboxState.PENDING_RETRY})
"""A mail in one of these states has not left yet and may still leave."""

NEVER_ARRIVED = frozenset({OutboxState.CANCELLED, OutboxState.FAILED, OutboxState.BOUNCED})
"""A mail in one of these states has answered nobody (E-31)."""

MOST_REFERENCES = 40
"""Ids that are kept with a mail; its header names fewer of them (`gateway/outbound/compose.py`)."""

A_MOMENT = timedelta(minutes=5)
"""How long a colleague's answer counts as "a moment ago" (decisions.md 16)."""


@dataclass(frozen=True, slots=True)
class Said:
    """A note or an outgoing mail by a person; `seq` is its place in the timeline, `state` None for a note."""

    seq: int
    at: datetime
    by: str
    outbox_id: str = ""
    state: OutboxState | None = None
    scheduled: bool = False
    resolves: bool = False

    @property
    def is_mail(self) -> bool:
        return self.state is not None

    @property
    def unsent(self) -> bool:
        """A mail that may still leave."""
        return self.state in UNSENT

    @property
    def counts(self) -> bool:
        """Whether it may serve as the resolution: a note, or a mail that left or leaves in a moment (E-31)."""
        if self.state is None:
            return True
        return self.state not in NEVER_ARRIVED and self.state is not OutboxState.HELD and not (self.scheduled and self.unsent)


@dataclass(frozen=True, slots=True)
class LastMail:
    """The newest mail that was joined to the item, as far as an answer needs it. Message-ID without brackets."""

    inbound_id: str
    at: datetime
    message_id: str = ""
    subject: str = ""
    author: Address | None = None
    reply_to: tuple[Address, ...] = ()
    weak: bool = False
    """It was joined by a reference that anybody can write, and by the name in From."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """An item's contacts, its newest mail, its thread and what people said on it, newest first and bounded in number.

    `references` are the Message-IDs of its mails both ways, oldest first. `working_since` is the place in the timeline where
    the item was last put to To Do or In Progress, 0 if it always was.
    """

    contacts: tuple[ContactOnItem, ...] = ()
    last_mail: LastMail | None = None
    references: tuple[str, ...] = ()
    said: tuple[Said, ...] = ()
    working_since: int = 0

    def unsent_mail(self) -> str:
        """The newest person's mail that may still leave: a wait or a window begins when it does (decisions.md 1). '' = none."""
        return next((said.outbox_id for said in self.said if said.unsent), "")

    def resolution_by(self, person: str, since: datetime | None = None) -> Said | None:
        """The newest note or mail of this working stretch by a person that may serve as the resolution (A-TK-16, A-TK-18).

        `since` is when the person's session began: of the stretch and the session the shorter counts (E-31).
        """
        here = (said for said in self.said if said.seq > self.working_since and (since is None or said.at >= since))
        return next((said for said in here if said.by == person and said.counts), None)

    def mail(self, outbox_id: str) -> Said | None:
        """What is known of an outgoing mail of the item."""
        return next((said for said in self.said if said.outbox_id == outbox_id), None)

    def thread_to(self, parent: str) -> tuple[str, ...]:
        """The ids that a mail answering `parent` ('' = none) names in References: the first of the thread and the newest, the parent last."""
        ids = tuple(dict.fromkeys((*(one for one in self.references if one != parent), *((parent,) if parent else ()))))
        return ids[:1] + ids[1:][-(MOST_REFERENCES - 1) :]

    def tagged(self, *tags: str) -> tuple[Address, ...]:
        """The contacts with one of these tags, those with an earlier tag first."""
        found = (Address(contact.address, contact.name) for tag in tags for contact in self.contacts if tag in contact.tags)
        return tuple({address.key: address for address in found}.values())


def warnings_before_send(talk: Conversation, *, by: str, now: datetime, seen_at: datetime | None = None) -> tuple[str, ...]:
    """What the author should know before another mail leaves: sentences, none if all is quiet (decisions.md 16).

    `seen_at` is when the author last looked at the item; None: what came in is not compared.
    """
    author = address_key(by)
    found = []
    last = talk.last_mail
    if last is not None and seen_at is not None and last.at > seen_at:
        found.append(f"{last.author or 'The customer'} wrote since you looked at this item.")
    if last is not None:
        overtaken = next((said for said in talk.said if said.unsent and said.at < last.at), None)
        if overtaken is not None:
            found.append(f"{last.author or 'The customer'} wrote while an answer by {overtaken.by} waits to be sent.")
    others = tuple(said for said in talk.said if said.is_mail and said.by != author and said.state not in NEVER_ARRIVED)
    waiting = next((said for said in others if said.unsent), None)
    recent = next((said for said in others if not said.unsent and now - said.at <= A_MOMENT), None)
    if waiting is not None:
        found.append(f"An answer by {waiting.by} waits to be sent.")
    if recent is not None:
        found.append(f"{recent.by} answered a moment ago.")
    return tuple(found)
