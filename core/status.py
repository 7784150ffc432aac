"""The statuses of work items and THE tables that move them, drawn into docs/status.md; what else a change brings is in `core/work_item.py`.

Two rules. Everything that may happen to the status of a ticket or case stands in these tables; a missing cell is an error.
Each cell names the place it leads to and the reason the timeline shows (behaviour.md A1–A3, D-SR-01).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """A-ST-01."""

    DRAFT = "draft"
    TO_DO = "to_do"
    IN_PROGRESS = "in_progress"
    WAIT = "wait"
    RESOLVED = "resolved"
    CLOSED = "closed"


class WaitType(StrEnum):
    """What a waiting item waits for (A-TK-08, A-CS-07, A-MG-T4, A-MG-T6)."""

    MORE_INFORMATION = "more_information"
    UNTIL = "until"
    PAUSE = "pause"
    SPLIT = "split"
    CASE_LAUNCHED = "case_launched"
    SUB_CASE = "sub_case"
    EXTERNAL = "external"
    APPROVAL = "approval"


class ResolutionMethod(StrEnum):
    """How an item was resolved (A-TK-15, A-MG-T2…T5)."""

    WITH_CUSTOMER_RESPONSE = "with_customer_response"
    NO_CUSTOMER_RESPONSE = "no_customer_response"
    REJECTED = "rejected"
    REJECTED_AS_SPAM = "rejected_as_spam"
    REJECTED_ADDRESS_NOT_CONFIGURED = "rejected_address_not_configured"
    MERGED = "merged"
    UNABLE_TO_COMPLETE = "unable_to_complete"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why a status is what it is (D-SR-01, B-CO-09)."""

    NEWLY_CREATED = "newly_created"
    SUBMITTED = "submitted"
    UPDATED_BY_RESOURCE = "updated_by_resource"
    ASSIGNED_BY_RESOURCE = "assigned_by_resource"
    RELEASED_BY_RESOURCE = "released_by_resource"
    NEW_INFORMATION = "new_information_received"
    TIMEOUT = "timeout"
    DATE_REACHED = "schedule_date_reached"
    RESOLVED_BY_RESOURCE = "completed"
    FEEDBACK_WINDOW_PASSED = "feedback_window_passed"
    REOPENED_BY_RESOURCE = "reopened_by_resource"
    CANCELLED = "cancelled"
    DELIVERY_FAILED = "delivery_failed"
    RESOLUTION_UNDONE = "resolution_undone"
    SPLIT = "split"
    MERGED = "merged"
    CASE_LAUNCHED = "case_launched"
    RELATED_COMPLETED = "all_related_items_completed"


class Event(StrEnum):
    """Everything that can happen to the status of an item: by a person, a mail, the clock or a delivery."""

    SUBMIT = "submit"
    UPDATE = "update"
    """A person begins to work on it: answers, edits (A-ST-09)."""
    TAKE = "take"
    ASSIGN = "assign"
    RELEASE = "release"
    START = "start"
    STOP = "stop"
    WAIT_INFORMATION = "wait_more_information"
    WAIT_UNTIL = "wait_until"
    WAIT_PAUSE = "wait_pause"
    RESUME = "resume"
    RESOLVE = "resolve"
    RESOLVE_FINAL = "resolve_final"
    """Resolved without a feedback window, or rejected as spam (D-TK-02, A-MG-T3)."""
    REOPEN = "reopen"
    CANCEL = "cancel"
    SPLIT = "split"
    LAUNCH_CASE = "launch_case"
    MERGE = "merge"
    RELATED_DONE = "related_done"
    MAIL = "mail"
    """A mail that counts was joined (decisions.md 2 says which count)."""
    DATE_REACHED = "date_reached"
    NO_ANSWER = "no_answer"
    NO_ANSWER_CLOSE = "no_answer_close"
    FEEDBACK_OVER = "feedback_over"
    DELIVERY_FAILED = "delivery_failed"
    UNDO_RESOLVE = "undo_resolve"


VERBS_OF: dict[Event, tuple[str, ...]] = {
    Event.SUBMIT: ("submit",),
    Event.TAKE: ("take",),
    Event.RELEASE: ("release",),
    Event.ASSIGN: ("assign",),
    Event.START: ("start",),
    Event.STOP: ("stop",),
    Event.WAIT_INFORMATION: ("wait",),
    Event.WAIT_UNTIL: ("wait",),
    Event.WAIT_PAUSE: ("pause", "wait"),
    Event.RESUME: ("resume",),
    Event.RESOLVE: ("resolve", "resolve-again"),
    Event.RESOLVE_FINAL: ("resolve", "resolve-again"),
    Event.REOPEN: ("reopen",),
    Event.CANCEL: ("cancel",),
}
"""The events that a person may ask for, by the verbs of the contract; the others are what mail, time and deliveries bring, or come with other deeds."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A status with its wait type: a row of the tables."""

    status: Status
    wait_type: WaitType | None = None

    def __str__(self) -> str:
        return f"{self.status} ({self.wait_type})" if self.wait_type else str(self.status)


