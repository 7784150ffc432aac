"""The brakes on what mail does by itself (decisions.md 9) as values and rules; what has been sent and opened of late is counted by the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

OVERALL_WINDOW = timedelta(hours=1)
SENDER_WINDOW = timedelta(days=1)

HELD_BY_HOUR = "automatic mails within an hour"
"""How the reason ends with which the hourly brake holds a mail."""


@dataclass(frozen=True, slots=True)
class Brakes:
    """How much automatic mail may leave: per item within `item_window`, per sender in 24 hours, in all in an hour.

    And how many items one sender may open within an hour of the clock (0: any number), how long our signatures prove anything (0: for ever), and how
    long a mail to one of our people can be answered.
    """

    per_item: int = 1
    item_window: timedelta = timedelta(minutes=5)
    per_sender_day: int = 20
    per_hour: int = 600
    items_per_sender_hour: int = 0
    signed_for: timedelta = timedelta(days=400)
    answered_for: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Lately:
    """Automatic mails of late: to one item within its window, to one sender in 24 hours; `over_hour`: the house has sent all it may in this hour."""

    item: int = 0
    sender: int = 0
    over_hour: bool = False


def why_not(brakes: Brakes, lately: Lately) -> str:
    """Why no automatic mail is made at all, '' if one may be."""
    if lately.item >= brakes.per_item:
        return f"the item had {lately.item} automatic mail(s) within {_minutes(brakes.item_window)}"
    if lately.sender >= brakes.per_sender_day:
        return f"the sender had {lately.sender} automatic mails within 24 hours"
    return ""


def why_held(brakes: Brakes, lately: Lately) -> str:
    """Why an automatic mail waits for a person to release it, '' if it need not."""
    return f"more than {brakes.per_hour} {HELD_BY_HOUR}" if lately.over_hour else ""


def why_unopened(brakes: Brakes, opened: int) -> str:
    """Why a sender's mail opens no further item now, '' if it may; it waits among the unhandled, so that nothing is lost (law 7)."""
    most = brakes.items_per_sender_hour
    if not most or opened < most:
        return ""
    return f"the sender opened {opened} items within this hour, and {most} are the most; open it by hand or replay it (limits.items_per_sender_hour)"


def is_outdated(brakes: Brakes, signed_at: datetime, now: datetime) -> bool:
    """Whether what we signed then proves nothing more now; it goes on working as a known id (decisions.md 13)."""
    return bool(brakes.signed_for) and signed_at + brakes.signed_for < now


def _minutes(window: timedelta) -> str:
    return f"{window.total_seconds() / 60:g} minutes"
