"""What a person decides about a mail that was held, unhandled or quarantined: join, open as a new item, discard, take that back; pure, as `on_mail.py`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from core.absence import handed_on, present
from core.assignment import place_people
from core.decision import ContactOnItem, Decision, Entry, EntryKind
from core.mail import FREE_MAIL_DOMAINS, Address, Mail
from core.mail_facts import MailFacts
from core.on_mail import OnMail, on_mail
from core.refusal import Refused
from core.scene import Scene
from core.setup import Connector, Process, Route
from core.status import Status
from core.timeline import allocation_entry
from core.verdict import Action, Classification, Resolution, Verdict
from core.work_item import WorkItem


def join(
    item: WorkItem, mail: Mail, facts: MailFacts, scene: Scene, *, recipient: str = "", connector: str = "", because: str = "", counts: bool = True
) -> OnMail:
    """The mail joined to `item` by a person: as if it had come there, and it counts. `facts.contacts` are those of the item.

    `facts.items` are the item and those it was held on, whose countdowns go on. Raises Refused for a closed item.
    """
    if item.status is Status.CLOSED:
        raise Refused(f"{item.ref} is closed. Open a new item with the mail; it can be linked to {item.ref}.")
    verdict = Verdict(recipient, Action.JOIN, because or f"joined by {scene.by}", connector=connector, item_id=item.id, counts=counts)
    done = on_mail(_decided(verdict), mail, facts, scene.setup, scene.now)
    remembered, contacts = _remembered(item, mail, facts, scene)
    more = Decision(remember_addresses=remembered, contacts=contacts)
    return replace(done, decision=_by(done.decision, scene) + more)


def open_item(
    process: Process, mail: Mail, facts: MailFacts, scene: Scene, *, recipient: str, connector: str, requester: Address | None, held_on: str = ""
) -> OnMail:
    """A new item with the mail, linked to the item it was held on, never acknowledged. `facts.numbers` and `draft_ids` are one each."""
    verdict, automated = opening(process, scene, recipient=recipient, connector=connector, requester=requester)
    linked = replace(verdict, old_id=held_on, link="linked" if held_on else "")
    return open_by_verdict(linked, mail, facts, scene, automated=automated)


def opening(process: Process, scene: Scene, *, recipient: str, connector: str, requester: Address | None) -> tuple[Verdict, bool]:
    """The verdict that a person's choice of a process amounts to, and whether its item may be told automatically later.

    `requester` is the person whom the mail is from, as the routes would tell (decisions.md 11).
    """
    verdict = Verdict(
        recipient,
        Action.OPEN,
        f"opened by {scene.by}",
        connector=connector,
        process=process.name,
        process_id=process.id,
        category=_category(process, connector, scene),
        opens=0,
        reply_from=_reply_from(recipient, scene.setup.connector_named.get(connector)),
        requester=requester,
    )
    return verdict, _automated(process, connector, scene)


def open_by_verdict(verdict: Verdict, mail: Mail, facts: MailFacts, scene: Scene, *, automated: bool) -> OnMail:
    """The new item that the verdict promises, made by a person: never acknowledged, whatever else it may be told automatically later."""
    done = on_mail(_decided(replace(verdict, send_automated_emails=False)), mail, facts, scene.setup, scene.now)
    item = replace(done.decision.items[0], send_automated_emails=automated, created_by=scene.by)
    return replace(done, decision=_by(replace(done.decision, items=(item, *done.decision.items[1:])), scene))


def default_process(connector: str, scene: Scene) -> Process:
    """The process that a connector's mail goes to when the person names none: that of its last route. Raises Refused if there is none."""
    for route in reversed(_routes(connector, scene)):
        process = scene.setup.process_named.get(route.process)
        if process is not None:
            return process
    raise Refused("Say which process opens the item: --process NAME.")


def discard(items: Iterable[WorkItem], inbound_id: str, scene: Scene) -> Decision:
    """The mail is put aside: the countdowns of the items it was held on go on, and their timelines say who did it."""
    return _told(items, inbound_id, scene, "A held mail was discarded.", stop=False)


