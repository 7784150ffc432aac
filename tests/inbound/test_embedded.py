"""Images that stand in the text of a mail, by whatever name, are told from those that hang on it (E-20)."""

from __future__ import annotations

import pytest

from gateway.inbound.parse import parse
from tests.inbound.mails import PNG, multipart, part

BASE64 = b"Content-Transfer-Encoding: base64"
SHOWN = {
    "in brackets": (b"cid:logo@x", b"Content-ID: <logo@x>"),
    "without brackets": (b"cid:logo@x", b"Content-ID: logo@x"),
    "percent signs": (b"cid:logo%40x%20y", b"Content-ID: <logo@x y>"),
    "percent signs in the id": (b"cid:logo@x", b"Content-ID: <logo%40x>"),
    "brackets in the address": (b"cid:&lt;logo@x&gt;", b"Content-ID: <logo@x>"),
    "letter case": (b"CID:LOGO@x", b"Content-ID: <logo@X>"),
    "relative location": (b"image001.png", b"Content-Location: image001.png"),
    "absolute location": (b"http://x.org/a.png?b=1&amp;c=2", b"Content-Location: http://x.org/a.png?b=1&c=2"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_referenced_images_are_inline(name: str) -> None:
    """By Content-ID in every spelling, and by Content-Location; named or not; nothing remote is meant."""
    written, field = SHOWN[name]
    html = part(b"text/html", b'<p>x<img src="' + written + b'"></p>')
    for kind in (b"image/png", b"image/png; name=a.png"):
        found = parse(multipart(b"mixed", html, part(kind, PNG, BASE64, field)))
        assert [one.inline for one in found.attachments] == [True]
        assert (found.remote, "cid:" in found.html.lower()) == (0, True)


def test_others_are_not() -> None:
    """An image nobody shows, and a file that only has an id."""
    html = part(b"text/html", b'<img src="cid:logo@x"><img src="https://x.org/a.png">')
    other, file = part(b"image/png", PNG, BASE64, b"Content-ID: <other@x>"), part(b"application/pdf; name=a.pdf", b"%PDF", b"Content-ID: <b@x>")
    found = parse(multipart(b"mixed", html, other, file))
    assert [one.inline for one in found.attachments] == [False, False]
    assert found.remote == 1


def test_a_location_can_do_no_harm() -> None:
    """A Content-Location that is markup changes nothing in the HTML that is not an address."""
    html = part(b"text/html", b'<img src="x y"><p>x y</p>')
    found = parse(multipart(b"related", html, part(b"image/png", PNG, BASE64, b'Content-Location: x y', b'Content-ID: <"><script>alert(1)</script>>')))
    assert "<script" not in found.html
    assert "<p>x y</p>" in found.html
