"""Who acts, under which setup, when: what every deed of a person is told; the deeds themselves are `core/on_person.py`."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.absence import handed_on, present
from core.assignment import place_people
from core.decision import Decision, Entry
from core.mail import address_key
from core.setup import Process, Setup, User
from core.status import Event
from core.timeline import allocation_entry, change_entries
from core.work_item import Moved, WorkItem, move

DEFAULT_WINDOW = timedelta(days=5)
"""The feedback window where the process of an item is no longer known (decisions.md 5)."""

SEEN_BY = frozenset({Event.UPDATE, Event.START, Event.WAIT_INFORMATION, Event.WAIT_UNTIL, Event.WAIT_PAUSE, Event.RESOLVE, Event.RESOLVE_FINAL, Event.CANCEL})
"""Explicit work on an item: the marks for new information and attention go out (B-CO-11); looking, taking or passing on leaves them."""

WAKING = frozenset({Event.REOPEN, Event.RESUME})
"""Somebody has to look at it from now on: for people who are away that is who stands in for them (`core/absence.py`)."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The person who acts, everything that is configured, and the moment (aware UTC).

    `session_since` is when the person logged in, None where there is no log-in (command line).
    """

    user: User
    setup: Setup
    now: datetime
    session_since: datetime | None = None

    @property
    def by(self) -> str:
        """The person's address key, as items and timelines name people."""
        return address_key(self.user.email)

    def process(self, item: WorkItem) -> Process | None:
        """The version of the process the item began with, if it is still known."""
        return self.setup.process_by_id.get(item.process_id)

    def window(self, item: WorkItem) -> timedelta:
        """How long the item stays resolved before it closes."""
        process = self.process(item)
        return process.feedback_window if process is not None else DEFAULT_WINDOW

    def touched(self, item: WorkItem) -> WorkItem:
        """The item with the mark of who changed it last (A-ST-20)."""
        return replace(item, updated_at=self.now, updated_by=self.by)


def person_moves(item: WorkItem, event: Event, scene: Scene) -> Moved:
    """The item after a person's event: clocks stop where the status changed, marks go out where the work shows that they were seen.

    People are not placed yet. Raises IllegalTransition.
    """
    moved = move(item, event, scene.now, scene.by)
    after = scene.touched(moved.item)
    if moved.changed:
        after = replace(after, clocks=after.clocks.cleared(), before=None)
    return replace(moved, item=seen(after, scene.now) if event in SEEN_BY else after)


def seen(item: WorkItem, now: datetime) -> WorkItem:
    """The item without its marks; mail of doubtful nature, which stopped its countdowns until somebody looked, stops them no longer."""
    return replace(item, new_information=False, attention="", clocks=item.clocks.seen(now))


def placed(was: WorkItem, moved: Moved, scene: Scene, *, event: Event | None = None, said: dict[str, object] | None = None) -> tuple[WorkItem, tuple[Entry, ...]]:
    """The moved item with its people placed, and the lines for its timeline."""
    people = _people(scene, wakes=event in WAKING)
    item = place_people(moved.item, people=people, by=scene.by)
    done = replace(moved, item=item)
    return item, (*change_entries(was, done, scene.now, scene.by, event=event, facts=said), *handed_on(was, item, scene.now, people))


def placed_quietly(was: WorkItem, item: WorkItem, scene: Scene, *, wakes: bool = False) -> tuple[WorkItem, tuple[Entry, ...]]:
    """An item whose status stays, with its people placed by its marks, and the lines if that moved somebody; `wakes`: a mark was set."""
    people = _people(scene, wakes=wakes)
    after = place_people(item, people=people)
    line = allocation_entry(was, after, scene.now, scene.by)
    return after, (*((line,) if line is not None else ()), *handed_on(was, after, scene.now, people))


def _people(scene: Scene, *, wakes: bool) -> Container[str]:
    """Whoever is there; where a person wakes what somebody else has, who stands in for those who are away."""
    return present(scene.setup, scene.now, acting=scene.by) if wakes else scene.setup.user_of


def done(item: WorkItem, moved: Moved, scene: Scene, event: Event) -> Decision:
    """The decision of a deed that moves one item and does nothing else."""
    after, entries = placed(item, moved, scene, event=event)
    return Decision(items=(after,), entries=entries)
