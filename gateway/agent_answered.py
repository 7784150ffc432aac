"""What is known of the mail of ours that one of our people answers: what it told of, and what was said since; read here, judged in `core/held_reply.py`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.agent_answers import HELD, TOLD, Since
from core.conversation import Conversation
from core.held_reply import happened_since
from core.outbox import Draft, OutboxMessage, Purpose
from core.scene import Scene
from core.work_item import WorkItem
from gateway.agent_files import Told
from gateway.store import outboxes, said_since
from gateway.store.notifications import told_about


@dataclass(frozen=True, slots=True)
class Answered:
    """The mail that is answered, and the notification at the beginning of the chain (`told`, an outbox id): the mails it told of (`inbound_ids`),
    since when others may have said more (aware UTC), whether it told of an internal note, and what customers said in it (`theirs`)."""

    message: OutboxMessage
    draft: Draft
    told: str
    since: datetime
    inbound_ids: tuple[str, ...] = ()
    internal: bool = False
    theirs: str = ""

    @property
    def purpose(self) -> Purpose:
        return self.message.purpose

    @property
    def asks(self) -> bool:
        """It asked whether a held answer shall leave."""
        return self.purpose is Purpose.HELD_REPLY

    @property
    def held(self) -> dict[str, Any]:
        """What is done when the held answer that it asked about is let go (`core.held_reply.held_body`)."""
        found = json.loads(self.draft.facts.get(HELD) or "{}")
        return found if isinstance(found, dict) else {}

    @property
    def sign(self) -> Told:
        """By what a piece of it is known among files."""
        return Told(self.message.message_id, self.draft.text)


def answered(connection: Connection, outbox_id: str) -> Answered | None:
    """A refusal or a confirmation leads back to the notification that began it; a mail that asks has shown what was said until then."""
    message = outboxes.get(connection, outbox_id) if outbox_id else None
    if message is None:
        return None
    draft = outboxes.draft_of(message)[0]
    root = draft.facts.get(TOLD, "") or message.id
    told = told_about(connection, root)
    if told is None:
        return Answered(message, draft, root, message.created_at, internal=_is_forgotten(connection, root))
    since = message.created_at if message.purpose is Purpose.HELD_REPLY else told.at
    return Answered(message, draft, root, since, told.inbound_ids, told.internal, said_since.words_of(connection, told.inbound_ids))


def _is_forgotten(connection: Connection, root: str) -> bool:
    """Whether it is not known any more what the first mail told of: that may have been a note, so what answers it stays internal."""
    first = outboxes.get(connection, root)
    return first is not None and first.purpose is Purpose.NOTIFICATION


def said_meanwhile(connection: Connection, found: Answered | None, item: WorkItem, talk: Conversation, scene: Scene) -> tuple[Since, ...]:
    """What customers and colleagues said since, none where nothing is answered."""
    if found is None:
        return ()
    customers = said_since.by_customers(connection, item.id, found.since, found.inbound_ids)
    return happened_since(talk, customers, scene.by, found.since, scene.setup)
