"""Bodies read back by another hand: any text arrives as it was written, on short lines, without anything that ends a mail."""

from __future__ import annotations

from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.inbound.parse import parse
from gateway.outbound.bodies import File, body, clean_text, encoded_size, estimated_size, file_part, multipart, text_of_html, text_part

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


@pytest.mark.parametrize("kind", ["message/partial", "message/global", "multipart/mixed", "a/b\r\nX: y", "nonsense", ""])
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


# ---------------------------------------------------------------- files, images, mails in mails

PICTURE = File("logo.png", "image/png", b"\x89PNG\r\n\x1a\n" + b"x" * 100, "logo@inline")
PAPER = File("Rechnung für Ünal.pdf", "application/pdf", b"%PDF-1.7 hello")
PAGE = '<p>Look: <img src="cid:logo@inline"></p>'


def shape(raw: bytes) -> Any:
    """Types of the parts, nested as they are."""
    return _shape(message_from_bytes(raw))


def _shape(part: Any) -> Any:
    kind = part.get_content_type()
    return (kind, *map(_shape, part.get_payload())) if part.is_multipart() and not kind.startswith("message/") else kind


NESTINGS = [
    ("text alone", "", (), "text/plain"),
    ("text and page", PAGE, (), ("multipart/alternative", "text/plain", "text/html")),
    ("a file", "", (PAPER,), ("multipart/mixed", "text/plain", "application/pdf")),
    ("an image of the page", PAGE, (PICTURE,), ("multipart/related", ("multipart/alternative", "text/plain", "text/html"), "image/png")),
    (
        "both",
        PAGE,
        (PAPER, PICTURE),
        ("multipart/mixed", ("multipart/related", ("multipart/alternative", "text/plain", "text/html"), "image/png"), "application/pdf"),
    ),
    ("an image that nothing shows", "<p>x</p>", (PICTURE,), ("multipart/mixed", ("multipart/alternative", "text/plain", "text/html"), "image/png")),
    ("an image without a page", "", (PICTURE,), ("multipart/mixed", "text/plain", "image/png")),
]


@pytest.mark.parametrize(("html", "files", "nested"), [one[1:] for one in NESTINGS], ids=[one[0] for one in NESTINGS])
def test_how_parts_are_nested(html: str, files: tuple[File, ...], nested: Any) -> None:
    """RFC 2387, RFC 2046: mixed(related(alternative(text, HTML), images), files), each level only where it is needed; the same bytes each time."""
    raw = body("m1", "Look.", html, files)
    assert shape(raw) == nested
    assert raw == body("m1", "Look.", html, files)
    assert raw.isascii() and all(len(line) <= 998 for line in raw.split(b"\r\n"))


def test_an_image_is_found_by_the_page_in_two_readers() -> None:
    """Content-ID in brackets, inline, under its name; our own reader takes it for an image of the page and the paper for an attachment."""
    raw = b"From: a@x.example\r\nMIME-Version: 1.0\r\n" + body("m1", "Look.", PAGE, (PICTURE, PAPER))
    image = next(part for part in message_from_bytes(raw).walk() if part.get_content_type() == "image/png")
    assert (image["Content-ID"].strip(), image.get_content_disposition(), image.get_filename()) == ("<logo@inline>", "inline", "logo.png")
    related = next(part for part in message_from_bytes(raw).walk() if part.get_content_type() == "multipart/related")
    assert related.get_param("type") == "multipart/alternative"
    mail = parse(raw)
    assert [(one.name, one.inline, one.content_id) for one in mail.attachments] == [("logo.png", True, "logo@inline"), (PAPER.name, False, "")]
    assert (mail.text.strip(), mail.defects) == ("Look.", ())


@pytest.mark.parametrize("inline_id", ["a b", "a>\r\nX: y", "", "é@x"])
def test_an_id_that_could_break_a_header_is_none(inline_id: str) -> None:
    """What is no id is not written; the file is an attachment."""
    part = message_from_bytes(file_part(File("x.png", "image/png", b"x", inline_id), inline=True))
    assert (part["Content-ID"], part.get_content_disposition(), part["X"]) == (None, "attachment", None)


INNER = b"From: a@x.example\r\nSubject: inner\r\nMIME-Version: 1.0\r\n\r\nHello.\r\n"


def test_a_mail_in_a_mail_stands_as_it_is() -> None:
    """RFC 2046 section 5.2.1: message/rfc822 in 7bit where the mail is 7bit on short lines; bare line ends become CRLF."""
    part = message_from_bytes(file_part(File("inner.eml", "message/rfc822", INNER.replace(b"\r\n", b"\n"))))
    assert (part.get_content_type(), part["Content-Transfer-Encoding"], part.get_filename()) == ("message/rfc822", "7bit", "inner.eml")
    (inner,) = part.get_payload()  # type: ignore[misc]
    assert (inner["Subject"], inner.get_payload()) == ("inner", "Hello.\r\n")


@pytest.mark.parametrize("content", [INNER + "é".encode(), INNER + b"x" * 999, INNER + b"\0"], ids=["8bit", "a long line", "NUL"])
def test_a_mail_that_is_not_7bit_keeps_its_bytes(content: bytes) -> None:
    """No encoding is allowed for message/rfc822, so such a mail travels as plain bytes under its name, and arrives unchanged."""
    part = message_from_bytes(file_part(File("inner.eml", "message/rfc822", content)))
    assert (part.get_content_type(), part.get_payload(decode=True), part.get_filename()) == ("application/octet-stream", content, "inner.eml")


def test_a_mail_in_a_mail_cannot_end_the_outer_one() -> None:
    """The boundary is longer than any that stands in the mail that is handed on."""
    inner = INNER + b"--=_m.m1\r\n\r\nBcc: x\r\n--=_m.m1--\r\n"
    raw = body("m1", "See below.", "", (File("inner.eml", "message/rfc822", inner),))
    assert shape(raw) == ("multipart/mixed", "text/plain", "message/rfc822")


@given(some.integers(0, 5000))
def test_the_size_of_base64(size: int) -> None:
    """Counted as it will be, line ends included."""
    assert encoded_size(size) == len(file_part(File("x", "a/b", b"x" * size)).partition(b"\r\n\r\n")[2])


@given(TEXTS, some.booleans(), some.lists(some.tuples(some.text(max_size=60), some.binary(max_size=3000)), max_size=4))
def test_the_estimate_of_a_mail(text: str, page: bool, given_files: list[tuple[str, bytes]]) -> None:
    """C-CO-09: never less than it will be, and not much more."""
    text, html = clean_text(text), f"<p>{clean_text(text)}</p>" if page else ""
    raw = body("m1", text, html, [File(name, "application/pdf", content) for name, content in given_files])
    estimate = estimated_size(text, html, [len(content) for _, content in given_files])
    assert len(raw) <= estimate <= len(raw) + 8_400 + 2_200 * len(given_files)


def test_a_letter_with_everything_is_these_bytes() -> None:
    """Text, page, picture, paper and a mail: the same bytes on every machine, as they stand in `golden/letter.eml`."""
    files = (PICTURE, PAPER, File("inner.eml", "message/rfc822", INNER))
    found = body("m1", "Voilà l’été.\nFrom here\n.", '<p>Voilà. <img src="cid:logo@inline"></p>', files)
    assert found == (Path(__file__).parent / "golden" / "letter.eml").read_bytes()
