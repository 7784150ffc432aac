"""Names of parts whose fields are written loosely: without semicolons, without a disposition, with the name elsewhere; parts that are empty."""

from __future__ import annotations

import pytest

from gateway.inbound.parameter import value_of
from gateway.inbound.parse import decode, parse

LOOSE = {
    "no semicolon": ("image/png", 'attachment filename="lamp 1.png"', "lamp 1.png"),
    "no disposition": ("image/png", 'filename="lamp.png"', "lamp.png"),
    "no semicolon in the type": ('image/png\r\n\tname="lamp.png"', "attachment", "lamp.png"),
    "segments without semicolons": ("text/x-a\r\n  name*0*=utf-8''l%C3%A4\r\n  name*1=mp.txt", "attachment", "lämp.txt"),
    "filename in the type": ("image/png; filename=lamp.png", "inline", "lamp.png"),
    "single quotes": ("image/png; name='lamp 1.png'", "attachment", "lamp 1.png"),
    "blanks in a value": ("image/png; name=lamp 1 b=2.png", "attachment", "lamp 1 b=2.png"),
}


def mail(content_type: str, disposition: str, *more: str, body: str = "aGVsbG8=") -> bytes:
    """A mail with a text and one part with these fields."""
    fields = "\r\n".join([f"Content-Type: {content_type}", f"Content-Disposition: {disposition}", "Content-Transfer-Encoding: base64", *more])
    head = "From: a@x.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    return f"{head}--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\n{fields}\r\n\r\n{body}\r\n--b--\r\n".encode()


@pytest.mark.parametrize("name", LOOSE)
def test_loose_fields(name: str) -> None:
    """The name is found."""
    content_type, disposition, wanted = LOOSE[name]
    raw = mail(content_type, disposition)
    assert [(one.name, decode(raw, one)) for one in parse(raw).attachments] == [(wanted, b"hello")]


@pytest.mark.parametrize(
    ("location", "wanted"),
    [
        ("lamp.png", "lamp.png"),
        ("file:///C:/desk/lamp%20one.png?x=1#y", "lamp one.png"),
        ("http://www.x.example", "part-2.png"),
        ("cid:lamp@x.example", "part-2.png"),
        ("http://x.example/lamp", "part-2.png"),
        ("../../etc/passwd", "part-2.png"),
    ],
)
def test_content_location(location: str, wanted: str) -> None:
    """A part without a name bears that of the file it was (RFC 2557), if it is one."""
    assert [one.name for one in parse(mail("image/png", "inline", f"Content-Location: {location}")).attachments] == [wanted]


def test_an_empty_part_with_a_name_is_listed() -> None:
    """Nothing that the sender named is thrown away, and it can be read; an empty part without a name is nothing."""
    raw = mail("application/msword", 'attachment; filename="report.doc"', body="").replace(b"\r\n\r\n\r\n--b--", b"\r\n\r\n--b--")
    found = parse(raw).attachments
    assert [(one.name, one.size, one.length, decode(raw, one)) for one in found] == [("report.doc", 0, 0, b"")]
    assert parse(raw.replace(b'; filename="report.doc"', b"")).attachments == ()


def test_parameters_without_semicolons_are_linear() -> None:
    """A field of nothing but forgotten semicolons costs what its length costs, and quoted text is left alone."""
    assert value_of(b'attachment filename="a b=c.png" size=3') == ("attachment", {"filename": "a b=c.png", "size": "3"})
    assert value_of(b"a=" + b" " * 8_000 + b"x")[0] == ""
    assert value_of(b' "' * 4_000 + b"=")[0].startswith('"')
