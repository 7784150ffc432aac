"""Marks of pages: what is handed out comes back, and what anybody writes instead is refused or harmless."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Integer, String
from sqlalchemy.types import TypeEngine

from core.refusal import Refused
from gateway.store.page_marks import page_mark, read_mark
from gateway.store.schema import Moment

KINDS: tuple[TypeEngine[Any], ...] = (Moment(), String(), Integer())
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
MOMENTS_ANYWHERE = st.datetimes(timezones=ZONES).map(datetime.isoformat)


def forged(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode()


@given(TEXTS, TEXTS | st.integers(-(2**31) + 1, 2**31 - 1) | st.datetimes(timezones=st.just(UTC)), TEXTS)
def test_a_mark_says_what_it_was_made_of(of: str, value: Any, last: str) -> None:
    """Any text, number and moment comes back as it was, for its own list alone."""
    kind = KINDS[(datetime, str, int).index(type(value))]
    mark = page_mark(of, value, last)
    assert read_mark(mark, of, kind) == (value, last)
    with pytest.raises(Refused):
        read_mark(mark, f"{of}x", kind)


@given(st.text() | JSON.map(forged) | st.tuples(st.just("x"), st.booleans(), MOMENTS_ANYWHERE | JSON, st.text()).map(forged), st.sampled_from(KINDS))
def test_anything_else_is_refused_or_can_be_stored(mark: str, kind: TypeEngine[Any]) -> None:
    """Whatever somebody sends as a mark: a sentence, or values that a column of the kind takes."""
    try:
        value, last = read_mark(mark, "x", kind)
    except Refused as refused:
        assert "mark of a page" in str(refused)
        return
    assert "\0" not in last and last.encode() is not None
    assert isinstance(value, (datetime, str, int))
    if isinstance(value, datetime):
        assert Moment().process_bind_param(value, None) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_moment_outside_time_is_refused(written: str) -> None:
    """A moment that no calendar has in UTC is a sentence, not a fault."""
    with pytest.raises(Refused):
        read_mark(forged(["x", True, written, "id"]), "x", Moment())


def test_brackets_within_brackets_are_refused() -> None:
    """A mark that no reader of JSON can follow is refused."""
    with pytest.raises(Refused):
        read_mark(urlsafe_b64encode(b"[" * 200_000).decode(), "x", String())
