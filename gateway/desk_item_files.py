"""Files that people put on an item or on the desk's shelf: added, listed, handed out, taken away; files that came in are `desk_files.py`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from core.decision import Decision, Entry, EntryKind
from core.permissions import leads
from core.refusal import NotFound, Refused
from core.scene import Scene
from core.setup import Role
from core.status import Status
from core.wording import clean_line
from core.work_item import WorkItem
from gateway.desk_base import DeskBase, Json
from gateway.desk_files import HandedOut
from gateway.desk_html import NewFile
from gateway.desk_uploads import Upload, looked_at
from gateway.store import mail_drafts, stored_files
from gateway.store.moments import moment_json
from gateway.store.stored_files import DESK, StoredFile

MOST_FILES = 1_000
"""On one shelf."""


class ItemFileDesk(DeskBase):
    """An item's files go with its mails; the desk's shelf holds those of canned texts and templates. `ref` '' is the desk's shelf."""

    def add_files(self, ref: str, by: str, uploads: Sequence[Upload], *, anyway: bool = False) -> list[Json]:
        """Put files on a shelf, all or none; one that is there already with the same name and content is taken instead.

        Raises Refused for what is too large, of a type that is not allowed (unless `anyway`), on a closed item, and for the desk's shelf to agents.
        """
        if len(uploads) > MOST_FILES:  # said before each of them is looked into
            raise Refused(f"There may be at most {MOST_FILES} files here, and these are {len(uploads)}. Nothing was stored.")
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            new = [looked_at(one, scene.setup, anyway=anyway) for one in uploads]

        def deed(connection: Connection) -> list[Json]:
            scene = self._scene(connection, by)
            item = self._shelf(connection, ref, scene, change=True)
            shelf = item.id if item is not None else DESK
            there = {one.id for one in stored_files.on_shelf(connection, shelf)}
            if len(there) + len(new) > MOST_FILES:
                raise Refused(f"There may be at most {MOST_FILES} files here, and there are {len(there)}. Take some away first; nothing was stored.")
            kept = [self._keep(connection, shelf, one, scene) for one in new]
            if item is not None:
                self._say(connection, item, [one for one in kept if one.id not in there], "Files were added", scene)
            return [_json(one, ()) for one in kept]

        return self._durably(deed)

    def list_files(self, ref: str, by: str) -> list[Json]:
        """The files of a shelf, the oldest first; `drafts` are those that carry one (C-DR-01). Images that stand in mails are left out."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            item = self._shelf(connection, ref, scene)
            carried: dict[str, list[str]] = {}
            for draft in mail_drafts.of_item(connection, item.id) if item is not None else ():
                for one in draft.content.files:
                    carried.setdefault(one.id, []).append(draft.id)
            found = stored_files.on_shelf(connection, item.id if item is not None else DESK)
            return [_json(one, carried.get(one.id, ())) for one in found if not one.source.endswith("inline")]

    def get_file(self, ref: str, file_id: str, by: str) -> HandedOut:
        """One file of a shelf. Raises NotFound."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            one = _on_shelf(connection, self._shelf(connection, ref, scene), file_id, ref)
            return HandedOut(one.name, one.content_type, stored_files.contents(connection, (one.id,))[one.id])

    def remove_file(self, ref: str, file_id: str, by: str) -> Json:
        """Take a file off a shelf; mails that carry it keep it. Raises NotFound, and Refused on a closed item and for a file of a draft."""

        def deed(connection: Connection) -> Json:
            scene = self._scene(connection, by)
            item = self._shelf(connection, ref, scene, change=True)
            one = _on_shelf(connection, item, file_id, ref)
            users = [draft.id for draft in mail_drafts.of_item(connection, item.id) if one.id in {file.id for file in draft.content.files}] if item is not None else []
            if users:
                raise Refused(f"“{one.name}” goes with a draft ({', '.join(users[:3])}). Take it out there first; it is still here.")
            stored_files.remove(connection, one.id, scene.now)
            if item is not None:
                self._say(connection, item, (one,), "A file was taken away", scene)
            return _json(one, ())

        return self._durably(deed)

    def _shelf(self, connection: Connection, ref: str, scene: Scene, *, change: bool = False) -> WorkItem | None:
        """The item whose files are meant, None for the desk's shelf. Raises NotFound, Refused."""
        if ref:
            item = self._item(connection, ref, scene, lock=change)
            if change and item.status is Status.CLOSED:
                raise Refused(f"{item.ref} is closed: its files stay as they are.")
            return item
        if change and scene.user.role is not Role.ADMIN and not leads(scene.user, scene.setup):
            raise Refused("The files of the desk are changed by leaders of teams and administrators.")
        return None

    def _keep(self, connection: Connection, shelf: str, one: NewFile, scene: Scene) -> StoredFile:
        return stored_files.add(connection, self._clock.new_id(), shelf, one.name, one.content_type, one.content, now=scene.now, by=scene.by, source=one.source)

    def _say(self, connection: Connection, item: WorkItem, changed: Sequence[StoredFile], words: str, scene: Scene) -> None:
        """A line on the timeline."""
        if not changed:
            return
        facts: dict[str, object] = {"files": [{"id": one.id, "name": one.name, "size": one.size} for one in changed]}
        text = f"{words}: {', '.join(one.name for one in changed)}."
        self._apply(connection, Decision(entries=(Entry(item.id, scene.now, EntryKind.FILE, by=scene.by, text=text, facts=facts),)), scene.setup, scene.now)


def _on_shelf(connection: Connection, item: WorkItem | None, file_id: str, ref: str) -> StoredFile:
    named = clean_line(file_id, 64)
    one = stored_files.load(connection, (named,)).get(named)
    if one is None or one.removed_at is not None or one.shelf != (item.id if item is not None else DESK):
        where = f"on {ref.upper()}" if ref else "on the desk's shelf"
        raise NotFound(f"There is no file “{named}” {where}.")
    return one


def _json(one: StoredFile, drafts: Sequence[str]) -> Json:
    return {
        "id": one.id,
        "name": one.name,
        "content_type": one.content_type,
        "size": one.size,
        "created_at": moment_json(one.created_at),
        "created_by": one.created_by,
        "source": one.source,
        "drafts": list(drafts),
    }
