"""Outgoing messages as values: their states and THE table that moves them, outcomes per recipient; waits between attempts are `core/retry.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.mail import Address, Importance


class OutboxState(StrEnum):
    """Contract section 3; *connector disabled* is derived where it is shown."""

    QUEUED = "queued"
    HELD = "held"
    SENDING = "sending"
    PENDING_RETRY = "pending_retry"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    BOUNCED = "bounced"


class OutboxEvent(StrEnum):
    """Everything that can happen to an outgoing message."""

    CLAIM = "claim"
    ACCEPTED = "accepted"
    """Every recipient has an end: accepted by at least one, refused for good by the others at most."""
    TEMPORARY = "temporary"
    """Some recipient is to be tried again and tries are left."""
    EXHAUSTED = "exhausted"
    """Some recipient was to be tried again but no try is left."""
    PERMANENT = "permanent"
    """Every recipient was refused for good."""
    UNKNOWN_OUTCOME = "unknown_outcome"
    REPEAT = "repeat"
    """Policy *repeat* after an unknown outcome: the same bytes once more (decisions.md 18)."""
    CONNECTOR_TROUBLE = "connector_trouble"
    """Refused before RCPT, no connection, log-in refused: no fault of the mail (decisions.md 19)."""
    LEASE_OVER = "lease_over"
    """The sender died before the durable mark: nothing had been handed over."""
    LEASE_OVER_MARKED = "lease_over_marked"
    """The sender died after the mark: the final dot may have been on its way."""
    GIVEN_BACK = "given_back"
    """Claimed in a batch and not begun: it was queued before, and is again as if it had not been claimed."""
    GIVEN_BACK_RETRY = "given_back_retry"
    """The same for one that was to be tried again."""
    CANCEL = "cancel"
    HOLD = "hold"
    RELEASE = "release"
    SEND_NOW = "send_now"
    EDIT = "edit"
    RETRY = "retry"
    BOUNCE = "bounce"


_S, _E = OutboxState, OutboxEvent

OUTBOX: dict[OutboxState, dict[OutboxEvent, OutboxState]] = {
    _S.QUEUED: {
        _E.CLAIM: _S.SENDING,
        _E.CANCEL: _S.CANCELLED,
        _E.HOLD: _S.HELD,
        _E.SEND_NOW: _S.QUEUED,
        _E.EDIT: _S.QUEUED,
        _E.RETRY: _S.PENDING_RETRY,
    },
    _S.HELD: {_E.RELEASE: _S.QUEUED, _E.CANCEL: _S.CANCELLED, _E.EDIT: _S.HELD},
    _S.SENDING: {
        _E.ACCEPTED: _S.SENT,
        _E.TEMPORARY: _S.PENDING_RETRY,
        _E.EXHAUSTED: _S.FAILED,
        _E.PERMANENT: _S.FAILED,
        _E.UNKNOWN_OUTCOME: _S.UNKNOWN,
        _E.REPEAT: _S.PENDING_RETRY,
        _E.CONNECTOR_TROUBLE: _S.PENDING_RETRY,
        _E.LEASE_OVER: _S.PENDING_RETRY,
        _E.LEASE_OVER_MARKED: _S.UNKNOWN,
        _E.GIVEN_BACK: _S.QUEUED,
        _E.GIVEN_BACK_RETRY: _S.PENDING_RETRY,
    },
    _S.PENDING_RETRY: {
        _E.CLAIM: _S.SENDING,
        _E.CANCEL: _S.CANCELLED,
        _E.HOLD: _S.HELD,
        _E.SEND_NOW: _S.PENDING_RETRY,
        _E.RETRY: _S.PENDING_RETRY,
        _E.BOUNCE: _S.BOUNCED,
    },
    _S.SENT: {_E.BOUNCE: _S.BOUNCED},
    _S.FAILED: {_E.RETRY: _S.PENDING_RETRY, _E.CANCEL: _S.CANCELLED, _E.BOUNCE: _S.BOUNCED},
    _S.UNKNOWN: {_E.RETRY: _S.PENDING_RETRY, _E.CANCEL: _S.CANCELLED, _E.BOUNCE: _S.BOUNCED, _E.ACCEPTED: _S.SENT},
    _S.BOUNCED: {_E.RETRY: _S.PENDING_RETRY, _E.CANCEL: _S.CANCELLED, _E.BOUNCE: _S.BOUNCED},
    _S.CANCELLED: {},
}
"""State → event → state. A missing cell is an answer for the person: too late, or not possible (E-28)."""

SHOWN_AS = {
    _S.QUEUED: "queued",
    _S.HELD: "queued",
    _S.SENDING: "queued",
    _S.PENDING_RETRY: "pending_retry",
    _S.FAILED: "failed",
    _S.UNKNOWN: "failed",
    _S.BOUNCED: "failed",
}
"""The statuses of the specification that the Outbox page shows (A-OB-22, decisions.md 17); the rest is no longer in the Outbox."""


class Outcome(StrEnum):
    """What happened for one recipient (law 8); PENDING before the first end, BOUNCED after a report."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"
    BOUNCED = "bounced"


