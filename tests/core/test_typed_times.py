"""Times as agents type them into a mail (decisions.md 23)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.typed_times import NotTyped, typed_moment

NOW = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)  # a Monday, 11:00 in Paris

MEANT = [
    ("en", "2026-12-01 09:00", "2026-12-01T08:00"),
    ("en", "2026-12-01T09:00", "2026-12-01T08:00"),
    ("en", "2026-12-01T09:00+05:00", "2026-12-01T04:00"),
    ("fr", "01/12/2026 9h00", "2026-12-01T08:00"),
    ("fr", "01/12/2026 à 9h", "2026-12-01T08:00"),
    ("fr-CH", "1/12 9 h 30", "2026-12-01T08:30"),
    ("fr", "1er décembre 2026 à 9 h 30", "2026-12-01T08:30"),
    ("fr", "mardi 1er décembre 9h", "2026-12-01T08:00"),
    ("fr", "demain 9h", "2026-12-01T08:00"),
    ("fr", "après-demain midi", "2026-12-02T11:00"),
    ("fr", "lundi 9h", "2026-12-07T08:00"),
    ("en", "12/25/2026 9am", "2026-12-25T08:00"),
    ("en", "31.12. 10:00", "2026-12-31T09:00"),
    ("en", "Dec 24, 2026 at 8", "2026-12-24T07:00"),
    ("en", "tomorrow at 9:30 p.m.", "2026-12-01T20:30"),
    ("en", "17:00", "2026-11-30T16:00"),
    ("fr", "17h", "2026-11-30T16:00"),
    ("en", "friday", "2026-12-03T23:00"),
    ("en", "1 february", "2027-01-31T23:00"),
    ("en", "2027-03-28 02:30", "2027-03-28T01:30"),  # the clocks jump over it
    ("en", "2027-10-31 02:30", "2027-10-31T00:30"),  # it comes twice
]


@pytest.mark.parametrize(("language", "text", "meant"), MEANT)
def test_times_are_meant_in_the_persons_zone(language: str, text: str, meant: str) -> None:
    """Day first in French; what the clocks jump over moves forward, what comes twice is the first."""
    assert typed_moment(text, "Europe/Paris", language, NOW) == datetime.fromisoformat(meant).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "text", "sentence"),
    [
        ("en", "9:00", "is past (2026-11-30 09:00 CET)"),
        ("fr", "hier", "n’est pas une date"),
        ("en", "01/12/2026 9:00", "two dates"),
        ("en", "2026-13-01 09:00", "not a time"),
        ("en", "5", "not a time"),
        ("en", "25:00", "not a time"),
        ("en", "", "not a time"),
    ],
)
def test_what_cannot_be_meant_is_refused(language: str, text: str, sentence: str) -> None:
    """Past, ambiguous and impossible times, each with its sentence in the person's language."""
    with pytest.raises(NotTyped) as refused:
        typed_moment(text, "Europe/Paris", language, NOW)
    assert sentence in refused.value.said.in_language(language)


def test_a_mail_is_not_sent_at_midnight_by_mistake() -> None:
    """Where an hour is needed, a date alone is not enough."""
    with pytest.raises(NotTyped, match="names no hour"):
        typed_moment("tomorrow", "Europe/Paris", "en", NOW, needs_clock=True)


@given(some.text(max_size=30) | some.from_regex(r"[0-9a-z/. :hà-]{0,25}", fullmatch=True), some.sampled_from(["en", "fr"]))
def test_any_text_is_a_time_to_come_or_refused(text: str, language: str) -> None:
    """Nothing else comes of it."""
    try:
        assert typed_moment(text, "Europe/Paris", language, NOW) > NOW
    except NotTyped as refused:
        assert refused.said.fr
