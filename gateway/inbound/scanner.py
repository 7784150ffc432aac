"""A virus scanner that speaks clamd's INSTREAM: one raw mail in, a verdict out; what a verdict does to a mail is `inspecting.py`.

The whole mail goes in one stream: the scanner opens MIME, winmail.dat and archives itself, and sees what stands between the parts.
"""

from __future__ import annotations

import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass

from gateway.inbound.inspection import NotInspected

_CHUNK = 256 * 1024
_LONGEST_ANSWER = 4_000
_VERDICT = re.compile(r"(?:stream|instream[^:]{0,100}): (.{1,200}?)(?:\([0-9a-f:]{1,100}\))? FOUND$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Scanned:
    """What was found: a name, '' for nothing. `too_large`: the scanner does not take a mail of this size, so nobody knows."""

    virus: str = ""
    too_large: bool = False


@dataclass(frozen=True, slots=True)
class Scanner:
    """Where clamd listens: `host:port`, `[::1]:3310` or the path of a socket; `timeout` is seconds for one whole mail."""

    address: str
    timeout: float = 60.0

    def scan(self, raw: bytes) -> Scanned:
        """The verdict on a mail. Raises NotInspected, which says why, when there is none now: the mail waits."""
        until = time.monotonic() + self.timeout
        try:
            with self._connected() as connection:
                return self._verdict(self._asked(connection, raw, until))
        except (OSError, ValueError) as fault:
            raise NotInspected(f"The virus scanner at {self.address} does not answer: {fault or type(fault).__name__}.") from None

    def _connected(self) -> socket.socket:
        if "/" in self.address:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(self.timeout)
            try:
                connection.connect(self.address)
            except OSError:
                connection.close()
                raise
            return connection
        host, _, port = self.address.rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)), self.timeout)

    def _asked(self, connection: socket.socket, raw: bytes, until: float) -> str:
        with suppress(BrokenPipeError, ConnectionResetError):  # it may have said why before it closed: the answer is read all the same
            self._send(connection, raw, until)
        answer = b""
        while b"\0" not in answer and len(answer) < _LONGEST_ANSWER:
            connection.settimeout(_left(until))
            piece = connection.recv(_LONGEST_ANSWER)
            if not piece:
                break
            answer += piece
        return answer.split(b"\0")[0].decode("utf-8", "replace").strip()

    def _send(self, connection: socket.socket, raw: bytes, until: float) -> None:
        connection.settimeout(_left(until))
        connection.sendall(b"zINSTREAM\0")
        view = memoryview(raw)
        for at in range(0, len(raw), _CHUNK):
            piece = view[at : at + _CHUNK]
            connection.settimeout(_left(until))
            connection.sendall(len(piece).to_bytes(4, "big"))
            connection.sendall(piece)
        connection.sendall(b"\0\0\0\0")

    def _verdict(self, answer: str) -> Scanned:
        if answer.lower().startswith("stream: ok"):
            return Scanned()
        found = _VERDICT.match(answer)
        if found:
            return Scanned(virus=found.group(1).strip())
        if "size limit exceeded" in answer.lower():
            return Scanned(too_large=True)
        raise NotInspected(f"The virus scanner at {self.address} gave no verdict: {answer[:200] or 'it closed the connection'}.")


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("it took too long")
    return left
