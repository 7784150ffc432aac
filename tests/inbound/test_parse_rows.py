"""Mails that at least one of the known parsers reads wrongly or raises on (libraries.md, section 3), each with what an agent should see."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import pytest

from core.mail import Mail
from gateway.inbound.parse import decode, parse
from tests.inbound.mails import HEAD, PNG, TEXT, mail, multipart, part, typed


@dataclass(frozen=True)
class Row:
    """A mail and what must be read from it; None means: not looked at."""

    name: str
    raw: bytes
    subject: str | None = None
    sender: str | None = None
    """Name and address of the first From."""
    text: str | None = None
    attachments: list[str] | None = None
    contents: list[bytes] = field(default_factory=list)


FROM = b"From: ann@x.org"
INNER = b"From: eve@z.org\r\nSubject: inner\r\n\r\nINNER BODY\r\n"

HEADERS = [
    Row("raw 8-bit Latin-1", mail(b"From: Ren\xe9 <r@x.org>", b"Subject: Probl\xe8me \xe9t\xe9"), "Problème été", "René <r@x.org>"),
    Row("raw 8-bit UTF-8", mail("From: René <r@x.org>".encode(), "Subject: Problème été €".encode()), "Problème été €", "René <r@x.org>"),
    Row("address with UTF-8 (RFC 6532)", mail("From: José <josé@exämple.com>".encode()), sender="José <josé@exämple.com>"),
    Row("character split between words", mail(FROM, b"Subject: =?utf-8?Q?caf=C3?= =?utf-8?Q?=A9!?="), "café!"),
    Row("word in an unknown charset", mail(FROM, b"Subject: =?x-foo?Q?caf=C3=A9?="), "café"),
    Row("GB2312 that is GBK", mail(FROM, b"Subject: =?gb2312?B?" + base64.b64encode("朱镕基".encode("gb18030")) + b"?="), "朱镕基"),
    Row("word without a space before it", mail(FROM, b"Subject: Re:=?utf-8?Q?_=C3=A9t=C3=A9?="), "Re: été"),
    Row("word inside quotes", mail(b'From: "=?utf-8?Q?Ren=C3=A9?=" <r@x.org>'), sender="René <r@x.org>"),
    Row("base64 word with a letter too many", mail(FROM, b"Subject: =?utf-8?B?4pyTIGNhZsOp4?="), "✓ café"),
    Row("raw 8-bit inside a word", mail(FROM, b"Subject: =?iso-8859-1?Q?Fr\xf6sche?="), "Frösche"),
    Row("base64 words without padding", mail(FROM, b"Subject: =?utf-8?B?w6k?= =?utf-8?B?w6k?="), "éé"),
    Row("base64 group split between words", mail(FROM, b"Subject: =?utf-8?B?Y2Fm?= =?utf-8?B?w?= =?utf-8?B?6k=?="), "café"),
    Row("language in the word (RFC 2231)", mail(FROM, b"Subject: =?utf-8*fr?Q?=C3=A9t=C3=A9?="), "été"),
    Row("space before the colon", mail(FROM, b"Subject : spaced", b"X-A: b"), "spaced", text="hello\n"),
    Row("line that is no field", mail(FROM, b"this is junk", b"Subject: after"), "after", text="hello\n"),
    Row("mbox line", b"From ann@x.org Mon Jun  3 08:00:00 2024\r\n" + mail(FROM, b"Subject: mboxed"), "mboxed", "ann@x.org"),
    Row("quoted mbox line", b">From ann@x.org Mon Jun  3 08:00:00 2024\r\n" + mail(FROM, b"Subject: mboxed"), "mboxed", "ann@x.org"),
    Row("mbox line among the fields", mail(FROM, b">From ann@x.org Mon Jun  3 08:00:00 2024", b"Subject: in"), "in", "ann@x.org"),
    Row("byte order mark", b"\xef\xbb\xbf" + mail(FROM, b"Subject: bom"), "bom", "ann@x.org"),
    Row("empty lines first", b"\r\n\r\n" + mail(FROM, b"Subject: late"), "late", "ann@x.org", "hello\n"),
    Row("Subject twice", mail(FROM, b"Subject: first", b"Subject: second"), "first"),
    Row("comma without quotes", mail(b"From: Doe, John <john@x.org>"), sender="Doe, John <john@x.org>"),
    Row("address as a name", mail(b"From: ann@trusted.org <eve@evil.org>"), sender="ann@trusted.org <eve@evil.org>"),
    Row("comma in an encoded name", mail(b"From: =?utf-8?Q?Doe=2C_John?= <john@x.org>"), sender="Doe, John <john@x.org>"),
    Row("line end in an encoded name", mail(b"From: =?utf-8?Q?Ann=0D=0ABcc:_eve@z.org?= <a@x.org>"), sender="Ann Bcc: eve@z.org <a@x.org>"),
    Row("NUL in an encoded subject", mail(FROM, b"Subject: =?utf-8?Q?a=00b?="), "a b"),
    Row("folded subject", mail(FROM, b"Subject: one\r\n two\r\n\tthree"), "one two three"),
    Row("only 'text' as type", mail(FROM, b"Content-Type: text"), text="hello\n"),
    Row("garbage as type", mail(FROM, b"Content-Type: ;;; = ;"), text="hello\n"),
    Row("lone CR line ends", mail(FROM, b"Subject: mac").replace(b"\r\n", b"\r"), "mac", "ann@x.org", "hello\n"),
    Row("bare LF line ends", mail(FROM, b"Subject: unix").replace(b"\r\n", b"\n"), "unix", "ann@x.org", "hello\n"),
    Row("no body", FROM + b"\r\nSubject: headers only", "headers only", "ann@x.org", ""),
    Row("no empty line before the body", b"From: ann@x.org\r\nSubject: s\r\nHello there,\r\nit broke.\r\n", "s", text="Hello there,\nit broke.\n"),
    Row("no header at all", b"just a line of text\r\nand another\r\n", "", None, "just a line of text\nand another\n"),
    Row("empty file", b"", "", None, "", []),
    Row("group without members", mail(FROM, b"To: undisclosed-recipients:;"), sender="ann@x.org"),
    Row("local name only", mail(b"From: Moderator <moderator>"), sender="Moderator <moderator>"),
    Row("angle not closed", mail(b'From: "Ann" <ann@x.org'), sender="Ann <ann@x.org>"),
    Row("empty From", mail(b"From:", b"Subject: nobody"), "nobody"),
    Row("From twice", mail(FROM, b"From: eve@z.org"), sender="ann@x.org"),
    Row("ISO-2022-JP words", mail(FROM, b"Subject: =?iso-2022-jp?B?" + base64.b64encode("こんにちは".encode("iso2022_jp")) + b"?="), "こんにちは"),
]

CHARSETS = [
    Row("unknown charset", typed(b"text/plain; charset=x-unknown-999", "café ok".encode()), text="café ok"),
    Row("ASCII that is UTF-8", typed(b"text/plain; charset=us-ascii", "café ok".encode()), text="café ok"),
    Row("ASCII that is Windows-1252", typed(b"text/plain; charset=us-ascii", b"caf\xe9 \x93ok\x94"), text="café “ok”"),
    Row("UTF-8 that is Latin-1", typed(b"text/plain; charset=utf-8", b"caf\xe9 ok"), text="café ok"),
    Row("no label, Latin-1", typed(b"text/plain", b"caf\xe9 ok"), text="café ok"),
    Row("Latin-1 that is Windows-1252", typed(b"text/plain; charset=iso-8859-1", b"prix 5 \x80 \x93ok\x94"), text="prix 5 € “ok”"),
    Row("GB2312 that is GBK", typed(b"text/plain; charset=gb2312", "朱镕基".encode("gb18030")), text="朱镕基"),
    Row("Hebrew, visual label", typed(b"text/plain; charset=iso-8859-8-i", "שלום".encode("iso8859-8")), text="שלום"),
    Row("UTF-7 by its old name", typed(b"text/plain; charset=unicode-1-1-utf-7", b"caf+AOk- ok"), text="café ok"),
    Row("charset with a tail", typed(b"text/plain; charset=windows-1252http-equivContent-Type", b"caf\xe9"), text="café"),
    Row("codec that is no charset", typed(b"text/plain; charset=hex", b"caf\xe9"), text="café"),
    Row("codec that always fails", typed(b"text/plain; charset=undefined", b"caf\xe9"), text="café"),
    Row("dangerous codec", typed(b"text/plain; charset=unicode_escape", b"\\x41"), text="\\x41"),
    Row("NUL in the label", typed(b"text/plain; charset=utf\x00-8", "café".encode()), text="café"),
    Row("NUL in the text", typed(b"text/plain; charset=utf-8", b"a\x00b"), text="ab"),
    Row("charset in the HTML only", typed(b"text/html", b'<html><head><meta charset="windows-1251"></head><body>\xcf\xf0\xe8</body>'), text="При"),
    Row("ISO-2022-JP body", typed(b"text/plain; charset=iso-2022-jp", "こんにちは".encode("iso2022_jp")), text="こんにちは"),
    Row("ISO-2022-JP without a label", typed(b"text/plain", "こんにちは".encode("iso2022_jp")), text="こんにちは"),
    Row("UTF-16", typed(b"text/plain; charset=utf-16", base64.encodebytes("héllo".encode("utf-16")), b"base64"), text="héllo"),
    Row("charset by RFC 2231", typed(b"text/plain; charset*=us-ascii'en'iso-8859-1", b"caf\xe9"), text="café"),
    Row("UTF-8 with one broken character", typed(b"text/plain; charset=utf-8", "été là où ".encode() * 5 + b"\xc3"), text="été là où " * 5 + "\ufffd"),
    Row("lone surrogate", typed(b"text/plain; charset=utf-7", b"a +2AA- b"), text=None),
    Row("encoding with a comment", typed(b"text/plain; charset=utf-8", b"Y2Fmw6kgb2s=\r\n", b"base64 (comment)"), text="café ok"),
    Row("unknown encoding", typed(b"text/plain", b"as it stands", b"x-nothing"), text="as it stands"),
    Row("encoding with a semicolon", typed(b"text/plain; charset=utf-8", b"caf=C3=A9", b"quoted-printable;"), text="café"),
    Row("broken quoted-printable", typed(b"text/plain; charset=utf-8", b"50% =off =zz caf=C3=A9", b"quoted-printable"), text="50% =off =zz café"),
    Row("base64 without padding", typed(b"text/plain; charset=utf-8", b"Y2Fmw6kgb2s", b"base64"), text="café ok"),
    Row("base64 with garbage", typed(b"text/plain; charset=utf-8", b"Y2F!mw6k*gb2s=", b"base64"), text="café ok"),
    Row("base64 and a footer", typed(b"text/plain; charset=utf-8", b"Y2Fmw6kgb2s=\r\n-- \r\nlist footer\r\n", b"base64"), text="café ok\n-- \nlist footer"),
    Row("base64 in two pieces", typed(b"text/plain; charset=utf-8", b"Y2Fmw6kgb2s=\r\nIQ==\r\n", b"base64"), text="café ok!"),
    Row("2 MB line", typed(b"text/plain", b"x" * 1_900_000), text="x" * 1_900_000),
]

STRUCTURE = [
    Row("boundary parameter missing", HEAD + b"Content-Type: multipart/mixed\r\n\r\n--b\r\n" + TEXT + b"\r\n--b--\r\n", text="hello"),
    Row(
        "boundary never appears",
        HEAD + b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--b\r\n" + TEXT + b"\r\n--b--\r\n",
        text="hello",
    ),
    Row("boundary empty", HEAD + b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--b\r\n' + TEXT + b"\r\n--b--\r\n", text="hello"),
    Row(
        "quote of the boundary missing",
        HEAD + b'Content-Type: multipart/mixed; boundary="b\r\n\r\n--b\r\n' + TEXT + b"\r\n--b--\r\n",
        text="hello",
    ),
    Row("no boundary anywhere", HEAD + b"Content-Type: multipart/mixed; boundary=a\r\n\r\njust text\r\n", text="just text\n", attachments=[]),
    Row("last boundary missing", HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + TEXT, text="hello"),
    Row("boundary wrapped", HEAD + b"Content-Type: multipart/mixed;\r\n\tboundary=b\r\n\r\n--b\r\n" + TEXT + b"\r\n--b--\r\n", text="hello"),
    Row(
        "boundary by RFC 2231",
        HEAD + b"Content-Type: multipart/mixed; boundary*0=b; boundary*1=c\r\n\r\n--bc\r\n" + TEXT + b"\r\n--bc--\r\n",
        text="hello",
    ),
    Row("odd boundary", multipart(b"mixed", TEXT, boundary=b"=_(a) 'b':?/+"), text="hello"),
    Row(
        "one boundary begins like another",
        multipart(b"mixed", part(b"multipart/alternative; boundary=bnd2", b"--bnd2\r\n" + TEXT + b"\r\n--bnd2--")),
        text="hello",
    ),
    Row("preamble and epilogue", multipart(b"mixed", TEXT).replace(b"\r\n\r\n--bnd", b"\r\n\r\npreamble\r\n--bnd", 1) + b"epilogue", text="hello"),
    Row("part without a header", multipart(b"mixed", b"\r\nplain part"), text="plain part"),
    Row(
        "text, picture, text",
        multipart(b"mixed", TEXT, part(b"image/png; name=a.png", PNG, b"Content-Disposition: inline"), part(b"text/plain", b"after")),
        text="hello\nafter",
        attachments=["a.png"],
    ),
    Row("nameless octets", multipart(b"mixed", TEXT, part(b"application/octet-stream", b"\x00\x01")), attachments=["part-2.bin"], contents=[b"\x00\x01"]),
    Row(
        "nameless inline picture",
        multipart(b"mixed", TEXT, part(b"image/png", PNG, b"Content-Transfer-Encoding: base64", b"Content-Disposition: inline")),
        text="hello",
        attachments=["part-2.png"],
        contents=[base64.b64decode(PNG)],
    ),
    Row(
        "forwarded message with a name",
        multipart(b"mixed", TEXT, part(b'message/rfc822; name="fwd.eml"', INNER)),
        text="hello",
        attachments=["fwd.eml"],
        contents=[INNER],
    ),
    Row("forwarded message, nameless", multipart(b"mixed", TEXT, part(b"message/rfc822", INNER)), text="hello", attachments=["message.eml"]),
    Row(
        "forwarded message in base64",
        multipart(b"mixed", TEXT, part(b"message/rfc822", base64.encodebytes(INNER), b"Content-Transfer-Encoding: base64")),
        text="hello",
        attachments=["message.eml"],
        contents=[INNER],
    ),
    Row("digest", multipart(b"digest", b"\r\n" + INNER, b"\r\n" + INNER), text="", attachments=["message.eml", "message.eml"]),
    Row("partial", typed(b"message/partial; id=1; number=1; total=2", INNER), text="", attachments=["part-1.bin"]),
    Row("external body", multipart(b"mixed", TEXT, part(b"message/external-body; access-type=URL", b"Content-Type: image/png\r\n\r\n")), text="hello"),
    Row("signed", multipart(b"signed", TEXT, part(b"application/pkcs7-signature; name=smime.p7s", b"AAAA")), text="hello", attachments=["smime.p7s"]),
    Row(
        "calendar",
        multipart(b"alternative", TEXT, part(b"text/calendar; method=REQUEST", b"BEGIN:VCALENDAR")),
        text="hello",
        attachments=["part-2.ics"],
    ),
    Row("attached text", multipart(b"mixed", TEXT, part(b"text/plain", b"log", b"Content-Disposition: attachment")), text="hello", attachments=["part-2.txt"]),
    Row("attached HTML", multipart(b"mixed", TEXT, part(b"text/html; name=r.html", b"<p>r")), text="hello", attachments=["r.html"]),
    Row("alternative", multipart(b"alternative", TEXT, part(b"text/html", b"<p>hello")), text="hello", attachments=[]),
    Row(
        "uuencoded",
        multipart(
            b"mixed",
            TEXT,
            part(b"application/x-zip; name=a.zip", b"begin 644 a.zip\r\n+:&5L;&\\@=V]R;&0\r\n`\r\nend\r\n", b"Content-Transfer-Encoding: x-uuencode"),
        ),
        attachments=["a.zip"],
        contents=[b"hello world"],
    ),
    Row("truncated base64", multipart(b"mixed", TEXT, part(b"image/png", PNG[:13], b"Content-Transfer-Encoding: base64")), contents=[base64.b64decode(PNG[:12])]),
    Row("8-bit binary", multipart(b"mixed", TEXT, part(b"image/png", bytes(range(256)))), contents=[bytes(range(256))]),
]


def _named(*fields: bytes) -> bytes:
    return multipart(b"mixed", TEXT, b"".join(one + b"\r\n" for one in fields) + b"\r\nx")


PDF = b"Content-Type: application/pdf"
NAMES = [
    Row(
        "RFC 2231 beats plain",
        _named(PDF, b"Content-Disposition: attachment; filename=\"resume.pdf\"; filename*=UTF-8''r%C3%A9sum%C3%A9.pdf"),
        attachments=["résumé.pdf"],
    ),
    Row("character split between segments", _named(PDF, b"Content-Disposition: attachment; filename*0*=UTF-8''r%C3; filename*1*=%A9.pdf"), attachments=["ré.pdf"]),
    Row("segments out of order", _named(PDF, b"Content-Disposition: attachment; filename*1=b.pdf; filename*0=a"), attachments=["ab.pdf"]),
    Row("first segment missing", _named(PDF, b"Content-Disposition: attachment; filename*1=b.pdf"), attachments=["b.pdf"]),
    Row("bad percent sign", _named(PDF, b"Content-Disposition: attachment; filename*=UTF-8''a%ZZ.pdf"), attachments=["a%ZZ.pdf"]),
    Row("bad charset", _named(PDF, b"Content-Disposition: attachment; filename*=x-foo''r%C3%A9.pdf"), attachments=["ré.pdf"]),
    Row("RFC 2047 in quotes", _named(PDF, b'Content-Disposition: attachment; filename="=?UTF-8?Q?r=C3=A9sum=C3=A9.pdf?="'), attachments=["résumé.pdf"]),
    Row("RFC 2047 folded", _named(PDF, b'Content-Disposition: attachment; filename="=?UTF-8?Q?r=C3=A9?=\r\n =?UTF-8?Q?sum=C3=A9.pdf?="'), attachments=["résumé.pdf"]),
    Row("raw UTF-8", _named(PDF, 'Content-Disposition: attachment; filename="résumé.pdf"'.encode()), attachments=["résumé.pdf"]),
    Row("raw Latin-1", _named(PDF, b'Content-Disposition: attachment; filename="r\xe9sum\xe9.pdf"'), attachments=["résumé.pdf"]),
    Row("space without quotes", _named(PDF, b"Content-Disposition: attachment; filename=my file.pdf"), attachments=["my file.pdf"]),
    Row("semicolon in quotes", _named(PDF, b'Content-Disposition: attachment; filename="a;b.pdf"'), attachments=["a;b.pdf"]),
    Row("name of the type", _named(PDF + b'; name="n.pdf"'), attachments=["n.pdf"]),
    Row("path", _named(PDF, b'Content-Disposition: attachment; filename="../../etc/passwd"'), attachments=["passwd"]),
    Row("Windows path", _named(PDF, b'Content-Disposition: attachment; filename="C:\\\\temp\\\\a.pdf"'), attachments=["a.pdf"]),
    Row("line end in the name", _named(PDF, b"Content-Disposition: attachment; filename*=UTF-8''a%0D%0Ab.pdf"), attachments=["a b.pdf"]),
    Row("turned letters", _named(PDF, b"Content-Disposition: attachment; filename*=UTF-8''%E2%80%AEfdp.exe"), attachments=["fdp.exe"]),
    Row("only dots", _named(PDF, b'Content-Disposition: attachment; filename=".."'), attachments=["part-2.pdf"]),
]


def _ids(rows: list[Row]) -> list[str]:
    return [row.name for row in rows]


def _check(row: Row) -> Mail:
    found = parse(row.raw)
    assert row.subject is None or found.subject == row.subject
    assert row.sender is None or str(found.author) == row.sender
    assert row.text is None or found.text == row.text
    assert row.attachments is None or [one.name for one in found.attachments] == row.attachments
    for one, content in zip(found.attachments, row.contents, strict=bool(row.contents)):
        assert decode(row.raw, one) == content
    return found


@pytest.mark.parametrize("row", HEADERS, ids=_ids(HEADERS))
def test_header_rows(row: Row) -> None:
    """Each broken header gives the subject, the sender and the text that were meant."""
    _check(row)


@pytest.mark.parametrize("row", CHARSETS, ids=_ids(CHARSETS))
def test_charset_rows(row: Row) -> None:
    """Each mislabelled or damaged text is read as it was written."""
    _check(row)


@pytest.mark.parametrize("row", STRUCTURE, ids=_ids(STRUCTURE))
def test_structure_rows(row: Row) -> None:
    """Each broken or unusual tree gives its text and its attachments, and no text of a forwarded mail leaks into ours."""
    assert "INNER BODY" not in _check(row).text


@pytest.mark.parametrize("row", NAMES, ids=_ids(NAMES))
def test_name_rows(row: Row) -> None:
    """Each way of naming an attachment gives one safe name."""
    _check(row)
