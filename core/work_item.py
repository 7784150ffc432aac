"""What every ticket and case has, as one immutable value, and how it moves; who may ask for a move is `core/permissions.py`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from core import status as st
from core.status import Event, Move, Place, Reason, ResolutionMethod, Status, WaitType
from core.transitions import IllegalTransition, step
from core.wait import Clocks


@dataclass(frozen=True, slots=True)
class Resolution:
    """Who resolved an item, when, how and with which mail or note; kept through a reopening, also by the next one in `earlier` (A-ST-16)."""

    by: str
    at: datetime
    method: ResolutionMethod
    outbox_id: str = ""
    note_seq: int | None = None
    earlier: tuple[Resolution, ...] = ()
    """The resolutions before this one, oldest first; each with no earlier ones of its own."""


@dataclass(frozen=True, slots=True)
class Before:
    """What an undone Send & Resolve gives back; only if the item still has `version` (decisions.md 15)."""

    version: int
    place: Place
    reason: Reason
    assignee: str
    owner: str
    queue: str
    clocks: Clocks
    resolution: Resolution | None
    outbox_id: str
    new_information: bool = False
    attention: str = ""


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A ticket or a case. `version` 0 means not yet stored; each save counts it up. People are e-mail addresses (keys), '' = nobody.

    `queue` follows the table of behaviour.md D2; `home_queue` is that of the process and decides who may see the item.
    """

    id: str
    kind: str
    number: int
    ref: str
    title: str
    process_id: str
    created_at: datetime
    updated_at: datetime
    status: Status = Status.TO_DO
    wait_type: WaitType | None = None
    resolution_method: ResolutionMethod | None = None
    reason: Reason = Reason.NEWLY_CREATED
    version: int = 0
    description: str = ""
    category: str = ""
    company: str = ""
    home_queue: str = ""
    queue: str = ""
    assignee: str = ""
    owner: str = ""
    new_information: bool = False
    attention: str = ""
    created_by: str = ""
    updated_by: str = ""
    clocks: Clocks = field(default_factory=Clocks)
    resolution: Resolution | None = None
    before: Before | None = None
    connector: str = ""
    reply_from: str = ""
    language: str = ""
    send_automated_emails: bool = True
    due_at: datetime | None = None
    test: bool = False
    """A test item: it mails nobody but test contacts (E-47)."""

    @property
    def place(self) -> Place:
        """The row of the status table the item stands in."""
        return Place(self.status, self.wait_type)

    @property
    def is_open(self) -> bool:
        """Not resolved, not closed."""
        return self.status not in (Status.RESOLVED, Status.CLOSED)


@dataclass(frozen=True, slots=True)
class Moved:
    """An item after an event, and the move that was made."""

    item: WorkItem
    was: Place
    move: Move

    @property
    def changed(self) -> bool:
        """Whether the status or wait type is another one."""
        return self.was != self.item.place


def possible(item: WorkItem) -> tuple[Event, ...]:
    """The events the table allows now (A-ST-21)."""
    return tuple(st.TABLES[item.kind].get(item.place, {}))


def possible_verbs(item: WorkItem) -> tuple[str, ...]:
    """What a person may do to the status now, as verbs of the contract in the order of the table (A-ST-21)."""
    asked = dict.fromkeys(verb for event in possible(item) for verb in st.VERBS_OF.get(event, ()))
    return tuple(verb for verb in asked if verb != "resolve-again" or item.resolution is not None)


def move(item: WorkItem, event: Event, now: datetime, by: str) -> Moved:
    """The item after `event` by `by` ('' = the system): status, wait type and reason only; clocks and people are set by the callers.

    Raises IllegalTransition with a sentence that names the item.
    """
    try:
        cell = step(st.TABLES[item.kind], item.place, event)
    except IllegalTransition as refused:
        raise IllegalTransition(_impossible(item, event) if by else f"{item.ref}: {refused}", state=item.place, event=event) from None
    to = cell.to
    if to is None:
        if item.before is None:
            raise IllegalTransition(f"{item.ref}: there is no earlier state to go back to.", state=item.place, event=event)
        to = item.before.place
    if to == item.place:
        return Moved(item, item.place, cell)
    moved = replace(item, status=to.status, wait_type=to.wait_type, reason=cell.reason, updated_at=now, updated_by=by)
    return Moved(moved, item.place, cell)


def _impossible(item: WorkItem, event: Event) -> str:
    """What a person is told who asks for what the table does not have."""
    asked = st.VERBS_OF.get(event, (str(event),))[0]
    return f"{item.ref}: “{asked}” is not possible while it is “{item.place}”. Possible now: {', '.join(sorted(possible_verbs(item))) or 'nothing'}."
