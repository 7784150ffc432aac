"""Taking back a person's decision about a mail that waited."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.on_held import join
from core.refusal import Refused
from core.resolving import snapshot
from core.scene import Scene
from core.setup import Setup
from core.status import TICKET, Event, Place, Reason, ResolutionMethod, Status, WaitType
from core.undoing import BACK_BY, is_still, undo_join, undo_open
from core.wait import Clocks
from core.work_item import WorkItem
from tests.core.test_on_mail import MAIL, NOW, an_item, facts

LATER = NOW + timedelta(hours=5)
JOINABLE = [place for place in TICKET if place.status is not Status.CLOSED]


def scene(setup: Setup, now: object = LATER) -> Scene:
    return Scene(setup.users[0], setup, now)  # type: ignore[arg-type]


@pytest.mark.parametrize("place", JOINABLE, ids=str)
def test_from_everywhere_a_mail_can_have_woken_it(example_setup: Setup, place: Place) -> None:
    """Joined and undone, an item in any place of the table has what it had; status changes only by the table (law 6)."""
    was = replace(an_item(place=place), version=3, attention="Look.", new_information=True, reason=Reason.TIMEOUT, queue="First line", home_queue="First line")
    joined = join(was, MAIL, facts(was, contacts={"i1": ()}), scene(example_setup, NOW)).decision.items[0]
    now = replace(joined, version=4)
    back = undo_join(now, was, (), scene(example_setup), inbound_id="in1", decided_at=NOW).items[0]
    assert (back.place, back.reason, back.attention, back.new_information, back.version) == (place, Reason.TIMEOUT, "Look.", True, 4)


def test_every_way_back_is_in_the_table() -> None:
    """Each cell that undoing asks for leads where it must, and every place that a mail leaves has one."""
    for place, event in BACK_BY.items():
        assert TICKET[Place(Status.TO_DO)][event].to == place
    left = {place for place, row in TICKET.items() if Event.MAIL in row and row[Event.MAIL].to != place}
    assert left == set(BACK_BY)


def test_countdowns(example_setup: Setup) -> None:
    """What ran goes on with what was left; what stood still stands still with the cause it had."""
    due = NOW + timedelta(days=2)
    running = Clocks(answer_within=timedelta(days=2), answer_due=due)
    was = an_item(place=Place(Status.WAIT, WaitType.MORE_INFORMATION), clocks=running)
    now = replace(was, status=Status.TO_DO, wait_type=None, clocks=Clocks())
    assert undo_join(now, was, (), scene(example_setup), inbound_id="in1", decided_at=NOW).items[0].clocks.answer_due == due + timedelta(hours=5)
    held = replace(running, stopped_by=("in1",), stopped_at=NOW)
    assert undo_join(now, replace(was, clocks=held), (), scene(example_setup), inbound_id="in1", decided_at=NOW).items[0].clocks == held


def test_what_other_mails_brought_stays(example_setup: Setup) -> None:
    """A mail that is held meanwhile stops the countdown that is given back, from the undo on; its mark and what it says stay."""
    due = NOW + timedelta(days=2)
    was = an_item(place=Place(Status.WAIT, WaitType.MORE_INFORMATION), clocks=Clocks(answer_within=timedelta(days=2), answer_due=due))
    left = replace(was, status=Status.TO_DO, wait_type=None, clocks=Clocks(), version=1)
    now = replace(left, clocks=left.clocks.stop("in2", NOW), new_information=True, attention="Look.", version=2)
    assert is_still(replace(now, version=left.version), left)
    back = undo_join(now, was, (), scene(example_setup), inbound_id="in1", decided_at=NOW, left=left).items[0]
    assert (back.status, back.clocks.stopped_by, back.clocks.stopped_at) == (Status.WAIT, ("in2",), LATER)
    assert (back.clocks.answer_due, back.new_information, back.attention) == (due + timedelta(hours=5), True, "Look.")


@pytest.mark.parametrize("change", [{"status": Status.IN_PROGRESS}, {"assignee": "ann@demo.example"}, {"new_information": False}, {"clocks": Clocks()}])
def test_what_a_person_changed_is_no_longer_as_the_join_left_it(change: dict[str, object]) -> None:
    """Status, assignment, that somebody has looked, and a countdown that goes on because somebody decided about what stopped it."""
    left = replace(an_item(), new_information=True, clocks=Clocks(stopped_by=("in0",), stopped_at=NOW))
    assert is_still(left, left)
    assert not is_still(replace(left, **change), left)  # type: ignore[arg-type]


def test_a_send_and_resolve_can_be_undone_again(example_setup: Setup) -> None:
    """decisions.md 15: what Send & Resolve would give back is kept as it was, for the version the item now gets."""
    was = replace(an_item(place=Place(Status.RESOLVED)), version=4)
    was = replace(was, before=replace(snapshot(was, "out1"), version=4))
    now = replace(was, version=5, status=Status.TO_DO, before=None)
    back = undo_join(now, was, (), scene(example_setup), inbound_id="in1", decided_at=NOW).items[0]
    assert back.before is not None and back.before.version == 6


@pytest.mark.parametrize("kind", ["ticket", "case"])
def test_an_opened_item_is_cancelled(example_setup: Setup, kind: str) -> None:
    """Closed as cancelled by whoever undid it; nobody has it any more."""
    item = replace(an_item(), kind=kind, assignee="ann@demo.example")
    closed = undo_open(item, (), scene(example_setup), inbound_id="in1").items[0]
    assert (closed.status, closed.resolution_method, closed.reason, closed.assignee) == (Status.CLOSED, ResolutionMethod.CANCELLED, Reason.CANCELLED, "")
    assert closed.resolution is not None and closed.resolution.by == "ann@demo.example"


@pytest.mark.parametrize("status", [Status.CLOSED, Status.RESOLVED])
def test_what_is_over_stays(example_setup: Setup, status: Status) -> None:
    """A resolved or closed item is not cancelled behind people's backs."""
    item: WorkItem = an_item(place=Place(status))
    with pytest.raises(Refused, match="cannot be cancelled"):
        undo_open(item, (), scene(example_setup), inbound_id="in1")
