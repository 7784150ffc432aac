"""Drafts of mails on items: saved, opened by one person at a time, sent; the rules are `core/drafting.py`, writing a mail is `desk_mail.py`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from core.drafting import MOST_DRAFTS, Content, MailDraft, begun, closed, opened, other_editor, require_free, saved
from core.outbox import FileRef
from core.recipients import parsed
from core.refusal import NotFound, Refused
from core.scene import Scene
from core.senders import sender_for
from core.wording import LINE, TEXT, clean_line, clean_text
from core.work_item import WorkItem
from core.writing import DEFAULT_UNDO, Letter, letter_of
from gateway.desk_base import Json
from gateway.desk_letters import Asked, Ready, Weight, require_size, stored
from gateway.desk_mail import MailDesk
from gateway.desk_uploads import Upload
from gateway.store import items, mail_drafts
from gateway.store.moments import moment_json

_LETTER = frozenset(one.name for one in fields(Letter))
_CONTENT = frozenset(one.name for one in fields(Content))


class DraftDesk(MailDesk):
    """Several on an item; whoever sees the item may work on each, one after the other (C-DR-01)."""

    def save_draft(
        self,
        ref: str,
        by: str,
        *,
        draft: str = "",
        version: int | None = None,
        files: Sequence[str] = (),
        attach: Sequence[Upload] = (),
        from_mail: Sequence[tuple[str, int]] = (),
        without: Collection[str] = (),
        anyway: bool = False,
        **letter: Any,
    ) -> Json:
        """Keep a mail that is begun: a new draft, or with its id what was changed of one; what is not given stays as it was.

        The fields are those of `mail`; `without` are ids of files that it carries no more, `version` the one the change began from. Raises
        Refused if somebody else has it open, for a bad address, a mail that is too large.
        """
        was = self._draft(draft, by)[0] if draft else None
        if was is not None and was.item_id != self._item_id(ref, by):
            raise NotFound(f"There is no draft “{was.id}” on {ref.upper()}.")
        wanted = _letter(was.content if was is not None else Content(), letter, without)
        parsed(wanted.named)
        found = self._ready(ref, by, wanted, Asked(files, attach, from_mail, anyway), draft=True)

        def deed(connection: Connection) -> Json:
            scene = self._scene(connection, by)
            item = self._item(connection, ref, scene, lock=True)
            content = self._content(connection, item, scene, found)
            if was is None:
                return self._begin(connection, item, content, scene)
            return self._change(connection, was.id, lambda one: saved(one, content, scene, version=version), scene)

        return self._durably(deed)

    def list_drafts(self, ref: str, by: str) -> list[Json]:
        """The drafts of an item, the oldest first."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            return [_json(one, scene) for one in mail_drafts.of_item(connection, self._item(connection, ref, scene).id)]

    def show_draft(self, draft_id: str, by: str) -> Json:
        """One draft, without opening it."""
        draft, scene, _ = self._draft(draft_id, by)
        return _json(draft, scene)

    def open_draft(self, draft_id: str, by: str, *, take_over: bool = False) -> Json:
        """Have a draft for oneself for ten minutes. Raises Refused naming who has it; leaders of theirs and administrators may take it over."""
        return self._changed(draft_id, by, lambda one, scene: opened(one, scene, take_over=take_over))

    def close_draft(self, draft_id: str, by: str) -> Json:
        """Let others have it."""
        return self._changed(draft_id, by, closed)

    def delete_draft(self, draft_id: str, by: str) -> Json:
        """Throw a draft away; its files stay on the item. Raises Refused if somebody else has it open."""

        def deed(connection: Connection) -> Json:
            scene = self._scene(connection, by)
            draft, _ = self._seen_draft(connection, draft_id, scene, lock=True)
            require_free(draft, scene)
            mail_drafts.drop(connection, draft.id)
            return _json(draft, scene)

        return self._durably(deed)

    def send_draft(self, draft_id: str, by: str, *, default_undo: timedelta = DEFAULT_UNDO, undo: timedelta | None = None, anyway: bool = False) -> Json:
        """The draft becomes a mail in the outbox and is gone, in one commit. Returns the mail as `mail` does. Raises Refused as that does,
        and if somebody else has the draft open or has changed it a moment ago; then it stays."""
        draft, _, item = self._draft(draft_id, by)
        letter = _letter(draft.content, {"undo": undo} if undo is not None else {}, ())

        def within(connection: Connection, scene: Scene, _item: WorkItem) -> None:
            now, _ = self._seen_draft(connection, draft_id, scene, lock=True)
            require_free(now, scene)
            if now.version != draft.version:
                raise Refused(f"The draft was changed by {now.updated_by} at this moment; look at it again. It was not sent.")
            mail_drafts.drop(connection, now.id)

        return self._sent(item.ref, by, letter, Asked(anyway=anyway), default_undo, within=within, but=draft.id)

    def draft_warnings(self, draft_id: str, by: str) -> tuple[str, ...]:
        """What its author should know before sending it, as `warnings` says it of a mail."""
        draft, _, item = self._draft(draft_id, by)
        content = draft.content
        files = sum(not one.inline_id for one in content.files)
        return self.warnings(item.ref, by, to=content.to, cc=content.cc, bcc=content.bcc, text=content.text, files=files, but=draft.id)

    # ---------------------------------------------------------------- within

    def _begin(self, connection: Connection, item: WorkItem, content: Content, scene: Scene) -> Json:
        if mail_drafts.count(connection, item.id) >= MOST_DRAFTS:
            raise Refused(f"{item.ref} has {MOST_DRAFTS} drafts; delete one first. Nothing was saved.")
        draft = begun(self._clock.new_id(), item.id, content, scene)
        mail_drafts.insert(connection, draft)
        return _json(draft, scene)

    def _change(self, connection: Connection, draft_id: str, deed: Callable[[MailDraft], MailDraft], scene: Scene) -> Json:
        was, _ = self._seen_draft(connection, draft_id, scene, lock=True)
        now = deed(was)
        if not mail_drafts.save(connection, was, now):
            raise Refused("The draft was changed at this very moment; open it again.")
        return _json(now, scene)

    def _changed(self, draft_id: str, by: str, deed: Callable[[MailDraft, Scene], MailDraft]) -> Json:
        def within(connection: Connection) -> Json:
            scene = self._scene(connection, by)
            return self._change(connection, draft_id, lambda one: deed(one, scene), scene)

        return self._durably(within)

    def _content(self, connection: Connection, item: WorkItem, scene: Scene, found: Ready) -> Content:
        letter = stored(connection, self._clock, item, scene, found)
        text, html = clean_text(letter.text, TEXT), letter.html
        way = sender_for(scene.setup, letter.from_, item, scene.user).connector.name
        require_size(connection, Weight(way, text, html, letter.files), scene.setup)
        return Content(
            kind=letter.kind.value,
            about=clean_line(letter.about, 64),
            quote=letter.quote,
            as_attachment=letter.as_attachment,
            from_=clean_line(letter.from_, 320),
            to=tuple(clean_line(one) for one in letter.to),
            cc=tuple(clean_line(one) for one in letter.cc),
            bcc=tuple(clean_line(one) for one in letter.bcc),
            subject=clean_line(letter.subject, LINE),
            text=text,
            html=html,
            importance=letter.importance.value,
            send_at=letter.send_at.isoformat() if letter.send_at is not None else "",
            resolve=letter.resolve,
            method=letter.method.value if letter.method is not None else "",
            cancel_if_answered=letter.cancel_if_answered,
            signature=letter.signature,
            files=letter.files,
        )

    def _draft(self, draft_id: str, by: str) -> tuple[MailDraft, Scene, WorkItem]:
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            draft, item = self._seen_draft(connection, draft_id, scene)
            return draft, scene, item

    def _item_id(self, ref: str, by: str) -> str:
        with self._database.read() as connection:
            return self._item(connection, ref, self._scene(connection, by)).id

    def _seen_draft(self, connection: Connection, draft_id: str, scene: Scene, *, lock: bool = False) -> tuple[MailDraft, WorkItem]:
        """A draft and its item, if the person sees the item; else it does not exist for them."""
        named = clean_line(draft_id, 64)
        draft = mail_drafts.get(connection, named, lock=lock)
        item = items.load(connection, (draft.item_id,)).get(draft.item_id) if draft is not None else None
        if draft is None or item is None:
            raise NotFound(f"There is no draft “{named}” that you may see.")
        try:
            self._item(connection, item.ref, scene)
        except NotFound:
            raise NotFound(f"There is no draft “{named}” that you may see.") from None
        return draft, item


