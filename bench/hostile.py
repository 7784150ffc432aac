"""Mails that are made to be expensive, a family each, five megabytes of it; what they may cost is `bench/invariant.py`.

    .venv/bin/python -m bench.hostile [NAME…]

prints what reading each family costs; exit 1 if one is over a bound or raises.
"""

from __future__ import annotations

import base64
import random
import struct
import sys
import zlib
from collections.abc import Callable, Iterator

from bench.invariant import LARGEST, report

HEAD = b"From: ann@acme.example\r\nTo: support@desk.example\r\nSubject: s\r\nMessage-ID: <h@acme.example>\r\nMIME-Version: 1.0\r\n"
DAEMON = b"From: MAILER-DAEMON@mx.example\r\nTo: support@desk.example\r\nSubject: Undelivered\r\n"


def filled(start: bytes, piece: bytes, end: bytes = b"") -> bytes:
    """As often a piece as fits into the size."""
    return start + piece * ((LARGEST - len(start) - len(end)) // len(piece)) + end


def text(piece: bytes) -> Callable[[], bytes]:
    """A plain text of nothing but this."""
    return lambda: filled(HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n", piece)


def html(piece: bytes, end: bytes = b"") -> Callable[[], bytes]:
    """An HTML text of nothing but this."""
    return lambda: filled(HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n<html><body>", piece, end)


def field(name: bytes, piece: bytes, start: bytes = b"", end: bytes = b"") -> Callable[[], bytes]:
    """One header field of nothing but this."""
    return lambda: filled(HEAD + name + b": " + start, piece, end + b"\r\n\r\nhello\r\n")


def nested(depth: int = 40_000) -> bytes:
    """Multiparts in multiparts."""
    opened = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level) for level in range(depth))
    return (HEAD + opened + b"\r\nhello\r\n")[:LARGEST]


def nested_mails(depth: int = 60_000) -> bytes:
    """Mails in mails."""
    return (HEAD + b"Content-Type: message/rfc822\r\n\r\n" * depth + b"hello\r\n")[:LARGEST]


def many_parts() -> bytes:
    """Parts of one byte."""
    return filled(HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n', b"--b\r\n\r\nx\r\n", b"--b--\r\n")


def garbage() -> bytes:
    """Base64 that is none."""
    dice = random.Random(1)
    body = bytes(dice.choice(b"ABCabc019+/=\r\n \x80\xff!") for _ in range(200_000))
    return filled(HEAD + b"Content-Type: application/pdf; name=x.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n", body)


def noise() -> bytes:
    """Random bytes."""
    return random.Random(2).randbytes(LARGEST)


def zipped() -> bytes:
    """A zip whose member says that it is small and is not."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(b"\x00" * 300_000_000) + packer.flush()
    local = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0" + bytes(4) + len(packed).to_bytes(4, "little") + (100).to_bytes(4, "little") + b"\x01\0\0\0a"
    central = b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0" + bytes(4) + len(packed).to_bytes(4, "little") + (100).to_bytes(4, "little") + b"\x01\0" + bytes(16) + b"a"
    end = b"PK\x05\x06\0\0\0\0\x01\0\x01\0" + len(central).to_bytes(4, "little") + (len(local) + len(packed)).to_bytes(4, "little") + b"\0\0"
    body = base64.encodebytes(local + packed + central + end).replace(b"\n", b"\r\n")
    return HEAD + b"Content-Type: application/zip; name=x.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + body


def overlapping() -> bytes:
    """A zip of ten thousand archives that are the same bytes, and unpack to nothing."""
    blob = b"\0\0\0\xff\xff" * 600_000
    local = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0" + bytes(4) + struct.pack("<IIHH", len(blob), 100, 1, 0) + b"a" + blob
    entry = b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0" + bytes(4) + struct.pack("<IIH", len(blob), 100, 5) + bytes(16) + b"a.zip"
    end = b"PK\x05\x06\0\0\0\0" + struct.pack("<HHIIH", 10_000, 10_000, 10_000 * len(entry), len(local), 0)
    return _attached(b"application/zip; name=x.zip", local + 10_000 * entry + end)


def strings() -> bytes:
    """A winmail.dat of one property with half a million values in a charset that must be guessed."""
    values = struct.pack("<IHHI", 1, 0x101E, 0x3001, 440_000) + (struct.pack("<I", 1) + b"\xe9\0\0\0") * 440_000
    attributes = ((0x9007, struct.pack("<II", 99_999, 0)), (0x9003, values))
    opened = b"".join(struct.pack("<BHHI", 1, name, 6, len(value)) + value + b"\0\0" for name, value in attributes)
    return _attached(b"application/ms-tnef; name=winmail.dat", b"\x78\x9f\x3e\x22\0\0" + opened)


def pieces() -> bytes:
    """A signed mail in pieces that each say that they are all of the rest."""
    head = bytes.fromhex("308006092a864886f70d010702a0803080020101310030800609" "2a864886f70d010701a0802480")
    return _attached(b"application/pkcs7-mime; smime-type=signed-data", head + bytes.fromhex("240604847fffffff") * 440_000 + b"\0\0")


def _attached(kind: bytes, data: bytes) -> bytes:
    encoded = base64.encodebytes(data).replace(b"\n", b"\r\n")
    return (HEAD + b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded)[:LARGEST]


def calendar() -> bytes:
    """A calendar of nothing but attendees."""
    start = HEAD + b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\n"
    return filled(start, b"ATTENDEE;CN=x:mailto:a@acme.example\r\n", b"END:VEVENT\r\nEND:VCALENDAR\r\n")


def report_of(piece: bytes) -> Callable[[], bytes]:
    """A delivery report of nothing but this."""
    start = DAEMON + b'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    start += b"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    return lambda: filled(start, piece, b"\r\n--b--\r\n")


FAMILIES: dict[str, Callable[[], bytes]] = {
    "random bytes": noise,
    "nothing but nul": lambda: bytes(LARGEST),
    "nothing but line ends": lambda: b"\r\n" * (LARGEST // 2),
    "nothing but carriage returns": lambda: b"\r" * LARGEST,
    "deep multiparts": nested,
    "mails in mails": nested_mails,
    "a million parts": many_parts,
    "a million boundaries, none closed": lambda: filled(HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", b"--b"),
    "boundaries that nearly fit": lambda: filled(HEAD + b"Content-Type: multipart/mixed; boundary=" + b"b" * 70 + b"\r\n\r\n", b"--" + b"b" * 69 + b"\r\n"),
    "a hundred thousand fields": lambda: filled(b"", b"X-Field: some words of a field here\r\n"),
    "fields without a colon": lambda: filled(HEAD, b"no colon in this line at all\r\n"),
    "one long field": field(b"X-Long", b"abcdefgh "),
    "a folded field": field(b"X-Long", b"a\r\n "),
    "long references": field(b"References", b"<a1234567@acme.example> "),
    "references without end": field(b"References", b"<"),
    "addresses": field(b"Cc", b"a@b.example, "),
    "comments in addresses": field(b"From", b"("),
    "closed comments in addresses": field(b"From", b"()"),
    "quotes in addresses": field(b"To", b'"a\\'),
    "groups in addresses": field(b"To", b"g:"),
    "angle brackets in addresses": field(b"To", b"<"),
    "routes in addresses": field(b"To", b"<@a,"),
    "encoded words": field(b"Subject", b"=?utf-8?q?a?= "),
    "encoded words without end": field(b"Subject", b"=?utf-8?q?"),
    "encoded words in base64": field(b"Subject", b"=?iso-2022-jp?b?GyRCJUslYyE8JXMbKEI=?="),
    "question marks": field(b"Subject", b"=?"),
    "parameters": field(b"Content-Type", b"; a*0*=b", b"text/plain"),
    "parameters of one name": field(b"Content-Disposition", b"; filename*%d*=a", b"attachment"),
    "a long date": field(b"Date", b"1 Jan (x) "),
    "received": lambda: filled(HEAD, b"Received: from a by b with smtp; Thu, 1 Jan 2026 00:00:00 +0000\r\n", b"\r\nhello\r\n"),
    "authentication results": field(b"Authentication-Results", b"; dmarc=pass (", b"mx"),
    "arc": field(b"ARC-Seal", b"i=1; a=rsa; "),
    "a list of marks": lambda: filled(HEAD, b"Precedence: bulk, list; junk\r\n", b"\r\nhello\r\n"),
    "base64 that is none": garbage,
    "quoted-printable": lambda: filled(HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n", b"=\r\n=3D="),
    "uuencode": lambda: filled(HEAD + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n", b"M" + b"#" * 60 + b"\r\n"),
    "iso-2022-jp": lambda: filled(HEAD + b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n", b"\x1b$B%K\x1b(B"),
    "utf-7": lambda: filled(HEAD + b"Content-Type: text/plain; charset=utf-7\r\n\r\n", b"+AGE-"),
    "an unknown charset": lambda: filled(HEAD + b"Content-Type: text/plain; charset=x-nobody\r\n\r\n", b"\xe9\x82\xff abc "),
    "one line": text(b"abcdefgh "),
    "quote marks": text(b"> " * 40 + b"x\r\n"),
    "deeper and deeper quotes": lambda: (HEAD + b"\r\n" + b"".join(b">" * (level % 3_000) + b" x\r\n" for level in range(4_000)))[:LARGEST],
    "somebody wrote": text(b"On Monday, somebody at somewhere wrote:\r\n"),
    "le le le": text(b"Le "),
    "headers of forwards": text(b"From: a@b.example\r\nSubject: x\r\n\r\n"),
    "announced forwards": text(b"---------- Forwarded message ---------\r\n"),
    "signatures": text(b"-- \r\n"),
    "addresses in a text": text(b"a@b.example "),
    "references in a text": text(b"[101203-T] "),
    "flowed": lambda: filled(HEAD + b"Content-Type: text/plain; format=flowed; delsp=yes\r\n\r\n", b"> flowed \r\n"),
    "html, deep": html(b"<div>"),
    "html, deep quotes": html(b"<blockquote>"),
    "html, tables": html(b"<table><tr><td>"),
    "html, broken tags": html(b"<a <b "),
    "html, entities": html(b"&amp;&#x41;&lt"),
    "html, attributes": html(b'a="b" ', b">x"),
    "html, comments": html(b"<!-- -- "),
    "html, styles": html(b"<style>a{b:url(x)}</style>"),
    "html, links": html(b'<a href="javascript:x">x</a>'),
    "html, images": html(b'<img src="http://x.example/1.png">'),
    "html, unclosed": html(b"<p>x<b>y<i>z"),
    "html, doctypes": html(b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]>"),
    "html, formatting elements": html(b"<a><b><i><u><font>x</p>"),
    "a report of recipients": report_of(b"Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"),
    "a report of empty groups": report_of(b"\r\n\r\nx"),
    "a report in prose": lambda: filled(DAEMON + b"\r\n", b"<bob@x.example>: 550 5.1.1 no such user\r\n"),
    "a report in one line": lambda: filled(DAEMON + b"\r\n<bob@x.example>: 550 ", b"5.1.1 "),
    "a zip that is larger than it says": zipped,
    "a calendar": calendar,
    "winmail": lambda: filled(
        HEAD + b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\n\x78\x9f\x3e\x22\x00\x00",
        b"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    ),
    "winmail in base64": lambda: filled(
        HEAD + b"Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: base64\r\n\r\neJ8+IgAA",
        b"AQAAAAAAAAAAAAAA",
    ),
    "winmail of strings": strings,
    "signed in pieces that overlap": pieces,
    "a zip whose files overlap": overlapping,
    "announced forwards of labels": text(b"-- Forwarded message -- " + b"A:" * 1_480 + b"\r\n"),
    "signed": lambda: filled(
        HEAD + b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        b"MIAGCSqGSIb3DQEHAqCAMIACAQEx\r\n",
    ),
    "rich text": lambda: filled(HEAD + b"Content-Type: application/rtf\r\n\r\n{\\rtf1", b"{\\b "),
}
"""Name → what makes it."""


def chosen(names: list[str]) -> Iterator[tuple[str, Callable[[], bytes]]]:
    yield from ((name, make) for name, make in FAMILIES.items() if not names or name in names)


if __name__ == "__main__":
    sys.exit(report(chosen(sys.argv[1:])))
