"""Times as people type them into a mail, in English and French, in their own zone (decisions.md 23); those of pages and commands are `gateway/local_time.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.command_words import Said, folded
from core.wording import clean_line

NOT_A_TIME = Said(
    "“{text}” is not a time. Write for example “2026-12-01 09:00”, “tomorrow 9:00” or “17:00”.",
    "« {text} » n’est pas une date et une heure. Écrivez par exemple « 01/12/2026 9h00 », « demain 9h » ou « 17h00 ».",
)
AMBIGUOUS = Said(
    "“{text}” can be two dates. Write the year first: 2026-12-01.",
    "« {text} » peut désigner deux dates. Écrivez l’année d’abord : 2026-12-01.",
)
PAST = Said("“{text}” is past ({moment}).", "« {text} » est passé ({moment}).")
NO_CLOCK = Said("“{text}” names no hour. Write for example “2026-12-01 09:00”.", "« {text} » ne dit pas l’heure. Écrivez par exemple « 01/12/2026 9h00 ».")
EXAMPLES = 60
"""Characters of what was typed that are said back."""

_MONTHS = {
    word: number
    for number, words in enumerate(
        (
            "january jan janvier janv", "february feb fevrier fevr", "march mar mars", "april apr avril avr", "may mai", "june jun juin",
            "july jul juillet juil", "august aug aout", "september sep sept septembre", "october oct octobre", "november nov novembre",
            "december dec decembre",
        ),
        1,
    )
    for word in words.split()
}  # fmt: skip
_DAYS = {
    word: number
    for number, words in enumerate(
        ("monday mon lundi", "tuesday tue mardi", "wednesday wed mercredi", "thursday thu jeudi", "friday fri vendredi", "saturday sat samedi", "sunday sun dimanche")
    )
    for word in words.split()
}
_AHEAD = {"today": 0, "aujourd'hui": 0, "tomorrow": 1, "demain": 1, "the day after tomorrow": 2, "day after tomorrow": 2, "apres-demain": 2, "apres demain": 2}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAY = "|".join(sorted(_DAYS, key=len, reverse=True))
_CLOCK = re.compile(
    r"(?:^|[ ,t])(?:at |a |@ ?)?(?:(?P<noon>noon|midi)|(?P<hour>\d{1,2})"
    r"(?: ?: ?(?P<minute>\d{2})(?::\d{2})?| ?h(?: ?(?P<minutes>\d{2}))?)?(?: ?(?P<half>[ap])\.?m\.?)?)$",
    re.ASCII,
)
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_YEAR_FIRST_ZONED = re.compile(r"\d{4}-\d\d-\d\d[t ]\d\d:\d\d(?::\d\d)?(?:z|[+-]\d\d:\d\d)", re.ASCII)
_NUMBERS = re.compile(r"(\d{1,2})([/.-])(\d{1,2})(?:\2(\d{4}|\d{2}))?", re.ASCII)
_DAY_FIRST = re.compile(rf"(\d{{1,2}})(?:st|nd|rd|th|er)? (?:of |de )?({_MONTH})\.?,?(?: (\d{{4}}))?", re.ASCII)
_MONTH_FIRST = re.compile(rf"({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?(?:,? (\d{{4}}))?", re.ASCII)
_WEEKDAY = re.compile(rf"(?:next )?({_DAY})\.?(?: prochain)?,?", re.ASCII)
_BEFORE = re.compile(r"^(?:until|till|on|the|le|au|a partir du|a) +", re.ASCII)
_WEEKDAY_BEFORE = re.compile(rf"^(?:{_DAY})\.?,? +(?=\d|{_MONTH})", re.ASCII)


class NotTyped(Exception):
    """What was typed cannot be meant. `said` is the sentence for the person."""

    def __init__(self, said: Said) -> None:
        super().__init__(said.en)
        self.said = said


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who types when: everything a relative or local time depends on."""

    now: datetime
    language: str

    @property
    def today(self) -> date:
        return self.now.date()


