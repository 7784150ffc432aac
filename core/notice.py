"""Telling the author that a mail did not arrive, where they are not told of it like of everything else; whether it failed is `core/on_result.py`.

Whoever may see the item hears of it by a notification, which can be answered (`core/notifications.py`); the others by an automatic mail.
"""

from __future__ import annotations

from datetime import datetime

from core.by_mail import Occasion
from core.decision import Decision
from core.mail import Address, address_key
from core.notifications import arising
from core.outbox import Draft, OutboxMessage, Purpose, Recipient
from core.permissions import sees, visible_to
from core.senders import nobody
from core.setup import Setup
from core.test_mode import is_test, is_test_contact


def notice(message: OutboxMessage, failures: str, decision: Decision, setup: Setup, draft_id: str, now: datetime) -> Draft | None:
    """The notice for the author of a person's mail (decisions.md 15). Nobody can answer it, so it comes from the unmonitored address (C-GW-03).

    None where the author is notified because of the decision, is no active user, an address of ours, absent, or wants no such mail at once, or where
    a test item's mail would be told to somebody who is no test contact.

    `failures` says who did not get the mail and why, `decision` is what follows from it.
    """
    author = setup.user_of.get(message.author)
    sender = nobody(setup)
    if author is None or sender is None or setup.is_ours(author.email):
        return None
    if author.is_absent(now) or Occasion.FAILED not in author.by_mail.at_once:  # who is told of it, and when, is core/notifications.py
        return None
    if is_test(message) and not is_test_contact(setup, author.email):
        return None
    if _is_notified(message, decision, setup, now):
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


def _is_notified(message: OutboxMessage, decision: Decision, setup: Setup, now: datetime) -> bool:
    """Whether the author hears of the failure by a notification, which is dropped for whoever may not see the item."""
    author = address_key(message.author)
    items = {item.id: item for item in decision.items}
    told = (one for one in arising(decision, items, {message.id: author}, setup, now) if one.user_key == author and one.occasion is Occasion.FAILED)
    return any(sees(visible_to(setup.user_of[author], setup), items[one.item_id]) for one in told)
