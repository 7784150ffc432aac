"""What is known of those a mail goes to, as sentences for its author; the sentences are `core/letter_warnings.py`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import Connection

from core.conversation import Conversation
from core.letter_warnings import Known, recipient_warnings
from core.mail import Address, address_key
from core.outbox import OutboxMessage
from core.scene import Scene
from core.work_item import WorkItem
from gateway.store import brakes, conversations, items

_QUOTES = re.compile(r"(?m)^>")
_QUOTES_HTML = '<blockquote type="cite">'
MOST_NAMED = 5


def about_people(connection: Connection, item: WorkItem, talk: Conversation, scene: Scene, people: Sequence[Address]) -> tuple[str, ...]:
    """Who of them is not tied to the item, came back, is ours; and how many they are if they are many (C-CO-03, C-CO-12)."""
    if not people:
        return ()
    contacts = frozenset(address_key(contact.address) for contact in talk.contacts)
    tied = items.participants_of(connection, (item.id,)).get(item.id, frozenset()) | contacts
    dead = brakes.suppressed(connection, [one.key for one in people], scene.now)
    return recipient_warnings(people, Known(tied, dead), scene.setup)


def about_added(connection: Connection, item: WorkItem, scene: Scene, was: OutboxMessage, now: OutboxMessage) -> tuple[str, ...]:
    """The same about those whom an edit adds to a mail, and that they will read what it quotes. Asked before they are tied to the item by it."""
    before = {one.address.key for one in was.recipients}
    added = [one.address for one in now.recipients if one.address.key not in before]
    if not added:
        return ()
    said = about_people(connection, item, conversations.conversation(connection, item.id), scene, added)
    text, html = (str(now.content.get(part, "")) for part in ("text", "html"))
    if not (_QUOTES.search(text) or _QUOTES_HTML in html):
        return said
    return (*said, f"This mail quotes an earlier one, which {', '.join(one.address for one in added[:MOST_NAMED])} may never have had.")
