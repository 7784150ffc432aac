"""The calendar part of a mail in short (RFC 5545, 5546): one event as text for a person; answering it and keeping a calendar are nobody's here."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from core.mail import Invitation
from gateway.inbound.charset import clean

MOST_BYTES = 200_000
"""Decoded octets of a calendar that are looked at; the event stands in front of what fills the rest."""
_MOST_LINES = 5_000
_MOST_ATTENDEES = 200
_LONG, _SHORT = 1_000, 200
_VALUE = r'(?:"[^"]{0,2000}+"|[^";:,]{0,2000}+)'
_LINE = re.compile(rf"([A-Za-z0-9-]{{1,60}}+)((?:;[A-Za-z0-9-]{{1,60}}+={_VALUE}(?:,{_VALUE}){{0,20}}+){{0,30}}+):(.*)", re.DOTALL)
_PARAMETER = re.compile(r';([A-Za-z0-9-]{1,60}+)=(?:"([^"]{0,2000}+)"|([^";:,]{0,2000}+))')
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z)?)?$")
_DURATION = re.compile(r"\+?P(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,7})S)?)?$")
_ESCAPED = re.compile(r"\\([nN;,\\])")
_EVENTS = frozenset({"VEVENT", "VTODO"})


def read_invitation(text: str) -> Invitation | None:
    """The first event or task of a calendar; None where there is none. Never raises."""
    reading = _Reading()
    for line in _unfolded(text[:MOST_BYTES]):
        if reading.done:
            break
        found = _LINE.match(line)
        if found:
            name, parameters, value = found.groups()
            reading.take(name.upper(), {key.upper(): quoted or plain for key, quoted, plain in _PARAMETER.findall(parameters)}, value.strip())
    return reading.result()


def _unfolded(text: str) -> list[str]:
    """Lines with their continuations (RFC 5545 section 3.1)."""
    lines: list[list[str]] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n", _MOST_LINES)[:_MOST_LINES]:
        if line[:1] in (" ", "\t") and lines:
            lines[-1].append(line[1:])
        elif line:
            lines.append([line])
    return ["".join(pieces) for pieces in lines]


class _Reading:
    """Which components are open, and the properties met of the first event."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.method = ""
        self.values: dict[str, tuple[dict[str, str], str]] = {}
        self.attendees: list[str] = []
        self.seen = False
        self.done = False

    def take(self, name: str, parameters: dict[str, str], value: str) -> None:
        if name == "BEGIN":
            self.open.append(value.upper()[:60])
            self.seen = self.seen or self.open[-1] in _EVENTS
        elif name == "END":
            self.done = bool(self.open) and self.open.pop() in _EVENTS
        elif name == "METHOD" and not self.method:
            self.method = value.upper()[:60]
        elif self.open and self.open[-1] in _EVENTS:
            self._take_of_event(name, parameters, value)

    def _take_of_event(self, name: str, parameters: dict[str, str], value: str) -> None:
        if name != "ATTENDEE":
            self.values.setdefault(name, (parameters, value))
        elif len(self.attendees) < _MOST_ATTENDEES:
            self.attendees.append(_person(parameters, value))

    def result(self) -> Invitation | None:
        if not self.seen:
            return None
        start, end = self.values.get("DTSTART"), self.values.get("DTEND") or self.values.get("DUE")
        return Invitation(
            method=_words(self.method, _SHORT),
            summary=_words(self._text("SUMMARY"), _LONG),
            starts=_moment(*start) if start else "",
            ends=_moment(*end) if end else _after(start, self._text("DURATION")),
            location=_words(self._text("LOCATION"), _LONG),
            organizer=_person(*self.values["ORGANIZER"]) if "ORGANIZER" in self.values else "",
            attendees=tuple(one for one in self.attendees if one),
            repeats="RRULE" in self.values or "RDATE" in self.values,
        )

    def _text(self, name: str) -> str:
        return self.values[name][1] if name in self.values else ""


def _words(value: str, longest: int) -> str:
    """One line of text, its escapes undone (section 3.3.11)."""
    plain = _ESCAPED.sub(lambda found: " " if found.group(1) in "nN" else found.group(1), value[: 2 * longest])
    return " ".join(clean(plain).split())[:longest]


def _person(parameters: dict[str, str], value: str) -> str:
    address = value[7:] if value[:7].lower() == "mailto:" else value
    name = parameters.get("CN", "")
    address, name = _words(address, _SHORT), _words(name, _SHORT)
    return f"{name} <{address}>" if name and name != address else address


def _moment(parameters: dict[str, str], value: str) -> str:
    """`2026-03-02 10:00 Europe/Paris`, `… UTC`, or a day; what is no moment stays as it was written."""
    found = _MOMENT.match(value)
    if not found:
        return _words(value, _SHORT)
    year, month, day, hour, minute, _second, utc = found.groups()
    zone = "UTC" if utc else _words(parameters.get("TZID", ""), 80)
    return f"{year}-{month}-{day}" + (f" {hour}:{minute} {zone}".rstrip() if hour else "")


def _after(start: tuple[dict[str, str], str] | None, duration: str) -> str:
    """The end of what says how long it takes (section 3.8.2.5)."""
    begins, lasts = _MOMENT.match(start[1]) if start else None, _DURATION.match(duration)
    if not start or not begins or not lasts or duration == "P":
        return ""
    weeks, days, hours, minutes, seconds = (int(number or 0) for number in lasts.groups())
    year, month, day, hour, minute, second, utc = begins.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))  # noqa: DTZ001 - the zone stays a text
        moment += timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except (ValueError, OverflowError):
        return ""
    return _moment(start[0], moment.strftime("%Y%m%dT%H%M%S" + (utc or "")) if hour or hours or minutes or seconds else moment.strftime("%Y%m%d"))


def as_text(one: Invitation) -> str:
    """The invitation as lines, for a mail that says nothing else. The labels are those of the format: nobody's language is known here."""
    said = (
        ("Summary", one.summary),
        ("Start", one.starts),
        ("End", one.ends),
        ("Repeats", "yes" if one.repeats else ""),
        ("Location", one.location),
        ("Organizer", one.organizer),
        ("Attendees", ", ".join(one.attendees[:20]) + (" …" if len(one.attendees) > 20 else "")),
        ("Method", one.method),
    )
    return "\n".join(f"{label}: {value}" for label, value in said if value) + "\n"
