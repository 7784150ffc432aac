"""ISO 8601 durations: read, written, refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.durations import LONGEST, parse_duration, write_duration


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("P5D", timedelta(days=5)),
        ("PT10S", timedelta(seconds=10)),
        ("PT0.5S", timedelta(milliseconds=500)),
        ("PT0,5S", timedelta(milliseconds=500)),
        ("PT2M", timedelta(minutes=2)),
        ("P1DT2H", timedelta(days=1, hours=2)),
        ("P2W", timedelta(weeks=2)),
        ("P0.5D", timedelta(hours=12)),
        ("PT1H30M", timedelta(minutes=90)),
        ("PT90M", timedelta(minutes=90)),
        ("PT0S", timedelta(0)),
        ("P36500D", LONGEST),
    ],
)
def test_what_is_read(text: str, length: timedelta) -> None:
    """Weeks, days, hours, minutes, seconds; a fraction in the smallest part."""
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "text",
    [*"""|P|PT|P1DT|5D|P5|p5d|P-5D|-P5D|P1M|P1Y|PT1.5H30M|P1W2D|PT10|P 5D|P5D |P٥D|P36500DT1S|P9999999999D""".split("|"), "P" + "1" * 70 + "D"],
)
def test_what_is_refused(text: str) -> None:
    """Months and years have no fixed length; signs, spaces, empty parts and fractions in the middle are no durations here."""
    with pytest.raises(ValueError, match=r"ISO 8601|100 years"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(0), "PT0S"),
        (timedelta(days=5), "P5D"),
        (timedelta(hours=26), "P1DT2H"),
        (timedelta(seconds=90), "PT1M30S"),
        (timedelta(microseconds=1), "PT0.000001S"),
        (timedelta(seconds=10, milliseconds=100), "PT10.1S"),
        (timedelta(minutes=1, microseconds=10), "PT1M0.00001S"),
    ],
)
def test_what_is_written(length: timedelta, text: str) -> None:
    """One canonical form."""
    assert write_duration(length) == text


def test_a_negative_length_is_not_written() -> None:
    """There is no such duration here."""
    with pytest.raises(ValueError, match="negative"):
        write_duration(timedelta(seconds=-1))


@given(st.timedeltas(min_value=timedelta(0), max_value=LONGEST))
def test_written_and_read_is_the_same(length: timedelta) -> None:
    """Every length survives, to the microsecond."""
    assert parse_duration(write_duration(length)) == length


@given(st.text(alphabet="PT0123456789.,DHMSWY-+ ", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but ValueError comes out, and what is read is written in a form that means the same."""
    try:
        length = parse_duration(text)
    except ValueError:
        return
    assert parse_duration(write_duration(length)) == length
