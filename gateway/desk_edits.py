"""Changing a mail that waits in the outbox, with its HTML cleaned, its files looked at and its size checked as when it was written (E-27, C-CO-09)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from core.mail_edits import PARTS
from core.outbox import FileRef, OutboxMessage
from core.outbox_acts import Edit
from core.refusal import Refused
from core.scene import Scene
from core.wording import clean_line
from core.work_item import WorkItem
from core.writing import Letter
from gateway.desk_base import Json
from gateway.desk_html import written
from gateway.desk_letters import Asked, Ready, Weight, ready, require_size, stored
from gateway.desk_outbox import Deed, OutboxDesk
from gateway.desk_uploads import Upload
from gateway.outbound.bodies import text_of_html
from gateway.store import outboxes

_GIVEN = "given"
"""Under which name what was made ready travels among the changes."""
_WEIGHS = frozenset({"text", "html", "files"})


@dataclass(frozen=True, slots=True)
class _Given:
    """What was made ready outside the transaction: new files, and ids of those that the mail carries no more. Changes from the outside cannot hold one."""

    found: Ready
    without: frozenset[str]


class EditDesk(OutboxDesk):
    """The outbox, where an edit may also add files and take them away."""

    def edit_mail(
        self,
        outbox_id: str,
        by: str,
        *,
        files: Sequence[str | FileRef] = (),
        attach: Sequence[Upload] = (),
        from_mail: Sequence[tuple[str, int]] = (),
        without: Collection[str] = (),
        anyway: bool = False,
        **changes: Any,
    ) -> Json:
        """Change a mail that has not been tried (E-27): `subject`, `text`, `html`, `to`, `cc`, `bcc`, `send_at` (aware), and what goes with it.

        Files are added as `mail` takes them; `without` are ids of those it carries no more, the others stay. New HTML without a new text is
        its text too. Raises as `do_with_mail`, and Refused for files that are not taken and a mail that would be too large.
        """
        html = changes.get("html")
        asked = Asked(files, attach, from_mail, anyway)
        if html or without or files or attach or from_mail:
            with self._database.read() as connection:
                scene = self._scene(connection, by)
                _, item = self._seen_message(connection, outbox_id, scene)
                if item is None:
                    raise Refused("This mail belongs to no item: its text and its files stay as they are.")
                if files or from_mail:
                    self._item(connection, item.ref, scene)  # of an item out of sight an author has the mail, and nothing else
                found = ready(connection, item, scene, Letter(html=html or ""), asked, draft=True)
            changes |= {_GIVEN: _Given(found, frozenset(without))} | ({"html": found.letter.html} if html else {})
            if html and changes.get("text") is None:
                changes["text"] = text_of_html(found.letter.html)
        return self.do_with_mail("edit", outbox_id, by, changes=changes)

    def _mail_after(
        self, connection: Connection, outbox_id: str, deed: Deed, scene: Scene, *, reason: str, anyway: bool, changes: Json | None, lock: bool = False
    ) -> tuple[OutboxMessage, WorkItem | None, Edit | None, OutboxMessage]:
        made = dict(changes or {})
        given = made.pop(_GIVEN, None)
        if not isinstance(given, _Given):
            made.pop("files", None)
            if made.get("html"):
                made["html"], _ = written(str(made["html"]), most=2 * scene.setup.max_mail_size)
        else:
            made["files"] = self._files(connection, outbox_id, scene, given, made.get("html"))
        strange = next((name for name in made if name not in PARTS), None)
        if strange is not None:
            raise Refused(f"“{clean_line(strange, 40)}” is nothing that can be changed in a mail; there are {', '.join(PARTS)}. Nothing was changed.")
        message, item, edit, after = super()._mail_after(connection, outbox_id, deed, scene, reason=reason, anyway=anyway, changes=made, lock=lock)
        if any(made.get(name) is not None for name in _WEIGHS):
            draft, _ = outboxes.draft_of(after)
            require_size(connection, Weight(draft.connector, draft.text, draft.html, draft.files, len(draft.recipients)), scene.setup)
        return message, item, edit, after

    def _files(self, connection: Connection, outbox_id: str, scene: Scene, given: _Given, html: str | None) -> tuple[FileRef, ...]:
        """What it carries afterwards: its own files but for those taken away and images that new HTML shows no more, and the new ones."""
        message, item = self._seen_message(connection, outbox_id, scene, lock=True)
        assert item is not None, "only a mail of an item was made ready"
        page = html if html is not None else str(message.content.get("html", ""))
        kept = [one for one in outboxes.draft_of(message)[0].files if one.id not in given.without and one.goes_with(page)]
        new = stored(connection, self._clock, item, scene, given.found).files
        return tuple({(one.id, one.inline_id): one for one in (*kept, *new)}.values())
