"""Waiting: for more information, until a date, in pause; what a person says about it, and the clocks it sets. Clocks themselves are `core/wait.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from core.assignment import place_people
from core.conversation import Conversation
from core.decision import Decision
from core.deeds import Ask
from core.refusal import Refused
from core.scene import Scene, done, person_moves
from core.status import Event, WaitType
from core.timeline import change_entries
from core.wait import Clocks
from core.work_item import Moved, WorkItem
from core.writing import future

LONGEST_WAIT = timedelta(days=3650)


def wait(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    """A-ST-14: the wait type is said, or follows from what is given: a date, or a number of days."""
    wanted = ask.wait_type or (WaitType.UNTIL if ask.until else WaitType.MORE_INFORMATION if ask.days is not None else None)
    deed = _WAITS.get(wanted) if wanted is not None else None
    if deed is None:
        raise Refused("Say what to wait for: --days N (for more information), --until TIME, or --type more_information, until or pause.")
    if wanted is not WaitType.UNTIL and ask.until is not None:
        raise Refused("A date goes with the wait type “until” only.")
    if wanted is not WaitType.MORE_INFORMATION and (ask.days is not None or ask.close_if_no_answer):
        raise Refused("Days and closing without an answer go with the wait type “more_information” only.")
    return deed(item, ask, scene, talk)


def _wait_information(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    """A-TK-10…12, A-CS-12: the days run from when the mail just written has left (decisions.md 1); a case waits without a limit."""
    moved = person_moves(item, Event.WAIT_INFORMATION, scene)
    if item.kind != "ticket":
        if ask.days is not None or ask.close_if_no_answer:
            raise Refused("A number of days is for tickets only; a case waits until the answer comes.")
        return _waiting(item, moved, moved.item.clocks.cleared(), scene, Event.WAIT_INFORMATION, {})
    if ask.days is None:
        raise Refused("Say how many days to wait for the answer: --days N.")
    within = _days(ask.days)
    clocks = replace(moved.item.clocks.cleared(), answer_within=within, close_if_no_answer=ask.close_if_no_answer, after_mail=talk.unsent_mail())
    clocks = clocks if clocks.after_mail else clocks.begin(scene.now)
    return _waiting(item, moved, clocks, scene, Event.WAIT_INFORMATION, {"days": ask.days, "close_if_no_answer": ask.close_if_no_answer})


def _days(days: float) -> timedelta:
    """24-hour days and parts of them (decisions.md 6)."""
    if not 0 < days <= LONGEST_WAIT / timedelta(days=1):
        raise Refused(f"The number of days to wait is more than 0 and at most {LONGEST_WAIT.days}.")
    return max(timedelta(days=days), timedelta(microseconds=1))


def _wait_until(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    """A-TK-13, A-CS-13."""
    moved = person_moves(item, Event.WAIT_UNTIL, scene)
    if ask.until is None:
        raise Refused("Say until when to wait: --until TIME.")
    until = future(ask.until, scene.now, "An item can only wait until a time to come")
    if until - scene.now > LONGEST_WAIT:
        raise Refused(f"An item can wait at most {LONGEST_WAIT.days} days.")
    return _waiting(item, moved, replace(moved.item.clocks.cleared(), wait_until=until), scene, Event.WAIT_UNTIL, {"until": until.isoformat()})


def pause(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    """A-CS-14: no clock runs, nothing but a person ends it."""
    moved = person_moves(item, Event.WAIT_PAUSE, scene)
    return _waiting(item, moved, moved.item.clocks.cleared(), scene, Event.WAIT_PAUSE, {})


def _waiting(item: WorkItem, moved: Moved, clocks: Clocks, scene: Scene, event: Event, said: dict[str, object]) -> Decision:
    """A wait that is changed is told again, even where the wait type stays."""
    after = place_people(replace(moved.item, clocks=clocks), people=scene.setup.user_of, by=scene.by)
    return Decision(items=(after,), entries=change_entries(item, replace(moved, item=after), scene.now, scene.by, event=event, facts=said, always=True))


_WAITS: dict[WaitType, Callable[[WorkItem, Ask, Scene, Conversation], Decision]] = {
    WaitType.MORE_INFORMATION: _wait_information,
    WaitType.UNTIL: _wait_until,
    WaitType.PAUSE: pause,
}
"""The wait types a person may choose (A-TK-08, A-CS-07); which of them an item knows is said by its status table."""


def resume(item: WorkItem, ask: Ask, scene: Scene, talk: Conversation) -> Decision:
    """A-TK-14, A-CS-15: back to To Do and to whoever had it."""
    return done(item, person_moves(item, Event.RESUME, scene), scene, Event.RESUME)
