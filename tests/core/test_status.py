"""Every cell of the status tables, legal and illegal, against the expectation written out here by hand from the specification."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.status import TABLES, Event, Place, Reason, Status, WaitType
from core.transitions import IllegalTransition, step
from core.work_item import move, possible
from tests.core.people import NOW, made

D, T, P, I, U, Z, S, L, R, C = (  # noqa: E741  # one letter a place, as in the grids below
    Place(Status.DRAFT),
    Place(Status.TO_DO),
    Place(Status.IN_PROGRESS),
    Place(Status.WAIT, WaitType.MORE_INFORMATION),
    Place(Status.WAIT, WaitType.UNTIL),
    Place(Status.WAIT, WaitType.PAUSE),
    Place(Status.WAIT, WaitType.SPLIT),
    Place(Status.WAIT, WaitType.CASE_LAUNCHED),
    Place(Status.RESOLVED),
    Place(Status.CLOSED),
)
LETTERS = {"D": D, "T": T, "P": P, "I": I, "U": U, "Z": Z, "S": S, "L": L, "R": R, "C": C}

TICKET_GRID = """
event                 D T P I U S L R C
submit                T . . . . . . . .
update                . P P . . . . . .
take                  . P P . . . . . .
assign                . T T . . . . . .
release               . T T . . . . . .
start                 . P . P P . . . .
stop                  . . T T T . . . .
wait_more_information . I I I I . . . .
wait_until            . U U U U . . . .
wait_pause            . . . . . . . . .
resume                . . . T T . . . .
resolve               R R R R R . . . .
resolve_final         C C C C C . . . .
reopen                . . . . . . . T .
cancel                . . . . . . . . .
split                 . S S . . . . . .
launch_case           . L L . . . . . .
merge                 . C C C C . . . .
related_done          . . . . . C C . .
mail                  D T P T U S L T .
date_reached          . . . . T . . . .
no_answer             . . . T . . . . .
no_answer_close       . . . C . . . . .
feedback_over         . . . . . . . C .
delivery_failed       D T T T T S L T .
undo_resolve          . . . . . . . ? .
"""
CASE_GRID = """
event                 D T P I U Z R C
submit                T . . . . . . .
update                . P P . . . . .
take                  . P P . . . . .
assign                . T T . . . . .
release               . T T . . . . .
start                 . P . P P P . .
stop                  . . T T T T . .
wait_more_information . I I I I I . .
wait_until            . U U U U U . .
wait_pause            . Z Z Z Z . . .
resume                . . . T T T . .
resolve               R R R R R R . .
resolve_final         C C C C C C . .
reopen                . . . . . . T .
cancel                C C C C C C . .
split                 . . . . . . . .
launch_case           . . . . . . . .
merge                 . . . . . . . .
related_done          . . . . . . . .
mail                  D T P T U Z T .
date_reached          . . . . T . . .
no_answer             . . . . . . . .
no_answer_close       . . . . . . . .
feedback_over         . . . . . . C .
delivery_failed       D T T T T T T .
undo_resolve          . . . . . . ? .
"""


def cells(kind: str, grid: str) -> list[tuple[str, Place, Event, Place | str | None]]:
    """The grid as rows: `.` is not possible, `?` goes back to where it was."""
    head, *rows = (row.split() for row in grid.strip().splitlines())
    return [
        (kind, LETTERS[letter], Event(row[0]), {".": "impossible", "?": None}.get(cell, LETTERS.get(cell)))
        for row in rows
        for letter, cell in zip(head[1:], row[1:], strict=True)
    ]


CELLS = cells("ticket", TICKET_GRID) + cells("case", CASE_GRID)


def test_the_grids_name_every_place_and_every_event() -> None:
    """No row, column or cell of the tables is left out of the test."""
    for kind, table in TABLES.items():
        walked = [(place, event) for one, place, event, _ in CELLS if one == kind]
        assert set(walked) == {(place, event) for place in table for event in Event}
        assert len(walked) == len(set(walked))


@pytest.mark.parametrize(("kind", "place", "event", "to"), CELLS, ids=lambda value: str(value))
def test_each_cell_leads_where_the_specification_says(kind: str, place: Place, event: Event, to: Place | str | None) -> None:
    """A-ST-01…15, A-TK-08…28, A-CS-07…24: a legal cell moves the item with its reason, an illegal one is refused with a sentence and changes nothing."""
    item = made(kind, place)
    if to == "impossible":
        with pytest.raises(IllegalTransition, match=f"^{item.ref}: .*not possible.*Possible now: "):
            move(item, event, NOW, "ann@demo.example")
        assert event not in possible(item)
        return
    assert event in possible(item)
    if to is None:
        with pytest.raises(IllegalTransition, match="no earlier state"):
            move(item, event, NOW, "")
        return
    assert isinstance(to, Place)
    moved = move(item, event, NOW, "ann@demo.example")
    assert moved.item.place == to
    assert moved.was == place
    assert moved.changed == (to != place)
    assert isinstance(moved.move.reason, Reason)
    if moved.changed:
        assert (moved.item.reason, moved.item.updated_at, moved.item.updated_by) == (moved.move.reason, NOW, "ann@demo.example")
    else:
        assert moved.item == item


@pytest.mark.parametrize("kind", ["ticket", "case"])
def test_closed_is_terminal(kind: str) -> None:
    """A-ST-01: nothing whatever moves a closed item."""
    assert possible(made(kind, C)) == ()


def test_a_wait_type_goes_with_waiting_only() -> None:
    """A-ST-14: every waiting place has a wait type, no other place has one."""
    for table in TABLES.values():
        for place, row in table.items():
            reached = [place, *(cell.to for cell in row.values() if cell.to is not None)]
            assert all((one.status is Status.WAIT) == (one.wait_type is not None) for one in reached)


def test_every_place_a_cell_leads_to_is_a_row() -> None:
    """No event leads out of the table."""
    for table in TABLES.values():
        assert {cell.to for row in table.values() for cell in row.values()} - {None} <= set(table)


def test_every_place_but_draft_can_be_reached_from_draft() -> None:
    """Nothing in the tables is dead: from a draft, or a first To Do, every place can be reached."""
    for table in TABLES.values():
        reached = {D}
        while True:
            more = {cell.to for place in reached for cell in table[place].values() if cell.to is not None} | reached
            if more == reached:
                break
            reached = more
        assert reached == set(table)


def test_a_missing_row_is_refused_as_well() -> None:
    """A state that the table does not know answers with a sentence, not with a crash."""
    with pytest.raises(IllegalTransition, match="Possible now: nothing"):
        step(TABLES["case"], S, Event.MAIL)
    with pytest.raises(IllegalTransition, match="101203-C"):
        move(replace(made("case"), status=Status.WAIT, wait_type=WaitType.SPLIT), Event.MAIL, NOW, "")
