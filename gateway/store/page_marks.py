"""The marks after which the next page of a list begins, handed out and taken back; the lists themselves are `outbox_views.py` and `sent_items.py`."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.types import TypeEngine

from core.refusal import Refused
from gateway.store.schema import Moment


def page_mark(of: str, value: Any, last: str) -> str:
    """The mark after the row `last` (its id), which has `value` in what the list `of` is ordered by: a text, a whole number or an aware moment."""
    written = value.isoformat() if isinstance(value, datetime) else value
    return urlsafe_b64encode(json.dumps([of, isinstance(value, datetime), written, last]).encode()).decode().rstrip("=")


def read_mark(mark: str, of: str, kind: TypeEngine[Any]) -> tuple[Any, str]:
    """The value and the id. Raises Refused for what is no mark of this list.

    A mark comes from the outside, so nothing of it reaches the database that a column of this `kind` could not hold.
    """
    try:
        named, is_moment, value, last = json.loads(urlsafe_b64decode(mark + "=" * (-len(mark) % 4)))
        if named == of and is_moment is isinstance(kind, Moment) and is_plain(last):
            if is_moment and (moment := datetime.fromisoformat(value)).tzinfo is not None:
                return moment.astimezone(UTC), last
            if not is_moment and type(value) is kind.python_type and (is_plain(value) if isinstance(value, str) else abs(value) < 2**31):
                return value, last
    except (ValueError, TypeError, OverflowError, RecursionError):  # a moment before the first year, brackets within brackets
        pass
    raise Refused("This mark of a page is not one of this list in this order; begin again without it.")


def is_plain(text: object) -> bool:
    """A text that both databases take. Raises UnicodeEncodeError for lone surrogates."""
    return isinstance(text, str) and "\0" not in text and bool(text.encode() or True)
