"""What time does to an item: waits that end, answers that did not come, feedback windows that pass; pure, one item at a time; who calls is `gateway/scheduler.py`."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.absence import handed_on
from core.assignment import place_people
from core.automatic import line_of
from core.decision import Decision, Entry, EntryKind
from core.outbox import Draft
from core.resolving import earlier
from core.status import Event, ResolutionMethod
from core.timeline import change_entries
from core.work_item import Resolution, WorkItem, move, possible

POSTPONED_BY = timedelta(seconds=60)
"""How long a closing is put off while mail received in time may still be unread (decisions.md 1)."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One kind of alarm: its event, whether it closes the item, and what the item then calls attention with ('' = nothing)."""

    event: Event
    closes: bool
    attention: str = ""


WAIT_OVER = Alarm(Event.DATE_REACHED, closes=False, attention="The date it waited for has come.")
NO_ANSWER = Alarm(Event.NO_ANSWER, closes=False, attention="No answer came in the days given.")
NO_ANSWER_CLOSE = Alarm(Event.NO_ANSWER_CLOSE, closes=True)
WINDOW_OVER = Alarm(Event.FEEDBACK_OVER, closes=True)


def due_alarm(item: WorkItem, now: datetime) -> Alarm | None:
    """What rings for the item now, or None where nothing does: its clocks were changed, stand still, or wait for a mail to leave."""
    clocks = item.clocks
    due = clocks.alarm_at
    if due is None or due > now:
        return None
    if clocks.wait_until is not None and clocks.wait_until <= now:
        return WAIT_OVER
    if clocks.answer_due is not None and clocks.answer_due <= now:
        return NO_ANSWER_CLOSE if clocks.close_if_no_answer else NO_ANSWER
    return WINDOW_OVER


def received_before(item: WorkItem) -> datetime | None:
    """Until when mail must have been read before the item may close: the end of the clock that closes it, None if none does. Receipt time counts."""
    return item.clocks.answer_due if item.clocks.close_if_no_answer else item.clocks.feedback_until


def alarm(
    item: WorkItem, now: datetime, *, behind: bool, people: Container[str] | None = None, tell: Callable[[bool], Draft | None] = lambda closed: None
) -> Decision:
    """What the time `now` does to the item. `behind`: mail received before the end of its clock is unread, or a connector that feeds it fails.

    Nothing closes while that is so: the closing is put off by a minute (decisions.md 1). Nothing due: an empty decision. `tell` makes
    the mail to the customer when no answer came; it is asked only then, with whether the item is closed.
    """
    rings = due_alarm(item, now)
    if rings is None:
        return Decision()
    if rings.event not in possible(item):  # a clock without its wait: stopped here, so that it cannot ring for ever
        return Decision(items=(replace(item, clocks=item.clocks.cleared()),))
    if rings.closes and behind:
        return Decision(items=(replace(item, clocks=replace(item.clocks, not_before=now + POSTPONED_BY)),))
    moved = move(item, rings.event, now, "")
    after = replace(moved.item, clocks=moved.item.clocks.cleared(), before=None, attention=rings.attention)
    if rings.event is Event.NO_ANSWER_CLOSE:
        after = _without_answer(after, item.resolution, now)
    if rings.closes:
        after = replace(after, new_information=False)
    after = place_people(after, people=people)
    entries = (*change_entries(item, replace(moved, item=after), now, "", event=rings.event), *handed_on(item, after, now, people))
    if rings.attention:
        entries = (*entries, Entry(item.id, now, EntryKind.ATTENTION, text=rings.attention, system=True))
    draft = tell(rings.closes) if rings in (NO_ANSWER, NO_ANSWER_CLOSE) else None
    if draft is None:
        return Decision(items=(after,), entries=entries)
    return Decision(items=(after,), entries=(*entries, line_of(draft, now)), mails=(draft,))


def _without_answer(item: WorkItem, last: Resolution | None, now: datetime) -> WorkItem:
    """A-TK-12, decisions.md 6: closed at once, method *no customer response*."""
    method = ResolutionMethod.NO_CUSTOMER_RESPONSE
    return replace(item, resolution_method=method, resolution=Resolution("", now, method, earlier=earlier(last)))