def typed_moment(text: str, zone: str, language: str, now: datetime, *, needs_clock: bool = False) -> datetime:
    """The aware UTC moment that is meant in `zone` (IANA, '' for UTC); a date alone is its first minute. Raises NotTyped.

    What the clocks jump over moves forward, what comes twice is the first, what is past is refused. Days stand before months where the
    person speaks French; in English a date that can be read both ways is refused.
    """
    shown, said = clean_line(text, EXAMPLES), folded(text[:200]).strip(" .,;!")
    there = ZoneInfo(zone or "UTC")
    moment = _zoned(said)
    if moment is None:
        asked = _Asked(now.astimezone(there), language)
        before, clock = _clock(said)
        day = _date(before, asked, shown) if before else asked.today if clock is not None else None
        if day is None:
            raise NotTyped(NOT_A_TIME.filled(text=shown))
        if clock is None and needs_clock:
            raise NotTyped(NO_CLOCK.filled(text=shown))
        moment = _aware(day, clock or time(), there, shown)
    if moment <= now:
        raise NotTyped(PAST.filled(text=shown, moment=moment.astimezone(there).strftime("%Y-%m-%d %H:%M %Z")))
    return moment


def _aware(day: date, clock: time, there: ZoneInfo, shown: str) -> datetime:
    try:
        return datetime.combine(day, clock, tzinfo=there).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotTyped(NOT_A_TIME.filled(text=shown)) from None


def _zoned(said: str) -> datetime | None:
    """A moment that names its own zone."""
    if not _YEAR_FIRST_ZONED.fullmatch(said):
        return None
    try:
        return datetime.fromisoformat(said.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _clock(said: str) -> tuple[str, time | None]:
    """What stands before the hour, and the hour; a bare number is one only behind `at`, `h`, `:` or with half of the day."""
    found = _CLOCK.search(said)
    if found is None:
        return said, None
    if found.group("noon"):
        return said[: found.start()].strip(" ,"), time(12)
    hour, minute, half = int(found.group("hour")), found.group("minute") or found.group("minutes"), found.group("half")
    if not (minute or half or "h" in found.group() or " at " in f" {found.group()}" or "@" in found.group()):
        return said, None
    if half:
        if not 1 <= hour <= 12:
            return said, None
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 23 or int(minute or 0) > 59:
        return said, None
    return said[: found.start()].strip(" ,"), time(hour, int(minute or 0))


def _date(said: str, asked: _Asked, shown: str) -> date | None:
    said = _BEFORE.sub("", said)
    said = _WEEKDAY_BEFORE.sub("", said).strip(" ,.")
    if said in _AHEAD:
        return asked.today + timedelta(days=_AHEAD[said])
    if found := _WEEKDAY.fullmatch(said):
        return asked.today + timedelta(days=(_DAYS[found.group(1)] - asked.today.weekday() - 1) % 7 + 1)
    if found := _ISO.fullmatch(said):
        return _day(int(found.group(1)), int(found.group(2)), int(found.group(3)))
    if found := _DAY_FIRST.fullmatch(said):
        return _in_year(found.group(3), _MONTHS[found.group(2)], int(found.group(1)), asked)
    if found := _MONTH_FIRST.fullmatch(said):
        return _in_year(found.group(3), _MONTHS[found.group(1)], int(found.group(2)), asked)
    if found := _NUMBERS.fullmatch(said):
        return _by_numbers(found, asked, shown)
    return None


def _by_numbers(found: re.Match[str], asked: _Asked, shown: str) -> date | None:
    first, sign, second, year = int(found.group(1)), found.group(2), int(found.group(3)), found.group(4)
    french = asked.language.partition("-")[0].lower() == "fr"
    if not french and sign != "." and first != second and max(first, second) <= 12:
        raise NotTyped(AMBIGUOUS.filled(text=shown))
    day, month = (first, second) if french or sign == "." or second <= 12 else (second, first)
    return _in_year(year, month, day, asked)


def _in_year(year: str | None, month: int, day: int, asked: _Asked) -> date | None:
    """The date; without a year the next one of that name, which may be today."""
    if year:
        return _day(int(year) + (2000 if len(year) == 2 else 0), month, day)
    this = _day(asked.today.year, month, day)
    return this if this is not None and this >= asked.today else _day(asked.today.year + 1, month, day)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
