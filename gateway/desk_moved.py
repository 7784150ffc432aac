"""A mail that was appended to an item is moved to another one, or becomes an item of its own (B-CO-07); the rules are `core/on_moved.py`."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from core import on_held
from core.mail import Envelope, Mail
from core.new_item import process_for
from core.on_moved import brought_only_by, may_be_moved, move_to, move_to_new
from core.permissions import sees
from core.refusal import Refused
from core.scene import Scene
from core.verdict import Action, Verdict
from core.work_item import WorkItem
from gateway.desk_base import Json
from gateway.desk_waiting import WaitingDesk
from gateway.inbound.isolate import read_mail
from gateway.inbound.rerouting import rerouted
from gateway.store import inbound_claims, inbound_list, inbound_waiting, inbounds, items, mail_on_item, outbox_rows
from gateway.store.inbound_waiting import Waiting
from gateway.store.mail_on_item import MOVED, MailLine


class MoveDesk(WaitingDesk):
    """The message is locked first, then both items; what the mail did to the item it leaves stays done, and a line there says so."""

    def move_inbound(self, inbound_id: str, by: str, *, to: str = "", process: str = "", from_: str = "") -> Json:
        """The mail goes to the item `to`, or without it to a new one: of the process named, or sent through the routes again with matching disabled.

        `from_` is needed where it stands on several items. Raises Refused for the mail that opened its item, and for a closed target.
        """
        if to and process:
            raise Refused("Say either to which item the mail goes, or the process of a new one.")
        read = None if to or process else self._read_again(inbound_id, by)

        def deed(connection: Connection) -> Json:
            scene = self._scene(connection, by)
            named = self._seen_inbound(connection, inbound_id, scene)
            inbound_waiting.locked(connection, named)
            line, source = self._stands_on(connection, named, from_, scene)
            found = inbound_waiting.on_item(connection, named, source.id)
            may_be_moved(source, str(line.facts.get("action", "")), created=mail_on_item.created(connection, named, source.id))
            if to:
                self._move_to(connection, found, line, source, to, scene)
            else:
                self._move_to_new(connection, found, line, source, process, read, scene)
            return inbound_list.show(connection, named)

        return self._durably(deed)

    # ------------------------------------------------------------ where it stands

    def _stands_on(self, connection: Connection, inbound_id: str, from_: str, scene: Scene) -> tuple[MailLine, WorkItem]:
        """The line of the mail on the item it is moved from. Raises Refused where there is none, or more than one and nobody said which."""
        lines = {line.item_id: line for line in reversed(mail_on_item.lines(connection, inbound_id, inbound_list.item_ids(connection, inbound_id)))}
        own = self._sight(scene)
        seen = {item.ref: item for item in items.load(connection, lines).values() if sees(own, item)}
        if from_:
            item = seen.get(self._item(connection, from_, scene).ref)
            if item is None:
                raise Refused(f"The mail does not stand on {from_.upper()}. It stands on: {', '.join(sorted(seen)) or 'no item that you may see'}.")
            return lines[item.id], item
        if not seen:
            raise Refused("This mail stands on no item that you may see, so there is nothing to move. What waits is joined or opened: inbound join, inbound open.")
        if len(seen) > 1:
            raise Refused(f"This mail stands on {', '.join(sorted(seen))}. Say from which it is moved: --from REF.")
        item = next(iter(seen.values()))
        return lines[item.id], item

    # ------------------------------------------------------------ where it goes

    def _move_to(self, connection: Connection, found: Waiting, line: MailLine, source: WorkItem, to: str, scene: Scene) -> None:
        target = self._item(connection, to, scene)
        if target.id == source.id:
            raise Refused(f"The mail stands on {source.ref} already.")
        if mail_on_item.lines(connection, found.id, (target.id,)):
            raise Refused(f"The mail stands on {target.ref} too: it came to both.")
        outbox_rows.lock_unsent(connection, sorted((source.id, target.id)))
        both = items.load(connection, (source.id, target.id), lock=True)
        old, target = both[source.id], both[target.id]
        facts = self._facts(connection, found, both, about=(target.id,))
        gone, leaving = self._only_by(connection, found, old, scene)
        counts = bool(line.facts.get("counts", True))
        done = move_to(
            old, target, found.mail, facts, scene, recipient=found.recipient, connector=found.connector, counts=counts, gone=(*gone, *leaving)
        )
        self._leave(connection, found.id, line, old, target.ref, (*gone, *leaving), leaving, scene)
        self._apply(connection, done.decision, scene.setup, scene.now)
        self._moved(connection, found, old, target, Action.JOIN, scene)

    def _move_to_new(
        self, connection: Connection, found: Waiting, line: MailLine, source: WorkItem, process: str, read: tuple[Mail, Envelope] | None, scene: Scene
    ) -> None:
        verdict, automated = self._opening(connection, found, process, read, scene)
        outbox_rows.lock_unsent(connection, (source.id,))
        old = items.load(connection, (source.id,), lock=True)[source.id]
        mail = found.mail if read is None else read[0]
        facts = self._facts(connection, found, {old.id: old}, about=(), opening=True)
        gone, leaving = self._only_by(connection, found, old, scene)
        done = move_to_new(old, verdict, mail, facts, scene, automated=automated, gone=(*gone, *leaving))
        new = done.decision.items[-1]
        self._leave(connection, found.id, line, old, new.ref, (*gone, *leaving), leaving, scene)
        self._apply(connection, done.decision, scene.setup, scene.now)
        self._moved(connection, found, old, new, Action.OPEN, scene)

    def _opening(self, connection: Connection, found: Waiting, process: str, read: tuple[Mail, Envelope] | None, scene: Scene) -> tuple[Verdict, bool]:
        """What opens the new item, and whether it may be told automatically later. Raises Refused where no route opens one."""
        if read is None:
            asks = self._requester(found, scene)
            return on_held.opening(process_for(process, scene), scene, recipient=found.recipient, connector=found.connector, requester=asks)
        mail, envelope = read
        verdict = rerouted(connection, found.id, mail, envelope, found.recipient, scene.setup, scene.now)
        if verdict.action is not Action.OPEN:
            raise Refused(f"No route opens an item for this mail ({verdict.because}). Name the process: --process NAME.")
        return replace(verdict, opens=0), verdict.send_automated_emails

    # ------------------------------------------------------------ how

    def _read_again(self, inbound_id: str, by: str) -> tuple[Mail, Envelope]:
        """The mail with all its headers, read outside of any transaction."""
        with self._database.read() as connection:
            named = self._seen_inbound(connection, inbound_id, self._scene(connection, by))
            content, envelope = inbounds.raw(connection, named), inbound_claims.envelope(connection, named)
        return read_mail(content), envelope

    def _only_by(self, connection: Connection, found: Waiting, old: WorkItem, scene: Scene) -> tuple[tuple[str, ...], tuple[str, ...]]:
        named = mail_on_item.named_by_others(connection, found.id, old.id)
        people, leaving = brought_only_by(found.mail, items.contacts_of(connection, (old.id,))[old.id], named, scene.setup)
        tied = items.participants_of(connection, (old.id,))[old.id]
        return tuple(key for key in people if key in tied and key not in leaving), leaving

    def _leave(
        self, connection: Connection, inbound_id: str, line: MailLine, old: WorkItem, ref: str, people: tuple[str, ...], leaving: tuple[str, ...], scene: Scene
    ) -> None:
        """The line stays and says where the mail is now; answers to it go there."""
        mail_on_item.forget_ids(connection, inbound_id, old.id)
        mail_on_item.untie(connection, old.id, people)
        mail_on_item.drop_contacts(connection, old.id, leaving)
        said = {"action": MOVED, "counts": False, "moved_to": ref, "moved_by": scene.by, "moved_at": scene.now.isoformat()}
        mail_on_item.mark(connection, line, said)

    def _moved(self, connection: Connection, found: Waiting, old: WorkItem, new: WorkItem, action: Action, scene: Scene) -> None:
        because = f"moved from {old.ref} to {new.ref} by {scene.by}"
        inbound_waiting.moved(
            connection, found, action=action.value, item_id=new.id, process_id=new.process_id, because=because, by=scene.by, now=scene.now
        )
