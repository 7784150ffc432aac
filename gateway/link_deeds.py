"""What each link in a mail to our people does, worked out before it is written, so that looking and doing are the same; `desk_links.py` asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from core.by_mail import ByMail, Occasion
from core.decision import Decision
from core.deeds import Ask
from core.link_words import Impossible, occasion_words, place_words, say
from core.mail import address_key
from core.mail_links import LinkDeed, MailLink
from core.mail_undo import asked_of, names_of, outlook, undone
from core.on_person import act
from core.outbox import OutboxMessage, OutboxState
from core.permissions import sees
from core.refusal import Refused
from core.scene import Scene
from core.setup import User
from core.status import Status
from core.transitions import IllegalTransition
from core.work_item import WorkItem
from gateway.desk_outbox import DEEDS, OutboxDesk
from gateway.link_page import Buttons
from gateway.store import conversations, items, outboxes

SUBSCRIBE = "subscribe"
"""The other button of an unsubscribe link."""
DIGEST = "digest"
"""The occasion of an unsubscribe link that means all that is collected."""
_OF_HELD = {LinkDeed.SEND: DEEDS["release"], LinkDeed.DISCARD: DEEDS["cancel"]}
_NOT_HELD = {
    OutboxState.QUEUED: "let_go",
    OutboxState.PENDING_RETRY: "let_go",
    OutboxState.SENDING: "sending",
    OutboxState.CANCELLED: "cancelled",
}
"""Why a mail is not to be decided about any more; else it has left."""

Released = Callable[[Connection, MailLink, OutboxMessage, Scene], Decision]
"""What else the author of a held mail wanted, decided for when it is let go; written in the same commit. Raises Refused and IllegalTransition."""

Write = Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: whose link, who they are now, in which language; `answer` is the button, `lock` whether it is about to be written."""

    link: MailLink
    scene: Scene
    language: str
    answer: str = ""
    note: str = ""
    lock: bool = False

    def say(self, key: str, **facts: str) -> str:
        """A sentence in the person's language."""
        return say(self.language, key, **facts)

    @property
    def button(self) -> Buttons:
        """The one that does what the link is for."""
        deed = str(self.link.deed)
        return ((deed, self.say(f"{deed}.button")),)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A deed worked out and not written: what it would do and did, in words, and how it is written (None: there is nothing to do).

    `further` are the buttons of the page that says it is done; `stays`: the link can be used again.
    """

    would: tuple[str, ...]
    did: tuple[str, ...] = ()
    about: str = ""
    write: Write | None = None
    buttons: Buttons = ()
    further: Buttons = ()
    note: bool = False
    note_needed: bool = False
    stays: bool = False


class LinkDeeds(OutboxDesk):
    """Every deed as its person would do it on the page, with the rights they have now. Each raises Refused with a sentence."""

    released: Released

    def _prepared(self, connection: Connection, asked: Asked) -> Prepared:
        return _PREPARE[asked.link.deed](self, connection, asked)

    def _seen_item(self, connection: Connection, asked: Asked) -> WorkItem:
        """The item of the link, if its person may see it now."""
        item = items.load(connection, (asked.link.item_id,), lock=asked.lock).get(asked.link.item_id) if asked.link.item_id else None
        if item is None or not sees(self._sight(asked.scene), item):
            raise Impossible("not_seen")
        return item

    def _decided(self, decision: Callable[[], Decision], scene: Scene) -> Write:
        def write(connection: Connection) -> None:
            self._apply(connection, decision(), scene.setup, scene.now)

        return write

    def _undo(self, connection: Connection, asked: Asked) -> Prepared:
        """Mails are locked before their item, as everywhere."""
        body, scene = asked.link.body, asked.scene
        found = (outboxes.get(connection, one, lock=asked.lock) for one in sorted(asked_of(body)))
        messages = {one.id: one for one in found if one is not None and one.item_id == asked.link.item_id}
        item = self._seen_item(connection, asked)
        plan = outlook(item, body, messages, scene)
        would = [asked.say("undo.what", what=str(body["what"]))] if body.get("what") else []
        did: list[str] = []
        for message in plan.cancels:
            named = {"subject": message.subject, "to": names_of(message)}
            would.append(asked.say("undo.would_cancel", **named))
            did.append(asked.say("undo.did_cancel", **named))
        if plan.back is not None:
            manner = "move" if plan.back.place != item.place else "restore"
            named = {"ref": item.ref, "place": place_words(plan.back, asked.language)} if manner == "move" else {"ref": item.ref}
            would.append(asked.say(f"undo.would_{manner}", **named))
            did.append(asked.say(f"undo.did_{manner}", **named))
        told = [asked.say("undo.not_restored", ref=item.ref)] if plan.changed else []
        told += [asked.say("undo.others")] if body.get("cancelled") else []
        told += [asked.say("undo.note")] if plan.back is None and not plan.cancels else []
        write = self._decided(lambda: undone(item, body, messages, scene), scene)
        return Prepared((*would, *told), (*did, *told), _about(item), write, asked.button)

    def _take(self, connection: Connection, asked: Asked) -> Prepared:
        item = self._seen_item(connection, asked)
        decision = _acted(item, "take", Ask(), connection, asked)
        after = decision.items[0]
        if (after.place, after.assignee, after.owner) == (item.place, item.assignee, item.owner):
            return Prepared((asked.say("take.mine", ref=item.ref),), about=_about(item))
        holder = asked.scene.setup.user_of.get(item.assignee or item.owner)
        others = holder is not None and holder.id != asked.scene.user.id
        would = (asked.say("take.would", ref=item.ref), *((asked.say("take.from", name=holder.name or holder.email),) if holder is not None and others else ()))
        write = self._decided(lambda: decision, asked.scene)
        return Prepared(would, (asked.say("take.did", ref=item.ref),), _about(item), write, asked.button)

    def _resolve(self, connection: Connection, asked: Asked) -> Prepared:
        """With the resolution there is, or was (decisions.md 5), or one that is typed on the page (A-TK-16)."""
        item = self._seen_item(connection, asked)
        note = asked.note.strip()
        again = False
        try:
            decision = _acted(item, "resolve", Ask(note=note), connection, asked)
        except Refused as refused:
            if isinstance(refused, Impossible) or note:
                raise
            try:
                decision, again = _acted(item, "resolve-again", Ask(), connection, asked), True
            except Refused:
                needs = (asked.say("resolve.would", ref=item.ref), asked.say("resolve.needs_note"))
                return Prepared(needs, (), _about(item), lambda _: None, asked.button, note=True, note_needed=True)
        manner = "_close" if decision.items[0].status is Status.CLOSED else ""
        would = (asked.say(f"resolve.would{manner}", ref=item.ref), *((asked.say("resolve.again"),) if again else ()))
        write = self._decided(lambda: decision, asked.scene)
        return Prepared(would, (asked.say(f"resolve.did{manner}", ref=item.ref),), _about(item), write, asked.button, note=True)

    def _decide_held(self, connection: Connection, asked: Asked) -> Prepared:
        """Let it go, or cancel it. Whoever presses the button has been asked already: what overtook the mail does not stop it again."""
        message, item = self._held_mail(connection, asked)
        deed = _OF_HELD[asked.link.deed]

        def write(connection: Connection) -> None:
            after = outboxes.act(connection, message.id, deed.event, asked.scene.now, asked.scene.by)
            if item is not None:
                self._tell_item_of_mail(connection, item.id, message, after, deed, asked.scene)
            if asked.link.deed is LinkDeed.SEND:
                more = self.released(connection, asked.link, message, asked.scene)
                self._apply(connection, more, asked.scene.setup, asked.scene.now)

        named, name = {"subject": message.subject, "to": names_of(message)}, str(asked.link.deed)
        about = _about(item) if item is not None else ""
        return Prepared((asked.say(f"{name}.would", **named),), (asked.say(f"{name}.did", **named),), about, write, asked.button)

    def _held_mail(self, connection: Connection, asked: Asked) -> tuple[OutboxMessage, WorkItem | None]:
        """A held mail of the link's person, and its item if they may see it still."""
        message = outboxes.get(connection, str(asked.link.body.get("outbox_id", "")), lock=asked.lock)
        if message is None or address_key(message.author) != asked.scene.by:
            raise Impossible("no_mail")
        item = items.load(connection, (message.item_id,)).get(message.item_id) if message.item_id else None
        if item is not None and not sees(self._sight(asked.scene), item):
            raise Impossible("not_seen")
        if message.state is not OutboxState.HELD:
            raise Impossible(_NOT_HELD.get(message.state, "left"), subject=message.subject, to=names_of(message))
        return message, item

    def _unsubscribe(self, connection: Connection, asked: Asked) -> Prepared:
        """Their own choice, changed as `guichet user notify` would; asked for again it is as it is."""
        occasion = str(asked.link.body.get("occasion", ""))
        if occasion not in (*Occasion, DIGEST):
            raise Impossible("broken")
        words = {"occasion": occasion_words(occasion, asked.language)}
        again: Buttons = () if occasion == DIGEST else ((SUBSCRIBE, asked.say("subscribe.button")),)
        if asked.answer == SUBSCRIBE and again:
            return Prepared((), (asked.say("subscribe.did", **words),), write=self._chosen(asked, occasion, wanted=True), further=asked.button, stays=True)
        tells = _tells(asked.scene.user.by_mail, occasion)
        would = asked.say("unsubscribe.would" if tells else "unsubscribe.off", **words)
        write = self._chosen(asked, occasion, wanted=False)
        return Prepared((would,), (asked.say("unsubscribe.did", **words),), "", write, asked.button if tells else again, again, stays=True)

    def _chosen(self, asked: Asked, occasion: str, *, wanted: bool) -> Write:
        def write(connection: Connection) -> None:
            setup = self._setups.locked(connection)
            users = tuple(_choosing(one, occasion, wanted) if address_key(one.email) == asked.scene.by and one.active else one for one in setup.users)
            self._setups.save(connection, replace(setup, users=users), asked.scene.user.email, asked.scene.now)

        return write


