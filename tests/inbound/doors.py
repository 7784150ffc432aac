"""What the tests of the doors share: an SMTP door over a database, what it has stored, and dialogues by raw socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from core.setup import Setup
from gateway.clock import SystemClock
from gateway.inbound.intake import Intake
from gateway.inbound.smtp import SmtpDoor, SmtpOptions
from gateway.store.engine import Database
from gateway.store.schema import inbound, raw_mail

US = "support@demo.example"
FAKE_ENDS = (b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r")
"""What careless servers take for the end of a mail (SMTP smuggling)."""
SMUGGLED = b"MAIL FROM:<boss@demo.example>\r\nRCPT TO:<support@demo.example>\r\nDATA\r\nSubject: evil\r\n\r\npay\r\n"
HELLO = b"EHLO client.example\r\n"
ENVELOPE = b"MAIL FROM:<a@client.example>\r\nRCPT TO:<support@demo.example>\r\n"
MAIL = b"From: a@client.example\r\nTo: support@demo.example\r\nSubject: hello\r\n\r\nA question.\r\n"


def stored(database: Database) -> list[Any]:
    """Every inbound row with its raw mail as `bytes`, oldest first."""
    with database.read() as connection:
        return list(
            connection.execute(select(inbound, raw_mail.c.bytes).join(raw_mail, raw_mail.c.id == inbound.c.id).order_by(inbound.c.received_at))
        )


@dataclass
class OpenDoor:
    """A door that is open, and everything behind it."""

    door: SmtpDoor
    intake: Intake
    database: Database
    told: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.door.port

    def mails(self) -> list[Any]:
        return stored(self.database)

    def client(self) -> Client:
        return Client(self.port)


@contextmanager
def open_door(
    database: Database, setup: Setup, options: SmtpOptions | None = None, intake: Callable[..., Intake] = Intake, kind: type[SmtpDoor] = SmtpDoor
) -> Iterator[OpenDoor]:
    """An SMTP door, or another one, on a free port."""
    told: list[str] = []
    made = intake(database, SystemClock(), lambda: setup, on_stored=told.extend)
    door = kind(made, options or SmtpOptions(port=0, hostname="mx.demo.example"))
    door.start()
    try:
        yield OpenDoor(door, made, database, told)
    finally:
        door.stop(5)
        made.close()


class Client:
    """A raw socket that speaks SMTP as well or as badly as a test wants; by a port of loopback or a place in the file system."""

    def __init__(self, port: int | Path, timeout: float = 20.0) -> None:
        if isinstance(port, Path):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(str(port))
        else:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self) -> str:
        """One reply, its lines joined by newlines; '' when the server has closed the connection."""
        lines: list[str] = []
        while True:
            line = self._file.readline().decode()
            if not line:
                return "\n".join(lines)
            assert line.endswith("\r\n"), line
            lines.append(line[:-2])
            if line[3:4] != "-":
                return "\n".join(lines)

    def replies(self, count: int) -> list[str]:
        return [self.reply() for _ in range(count)]

    def ask(self, data: bytes) -> str:
        """Send and read one reply."""
        self.send(data)
        return self.reply()

    def begin(self, hello: bytes = HELLO) -> Client:
        """Greeting and EHLO, or LHLO."""
        assert self.reply().startswith("220 ")
        assert self.ask(hello).startswith("250-")
        return self

    def deliver(self, wire: bytes, envelope: bytes = ENVELOPE) -> str:
        """One mail from MAIL to the reply after its final dot; `wire` is what goes after 354, the dot included."""
        self.send(envelope)
        for _ in envelope.splitlines():
            assert self.reply().startswith("250 ")
        assert self.ask(b"DATA\r\n").startswith("354 ")
        return self.ask(wire)

    def closed(self) -> bool:
        """Whether the server has ended the connection and said nothing more."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True


def play(port: int, script: Sequence[str]) -> None:
    """Walk through a dialogue: `> command` is sent with CRLF (escapes like \\x00 allowed), `< 250 2.1.0` must begin the next reply."""
    with Client(port) as client:
        for number, line in enumerate(script, 1):
            direction, text = line[:1], line[2:]
            if direction == ">":
                client.send(text.encode().decode("unicode_escape").encode("latin-1") + b"\r\n")
            elif text == "EOF":
                assert client.closed(), f"line {number}: the connection is still open"
            else:
                reply = client.reply()
                assert reply.splitlines()[-1:] and reply.splitlines()[-1].startswith(text), f"line {number}: expected {text!r}, got {reply!r}"
