"""Command lines: only CRLF ends one, nothing is held without bound, cuts do not matter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.inbound.line_reader import MAX_LINE, BadLine, LineReader


def lines(*chunks: bytes) -> list[bytes | str]:
    """What a reader gives for some chunks: lines, or the reply name of a bad one."""
    reader = LineReader()
    found: list[bytes | str] = []
    for chunk in chunks:
        reader.feed(chunk)
        while True:
            try:
                line = reader.line()
            except BadLine as bad:
                found.append(bad.reply)
                continue
            if line is None:
                break
            found.append(line)
    return found


TABLE: list[tuple[bytes, list[bytes | str]]] = [
    (b"NOOP\r\n", [b"NOOP"]),
    (b"a\r\nb\r\nc", [b"a", b"b"]),
    (b"\r\n", [b""]),
    (b"a\n", ["bare_line_end"]),
    (b"a\nb\r\n", ["bare_line_end", b"b"]),
    (b"a\rb\r\n", ["bare_line_end"]),
    (b"a\r\r\n", ["bare_line_end"]),
    (b"a\0b\r\n", ["nul"]),
    (b"x" * MAX_LINE + b"\r\nb\r\n", ["line_too_long", b"b"]),
    (b"x" * (MAX_LINE - 2) + b"\r\n", [b"x" * (MAX_LINE - 2)]),
]


@pytest.mark.parametrize(("text", "expected"), TABLE)
def test_lines(text: bytes, expected: list[bytes | str]) -> None:
    """Whole or byte by byte: good lines come out, bad ones are named, the next line is found."""
    assert lines(text) == expected
    assert lines(*(bytes([byte]) for byte in text)) == expected


def test_an_endless_line_is_not_held() -> None:
    """A line without an end costs its limit in memory, not its length, and is one error when it ends at last."""
    reader = LineReader()
    for _ in range(1000):
        reader.feed(b"x" * 10_000)
        assert reader.line() is None
        assert len(reader) <= MAX_LINE
    reader.feed(b"\r\nNOOP\r\n")
    with pytest.raises(BadLine, match="line_too_long"):
        reader.line()
    assert reader.line() == b"NOOP"


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\0", b"bc"]), max_size=20).map(b"".join), st.integers(0, 40))
def test_cuts_do_not_matter(text: bytes, cut: int) -> None:
    """Two pieces give what one gives."""
    assert lines(text[:cut], text[cut:]) == lines(text)
