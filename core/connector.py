"""One mailbox of ours as administrators configure it, and what they know of the servers in front of it; everything else they configure is `setup.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from core.mail import address_key


class Strangers(StrEnum):
    """What happens to strong evidence from an authenticated stranger (decisions.md, evidence table)."""

    HOLD = "hold"
    JOIN = "join"
    NEW = "new"


class PlusMode(StrEnum):
    """How answers find their item (B3, B-MT-02): by headers, by a signed plus-address in Reply-To as well, or with both wanted and told to people."""

    OFF = "off"
    MIXED = "mixed"
    """Reply-To carries a signed plus-address; everything else counts as before."""
    ONLY = "only"
    """As mixed, and a line in each mail says how to answer (B-MT-07); references in subjects and unsigned plus-addresses prove nothing any more."""


class Provider(StrEnum):
    """Whose servers stand before a mailbox, and so how they mark mail that was written inside or whose sender was verified."""

    OTHER = ""
    MICROSOFT365 = "microsoft365"
    """Authentication-Results without a server name; internal mail carries X-MS-Exchange-Organization-AuthAs."""
    GOOGLE = "google"
    OWN_MX = "own_mx"
    """Guichet is the mail exchanger: SPF, DKIM and DMARC are checked by ourselves (extra `mailauth`)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of the servers in front of a mailbox and may therefore be believed."""

    provider: Provider = Provider.OTHER
    """Whose servers stand in front."""
    tenant: str = ""
    """Microsoft 365: the id of our own tenant; only mail that carries it is internal."""
    trusted_forwarders: tuple[str, ...] = ()
    """Domains whose ARC seal, seen as valid by a trusted server, stands for the original sender's result."""
    own_lists: tuple[str, ...] = ()
    """Addresses of lists of our own (Google Groups) that rewrite From: the real sender is in X-Original-From or Reply-To."""
    spam_marks: tuple[str, ...] = ()
    """`Name: words` of header fields by which a filter in front marks spam; believed only because they are listed here."""


@dataclass(frozen=True, slots=True)
class Connector:
    """One mailbox of ours: how mail comes in and goes out. `incoming` and `outgoing` hold the keys of their kind as in the desk file."""

    id: str
    name: str
    address: str
    """The main address of the mailbox."""
    aliases: tuple[str, ...] = ()
    """Its other addresses."""
    direction: str = "both"
    """`incoming`, `outgoing` or `both`."""
    strangers: Strangers = Strangers.HOLD
    """What becomes of a mail by somebody who is not on the item that it answers with our signed id: held, joined (only if authenticated), or a new item."""
    trusted_authserv_ids: tuple[str, ...] = ()
    """Names of servers in front of us whose Authentication-Results are believed."""
    trusted_recipient_headers: tuple[str, ...] = ("delivered-to", "x-original-to", "envelope-to")
    """For fetched mail: header fields that tell for whom it was, before To and Cc."""
    trusted_forms: tuple[str, ...] = ()
    """Senders whose Reply-To is the requester (decisions.md 11)."""
    auto_replies_count: bool = False
    """Automatic replies wake and reopen like a person's."""
    one_item_per_queue: bool = False
    """One mail to several recipients of ours in one queue opens one item (decisions.md 7)."""
    plus_addressing: PlusMode = PlusMode.OFF
    """Reply-To with a signed plus-address (`mixed`, `only`); without effect until `guichet connector test NAME --round-trip` has seen such a mail arrive."""
    plus_proved: bool = False
    """The connection test has seen a plus-tagged mail to this address arrive; known from what is proved, not from the desk file."""
    profile: Profile = Profile()
    enabled: bool = True
    """Whether it takes mail in and sends; what waits goes on in order when it is enabled again."""
    incoming: dict[str, object] = field(default_factory=dict, hash=False)
    """How mail comes in: a table with `kind`, see below."""
    outgoing: dict[str, object] = field(default_factory=dict, hash=False)
    """How mail leaves: a table with `kind`, see below."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Address keys of the main address and the aliases."""
        return (address_key(self.address), *(address_key(alias) for alias in self.aliases))

    @property
    def domain(self) -> str:
        """The domain our Message-IDs for this connector carry."""
        return address_key(self.address).rpartition("@")[2]

    @property
    def plus_mode(self) -> PlusMode:
        """The mode that is in force: the one wanted where plus-addresses were shown to work, else *off*, or answers would be lost."""
        return self.plus_addressing if self.plus_proved else PlusMode.OFF

    @property
    def tags_replies(self) -> bool:
        """Whether Reply-To and the envelope sender carry signed plus-addresses."""
        return self.plus_mode is not PlusMode.OFF

    @property
    def receives(self) -> bool:
        return self.direction in ("incoming", "both")

    @property
    def sends(self) -> bool:
        return self.direction in ("outgoing", "both")