@dataclass(frozen=True, slots=True)
class Move:
    """A cell: where it leads and why. `to` None: back to where the item was before it was resolved."""

    to: Place | None
    reason: Reason


DRAFT = Place(Status.DRAFT)
TO_DO = Place(Status.TO_DO)
IN_PROGRESS = Place(Status.IN_PROGRESS)
WAIT_INFORMATION = Place(Status.WAIT, WaitType.MORE_INFORMATION)
WAIT_UNTIL = Place(Status.WAIT, WaitType.UNTIL)
WAIT_PAUSE = Place(Status.WAIT, WaitType.PAUSE)
WAIT_SPLIT = Place(Status.WAIT, WaitType.SPLIT)
WAIT_CASE = Place(Status.WAIT, WaitType.CASE_LAUNCHED)
RESOLVED = Place(Status.RESOLVED)
CLOSED = Place(Status.CLOSED)

Table = dict[Place, dict[Event, Move]]

_TO_WAITS = {
    Event.WAIT_INFORMATION: Move(WAIT_INFORMATION, Reason.UPDATED_BY_RESOURCE),
    Event.WAIT_UNTIL: Move(WAIT_UNTIL, Reason.UPDATED_BY_RESOURCE),
}
_TO_END = {
    Event.RESOLVE: Move(RESOLVED, Reason.RESOLVED_BY_RESOURCE),
    Event.RESOLVE_FINAL: Move(CLOSED, Reason.RESOLVED_BY_RESOURCE),
}
_OUT_OF_WAIT = {
    Event.START: Move(IN_PROGRESS, Reason.UPDATED_BY_RESOURCE),
    Event.STOP: Move(TO_DO, Reason.UPDATED_BY_RESOURCE),
    Event.RESUME: Move(TO_DO, Reason.UPDATED_BY_RESOURCE),
    Event.DELIVERY_FAILED: Move(TO_DO, Reason.DELIVERY_FAILED),
}
_RELATED = {
    Event.SPLIT: Move(WAIT_SPLIT, Reason.SPLIT),
    Event.LAUNCH_CASE: Move(WAIT_CASE, Reason.CASE_LAUNCHED),
    Event.MERGE: Move(CLOSED, Reason.MERGED),
}


def _stay(place: Place, reason: Reason = Reason.NEW_INFORMATION) -> Move:
    return Move(place, reason)


