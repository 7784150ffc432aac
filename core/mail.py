"""One parsed mail as an immutable value, and the comparison of addresses; reading bytes into it is `gateway/inbound/parse.py`."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

FREE_MAIL_DOMAINS = frozenset(
    """gmail.com googlemail.com outlook.com hotmail.com hotmail.fr live.com live.fr msn.com yahoo.com yahoo.fr ymail.com icloud.com me.com
    mac.com aol.com gmx.com gmx.de gmx.net gmx.fr web.de mail.com mail.ru yandex.com yandex.ru proton.me protonmail.com orange.fr
    wanadoo.fr free.fr sfr.fr laposte.net bbox.fr t-online.de libero.it""".split()
)
"""Domains whose owner says nothing about the company of the sender (decisions.md, "same company")."""


_DEVIATING = frozenset("ß\u03c2\u200c\u200d")
"""Characters that name another domain today than they did once (UTS #46, "deviations")."""


def domain_key(domain: str) -> str:
    """The A-label, lower-case form of a domain; what cannot be encoded is only lower-cased (decisions.md, "addresses")."""
    domain = domain.strip().rstrip(".").lower()
    if domain.isascii():
        return domain
    try:
        return ".".join(map(_deviating_label, domain.split("."))).encode("idna").decode("ascii")
    except UnicodeError:
        return domain


def _deviating_label(label: str) -> str:
    """The A-label where IDNA 2008 keeps letters apart that IDNA 2003 (Python's codec) makes one: `faß` is not `fass`; others as they are."""
    if _DEVIATING.isdisjoint(label):
        return label
    return "xn--" + unicodedata.normalize("NFC", label).encode("punycode").decode("ascii")


@lru_cache(maxsize=4096)
def address_key(address: str) -> str:
    """The form in which two addresses are compared: no regard to case, domain as A-label, plus-tags kept."""
    local, at, domain = address.strip().rpartition("@")
    return f"{local.lower()}@{domain_key(domain)}" if at else address.strip().lower()  # folding would make `weiß` and `weiss` one person


def split_tag(address: str) -> tuple[str, str]:
    """`help+101203-T@x.org` → (`help@x.org`, `101203-T`); without a plus-tag the second part is empty. Works on address keys."""
    local, at, domain = address.rpartition("@")
    base, plus, tag = local.partition("+")
    return (f"{base}@{domain}", tag) if at and plus and base else (address, "")


@dataclass(frozen=True, slots=True)
class Address:
    """A display name and an address as written; both decoded to text without controls."""

    address: str
    name: str = ""

    @property
    def key(self) -> str:
        """The form in which addresses are compared."""
        return address_key(self.address)

    @property
    def domain(self) -> str:
        """The A-label domain, or '' where there is none."""
        return self.key.rpartition("@")[2] if "@" in self.address else ""

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


class Importance(StrEnum):
    """What the sender says of the mail's weight (behaviour.md E-21)."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A place in the raw mail: `length` encoded bytes at `offset`, decoded by `encoding` when somebody asks.

    `size` is the decoded size in bytes where it was counted cheaply (an estimate for base64); `sha256` is of the encoded bytes.
    """

    name: str
    content_type: str
    offset: int
    length: int
    encoding: str
    size: int
    sha256: str
    content_id: str = ""
    inline: bool = False
    charset: str = ""
    within: str = ""
    """'' for bytes that stand in the mail as they are; `tnef:2` for the second file inside the container at this place."""
    sniffed: str = ""
    """The type its first bytes tell, '' where they tell none."""
    danger: str = ""
    """Why it is not handed out without asking (a type that is not allowed, another type than it says, a virus, a bomb); '' for none."""


@dataclass(frozen=True, slots=True)
class FailedRecipient:
    """One recipient of a delivery report: action (`failed`, `delayed`, …), enhanced status and the server's words."""

    address: str
    action: str
    status: str
    words: str
    hard: bool | None = None
    """Whether the address itself is dead (True) or trouble may pass (False); None where nothing tells."""
    reason: str = ""
    """One word of the table in `gateway/inbound/bounce_reason.py`: `user_unknown`, `mailbox_full`, …"""
    handed_on_from: str = ""
    """The address that the mail was sent to, where this is the one it was handed on to; '' where they are the same."""


@dataclass(frozen=True, slots=True)
class Report:
    """A delivery status notification as read (RFC 3464); `original_message_id` is that of the mail it speaks of, '' if unknown.

    A recipient that was handed on under another address stands there under both.
    """

    recipients: tuple[FailedRecipient, ...]
    original_message_id: str = ""
    envelope_id: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """A complaint (RFC 5965) or a read receipt (RFC 8098) about a mail: what the reader's side says of it besides delivery."""

    original_message_id: str = ""
    complaint: str = ""
    """Feedback-Type: `abuse`, `fraud`, `not-spam`, …; '' for a receipt."""
    disposition: str = ""
    """What was done with the mail: `displayed`, `deleted`, `denied`, …; '' for a complaint."""
    about: tuple[str, ...] = ()
    """The recipients that it names."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The mail that a forward hands on, as far as its text or its attached original tells. `text` is its new text."""

    from_: Address | None = None
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    subject: str = ""
    date: str = ""
    """As written: forwards name it in every form there is."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A calendar part in short (RFC 5545, 5546); moments as text with their zone, for a person to read."""

    method: str = ""
    summary: str = ""
    starts: str = ""
    ends: str = ""
    location: str = ""
    organizer: str = ""
    attendees: tuple[str, ...] = ()
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, read. Whatever could not be read is named in `defects`; `partial` says that part of it is missing.

    Source: RFC 5322; ids stand without angle brackets; `date` is aware or None; `headers` are all header fields in order,
    names as written, values decoded, unfolded, without controls, bounded in number and length.
    """

    message_id: str = ""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    from_: tuple[Address, ...] = ()
    sender: Address | None = None
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    subject: str = ""
    date: datetime | None = None
    importance: Importance = Importance.NORMAL
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "text/plain"
    """Of the whole mail, lower case, without parameters."""
    text: str = ""
    """The whole readable text: the text/plain parts, or what the HTML says."""
    new_text: str = ""
    quoted_text: str = ""
    html: str = ""
    """Sanitised; '' where the mail has none."""
    attachments: tuple[Attachment, ...] = ()
    report: Report | None = None
    feedback: Feedback | None = None
    forwarded: Forwarded | None = None
    invitation: Invitation | None = None
    protection: tuple[str, ...] = ()
    """Of `smime_signed smime_encrypted pgp_signed pgp_encrypted`: parts kept byte by byte and shown as such; nothing is verified here."""
    remote: int = 0
    """Remote images and the like that `html` does not load unless a person asks for them."""
    content_key: str = ""
    """SHA-256 over what a person sees (from, date, subject, recipients, bodies, attachment hashes): decisions.md 8."""
    size: int = 0
    defects: tuple[str, ...] = ()
    partial: bool = False

    @property
    def author(self) -> Address | None:
        """The first From address: the one that is judged (decisions.md 11)."""
        return self.from_[0] if self.from_ else None

    def header(self, name: str) -> str:
        """The first value of a header field, '' if absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")

    def header_all(self, name: str) -> tuple[str, ...]:
        """All values of a header field, top to bottom."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key.lower() == wanted)


@dataclass(frozen=True, slots=True)
class Envelope:
    """How a mail came: the door, the SMTP envelope (empty sender = null), UTC receipt time, and the raw size in bytes."""

    door: str
    sender: str = ""
    recipients: tuple[str, ...] = ()
    received_at: datetime | None = None
    archive: bool = False
    """Imported history: nothing automatic is sent for it."""
    connector: str = ""
    """Name of the connector that fetched it, where the door knows (a polled mailbox); '' where the recipients tell."""
    peer: str = field(default="")
    helo: str = ""
    folder: str = ""
    """Of the mailbox it was fetched from."""
    spam: bool = False
    """It lay in a folder for spam."""
    full_size: int = 0
    """Bytes of the whole mail where only its header was taken in because it is too large; else 0."""
    submitted_by: str = ""
    """Address key of our user who logged in at the submission door."""
