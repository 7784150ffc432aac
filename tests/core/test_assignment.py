"""Who has an item in each situation, row by row of behaviour.md D2."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.assignment import PLACING, Situation, hand_over, place_people, situation
from core.status import CLOSED, DRAFT, IN_PROGRESS, RESOLVED, TO_DO, WAIT_INFORMATION, WAIT_PAUSE, WAIT_UNTIL, Place
from tests.core.people import SETUP, made

ANN, BOB = "ann@demo.example", "bob@demo.example"
PEOPLE = SETUP.user_of

TICKET_ROWS = [
    (DRAFT, Situation.DRAFT),
    (TO_DO, Situation.WORK_ON_TICKET),
    (IN_PROGRESS, Situation.WORK_ON_TICKET),
    (WAIT_INFORMATION, Situation.RESTING),
    (WAIT_UNTIL, Situation.RESTING),
    (RESOLVED, Situation.RESTING),
    (CLOSED, Situation.CLOSED),
]
CASE_ROWS = [(place, Situation.WORK_ON_CASE if row is Situation.WORK_ON_TICKET else row) for place, row in TICKET_ROWS] + [(WAIT_PAUSE, Situation.RESTING)]


@pytest.mark.parametrize(("kind", "place", "row"), [("ticket", *one) for one in TICKET_ROWS] + [("case", *one) for one in CASE_ROWS], ids=str)
@pytest.mark.parametrize("mark", ["", "new_information", "attention"])
def test_each_situation_has_its_row(kind: str, place: Place, row: Situation, mark: str) -> None:
    """D2: new information and the need for attention come before the status, except where an item is a draft or closed."""
    item = made(kind, place, new_information=mark == "new_information", attention="look" if mark == "attention" else "")
    calls = mark and place not in (DRAFT, CLOSED)
    assert situation(item) is (Situation.CALLS if calls else row)


@pytest.mark.parametrize("row", list(Situation), ids=str)
@pytest.mark.parametrize("held_as", ["assignee", "owner"])
def test_each_row_sets_and_clears_what_it_says(row: Situation, held_as: str) -> None:
    """D2: whoever had the item stands in the column that the row sets, and nowhere else; the queue is that of the process or empty."""
    kind, place, marked = {
        Situation.CLOSED: ("ticket", CLOSED, False),
        Situation.DRAFT: ("ticket", DRAFT, False),
        Situation.CALLS: ("case", WAIT_PAUSE, True),
        Situation.WORK_ON_TICKET: ("ticket", IN_PROGRESS, False),
        Situation.WORK_ON_CASE: ("case", IN_PROGRESS, False),
        Situation.RESTING: ("ticket", WAIT_UNTIL, False),
    }[row]
    item = replace(made(kind, place, new_information=marked, queue="elsewhere"), **{held_as: ANN})
    assert situation(item) is row
    rule = PLACING[row]
    placed = place_people(item, people=PEOPLE)
    assert placed.assignee == (ANN if rule.assignee else "")
    assert placed.owner == (ANN if rule.owner else "")
    assert placed.queue == (item.home_queue if rule.queue else "")


@pytest.mark.parametrize("row", [TO_DO, WAIT_INFORMATION, RESOLVED], ids=str)
def test_what_nobody_has_stays_in_its_queue(row: Place) -> None:
    """A ticket or case without assignee and owner is seen in its queue, whatever its situation asks for."""
    for kind in ("ticket", "case"):
        placed = place_people(made(kind, row, queue=""), people=PEOPLE)
        assert (placed.assignee, placed.owner, placed.queue) == ("", "", placed.home_queue)


def test_waiting_and_back_keeps_the_person() -> None:
    """D2: who worked on a ticket becomes its owner while it waits, and its assignee when it comes back."""
    waiting = place_people(made(place=WAIT_INFORMATION, assignee=ANN), people=PEOPLE)
    assert (waiting.assignee, waiting.owner, waiting.queue) == ("", ANN, "")
    back = place_people(replace(waiting, status=TO_DO.status, wait_type=None), people=PEOPLE)
    assert (back.assignee, back.owner, back.queue) == (ANN, "", "First line")


def test_a_person_who_left_is_not_given_the_item_again() -> None:
    """D2, "first valid": an owner who is no longer active is dropped, and the item is in its queue for everybody."""
    back = place_people(made(place=TO_DO, owner="gone@demo.example"), people=PEOPLE)
    assert (back.assignee, back.owner, back.queue) == ("", "", "First line")
    assert place_people(made(place=TO_DO, owner="gone@demo.example")).assignee == "gone@demo.example"


def test_who_acts_fills_a_gap_only_where_the_item_rests() -> None:
    """Waiting or resolving makes an owner of who did it; in To Do nobody gets a ticket without taking it, and nobody takes it from a colleague."""
    assert place_people(made(place=WAIT_UNTIL), people=PEOPLE, by=BOB).owner == BOB
    assert place_people(made("case", TO_DO), people=PEOPLE, by=BOB).owner == BOB
    assert place_people(made(place=TO_DO), people=PEOPLE, by=BOB).assignee == ""
    assert place_people(made(place=WAIT_UNTIL, assignee=ANN), people=PEOPLE, by=BOB).owner == ANN


def test_handing_over_and_giving_back() -> None:
    """A hand-over replaces the person; a release leaves nobody and the queue."""
    assert hand_over(made(assignee=ANN), BOB, people=PEOPLE).assignee == BOB
    assert hand_over(made("case", owner=ANN), BOB, people=PEOPLE).owner == BOB
    released = hand_over(made(assignee=ANN, queue=""), "", people=PEOPLE)
    assert (released.assignee, released.queue) == ("", "First line")
