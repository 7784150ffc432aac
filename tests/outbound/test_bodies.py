"""Bodies read back by another hand: any text arrives as it was written, on short lines, without anything that ends a mail."""

from __future__ import annotations

from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.outbound.bodies import File, clean_text, file_part, multipart, text_of_html, text_part

TEXTS = some.one_of(some.text(max_size=2000), some.text(alphabet="aé報 .=\n\r\t", max_size=2000), some.sampled_from(["x" * 5000, "é" * 5000, ".\n..\n", "From me\n", ""]))


@given(TEXTS)
def test_texts_come_back(text: str) -> None:
    """Any text: 7bit, quoted-printable or base64, lines under 998, CRLF only, ASCII only."""
    part = text_part(clean_text(text))
    assert part.isascii() and b"\0" not in part
    assert part.count(b"\r\n") == part.count(b"\n") == part.count(b"\r")
    assert all(len(line) <= 998 for line in part.split(b"\r\n"))
    read = message_from_bytes(part)
    body = read.get_payload(decode=True).decode("utf-8").replace("\r\n", "\n")  # type: ignore[union-attr]
    wanted = clean_text(text)
    assert body == (wanted if wanted.endswith("\n") else wanted + "\n")


@pytest.mark.parametrize(
    ("text", "encoding"), [("Hello.\n", "7bit"), ("x" * 2000, "quoted-printable"), ("Bonjour à tous, à bientôt.\n", "quoted-printable"), ("報告書" * 50, "base64")]
)
def test_the_encoding_is_the_one_that_fits(text: str, encoding: str) -> None:
    """Plain stays readable; French stays nearly so; what is mostly not ASCII is shorter in base64."""
    assert message_from_bytes(text_part(text))["Content-Transfer-Encoding"] == encoding


def test_texts_are_cleaned() -> None:
    """NUL, other controls and lone surrogates go, line ends become one kind, tabs stay."""
    assert clean_text("a\0b\x1bc\ud800d\r\ne\rf\u2028g\th\x7f") == "abcd\ne\nf\ng\th"


@given(some.binary(max_size=2000), some.text(max_size=60))
def test_files_come_back(content: bytes, name: str) -> None:
    """An attachment's bytes and type are kept; its lines are short."""
    part = file_part(File(name, "application/pdf", content))
    assert all(len(line) <= 78 for line in part.split(b"\r\n"))
    read = message_from_bytes(part)
    assert read.get_payload(decode=True) == content
    assert read.get_content_type() == "application/pdf"


@pytest.mark.parametrize("kind", ["message/rfc822", "multipart/mixed", "a/b\r\nX: y", "nonsense", ""])
def test_odd_file_types_become_plain_bytes(kind: str) -> None:
    """What may not be base64 (RFC 2045), or is no type, is an octet-stream."""
    assert message_from_bytes(file_part(File("x", kind, b"abc"))).get_content_type() == "application/octet-stream"


def test_a_boundary_that_stands_in_a_part_is_made_longer() -> None:
    """The parts are found again although the text contains the boundary."""
    text = text_part("--=_a.id\n--=_a.id--\n")
    read = message_from_bytes(multipart("alternative", "=_a.id", (text, text_part("<p>x</p>", "html"))))
    assert [part.get_content_type() for part in read.get_payload()] == ["text/plain", "text/html"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Hello</p><p>there &amp; back</p>", "Hello\n\nthere & back"),
        ("a<br>b<script>alert(1)</script><style>p{}</style>c", "a\nbc"),
        ("<title>no</title>yes", "yes"),
        ("no tags", "no tags"),
        ("<div><div><div>x", "x"),
    ],
)
def test_a_text_for_mails_that_have_only_html(html: str, text: str) -> None:
    """Contract section 6: a text part always."""
    assert text_of_html(html) == text
