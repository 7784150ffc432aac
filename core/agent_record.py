"""What became of one mail by one of our people, or by somebody who pretends to be: a line of the audit list; deciding it is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

LINK, LINK_OPENED = "link", "link_opened"
"""The reasons of what came by a link and not by a mail: its deed, or the request for it; and that its page was opened."""
BY_LINK = (LINK, LINK_OPENED)


class AgentOutcome(StrEnum):
    """What became of it."""

    DONE = "done"
    """Carried out: answered, commands done."""
    HELD = "held"
    """Its answer waits for the agent's word."""
    FILED = "filed"
    """Shown on its item; it had been sent already."""
    REFUSED = "refused"
    """Nothing was carried out."""
    IGNORED = "ignored"
    """An automatic answer to what we told them, or commands of somebody who may not command; nobody is told."""


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """One line. `at` is aware UTC; `commands` as they were written; `answers` and `outbox_id` are outbox ids: what it answers, what it made."""

    id: str
    inbound_id: str
    at: datetime
    user_key: str
    from_key: str
    outcome: AgentOutcome
    reason: str = ""
    words: str = ""
    item_id: str = ""
    answers: str = ""
    commands: tuple[str, ...] = ()
    outbox_id: str = ""
    fingerprint: str = ""
