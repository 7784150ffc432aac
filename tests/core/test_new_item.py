"""Items made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.new_item import NewItem, make_item
from core.refusal import Refused
from core.status import Reason, Status
from tests.core.people import ANN, after, kinds, scene

CHAIR = NewItem("General support", "New chair", "Mine squeaks.", "Question", ("Carl <carl@acme.example>", "boss@acme.example"))


def test_a_ticket_by_hand_is_a_draft_of_its_maker() -> None:
    """A-TK-01, A-ST-02, D2, A-CX-18: Draft, with the maker as assignee; the first contact is primary, requester and subject, the others Cc."""
    decision = make_item(CHAIR, scene(), item_id="i-9", number=101300)
    item = after(decision)
    assert (item.ref, item.kind, item.status, item.reason, item.version) == ("101300-T", "ticket", Status.DRAFT, Reason.NEWLY_CREATED, 0)
    assert (item.assignee, item.owner, item.queue, item.home_queue, item.created_by) == (ANN.email, "", "", "First line", ANN.email)
    assert [(one.address, one.tags) for one in decision.contacts] == [
        ("carl@acme.example", ("primary", "requester", "subject")),
        ("boss@acme.example", ("cc",)),
    ]
    assert kinds(decision) == ["created"]
    assert item.connector == "support"


def test_submitted_at_once() -> None:
    """A-TK-02, A-ST-07: with all it needs it goes to To Do and its queue in one step; one item in the decision, still new."""
    decision = make_item(replace(CHAIR, submit=True), scene(), item_id="i-9", number=101300)
    item = after(decision)
    assert (item.status, item.assignee, item.queue, item.version) == (Status.TO_DO, "", "First line", 0)
    assert kinds(decision)[:2] == ["created", "description"]


def test_a_case_needs_its_short_description() -> None:
    """A-CS-03."""
    with pytest.raises(Refused, match="short description"):
        make_item(NewItem("Claim"), scene(), item_id="i-9", number=1)
    assert after(make_item(NewItem("claim", "Window"), scene(), item_id="i-9", number=101300)).ref == "101300-C"


WRONG = [
    (NewItem("Coffee", "x"), "no process “Coffee”. Possible: General support"),
    (NewItem("General support", "x", category="Tea"), "not a category"),
    (NewItem("General support", "x", contacts=("nobody",)), "not an e-mail address"),
    (NewItem("General support", "x", submit=True), "Missing: a description"),
]


@pytest.mark.parametrize(("new", "sentence"), WRONG)
def test_what_cannot_be_made(new: NewItem, sentence: str) -> None:
    """Each refusal is a sentence that names what is possible or missing."""
    with pytest.raises(Refused, match=sentence):
        make_item(new, scene(), item_id="i-9", number=1)


def test_a_ticket_may_be_begun_with_nothing_but_its_process() -> None:
    """A-TK-01, A-TK-05: a draft may be empty; a mail from it can fill it."""
    assert after(make_item(NewItem("General support"), scene(), item_id="i-9", number=101300)).title == ""


def test_our_own_address_is_nobodys_participant() -> None:
    """decisions.md, participant: never an address of ours."""
    decision = make_item(replace(CHAIR, contacts=("support@demo.example", "carl@acme.example")), scene(), item_id="i-9", number=1)
    assert decision.participants == (("i-9", "carl@acme.example"),)
