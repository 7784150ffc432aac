"""What the fields of a header mean: addresses, dates, ids, importance, and the kept list of all of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.mail import Importance
from gateway.inbound.address import read_addresses, read_date
from gateway.inbound.filename import safe_name
from gateway.inbound.identity import message_id, message_ids
from gateway.inbound.parse import parse
from tests.inbound.mails import PNG, TEXT, mail, multipart, part

ADDRESSES = [
    ("ann@x.org", ["ann@x.org"]),
    ("<ann@x.org>", ["ann@x.org"]),
    ("Ann <ann@x.org>", ["Ann <ann@x.org>"]),
    ('"Ann, B." <ann@x.org>, bob@x.org', ["Ann, B. <ann@x.org>", "bob@x.org"]),
    ('"Ann \\"A\\" B" <ann@x.org>', ['Ann "A" B <ann@x.org>']),
    ("ann@x.org (Ann A)", ["Ann A <ann@x.org>"]),
    ("Team: ann@x.org, Bob <bob@x.org>;", ["ann@x.org", "Bob <bob@x.org>"]),
    ("undisclosed-recipients:;", []),
    ("a..b@docomo.ne.jp", ["a..b@docomo.ne.jp"]),
    ("Ann <ann@x.org>,, bob@x.org,", ["Ann <ann@x.org>", "bob@x.org"]),
    ('"ann@x.org" <eve@z.org>', ["ann@x.org <eve@z.org>"]),
    ("=?utf-8?q?Sup:port?= <s@x.org>", ["Sup:port <s@x.org>"]),
    ("=?utf-8?b?UmVuw6k=?= =?utf-8?q?_B?= <r@x.org>", ["René B <r@x.org>"]),
    ("ann@x.org bob@x.org", []),
    ("<ann@x.org> <bob@x.org>", []),
    ("ann at x.org", []),
    ('"open <ann@x.org>', ["open <ann@x.org>"]),
    ("user@[192.0.2.1]", ["user@[192.0.2.1]"]),
]


@pytest.mark.parametrize(("text", "addresses"), ADDRESSES)
def test_address_lists(text: str, addresses: list[str]) -> None:
    """Lists as people and programs write them; where two addresses could be meant, none is taken."""
    assert [str(one) for one in read_addresses(text, 100)[0]] == addresses


def test_malformed_lists_are_told() -> None:
    """A list that had to be repaired is named among the defects."""
    assert parse(mail(b"From: ann@x.org bob@x.org")).defects


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon, 3 Jun 2024 10:22:00 +0200", datetime(2024, 6, 3, 8, 22, tzinfo=UTC)),
        ("3 Jun 2024 10:22 GMT", datetime(2024, 6, 3, 10, 22, tzinfo=UTC)),
        ("Mon, 3 Jun 2024 10:22:00 +0200 (CEST)", datetime(2024, 6, 3, 8, 22, tzinfo=UTC)),
        ("Mon, 3 Jun 2024 10:22:00", datetime(2024, 6, 3, 10, 22, tzinfo=UTC)),
        ("Mon, 03 June 2024 10:22:00 +0000", datetime(2024, 6, 3, 10, 22, tzinfo=UTC)),
        ("Mon, 3 Jun 99999999999999 10:22:00 +0000", None),
        ("Mon, 31 Feb 2024 10:22:00 +0000", None),
        ("tomorrow", None),
        ("", None),
    ],
)
def test_dates(text: str, moment: datetime | None) -> None:
    """Dates become aware UTC moments; nonsense is no date and no exception."""
    found, problem = read_date(text)
    assert found == moment
    assert bool(problem) is (bool(text) and moment is None)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("<a@x>", ("a@x",)),
        ("<a@x> <b@x>\t<a@x>", ("a@x", "b@x")),
        ("<a@x><b@x>", ("a@x", "b@x")),
        ('"Your mail of Monday" <a@x>', ("a@x",)),
        ("a@x", ("a@x",)),
        ("<a@x", ("a@x",)),
        ("<a b\tc@x>", ("abc@x",)),
        ("<[weird]@x>", ("[weird]@x",)),
        ("<>", ()),
        ("", ()),
        ("no id here", ()),
    ],
)
def test_ids(text: str, ids: tuple[str, ...]) -> None:
    """Ids come without brackets, each once, whole again where they were folded."""
    assert message_ids(text) == ids
    assert message_id(text) == (ids[0] if ids else "")


def test_references_in_encoded_words() -> None:
    """What Exchange answers to and others fold into encoded words is an id again (libraries.md, surprise 2)."""
    raw = mail(b"In-Reply-To: =?utf-8?q?=3CAM0PR01MB1234=40eurprd01=2Eprod=2Eexchangelabs=2Ecom=3E?=")
    assert parse(raw).in_reply_to == ("AM0PR01MB1234@eurprd01.prod.exchangelabs.com",)


@pytest.mark.parametrize(
    ("field", "importance"),
    [
        (b"Importance: High", Importance.HIGH),
        (b"Importance: low", Importance.LOW),
        (b"X-Priority: 1 (Highest)", Importance.HIGH),
        (b"X-Priority: 2", Importance.HIGH),
        (b"X-Priority: 3", Importance.NORMAL),
        (b"X-Priority: 5", Importance.LOW),
        (b"Priority: urgent", Importance.HIGH),
        (b"Priority: non-urgent", Importance.LOW),
        (b"Priority: urgently", Importance.NORMAL),
        (b"X-MSMail-Priority: High", Importance.HIGH),
        (b"X-A: high", Importance.NORMAL),
    ],
)
def test_importance(field: bytes, importance: Importance) -> None:
    """Each way of saying that a mail is important or not (E-21)."""
    assert parse(mail(field)).importance is importance


def test_all_fields_are_kept_in_order() -> None:
    """The header list has every field as it came, names as written, values decoded and unfolded."""
    raw = mail(b"Received: one", b"X-A: =?utf-8?q?=C3=A9?=", b"received: two\r\n\tmore", b"X-A: b")
    found = parse(raw)
    assert found.headers == (("Received", "one"), ("X-A", "é"), ("received", "two more"), ("X-A", "b"))
    assert found.header("x-a") == "é"
    assert found.header_all("RECEIVED") == ("one", "two more")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("/etc/passwd", "passwd"),
        ("C:\\a\\b.txt", "b.txt"),
        ("..", ""),
        (".hidden", "hidden"),
        ("a\u202efdp.exe", "afdp.exe"),
        ("CON.txt", "_CON.txt"),
        ('a<b>:"c|?*.txt', "a_b___c___.txt"),
        ("é" * 300 + ".pdf", "é" * 98 + ".pdf"),
        ("x" * 300, "x" * 200),
        ("résumé final.docx", "résumé final.docx"),
    ],
)
def test_safe_names(name: str, safe: str) -> None:
    """Names that no file system, browser or eye can be fooled with; at most 200 octets, the extension kept."""
    assert safe_name(name) == safe


def test_places_of_attachments() -> None:
    """An attachment is a place in the raw mail, with its size without decoding, and inline only if the HTML shows it."""
    html = part(b"text/html", b'<p>x<img src="cid:logo@x">')
    fields = (b"Content-Transfer-Encoding: base64", b"Content-Disposition: inline")
    shown = part(b"image/png; name=logo.png", PNG, *fields, b"Content-ID: <logo@x>")
    photo = part(b"image/png; name=photo.png", PNG, *fields)
    raw = multipart(b"mixed", html, shown, photo)
    logo, picture = parse(raw).attachments
    assert raw[logo.offset : logo.offset + logo.length] == PNG
    assert (logo.size, logo.content_id, logo.inline, logo.encoding) == (16, "logo@x", True, "base64")
    assert (picture.name, picture.inline) == ("photo.png", False)
    assert len(logo.sha256) == 64 and logo.sha256 == picture.sha256


def test_html_and_text_are_both_read() -> None:
    """Of an alternative the text is the text and the HTML is the HTML; an HTML-only mail has its text from the HTML."""
    both = parse(multipart(b"alternative", TEXT, part(b"text/html", b"<p>hallo")))
    assert (both.text, both.html) == ("hello", "<p>hallo</p>")
    alone = parse(multipart(b"mixed", part(b"text/html", b"<p>hallo<p>du")))
    assert alone.text == "hallo\n\ndu"
    mixed = parse(multipart(b"mixed", TEXT, part(b"text/html", b"<p>hallo")))
    assert mixed.text == "hello\nhallo"
    assert mixed.html == "<pre>hello</pre>\n<p>hallo</p>"
