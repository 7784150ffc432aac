"""The short ways of reading say what the long ways say: delimiter lines, dates, folded fields, line ends and flat HTML."""

from __future__ import annotations

import pytest
from mailparser.dates import parse_mail_date

from gateway.inbound.address import read_date
from gateway.inbound.charset import decode_text
from gateway.inbound.sanitise import sanitise
from gateway.inbound.structure import _next_mark
from gateway.inbound.words import _FOLD, one_line, raw_text

MARK = b"\n--=_b"


@pytest.mark.parametrize("raw", [b"", MARK, b"x" + MARK, b"-" * 40 + MARK, b"-\n" * 40 + MARK + b"x", b"\n--=_" + MARK, b"a-b", b"\n--=_" * 30, b"-" + MARK[:-1]])
def test_a_delimiter_line_is_found_where_it_stands(raw: bytes) -> None:
    """Hyphen by hyphen or as a whole, from every place and up to every end."""
    for start in range(len(raw) + 1):
        for end in (len(raw), len(raw) - 1, len(raw) // 2):
            assert _next_mark(raw, MARK, start, end) == raw.find(MARK, start, end), (start, end)


@pytest.mark.parametrize(
    "text",
    [
        *("Mon, 02 Mar 2026 08:59:00 +0000", "2 Mar 2026 08:59:00 -0730", "Sat, 29 Feb 2025 10:00:00 +0100", "Tue, 3 Mar 2026 24:00:00 +0100"),
        *("Mon, 02 Mar 2026 08:59:60 +0000", "Mon, 02 Mar 2026 08:59:00 +2459", "Mon, 02 Mar 2026 08:59:00 +0175", "31 Dec 1999 23:59:59 -0000 (GMT)"),
        *("mon, 2 mar 26 8:59 gmt", "Fri, 02 Mar 2026 08:59:00 +9959", "0 Mar 2026 08:59:00 +0000", "Mon, 02 Mar 2026 08:59:00 +0000 (a (b) c)"),
    ],
)
def test_a_date_is_what_the_library_makes_of_it(text: str) -> None:
    """Where mail-parser finds a moment, it is that one."""
    wanted = parse_mail_date(text).value
    assert wanted is None or read_date(text) == (wanted, "")


@pytest.mark.parametrize("raw", [b"a\r\n b", b"a\n\tb\r\n\t\tc", b"a\r\nb\n c", b"a\r\r\n b", b"a \t b\t", b"a\n", b"\r\n =?x?=\r\n\t=?y?=", b"a\x01\tb\x02"])
def test_folded_fields(raw: bytes) -> None:
    """One line, whatever it was folded with."""
    assert raw_text(raw) == one_line(_FOLD.sub(b"", raw).decode())


@pytest.mark.parametrize("data", ["a\r\nb\rc\n", "\r", "\r\n\r\n", "é\r\nè\r", "a\x0bb\x0cc\r\n", "x\u2028y\x85z\r\n", ""])
@pytest.mark.parametrize("label", ["utf-8", "", "us-ascii"])
def test_line_ends(data: str, label: str) -> None:
    """Only CR and LF end a line, and the last one stays."""
    text, _ = decode_text(data.encode(), label)
    assert text == "".join(one for one in data if one not in "\x0b\x0c\x85").replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize(
    ("html", "shown"), [("<div>" * 390 + "x</p>" * 900, True), ("<div>" * 1_100, False), ("<b>" * 300 + "<p>x" * 2_000, False), ("<p>x" * 2_000, True)]
)
def test_flat_html_is_no_bomb(html: str, shown: bool) -> None:
    """What cannot be deep is shown, whatever it counts; what is deep or would multiply is not."""
    assert (sanitise(html) is not None) is shown
