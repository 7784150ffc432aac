"""Telling the author that a mail did not arrive: an automatic mail from a template; whether it failed is `core/on_result.py`."""

from __future__ import annotations

from datetime import datetime

from core.by_mail import Occasion
from core.mail import Address
from core.outbox import Draft, OutboxMessage, Purpose, Recipient
from core.senders import nobody
from core.setup import Setup
from core.test_mode import is_test, is_test_contact


def notice(message: OutboxMessage, failures: str, setup: Setup, draft_id: str, now: datetime) -> Draft | None:
    """The notice for the author of a person's mail (decisions.md 15). Nobody can answer it, so it comes from the unmonitored address (C-GW-03).

    None where the author is no active user, an address of ours, absent, or wants no such mail at once, or where a test item's mail would be told
    to somebody who is no test contact.

    `failures` says who did not get the mail and why.
    """
    author = setup.user_of.get(message.author)
    sender = nobody(setup)
    if author is None or sender is None or setup.is_ours(author.email):
        return None
    if author.is_absent(now) or Occasion.FAILED not in author.by_mail.at_once:  # who is told of it, and when, is core/notifications.py
        return None
    if is_test(message) and not is_test_contact(setup, author.email):
        return None
    return Draft(
        id=draft_id,
        item_id=message.item_id or "",
        purpose=Purpose.SEND_FAILED,
        connector=sender.connector.name,
        from_=sender.named(setup.name),
        recipients=(Recipient(Address(author.email, author.name)),),
        due_at=now,
        in_reply_to=message.message_id,
        language=author.language or setup.language,
        facts={"subject": message.subject, "failures": failures[:4000]},
    )
