"""Undoing what a person decided about an inbound message: what was joined, opened or discarded waits again; the rules are `core/undoing.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core import on_held
from core.decision import Decision, EntryKind
from core.mail import address_key
from core.permissions import sees
from core.refusal import Refused
from core.scene import Scene
from core.undoing import is_still, refused_undo, undo_join, undo_open
from core.verdict import Action, InboundState
from core.work_item import WorkItem
from gateway.desk_base import Json
from gateway.desk_waiting import WaitingDesk
from gateway.store import contacts, inbound_list, inbound_waiting, items, mail_on_item, outbox_rows
from gateway.store.inbound_waiting import Waiting
from gateway.store.mail_on_item import UNDONE, MailLine

MAILS = frozenset({EntryKind.MAIL_IN.value, EntryKind.MAIL_OUT.value, EntryKind.MAIL_HELD.value})
BY_OTHERS = frozenset({EntryKind.LINK.value, EntryKind.ATTENTION.value, EntryKind.MAIL_HELD.value})
"""Lines that another mail may write without changing what a join changed."""
NOTHING = "Nobody decided about this mail by hand, so there is nothing to undo. A mail that stands on an item can be moved: inbound move."


class UndoDesk(WaitingDesk):
    """What a decision leaves for its undo stands on the line of the mail; it holds as long as nothing else happened to the item."""

    def undo_inbound(self, inbound_id: str, by: str) -> Json:
        """The last decision of a person about the mail is taken back, and the mail waits as it did. Raises Refused with what happened since."""

        def deed(connection: Connection) -> Json:
            scene = self._scene(connection, by)
            named = self._seen_inbound(connection, inbound_id, scene)
            state = inbound_waiting.locked(connection, named)
            if state is InboundState.DISCARDED:
                return self._given_back(connection, named, by)
            line = self._decided_line(connection, named)
            self._undo(connection, named, state, line, scene)
            return inbound_list.show(connection, named)

        return self._durably(deed)

    def take_back_inbound(self, inbound_id: str, by: str) -> Json:
        """A discarded mail waits for a decision again, in the state it had."""
        return self._durably(lambda connection: self._given_back(connection, inbound_id, by))

    # ------------------------------------------------------------ discarded

    def _given_back(self, connection: Connection, inbound_id: str, by: str) -> Json:
        scene, found = self._waiting(connection, inbound_id, by, states=frozenset({InboundState.DISCARDED}))
        history = inbound_list.show(connection, found.id)["history"]
        was = next(InboundState(change["was"]) for change in reversed(history) if change["became"] == InboundState.DISCARDED)
        because = next((change["reason"] for change in reversed(history) if change["became"] == was and not change["by"]), "")
        decision = on_held.give_back(self._held_on(connection, found).values(), found.id, scene)
        self._put_aside(connection, found, decision, was, scene, because=because, noted=f"taken back by {scene.by}")
        return inbound_list.show(connection, found.id)

    def _put_aside(
        self, connection: Connection, found: Waiting, decision: Decision, becomes: InboundState, scene: Scene, *, because: str = "", noted: str = ""
    ) -> None:
        """`because`: why it lies there from now on, else who put it there; `noted`: what its history says of it, else the same."""
        why = because or f"{becomes} by {scene.by}"
        self._apply(connection, decision, scene.setup, scene.now)
        inbound_waiting.set_aside(connection, found, becomes, because=why, noted=noted or why, by=scene.by, now=scene.now)

    # ------------------------------------------------------------ what a decision leaves for its undo

    def _before(self, connection: Connection, found: Waiting, decision: Decision, item: WorkItem, action: Action, scene: Scene) -> dict[str, Any]:
        """Everything the decision is about to change, as JSON; read before it is written."""
        fresh = not item.version
        there = {address_key(one.address): one for one in items.contacts_of(connection, (item.id,))[item.id]} if not fresh else {}
        put_on = {address_key(one.address) for one in decision.contacts if one.item_id == item.id}
        addresses = {address_key(further) for _, further in decision.remember_addresses} | put_on
        known = contacts.known(connection, addresses)
        tied = {key for item_id, key in decision.participants if item_id == item.id} | put_on
        return {
            "deed": action.value,
            "at": scene.now.isoformat(),
            "state": found.state.value,
            "reason": found.reason,
            "verdicts": inbound_waiting.verdict_rows(connection, found),
            "added": None if found.numbers else found.next,
            "held_on": [one for one in found.item_ids if one != item.id],
            "item": None if fresh else mail_on_item.kept(item),
            "people": sorted(tied - items.participants_of(connection, (item.id,))[item.id]),
            "contacts": {key: [there[key].name, list(there[key].tags)] if key in there else None for key in sorted(put_on)},
            "addresses": sorted(addresses - known.keys()),
            "cancelled": sorted(change.outbox_id for change in decision.outbox),
        }

    def _remember(self, connection: Connection, inbound_id: str, item_id: str, before: Mapping[str, Any]) -> None:
        """Written on the line of the mail, with how the item was left."""
        line = mail_on_item.lines(connection, inbound_id, (item_id,))[0]
        item = items.load(connection, (item_id,))[item_id]
        left = {"version": item.version, "line": mail_on_item.last_line(connection, item_id), "left": mail_on_item.kept(item)}
        mail_on_item.mark(connection, line, {"undo": {**before, **left}})

    # ------------------------------------------------------------ joined or opened

    def _decided_line(self, connection: Connection, inbound_id: str) -> MailLine:
        """The line that the last decision about the message wrote. Raises Refused if there is none, or if its mail was moved since."""
        shown = inbound_list.item_ids(connection, inbound_id)
        found = [line for line in mail_on_item.lines(connection, inbound_id, shown) if "undo" in line.facts]
        if not found:
            raise Refused(NOTHING)
        return found[0]

    def _undo(self, connection: Connection, inbound_id: str, state: InboundState, line: MailLine, scene: Scene) -> None:
        before: Mapping[str, Any] = line.facts["undo"]
        outbox_rows.lock_unsent(connection, (line.item_id,))
        loaded = items.load(connection, (line.item_id, *before["held_on"]), lock=True)
        own = self._sight(scene)
        if not all(sees(own, one) for one in loaded.values()):
            raise Refused("This decision is about an item that you may not see; somebody who sees it must undo it.")
        item = loaded.pop(line.item_id)
        self._apply(connection, self._taken_back(connection, item, loaded, inbound_id, before, scene), scene.setup, scene.now)
        self._take_off(connection, inbound_id, line, before, scene)
        was, verdicts = InboundState(before["state"]), before["verdicts"]
        inbound_waiting.give_back(
            connection, inbound_id, state, was, verdicts, added=before["added"], reason=before["reason"], by=scene.by, now=scene.now
        )

    def _taken_back(
        self, connection: Connection, item: WorkItem, held_on: Mapping[str, WorkItem], inbound_id: str, before: Mapping[str, Any], scene: Scene
    ) -> Decision:
        later = mail_on_item.since(connection, item.id, before["line"])
        if before["deed"] == Action.OPEN.value:
            mails = [row for row in later if row.kind in MAILS]
            if mails:
                raise refused_undo(item, mail_on_item.shown_since(mails))
            return undo_open(item, held_on.values(), scene, inbound_id=inbound_id)
        ours = [row for row in later if row.kind not in BY_OTHERS or row.inbound_id in (None, "", inbound_id)]
        if ours or not self._is_as_left(item, before, later):
            raise refused_undo(item, mail_on_item.shown_since(ours))
        if before["cancelled"]:
            raise refused_undo(item, "a mail that waited to be sent cancelled itself because of it")
        # Its version then tells whether a Send & Resolve could still be undone; snapshots written before versions were kept have none.
        was = replace(mail_on_item.as_kept(item, before["item"]), version=before["item"].get("version", item.version))
        decided_at = datetime.fromisoformat(before["at"])
        left = mail_on_item.as_kept(item, before["left"]) if later else None
        return undo_join(item, was, held_on.values(), scene, inbound_id=inbound_id, decided_at=decided_at, left=left)

    def _is_as_left(self, item: WorkItem, before: Mapping[str, Any], later: list[Any]) -> bool:
        """Whether nothing, or only other mails that nobody has dealt with, touched the item since."""
        if not later:
            return bool(item.version == before["version"])
        return "left" in before and is_still(item, mail_on_item.as_kept(item, before["left"]))

    def _take_off(self, connection: Connection, inbound_id: str, line: MailLine, before: Mapping[str, Any], scene: Scene) -> None:
        """Ids, people and remembered addresses that the decision brought; the line stays, and says that it was undone."""
        mail_on_item.forget_ids(connection, inbound_id, line.item_id)
        if before["deed"] == Action.JOIN.value:
            mail_on_item.untie(connection, line.item_id, before["people"])
            mail_on_item.drop_contacts(connection, line.item_id, [key for key, was in before["contacts"].items() if was is None])
            for key, was in before["contacts"].items():
                if was is not None:
                    mail_on_item.set_tags(connection, line.item_id, key, was[0], was[1])
            mail_on_item.forget_addresses(connection, before["addresses"])
        mail_on_item.mark(connection, line, {"action": UNDONE, "counts": False, "undone_by": scene.by, "undone_at": scene.now.isoformat()})
