"""Taking back what a person decided about a mail that waited: the item gets back what it had, or what was opened is closed; pure, as `on_held.py`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from core.absence import handed_on, present
from core.assignment import place_people
from core.decision import Decision, Entry, EntryKind
from core.on_held import give_back
from core.refusal import Refused
from core.scene import Scene
from core.status import RESOLVED, WAIT_INFORMATION, Event, Place, Reason, ResolutionMethod, Status
from core.timeline import change_entries
from core.wait import Clocks
from core.work_item import Before, Moved, Resolution, WorkItem, move, possible

BACK_BY: dict[Place, Event] = {WAIT_INFORMATION: Event.WAIT_INFORMATION, RESOLVED: Event.RESOLVE}
"""Where a mail can have woken an item from, and the cell of the table that leads back there."""

TAKEN_BACK = "The decision about a mail was undone; the mail waits for a decision again."
HELD_AGAIN = "A mail is held again: what was decided about it was undone."
_THE_PAUSE = "undone"


def is_still(item: WorkItem, left: WorkItem) -> bool:
    """Whether the item is as the join left it, but for what other mails hold up and say on it, which the undo keeps."""
    seen = left.new_information and not item.new_information
    still_stopped = set(left.clocks.stopped_by) <= set(item.clocks.stopped_by)
    clocks = replace(item.clocks, stopped_by=left.clocks.stopped_by, stopped_at=left.clocks.stopped_at)
    return still_stopped and not seen and replace(item, clocks=clocks, new_information=left.new_information, attention=left.attention) == left


def undo_join(
    item: WorkItem, was: WorkItem, held_on: Iterable[WorkItem], scene: Scene, *, inbound_id: str, decided_at: datetime, left: WorkItem | None = None
) -> Decision:
    """The item as it was before the mail was joined: status, wait, clocks, people, marks. `was` is it before, `item` it now.

    `left`, if other mails came to it since, is it as the join left it; what they brought (`is_still`) stays. The time in between does not
    count for its countdowns. `held_on` are other items that the mail waits on again.
    """
    moved = _back(item, was, scene)
    clocks = _without_pause(was.clocks, decided_at, scene.now)
    after = replace(
        was,
        version=item.version,
        clocks=clocks,
        before=_still(was.before, was, item),
        updated_at=scene.now,
        updated_by=scene.by,
    )
    people = present(scene.setup, scene.now, acting=scene.by)
    placed = after if left is None else _with_others(after, item, left, scene.now)
    after = place_people(placed, people=people)
    lines = change_entries(item, replace(moved, item=after), scene.now, scene.by, facts={"undone": inbound_id})
    return Decision(items=(after,), entries=(*lines, *handed_on(placed, after, scene.now, people), _line(item.id, scene, inbound_id))) + give_back(
        held_on, inbound_id, scene, text=HELD_AGAIN
    )


def undo_open(item: WorkItem, held_on: Iterable[WorkItem], scene: Scene, *, inbound_id: str) -> Decision:
    """The item that was opened with the mail is closed as cancelled; nothing of it is deleted. Raises Refused where the table does not let it close."""
    event = Event.CANCEL if item.kind == "case" else Event.RESOLVE_FINAL
    if item.status is Status.CLOSED or event not in possible(item):
        raise Refused(f"{item.ref} is “{item.place}” and cannot be cancelled, so that the mail stays on it.")
    moved = move(item, event, scene.now, scene.by)
    method = ResolutionMethod.CANCELLED
    closed = replace(
        moved.item,
        reason=Reason.CANCELLED,
        resolution_method=method,
        resolution=Resolution(scene.by, scene.now, method),
        clocks=moved.item.clocks.cleared(),
        new_information=False,
        attention="",
        before=None,
    )
    closed = place_people(closed, people=scene.setup.user_of)
    lines = change_entries(item, replace(moved, item=closed), scene.now, scene.by, event=event, facts={"undone": inbound_id})
    return Decision(items=(closed,), entries=(*lines, _line(item.id, scene, inbound_id))) + give_back(held_on, inbound_id, scene, text=HELD_AGAIN)


def refused_undo(item: WorkItem, happened: str) -> Refused:
    """The sentence for an item that changed since; `happened` says what."""
    said = happened or "it was changed"
    return Refused(f"{item.ref} has changed since ({said}), so this cannot be undone. The mail can be moved to another item or to a new one: inbound move.")


def _back(item: WorkItem, was: WorkItem, scene: Scene) -> Moved:
    """By the table, as every change of status."""
    if item.place == was.place:
        return Moved(item, item.place, move(item, Event.MAIL, scene.now, scene.by).move)
    event = BACK_BY.get(was.place)
    if event is None:
        raise Refused(f"{item.ref} cannot go back to “{was.place}”; move the mail instead: inbound move.")
    return move(item, event, scene.now, scene.by)


def _with_others(after: WorkItem, item: WorkItem, left: WorkItem, now: datetime) -> WorkItem:
    """What other mails say and hold up stays so."""
    clocks = after.clocks
    for cause in item.clocks.stopped_by:
        clocks = clocks if cause in left.clocks.stopped_by else clocks.stop(cause, now)
    attention = after.attention if item.attention == left.attention else item.attention
    return replace(after, clocks=clocks, new_information=after.new_information or item.new_information, attention=attention)


def _without_pause(clocks: Clocks, since: datetime, now: datetime) -> Clocks:
    """Countdowns that ran when the mail was joined go on with the time they had left."""
    return clocks if clocks.stopped_by else clocks.stop(_THE_PAUSE, since).go(_THE_PAUSE, now)


def _still(before: Before | None, was: WorkItem, item: WorkItem) -> Before | None:
    """A Send & Resolve that could be undone then can be undone again."""
    return replace(before, version=item.version + 1) if before is not None and before.version == was.version else before


def _line(item_id: str, scene: Scene, inbound_id: str) -> Entry:
    return Entry(item_id, scene.now, EntryKind.ATTENTION, by=scene.by, text=TAKEN_BACK, inbound_id=inbound_id)
