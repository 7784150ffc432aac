"""Which mail of ours a report returns, by our signatures in it and on the address it came to (decisions.md 3); reading the report is `bounce.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from core.mail import Mail, address_key
from core.outbox import OutboxMessage
from core.work_item import WorkItem
from gateway.keys import Keys
from gateway.routing.recipients import Recipient
from gateway.store import outbox_rows


def mail_returned(
    connection: Connection, keys: Keys, mail: Mail, ours: Iterable[Recipient], by_ref: Mapping[str, WorkItem]
) -> tuple[OutboxMessage | None, str]:
    """The mail of ours that a report speaks of: by our Message-ID in it and by the bounce address it came to, else by the signed address for answers.

    Where the first two name different mails it is tied to none, and the sentence says so: whoever got one of our mails could else return another.
    """
    report = mail.report or mail.feedback
    if report is None and mail.content_type != "multipart/report":
        return None, ""
    named = (report.original_message_id if report else "", *mail.in_reply_to, *mail.references[-3:])
    outbox_id = next((found for found in map(keys.verified_message_id, filter(None, named)) if found), "")
    addressed = tuple(dict.fromkeys(one.bounce_of for one in ours if one.bounce_of))
    if len(addressed) > 1 or (outbox_id and addressed and outbox_id not in addressed):
        return None, f"the report names our mail {outbox_id or '(none)'} and came to the bounce address of {', '.join(addressed)}"
    outbox_id = outbox_id or next(iter(addressed), "")
    message = outbox_rows.get(connection, outbox_id) if outbox_id else _by_reply_address(connection, mail, ours, by_ref)
    return message, ""


def _by_reply_address(connection: Connection, mail: Mail, ours: Iterable[Recipient], by_ref: Mapping[str, WorkItem]) -> OutboxMessage | None:
    """The newest mail of the item to an address that the report names."""
    failed = {address_key(one.address) for one in mail.report.recipients} if mail.report else set()
    for recipient in ours:
        item = by_ref.get(recipient.signed_ref) if recipient.signed_ref else None
        for message in sorted(outbox_rows.of_item(connection, item.id), key=lambda one: -one.seq) if item else ():
            if failed & {one.address.key for one in message.recipients}:
                return message
    return None
