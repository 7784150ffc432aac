"""Mails quoted and handed on, in English and French, as text and HTML; whatever a mail says, it stays inside its quotation."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.mail import Address
from core.original import Original
from core.quoting import MOST_HTML, MOST_TEXT, forwarded, quoted
from gateway.inbound.forwarded import forwarded_in
from gateway.inbound.new_text import read_content

MAIL = Original(
    "in-1",
    datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
    subject="Printer",
    author=Address("carl@acme.example", "Carl <b> Customer"),
    to=(Address("help@demo.example"),),
    cc=(Address("boss@acme.example", "Boss"),),
    text="Line & one\n\nLine two",
)


@pytest.mark.parametrize(
    ("language", "zone", "line"),
    [
        ("en", "Europe/Paris", "On 29 March 2026 at 01:30 (CET), Carl <b> Customer wrote:"),
        ("fr", "Europe/Paris", "Le 29 mars 2026 à 01:30 (CET), Carl <b> Customer a écrit :"),
        ("de", "", "On 29 March 2026 at 00:30 (UTC), Carl <b> Customer wrote:"),
        ("fr-CA", "America/Montreal", "Le 28 mars 2026 à 20:30 (EDT), Carl <b> Customer a écrit :"),
    ],
)
def test_the_line_above_a_quotation(language: str, zone: str, line: str) -> None:
    """In the customer's language, at the desk's clock; the name is text."""
    found = quoted(MAIL, language, zone)
    assert found.text == f"{line}\n> Line & one\n>\n> Line two"
    assert "Carl &lt;b&gt; Customer" in found.html and "Line &amp; one<br>" in found.html
    assert found.html.endswith("</blockquote>")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_our_own_reader_knows_what_is_quoted(language: str) -> None:
    """The answer to a customer, come back quoted as we quote, shows what is new apart from what is old."""
    found = quoted(MAIL, language, "Europe/Paris")
    read = read_content(f"Hello Carl.\n\n{found.text}", "", None, "Re: Printer", replies=True)
    assert read.new_text.strip() == "Hello Carl."
    assert "Line two" in read.quoted_text


@pytest.mark.parametrize("language", ["en", "fr"])
def test_our_own_reader_knows_a_forward(language: str) -> None:
    """Sender, subject and words of the mail that is handed on are found again."""
    found = forwarded(MAIL, language, "Europe/Paris")
    read = forwarded_in(found.text.split("\n"), subject="Fwd: Printer", sure=True, answer=False)
    assert read is not None and read.from_ is not None
    assert (read.from_.address, read.subject, [one.address for one in read.cc]) == ("carl@acme.example", "Printer", ["boss@acme.example"])
    assert read.text.split() == ["Line", "&", "one", "Line", "two"]


def test_html_is_quoted_as_html() -> None:
    """Where the original has it; very long HTML is quoted by its words, and very long words are cut with a sentence."""
    page = Original("in-1", MAIL.at, author=MAIL.author, text="words", html="<p>page</p>")
    assert '<blockquote type="cite"><p>page</p></blockquote>' in quoted(page, "en", "").html
    long = Original("in-1", MAIL.at, author=MAIL.author, text="x" * (MOST_TEXT + 1), html="yyy" * MOST_HTML)
    found = quoted(long, "en", "")
    assert len(found.html) < MOST_TEXT + 1_000 and "yyy" not in found.html
    assert found.text.endswith("> [The rest of this mail was left out: it is very long.]")


def test_a_whole_mail_needs_no_words() -> None:
    """A forward as attachment says whose mail it is, and the rest is in the attachment."""
    found = forwarded(MAIL, "fr", "", words_only=True)
    assert found.text.splitlines()[:2] == ["---------- Message transféré ----------", "De : Carl <b> Customer <carl@acme.example>"]
    assert "Line" not in found.text + found.html


def test_a_crowd_is_named_in_part() -> None:
    """Ten thousand recipients of the original do not make ten thousand words."""
    crowd = Original("in-1", MAIL.at, to=tuple(Address(f"p{n}@x.example") for n in range(10_000)))
    assert "and 9950 others" in forwarded(crowd, "en", "").text


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)


@given(st.text(max_size=300), st.text(max_size=100), st.sampled_from(["en", "fr", ""]))
def test_nothing_gets_out_of_a_quotation(text: str, name: str, language: str) -> None:
    """Every line of the original is marked, and neither text nor name makes a tag."""
    mail = Original("in-1", MAIL.at, author=Address("a@x.example", name), text=text, subject=name)
    found = quoted(mail, language, "")
    assert all(line.startswith(">") for line in found.text.split("\n")[1:])
    for html in (found.html, forwarded(mail, language, "").html):
        tags = _Tags()
        tags.feed(html)
        assert tags.seen <= {"p", "br", "blockquote"}
