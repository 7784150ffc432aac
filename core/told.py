"""Automatic mails that tell a customer what became of the item: split, merged, a case launched, no answer; whether one may go there is `automatic.py`."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from core import automatic
from core.brakes import Brakes, Lately, why_held
from core.conversation import Conversation
from core.mail import Address
from core.outbox import Draft, Purpose, Recipient
from core.senders import Sender, answering
from core.setup import Setup, User
from core.wording import clean_line
from core.work_item import WorkItem

MOST_NAMED = 50
"""Items that one mail names; there are no more children of a split anywhere near that."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What must be known before such a mail may leave: the thread, what was sent of late, and who gets nothing automatic.

    `doubt`: why the sender of the item's mail gets nothing automatic (DMARC failed, an automatic mail), '' if nothing is known against it.
    """

    talk: Conversation
    setup: Setup
    brakes: Brakes = field(default_factory=Brakes)
    lately: Lately = field(default_factory=Lately)
    suppressed: Container[str] = frozenset()
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """The mail, or None and why there is none: a sentence for the timeline or the trace."""

    draft: Draft | None
    because: str = ""


def split(item: WorkItem, parts: Sequence[WorkItem], asked: Asked, *, draft_id: str, now: datetime, by: User | None = None) -> Told:
    """C-TP-01: the primary contact learns into which items theirs was divided; `by` is the person who did it."""
    named = "\n".join(f"{part.ref}  {clean_line(part.title, 200)}".rstrip() for part in parts[:MOST_NAMED])
    return tell(item, asked, Purpose.SPLIT, {"others": named}, draft_id=draft_id, now=now, by=by)


def merged(item: WorkItem, into: WorkItem, asked: Asked, *, draft_id: str, now: datetime, by: User | None = None) -> Told:
    """A-OB-11: the primary contact of an item that goes on in another one learns in which."""
    return tell(item, asked, Purpose.MERGED, {"others": into.ref}, draft_id=draft_id, now=now, by=by)


def case_launched(item: WorkItem, case: WorkItem, asked: Asked, *, draft_id: str, now: datetime, by: User | None = None) -> Told:
    """C-TP-01, C-TP-11: the primary contact learns that a case was opened for their ticket."""
    return tell(item, asked, Purpose.CASE_LAUNCHED, {"others": case.ref}, draft_id=draft_id, now=now, by=by)


def tell(item: WorkItem, asked: Asked, purpose: Purpose, facts: dict[str, str], *, draft_id: str, now: datetime, by: User | None = None) -> Told:
    """One mail to the primary contact in the thread of the item, held above the hourly brake; none where anything is against it (decisions.md 9).

    `facts` are what this purpose shows besides what all show. `now` aware UTC.
    """
    because = automatic.why_refused(_question(item, asked))
    sender, primary = answering(asked.setup, item.connector, item.reply_from), asked.talk.tagged("primary")
    if because or sender is None or not primary:
        return Told(None, because)
    return Told(draft_for(item, asked, purpose, facts, primary[0], sender, draft_id=draft_id, now=now, by=by))


def draft_for(
    item: WorkItem, asked: Asked, purpose: Purpose, facts: dict[str, str], person: Address, sender: Sender, *, draft_id: str, now: datetime, by: User | None = None
) -> Draft:
    """The mail to `person`, whatever is against it: for `tell`, and for somebody who wants to see what it would look like."""
    answers = asked.talk.last_mail.message_id if asked.talk.last_mail is not None else ""
    more = {"subject": item.title[: automatic.SHOWN], **facts, **({"agent_name": by.name} if by is not None else {})}
    return Draft(
        id=draft_id,
        item_id=item.id,
        purpose=purpose,
        connector=sender.connector.name,
        from_=sender.named(asked.setup.name),
        recipients=(Recipient(person),),
        due_at=now,
        in_reply_to=answers,
        references=asked.talk.thread_to(answers),
        language=item.language or asked.setup.language,
        hold_reason=why_held(asked.brakes, asked.lately),
        facts={**automatic.shown(item, asked.setup, person), **more},
    )


def addressee(item: WorkItem, asked: Asked) -> Address | None:
    """The primary contact, if automatic mail may go there as far as that is known without what was sent of late."""
    primary = asked.talk.tagged("primary")
    return primary[0] if primary and not automatic.why_refused(_question(item, replace(asked, lately=Lately()))) else None


def _question(item: WorkItem, asked: Asked) -> automatic.Asked:
    return automatic.Asked(
        item=item,
        person=next(iter(asked.talk.tagged("primary")), None),
        setup=asked.setup,
        connector=item.connector,
        unwanted="" if item.send_automated_emails else "the item sends no automatic mail (C-TP-08)",
        doubt=asked.doubt,
        suppressed=asked.suppressed,
        brakes=asked.brakes,
        lately=asked.lately,
    )
