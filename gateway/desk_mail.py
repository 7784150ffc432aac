"""What people do with mails: write one, and undo, hold, release, retry or change one that is in the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from core.conversation import warnings_before_send
from core.decision import Decision, Entry, EntryKind
from core.outbox import OutboxEvent, OutboxMessage, OutboxState
from core.outbox_acts import Edit
from core.permissions import may_change_mail, sees
from core.refusal import NotFound, Refused
from core.resolving import mail_taken_back
from core.scene import Scene
from core.setup import Setup
from core.wording import clean_line, clean_text
from core.work_item import WorkItem
from core.writing import DEFAULT_UNDO, future, letter_of, write_mail
from gateway.desk_base import DeskBase, Json
from gateway.store import conversations, items, outboxes, sight, views


class MailDesk(DeskBase):
    """The mails of the desk. Who may touch another's mail is `core.permissions.may_change_mail` (E-33)."""

    def mail(self, ref: str, by: str, *, default_undo: timedelta = DEFAULT_UNDO, **letter: Any) -> Json:
        """Write a mail on an item: the fields of `core.writing.Letter`, of which only `text` is needed.

        Returns the message in the outbox; its `warnings` are what the author should have known before sending (decisions.md 16).
        """
        wanted = letter_of(letter)
        draft_id = self._clock.new_id()

        def deed(connection: Connection) -> tuple[OutboxMessage, tuple[str, ...]]:
            scene = self._scene(connection, by)
            outboxes.lock_unsent(connection, (self._item(connection, ref, scene).id,))
            item = self._item(connection, ref, scene, lock=True)
            talk = conversations.conversation(connection, item.id)
            unsent = outboxes.unsent_of(connection, (item.id,)).get(item.id, ()) if talk.unsent_mail() else ()
            decision = write_mail(item, wanted, scene, talk, draft_id=draft_id, default_undo=default_undo, unsent=unsent)
            self._apply(connection, decision, scene.setup, scene.now)
            return self._message(connection, draft_id), warnings_before_send(talk, by=scene.by, now=scene.now)

        message, warnings = self._durably(deed)
        if message.due_at <= self._clock.now():
            self._wake_outbox()
        return {**outboxes.as_json(message, ref.upper()), "warnings": list(warnings)}

    def warnings(self, ref: str, by: str, *, seen_at: datetime | None = None) -> tuple[str, ...]:
        """What the author should know before sending: the customer wrote, a colleague answered (decisions.md 16)."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            item = self._item(connection, ref, scene)
            return warnings_before_send(conversations.conversation(connection, item.id), by=scene.by, now=scene.now, seen_at=seen_at)

    def list_outbox(self, by: str, *, states: Sequence[str] = (), ref: str = "", limit: int = views.MOST_ITEMS) -> list[Json]:
        """The mails of the outbox within sight, those due last first; of one item with `ref`."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            item_id = self._item(connection, ref, scene).id if ref else ""
            wanted = sight.outbox_ids(connection, self._sight(scene), states=tuple(states), item_id=item_id, limit=limit)
            found = outboxes.load(connection, wanted)
            refs = outboxes.refs_of(connection, (message.item_id or "" for message in found.values()))
            warned = outboxes.warnings_of(connection, found.values())
            off = _disabled(scene.setup)
            return [
                outboxes.as_json(found[one], refs.get(found[one].item_id or "", ""), disabled=off, warned=warned.get(one, outboxes.QUIET))
                for one in wanted
                if one in found
            ]

    def show_outbox(self, outbox_id: str, by: str) -> Json:
        """One mail of the outbox with its attempts and its history."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            message, _ = self._seen_message(connection, outbox_id, scene)
            return outboxes.detail(connection, message, disabled=_disabled(scene.setup))

    def cancel_mail(self, outbox_id: str, by: str, *, reason: str = "") -> Json:
        """Undo or cancel a mail that has not left; a resolution made by it is taken back if nothing else happened since (decisions.md 15)."""
        return self._outbox_deed(outbox_id, OutboxEvent.CANCEL, by, reason=reason)

    def hold_mail(self, outbox_id: str, by: str, *, reason: str = "") -> Json:
        """Keep a mail back until somebody releases it."""
        return self._outbox_deed(outbox_id, OutboxEvent.HOLD, by, reason=reason)

    def release_mail(self, outbox_id: str, by: str) -> Json:
        """Let a held mail go."""
        return self._outbox_deed(outbox_id, OutboxEvent.RELEASE, by)

    def send_mail_now(self, outbox_id: str, by: str) -> Json:
        """Send a mail now that waits for an undo, its time or its next try (A-US-04)."""
        return self._outbox_deed(outbox_id, OutboxEvent.SEND_NOW, by)

    def retry_mail(self, outbox_id: str, by: str) -> Json:
        """Try a failed, returned or uncertain mail once more (A-OB-13)."""
        return self._outbox_deed(outbox_id, OutboxEvent.RETRY, by)

    def edit_mail(self, outbox_id: str, by: str, *, subject: str | None = None, text: str | None = None, send_at: datetime | None = None) -> Json:
        """Change subject, text or time of a mail that has not been tried (E-27)."""
        edit = Edit(
            subject=clean_line(subject) if subject is not None else None,
            text=clean_text(text) if text is not None else None,
            due_at=future(send_at, self._clock.now(), "A mail can only be scheduled for a time to come") if send_at is not None else None,
        )
        return self._outbox_deed(outbox_id, OutboxEvent.EDIT, by, edit=edit)

    def _outbox_deed(self, outbox_id: str, event: OutboxEvent, by: str, *, reason: str = "", edit: Edit | None = None) -> Json:
        def deed(connection: Connection) -> tuple[OutboxMessage, Json]:
            scene = self._scene(connection, by)
            message, item = self._seen_message(connection, outbox_id, scene)
            if not may_change_mail(scene.user, message.author, item, scene.setup):
                raise Refused("Only the author of a mail, the leader of the author's team, whoever has its item, or an administrator may do this.")
            after = outboxes.act(connection, message.id, event, scene.now, scene.by, reason=clean_line(reason), edit=edit)
            if item is not None:
                self._tell_item(connection, item.id, after, event, scene)
            return after, outboxes.as_json(after, item.ref if item is not None else "", warned=outboxes.warnings_on(connection, after))

        message, shown = self._durably(deed)
        if message.state in (OutboxState.QUEUED, OutboxState.PENDING_RETRY) and message.due_at <= self._clock.now():
            self._wake_outbox()
        return shown

    def _tell_item(self, connection: Connection, item_id: str, message: OutboxMessage, event: OutboxEvent, scene: Scene) -> None:
        """What a deed on a mail means for its item: the outbox row is locked first, then the item, as a delivery does it."""
        item = items.load(connection, (item_id,), lock=True)[item_id]
        if event is OutboxEvent.CANCEL:
            decision = mail_taken_back(item, message.id, by=scene.by, now=scene.now, people=scene.setup.user_of)
        else:
            words, facts = f"Mail: {_DONE[event]}.", {"event": str(event), "state": str(message.state), "due_at": message.due_at.isoformat()}
            decision = Decision(entries=(Entry(item_id, scene.now, EntryKind.DELIVERY, by=scene.by, text=words, facts=dict(facts), outbox_id=message.id),))
        self._apply(connection, decision, scene.setup, scene.now)

    def _seen_message(self, connection: Connection, outbox_id: str, scene: Scene) -> tuple[OutboxMessage, WorkItem | None]:
        named = clean_line(outbox_id, 64)
        message = outboxes.get(connection, named)
        item = items.load(connection, (message.item_id,)).get(message.item_id) if message is not None and message.item_id else None
        own = self._sight(scene)
        seen = message is not None and (own.everything or message.author in own.people or (item is not None and sees(own, item)))
        if message is None or not seen:
            raise NotFound(f"There is no outgoing mail “{named}” that you may see.")
        return message, item

    def _message(self, connection: Connection, outbox_id: str) -> OutboxMessage:
        message = outboxes.get(connection, outbox_id)
        assert message is not None, "a mail that was just queued is in the outbox"
        return message


_DONE = {
    OutboxEvent.HOLD: "held back",
    OutboxEvent.RELEASE: "released",
    OutboxEvent.SEND_NOW: "to be sent now",
    OutboxEvent.RETRY: "to be tried again",
    OutboxEvent.EDIT: "changed",
}
"""What the timeline says of a deed on a mail (A-CM-05)."""


def _disabled(setup: Setup) -> frozenset[str]:
    """Connectors that an administrator switched off: their waiting mails show *connector disabled*."""
    return frozenset(connector.name for connector in setup.connectors if not connector.enabled)
