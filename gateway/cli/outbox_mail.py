"""One outgoing mail as people read it in `guichet outbox show`; lists of mails are `outbox_lists.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.cli.shown import say, say_fields, say_table

PARTS = (
    ("recipients", "Recipients", ("address", "outcome", "words")),
    ("log", "Tries", ("n", "began_at", "outcome", "words", "queue_id")),
    ("next_tries", "Tries to come, if each is refused for now", ("at",)),
    ("history", "History", ("at", "was", "became", "by", "reason")),
    ("files", "Files", ("id", "name", "content_type", "size")),
)
"""What stands in a table of its own: field, title, columns."""
UNSAID = ("text", "status", "due_at", "tries_left", "retry_after_seconds", "customer_wrote_at", "last_error", "queue_id")
"""Fields that people read in other words beside them."""


def say_mail(message: Mapping[str, Any]) -> None:
    """Its fields, then a line for each recipient, try, change and file, and its text at the end. Moments are in the reader's zone already."""
    beside = {*UNSAID, *(name for name, _, _ in PARTS)}
    say_fields(message, leave_out=beside - {"due_at"} if message["state"] == "held" else beside)
    for name, title, columns in PARTS:
        if message.get(name):
            say(f"\n{title}")
            say_table(message[name], columns)
    say(f"\n{message['text']}")
