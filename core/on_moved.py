"""A mail that was appended to an item goes to another one, or becomes its own (B-CO-07): what that changes on both; pure, as `on_held.py`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from core.assignment import place_people
from core.decision import ContactOnItem, Decision, Entry, EntryKind, Link
from core.mail import Address, Mail
from core.mail_facts import MailFacts
from core.mail_item import people_of
from core.on_held import join, open_by_verdict
from core.on_mail import OnMail
from core.refusal import Refused
from core.scene import Scene
from core.setup import Setup
from core.status import Status
from core.verdict import Action, Verdict
from core.wait import UNSEEN
from core.work_item import WorkItem

LINKED = "linked"


def move_to(
    old: WorkItem, target: WorkItem, mail: Mail, facts: MailFacts, scene: Scene, *, recipient: str, connector: str, counts: bool, gone: Collection[str]
) -> OnMail:
    """The mail of `old` on `target`, which reacts as if it had come there; `gone` are those who took part in `old` by this mail alone.

    `facts.items` are both, `facts.contacts` those of the target. Raises Refused for a closed target.
    """
    if target.status is Status.CLOSED:
        raise Refused(f"{target.ref} is closed and takes no mail. Make a new item of the mail: inbound move --new.")
    because = f"moved from {old.ref} by {scene.by}"
    done = join(target, mail, _without(facts, old), scene, recipient=recipient, connector=connector, because=because, counts=counts)
    line = Entry(target.id, scene.now, EntryKind.LINK, by=scene.by, text=f"A mail was moved here from {old.ref}.", facts=_link(old), inbound_id=facts.inbound_id)
    moved = Decision(entries=(line,), links=(Link(target.id, old.id, LINKED),))
    return replace(done, decision=_taken_off(old, target.ref, mail, facts.inbound_id, gone, scene) + done.decision + moved)


def move_to_new(old: WorkItem, verdict: Verdict, mail: Mail, facts: MailFacts, scene: Scene, *, automated: bool, gone: Collection[str]) -> OnMail:
    """The mail of `old` as an item of its own, opened as the verdict says, linked, never acknowledged."""
    opening = replace(verdict, old_id=old.id, link=LINKED, copies=False, because=f"{verdict.because}; moved from {old.ref} by {scene.by}")
    done = open_by_verdict(opening, mail, facts, scene, automated=automated)
    new = done.decision.items[0]
    entries = tuple(entry for entry in done.decision.entries if not (entry.item_id == old.id and entry.kind is EntryKind.LINK))
    items = tuple(item for item in done.decision.items if item.id != old.id)
    made = replace(done.decision, items=items, entries=entries)
    return replace(done, decision=_taken_off(old, new.ref, mail, facts.inbound_id, gone, scene) + made)


def brought_only_by(mail: Mail, contacts: Collection[ContactOnItem], named: Collection[str], setup: Setup) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(participants, contacts) of an item, as address keys, that it has by this mail alone; `named` are those whom anything else of the item names.

    A contact goes with the mail only where it is its author, as Cc and nothing more: whoever the item is for stays.
    """
    author = mail.author.key if mail.author is not None else ""
    leaving = tuple(_key(one) for one in contacts if one.tags == ("cc",) and _key(one) == author and author not in named)
    stay = {_key(one) for one in contacts} - set(leaving) | set(named)
    return tuple(key for key in people_of(mail, setup) if key not in stay), leaving


def may_be_moved(item: WorkItem, action: str, *, created: bool) -> None:
    """Raises Refused for the mail that opened the item, and for a report about a mail of the item (B-CO-07)."""
    if created:
        raise Refused(f"This mail opened {item.ref} and stays its first mail. Only mails that came later can be moved.")
    if action == Action.BOUNCE.value:
        raise Refused(f"This is a delivery report about a mail of {item.ref} and stays with it.")


def _taken_off(old: WorkItem, ref: str, mail: Mail, inbound_id: str, gone: Collection[str], scene: Scene) -> Decision:
    """The old item says where the mail went; a mail of doubtful nature stops its countdowns no longer."""
    after = replace(scene.touched(old), clocks=old.clocks.go(f"{UNSEEN}{inbound_id}", scene.now))
    after = place_people(after, people=scene.setup.user_of)
    who = f" by {mail.author}" if mail.author is not None else ""
    text = f"A mail{who} was moved to {ref}. What it changed here stays."
    facts: dict[str, object] = {"ref": ref, "link": LINKED, "moved": inbound_id}
    if gone:
        text += f" Taking part only by it, and no longer: {', '.join(sorted(gone)[:10])}."
        facts["left"] = sorted(gone)
    return Decision(items=(after,), entries=(Entry(old.id, scene.now, EntryKind.LINK, by=scene.by, text=text, facts=facts, inbound_id=inbound_id),))


def _without(facts: MailFacts, old: WorkItem) -> MailFacts:
    return replace(facts, items={item_id: item for item_id, item in facts.items.items() if item_id != old.id})


def _link(old: WorkItem) -> dict[str, object]:
    return {"ref": old.ref, "link": LINKED}


def _key(contact: ContactOnItem) -> str:
    return Address(contact.address).key
