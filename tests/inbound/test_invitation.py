"""Invitations are told in short; the calendar stays an attachment; hostile calendars cost nothing."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.mail import Invitation
from gateway.inbound.invitation import read_invitation
from gateway.inbound.parse import parse
from tests.inbound.mails import TEXT, multipart, part, typed

REQUEST = """BEGIN:VCALENDAR
METHOD:REQUEST
PRODID:x
BEGIN:VTIMEZONE
TZID:Europe/Paris
BEGIN:STANDARD
DTSTART:19701025T030000
RRULE:FREQ=YEARLY
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:1@x
DTSTART;TZID="Europe/Paris":20260302T100000
DTEND;TZID=Europe/Paris:20260302T113000
SUMMARY;LANGUAGE=en:Weekly meeting\\, with
  guests\\nand more
LOCATION:Room 1\\; second floor
ORGANIZER;CN="Smith: Ann";ROLE=CHAIR:mailto:ann@x.org
ATTENDEE;CN=Bob;PARTSTAT=NEEDS-ACTION:MAILTO:bob@y.org
ATTENDEE:mailto:eve@z.org
BEGIN:VALARM
DURATION:PT5M
SUMMARY:alarm
END:VALARM
END:VEVENT
BEGIN:VEVENT
SUMMARY:another
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


def event(*lines: str) -> Invitation:
    found = read_invitation("\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR"]))
    assert found is not None
    return found


def test_a_request_in_full() -> None:
    """RFC 5545: folded lines, quoted parameters, escapes, a zone, the first event only; what the zone and the alarm say is not the event's."""
    assert read_invitation(REQUEST) == Invitation(
        method="REQUEST",
        summary="Weekly meeting, with guests and more",
        starts="2026-03-02 10:00 Europe/Paris",
        ends="2026-03-02 11:30 Europe/Paris",
        location="Room 1; second floor",
        organizer="Smith: Ann <ann@x.org>",
        attendees=("Bob <bob@y.org>", "eve@z.org"),
    )


MOMENTS = [
    (("DTSTART:20260302T090000Z", "DURATION:PT90M"), "2026-03-02 09:00 UTC", "2026-03-02 10:30 UTC"),
    (("DTSTART;VALUE=DATE:20260302", "DTEND;VALUE=DATE:20260304"), "2026-03-02", "2026-03-04"),
    (("DTSTART;VALUE=DATE:20260302", "DURATION:P1W"), "2026-03-02", "2026-03-09"),
    (("DTSTART:20260302T090000", "DURATION:P1DT2H"), "2026-03-02 09:00", "2026-03-03 11:00"),
    (("DTSTART:nonsense", "DURATION:PT1H"), "nonsense", ""),
    (("DTSTART:20261399T250000Z", "DURATION:PT1H"), "2026-13-99 25:00 UTC", ""),
    (("DTSTART:99991231T000000Z", "DURATION:P99999D"), "9999-12-31 00:00 UTC", ""),
    ((), "", ""),
]


@pytest.mark.parametrize(("lines", "starts", "ends"), MOMENTS)
def test_moments(lines: tuple[str, ...], starts: str, ends: str) -> None:
    """Days, moments with and without zone, durations; what is no moment is shown as it was written."""
    found = event(*lines)
    assert (found.starts, found.ends) == (starts, ends)


def test_repeating() -> None:
    """A rule of the event itself makes it repeat."""
    assert event("RRULE:FREQ=DAILY").repeats
    assert not read_invitation(REQUEST).repeats  # type: ignore[union-attr]


def test_an_invitation_beside_a_text() -> None:
    """The text stays the text; the calendar of the alternative is the invitation and an attachment."""
    found = parse(multipart(b"alternative", TEXT, part(b"text/calendar; method=REQUEST; charset=utf-8", REQUEST.encode())))
    assert found.text.strip() == "hello"
    assert found.invitation is not None and found.invitation.summary.startswith("Weekly")
    assert [one.content_type for one in found.attachments] == ["text/calendar"]


def test_a_mail_that_is_only_an_invitation() -> None:
    """Its text says what is asked for."""
    found = parse(typed(b"text/calendar; method=REQUEST", REQUEST.encode()))
    assert found.text.splitlines()[:3] == ["Summary: Weekly meeting, with guests and more", "Start: 2026-03-02 10:00 Europe/Paris", "End: 2026-03-02 11:30 Europe/Paris"]
    assert found.new_text.startswith("Summary: Weekly")
    assert len(found.attachments) == 1


def test_an_ics_file() -> None:
    """An attached file counts by its name, whatever its type says."""
    assert parse(multipart(b"mixed", TEXT, part(b"application/octet-stream; name=invite.ics", REQUEST.encode()))).invitation is not None


def test_what_is_no_calendar() -> None:
    """Nothing is claimed of what has no event."""
    for text in ("", "hello", "BEGIN:VCALENDAR\r\nEND:VCALENDAR", "BEGIN:VEVENT"):
        assert read_invitation(text) in (None, Invitation())


def test_bounds() -> None:
    """Attendees, lines, lengths and nesting are bounded, and cost no more than they are long."""
    began = time.process_time()
    assert len(event(*["ATTENDEE:mailto:a@x.org"] * 4_000).attendees) == 200
    assert len(event("SUMMARY:" + "x" * 100_000).summary) == 1_000
    read_invitation("BEGIN:VEVENT\r\n" * 15_000)
    read_invitation("BEGIN:VEVENT\r\n" + "A" + ';X="' * 50_000)
    read_invitation("BEGIN:VEVENT\r\nA" + ";X=" + "," * 150_000)
    read_invitation("BEGIN:VEVENT\r\nSUMMARY:x" + "\r\n " * 60_000)
    assert time.process_time() - began < 2.0


PIECES = ["BEGIN:VEVENT", "END:VEVENT", "DTSTART", "DURATION", ":", ";", "=", '"', "\r\n", "\r\n ", "20260302T100000Z", "P1D", "SUMMARY", "\\n", "\x00", "x" * 50]


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_never_raises(text: str) -> None:
    """Whatever pieces come together."""
    read_invitation("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n" + text)
