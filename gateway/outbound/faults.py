"""What counts as the answer of an attempt that a fault of ours ended; answers of servers are `core/answers.py`."""

from __future__ import annotations

from core.delivery import Delivery, Stage, clean_words
from core.outbox import OutboxMessage, Outcome
from core.settling import still_to_try

AWAY = "The database was away when the mail was to be handed over."


def broken(message: OutboxMessage, fault: Exception, *, marked: bool) -> Delivery:
    """Unknown if the dot may have left, else to be tried again."""
    words = clean_words(f"A fault of ours ended the attempt: {type(fault).__name__}: {fault}")
    if marked:
        return Delivery(Stage.DOT, words, {one.address.key: (Outcome.UNKNOWN, words) for one in still_to_try(message)})
    return Delivery(Stage.BODY, words, {one.address.key: (Outcome.TEMPORARY, words) for one in still_to_try(message)})


def put_off() -> Delivery:
    """The mark could not be written, so the dot did not leave: no attempt, and to be sent as soon as the database is back."""
    return Delivery(Stage.BODY, AWAY, put_off=True)
