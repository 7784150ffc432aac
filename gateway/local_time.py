"""Times as people type and read them, in their own zone (decisions.md 23); what may be done at a time is decided in `core/`."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.durations import parse_duration
from core.refusal import Refused

EXPECTED = "a time such as 2026-03-29T09:30, 2026-03-29T09:30+02:00, 2026-03-29, or a duration from now such as PT2H"


def parse_moment(text: str, zone: str, now: datetime) -> datetime:
    """The aware UTC moment a person means; without a zone theirs is meant. Raises Refused.

    A time that the clocks jump over moves forward by the jump; one that comes twice is the first (`fold` 0 does both). A past time is refused.
    """
    text = text.strip()
    moment = now + _duration(text) if text.startswith("P") else _local(text, zone)
    if moment < now:
        raise Refused(f"{text} is in the past.")
    return moment


def parse_past(text: str, zone: str, now: datetime) -> datetime:
    """The aware UTC moment a person means who looks back; without a zone theirs is meant, and a duration counts back from now. Raises Refused."""
    text = text.strip()
    return now - _duration(text) if text.startswith("P") else _local(text, zone)


def next_time(clock_time: str, zone: str, now: datetime) -> datetime:
    """The next moment (aware UTC, after `now`) at which clocks in `zone` show `clock_time` (`HH:MM`).

    On a day on which the clocks jump over it, it is as much later as they jump; of a time that comes twice the first is meant. Raises ValueError.
    """
    there = ZoneInfo(zone or "UTC")
    wanted = time.fromisoformat(clock_time)
    today = now.astimezone(there).date()
    moments = (datetime.combine(today + timedelta(days=days), wanted, there).astimezone(UTC) for days in (0, 1, 2))
    return next(moment for moment in moments if moment > now)


def shown_moment(moment: datetime, zone: str) -> str:
    """An aware moment as a person in `zone` reads it, to the second: `2026-03-29 09:30:00 CEST`."""
    return moment.astimezone(ZoneInfo(zone or "UTC")).strftime("%Y-%m-%d %H:%M:%S %Z")


_MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),
}


def said_moment(moment: datetime, zone: str, language: str) -> str:
    """An aware moment in words for a customer: `29 March 2026, 09:30 (CEST)`, `1er mars 2026 à 09:30 (CET)`; other languages as English."""
    there = moment.astimezone(ZoneInfo(zone or "UTC"))
    spoken = language.lower().partition("-")[0]
    month = _MONTHS.get(spoken, _MONTHS["en"])[there.month - 1]
    if spoken == "fr":
        return f"{there.day}{'er' if there.day == 1 else ''} {month} {there.year} à {there:%H:%M (%Z)}"
    return f"{there.day} {month} {there.year}, {there:%H:%M (%Z)}"


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as fault:
        raise Refused(f"{fault}.") from None


def _local(text: str, zone: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone or "UTC"), fold=0)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(f"“{text[:60]}” is no time; {EXPECTED} is expected.") from None
