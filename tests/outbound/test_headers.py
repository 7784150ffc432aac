"""Header fields read back by another hand: what we write, Python's own parser understands; nothing gets out of its line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import getaddresses, parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.mail import Address
from gateway.outbound.headers import address_field, clean_id, date_field, encoded_words, envelope_address, id_field, one_line, parameter, text_field

TEXTS = some.one_of(some.text(max_size=300), some.text(alphabet="aé€😀 \r\n\t=?_[]", max_size=300))


def read_back(field: str) -> str:
    """The decoded value of one field."""
    name, _, value = field.partition(":")
    message = message_from_bytes(f"{name}:{value}\r\n\r\n".encode("utf-8", "replace"))
    (only,) = message.keys()
    assert only == name
    return str(make_header(decode_header(message[name]))).replace("\r\n", "")


def well_folded(field: str) -> None:
    lines = field.split("\r\n")
    assert all(len(line) <= 998 for line in lines)
    assert all(line.startswith(" ") and line.strip() for line in lines[1:])
    assert "\r" not in field.replace("\r\n", "") and "\n" not in field.replace("\r\n", "") and "\0" not in field


@given(TEXTS)
def test_subjects_come_back(subject: str) -> None:
    """RFC 2047: any text in the subject is read back as it was, but for white space and controls; lines are at most 76 long, ASCII."""
    field = text_field("Subject", subject)
    well_folded(field)
    assert field.isascii()
    assert all(len(line) <= 76 for line in field.split("\r\n"))
    assert " ".join(read_back(field).split()) == one_line(subject)


@pytest.mark.parametrize(
    ("subject", "field"),
    [
        ("Hello", "Subject: Hello"),
        ("", "Subject:"),
        ("un été dans la grande maison de la plage", "Subject: un =?utf-8?q?=C3=A9t=C3=A9_dans_la_grande_maison_de_la_plage?="),
        ("[101203-T] Écran", "Subject: [101203-T] =?utf-8?b?w4ljcmFu?="),
        ("a =?utf-8?q?b?= c", "Subject: a =?utf-8?b?PT91dGYtOD9xP2I/PSBj?="),
        ("x\r\nBcc: all@world.example", "Subject: x Bcc: all@world.example"),
        ("x\0\x85\u2028y", "Subject: x y"),
    ],
)
def test_subjects_as_written(subject: str, field: str) -> None:
    """Plain as far as it can be, so that the reference can be read by anything; nothing that looks like a header becomes one."""
    assert text_field("Subject", subject) == field


@given(some.text(min_size=1, max_size=200).map(one_line).filter(bool), some.integers(1, 60))
def test_encoded_words_are_short_and_whole(text: str, column: int) -> None:
    """RFC 2047 section 2: 75 characters at the most, and no character is split between two words."""
    words = encoded_words(text, column)
    assert all(len(word) <= 75 for word in words)
    assert "".join(str(make_header(decode_header(word))) for word in words) == text


@given(some.lists(some.tuples(some.text(max_size=120), some.sampled_from(["a@acme.example", "B.C@bücher.example", "o'neil+x@acme.example"])), min_size=1, max_size=8))
def test_address_lists_come_back(people: list[tuple[str, str]]) -> None:
    """Names with anything in them, quoted or encoded; the addresses and their order are kept."""
    field = address_field("To", [Address(address, name) for name, address in people])
    well_folded(field)
    read = getaddresses([message_from_bytes((field + "\r\n\r\n").encode())["To"]])
    assert [address for _, address in read] == [envelope_address(address) for _, address in people]
    assert [" ".join(str(make_header(decode_header(name))).split()) for name, _ in read] == [one_line(name)[:200].strip() for name, _ in people]


@pytest.mark.parametrize(
    "hostile",
    [
        "a@b.example\r\nBcc: x@y.example",
        "a@b.example>\r\nRCPT TO:<x@y.example",
        "a b@c.example",
        "a@b .example", "<a@b.example>", "a\0@b.example", "ab.example",
        "@b.example",
        "a@",
    ],
)
def test_what_is_no_address_is_left_out(hostile: str) -> None:
    """Neither a header nor a command can be made from it; a mail with nobody else has no such field."""
    assert envelope_address(hostile) == ""
    assert address_field("To", [Address(hostile, "Name")]) == ""
    assert address_field("To", [Address(hostile), Address("a@b.example")]) == "To: a@b.example"


@pytest.mark.parametrize(
    ("address", "envelope"),
    [
        ("a@b.example", "a@b.example"),
        (" a@B.Example ", "a@B.Example"),
        ("josé@b.example", "josé@b.example"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ('"a,b"@c.example', '"a,b"@c.example'),
        ("a,b@c.example", '"a,b"@c.example'),
        ('a"b@c.example', '"a\\"b"@c.example'),
        ("", ""),
    ],
)
def test_envelope_addresses(address: str, envelope: str) -> None:
    """Sent as stored, domains in A-label form, odd local parts quoted."""
    assert envelope_address(address) == envelope


def test_ids_are_never_encoded_or_cut() -> None:
    """CPython gh-79986: an id that is longer than a line stands whole on its own line, whatever its length (Outlook and Exchange make such)."""
    long = "AM0PR" + "x" * 120 + "@eurprd04.prod.outlook.com"
    field = id_field("References", ["a@b", long, "<c@d>"])
    assert field == f"References: <a@b>\r\n <{long}>\r\n <c@d>"
    assert id_field("In-Reply-To", [long]) == f"In-Reply-To: <{long}>"


@pytest.mark.parametrize("hostile", ["", " ", "a b", "a\r\nb", "é@x", "<a><b>", "a>b", "x" * 901])
def test_what_is_no_id_is_left_out(hostile: str) -> None:
    """Blanks, line ends, brackets inside, letters beyond ASCII, over-long: not written."""
    assert clean_id(hostile) == "" and id_field("References", [hostile]) == ""


@given(some.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)), some.integers(-12, 14))  # noqa: DTZ001  # the zone is added below
def test_dates_come_back(moment: datetime, hours: int) -> None:
    """RFC 5322: in UTC, to the second, whatever the zone of the moment."""
    aware = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    field = date_field(aware)
    assert parsedate_to_datetime(field.removeprefix("Date: ")) == aware.replace(microsecond=0)
    assert field.endswith(" +0000")


def test_a_date_as_written() -> None:
    """The names of days and months are English in every locale."""
    assert date_field(datetime(2026, 3, 2, 9, 5, 7, tzinfo=UTC)) == "Date: Mon, 02 Mar 2026 09:05:07 +0000"


@given(some.one_of(some.text(max_size=150), some.sampled_from(["résumé été.pdf", "a b.txt", "<>", '"x"', 'a"b\\c.txt', "x" * 100, "報告書" * 20 + ".pdf"])))
def test_file_names_come_back(name: str) -> None:
    """RFC 2231: any name, in pieces where it is long."""
    wanted = one_line(name)
    field = f"Content-Disposition: attachment{parameter('filename', name)}"
    well_folded(field)
    assert all(len(line) <= 78 for line in field.split("\r\n"))
    message = message_from_bytes((field + "\r\n\r\n").encode("ascii"))
    assert (message.get_filename() or "") == wanted.strip()
