"""Mails out of mbox files of every kind: none lost, none invented, byte for byte as they were."""

from __future__ import annotations

import gzip
import io
import mailbox
from email import message_from_bytes
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.inbound.mbox import NoMbox, mails, open_mbox

DATE = b"Mon Jan  1 12:00:00 2024"
FROM = b"From a@acme.example " + DATE + b"\n"


def read(content: bytes, most: int = 100_000) -> list[bytes]:
    """All mails."""
    return list(mails(open_mbox(io.BytesIO(content)), most))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", []),
        (b"\n\n", []),
        (FROM + b"A: 1\n\none\n\n" + FROM + b"A: 2\n\ntwo\n\n", [b"A: 1\n\none\n", b"A: 2\n\ntwo\n"]),
        (FROM + b"A: 1\n\none\n" + b"\n" + FROM + b"A: 2\n\ntwo", [b"A: 1\n\none\n", b"A: 2\n\ntwo"]),
        ((FROM + b"A: 1\n\none\n\n" + FROM + b"A: 2\n\n").replace(b"\n", b"\r\n"), [b"A: 1\r\n\r\none\r\n", b"A: 2\r\n\r\n"]),
        (FROM + b"A: 1\n\n\n" + FROM + b"A: 2\n\n\n", [b"A: 1\n\n", b"A: 2\n\n"]),
        (FROM + b"A: 1\n\nFrom here to there\n\nFrom now on\nx: y\n", [b"A: 1\n\nFrom here to there\n\nFrom now on\nx: y\n"]),
        (FROM + b"A: 1\n\ntext\n" + FROM + b"B: no empty line before\n", [b"A: 1\n\ntext\n" + FROM + b"B: no empty line before\n"]),
        (FROM + b"A: 1\n\n>From x\n>>From y\n> From z\n", [b"A: 1\n\nFrom x\n>From y\n> From z\n"]),
        (b"From - Mon Jan 01 12:00:00 2024\nA: 1\n\n", [b"A: 1\n\n"]),
        (b"From 1790@xxx Fri Oct 06 12:00:00 +0000 2023\nA: 1\n\nx\n\nFrom 1791@xxx Fri Oct 06 12:00:00 +0000 2023\nA: 2\n", [b"A: 1\n\nx\n", b"A: 2\n"]),
        (b"From ???@???\nA: 1\n\nFrom me:\n\nFrom you there\nhello: not\n\nFrom ???@???\nA: 2\n", [b"A: 1\n\nFrom me:\n", b"hello: not\n\n", b"A: 2\n"]),
    ],
)
def test_where_one_mail_ends(content: bytes, found: list[bytes]) -> None:
    """Separators with and without dates, of several programs; text that begins with From; quoting undone; LF and CRLF."""
    assert read(content) == found


def test_a_length_that_is_right() -> None:
    """mboxcl2 quotes nothing: a whole mbox inside a mail stays inside it, because its Content-Length agrees with what follows; nothing is unquoted."""
    inner = b"text\n\n" + FROM + b"Inner: 1\n\n>From quoted\n\n" + FROM + b"Inner: 2\n\nend\n"
    outer = b"A: 1\nContent-Length: %d\n\n" % len(inner) + inner
    for end in (b"", b"\n"):
        assert read(FROM + outer + b"\n" + FROM + b"A: 2\n\ntwo\n") == [outer, b"A: 2\n\ntwo\n"]
        assert read(FROM + outer + end) == [outer]


@pytest.mark.parametrize("length", [b"7", b"99999", b"40", b"999999999999", b"x", b"-5", b"70\nContent-Length: 71"])
def test_a_length_that_is_wrong(length: bytes) -> None:
    """Content-Length that the rest of the file contradicts splits nothing and joins nothing."""
    content = b"".join(FROM + b"A: %d\nContent-Length: %s\n\nbody %d\n\nmore\n\n" % (number, length, number) for number in range(1, 9))
    assert [raw.split(b"\n")[0] for raw in read(content)] == [b"A: %d" % number for number in range(1, 9)]


def test_sizes_are_bounded() -> None:
    """Of a mail that is too large one byte more than allowed is kept; the next one is whole. Lines without end cost no more."""
    content = FROM + b"A: 1\n\n" + b"x" * 5_000_000 + b"\n" + b"y\n" * 500_000 + b"\n" + FROM + b"A: 2\n\ntwo\n"
    large, small = read(content, 1000)
    assert (len(large), small) == (1001, b"A: 2\n\ntwo\n")
    (whole,) = read(FROM + b"A: 1\n\n" + b"z" * 3_000_000)
    assert len(whole) == 100_001


def test_packed() -> None:
    """gzip is unpacked on the way; one that is cut off gives what was whole, and a sentence."""
    content = gzip.compress(FROM + b"A: 1\n\none\n\n" + FROM + b"A: 2\n\n" + bytes(range(256)) * 4000)
    assert len(read(content)) == 2
    found = []
    with pytest.raises(NoMbox, match="damaged"):
        for raw in mails(open_mbox(io.BytesIO(content[:-20])), 100_000):
            found.append(raw)
    assert found == [b"A: 1\n\none\n"]


@pytest.mark.parametrize("content", [b"Subject: an eml\n\nhello\n", b"\x00\x01\x02", b"\n" * 5000, b"PK\x03\x04"])
def test_what_is_no_mbox(content: bytes) -> None:
    """Another kind of file is refused in a sentence, not taken for one mail."""
    with pytest.raises(NoMbox, match="does not begin"):
        read(content)


def test_written_by_python(tmp_path: Path) -> None:
    """What the standard library's mailbox writes, and what it was given, come out equal."""
    bodies = ["hello\n", "From the start\n\nFrom a@b Mon Jan  1 12:00:00 2024\n", "\n\n\n", "", "x\n>From y\n"]
    box = mailbox.mbox(tmp_path / "box")
    for number, body in enumerate(bodies):
        box.add(message_from_bytes(f"Subject: {number}\n\n{body}".encode()))
    box.close()
    expected = [f"Subject: {number}\n\n{body}".replace("\n>From", "\nFrom").encode() for number, body in enumerate(bodies)]
    assert read((tmp_path / "box").read_bytes()) == expected


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.sampled_from([b"", b"text", b"From x", FROM.rstrip(), b">From y", b"a: b", b"Content-Length: 12"]), max_size=8), max_size=5))
def test_mboxrd_gives_back_what_went_in(bodies: list[list[bytes]]) -> None:
    """Whatever lines a mail has: written as mboxrd, it comes out as it was."""
    written, expected = b"", []
    for number, lines in enumerate(bodies):
        body = b"".join(line + b"\n" for line in lines)
        quoted = b"".join((b">" if line.lstrip(b">").startswith(b"From ") else b"") + line + b"\n" for line in lines)
        written += FROM + b"A: %d\n\n" % number + quoted + b"\n"
        expected.append(b"A: %d\n\n" % number + body)
    assert read(written) == expected


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes(content: bytes) -> None:
    """No content raises anything but the sentence, and nothing that came in is missing from what comes out."""
    found = read(FROM + b"A: 1\n\n" + content)
    assert found
    assert sum(map(len, found)) <= len(content) + 10


def test_lengths_cost_no_time() -> None:
    """Ten thousand mails that all claim wrong lengths are read about as fast as without: after three, none is believed."""
    content = (FROM + b"A: 1\nContent-Length: 90000\n\nx\n\n") * 10_000
    assert len(read(content)) == 10_000
