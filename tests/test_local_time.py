"""Times as people type them (decisions.md 23)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.refusal import Refused
from gateway.local_time import parse_moment, said_moment

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-10T09:30", "2026-03-10T08:30+00:00"),
        ("2026-03-10 09:30", "2026-03-10T08:30+00:00"),
        ("2026-03-10", "2026-03-09T23:00+00:00"),
        ("2026-07-10T09:30", "2026-07-10T07:30+00:00"),
        ("2026-03-10T09:30Z", "2026-03-10T09:30+00:00"),
        ("2026-03-10T09:30-05:00", "2026-03-10T14:30+00:00"),
        ("2026-03-29T02:30", "2026-03-29T01:30+00:00"),  # does not exist: 03:30 summer time
        ("2026-10-25T02:30", "2026-10-25T00:30+00:00"),  # comes twice: the first
        ("PT2H", "2026-03-02T11:00+00:00"),
        ("PT0.5S", "2026-03-02T09:00:00.500000+00:00"),
        ("P1D", "2026-03-03T09:00+00:00"),
    ],
)
def test_a_time_without_a_zone_is_the_users(text: str, utc: str) -> None:
    """Paris time; a skipped time moves forward, an ambiguous one is the first; a zone or a duration is taken as given."""
    assert parse_moment(text, "Europe/Paris", NOW) == datetime.fromisoformat(utc)


@pytest.mark.parametrize(
    ("text", "why"),
    [("2026-03-01", "in the past"), ("tomorrow", "is no time"), ("", "is no time"), ("P1X", "not a duration"), ("9999-12-31T23:59-23:59", "is no time")],
)
def test_what_is_no_time_to_come_is_refused(text: str, why: str) -> None:
    """Past times and nonsense are refused with a sentence."""
    with pytest.raises(Refused, match=why):
        parse_moment(text, "Europe/Paris", NOW)


def test_now_is_not_the_past() -> None:
    """A duration of nought is now."""
    assert parse_moment("PT0S", "UTC", NOW) == NOW
    assert parse_moment((NOW + timedelta(seconds=1)).isoformat(), "UTC", NOW) == NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("moment", "zone", "language", "said"),
    [
        (NOW, "Europe/Paris", "en", "2 March 2026, 10:00 (CET)"),
        (NOW, "Europe/Paris", "fr-CA", "2 mars 2026 à 10:00 (CET)"),
        (datetime(2026, 7, 31, 22, 30, tzinfo=UTC), "Europe/Paris", "fr", "1er août 2026 à 00:30 (CEST)"),
        (NOW, "", "de", "2 March 2026, 09:00 (UTC)"),
    ],
)
def test_a_time_in_words_for_a_customer(moment: datetime, zone: str, language: str, said: str) -> None:
    """In the zone and language given; other languages as English."""
    assert said_moment(moment, zone, language) == said