def _letter(content: Content, changed: dict[str, Any], without: Collection[str]) -> Letter:
    """The letter of a draft with what a person changes in it; its own files stay but for `without`, images only while the HTML shows them."""
    values: dict[str, Any] = {name: getattr(content, name) for name in _CONTENT & _LETTER}
    values |= {name: value for name, value in changed.items() if value is not None and name in _LETTER}
    values["method"] = values.get("method") or None
    values["send_at"] = _moment(values.get("send_at"))
    html = str(values.get("html", ""))
    values["files"] = tuple(one for one in content.files if one.id not in without and one.goes_with(html))
    return letter_of(values)


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime) or not value:
        return value or None
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise Refused(f"“{clean_line(str(value), 40)}” is no time; nothing was changed.") from None


def _json(draft: MailDraft, scene: Scene) -> Json:
    content = draft.content
    return {
        "id": draft.id,
        "version": draft.version,
        "created_at": moment_json(draft.created_at),
        "created_by": draft.created_by,
        "updated_at": moment_json(draft.updated_at),
        "updated_by": draft.updated_by,
        "open_by_other": other_editor(draft, scene),
        "editor": draft.editor if draft.editor_until is not None and scene.now < draft.editor_until else "",
        "editor_until": moment_json(draft.editor_until),
        **{name: getattr(content, name) for name in sorted(_CONTENT - {"files", "to", "cc", "bcc", "from_"})},
        "from": content.from_,
        "to": list(content.to),
        "cc": list(content.cc),
        "bcc": list(content.bcc),
        "files": [_file(one) for one in content.files],
    }


def _file(one: FileRef) -> Json:
    return {"id": one.id, "name": one.name, "content_type": one.content_type, "size": one.size, "inline_id": one.inline_id}
