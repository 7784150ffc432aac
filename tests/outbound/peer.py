"""A scripted SMTP server: for each verb an answer, or a fault; what is asked of it is the business of the tests."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

CLOSE = "CLOSE"
"""Close the connection instead of answering."""
STALL = "STALL"
"""Say nothing, keep the connection open."""
RESET = "RESET"
"""Break the connection with a TCP reset."""
TLS = "TLS"
"""Answer 220 and begin TLS."""
GARBLE = "GARBLE"
"""Answer 220, and answer the beginning of TLS with nonsense."""

Reply = str | Sequence[str]

FINE: dict[str, Reply] = {
    "BANNER": "220 peer ESMTP",
    "EHLO": "250-peer\r\n250-SIZE 50000000\r\n250-8BITMIME\r\n250 SMTPUTF8",
    "STARTTLS": "502 5.5.1 no",
    "AUTH": "502 5.5.1 no",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go",
    "DOT": "250 2.0.0 taken",
    "RSET": "250 2.0.0 ok",
    "QUIT": "221 bye",
}
"""What a server says that has nothing against anything. A list is used up one answer a time, its last stays."""


@dataclass
class Taken:
    """A mail the peer read to its end, as it came over the wire, unstuffed."""

    sender: str
    recipients: list[str]
    data: bytes


@dataclass
class Peer:
    """Listens from the start; `script` overrides FINE. `after` a verb (`MAIL>`) an answer may be followed by closing: `"250 ok" + CLOSE`."""

    script: dict[str, Reply] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    host: str = "127.0.0.1"

    def __post_init__(self) -> None:
        self.commands: list[str] = []
        self.taken: list[Taken] = []
        self.connections = 0
        self.bytes_before_fault = b""
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        self._open: list[socket.socket] = []
        self._release = threading.Event()
        self._listener = socket.create_server((self.host, 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Close everything; stalled sessions end."""
        self._release.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.append(connection)
            threading.Thread(target=self._session, args=(connection,), daemon=True).start()

    def _session(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError, _Over):
            if self.implicit_tls:
                connection = self._encrypted(connection)
            self._talk(connection)
        with contextlib.suppress(OSError):
            connection.close()

    def _encrypted(self, connection: socket.socket) -> socket.socket:
        """TLS from here on. If it fails the client may read why before the connection closes: what it still says is read to its end."""
        assert self.tls is not None
        inside = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        try:
            inside.do_handshake()
        except ssl.SSLError:
            inside.settimeout(5)
            while socket.socket.recv(inside, 4096):
                pass
            raise
        return inside

    def _talk(self, connection: socket.socket) -> None:
        lines = connection.makefile("rb")
        self._say(connection, "BANNER")
        sender, recipients = "", []
        while True:
            line = lines.readline()
            if not line:
                return
            text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
            verb = text.partition(" ")[0].upper()
            with self._lock:
                self.commands.append(f"{verb}{text[len(verb) :]}" if verb in FINE else text)
            if verb == "STARTTLS" and self._reply("STARTTLS", peek=True) == TLS:
                self._reply("STARTTLS")
                connection.sendall(b"220 2.0.0 go ahead\r\n")
                connection = self._encrypted(connection)
                lines = connection.makefile("rb")
                continue
            if verb == "STARTTLS" and self._reply("STARTTLS", peek=True) == GARBLE:
                connection.sendall(b"220 2.0.0 go ahead\r\n")
                connection.recv(10)
                connection.sendall(b"nonsense, not TLS at all\r\n" * 20)
                return
            if verb == "MAIL":
                sender, recipients = _inside(text), []
            if verb == "RCPT":
                recipients.append(_inside(text))
            said = self._say(connection, verb if verb in FINE else "AUTH")
            if verb == "DATA" and said.startswith("354"):
                data = self._body(lines)
                if data is None:
                    return
                with self._lock:
                    self.taken.append(Taken(sender, recipients, data))
                self._say(connection, "DOT")
            if verb == "QUIT":
                return

    def _body(self, lines: object) -> bytes | None:
        """The body up to the dot; None if the client left before it. `BODY` in the script: a fault after that many lines."""
        body: list[bytes] = []
        fault = self.script.get("BODY")
        for line in lines:  # type: ignore[attr-defined]
            if line == b".\r\n":
                return b"".join(body)
            body.append(line[1:] if line.startswith(b".") else line)
            if fault is not None and len(body) == 2:
                self._do(self._open[-1], str(fault))
        with self._lock:
            self.bytes_before_fault = b"".join(body)
        return None

    def _reply(self, verb: str, *, peek: bool = False) -> str:
        wanted = self.script.get(verb, FINE[verb])
        if isinstance(wanted, str):
            return wanted
        with self._lock:
            used = self._used.get(verb, 0)
            if not peek:
                self._used[verb] = used + 1
        return wanted[min(used, len(wanted) - 1)]

    def _say(self, connection: socket.socket, verb: str) -> str:
        reply = self._reply(verb)
        self._do(connection, reply)
        return reply

    def _do(self, connection: socket.socket, reply: str) -> None:
        if reply == STALL:
            self._release.wait(30)
            raise _Over
        if reply == RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
            raise _Over
        text = reply.removesuffix(CLOSE)
        if text:
            connection.sendall(text.encode("utf-8", "surrogateescape") + (b"" if text.endswith("\0") else b"\r\n"))
        if reply.endswith(CLOSE):
            connection.shutdown(socket.SHUT_RDWR)
            raise _Over


class _Over(Exception):
    """The script ends the session here."""


def _inside(text: str) -> str:
    return text.partition("<")[2].partition(">")[0]
