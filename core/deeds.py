"""What a person asks for, as a value, and the table of verbs with the arguments each one takes; what they do is `core/on_person.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from core.refusal import Refused
from core.status import ResolutionMethod, WaitType


@dataclass(frozen=True, slots=True)
class Ask:
    """The arguments of a verb. `until` is aware, `days` are 24-hour days and parts of them, `to` is an e-mail address of a user,
    `contact` that of a customer, as typed; `queue` is the name of one."""

    method: ResolutionMethod | None = None
    note: str = ""
    until: datetime | None = None
    days: float | None = None
    close_if_no_answer: bool = False
    wait_type: WaitType | None = None
    to: str = ""
    queue: str = ""
    title: str = ""
    description: str = ""
    category: str = ""
    contact: str = ""


@dataclass(frozen=True, slots=True)
class Verb:
    """Which arguments a verb takes, and what it does, for the command line, the API and the documents."""

    takes: tuple[str, ...]
    does: str


VERBS: dict[str, Verb] = {
    "submit": Verb(("note",), "hand in a draft: it goes to To Do and into its queue"),
    "take": Verb(("note",), "take the item, also from a colleague"),
    "release": Verb(("note",), "give the item back to its queue"),
    "assign": Verb(("to", "queue", "note"), "hand the item to a user, or to a queue"),
    "start": Verb(("note",), "set the item In Progress"),
    "stop": Verb(("note",), "set the item back to To Do"),
    "wait": Verb(
        ("until", "days", "close_if_no_answer", "wait_type", "note"), "wait for more information for some days (tickets), until a date, or pause (cases)"
    ),
    "pause": Verb(("note",), "pause a case until somebody resumes it"),
    "resume": Verb(("note",), "end a wait: the item goes to To Do"),
    "resolve": Verb(("method", "note"), "resolve the item; the note is its resolution"),
    "resolve-again": Verb((), "resolve a reopened item with the resolution it had"),
    "reopen": Verb(("note",), "reopen a resolved item"),
    "cancel": Verb(("note",), "cancel a case for good"),
    "note": Verb(("note",), "add a note"),
    "edit": Verb(("title", "description", "category", "contact", "note"), "change title, description or category, or add a contact"),
    "mark-read": Verb((), "put out the marks for new information and attention"),
    "mark-new": Verb((), "mark the item as having new information"),
}
"""Contract section 3, with `pause`, `resolve-again` and `edit`."""

Choice = TypeVar("Choice", bound=StrEnum)

SPOKEN = {"close_if_no_answer": "--close-if-no-answer", "wait_type": "--type"}


def ask_of(arguments: Mapping[str, Any]) -> Ask:
    """The arguments of a verb as they come from the outside: choices may be texts, None is not given. Raises Refused naming what is not understood."""
    given = {name: value for name, value in arguments.items() if value is not None}
    known = {field.name for field in fields(Ask)}
    for name in given:
        if name not in known:
            raise Refused(f"“{name}” is not an argument. Possible: {', '.join(sorted(known))}.")
    if "method" in given:
        given["method"] = choice(ResolutionMethod, given["method"], "resolution method")
    if "wait_type" in given:
        given["wait_type"] = choice(WaitType, given["wait_type"], "wait type")
    if given.get("until") is not None and given["until"].tzinfo is None:
        raise Refused("A time needs a zone.")
    return Ask(**given)


def choice(kind: type[Choice], value: str, what: str) -> Choice | None:
    """The member of an enumeration by its identifier; '' is not given."""
    if not value:
        return None
    try:
        return kind(value)
    except ValueError:
        raise Refused(f"“{value}” is not a {what}. Possible: {', '.join(kind)}.") from None


def check_asked(verb: str, ask: Ask) -> Verb:
    """The verb, if there is such a one and it takes all that is given. Raises Refused with what is possible."""
    found = VERBS.get(verb)
    if found is None:
        raise Refused(f"“{verb}” is not a verb. Possible: {', '.join(VERBS)}.")
    nothing = Ask()
    for field in fields(Ask):
        if field.name not in found.takes and getattr(ask, field.name) != getattr(nothing, field.name):
            raise Refused(f"“{verb}” takes no {SPOKEN.get(field.name, '--' + field.name)}.")
    return found
