"""Foreign HTML is shown without running, fetching or sending anything, and never at a price beyond its size."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.inbound.remote import loading, remote_count
from gateway.inbound.sanitise import sanitise

GONE = [
    ("<script>alert(1)</script>ok", "alert"),
    ("<style>p{color:red}</style>ok", "color"),
    ("<title>secret</title>ok", "secret"),
    ('<img src="http://x.org/p.gif">ok', ' src='),
    ('<img src="http://x.org/p.gif" width=1 height="1">ok', "x.org"),
    ('<img src="http://x.org/p.gif" style="display:none">ok', "x.org"),
    ('<img src="ftp://x.org/p.gif">ok', "x.org"),
    ('<img data-remote-src="http://x.org/p.gif">ok', "x.org"),
    ('<img src="guichet-remote:http://x.org/p.gif">ok', "x.org"),
    ('<img src="//x.org/p.gif">ok', "x.org"),
    ('<img src="data:image/png;base64,AAAA">ok', "data:"),
    ('<img srcset="http://x.org/p.gif 2x">ok', "x.org"),
    ('<table background="http://x.org/p.gif"><tr><td>ok</table>', "x.org"),
    ('<p style="background-color:url(http://x.org)">ok', "x.org"),
    ('<p style="background-image:url(http://x.org)">ok', "x.org"),
    ('<p style="color:expression(alert(1))">ok', "expression"),
    ('<p style="color:u\\72l(http://x.org)">ok', "x.org"),
    ('<p style="font:1px url(x); width:image-set(\'http://x.org\')">ok', "x.org"),
    ('<p style="position:fixed;top:0">ok', "position"),
    ('<a href="javascript:alert(1)">ok</a>', "javascript"),
    ('<a href="data:text/html,x">ok</a>', "data:"),
    ('<a href="/relative">ok</a>', "relative"),
    ('<p onclick="alert(1)">ok', "onclick"),
    ('<form action="http://x.org"><input name=a></form>ok', "action"),
    ('<iframe src="http://x.org"></iframe>ok', "x.org"),
    ('<object data="http://x.org">no</object>ok', "x.org"),
    ('<link rel=stylesheet href="http://x.org">ok', "x.org"),
    ('<meta http-equiv=refresh content="0;http://x.org">ok', "x.org"),
    ('<base href="http://x.org">ok', "x.org"),
    ("<!-- comment -->ok", "comment"),
    ('<p id="topbar">ok', "topbar"),
    ('<svg><script>alert(1)</script></svg>ok', "alert"),
    ('<video src="http://x.org" poster="http://x.org"></video>ok', "x.org"),
]
KEPT = [
    ('<a href="https://x.org/a">ok</a>', 'href="https://x.org/a"'),
    ('<a href="mailto:a@x.org">ok</a>', 'href="mailto:a@x.org"'),
    ('<img src="cid:logo@x">', 'src="cid:logo@x"'),
    ('<p style="color:rgb(1, 2, 3);font-weight:bold">ok', "rgb(1"),
    ('<p style="color:red;background-color:url(x)">ok', "color:red"),
    ('<div class="gmail_quote other">ok</div>', 'class="gmail_quote"'),
    ('<div id="divRplyFwdMsg">ok</div>', 'id="divRplyFwdMsg"'),
    ('<table border="1"><tr><td colspan="2">ok</td></tr></table>', 'colspan="2"'),
    ("<blockquote>ok</blockquote>", "<blockquote>"),
    ('<blockquote type="cite" class="protonmail_quote">ok</blockquote>', '<blockquote type="cite" class="protonmail_quote">'),
    ('<hr id="zwchr">', 'id="zwchr"'),
    ('<div name="quote">ok</div>', 'name="quote"'),
    ('<div class="ms-outlook-mobile-reference-message">ok</div>', "ms-outlook-mobile-reference-message"),
    ('<div style="border:none;border-top:solid #E1E1E1 1.0pt">ok</div>', "border-top:solid #E1E1E1 1.0pt"),
    ('<img src="https://x.org/a.png?b=1&amp;c=2">ok', ' data-remote-src="https://x.org/a.png?b=1&amp;c=2"'),
]


@pytest.mark.parametrize(("html", "needle"), GONE)
def test_active_and_remote_content_is_gone(html: str, needle: str) -> None:
    """Scripts, remote pictures, forms, style that fetches, and texts that are no text disappear; what was written stays."""
    safe = sanitise(html)
    assert safe is not None
    assert needle not in safe.lower()
    assert "ok" in safe


@pytest.mark.parametrize(("html", "needle"), KEPT)
def test_harmless_content_stays(html: str, needle: str) -> None:
    """Links, embedded pictures, layout and the marks of quotations stay."""
    assert needle in (sanitise(html) or "")


REMOTE = [
    ('<img src="https://x.org/a.png"><img src="http://x.org/b.png" width="200">', 2),
    ('<img src="https://x.org/a.png" width=1 height=1><img src="cid:a">', 1),
    ("no image at all", 0),
]


@pytest.mark.parametrize(("html", "number"), REMOTE)
def test_remote_images_are_counted_and_load_only_when_asked(html: str, number: int) -> None:
    """Remote images and trackers are counted; images load again only by `loading`, trackers never."""
    safe = sanitise(html) or ""
    assert remote_count(safe) == number
    assert ' src="http' not in safe
    assert loading(safe).count(' src="http') == safe.count(" data-remote-src=")
    assert "x.org" not in loading(safe) or "width=1" not in html


def test_marks_of_our_own_are_not_taken_from_outside() -> None:
    """A mail cannot pretend that a part of it was marked as a quotation by us."""
    assert sanitise('<div class="guichet-quote gmail_quote">x</div>') == '<div class="gmail_quote">x</div>'


def test_text_that_looks_like_markup_stays_text() -> None:
    """Attributes and texts written to look like held images do not become any."""
    safe = sanitise('<p title=\'<img src="guichet-remote:http://x.org/a">\'>&lt;img src="guichet-remote:http://x.org/b"&gt;</p>') or ""
    assert "<img" not in loading(safe)


def test_links_give_nothing_away() -> None:
    """Who follows a link does not tell from where."""
    assert "noreferrer" in (sanitise('<a href="https://x.org">x</a>') or "")


BOMBS = {
    "deep": "<div>" * 20_000,
    "formatting in blocks": "<p>" + "".join(f"<font size={n}>" for n in range(399)) + "</p>" + "<p>x</p>" * 20_000,
    "tables": "<table><tr><td>" * 5_000,
    "unclosed bold": "<b><p>" * 20_000,
    "adoption agency": "<a><b></a>" * 20_000,
    "foreign": "<svg>" + "<td>" * 20_000,
    "quotes": "<blockquote>x<br>" * 20_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_quickly(name: str) -> None:
    """HTML whose tree costs the square of its size is not built at all."""
    began = time.process_time()
    assert sanitise(BOMBS[name]) is None
    assert time.process_time() - began < 5.0


FLAT = {
    "long newsletter": "<table>" + '<tr><td style="color:red"><b>x</b> <a href="https://x.org">y</a></td></tr>' * 5_000 + "</table>",
    "paragraphs": "<p>text <i>x</i>" * 20_000,
    "one wrapper": "<font face=x>" + "<p>text</p>" * 20_000 + "</font>",
}


@pytest.mark.parametrize("name", FLAT)
def test_long_honest_html_is_shown(name: str) -> None:
    """Long mail that is not deep is sanitised like any other."""
    assert sanitise(FLAT[name])


class _Audit(HTMLParser):
    """Collects whatever could fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "form", "input", "link", "meta", "base", "style", "svg", "math", "video", "audio"):
            self.found.append(tag)
        for name, value in attrs:
            remote = name == "src" and not (value or "").lower().startswith("cid:")
            runs = name.startswith("on") or (name == "style" and re.search(r"url|expression|\\", value or "", re.IGNORECASE))
            scheme = name == "href" and not re.match(r"(https?|mailto|tel):", value or "", re.IGNORECASE)
            if remote or runs or scheme or name in ("srcset", "background", "action", "formaction", "poster", "xlink:href"):
                self.found.append(f"{tag} {name}={value}")


PIECES = ["<p>", "</p>", "<b", ">", "<svg>", "<math>", "<img src=", '"http://x.org"', "'cid:a'", "<a href=", "javascript:alert(1)", "style=", '"', "'"]
PIECES += ["color:url(//x)", "<!--", "-->", "<script>", "</script>", "<style>", "</style>", "onload=", "<table background=x>", "&lt;", "\x00", "x", " ", "<![CDATA["]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_nothing_active_survives(html: str) -> None:
    """Whatever pieces come together, a reader of the result finds nothing that fetches or runs."""
    audit = _Audit()
    audit.feed(sanitise(html) or "")
    audit.close()
    assert audit.found == []
