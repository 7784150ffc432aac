"""Whatever bytes come, a Mail comes out whose every string can be stored, shown and sent on."""

from __future__ import annotations

import dataclasses
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from core.mail import Mail
from gateway.inbound.parse import decode, parse

CORPUS = [path.read_bytes() for path in sorted((Path(__file__).parents[1] / "corpus").glob("*.eml"))]
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_ONE_LINE = ("message_id", "subject", "content_type", "content_key")


def strings(value: object) -> Iterator[str]:
    """Every string in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from strings(one)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from strings(getattr(value, field.name))


def check(raw: bytes) -> Mail:
    """What holds of every mail that was read."""
    found = parse(raw)
    for text in strings(found):
        assert not _UNSTORABLE.search(text), repr(text)
    singles = [getattr(found, name) for name in _ONE_LINE]
    singles += [text for pair in found.headers for text in pair]
    singles += [text for one in (*found.from_, *found.to, *found.cc, *found.reply_to) for text in (one.name, one.address)]
    singles += [one.name for one in found.attachments] + [*found.in_reply_to, *found.references]
    assert not any("\n" in text or "\r" in text for text in singles)
    for one in found.attachments:
        assert 0 <= one.offset <= one.offset + one.length <= len(raw)
        assert one.name and "/" not in one.name and "\\" not in one.name
        assert isinstance(decode(raw, one), bytes)
    assert found.partial <= bool(found.defects)
    assert found == parse(raw)
    assert pickle.loads(pickle.dumps(found)) == found
    return found


@given(st.binary(max_size=2_000))
def test_any_bytes(raw: bytes) -> None:
    """Random bytes are a mail."""
    check(raw)


FIELDS = ["From", "To", "Subject", "Date", "Message-ID", "References", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "X-A"]
VALUES = ["text/plain", "multipart/mixed; boundary=b", "multipart/alternative;boundary=b", "text/html; charset=utf-7", "message/rfc822", "base64", "quoted-printable"]
VALUES += ["=?utf-8?q?=00=0D=0A?=", "=?utf-7?q?+2AA-?=", "=?utf-16?b?2AA=?=", "<a@b.c>", "a@b.c, <", '"', "attachment;filename*=utf-16''%D8%00"]
VALUES += ["message/delivery-status", "text/html; charset=utf-8"]
VALUES += ["multipart/report; report-type=delivery-status; boundary=b", "x-uuencode", "text/plain; charset=iso-2022-jp", "\x9b\x85é", "\ud7ff\u2028"]
LINES = ["--b", "--b--", "", "text", "=?", "> x", "<p>", "begin 644 a", "YWJj", "=00=ED=A0=80", "\x1b$B", "Final-Recipient: rfc822; a@b.c", "\x00", "+2AA-"]
LINES += ["&#3;&#xD800;"]


@given(
    st.lists(st.tuples(st.sampled_from(FIELDS), st.sampled_from(VALUES)), max_size=12),
    st.lists(st.one_of(st.sampled_from(LINES), st.tuples(st.sampled_from(FIELDS), st.sampled_from(VALUES)).map(": ".join)), max_size=30),
    st.sampled_from(["\r\n", "\n", "\r"]),
    st.sampled_from(["utf-8", "latin-1", "utf-16"]),
)
@settings(max_examples=300)
def test_pieces_of_mail(fields: list[tuple[str, str]], lines: list[str], line_end: str, codec: str) -> None:
    """Pieces of mail in any order, with any line ends, are a mail."""
    text = line_end.join([*(f"{name}: {value}" for name, value in fields), "", *lines])
    check(text.encode(codec, "replace"))


@given(st.data())
@settings(max_examples=200)
def test_mutated_mail(data: st.DataObject) -> None:
    """Real mails with octets changed, cut out and doubled are mails."""
    raw = bytearray(data.draw(st.sampled_from(CORPUS)))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, max(0, len(raw) - 1)))
        kind = data.draw(st.sampled_from(["set", "cut", "double", "insert"]))
        if kind == "set" and raw:
            raw[at] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del raw[at : at + data.draw(st.integers(1, 200))]
        elif kind == "double":
            raw[at:at] = raw[at : at + data.draw(st.integers(1, 300))]
        else:
            raw[at:at] = data.draw(st.sampled_from([b"\r\n", b"\n\n", b"--", b"\x00", b"=?utf-8?b?", b'"', b"\xff\xfe", b";", b"\r"]))
    check(bytes(raw))
