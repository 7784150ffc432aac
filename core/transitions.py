"""The one engine that moves states along a table; the tables themselves live in `core/status.py` and `core/outbox.py`.

House rule: a state changes only here, and a missing cell is the error (law 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

State = TypeVar("State")
Event = TypeVar("Event", bound=StrEnum)
Result = TypeVar("Result")


class IllegalTransition(Exception):
    """What was asked is not in the table. `str()` is a sentence for the person who asked."""

    def __init__(self, sentence: str, *, state: object, event: object) -> None:
        super().__init__(sentence)
        self.state = state
        self.event = event


def step(table: Mapping[State, Mapping[Event, Result]], state: State, event: Event) -> Result:
    """The cell of `table` for `state` and `event`.

    Raises IllegalTransition naming what is possible instead, if there is no such cell.
    """
    row = table.get(state, {})
    if event in row:
        return row[event]
    possible = ", ".join(sorted(str(other) for other in row)) or "nothing"
    raise IllegalTransition(f"“{event}” is not possible while the state is “{state}”. Possible now: {possible}.", state=state, event=event)
