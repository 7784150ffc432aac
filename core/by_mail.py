"""What a person is told by mail and how their own mails are understood, as a value they choose themselves; when something is told is `core/notifications.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Occasion(StrEnum):
    """What a person can be told of."""

    ASSIGNED = "assigned"
    """An item was given to them by somebody else."""
    NEW_INFORMATION = "new_information"
    """Something new came on an item they have."""
    FAILED = "failed"
    """A mail they wrote, or one on an item they have, did not arrive or came back."""
    AT_RISK = "at_risk"
    """An item they have is soon due."""
    OVERDUE = "overdue"
    """An item they have is past its due date."""
    IN_QUEUE = "in_queue"
    """Something new waits in one of their queues, and nobody has it."""


AT_ONCE = (Occasion.ASSIGNED, Occasion.NEW_INFORMATION, Occasion.FAILED, Occasion.AT_RISK, Occasion.OVERDUE)
"""What is told until a person wants it otherwise."""

BY_MAIL_UNDO = timedelta(minutes=2)
"""How long an answer by mail can be taken back (decisions.md 14)."""


@dataclass(frozen=True, slots=True)
class ByMail:
    """A person's own choices. An occasion is told at once, in the digest, or not at all."""

    at_once: tuple[Occasion, ...] = AT_ONCE
    """Told with a mail of its own."""
    digest: tuple[Occasion, ...] = ()
    """Collected, and told once a day."""
    digest_at: str = "08:00"
    """When, in the person's own zone (`HH:MM`)."""
    undo: timedelta = BY_MAIL_UNDO
    """How long their answers by mail wait and can be taken back (0 to PT1H)."""
    confirm: bool = True
    """Whether a mail of theirs that did something is answered by a short confirmation."""
    signing_keys: tuple[str, ...] = ()
    """Certificates (S/MIME) and public keys (OpenPGP), in ASCII armour, whose signature shows that a mail is theirs."""
