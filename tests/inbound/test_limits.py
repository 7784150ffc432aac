"""Hostile mail: bounded in everything, told in a sentence, never an exception, never the square of its size."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from core.mail import Mail
from gateway.inbound.budget import Budget
from gateway.inbound.parse import header_only, parse
from tests.inbound.mails import HEAD, TEXT, mail, multipart, part, typed

MB = 1_000_000


def full(piece: bytes, size: int = 5 * MB) -> bytes:
    """`piece` again and again, to this size."""
    return (piece * (size // len(piece) + 1))[:size]


def nested(levels: int) -> bytes:
    """Multiparts in each other, the innermost with a text."""
    return HEAD + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(levels)) + b"\r\ndeep\r\n"


def assert_whole(found: Mail) -> None:
    """The mail that could not be read in full is attached in full."""
    last = found.attachments[-1]
    assert found.partial
    assert (last.name, last.content_type, last.offset, last.length) == ("mail.eml", "message/rfc822", 0, found.size)


OVER: dict[str, Callable[[], Mail]] = {
    "header bytes": lambda: parse(mail(*[b"X-A: " + b"y" * 1_000] * 3_000)),
    "header fields": lambda: parse(mail(*[b"X-A: b"] * 15_000)),
    "one field": lambda: parse(mail(b"Subject: " + b"x" * MB)),
    "addresses": lambda: parse(mail(b"To: " + b",".join(b"n%d@x.org" % number for number in range(6_000)))),
    "parts": lambda: parse(multipart(b"mixed", *[TEXT] * 3_000)),
    "levels": lambda: parse(nested(200)),
    "header of a part": lambda: parse(multipart(b"mixed", part(b"text/plain", b"x", *[b"X-A: " + b"y" * 1_000] * 100))),
    "text": lambda: parse(typed(b"text/plain", b"word " * MB)),
    "HTML": lambda: parse(typed(b"text/html", b"<p>word</p> " * 150_000)),
    "containers": lambda: parse(typed(b"application/ms-tnef; name=winmail.dat", b"x" * 100), budget=Budget(opened_bytes=50)),
}


@pytest.mark.parametrize("name", OVER)
def test_each_budget_leaves_the_whole_mail(name: str) -> None:
    """Whatever a mail has too much of: what could be read is there, the mail is partial, says so, and hangs on itself in full."""
    found = OVER[name]()
    assert_whole(found)
    assert found.defects


def test_empty_file() -> None:
    """Nothing at all is a mail with nothing in it."""
    assert parse(b"") == Mail(content_key=parse(b"").content_key)


def test_header_line_of_a_megabyte() -> None:
    """A subject of 1 MB is cut, the rest of the mail is read."""
    found = parse(mail(b"From: ann@x.org", b"Subject: " + b"x" * MB))
    assert 15_900 < len(found.subject) <= 16_000
    assert found.partial
    assert found.text == "hello\n"
    assert found.author is not None


def test_ten_thousand_parts() -> None:
    """2,000 parts are read, the mail is partial and says so."""
    found = parse(multipart(b"mixed", *[part(b"application/pdf; name=a.pdf", b"x")] * 10_000))
    assert len(found.attachments) == 2_000 - 1 + 1
    assert_whole(found)
    assert found.partial
    assert any("2000 parts" in defect for defect in found.defects)


def test_five_thousand_levels() -> None:
    """What is nested deeper than 100 levels stays one attachment, and the mail says so."""
    found = parse(nested(5_000))
    assert found.partial
    assert [one.content_type for one in found.attachments] == ["multipart/mixed", "message/rfc822"]
    assert_whole(found)


def test_fifty_levels_are_read() -> None:
    """Nesting that forwarding produces is read to the ground."""
    assert parse(nested(50)).text.strip() == "deep"


def test_forwards_in_forwards_stay_one_attachment() -> None:
    """500 forwarded mails in each other are one attachment: a forward is opened when somebody opens it."""
    found = parse(HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 500 + b"\r\ndeep")
    assert [one.name for one in found.attachments] == ["message.eml"]
    assert found.text == ""


def test_fifty_thousand_fields() -> None:
    """1,000 fields are kept; those that matter are found wherever they stand among the first 20,000."""
    found = parse(mail(*[b"X-A: b"] * 15_000, b"Subject: late", b"From: ann@x.org"))
    assert len(found.headers) == 1_000
    assert found.subject == "late"
    assert found.partial


def test_kept_fields_are_bounded_in_all() -> None:
    """Long fields use up the room of the others, and no more."""
    found = parse(mail(*[b"X-A: " + b"y" * 50_000] * 100))
    assert sum(len(value) for _, value in found.headers) <= 256_000
    assert max(len(value) for _, value in found.headers) <= 16_000


def test_references_keep_first_and_last() -> None:
    """Of 20,000 references the first 50 and the last 50 are kept; ids longer than a line may be are not ids."""
    found = parse(mail(b"References: " + b"\r\n ".join(b"<%d@x>" % number for number in range(20_000)) + b" <" + b"y" * 1_200 + b">"))
    assert len(found.references) == 100
    assert (found.references[0], found.references[49], found.references[50], found.references[99]) == ("0@x", "49@x", "19950@x", "19999@x")


def test_five_thousand_recipients() -> None:
    """A list as long as lists get is read in full."""
    found = parse(mail(b"To: " + b",\r\n ".join(b'"N, %d" <n%d@x.org>' % (number, number) for number in range(4_900))))
    assert len(found.to) == 4_900
    assert str(found.to[-1]) == "N, 4899 <n4899@x.org>"


def test_text_beyond_the_budget_is_attached() -> None:
    """2 MB of text are shown, the whole part can be opened."""
    found = parse(typed(b"text/plain", b"word " * MB))
    assert len(found.text) == 2 * MB
    assert found.partial
    assert [one.length for one in found.attachments[:-1]] == [5 * MB]
    assert_whole(found)


def test_html_that_is_not_shown_gives_its_words() -> None:
    """HTML built to exhaust a reader is not rendered; its text and the part itself are there."""
    found = parse(typed(b"text/html", b"<div>" * 50_000 + b"help me"))
    assert found.html == ""
    assert found.text == "help me"
    assert found.partial
    assert [one.name for one in found.attachments] == ["part-1.html", "mail.eml"]


def test_budget_is_an_argument() -> None:
    """A smaller budget reads less of the same mail."""
    raw = multipart(b"mixed", TEXT, part(b"text/plain", b"two"), part(b"text/plain", b"three"))
    assert parse(raw).text == "hello\ntwo\nthree"
    assert parse(raw, budget=Budget(parts=3)).text == "hello\ntwo"


def test_header_only() -> None:
    """The last resort: who wrote about what, the whole mail one attachment, and the reason as a sentence."""
    found = header_only(multipart(b"mixed", TEXT), "It took too long.")
    assert str(found.author) == "ann@x.org"
    assert found.subject == "s"
    assert found.defects[0] == "It took too long."
    assert found.partial
    assert (found.text, len(found.attachments)) == ("", 1)
    assert_whole(found)


TNEF = b"\x78\x9f\x3e\x22\1\0"
HOSTILE: dict[str, Callable[[], bytes]] = {
    "NUL": lambda: full(b"\0"),
    "line ends": lambda: full(b"\r\n"),
    "lone CR": lambda: full(b"\r"),
    "letters": lambda: full(b"a"),
    "colons": lambda: full(b":"),
    "fields": lambda: full(b"a:\n"),
    "random octets": lambda: random.Random(1).randbytes(5 * MB),
    "encoded words": lambda: b"Subject: " + full(b"=?utf-8?q?a?= ") + b"\n\n",
    "half encoded words": lambda: b"Subject: " + full(b"=?a?b?") + b"\n\n",
    "commas": lambda: b"To: " + full(b",") + b"\n\n",
    "quotes": lambda: b"To: " + full(b'"') + b"\n\n",
    "backslashes": lambda: b'To: "' + full(b"\\") + b"\n\n",
    "comments": lambda: b"To: " + full(b"(") + b"\n\n",
    "angles": lambda: b"To: " + full(b"<") + b"\n\n",
    "ats": lambda: b"To: " + full(b"a@") + b"\n\n",
    "spaces before an angle": lambda: b"To: " + full(b"x" + b" " * 1_000 + b"<") + b"\n\n",
    "open references": lambda: b"References: " + full(b"<") + b"\n\n",
    "date in comments": lambda: b"Date: " + full(b"(") + b"\n\n",
    "parameters": lambda: HEAD + b"Content-Type: text/plain" + full(b"; a=b") + b"\n\n",
    "escapes in a parameter": lambda: HEAD + b'Content-Type: text/plain; name="' + full(b'\\"') + b"\n\n",
    "boundaries": lambda: HEAD + b"Content-Type: multipart/mixed; boundary=a\n\n" + full(b"--a\n\n"),
    "nearly boundaries": lambda: HEAD + b"Content-Type: multipart/mixed; boundary=a\n\n" + full(b"--ab\n"),
    "guessed boundaries": lambda: HEAD + b"Content-Type: multipart/mixed\n\n" + b"".join(b"--%d\n" % number for number in range(500_000)),
    "levels without boundaries": lambda: HEAD + b"".join(b"Content-Type: multipart/mixed\n\n--b%d\n" % n for n in range(5_000)) + full(b"x\n"),
    "digest": lambda: HEAD + b"Content-Type: multipart/digest; boundary=a\n\n" + full(b"--a\n\nSubject: x\n\nx\n"),
    "Latin-1 called UTF-8": lambda: typed(b"text/plain; charset=utf-8", full(b"\xe9\xc3")),
    "escape sequences": lambda: typed(b"text/plain; charset=iso-2022-jp", full(b"\x1b$B")),
    "UTF-16 surrogates": lambda: typed(b"text/plain; charset=utf-16", full(b"\xd8\x00")),
    "base64 of equals": lambda: typed(b"text/plain", full(b"a="), b"base64"),
    "base64 with spaces": lambda: typed(b"text/plain", full(b"a b\n"), b"base64"),
    "quoted-printable": lambda: typed(b"text/plain", full(b"=C3"), b"quoted-printable"),
    "tags": lambda: typed(b"text/html", full(b"<b><p>")),
    "angles of HTML": lambda: typed(b"text/html", full(b"<")),
    "attributes": lambda: typed(b"text/html", b"<p " + full(b"a=b ")),
    "entities": lambda: typed(b"text/html", full(b"&amp")),
    "remote images": lambda: typed(b"text/html", full(b"<img src=http://x.org/a>", 2 * MB)),
    "TNEF attributes": lambda: typed(b"application/ms-tnef", TNEF + full(b"\1\0\0\0\0\0\0\0\0\0\0")),
    "TNEF properties": lambda: typed(b"application/ms-tnef", TNEF + b"\1\3\x90\0\0\0\0\x50\0" + full(b"\xff\xff\xff\x7f" + b"\x1e\x10\1\1\0\0\0\0")),
    "TNEF in TNEF": lambda: typed(b"application/ms-tnef", full(TNEF + b"\2\2\x90\0\0\0\0\0\0\0\0")),
    "containers": lambda: multipart(b"mixed", *[part(b"application/ms-tnef", TNEF + b"\2\x0f\x80\0\0\1\0\0\0x\0\0")] * 1_900),
    "opaque signatures": lambda: typed(b"application/pkcs7-mime", b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80" + full(b"\x02\0")),
    "calendar lines": lambda: typed(b"text/calendar", b"BEGIN:VEVENT\r\n" + full(b"ATTENDEE;CN=a:b\r\n")),
    "calendar parameters": lambda: typed(b"text/calendar", b"BEGIN:VEVENT\r\nATTENDEE" + full(b';A="b"')),
    "calendars": lambda: multipart(b"mixed", *[part(b"text/calendar", b"BEGIN:VCALENDAR\r\n" * 100)] * 1_900),
    "locations": lambda: multipart(
        b"related",
        part(b"text/html", full(b'<img src="aaa">', MB)),
        *[part(b"image/png", b"x", b"Content-Location: aa%d" % (number % 10), b"Content-ID: <" + b"y" * 290 + b">") for number in range(1_000)],
    ),
    "PGP": lambda: typed(b"text/plain", full(b"-----BEGIN PGP MESSAGE-----\n")),
    "report": lambda: typed(b"message/delivery-status", full(b"Final-Recipient: rfc822; a@b.c\n")),
    "bounce": lambda: mail(b"From: mailer-daemon@x", b"Subject: delivery failed", body=full(b"a@b.c 550 ")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_five_megabytes_of_anything(name: str) -> None:
    """5 MB of anything are read in linear time: well under the seconds that the square of it would take."""
    raw = HOSTILE[name]()
    began = time.process_time()
    found = parse(raw)
    assert time.process_time() - began < 5.0
    assert found.size == len(raw)
