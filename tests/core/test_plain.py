"""Values as plain tables and back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

import pytest

from core.plain import PlainTrouble, from_plain, to_plain
from core.setup import Setup
from core.setup_parts import PARTS


class Colour(StrEnum):
    """Two colours."""

    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    """A part of a thing."""

    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Thing:
    """One field of each type."""

    id: str
    name: str
    colour: Colour = Colour.RED
    count: int = 1
    on: bool = False
    wait: timedelta = timedelta(days=1)
    undo: timedelta | None = None
    waits: tuple[timedelta, ...] = ()
    inner: Inner = Inner()
    free: dict[str, object] = field(default_factory=dict)


FULL = Thing("7", "x", Colour.BLUE, 2, True, timedelta(hours=1), timedelta(0), (timedelta(seconds=1),), Inner(("a", "b")), {"k": 1})


def test_written_and_read_is_the_same() -> None:
    """Every type survives JSON; the id is kept apart."""
    assert from_plain(Thing, json.loads(json.dumps(to_plain(FULL, full=True))), id="7") == FULL


def test_defaults_are_left_out_or_written() -> None:
    """For people only what differs, for the database everything, so that a later default changes nothing stored."""
    assert to_plain(Thing("1", "x"), full=False) == {"name": "x"}
    assert to_plain(Thing("1", "x"), full=True) == {
        "name": "x",
        "colour": "red",
        "count": 1,
        "on": False,
        "wait": "P1D",
        "waits": [],
        "inner": {"words": []},
        "free": {},
    }


@pytest.mark.parametrize(
    ("table", "path", "said"),
    [
        ({}, "t.name", "missing; text is expected"),
        ({"name": 1}, "t.name", "text is expected, not 1"),
        ({"name": "x", "nmae": "y"}, "t.nmae", "unknown key; known here: colour, count, free, inner, name, on"),
        ({"name": "x", "id": "y"}, "t.id", "unknown key"),
        ({"name": "x", "colour": "green"}, "t.colour", "'green' is not one of red, blue"),
        ({"name": "x", "colour": []}, "t.colour", "is not one of red, blue"),
        ({"name": "x", "count": True}, "t.count", "a whole number is expected, not True"),
        ({"name": "x", "count": "1"}, "t.count", "a whole number is expected, not '1'"),
        ({"name": "x", "on": 1}, "t.on", "true or false is expected, not 1"),
        ({"name": "x", "wait": "1d"}, "t.wait", "“1d” is not a duration"),
        ({"name": "x", "undo": 3}, "t.undo", "a duration such as P5D or PT10S is expected, not 3"),
        ({"name": "x", "waits": "P1D"}, "t.waits", "a list is expected, not 'P1D'"),
        ({"name": "x", "waits": ["P1D", "x"]}, "t.waits[2]", "“x” is not a duration"),
        ({"name": "x", "inner": []}, "t.inner", "a table is expected, not []"),
        ({"name": "x", "inner": {"words": [1]}}, "t.inner.words[1]", "text is expected, not 1"),
        ({"name": "x", "free": "y"}, "t.free", "a table is expected, not 'y'"),
    ],
)
def test_what_does_not_fit_is_named(table: dict[str, object], path: str, said: str) -> None:
    """The key and what was expected there."""
    with pytest.raises(PlainTrouble) as refused:
        from_plain(Thing, table, "t", id="1")
    assert refused.value.path == path
    assert said in str(refused.value)


def test_every_part_of_a_setup_survives(example_setup: Setup) -> None:
    """Each kind of configured thing can be written and read by its own declaration."""
    seen = 0
    for part in PARTS:
        for value in part.values(example_setup):
            apart = {name: getattr(value, name) for name in ("id", "active") if hasattr(value, name)}
            assert from_plain(part.type, json.loads(json.dumps(to_plain(value, full=True))), **apart) == value
            seen += 1
    assert seen > 15
