"""What people do with inbound messages: look, and decide about what was held, unhandled or quarantined; the rules are `core/on_held.py`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from core import on_held
from core.decision import Decision
from core.mail_facts import MailFacts
from core.new_item import process_for
from core.on_mail import OnMail
from core.permissions import sees
from core.refusal import NotFound, Refused
from core.scene import Scene
from core.verdict import Action, InboundState
from core.wording import clean_line
from core.work_item import WorkItem
from gateway.desk_base import DeskBase, Json
from gateway.store import contacts, inbound_list, inbounds, items, outbox_rows, sight
from gateway.store.inbound_list import OPEN_STATES, REPLAYABLE, Waiting


class InboundDesk(DeskBase):
    """The way in as people meet it. Each decision locks the message first, then the items, and stands in its history."""

    def list_inbound(self, by: str, *, states: Sequence[str] = (), limit: int = inbound_list.MOST) -> list[Json]:
        """The inbound messages within sight, the newest first."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            return inbound_list.listing(connection, states=tuple(states), seen=sight.visible_inbound(self._sight(scene), scene.setup), limit=limit)

    def show_inbound(self, inbound_id: str, by: str) -> Json:
        """One inbound message with its text, verdicts, trace and history."""
        with self._database.read() as connection:
            return inbound_list.show(connection, self._seen_inbound(connection, inbound_id, self._scene(connection, by)))

    def raw_inbound(self, inbound_id: str, by: str) -> bytes:
        """The mail as it came."""
        with self._database.read() as connection:
            return inbounds.raw(connection, self._seen_inbound(connection, inbound_id, self._scene(connection, by)))

    def join_inbound(self, inbound_id: str, ref: str, by: str) -> Json:
        """The mail belongs to this item, and counts as if it had come there; the sender's address is remembered on the contact."""

        def deed(connection: Connection) -> Json:
            scene, found = self._waiting(connection, inbound_id, by)
            outbox_rows.lock_unsent(connection, (self._item(connection, ref, scene).id,))
            item = self._item(connection, ref, scene, lock=True)
            held = self._held_on(connection, found)
            facts = self._facts(connection, found, {**held, item.id: item}, about=(item.id,))
            done = on_held.join(item, found.mail, facts, scene, recipient=found.recipient, connector=found.connector)
            return self._decided(connection, found, done, item.id, item.process_id, Action.JOIN, scene)

        return self._durably(deed)

    def open_inbound(self, inbound_id: str, by: str, *, process: str = "") -> Json:
        """A new item with the mail, of the process named or of that its mailbox leads to; linked to the item it was held on."""

        def deed(connection: Connection) -> Json:
            scene, found = self._waiting(connection, inbound_id, by)
            wanted = process_for(process, scene) if process else on_held.default_process(found.connector, scene)
            held = self._held_on(connection, found)
            facts = self._facts(connection, found, held, about=(), opening=True)
            on = next((one for one in found.item_ids if one in held), "")
            done = on_held.open_item(wanted, found.mail, facts, scene, recipient=found.recipient, connector=found.connector, held_on=on)
            return self._decided(connection, found, done, done.verdicts[0].item_id, wanted.id, Action.OPEN, scene)

        return self._durably(deed)

    def discard_inbound(self, inbound_id: str, by: str) -> Json:
        """The mail is put aside; it is kept, and can be taken back."""

        def deed(connection: Connection) -> Json:
            scene, found = self._waiting(connection, inbound_id, by)
            self._put_aside(connection, found, on_held.discard(self._held_on(connection, found).values(), found.id, scene), InboundState.DISCARDED, scene)
            return inbound_list.show(connection, found.id)

        return self._durably(deed)

    def take_back_inbound(self, inbound_id: str, by: str) -> Json:
        """A discarded mail waits for a decision again, in the state it had."""

        def deed(connection: Connection) -> Json:
            scene, found = self._waiting(connection, inbound_id, by, states=frozenset({InboundState.DISCARDED}))
            history = inbound_list.show(connection, found.id)["history"]
            was = next(InboundState(change["was"]) for change in reversed(history) if change["became"] == InboundState.DISCARDED)
            self._put_aside(connection, found, on_held.give_back(self._held_on(connection, found).values(), found.id, scene), was, scene)
            return inbound_list.show(connection, found.id)

        return self._durably(deed)

    def replay_inbound(self, inbound_id: str, by: str) -> Json:
        """The mail is processed anew, as if it had just come; what was done with it already stands (law 7)."""

        def deed(connection: Connection) -> Json:
            scene, found = self._waiting(connection, inbound_id, by, states=REPLAYABLE)
            inbound_list.replay(connection, found, by=scene.by, now=scene.now)
            return inbound_list.show(connection, found.id)

        return self._durably(deed)

    # ------------------------------------------------------------ how

    def _waiting(self, connection: Connection, inbound_id: str, by: str, *, states: frozenset[InboundState] = OPEN_STATES) -> tuple[Scene, Waiting]:
        scene = self._scene(connection, by)
        found = inbound_list.waiting(connection, self._seen_inbound(connection, inbound_id, scene), states=states)
        sight = self._sight(scene)
        if not all(sees(sight, item) for item in items.load(connection, found.item_ids).values()):
            raise Refused("This mail also waits on an item that you may not see; somebody who sees both must decide.")
        return scene, found

    def _seen_inbound(self, connection: Connection, inbound_id: str, scene: Scene) -> str:
        """The id, if the person may see the message; else it does not exist for them."""
        named = clean_line(inbound_id, 64)
        if not inbound_list.listing(connection, ids=(named,), seen=sight.visible_inbound(self._sight(scene), scene.setup), limit=1):
            raise NotFound(f"There is no inbound message “{named}” that you may see.")
        return named

    def _held_on(self, connection: Connection, found: Waiting) -> dict[str, WorkItem]:
        """The items that the message is held on, or whose countdowns it stopped from the quarantine."""
        return items.load(connection, found.item_ids, lock=True)

    def _facts(
        self, connection: Connection, found: Waiting, known_items: dict[str, WorkItem], *, about: tuple[str, ...], opening: bool = False
    ) -> MailFacts:
        author = found.mail.author
        sender = author.key if author is not None else ""
        return MailFacts(
            inbound_id=found.id,
            received_at=found.received_at,
            archive=found.archive,
            sender_key=sender,
            sender_known=bool(sender) and bool(contacts.known(connection, (sender,))),
            items=known_items,
            contacts=items.contacts_of(connection, about),
            unsent=outbox_rows.unsent_of(connection, about),
            numbers=items.take_numbers(connection, 1) if opening else (),
            draft_ids=(self._clock.new_id(),) if opening else (),
            first=found.next,
        )

    def _decided(self, connection: Connection, found: Waiting, done: OnMail, item_id: str, process_id: str, action: Action, scene: Scene) -> Json:
        self._apply(connection, done.decision, scene.setup, scene.now)
        because = f"{'joined' if action is Action.JOIN else 'opened'} by {scene.by}"
        inbound_list.decide(connection, found, action=action.value, item_id=item_id, process_id=process_id, because=because, by=scene.by, now=scene.now)
        return inbound_list.show(connection, found.id)

    def _put_aside(self, connection: Connection, found: Waiting, decision: Decision, becomes: InboundState, scene: Scene) -> None:
        self._apply(connection, decision, scene.setup, scene.now)
        inbound_list.set_aside(connection, found, becomes, because=f"{becomes} by {scene.by}", by=scene.by, now=scene.now)
