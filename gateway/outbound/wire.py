"""One SMTP connection of ours: smtplib's verbs with strict replies and a deadline for everything; what a reply means is `core/delivery.py`.

`smtplib` itself takes garbage or an over-long line after the final dot for a refusal, and cannot be held to a deadline while a
server sends one byte a minute; so sending and reading are overridden here, and the order of the verbs is `session.py` and `dialogue.py`.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence

from core.delivery import Reply, clean_words, reply_class
from gateway.outbound.reaching import connected

MAX_LINE = 4096
"""Bytes of a reply line; RFC 5321 section 4.5.3.1.5 allows 512."""
MAX_LINES = 128
READY = 220
CLOSING = 421
"""The reply to anything at all by which a server says that it closes (RFC 5321 section 3.8)."""
MAX_GROUP = 100
"""Commands in one write: a server that answers while we still write must not wait for us to read (RFC 2920 section 3.1)."""
CHUNK = 65_536

Heard = Callable[[bool, bytes], None]

_LINE = re.compile(rb"([2-5][0-9]{2})([ -]|$)([^\x00]*)", re.DOTALL)


class Answer(Exception):
    """What came back, or that nothing did. Raised through smtplib's verbs, and returned by ours."""

    def __init__(self, reply: Reply, words: str, code: int = 0, *, alert: bool = False) -> None:
        super().__init__(words)
        self.reply = reply
        self.words = clean_words(words)
        self.code = code
        self.alert = alert
        """The server ended TLS with an alert: with TLS 1.3 it says only after the handshake that it wanted a certificate of ours."""