def give_back(items: Iterable[WorkItem], inbound_id: str, scene: Scene, *, text: str = "A discarded mail is held again.") -> Decision:
    """A mail that was discarded, or decided otherwise, is held again: the countdowns stand still."""
    return _told(items, inbound_id, scene, text, stop=True)


def _told(items: Iterable[WorkItem], inbound_id: str, scene: Scene, text: str, *, stop: bool) -> Decision:
    made = Decision()
    for was in items:
        clocks = was.clocks.stop(inbound_id, scene.now) if stop else was.clocks.go(inbound_id, scene.now)
        after = replace(was, clocks=clocks, new_information=was.new_information or stop, updated_at=scene.now, updated_by=scene.by)
        people = present(scene.setup, scene.now, acting=scene.by) if stop else scene.setup.user_of  # what waits for a decision needs somebody who is there
        after = place_people(after, people=people)
        moved = allocation_entry(was, after, scene.now, scene.by)
        lines = (Entry(was.id, scene.now, EntryKind.ATTENTION, by=scene.by, text=text, inbound_id=inbound_id),)
        made = made + Decision(items=(after,), entries=(*lines, *((moved,) if moved is not None else ()), *handed_on(was, after, scene.now, people)))
    return made


def _decided(verdict: Verdict) -> Resolution:
    return Resolution(Classification(), (verdict,), ())


def _by(decision: Decision, scene: Scene) -> Decision:
    """Who decided is written on the mail's line."""
    entries = tuple(
        replace(entry, facts={**entry.facts, "decided_by": scene.by}) if entry.kind is EntryKind.MAIL_IN else entry for entry in decision.entries
    )
    return replace(decision, entries=entries)


# ---------------------------------------------------------------- whose address it is


def _remembered(
    item: WorkItem, mail: Mail, facts: MailFacts, scene: Scene
) -> tuple[tuple[tuple[str, str], ...], tuple[ContactOnItem, ...]]:
    """Joining remembers the address on the contact (decisions.md): on the one of the same name, or the primary one for a private address.

    A colleague from a company we know, or whom we know already, is a person of their own and becomes Cc.
    """
    author = mail.author
    known = facts.contacts.get(item.id, ())
    if author is None or "@" not in author.address or scene.setup.is_ours(author.address) or any(author.key == _key(one) for one in known):
        return (), ()
    owner = None if facts.sender_known else _owner(author, known, scene)
    if owner is not None:
        return ((_key(owner), author.address),), ()
    return (), (ContactOnItem(item.id, author.address, author.name[:300], ("cc",)),)


def _owner(author: Address, known: tuple[ContactOnItem, ...], scene: Scene) -> ContactOnItem | None:
    named = next((one for one in known if author.name and one.name.casefold() == author.name.casefold()), None)
    primary = next((one for one in known if "primary" in one.tags), None)
    private = author.domain in FREE_MAIL_DOMAINS or scene.setup.company(author.domain) is None
    apart = primary is not None and _key(primary).rpartition("@")[2] != author.domain
    return named or (primary if private and apart else None)


def _key(contact: ContactOnItem) -> str:
    return Address(contact.address).key


# ---------------------------------------------------------------- where it would have gone


def _routes(connector: str, scene: Scene) -> tuple[Route, ...]:
    return tuple(route for route in scene.setup.routes if route.connector == connector and route.process)


def _category(process: Process, connector: str, scene: Scene) -> str:
    return next((route.category for route in _routes(connector, scene) if route.process == process.name and route.category), "")


def _automated(process: Process, connector: str, scene: Scene) -> bool:
    return any(route.send_automated_emails for route in _routes(connector, scene) if route.process == process.name)


def _reply_from(recipient: str, owner: Connector | None) -> str:
    """The address that was written to, or that of the mailbox."""
    if "@" in recipient and owner is not None and recipient in owner.keys:
        return recipient
    return owner.address if owner is not None else ""
