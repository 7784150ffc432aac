"""What the handler of arriving mail hands to whoever carries out mails by our own people, and gets back; the carrying out is `gateway/agent_mail.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from core.decision import Decision
from core.mail import Envelope, Mail
from core.setup import Setup
from core.verdict import Action, Classification, Verdict

BY_AGENT = frozenset({Action.AGENT, Action.FILE, Action.SEND})
"""What is decided with the help of `ByAgent`; any other verdict with a reason in `refused` is handed to it for the audit list."""


@dataclass(frozen=True, slots=True)
class AgentMail:
    """One mail by one of our people, decided for by routing. `raw` reads its bytes when they are needed (attachments)."""

    inbound_id: str
    mail: Mail
    verdict: Verdict
    classification: Classification
    envelope: Envelope
    raw: Callable[[], bytes]
    writes: bool = True
    """False where it is only explained: nothing is stored, nothing is sent."""


class ByAgent(Protocol):
    """Carries it out, in the transaction that settles the mail: whatever it writes beside its decision is part of that commit."""

    def __call__(self, connection: Connection, agent_mail: AgentMail, setup: Setup, now: datetime) -> Decision: ...


def nobody(connection: Connection, agent_mail: AgentMail, setup: Setup, now: datetime) -> Decision:
    """For a house without people who write."""
    return Decision()
