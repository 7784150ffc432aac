"""What a person decides about a mail that waits: join, open, discard, take back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.decision import ContactOnItem, EntryKind, Link
from core.mail import Address
from core.mail_facts import MailFacts
from core.on_held import default_process, discard, give_back, join, open_item
from core.refusal import Refused
from core.scene import Scene
from core.setup import Setup
from core.status import Place, Status, WaitType
from core.wait import Clocks
from core.work_item import WorkItem
from tests.core.test_on_mail import JO, MAIL, NOW, SUPPORT, an_item, facts

PRIVATE = Address("jo@home.example", "Jo at home")
WAITING = Place(Status.WAIT, WaitType.MORE_INFORMATION)
PRIMARY = ContactOnItem("i1", JO.address, "Jo Martin", ("primary", "requester"))


def scene(setup: Setup) -> Scene:
    return Scene(setup.users[0], setup, NOW)


def held(**more: object) -> WorkItem:
    """A waiting item whose countdown the mail stopped three hours ago."""
    clocks = Clocks(answer_within=timedelta(days=2), answer_due=NOW, stopped_by=("in1",), stopped_at=NOW - timedelta(hours=3))
    return an_item(place=WAITING, clocks=clocks, new_information=True, **more)


def told(*items: WorkItem, author: Address = PRIVATE, **more: object) -> MailFacts:
    values: dict[str, object] = {"sender_key": author.key, "sender_known": False, "contacts": {"i1": (PRIMARY,)}, **more}
    return facts(*items, **values)


def test_joined(example_setup: Setup) -> None:
    """decisions.md: joined by a person, the mail counts: it wakes the item, ends its countdown, ties its people, and says who decided."""
    item = held()
    decision = join(item, replace(MAIL, from_=(PRIVATE,)), told(item), scene(example_setup), recipient=SUPPORT, connector="support").decision
    (after,) = decision.items
    assert (after.status, after.clocks, after.new_information) == (Status.TO_DO, Clocks(), True)
    line = next(entry for entry in decision.entries if entry.kind is EntryKind.MAIL_IN)
    assert (line.facts["decided_by"], line.by) == ("ann@demo.example", PRIVATE.key)
    assert ("i1", PRIVATE.key) in decision.participants
    assert decision.known_ids[0].item_id == "i1"
    assert decision.mails == ()


def test_joined_elsewhere(example_setup: Setup) -> None:
    """Joined to another item than the one it was held on: the countdown of the first goes on with the time that was left."""
    first, other = held(), an_item(2)
    decision = join(other, MAIL, told(first, other, author=JO), scene(example_setup)).decision
    by_id = {item.id: item for item in decision.items}
    assert (by_id["i1"].clocks.stopped_by, by_id["i1"].clocks.answer_due) == ((), NOW + timedelta(hours=3))
    assert by_id["i2"].new_information


def test_a_closed_item_takes_nothing(example_setup: Setup) -> None:
    """A closed item cannot be joined; the sentence says what can be done."""
    item = an_item(place=Place(Status.CLOSED))
    with pytest.raises(Refused, match="1-T is closed"):
        join(item, MAIL, told(item), scene(example_setup))


REMEMBERED = [
    ("a private address is the primary contact's", PRIVATE, False, (("jo@acme.example", PRIVATE.address),), ()),
    ("the same name", Address("someone@globex.example", "jo martin"), False, (("jo@acme.example", "someone@globex.example"),), ()),
    ("a colleague", Address("kim@acme.example", "Kim"), False, (), ("kim@acme.example",)),
    ("another company", Address("x@globex.example", "X"), False, (), ("x@globex.example",)),
    ("known already", PRIVATE, True, (), (PRIVATE.address,)),
    ("on the item already", JO, False, (), ()),
    ("one of ours", Address("claims@demo.example"), False, (), ()),
]


@pytest.mark.parametrize(("name", "author", "known", "remembered", "cc"), REMEMBERED, ids=[row[0] for row in REMEMBERED])
def test_whose_address_it_is(
    example_setup: Setup, name: str, author: Address, known: bool, remembered: tuple[tuple[str, str], ...], cc: tuple[str, ...]
) -> None:
    """decisions.md: joining remembers the address on the contact; a person of their own becomes Cc instead."""
    item = held()
    found = told(item, author=author, sender_known=known)
    decision = join(item, replace(MAIL, from_=(author,)), found, scene(example_setup)).decision
    assert decision.remember_addresses == remembered
    assert tuple(one.address for one in decision.contacts) == cc


def test_opened(example_setup: Setup) -> None:
    """decisions.md: a new linked item for the sender, never acknowledged; the item it was held on goes on."""
    item = held()
    done = open_item(
        example_setup.processes[0],
        replace(MAIL, from_=(PRIVATE,)),
        told(item),
        scene(example_setup),
        recipient=SUPPORT,
        connector="support",
        requester=PRIVATE,
        held_on="i1",
    )
    new, first = done.decision.items
    assert (new.id, new.status, new.category, new.reply_from, new.created_by, new.send_automated_emails) == (
        "in1.0",
        Status.TO_DO,
        "Question",
        SUPPORT,
        "ann@demo.example",
        True,
    )
    assert first.clocks.stopped_by == ()
    assert done.decision.links == (Link("in1.0", "i1", "linked"),)
    assert [one.address for one in done.decision.contacts] == [PRIVATE.address]
    assert done.decision.mails == ()


def test_opened_from_unhandled(example_setup: Setup) -> None:
    """B-UH-05: an unhandled mail opens an item of the process named, answering from the mailbox it came to."""
    done = open_item(
        example_setup.processes[1], MAIL, told(author=JO), scene(example_setup), recipient="old@demo.example", connector="claims", requester=JO
    )
    (new,) = done.decision.items
    assert (new.kind, new.reply_from, done.decision.links) == ("case", "claims@demo.example", ())


def test_the_process_where_none_is_named(example_setup: Setup) -> None:
    """The process that the mailbox's last route leads to; a mailbox without one is asked for."""
    assert default_process("claims", scene(example_setup)).name == "Claim"
    with pytest.raises(Refused, match="--process"):
        default_process("", scene(example_setup))


def test_discarded_and_taken_back(example_setup: Setup) -> None:
    """One click, undoable: discarded, the countdown goes on; taken back, it stands still again; both are written down."""
    item = held()
    decision = discard([item], "in1", scene(example_setup))
    (after,) = decision.items
    assert (after.status, after.clocks.stopped_by, after.clocks.answer_due) == (Status.WAIT, (), NOW + timedelta(hours=3))
    assert (decision.entries[0].by, decision.entries[0].inbound_id) == ("ann@demo.example", "in1")
    (again,) = give_back([after], "in1", scene(example_setup)).items
    assert (again.clocks.stopped_by, again.new_information) == (("in1",), True)
