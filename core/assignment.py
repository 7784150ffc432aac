"""Who has an item after each change: assignee, owner and queue by the table of behaviour.md D2; who may ask for it is `core/permissions.py`.

Our reading of D2. A ticket is worked on by its *assignee*, a case by its *owner*; what waits or is resolved has an owner, so that it comes
back to the one who worked on it; new information or a need for attention puts it before an assignee and into the queue, whatever the status.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace
from enum import StrEnum

from core.absence import Present
from core.status import Status
from core.work_item import WorkItem


class Situation(StrEnum):
    """The rows of the table, the first that fits counts."""

    CLOSED = "closed"
    DRAFT = "draft"
    CALLS = "new information or needs attention"
    WORK_ON_TICKET = "to do or in progress, ticket"
    WORK_ON_CASE = "to do or in progress, case"
    RESTING = "resolved or waiting"


@dataclass(frozen=True, slots=True)
class Placing:
    """Which of the three are set; what is not set is cleared."""

    assignee: bool
    owner: bool
    queue: bool


PLACING: dict[Situation, Placing] = {
    Situation.CLOSED: Placing(assignee=False, owner=False, queue=False),
    Situation.DRAFT: Placing(assignee=True, owner=False, queue=False),
    Situation.CALLS: Placing(assignee=True, owner=False, queue=True),
    Situation.WORK_ON_TICKET: Placing(assignee=True, owner=False, queue=True),
    Situation.WORK_ON_CASE: Placing(assignee=False, owner=True, queue=False),
    Situation.RESTING: Placing(assignee=False, owner=True, queue=False),
}
"""behaviour.md D2. A queue is also set where nobody can be found who should own the item: what nobody has must be seen by somebody."""

CALLING = frozenset({Situation.CALLS, Situation.WORK_ON_TICKET, Situation.WORK_ON_CASE})
"""Rows in which somebody has to do something: what rests stays with whoever is away."""


def situation(item: WorkItem) -> Situation:
    """The row of the table that an item stands in."""
    if item.status is Status.CLOSED:
        return Situation.CLOSED
    if item.status is Status.DRAFT:
        return Situation.DRAFT
    if item.new_information or item.attention:
        return Situation.CALLS
    if item.status in (Status.WAIT, Status.RESOLVED):
        return Situation.RESTING
    return Situation.WORK_ON_CASE if item.kind == "case" else Situation.WORK_ON_TICKET


def place_people(item: WorkItem, *, people: Container[str] | None = None, by: str = "") -> WorkItem:
    """The item with assignee, owner and queue as its situation asks; called after every change of status, marks or people.

    `people` are the address keys of active users (`setup.user_of`): whoever is not among them is dropped; None: nobody is checked. Whoever wakes
    an item gives `core.absence.present`: then what calls for somebody who is away goes to who stands in for them, or to its queue alone.
    `by` is the person who acts and becomes owner where nobody else had the item ('' = the system). Values that are set are kept.
    """
    rule = PLACING[situation(item)]
    holder = _holder(item, people)
    if isinstance(people, Present) and situation(item) in CALLING:
        holder = people.stand_in(holder)
    if not holder and by and _fills(item, rule):
        holder = by
    return replace(
        item,
        assignee=holder if rule.assignee else "",
        owner=holder if rule.owner else "",
        queue=item.home_queue if rule.queue or (rule.owner and not holder) else "",
    )


def hand_over(item: WorkItem, to: str, *, people: Container[str] | None = None) -> WorkItem:
    """The item in the hands of `to` ('' = back in its queue), in the column its situation has for people."""
    return place_people(replace(item, assignee=to, owner=""), people=people)


def holder(item: WorkItem) -> str:
    """Whoever has the item, as assignee or as owner; '' = nobody."""
    return item.assignee or item.owner


def _holder(item: WorkItem, people: Container[str] | None) -> str:
    named = (item.assignee, item.owner)
    return next((person for person in named if person and (people is None or person in people)), "")


def _fills(item: WorkItem, rule: Placing) -> bool:
    """Whether the acting person may fill the gap: an owner where the item rests or is a case, the author of a draft; work is only taken by being taken."""
    return rule.owner or item.status is Status.DRAFT
