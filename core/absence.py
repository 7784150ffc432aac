"""Who stands in for people who are away: what wakes while somebody is absent goes to their deputy or back to its queue; who is told of it is `core/notifications.py`.

What merely rests stays theirs, and so does what is given to them by hand: nobody but the caller who wakes an item asks for `present`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime

from core.decision import Entry, EntryKind
from core.mail import address_key
from core.setup import Setup, User
from core.status import Status
from core.timeline import allocation_entry
from core.work_item import WorkItem


@dataclass(frozen=True, slots=True)
class Present(Container[str]):
    """The active users (address key → user) as they are asked for when an item wakes at `now` (aware). Whoever acts (`acting`) is there, whatever they said."""

    users: Mapping[str, User]
    now: datetime
    acting: str = ""

    def __contains__(self, person: object) -> bool:
        return person in self.users

    def is_away(self, person: str) -> bool:
        """Whether an active user is absent now."""
        user = self.users.get(person)
        return user is not None and person != self.acting and user.is_absent(self.now)

    def stand_in(self, person: str) -> str:
        """Who has what wakes for a person: themselves if they are there, else the next of their deputies who is; '' where nobody is: the queue has it."""
        asked: set[str] = set()
        while self.is_away(person):
            asked.add(person)
            person = address_key(self.users[person].deputy)
            if person in asked or person not in self.users:
                return ""
        return person


def present(setup: Setup, now: datetime, *, acting: str = "") -> Present:
    """The people as they are at `now` (aware), for whoever wakes an item; `acting` is the address key of the person who acts, '' = the system."""
    return Present(setup.user_of, now, acting)


def handed_on(was: WorkItem, after: WorkItem, now: datetime, people: Container[str] | None, *, placed_aloud: bool = True) -> tuple[Entry, ...]:
    """The line that says why an item that woke is another's now, none where nobody had to stand in.

    `placed_aloud`: the caller writes the change of assignee itself; where it does not, that line stands before the reason.
    """
    had = was.assignee or was.owner
    if not isinstance(people, Present) or after.status is Status.CLOSED or not people.is_away(had):
        return ()
    has = after.assignee or after.owner
    if has != people.stand_in(had):
        return ()
    moved = None if placed_aloud else allocation_entry(was, after, now, "")
    facts: dict[str, object] = {"absent": had, "until": _end(people.users[had]).isoformat(), "stands_in": has}
    line = Entry(was.id, now, EntryKind.ALLOCATION, text=_why(people, had, has), system=True, facts=facts)
    return (line,) if moved is None else (moved, line)


def warning(setup: Setup, person: str, now: datetime, language: str = "en") -> str:
    """What is said to whoever gives an item by hand to a person who is away; '' where they are there. Until when is told in the zone they chose."""
    people = present(setup, now)
    if not people.is_away(person):
        return ""
    if language.partition("-")[0].lower() == "fr":
        user, has = people.users[person], people.stand_in(person)
        then = f"il passera à {people.users[has].name}" if has else "il retournera dans sa file"
        return f"{user.name} : absence jusqu’au {_until(user)}. Le dossier lui appartient quand même, tant que rien de nouveau n’arrive ; ensuite {then}."
    return f"{_said(people, person)} The item is theirs all the same, until something new comes: then {_next(people, person)}."


def _why(people: Present, had: str, has: str) -> str:
    named = f"{people.users[has].name} stands in." if has else "Nobody stands in, so it went back to its queue."
    return f"{_said(people, had)} {named}"


def _next(people: Present, person: str) -> str:
    has = people.stand_in(person)
    return f"{people.users[has].name} gets it" if has else "it goes back to its queue"


def _said(people: Present, person: str) -> str:
    user = people.users[person]
    return f"{user.name} is absent until {_until(user)}."


def _until(user: User) -> str:
    return _end(user).isoformat(" ", "minutes")


def _end(user: User) -> datetime:
    assert user.absent_until is not None  # they are away
    return user.absent_until
