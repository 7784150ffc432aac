"""What the timeline says of a change: entries made from the item before and after it (A-TL-01…03); reading them back is `gateway/store/timelines.py`."""

from __future__ import annotations

from datetime import datetime

from core.decision import Entry, EntryKind
from core.status import Event, Place, Reason
from core.work_item import Moved, WorkItem

PEOPLE = ("assignee", "owner", "queue")
_NOT_SET = {"assignee": "nobody", "owner": "nobody", "queue": "none"}


def status_entry(moved: Moved, now: datetime, by: str, *, event: Event | None = None, facts: dict[str, object] | None = None) -> Entry:
    """The line for a change of status: from, to, why, by whom; wait type and resolution method where there is one (A-TL-03)."""
    item, reason = moved.item, moved.move.reason
    method = str(item.resolution_method) if item.resolution_method else ""
    said: dict[str, object] = {
        "from": str(moved.was.status),
        "to": str(item.status),
        "from_wait_type": str(moved.was.wait_type or ""),
        "wait_type": str(item.wait_type or ""),
        "resolution_method": method,
        "reason": str(reason),
    }
    if event is not None:
        said["event"] = str(event)
    said.update(facts or {})
    return Entry(item.id, now, EntryKind.STATUS, by=by, text=_status_text(moved.was, item, reason, method), system=not by, facts=said)


def allocation_entry(was: WorkItem, item: WorkItem, now: datetime, by: str) -> Entry | None:
    """The line for a change of assignee, owner or queue, or None where all three stayed (A-TL-02)."""
    changed = {name: [getattr(was, name), getattr(item, name)] for name in PEOPLE if getattr(was, name) != getattr(item, name)}
    if not changed:
        return None
    text = "; ".join(f"{name}: {old or _NOT_SET[name]} → {new or _NOT_SET[name]}" for name, (old, new) in changed.items())
    return Entry(item.id, now, EntryKind.ALLOCATION, by=by, text=text, system=not by, facts=dict(changed))


def change_entries(
    was: WorkItem, moved: Moved, now: datetime, by: str, *, event: Event | None = None, facts: dict[str, object] | None = None, always: bool = False
) -> tuple[Entry, ...]:
    """The lines for one step of an item, status first; `was` is the item before it, `moved.item` after it with people placed.

    Nothing changed: no line, unless `always` asks for one (a wait that is set anew).
    """
    status = (status_entry(moved, now, by, event=event, facts=facts),) if moved.changed or always else ()
    allocation = allocation_entry(was, moved.item, now, by)
    return status if allocation is None else (*status, allocation)


def _status_text(was: Place, item: WorkItem, reason: Reason, method: str) -> str:
    method_said = f", {method.replace('_', ' ')}" if method else ""
    return f"{_words(was)} → {_words(item.place)}{method_said} ({str(reason).replace('_', ' ')})"


def _words(place: Place) -> str:
    return str(place).replace("_", " ")
