"""What routing found out about one mail, as values: what kind of mail it is, one verdict for each recipient of ours, and the trace of every check.

How it is found out lives in `gateway/routing/`; what it changes is decided by `core/on_mail.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from core.evidence import Evidence, Standing
from core.mail import Address, Mail


class InboundState(StrEnum):
    """States of an inbound message (contract section 3)."""

    NEW = "new"
    WORKING = "working"
    DONE = "done"
    UNHANDLED = "unhandled"
    HELD = "held"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    DISCARDED = "discarded"


URGENCY = (
    InboundState.QUARANTINED,
    InboundState.HELD,
    InboundState.UNHANDLED,
    InboundState.DONE,
    InboundState.DUPLICATE,
    InboundState.IGNORED,
    InboundState.DISCARDED,
)
"""Most urgent first: the state of a message is that of its most urgent verdict (architecture section 4)."""


class Action(StrEnum):
    """What is done with a mail for one recipient (contract section 3, `explain`)."""

    JOIN = "join"
    OPEN = "open"
    FOLLOW_UP = "follow_up"
    APPEND = "append"
    """Shown on the item without waking it and without tying anybody to it: automatic mail, or a route that appends."""
    HOLD = "hold"
    UNHANDLED = "unhandled"
    DUPLICATE = "duplicate"
    IGNORE = "ignore"
    BOUNCE = "bounce"
    REJECT_AS_SPAM = "reject_as_spam"
    AGENT = "agent"
    """One of our people answers what we told them: carried out, or refused with an answer (`gateway/agent_mail.py`)."""
    FILE = "file"
    """One of our people wrote to everybody from their own mail program: shown on the item as ours; nothing is sent again, nothing wakes."""
    SEND = "send"
    """One of our people handed it in at the submission door: it leaves through the outbox."""


STATE_OF: dict[Action, InboundState] = {
    Action.JOIN: InboundState.DONE,
    Action.OPEN: InboundState.DONE,
    Action.FOLLOW_UP: InboundState.DONE,
    Action.APPEND: InboundState.DONE,
    Action.HOLD: InboundState.HELD,
    Action.UNHANDLED: InboundState.UNHANDLED,
    Action.DUPLICATE: InboundState.DUPLICATE,
    Action.IGNORE: InboundState.IGNORED,
    Action.BOUNCE: InboundState.DONE,
    Action.REJECT_AS_SPAM: InboundState.DONE,
    Action.AGENT: InboundState.DONE,
    Action.FILE: InboundState.DONE,
    Action.SEND: InboundState.DONE,
}
"""What a verdict amounts to. A bounce that is tied to no mail of ours is *ignored*: kept, and changes nothing (decisions.md 3)."""


class Kind(StrEnum):
    """What kind of mail it is, the most telling first: the first that fits is taken."""

    OWN = "own"
    """Sent by ourselves: its Message-ID is one we signed."""
    LOOP = "loop"
    BOUNCE = "bounce"
    FEEDBACK_REPORT = "feedback_report"
    READ_RECEIPT = "read_receipt"
    OUT_OF_OFFICE = "out_of_office"
    AUTO_REPLY = "auto_reply"
    LIST = "list"
    AUTO_GENERATED = "auto_generated"
    ORDINARY = "ordinary"


class Weight(StrEnum):
    """Whether a mail wakes, reopens and counts as an answer (decisions.md 2)."""

    COUNTS = "counts"
    IF_PARTICIPANT = "counts if from a participant"
    DOUBTFUL = "doubtful"
    """Perhaps automatic: does not wake, but stops the countdowns until a person has seen it (decisions.md 1)."""
    NEVER = "never counts"


DUPLICATE_WINDOW = timedelta(days=7)
"""How long a mail without Message-ID is known by its content alone (decisions.md 8, E-05)."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What kind of mail it is and why. `may_answer`: automatic mail may be sent in return (contract section 6)."""

    kind: Kind = Kind.ORDINARY
    weight: Weight = Weight.COUNTS
    may_answer: bool = True
    reasons: tuple[str, ...] = ()
    spam: bool = False
    """A filter that we trust took it for spam: routed and shown as such, never answered by itself, and counts only from a participant."""
    never: bool = False
    """The desk file says that mail of this sender never counts (decisions.md 2): no mailbox's setting overrules that."""


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One check, hit or miss, and why (law 10)."""

    step: str
    check: str
    outcome: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens for one recipient of ours, '' where none of ours is named. `item_id` is the item it is about, if there is one.

    `opens` numbers the new items of one mail from 0; verdicts with the same number share one item. `old_id` is the item that a new
    one is linked to by `link`: the closed one that it follows up, or one that it may belong to.
    """

    recipient: str
    action: Action
    because: str
    connector: str = ""
    item_id: str = ""
    evidence: Evidence = Evidence.NONE
    standing: Standing = Standing.OTHER
    counts: bool = False
    doubtful: bool = False
    quiet: bool = False
    """Nothing is marked or moved by it: history, or a report that nobody waits for."""
    adds_cc: bool = False
    """The sender becomes a Cc contact of the item."""
    process: str = ""
    process_id: str = ""
    category: str = ""
    opens: int | None = None
    old_id: str = ""
    link: str = ""
    """How a new item is linked to `old_id`: `follow_up_of`, `may_belong_to`, `linked`."""
    copies: bool = False
    """The sender took part in the followed item: its contacts and data are copied (decisions.md 4)."""
    send_automated_emails: bool = False
    test: bool = False
    """The new item is a test item (B-RT-01, B-RT-18)."""
    reply_from: str = ""
    requester: Address | None = None
    """Who the new item is for (decisions.md 11)."""
    outbox_id: str = ""
    agent: str = ""
    """Address key of our user who wrote, or whose address is misused (`refused`)."""
    answers: str = ""
    """Outbox id of the mail to our user that is answered."""
    refused: str = ""
    """Why nothing is carried out: a reason of `core/agent_trust.py`, '' where the mail is believed. Beside any other action than *agent* and *file*
    it is for the audit list alone: the mail goes its way."""
    created_by: str = ""
    """Address key of our user who opens the item for somebody else (forward, `#case`)."""
    fingerprint: str = ""
    """Of a mail by one of our people: what a copy of it that is sent again cannot change (`gateway/routing/prints.py`)."""
    possible: tuple[str, ...] = ()
    """With some reasons in `refused`: the names that could have been written instead."""

    @property
    def state(self) -> InboundState:
        """What the verdict amounts to."""
        if self.action is Action.BOUNCE and not self.outbox_id:
            return InboundState.IGNORED
        return STATE_OF[self.action]


@dataclass(frozen=True, slots=True)
class Resolution:
    """Everything routing says of one mail."""

    classification: Classification
    verdicts: tuple[Verdict, ...]
    trace: tuple[TraceStep, ...]
    shown: Mail | None = None
    """The mail as it is kept and shown, where that is not how it came: without the line by which one of our people chose its process."""

    @property
    def new_items(self) -> int:
        """How many items will be opened."""
        return 1 + max((verdict.opens for verdict in self.verdicts if verdict.opens is not None), default=-1)

    @property
    def state(self) -> InboundState:
        """The state of the message: that of its most urgent verdict."""
        return most_urgent(verdict.state for verdict in self.verdicts)


def most_urgent(states: Iterable[InboundState]) -> InboundState:
    """The most urgent of the states; *unhandled* where there is none at all (law 7)."""
    found = set(states)
    return next((state for state in URGENCY if state in found), InboundState.UNHANDLED)
