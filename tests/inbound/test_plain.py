"""Text out of HTML: paragraphs, lists, links and quotations as a person would write them."""

from __future__ import annotations

import time

import pytest

from gateway.inbound.content import split
from gateway.inbound.plain import stripped, text_of
from gateway.inbound.sanitise import sanitise

ROWS = [
    ("<p>one</p><p>two</p>", "one\n\ntwo"),
    ("one<br>two", "one\ntwo"),
    ("<div>one</div><div>two</div>", "one\ntwo"),
    ("<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"),
    ("a   b\n c", "a b c"),
    ("a&nbsp;&nbsp;b &amp; c &eacute;", "a b & c é"),
    ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
    ('<a href="https://x.org/a">here</a>', "here <https://x.org/a>"),
    ('<a href="https://x.org/a">https://x.org/a</a>', "https://x.org/a"),
    ('<a href="https://x.org/">x.org</a>', "x.org"),
    ('<a href="mailto:a@x.org">a@x.org</a>', "a@x.org"),
    ("<blockquote>one<br>two</blockquote>after", "> one\n> two\n\nafter"),
    ("<blockquote><p>a</p><blockquote>b</blockquote></blockquote>", "> a\n>\n> > b"),
    ("before<blockquote>q</blockquote>", "before\n\n> q"),
    ("<pre>  a\n    b</pre>", "  a\n    b"),
    ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
    ('<img src="cid:x" alt="Logo">text', "[Logo]text"),
    ("<h1>Title</h1>text", "Title\n\ntext"),
    ("&lt;b&gt; 1 < 2", "<b> 1 < 2"),
    ("", ""),
]


@pytest.mark.parametrize(("html", "text"), ROWS)
def test_rows(html: str, text: str) -> None:
    """Each construct reads as it looks."""
    assert text_of(sanitise(html) or "") == text


def test_quotation_in_html_is_folded() -> None:
    """The text version of an HTML-only answer is split like a text answer (Gmail, French)."""
    html = (
        '<div dir="ltr">Merci, c\'est réparé.</div><br><div class="gmail_quote"><div class="gmail_attr">Le lun. 3 juin 2024 à 10:22, Support &lt;'
        '<a href="mailto:s@x.org">s@x.org</a>&gt; a écrit&nbsp;:<br></div><blockquote class="gmail_quote"><div>Est-ce réparé ?</div></blockquote></div>'
    )
    new, quoted = split(text_of(sanitise(html) or ""))
    assert new == "Merci, c'est réparé."
    assert "> Est-ce réparé ?" in quoted


def test_outlook_block_in_html_is_folded() -> None:
    """The header block that Outlook draws as a table or paragraph is found in the text version (French)."""
    html = (
        '<p class="MsoNormal">Merci.</p><p class="MsoNormal">&nbsp;</p><div style="border-top:solid #E1E1E1 1.0pt"><p class="MsoNormal"><b>De&nbsp;:</b> Support '
        "&lt;s@x.org&gt;<br><b>Envoyé&nbsp;:</b> lundi 3 juin 2024<br><b>À&nbsp;:</b> Ann<br><b>Objet&nbsp;:</b> RE: x</p></div><p>Est-ce réparé ?</p>"
    )
    assert split(text_of(sanitise(html) or ""))[0] == "Merci."


def test_rough_text_of_refused_html() -> None:
    """What is too deep to be shown still gives its words, without style, script and comments."""
    html = "<html><head><title>t</title><style>x{}</style></head><body><!-- c --><script>s()</script>" + "<div>" * 1_000 + "word &amp; <b>bold</b><br>next"
    assert stripped(html) == "word & bold\nnext"


@pytest.mark.parametrize("piece", ["<", "<!--", "<style>", "<a<a", "&amp", "</p>", "<a href='", "<style></style", "<!-- --"])
def test_rough_text_is_linear(piece: str) -> None:
    """A megabyte of anything costs little, not the square of it."""
    began = time.process_time()
    stripped(piece * (1_000_000 // len(piece)))
    assert time.process_time() - began < 5.0


def test_depth_of_quotation_is_bounded() -> None:
    """Two hundred quotations in each other do not multiply the text."""
    html = "<blockquote>x<br>" * 200
    assert len(text_of(sanitise(html) or "")) < 20 * len(html)