class Purpose(StrEnum):
    """Why a mail is sent: by a person, or one of the automatic mails that have a template."""

    PERSON = "person"
    ACKNOWLEDGEMENT = "acknowledgement"
    NO_ANSWER = "no_answer"
    SPLIT = "split"
    MERGED = "merged"
    CASE_LAUNCHED = "case_launched"
    SEND_FAILED = "send_failed"
    ALARM = "alarm"
    """To administrators: a connector was suspended, told by another way than the one that fails (decisions.md 19)."""
    NOTIFICATION = "notification"
    """To one of our people: something happened that they want to know of; an answer to it is carried out."""
    DIGEST = "digest"
    """The same for what is collected and told once a day; an answer to it says nothing."""
    CONFIRMATION = "confirmation"
    """To one of our people: what their mail did, and how to take it back."""
    REFUSAL = "refusal"
    """To one of our people: why their mail was not carried out, and what to do."""
    HELD_REPLY = "held_reply"
    """To one of our people: their answer waits, and they are asked whether it shall leave."""


TO_AGENTS = frozenset({Purpose.NOTIFICATION, Purpose.DIGEST, Purpose.CONFIRMATION, Purpose.REFUSAL, Purpose.HELD_REPLY})
"""Mails to one of our people about an item; the words are ready in the draft, and no administrator's template makes them."""

INTERNAL = frozenset({Purpose.SEND_FAILED, Purpose.ALARM, *TO_AGENTS})
"""Mails for our own people: no part of the conversation with a customer, never quoted or handed on, and they hold up no mail to a customer."""


COPY = "sys"
"""The role of the desk's own blind copies (C-GW-05)."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient of an outgoing message and what became of it. `role` is `to`, `cc`, `bcc` or COPY."""

    address: Address
    role: str = "to"
    outcome: Outcome = Outcome.PENDING
    words: str = ""

    @property
    def is_copy(self) -> bool:
        """It is the desk's own: nobody wrote to it, no edit takes it away, and what becomes of it says nothing about the mail."""
        return self.role == COPY


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file that goes with a mail: `id` of a stored file, and what it is called there. `inline_id` not empty: an image that the HTML names `cid:` so."""

    id: str
    name: str
    content_type: str
    size: int
    inline_id: str = ""

    def goes_with(self, html: str) -> bool:
        """Whether it goes with a mail of this HTML: an image only while it is shown there."""
        return not self.inline_id or f"cid:{self.inline_id}" in html


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail to be put into the outbox: what a decision says of it. Compose renders and seals it; the rows are written in the same commit.

    `due_at` = now + undo delay, or the scheduled time (aware UTC). `facts` are what an automatic mail's template may show besides the item.
    Thread headers: `in_reply_to` without brackets, `references` oldest first. `hold_reason` not empty: queued as *held*.
    """

    id: str
    item_id: str
    purpose: Purpose
    connector: str
    from_: Address
    recipients: tuple[Recipient, ...]
    due_at: datetime
    author: str = ""
    subject: str = ""
    text: str = ""
    html: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    language: str = "en"
    importance: Importance = Importance.NORMAL
    scheduled: bool = False
    resolves: bool = False
    starts_clock: bool = False
    hold_reason: str = ""
    cancel_if_answered: bool = False
    """A scheduled mail that cancels itself if the customer writes or a colleague answers before it has left (decisions.md 16)."""
    files: tuple[FileRef, ...] = ()
    facts: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def system_generated(self) -> bool:
        return self.purpose is not Purpose.PERSON


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One row of the outbox with its recipients; the sealed bytes are fetched apart. Moments are aware UTC."""

    id: str
    seq: int
    item_id: str | None
    state: OutboxState
    due_at: datetime
    created_at: datetime
    author: str
    purpose: Purpose
    system_generated: bool
    connector: str
    importance: Importance
    message_id: str
    envelope_from: str
    subject: str
    recipients: tuple[Recipient, ...]
    content: dict[str, object] = field(default_factory=dict, hash=False)
    scheduled: bool = False
    resolves: bool = False
    starts_clock: bool = False
    hold_reason: str = ""
    retry_template_id: str | None = None
    attempts: int = 0
    tries_left: int = 0
    unknown_repeats: int = 0
    sealed: bool = False
    marked: bool = False
    last_attempt_at: datetime | None = None
    last_error: str = ""
    first_failed_at: datetime | None = None
    sent_at: datetime | None = None
    lease_until: datetime | None = None
    lease_by: str = ""
    attachment_count: int = 0
    queue_id: str = ""
    """What the server that took it calls it, '' where it did not say."""

    @property
    def imported(self) -> bool:
        """It came ready-made from another system: its bytes stay as they are (A-OB-17)."""
        return bool(self.content.get("imported"))

    @property
    def cancel_if_answered(self) -> bool:
        """As the draft has it, until a person wants it sent all the same."""
        return bool(self.content.get("cancel_if_answered"))


@dataclass(frozen=True, slots=True)
class Sealed:
    """A draft made ready to leave: the exact bytes (CRLF), the envelope sender ('' = null) and what people see of it.

    `note` is a sentence for the operator when an administrator's template could not be used and the shipped one was taken.
    """

    bytes: bytes
    envelope_from: str
    message_id: str
    subject: str
    text: str
    html: str = ""
    attachment_count: int = 0
    note: str = ""
