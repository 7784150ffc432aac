"""The automatic mail that tells a customer that no answer came in the days given (C-TP-01, E-12); the status is moved by `core/on_time.py`."""

from __future__ import annotations

from datetime import datetime

from core.outbox import Draft, Purpose
from core.told import Asked, tell
from core.work_item import WorkItem


def no_answer(item: WorkItem, asked: Asked, *, closed: bool, draft_id: str, now: datetime) -> Draft | None:
    """The mail, or None where the brakes, the item or the address are against it. Above the hourly brake it is held for a person to release."""
    return tell(item, asked, Purpose.NO_ANSWER, {"closed": "yes" if closed else ""}, draft_id=draft_id, now=now).draft
