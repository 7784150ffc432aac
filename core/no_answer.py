"""The automatic mail that tells a customer that no answer came in the days given (C-TP-01, E-12); the status is moved by `core/on_time.py`."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime

from core.acknowledge import writable
from core.brakes import Brakes, Lately, why_held, why_not
from core.conversation import Conversation
from core.mail import Address
from core.outbox import Draft, Purpose, Recipient
from core.setup import Setup
from core.test_mode import is_test_contact
from core.work_item import WorkItem

MOST_REFERENCES = 40


@dataclass(frozen=True, slots=True)
class Asked:
    """What must be known before such a mail may leave: the thread, what was sent of late, and who gets nothing automatic."""

    talk: Conversation
    setup: Setup
    brakes: Brakes = field(default_factory=Brakes)
    lately: Lately = field(default_factory=Lately)
    suppressed: Container[str] = frozenset()


def addressee(item: WorkItem, asked: Asked) -> Address | None:
    """The primary contact, if automatic mail may go there: the item allows it, the address is one, not ours, nothing came back from it, and a test item
    knows it as a test contact."""
    primary = asked.talk.tagged("primary")
    if not item.send_automated_emails or not primary:
        return None
    person = primary[0]
    refused = not writable(person.address) or asked.setup.is_ours(person.address) or person.key in asked.suppressed
    refused = refused or (item.test and not is_test_contact(asked.setup, person.address))
    return None if refused else person


def no_answer(item: WorkItem, asked: Asked, *, closed: bool, draft_id: str, now: datetime) -> Draft | None:
    """The mail, or None where the brakes, the item or the address are against it. Above the hourly brake it is held for a person to release."""
    person, connector = addressee(item, asked), asked.setup.speaker(item.connector)
    if person is None or connector is None or why_not(asked.brakes, asked.lately):
        return None
    own = item.reply_from if asked.setup.connector_of.get(item.reply_from) == connector else ""
    last = asked.talk.last_mail
    answers = last.message_id if last is not None else ""
    thread = tuple(one for one in asked.talk.references if one != answers)
    return Draft(
        id=draft_id,
        item_id=item.id,
        purpose=Purpose.NO_ANSWER,
        connector=connector.name,
        from_=Address(own or connector.address, asked.setup.name),
        recipients=(Recipient(person),),
        due_at=now,
        in_reply_to=answers,
        references=(*thread[:1], *thread[1:][-(MOST_REFERENCES - 2) :], *((answers,) if answers else ())),
        language=item.language or asked.setup.language,
        hold_reason=why_held(asked.brakes, asked.lately),
        facts={"subject": item.title[:500], "title": item.title[:500], "closed": "yes" if closed else ""},
    )