_PREPARE: Mapping[LinkDeed, Callable[[LinkDeeds, Connection, Asked], Prepared]] = {
    LinkDeed.UNDO: LinkDeeds._undo,
    LinkDeed.TAKE: LinkDeeds._take,
    LinkDeed.RESOLVE: LinkDeeds._resolve,
    LinkDeed.SEND: LinkDeeds._decide_held,
    LinkDeed.DISCARD: LinkDeeds._decide_held,
    LinkDeed.UNSUBSCRIBE: LinkDeeds._unsubscribe,
}


def _acted(item: WorkItem, verb: str, ask: Ask, connection: Connection, asked: Asked) -> Decision:
    """A verb as on the page. Raises Impossible where the table has no such cell, else Refused."""
    try:
        return act(item, verb, ask, asked.scene, conversations.conversation(connection, item.id))
    except IllegalTransition:
        raise Impossible("not_now", ref=item.ref, place=place_words(item, asked.language)) from None


def _tells(by_mail: ByMail, occasion: str) -> bool:
    return bool(by_mail.digest) if occasion == DIGEST else occasion in by_mail.at_once or occasion in by_mail.digest


def _choosing(user: User, occasion: str, wanted: bool) -> User:
    """The person with this choice. What is wanted again is told at once; nothing is collected any more where the digest is left."""
    mine = user.by_mail
    if occasion == DIGEST:
        return user if wanted else replace(user, by_mail=replace(mine, digest=()))
    if wanted:
        told = mine if _tells(mine, occasion) else replace(mine, at_once=(*mine.at_once, Occasion(occasion)))
        return replace(user, by_mail=told)
    less = {"at_once": tuple(one for one in mine.at_once if one != occasion), "digest": tuple(one for one in mine.digest if one != occasion)}
    return replace(user, by_mail=replace(mine, at_once=less["at_once"], digest=less["digest"]))


def _about(item: WorkItem) -> str:
    return f"{item.ref} · {item.title}" if item.title else item.ref