TICKET: Table = {
    DRAFT: {
        Event.SUBMIT: Move(TO_DO, Reason.SUBMITTED),
        **_TO_END,  # A-ST-15: first-contact resolution
        Event.MAIL: _stay(DRAFT),
        Event.DELIVERY_FAILED: _stay(DRAFT, Reason.DELIVERY_FAILED),
    },
    TO_DO: {
        Event.UPDATE: Move(IN_PROGRESS, Reason.UPDATED_BY_RESOURCE),  # A-ST-09
        Event.TAKE: Move(IN_PROGRESS, Reason.UPDATED_BY_RESOURCE),  # A-ST-04
        Event.ASSIGN: Move(TO_DO, Reason.ASSIGNED_BY_RESOURCE),
        Event.RELEASE: Move(TO_DO, Reason.RELEASED_BY_RESOURCE),
        Event.START: Move(IN_PROGRESS, Reason.UPDATED_BY_RESOURCE),
        **_TO_WAITS,
        **_TO_END,
        **_RELATED,
        Event.MAIL: _stay(TO_DO),
        Event.DELIVERY_FAILED: _stay(TO_DO, Reason.DELIVERY_FAILED),
    },
    IN_PROGRESS: {
        Event.UPDATE: _stay(IN_PROGRESS, Reason.UPDATED_BY_RESOURCE),  # A-ST-10
        Event.TAKE: _stay(IN_PROGRESS, Reason.UPDATED_BY_RESOURCE),
        Event.ASSIGN: Move(TO_DO, Reason.ASSIGNED_BY_RESOURCE),  # A-ST-11
        Event.RELEASE: Move(TO_DO, Reason.RELEASED_BY_RESOURCE),  # A-ST-11
        Event.STOP: Move(TO_DO, Reason.UPDATED_BY_RESOURCE),  # A-ST-12
        **_TO_WAITS,
        **_TO_END,
        **_RELATED,
        Event.MAIL: _stay(IN_PROGRESS),
        Event.DELIVERY_FAILED: Move(TO_DO, Reason.DELIVERY_FAILED),
    },
    WAIT_INFORMATION: {
        **_OUT_OF_WAIT,  # A-TK-14
        **_TO_WAITS,
        **_TO_END,
        Event.MERGE: Move(CLOSED, Reason.MERGED),
        Event.MAIL: Move(TO_DO, Reason.NEW_INFORMATION),  # A-TK-11, B-EF-03
        Event.NO_ANSWER: Move(TO_DO, Reason.TIMEOUT),  # A-TK-11
        Event.NO_ANSWER_CLOSE: Move(CLOSED, Reason.TIMEOUT),  # A-TK-12
    },
    WAIT_UNTIL: {
        **_OUT_OF_WAIT,
        **_TO_WAITS,
        **_TO_END,
        Event.MERGE: Move(CLOSED, Reason.MERGED),
        Event.MAIL: _stay(WAIT_UNTIL),  # decisions.md 6
        Event.DATE_REACHED: Move(TO_DO, Reason.DATE_REACHED),  # A-TK-13
    },
    WAIT_SPLIT: {
        Event.MAIL: _stay(WAIT_SPLIT),
        Event.RELATED_DONE: Move(CLOSED, Reason.RELATED_COMPLETED),
        Event.DELIVERY_FAILED: _stay(WAIT_SPLIT, Reason.DELIVERY_FAILED),
    },
    WAIT_CASE: {
        Event.MAIL: _stay(WAIT_CASE),
        Event.RELATED_DONE: Move(CLOSED, Reason.RELATED_COMPLETED),
        Event.DELIVERY_FAILED: _stay(WAIT_CASE, Reason.DELIVERY_FAILED),
    },
    RESOLVED: {
        Event.REOPEN: Move(TO_DO, Reason.REOPENED_BY_RESOURCE),  # A-TK-22
        Event.MAIL: Move(TO_DO, Reason.NEW_INFORMATION),  # A-TK-22, B-EF-06
        Event.FEEDBACK_OVER: Move(CLOSED, Reason.FEEDBACK_WINDOW_PASSED),  # A-TK-23
        Event.DELIVERY_FAILED: Move(TO_DO, Reason.DELIVERY_FAILED),  # decisions.md 15
        Event.UNDO_RESOLVE: Move(None, Reason.RESOLUTION_UNDONE),
    },
    CLOSED: {},  # A-ST-01: terminal; a mail starts a new item (A-TK-24)
}

_CASE_PAUSE = {Event.WAIT_PAUSE: Move(WAIT_PAUSE, Reason.UPDATED_BY_RESOURCE)}
_CASE_CANCEL = {Event.CANCEL: Move(CLOSED, Reason.CANCELLED)}
_TICKET_ONLY = frozenset({Event.SPLIT, Event.LAUNCH_CASE, Event.MERGE, Event.NO_ANSWER, Event.NO_ANSWER_CLOSE})


def _case_row(row: dict[Event, Move]) -> dict[Event, Move]:
    """The ticket's row without what only tickets have (A-CS-12: no number of days for cases)."""
    return {event: move for event, move in row.items() if event not in _TICKET_ONLY}


CASE: Table = {
    DRAFT: {**_case_row(TICKET[DRAFT]), **_CASE_CANCEL},
    TO_DO: {**_case_row(TICKET[TO_DO]), **_CASE_PAUSE, **_CASE_CANCEL},
    IN_PROGRESS: {**_case_row(TICKET[IN_PROGRESS]), **_CASE_PAUSE, **_CASE_CANCEL},
    WAIT_INFORMATION: {**_case_row(TICKET[WAIT_INFORMATION]), **_CASE_PAUSE, **_CASE_CANCEL},
    WAIT_UNTIL: {**_case_row(TICKET[WAIT_UNTIL]), **_CASE_PAUSE, **_CASE_CANCEL},
    WAIT_PAUSE: {  # A-CS-14: ends only by hand
        **_OUT_OF_WAIT,
        **_TO_WAITS,
        **_TO_END,
        **_CASE_CANCEL,
        Event.MAIL: _stay(WAIT_PAUSE),
    },
    RESOLVED: dict(TICKET[RESOLVED]),
    CLOSED: {},
}

TABLES: dict[str, Table] = {"ticket": TICKET, "case": CASE}
"""The status table of each kind of item."""
