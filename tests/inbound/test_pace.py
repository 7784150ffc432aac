"""A server that sends a byte now and then cannot hold a mailbox for ever."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from gateway.inbound import pace
from gateway.inbound.pace import Pace


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Ours and the server's."""
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    yield ours, theirs
    ours.close()
    theirs.close()


def trickle(end: socket.socket, content: bytes, pause: float) -> None:
    """Byte by byte, until nobody listens."""

    def run() -> None:
        try:
            for byte in content:
                end.sendall(bytes([byte]))
                time.sleep(pause)
            end.shutdown(socket.SHUT_WR)
        except OSError:
            return

    threading.Thread(target=run, daemon=True).start()


@pytest.mark.parametrize("content", [b"x" * 5000, b"\r\n" * 2500])
def test_an_answer_that_trickles_is_given_up(ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Within one line, within one mail, and line by line: no single silence is too long, and yet the whole answer is."""
    monkeypatch.setattr(pace, "TIMES", 0.01)
    ours, theirs = ends
    trickle(theirs, content, 0.01)
    paced = Pace(10.0)
    with ours.makefile("rb") as file, pytest.raises(TimeoutError):
        if content.startswith(b"x"):
            paced.content(file, len(content))
        while paced.line(file, 10_000):
            pass


def test_a_slow_but_steady_answer_comes_through(ends: tuple[socket.socket, socket.socket]) -> None:
    """Lines and contents in any pieces come as they are; a line that is too long is cut, the end of the connection gives what was there."""
    ours, theirs = ends
    trickle(theirs, b"* OK\r\n{4}\r\nab\ncd\r\n" + b"y" * 30, 0.001)
    paced = Pace(20.0)
    with ours.makefile("rb") as file:
        assert [paced.line(file, 100), paced.line(file, 100), paced.content(file, 5)] == [b"* OK\r\n", b"{4}\r\n", b"ab\ncd"]
        assert [paced.line(file, 100), paced.line(file, 19), paced.line(file, 100), paced.line(file, 100)] == [b"\r\n", b"y" * 20, b"y" * 10, b""]


def test_bytes_that_come_give_time(ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    """A large mail over a slow line takes longer than any fixed bound, and is let."""
    monkeypatch.setattr(pace, "TIMES", 0)
    monkeypatch.setattr(pace, "SLOWEST", 100)
    ours, theirs = ends
    theirs.sendall(b"z" * 5000)
    time.sleep(0.05)
    with ours.makefile("rb") as file:
        assert len(Pace(1.0).content(file, 5000)) == 5000
