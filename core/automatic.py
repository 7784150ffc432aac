"""Whether an automatic mail may go to somebody, asked in one place for all of them, and what such a mail may show; the mails themselves are made beside this."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from datetime import UTC, datetime

from core.blocking import blocked
from core.brakes import Brakes, Lately, why_not
from core.decision import Entry, EntryKind
from core.mail import Address
from core.outbox import Draft
from core.senders import answering
from core.setup import Setup
from core.test_mode import strangers
from core.wording import clean_line
from core.work_item import WorkItem

SHOWN = 500
"""Characters of a subject or title that are told to somebody."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: may an automatic mail about `item` go to `person` by `connector` or whoever speaks for it?

    `unwanted` and `doubt` are sentences of whoever asks: why nobody wants it sent, and why it should not go to this sender; '' = nothing.
    """

    item: WorkItem
    person: Address | None
    setup: Setup
    connector: str
    unwanted: str = ""
    doubt: str = ""
    suppressed: Container[str] = frozenset()
    brakes: Brakes = field(default_factory=Brakes)
    lately: Lately = field(default_factory=Lately)


def why_refused(asked: Asked) -> str:
    """The first reason against it, '' if there is none."""
    return next((because for because in (reason(asked) for reason in REASONS) if because), "")


# ---------------------------------------------------------------- reasons against it


def _unwanted(asked: Asked) -> str:
    return asked.unwanted


def _doubtful(asked: Asked) -> str:
    return asked.doubt


def _unwritable(asked: Asked) -> str:
    return "" if asked.person is not None and writable(asked.person.address) else "there is no address to write to"


def _ours(asked: Asked) -> str:
    return f"{asked.person.address} is an address of ours" if asked.person is not None and asked.setup.is_ours(asked.person.address) else ""


def _stranger_to_tests(asked: Asked) -> str:
    """E-47: rather not sent than sent to somebody who knows nothing of a test."""
    if not asked.item.test or asked.person is None or not strangers(asked.setup, (asked.person,)):
        return ""
    return f"a test item: it mails nobody but test contacts, and {asked.person.address} is none"


def _blocked(asked: Asked) -> str:
    """B-BL-01: also whoever is not the sender of a mail, and for what is put on the list later."""
    return "the block list says that this address gets no automatic mail" if asked.person is not None and blocked(asked.setup, asked.person.key) else ""


def _suppressed(asked: Asked) -> str:
    return "mail to this address came back" if asked.person is not None and asked.person.key in asked.suppressed else ""


def _voiceless(asked: Asked) -> str:
    return "" if answering(asked.setup, asked.connector, asked.item.reply_from) is not None else "no connector of ours sends mail"


def _braked(asked: Asked) -> str:
    return why_not(asked.brakes, asked.lately)


REASONS: tuple[Callable[[Asked], str], ...] = (_unwanted, _doubtful, _unwritable, _ours, _stranger_to_tests, _blocked, _suppressed, _voiceless, _braked)
"""Each answers '' or why nothing is sent; the first that does is told (contract section 6, decisions.md 9)."""


def writable(address: str) -> bool:
    """Whether mail can be sent to an address as it was written: two parts, no blanks or controls, not over-long (RFC 5321 section 4.5.3.1)."""
    local, at, domain = address.rpartition("@")
    well = bool(at and local and domain) and len(local) <= 64 and len(address) <= 254 and address.isprintable()
    return well and not any(char in address for char in ' <>(),;:"[]\\') and "@" not in local and not domain.startswith((".", "-")) and ".." not in address


# ---------------------------------------------------------------- what it may show


def shown(item: WorkItem, setup: Setup, person: Address, *, vouched: bool = True) -> dict[str, str]:
    """The facts a template may show of an item and its contact; empty ones are left out.

    `vouched` False: the sender may not be who the address says, so that nothing of what they wrote is sent on, their name and title included (decisions.md 9).
    """
    process = setup.process_by_id.get(item.process_id)
    agent = setup.user_of.get(item.assignee)
    facts = {
        "process": process.name if process is not None else "",
        "category": item.category,
        "due": item.due_at.astimezone(UTC).isoformat() if item.due_at is not None else "",
        "contact_address": person.address,
        "agent_name": agent.name if agent is not None else "",
    }
    if vouched:
        facts |= {"title": item.title[:SHOWN], "contact_name": clean_line(person.name, 200)}
    return {name: value for name, value in facts.items() if value}


def line_of(draft: Draft, now: datetime) -> Entry:
    """The line that an automatic mail has on the timeline of its item; `now` aware UTC."""
    return Entry(draft.item_id, now, EntryKind.MAIL_OUT, system=True, facts={"purpose": str(draft.purpose)}, outbox_id=draft.id)
