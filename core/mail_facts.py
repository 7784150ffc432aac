"""What the core is told before it decides what a mail changes, as values; reading them is `gateway/inbound/facts.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from core.brakes import Brakes, Lately
from core.decision import ContactOnItem
from core.outbox import OutboxMessage
from core.work_item import WorkItem


@dataclass(frozen=True, slots=True)
class MailFacts:
    """`received_at` is when the mail came to us (aware UTC): receipt counts, not processing (decisions.md 1).

    `numbers` and `draft_ids` are one for each item that will be opened. `first` is the number of the first new item of this mail,
    above 0 when earlier ones were opened before a replay.
    """

    inbound_id: str
    received_at: datetime
    archive: bool = False
    sender_key: str = ""
    sender_known: bool = False
    sender_companies: frozenset[str] = frozenset()
    authenticated: bool = False
    """DMARC passed."""
    dmarc_failed: bool = False
    items: Mapping[str, WorkItem] = field(default_factory=dict)
    contacts: Mapping[str, tuple[ContactOnItem, ...]] = field(default_factory=dict)
    """Of the items that are followed up."""
    numbers: tuple[int, ...] = ()
    draft_ids: tuple[str, ...] = ()
    first: int = 0
    brakes: Brakes = field(default_factory=Brakes)
    lately: Lately = field(default_factory=Lately)
    suppressed: frozenset[str] = frozenset()
    """Address keys that get no automatic mail."""
    known_people: Mapping[str, str] = field(default_factory=dict)
    """Address key → name of the company, of the mail's people that are among our contacts."""
    same_mail: tuple[str, ...] = ()
    """Items that another copy of this mail opened or joined (decisions.md 7)."""
    unsent: Mapping[str, tuple[OutboxMessage, ...]] = field(default_factory=dict)
    """Mails by people that have not left, by item: a mail that counts overtakes them (decisions.md 16)."""
    returned: OutboxMessage | None = None
    """The mail of ours that a report speaks of."""
