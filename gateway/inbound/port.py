"""The shape of what a door hands in and the three answers it gets back; doors and intake both import only this."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Arrival:
    """A raw mail at a door, not yet ours. `received_at` is aware UTC; an empty `sender` is the null sender.

    `recipients` are the envelope recipients as given (SMTP, LMTP), or () where the door has none (Maildir, IMAP, `import eml`).
    """

    raw: bytes
    door: str
    received_at: datetime
    sender: str = ""
    recipients: tuple[str, ...] = ()
    connector: str = ""
    peer: str = ""
    archive: bool = False
    helo: str = ""
    folder: str = ""
    """Where a fetched mail lay, for routes and people to see."""
    spam: bool = False
    """It lay in a folder for spam."""
    full_size: int = 0
    """Bytes of the whole mail where `raw` is only its header, because it is too large; else 0."""
    submitted_by: str = ""
    """Address key of our user who logged in to hand it in."""
    source: str = ""
    """Names this message in its mailbox for ever (`INBOX/1700000000/42`, a UIDL): it is written in the same commit as the mail, and a
    message whose source of the same connector is there already is answered with the id it was stored under, and not stored again."""
    left_alone: bool = False
    """Its mailbox is left as it is: nothing is to be marked, moved or deleted there once it is stored."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The raw mail is ours, on disk; the door may now say so (250, \\Seen, exit 0)."""

    inbound_id: str


@dataclass(frozen=True, slots=True)
class TryLater:
    """A passing fault of ours: nothing is kept, the sender must try again (451, exit 75). `reason` is for our log only."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """This mail is not for us: enhanced status and sentence for the sender (`5.1.1`, `5.3.4`); nothing is kept."""

    status: str
    reason: str


Answer = Stored | TryLater | Refused
