"""Mails broken in the ways that mails are broken, from real ones: spliced, cut, bent, their boundaries and fields doubled; for the fuzzer and the property tests."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from bench.house import ROOT

TOKENS = (
    b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: message/rfc822\r\n\r\n", b"Content-Type: text/html; charset=utf-7\r\n",
    b"--b\r\n", b"--b--\r\n", b"\r\n\r\n", b"\r", b"\n", b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: x-uuencode\r\n",
    b"Content-Disposition: attachment; filename*0*=utf-8''%e9; filename*1=x\r\n", b"=?utf-8?b?4pyT?=", b"=?x?q?=",
    b"From: a@b.example (c (d) <e>\r\n", b"Subject: [101203-T]\r\n", b"Auto-Submitted: auto-replied\r\n", b"Return-Path: <>\r\n",
    b"List-Id: <a.b>\r\n", b"X-Spam-Flag: YES\r\n", b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
    b"Content-Type: message/delivery-status\r\n\r\n", b"Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
    b"<a@b.example>: 550 5.1.1 User unknown\r\n", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", b"begin 644 a\r\n", b"<blockquote>", b"<!--", b"> ",
    b"-- \r\n", b"On x, y wrote:\r\n", b"-----Original Message-----\r\n", b"\x00", b"\xff\xfe", b"\x1b$B", b"\xf0\x9f\x98\x80", b"\xe2\x80\xae",
    b"\x78\x9f\x3e\x22", b"PK\x03\x04",
)
"""Pieces that mean something to a reader of mail."""

LONGEST = 200_000


def seeds() -> list[bytes]:
    """The mails of the project's own corpus, and the shared ones where they are."""
    shared = ROOT.parent / "shared" / "corpus"
    folders = (ROOT / "tests" / "corpus", shared / "mime", shared / "bounces")
    return [path.read_bytes() for folder in folders if folder.is_dir() for path in sorted(Path(folder).glob("*.eml"))]


def mutated(raw: bytes, other: bytes, dice: random.Random) -> bytes:
    """The mail after some of the ways to break it. `other` is what it is spliced with."""
    for _ in range(dice.randint(1, 6)):
        raw = dice.choice(WAYS)(raw, other, dice)[:LONGEST]
    return raw


def _place(raw: bytes, dice: random.Random) -> int:
    """Anywhere, but half of the time at the beginning of a line."""
    at = dice.randint(0, len(raw))
    return at if dice.random() < 0.5 else raw.rfind(b"\n", 0, at) + 1


def _splice(raw: bytes, other: bytes, dice: random.Random) -> bytes:
    return raw[: _place(raw, dice)] + other[_place(other, dice) :]


def _cut(raw: bytes, other: bytes, dice: random.Random) -> bytes:
    return raw[: _place(raw, dice)]


def _leave_out(raw: bytes, other: bytes, dice: random.Random) -> bytes:
    start = _place(raw, dice)
    return raw[:start] + raw[start + dice.randint(1, 400) :]


def _double(raw: bytes, other: bytes, dice: random.Random) -> bytes:
    start = _place(raw, dice)
    piece = raw[start : start + dice.randint(1, 400)]
    return raw[:start] + piece * dice.randint(2, 20) + raw[start:]


def _bend(raw: bytes, other: bytes, dice: random.Random) -> bytes:
    bent = bytearray(raw)
    for _ in range(min(len(bent), dice.randint(1, 20))):
        bent[dice.randrange(len(bent))] = dice.randrange(256)
    return bytes(bent)


def _insert(raw: bytes, other: bytes, dice: random.Random) -> bytes:
    start = _place(raw, dice)
    return raw[:start] + dice.choice(TOKENS) * dice.choice((1, 1, 1, 2, 50)) + raw[start:]


def _boundaries(raw: bytes, other: bytes, dice: random.Random) -> bytes:
    """One boundary line once more, somewhere else."""
    lines = [line for line in raw.split(b"\n")[:2_000] if line.startswith(b"--")]
    start = _place(raw, dice)
    return raw[:start] + dice.choice(lines or [b"--b"]) + b"\n" + raw[start:]


def _fields(raw: bytes, other: bytes, dice: random.Random) -> bytes:
    """The header of another mail above this one."""
    end = other.find(b"\r\n\r\n")
    return other[: end + 2 if 0 <= end < 20_000 else 0] + raw


def _line_ends(raw: bytes, other: bytes, dice: random.Random) -> bytes:
    return raw.replace(b"\r\n", dice.choice((b"\n", b"\r", b"\r\r\n", b"\n\r")))


def _nest(raw: bytes, other: bytes, dice: random.Random) -> bytes:
    """The mail as a part of one more."""
    kind = dice.choice((b"message/rfc822", b"multipart/alternative; boundary=b"))
    return b'Content-Type: multipart/mixed; boundary="n"\r\n\r\n--n\r\nContent-Type: ' + kind + b"\r\n\r\n" + raw + b"\r\n--n--\r\n"


WAYS: tuple[Callable[[bytes, bytes, random.Random], bytes], ...] = (_splice, _cut, _leave_out, _double, _bend, _insert, _boundaries, _fields, _line_ends, _nest)
"""The ways to break a mail."""
