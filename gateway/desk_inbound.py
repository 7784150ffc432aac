"""What people do with inbound messages: look, and decide about what was held, unhandled or quarantined; the rules are `core/on_held.py`."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from core import on_held
from core.decision import Decision
from core.new_item import process_for
from core.refusal import Refused
from core.scene import Scene
from core.setup import Role
from core.verdict import Action, InboundState
from core.work_item import WorkItem
from gateway.desk_base import Json
from gateway.desk_moved import MoveDesk
from gateway.desk_routes import RouteDesk
from gateway.desk_undo import UndoDesk
from gateway.store import inbound_list, inbound_waiting, inbounds, outbox_rows, sight
from gateway.store.inbound_list import Wanted
from gateway.store.inbound_waiting import ORIGINAL, REPLAYABLE, Waiting

LARGEST_EDIT = 50_000_000
"""Bytes of a content that a person may put in the place of a quarantined one."""
EDITABLE = frozenset({InboundState.QUARANTINED})


class InboundDesk(UndoDesk, MoveDesk, RouteDesk):
    """The way in as people meet it. Each decision locks the message first, then the items, and stands in its history."""

    def list_inbound(self, by: str, *, limit: int = inbound_list.MOST, **filters: Any) -> list[Json]:
        """The inbound messages within sight, the newest first. `filters` are the fields of `Wanted`: states, connector, address, sender, text, …"""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            return inbound_list.listing(connection, _wanted(filters), seen=sight.visible_inbound(self._sight(scene), scene.setup), limit=limit)

    def count_inbound(self, by: str, **filters: Any) -> dict[str, dict[str, int]]:
        """State → `total` and `recent` (the last 24 hours) of the messages within sight; `filters` as for the list (B-UH-02)."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            return inbound_list.counts(connection, _wanted(filters), scene.now, seen=sight.visible_inbound(self._sight(scene), scene.setup))

    def show_inbound(self, inbound_id: str, by: str) -> Json:
        """One inbound message with its text, verdicts, trace and history."""
        with self._database.read() as connection:
            return inbound_list.show(connection, self._seen_inbound(connection, inbound_id, self._scene(connection, by)))

    def raw_inbound(self, inbound_id: str, by: str, *, original: bool = False) -> bytes:
        """The mail as it is processed; with `original` as it came, also where a person has replaced it since."""
        with self._database.read() as connection:
            named = self._seen_inbound(connection, inbound_id, self._scene(connection, by))
            kept = inbounds.raws(connection, (named + ORIGINAL,)) if original else {}
            return kept.get(named + ORIGINAL) or inbounds.raw(connection, named)

    def join_inbound(self, inbound_id: str, ref: str, by: str) -> Json:
        """The mail belongs to this item, and counts as if it had come there; the sender's address is remembered on the contact."""

        def deed(connection: Connection) -> Json:
            scene, found = self._waiting(connection, inbound_id, by)
            outbox_rows.lock_unsent(connection, (self._item(connection, ref, scene).id,))
            item = self._item(connection, ref, scene, lock=True)
            held = self._held_on(connection, found)
            facts = self._facts(connection, found, {**held, item.id: item}, about=(item.id,))
            done = on_held.join(item, found.mail, facts, scene, recipient=found.recipient, connector=found.connector)
            return self._decided(connection, found, done.decision, item, item.process_id, Action.JOIN, scene)

        return self._durably(deed)

    def open_inbound(self, inbound_id: str, by: str, *, process: str = "") -> Json:
        """A new item with the mail, of the process named or of that its mailbox leads to; linked to the item it was held on."""

        def deed(connection: Connection) -> Json:
            scene, found = self._waiting(connection, inbound_id, by)
            wanted = process_for(process, scene) if process else on_held.default_process(found.connector, scene)
            held = self._held_on(connection, found)
            facts = self._facts(connection, found, held, about=(), opening=True)
            on = next((one for one in found.item_ids if one in held), "")
            asks = self._requester(found, scene)
            done = on_held.open_item(
                wanted, found.mail, facts, scene, recipient=found.recipient, connector=found.connector, requester=asks, held_on=on
            )
            return self._decided(connection, found, done.decision, done.decision.items[0], wanted.id, Action.OPEN, scene)

        return self._durably(deed)

    def discard_inbound(self, inbound_id: str, by: str) -> Json:
        """The mail is put aside; it is kept, and can be taken back."""

        def deed(connection: Connection) -> Json:
            scene, found = self._waiting(connection, inbound_id, by)
            self._put_aside(connection, found, on_held.discard(self._held_on(connection, found).values(), found.id, scene), InboundState.DISCARDED, scene)
            return inbound_list.show(connection, found.id)

        return self._durably(deed)

    def replay_inbound(self, inbound_id: str, by: str) -> Json:
        """The mail is processed anew, as if it had just come; what was done with it already stands (law 7)."""

        def deed(connection: Connection) -> Json:
            scene, found = self._waiting(connection, inbound_id, by, states=REPLAYABLE)
            inbound_waiting.replay(connection, found, by=scene.by, now=scene.now)
            return inbound_list.show(connection, found.id)

        return self._durably(deed)

    def edit_inbound(self, inbound_id: str, by: str, content: bytes, *, most: int = LARGEST_EDIT) -> Json:
        """A quarantined mail is processed anew with this content; the one that came is kept for ever. Raises Refused for nothing and for too much."""
        if not content.strip():
            raise Refused("The new content is empty; nothing was changed.")
        if len(content) > most:
            raise Refused(f"The new content has {len(content)} bytes, more than the {most} that are allowed; nothing was changed.")

        def deed(connection: Connection) -> Json:
            scene, found = self._waiting(connection, inbound_id, by, states=EDITABLE)
            if scene.user.role is not Role.ADMIN:  # what is written there is believed like what a server in front wrote
                raise Refused("Only an administrator may replace the content of a mail; nothing was changed.")
            was = inbounds.raw(connection, found.id)
            if was == content:
                raise Refused("The new content is what is there already. To process it once more: inbound replay.")
            because = f"content replaced by {scene.by}: {len(was)} bytes (SHA-256 {_digest(was)}) became {len(content)} (SHA-256 {_digest(content)})"
            inbound_waiting.replace_raw(connection, found, content, by=scene.by, now=scene.now, because=because)
            inbound_waiting.replay(connection, found, by=scene.by, now=scene.now)
            return inbound_list.show(connection, found.id)

        return self._durably(deed)

    # ------------------------------------------------------------ how

    def _decided(self, connection: Connection, found: Waiting, decision: Decision, item: WorkItem, process_id: str, action: Action, scene: Scene) -> Json:
        """Write it, with what an undo will ask for."""
        before = self._before(connection, found, decision, item, action, scene)
        self._apply(connection, decision, scene.setup, scene.now)
        because = f"{'joined' if action is Action.JOIN else 'opened'} by {scene.by}"
        inbound_waiting.decide(connection, found, action=action.value, item_id=item.id, process_id=process_id, because=because, by=scene.by, now=scene.now)
        self._remember(connection, found.id, item.id, before)
        return inbound_list.show(connection, found.id)


def _wanted(filters: dict[str, Any]) -> Wanted:
    values: dict[str, Any] = {name: tuple(value) if name in ("states", "ids") else value for name, value in filters.items()}
    return Wanted(**values)


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]