class Wire(smtplib.SMTP):
    """A connection to one server. Every wait ends at `deadline` (seconds of `time.monotonic`) at the latest."""

    def __init__(self, host: str, hostname: str, connect_timeout: float, command_timeout: float) -> None:
        super().__init__(host="", local_hostname=hostname, timeout=command_timeout)
        self._host = host
        self._connect_timeout = connect_timeout
        self._command_timeout = self._reply_timeout = command_timeout
        self._buffer = bytearray()
        self.command_encoding = "utf-8"
        self.deadline = float("inf")
        self.heard: Heard | None = None
        """Told what is said: True and our bytes, False and a line of the server. For the connection test; it must hide secrets itself."""
        self.sock: socket.socket | None = None

    # ------------------------------------------------------------ opening

    def open(self, port: int, tls: ssl.SSLContext | None) -> None:
        """Connect, and begin TLS at once where a context is given. Raises OSError for the connection, ssl.SSLError for TLS."""
        plain = connected(self._host, port, time.monotonic() + self._left(self._connect_timeout))
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(self._left(self._connect_timeout))
            self.sock = plain if tls is None else tls.wrap_socket(plain, server_hostname=self._host)
        except BaseException:
            plain.close()
            raise

    def encrypt(self, tls: ssl.SSLContext) -> None:
        """STARTTLS (RFC 3207). What the server said before is forgotten, and nothing may have come in clear after its 220.

        Raises Answer for anything but a lone 220, ssl.SSLError and OSError for the handshake.
        """
        answer = self.command("STARTTLS")
        if answer.code != READY:
            raise answer
        assert self.sock is not None
        self.sock.settimeout(self._left(self._connect_timeout))
        self.sock = tls.wrap_socket(self.sock, server_hostname=self._host)
        self.ehlo_resp = self.helo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False

    # ------------------------------------------------------------ verbs

    def command(self, line: str, timeout: float | None = None) -> Answer:
        """One command and its one reply. Raises ValueError for a line end inside: it would be two commands."""
        _one_line(line)
        return self._alone(self._asked(lambda: self.docmd(line), timeout))

    @property
    def pipelines(self) -> bool:
        """Whether the server takes several commands in one write (RFC 2920)."""
        return self.has_extn("pipelining")

    def commands(self, lines: Sequence[str]) -> Iterator[Answer]:
        """The answer to each command in turn: asked one by one, the next only when its answer is wanted, or many in one write where the server `pipelines`.

        After an answer whose code is 0, and whoever leaves before the last answer of a server that pipelines, nobody may use the connection any more.
        Raises ValueError for a line end inside a command.
        """
        if not self.pipelines:
            yield from (self.command(line) for line in lines)
            return
        for start in range(0, len(lines), MAX_GROUP):
            yield from self._group(lines[start : start + MAX_GROUP])

    def _group(self, lines: Sequence[str]) -> Iterator[Answer]:
        """One write, and its answers one by one; with the last of them nothing more may have come."""
        for line in lines:
            _one_line(line)
        fault = self.write("".join(f"{line}\r\n" for line in lines).encode(self.command_encoding, "replace"), self._command_timeout)
        if fault is not None:
            yield self._last_words(fault)
            return
        for _ in lines[:-1]:
            yield self.reply()
        yield self._alone(self.reply())

    def hello(self) -> Answer:
        """EHLO; what the server offers is then known to `has_extn`."""
        return self._alone(self._asked(self.ehlo))

    def reply(self, timeout: float | None = None) -> Answer:
        """The next reply of the server, within `timeout` seconds in all."""
        return self._asked(self.getreply, timeout)

    def unasked(self) -> Answer | None:
        """A reply that came although nothing was asked, or the end of the connection; None while the line is quiet."""
        try:
            self._read_now()
        except Answer as lost:
            return lost if not self._buffer else self.reply(1.0)
        return self.reply(1.0) if self._buffer else None

    def _last_words(self, fault: Answer) -> Answer:
        """What the server said before it closed while we wrote to it, which tells more than that it is gone."""
        said = self.unasked()
        return said if said is not None and said.code == CLOSING else fault

    def write(self, data: bytes | memoryview, timeout: float) -> Answer | None:
        """Send all of it; an Answer if that failed. What part of it left is not known then."""
        if self.heard is not None:
            self.heard(True, bytes(data))
        try:
            assert self.sock is not None
            self.sock.settimeout(self._left(timeout))
            self.sock.sendall(data)
        except TimeoutError:
            return Answer(Reply.SILENCE, "the server took nothing any more")
        except OSError as fault:
            return _lost(fault)
        return None

    def leave(self) -> None:
        """QUIT without waiting for the answer, and close."""
        if self.sock is not None:
            self.write(b"QUIT\r\n", 1.0)
        self.drop()

    def drop(self) -> None:
        """Close without a word."""
        with contextlib.suppress(OSError):
            self.close()

    # ------------------------------------------------------------ what smtplib's verbs stand on

    def send(self, s: bytes | str) -> None:  # type: ignore[override]
        """Raises Answer instead of smtplib's own exceptions."""
        fault = self.write(s.encode(self.command_encoding, "replace") if isinstance(s, str) else s, self._command_timeout)
        if fault is not None:
            raise fault

    def getreply(self) -> tuple[int, bytes]:
        """Code and text lines of a well-formed reply (RFC 5321 section 4.2.1). Raises Answer for anything else."""
        until = min(time.monotonic() + self._reply_timeout, self.deadline)
        code = 0
        lines: list[bytes] = []
        while len(lines) < MAX_LINES:
            line = self._line(until)
            found = _LINE.fullmatch(line)
            if found is None or (code and int(found[1]) != code):
                raise Answer(Reply.GARBAGE, f"not an SMTP reply: {line[:200].decode('utf-8', 'replace')}")
            code = int(found[1])
            lines.append(found[3])
            if found[2] != b"-":
                return code, b"\n".join(lines)
        raise Answer(Reply.GARBAGE, f"a reply of more than {MAX_LINES} lines")

    # ------------------------------------------------------------ bytes

    def _asked(self, verb: Callable[[], tuple[int, bytes]], timeout: float | None = None) -> Answer:
        self._reply_timeout = self._command_timeout if timeout is None else timeout
        try:
            code, text = verb()
        except Answer as answer:
            return answer
        finally:
            self._reply_timeout = self._command_timeout
        return Answer(reply_class(code), f"{code} {text.decode('utf-8', 'replace')}", code)

    def _alone(self, answer: Answer) -> Answer:
        """The answer, unless more came with it: then nobody knows any more which answer belongs to which command."""
        return Answer(Reply.GARBAGE, f"the server said more than it was asked, after {answer.words}") if self._buffer and answer.code else answer

    def _line(self, until: float) -> bytes:
        """The next line without its end."""
        while (end := self._buffer.find(b"\n")) < 0 and len(self._buffer) <= MAX_LINE:
            self._read(until - time.monotonic())
        if not 0 <= end <= MAX_LINE:
            raise Answer(Reply.GARBAGE, "a reply line that is too long")
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        if self.heard is not None:
            self.heard(False, line)
        return line

    def _read(self, left: float) -> None:
        """Wait for more bytes, `left` seconds at the most."""
        if left <= 0:
            raise Answer(Reply.SILENCE, "the server did not answer in time")
        try:
            assert self.sock is not None
            self.sock.settimeout(left)
            more = self.sock.recv(CHUNK)
        except TimeoutError:
            raise Answer(Reply.SILENCE, "the server did not answer in time") from None
        except OSError as fault:
            raise _lost(fault) from None
        if not more:
            raise Answer(Reply.GONE, "the server closed the connection")
        self._buffer += more

    def _read_now(self) -> None:
        """Take what has come already, without waiting."""
        try:
            assert self.sock is not None
            self.sock.settimeout(0)
            more = self.sock.recv(CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError as fault:
            raise _lost(fault) from None
        if not more:
            raise Answer(Reply.GONE, "the server closed the connection")
        self._buffer += more

    def _left(self, timeout: float) -> float:
        """Seconds for the next step; never nought, which would mean "do not wait"."""
        return max(0.001, min(timeout, self.deadline - time.monotonic()))


def _one_line(command: str) -> None:
    if any(char in command for char in "\r\n\0"):
        raise ValueError("a command is one line without NUL")


def _lost(fault: OSError) -> Answer:
    if isinstance(fault, ssl.SSLError) and "_ALERT_" in (fault.reason or ""):
        return Answer(Reply.GONE, f"TLS failed: {fault.reason}", alert=True)
    return Answer(Reply.GONE, f"the connection was lost: {fault.strerror or fault}")
