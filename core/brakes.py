"""The brakes on automatic mail (decisions.md 9) as values and rules; what has been sent of late is counted by the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

OVERALL_WINDOW = timedelta(hours=1)
SENDER_WINDOW = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Brakes:
    """How much automatic mail may leave: per item within `item_window`, per sender in 24 hours, in all in an hour."""

    per_item: int = 1
    item_window: timedelta = timedelta(minutes=5)
    per_sender_day: int = 20
    per_hour: int = 600


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
    return f"more than {brakes.per_hour} automatic mails within an hour" if lately.over_hour else ""


def _minutes(window: timedelta) -> str:
    return f"{window.total_seconds() / 60:g} minutes"
