"""What moving a mail changes on both items, and who leaves with it (B-CO-07)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.decision import ContactOnItem, EntryKind, Link
from core.mail import Address
from core.on_held import opening
from core.on_moved import brought_only_by, may_be_moved, move_to, move_to_new
from core.refusal import Refused
from core.scene import Scene
from core.setup import Setup
from core.status import Place, Status, WaitType
from core.wait import UNSEEN, Clocks
from tests.core.test_on_mail import JO, MAIL, NOW, SUPPORT, an_item, facts

KIM = Address("kim@acme.example", "Kim")


def scene(setup: Setup) -> Scene:
    return Scene(setup.users[0], setup, NOW)


def test_to_another_item(example_setup: Setup) -> None:
    """The target wakes and its people are tied; the old item keeps its status, loses what the mail stopped, says where it went; both are linked."""
    due = NOW + timedelta(days=1)
    stopped = Clocks(answer_within=timedelta(days=1), answer_due=due, stopped_by=(f"{UNSEEN}in1",), stopped_at=NOW - timedelta(hours=2))
    old = an_item(place=Place(Status.WAIT, WaitType.MORE_INFORMATION), clocks=stopped)
    target = an_item(2, place=Place(Status.RESOLVED))
    told = facts(old, target, sender_key=JO.key, contacts={"i2": ()})
    decision = move_to(old, target, MAIL, told, scene(example_setup), recipient=SUPPORT, connector="support", counts=True, gone=(KIM.key,)).decision
    after = {item.id: item for item in decision.items}
    assert (after["i1"].status, after["i1"].clocks.stopped_by, after["i1"].clocks.answer_due) == (Status.WAIT, (), due + timedelta(hours=2))
    assert (after["i2"].status, after["i2"].new_information) == (Status.TO_DO, True)
    assert decision.links == (Link("i2", "i1", "linked"),)
    assert {one.item_id for one in decision.known_ids} == {"i2"} == {item_id for item_id, _ in decision.participants}
    line = next(entry for entry in decision.entries if entry.item_id == "i1")
    assert (line.kind, line.facts["ref"], line.facts["left"], line.by) == (EntryKind.LINK, target.ref, [KIM.key], "ann@demo.example")


def test_a_mail_that_does_not_count_wakes_nothing(example_setup: Setup) -> None:
    """decisions.md 2 holds on the target too."""
    old, target = an_item(), an_item(2, place=Place(Status.RESOLVED))
    told = facts(old, target, contacts={"i2": ()})
    decision = move_to(old, target, MAIL, told, scene(example_setup), recipient=SUPPORT, connector="support", counts=False, gone=()).decision
    assert next(item for item in decision.items if item.id == "i2").status is Status.RESOLVED


def test_never_to_a_closed_item(example_setup: Setup) -> None:
    """It takes no mail, and the sentence says what can be done."""
    old, target = an_item(), an_item(2, place=Place(Status.CLOSED))
    with pytest.raises(Refused, match=r"2-T is closed and takes no mail.*--new"):
        move_to(old, target, MAIL, facts(old, target), scene(example_setup), recipient=SUPPORT, connector="support", counts=True, gone=())


def test_to_a_new_item(example_setup: Setup) -> None:
    """One new item with requester and link, no acknowledgement; the old one is saved once and has one line."""
    old = an_item()
    verdict, automated = opening(example_setup.processes[0], scene(example_setup), recipient=SUPPORT, connector="support", requester=MAIL.author)
    decision = move_to_new(old, verdict, MAIL, facts(old), scene(example_setup), automated=automated, gone=()).decision
    first, new = decision.items
    assert (first.id, new.version, new.send_automated_emails, new.created_by) == ("i1", 0, True, "ann@demo.example")
    assert decision.links == (Link(new.id, "i1", "linked"),)
    assert [(entry.kind, entry.facts["ref"]) for entry in decision.entries if entry.item_id == "i1"] == [(EntryKind.LINK, new.ref)]
    assert decision.contacts[0].tags == ("primary", "original_requester", "requester")
    assert decision.mails == ()


LEAVING = [
    ("named by nothing else", (), frozenset(), (KIM.key,), ()),
    ("named by another mail", (), frozenset({KIM.key}), (), ()),
    ("a contact with a part", (ContactOnItem("i1", KIM.address, "Kim", ("primary",)),), frozenset(), (), ()),
    ("Cc by this mail", (ContactOnItem("i1", KIM.address, "Kim", ("cc",)),), frozenset(), (KIM.key,), (KIM.key,)),
    ("Cc and named otherwise", (ContactOnItem("i1", KIM.address, "Kim", ("cc",)),), frozenset({KIM.key}), (), ()),
]


@pytest.mark.parametrize(("name", "contacts", "named", "people", "leaving"), LEAVING, ids=[row[0] for row in LEAVING])
def test_who_leaves_with_it(
    example_setup: Setup, name: str, contacts: tuple[ContactOnItem, ...], named: frozenset[str], people: tuple[str, ...], leaving: tuple[str, ...]
) -> None:
    """Nobody who wrote or was named otherwise, and no contact that is more than the Cc this mail made."""
    mail = replace(MAIL, from_=(KIM,), to=(), cc=(), reply_to=())
    assert brought_only_by(mail, contacts, named, example_setup) == (people, leaving)


def test_what_cannot_be_moved() -> None:
    """The mail that opened the item, and a delivery report about one of its mails."""
    with pytest.raises(Refused, match="opened 1-T"):
        may_be_moved(an_item(), "open", created=True)
    with pytest.raises(Refused, match="delivery report"):
        may_be_moved(an_item(), "bounce", created=False)
    may_be_moved(an_item(), "append", created=False)
