"""What every deed on an inbound message needs: who may see it, the message locked before its items, and the facts the core asks for."""

from __future__ import annotations

from sqlalchemy import Connection

from core.mail import Address
from core.mail_facts import MailFacts
from core.permissions import sees
from core.refusal import NotFound, Refused
from core.scene import Scene
from core.verdict import InboundState
from core.wording import clean_line
from core.work_item import WorkItem
from gateway.desk_base import DeskBase
from gateway.routing.authentication import Authentication, Dmarc
from gateway.routing.facts import Sender
from gateway.routing.requester import requester
from gateway.store import contacts, inbound_list, inbound_waiting, inbounds, items, outbox_rows, sight
from gateway.store.inbound_waiting import OPEN_STATES, Waiting


class WaitingDesk(DeskBase):
    """Messages as people find them. The message is locked first, then the mails that wait on its items, then the items."""

    def _waiting(self, connection: Connection, inbound_id: str, by: str, *, states: frozenset[InboundState] = OPEN_STATES) -> tuple[Scene, Waiting]:
        scene = self._scene(connection, by)
        found = inbound_waiting.waiting(connection, self._seen_inbound(connection, inbound_id, scene), states=states)
        own = self._sight(scene)
        if not all(sees(own, item) for item in items.load(connection, found.item_ids).values()):
            raise Refused("This mail also waits on an item that you may not see; somebody who sees both must decide.")
        return scene, found

    def _seen_inbound(self, connection: Connection, inbound_id: str, scene: Scene) -> str:
        """The id, if the person may see the message; else it does not exist for them."""
        named = clean_line(inbound_id, 64)
        if not inbound_list.listing(connection, ids=(named,), seen=sight.visible_inbound(self._sight(scene), scene.setup), limit=1):
            raise NotFound(f"There is no inbound message “{named}” that you may see.")
        return named

    def _requester(self, found: Waiting, scene: Scene) -> Address | None:
        """Who a new item with the mail is for: the one the routes would take, by what was known of the sender when the mail was decided."""
        author = found.mail.author
        known = Authentication(Dmarc(found.dmarc)) if found.dmarc in list(Dmarc) else Authentication()
        sender = Sender(key=author.key if author is not None else "", authentication=known)
        return requester(found.mail, sender, scene.setup.connector_named.get(found.connector), scene.setup).person

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
            first=inbounds.unused(connection, found.id, found.next) if opening else found.next,
        )
