"""The status tables, the table of people and the resolution methods as a Markdown page (`docs/status.md`); drawn from the data, never written by hand."""

from __future__ import annotations

from collections.abc import Iterable

from core.assignment import PLACING
from core.methods import DEFAULT_METHOD, METHODS
from core.status import TABLES, Event, Place, Table

PAGE = """# Statuses

Drawn from the tables in `core/status.py`, `core/assignment.py` and `core/methods.py`; a cell that is not here cannot happen.

A status moves by an *event*: a person acts, a mail arrives, time passes, a delivery answers. Each cell names where the event leads and the
reason that the timeline shows. “—” means not possible: whoever asks is told what is.
"""


def draw() -> str:
    """The whole page."""
    return "\n".join((PAGE, *(_kind(kind, table) for kind, table in TABLES.items()), _people(), _methods()))


def _kind(kind: str, table: Table) -> str:
    events = tuple(event for event in Event if any(event in row for row in table.values()))
    head = ("event ↓ status →", *(_name(place) for place in table))
    grid = _grid(head, ((f"`{event}`", *(_cell(table, place, event) for place in table)) for event in events))
    cells = tuple((place, event, move) for place, row in table.items() for event, move in row.items())
    reasons = _grid(
        ("status", "event", "leads to", "reason"),
        ((_name(place), f"`{event}`", "where it was before" if move.to is None else _name(move.to), f"`{move.reason}`") for place, event, move in cells),
    )
    return f"## {kind.capitalize()}\n\n{grid}\n### {kind.capitalize()}: every cell with its reason\n\n{reasons}"


def _cell(table: Table, place: Place, event: Event) -> str:
    move = table[place].get(event)
    if move is None:
        return "—"
    return "before" if move.to is None else "stays" if move.to == place else _name(move.to)


PEOPLE = """## Who has an item

The first row that fits counts. What is set already is kept; an item that should have an owner and has none stays in its queue.

"""


def _people() -> str:
    said = {True: "set", False: "clear"}
    rows = ((str(row), said[rule.assignee], said[rule.owner], said[rule.queue]) for row, rule in PLACING.items())
    return PEOPLE + _grid(("situation", "assignee", "owner", "queue"), rows)


def _methods() -> str:
    rows = (
        (f"`{name}`", ", ".join(one.kinds), "closes at once" if one.final else "resolved, then the feedback window", "yes" if one.word else "no")
        for name, one in METHODS.items()
    )
    default = ", ".join(f"{kind} `{method}`" for kind, method in DEFAULT_METHOD.items())
    head = ("method", "for", "leads to", "needs a mail or note where the process asks for one (tickets)")
    return f"## Resolution methods a person may choose\n\nWithout a choice: {default}.\n\n{_grid(head, rows)}"


def _grid(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = tuple(head)
    lines = [" | ".join(titles), " | ".join("---" for _ in titles), *(" | ".join(row) for row in rows)]
    return "".join(f"| {line} |\n" for line in lines)


def _name(place: Place) -> str:
    words = str(place.status).replace("_", " ")
    return f"{words}: {str(place.wait_type).replace('_', ' ')}" if place.wait_type else words
