"""Mails that people write; what is done with one that is in the outbox is `desk_outbox.py`, with one that is only begun `desk_drafts.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from core.conversation import Conversation, warnings_before_send
from core.letter_warnings import missing_file, waiting_drafts
from core.mail import Address
from core.original import LetterKind, not_on_it
from core.outbox import Draft, FileRef, OutboxMessage
from core.recipients import parsed
from core.scene import Scene
from core.work_item import WorkItem
from core.writing import DEFAULT_UNDO, Letter, letter_of, quotes, write_mail
from gateway.desk_base import DeskBase, Json
from gateway.desk_letters import Asked, Ready, Weight, ready, require_size, stored
from gateway.desk_people import about_people
from gateway.desk_uploads import Upload
from gateway.store import conversations, mail_drafts, outboxes

Within = Callable[[Connection, Scene, WorkItem], None]
"""What else is done in the transaction that writes a mail."""


class MailDesk(DeskBase):
    """Answers, forwards and new mails on an item."""

    def mail(
        self,
        ref: str,
        by: str,
        *,
        default_undo: timedelta = DEFAULT_UNDO,
        files: Sequence[str | FileRef] = (),
        attach: Sequence[Upload] = (),
        from_mail: Sequence[tuple[str, int]] = (),
        anyway: bool = False,
        **letter: Any,
    ) -> Json:
        """Write a mail on an item: the fields of `core.writing.Letter`, of which only `text` is needed.

        `files` are ids of files of the item or the desk, `attach` files at hand, `from_mail` (mail, number) of attachments of the item's mails;
        dangerous ones only `anyway`. Returns the message in the outbox; its `warnings` are what the author should have known before sending
        (decisions.md 16, C-CO-03, C-DR-02).
        """
        return self._sent(ref, by, letter_of(letter), Asked(files, attach, from_mail, anyway), default_undo)

    def warnings(
        self,
        ref: str,
        by: str,
        *,
        seen_at: datetime | None = None,
        to: Iterable[str] = (),
        cc: Iterable[str] = (),
        bcc: Iterable[str] = (),
        text: str = "",
        files: int = 0,
        but: str = "",
    ) -> tuple[str, ...]:
        """What the author should know before sending: the customer wrote, a colleague answered (decisions.md 16), a draft waits (C-DR-02); of the
        letter as far as it is given: strangers among its recipients (C-CO-03), a file that is announced and missing. `but`: the draft that is sent."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            item = self._item(connection, ref, scene)
            talk = conversations.conversation(connection, item.id)
            people = [one for some in parsed({"to": tuple(to), "cc": tuple(cc), "bcc": tuple(bcc)}).values() for one in some]
            return self._known(connection, item, talk, scene, people, text=text, files=files, but=but, seen_at=seen_at)

    def recipient_warnings(self, ref: str, by: str, *, to: Iterable[str] = (), cc: Iterable[str] = (), bcc: Iterable[str] = ()) -> tuple[str, ...]:
        """Sentences about these recipients alone: who is not tied to the item, came back, is ours, or is one of very many (C-CO-03, C-CO-12)."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            item = self._item(connection, ref, scene)
            people = [one for some in parsed({"to": tuple(to), "cc": tuple(cc), "bcc": tuple(bcc)}).values() for one in some]
            return about_people(connection, item, conversations.conversation(connection, item.id), scene, people)

    def _sent(self, ref: str, by: str, wanted: Letter, asked: Asked, default_undo: timedelta, *, within: Within | None = None, but: str = "") -> Json:
        """The letter into the outbox, in one commit with what is done `within` it; `but`: the draft that it was."""
        outbox_id = self._clock.new_id()
        found = self._ready(ref, by, wanted, asked)

        def deed(connection: Connection) -> tuple[OutboxMessage, tuple[str, ...]]:
            scene = self._scene(connection, by)
            outboxes.lock_unsent(connection, (self._item(connection, ref, scene).id,))
            item = self._item(connection, ref, scene, lock=True)
            if within is not None:
                within(connection, scene, item)
            talk = conversations.conversation(connection, item.id)
            unsent = outboxes.unsent_of(connection, (item.id,)).get(item.id, ()) if talk.unsent_mail() else ()
            letter = stored(connection, self._clock, item, scene, found)
            decision = write_mail(
                item, letter, scene, talk, draft_id=outbox_id, default_undo=default_undo, unsent=unsent, original=found.original
            )
            (draft,) = decision.mails
            require_size(connection, Weight(draft.connector, draft.text, draft.html, draft.files, len(draft.recipients)), scene.setup)
            warnings = self._warned(connection, item, talk, scene, draft, found, but)
            self._apply(connection, decision, scene.setup, scene.now)
            return self._message(connection, outbox_id), warnings

        message, warnings = self._durably(deed)
        if message.due_at <= self._clock.now():
            self._wake_outbox()
        return {**outboxes.as_json(message, ref.upper()), "warnings": list(warnings)}

    def _ready(self, ref: str, by: str, letter: Letter, asked: Asked, *, draft: bool = False) -> Ready:
        """Everything that must be read and judged before; nothing is locked for it."""
        simple = letter.kind in (LetterKind.ANSWER, LetterKind.NEW) and not (letter.about or letter.quote or letter.html or letter.signature)
        if simple and not (asked.files or asked.attach or asked.from_mail):
            return Ready(letter)
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            return ready(connection, self._item(connection, ref, scene), scene, letter, asked, draft=draft)

    def _warned(
        self, connection: Connection, item: WorkItem, talk: Conversation, scene: Scene, draft: Draft, found: Ready, but: str
    ) -> tuple[str, ...]:
        people = [one.address for one in draft.recipients]
        unquoted: tuple[str, ...] = ()
        if found.original is not None and found.letter.quote and found.letter.kind is not LetterKind.FORWARD:
            others = not_on_it(found.original, people)
            if not quotes(found.letter, found.original, draft.recipients):
                unquoted = (f"The original is not quoted: {', '.join(others[:5])} did not get it. Forward it to show it to them.",)
        files = sum(not one.inline_id for one in draft.files)
        return (*self._known(connection, item, talk, scene, people, text=found.letter.text, files=files, but=but), *unquoted, *found.notes)

    def _known(
        self,
        connection: Connection,
        item: WorkItem,
        talk: Conversation,
        scene: Scene,
        people: Sequence[Address],
        *,
        text: str,
        files: int,
        but: str,
        seen_at: datetime | None = None,
    ) -> tuple[str, ...]:
        """What speaks for another look at such a letter, written or not."""
        return (
            *warnings_before_send(talk, by=scene.by, now=scene.now, seen_at=seen_at),
            *waiting_drafts(mail_drafts.authors(connection, item.id, but=but)),
            *about_people(connection, item, talk, scene, people),
            *missing_file(text, files=files),
        )

    def _message(self, connection: Connection, outbox_id: str) -> OutboxMessage:
        message = outboxes.get(connection, outbox_id)
        assert message is not None, "a mail that was just queued is in the outbox"
        return message
