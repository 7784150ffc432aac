"""When two mails are the same mail: what a person sees decides, not the way it took (decisions.md 8, E-05)."""

from __future__ import annotations

import pytest

from gateway.inbound.parse import parse
from tests.inbound.mails import HEAD, PNG, TEXT, multipart, part

DATED = b"Date: Mon, 3 Jun 2024 10:22:00 +0200\r\n"
RAW = DATED + multipart(b"mixed", TEXT, part(b"image/png; name=a.png", (PNG + b"\r\n") * 3, b"Content-Transfer-Encoding: base64"))

SAME = {
    "other Received lines": b"Received: from a by b; Mon, 3 Jun 2024 10:22:01 +0200\r\n" + RAW,
    "another Return-Path": b"Return-Path: <x@y.z>\r\n" + RAW,
    "another Message-ID": b"Message-ID: <other@x.org>\r\n" + RAW,
    "line feeds": RAW.replace(b"\r\n", b"\n"),
    "date in another zone": RAW.replace(b"10:22:00 +0200", b"08:22:00 +0000"),
    "another boundary": RAW.replace(b"bnd", b"other"),
    "text in base64": RAW.replace(b"\r\n\r\nhello", b"\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8="),
    "recipients in capitals": RAW.replace(b"help@y.org", b"HELP@Y.ORG"),
    "white space at line ends": RAW.replace(b"hello", b"hello  "),
}
OTHER = {
    "another text": RAW.replace(b"hello", b"hallo"),
    "another subject": RAW.replace(b"Subject: s", b"Subject: t"),
    "another sender": RAW.replace(b"ann@", b"bob@"),
    "another recipient": RAW.replace(b"help@", b"claims@"),
    "another date": RAW.replace(b"10:22:00", b"10:22:01"),
    "another attachment": RAW.replace(b"iVBOR", b"iVBOS"),
    "another name of the attachment": RAW.replace(b"a.png", b"b.png"),
    "one attachment fewer": DATED + multipart(b"mixed", TEXT),
}


@pytest.mark.parametrize("name", SAME)
def test_same_mail_has_the_same_key(name: str) -> None:
    """Trace fields, line ends and encodings do not make another mail."""
    assert SAME[name] != RAW
    assert parse(SAME[name]).content_key == parse(RAW).content_key


@pytest.mark.parametrize("name", OTHER)
def test_other_mail_has_another_key(name: str) -> None:
    """One letter, one recipient, one octet of an attachment does."""
    assert parse(OTHER[name]).content_key != parse(RAW).content_key


def test_order_of_recipients_does_not_count() -> None:
    """Servers reorder To and Cc."""
    one = parse(HEAD.replace(b"help@y.org", b"a@x.org, b@x.org") + b"\r\nhello")
    two = parse(HEAD.replace(b"help@y.org", b"b@x.org, a@x.org") + b"\r\nhello")
    assert one.content_key == two.content_key
