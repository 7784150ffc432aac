"""The virus scanner: clamd's protocol over a real socket; what it finds is marked, and while it is away mail waits (law 7)."""

from __future__ import annotations

import base64
import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select

from core.mail import Envelope, Mail
from core.setup import Setup
from core.verdict import InboundState
from gateway.clock import FakeClock
from gateway.inbound.inspecting import Inspecting
from gateway.inbound.inspection import NotInspected
from gateway.inbound.parse import parse
from gateway.inbound.scanner import Scanned, Scanner
from gateway.inbound.scanner_watch import WatchedScanner
from gateway.keys import Keys
from gateway.store import attachments, connector_status
from gateway.store.engine import Database
from gateway.store.schema import inbound
from tests.conftest import free_port
from tests.inbound.mails import TEXT, multipart, part
from tests.inbound.way_in import JO, SUPPORT, WayIn

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""Put together here, so that no scanner takes this file away."""


@dataclass
class FakeClamd:
    """Speaks INSTREAM; `most` is its StreamMaxLength, `answer` what it says instead of looking."""

    address: str
    most: int = 1_000_000
    answer: bytes | None = None
    seen: list[bytes] = field(default_factory=list)

    def serve(self, connection: socket.socket) -> None:
        with connection:
            assert _exactly(connection, 10) == b"zINSTREAM\0"
            data = b""
            while length := struct.unpack(">I", _exactly(connection, 4))[0]:
                data += _exactly(connection, length)
                if len(data) > self.most:
                    connection.sendall(b"INSTREAM size limit exceeded. ERROR\0")
                    return
            self.seen.append(data)
            coded = base64.b64encode(EICAR)[:60]
            found = EICAR in data or coded in data.replace(b"\r\n", b"")
            connection.sendall(self.answer if self.answer is not None else b"stream: Eicar-Signature FOUND\0" if found else b"stream: OK\0")


def _exactly(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = connection.recv(length - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def _accept(listener: socket.socket, fake: FakeClamd) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        try:
            fake.serve(connection)
        except OSError:
            continue


@pytest.fixture(params=["tcp", "unix"])
def clamd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FakeClamd]:
    """On a loopback port and on a socket in a folder."""
    if request.param == "tcp":
        listener = socket.create_server(("127.0.0.1", 0))
        fake = FakeClamd(f"127.0.0.1:{listener.getsockname()[1]}")
    else:
        listener = socket.socket(socket.AF_UNIX)
        fake = FakeClamd(f"{tmp_path}/clamd.ctl")
        listener.bind(fake.address)
        listener.listen()
    threading.Thread(target=_accept, args=(listener, fake), daemon=True).start()
    yield fake
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def infected() -> bytes:
    return multipart(b"mixed", TEXT, part(b"text/plain; name=a.txt", base64.encodebytes(EICAR), b"Content-Transfer-Encoding: base64", b"Content-Disposition: attachment"))


def clean() -> bytes:
    return infected().replace(base64.b64encode(EICAR)[:20], b"aGVsbG8gaGVsbG8gaGVs")


def test_the_whole_mail_is_shown_to_the_scanner(clamd: FakeClamd) -> None:
    """Byte by byte, in chunks; clean or the name of what was found."""
    scanner = Scanner(clamd.address, 10)
    raw = clean() + b"x" * 700_000
    assert scanner.scan(raw) == Scanned()
    assert clamd.seen == [raw]
    assert scanner.scan(infected()) == Scanned("Eicar-Signature")
    assert scanner.scan(b"") == Scanned()


def test_too_large_for_the_scanner(clamd: FakeClamd) -> None:
    """It says so and closes, perhaps while we still send: that is a verdict, not a failure, for it would never change."""
    clamd.most = 100_000
    assert Scanner(clamd.address, 10).scan(b"x" * 20_000_000) == Scanned(too_large=True)


@pytest.mark.parametrize("answer", [b"", b"stream: Access denied. ERROR\0", b"UNKNOWN COMMAND\0", b"OK\0"])
def test_no_verdict_is_none(clamd: FakeClamd, answer: bytes) -> None:
    """Whatever is neither clean nor found leaves the mail waiting, with the scanner's words."""
    clamd.answer = answer
    with pytest.raises(NotInspected, match="no verdict"):
        Scanner(clamd.address, 10).scan(b"x")


def test_away_or_silent() -> None:
    """Nobody there, nonsense as address, and one that never answers."""
    for address in (f"127.0.0.1:{free_port()}", "/nowhere/clamd.ctl", "nonsense", "127.0.0.1:notaport"):
        with pytest.raises(NotInspected, match="does not answer"):
            Scanner(address, 1).scan(b"x")
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(NotInspected):
        Scanner(f"127.0.0.1:{silent.getsockname()[1]}", 0.2).scan(b"x")


def inspect(scan: Callable[[bytes], Scanned] | None, raw: bytes, **envelope: int) -> Mail:
    return Inspecting(Setup, scan)(raw, parse(raw), Envelope("smtp", **envelope)).mail  # type: ignore[arg-type]


def test_a_virus_marks_every_attachment(clamd: FakeClamd) -> None:
    """The item is opened all the same: the mail is there, its files are kept back."""
    mail = inspect(Scanner(clamd.address, 10).scan, infected())
    assert [one.danger for one in mail.attachments] == ["virus: Eicar-Signature"]
    assert mail.text.strip() == "hello"
    assert [one.danger for one in inspect(Scanner(clamd.address, 10).scan, clean()).attachments] == [""]


def test_what_was_not_scanned_is_kept_back(clamd: FakeClamd) -> None:
    """A mail too large for the scanner: nobody knows, and the files say so."""
    clamd.most = 10
    (one,) = inspect(Scanner(clamd.address, 10).scan, clean()).attachments
    assert "not scanned" in one.danger


def test_mail_without_attachments_is_not_scanned() -> None:
    """Nothing of it can be opened, so nothing waits for the scanner."""

    def never(raw: bytes) -> Scanned:
        raise AssertionError

    assert inspect(never, multipart(b"mixed", TEXT)).text.strip() == "hello"


def test_without_scanner_files_are_judged_all_the_same() -> None:
    """By the list of the desk, as the mail is processed."""
    raw = multipart(b"mixed", TEXT, part(b"application/octet-stream; name=a.exe", b"MZ\x90\0"))
    assert "type .exe" in inspect(None, raw).attachments[0].danger


def test_only_the_header_was_taken_in() -> None:
    """The mail says how large it is and where it still lies."""
    mail = inspect(None, b"From: a@x.org\r\nSubject: s\r\n\r\n", full_size=80_000_000)
    assert mail.partial
    assert mail.defects[0].startswith("Only the header of this mail was taken in: the whole mail (80 MB) is too large")


def test_its_absence_is_noted_once(database: Database, clock: FakeClock, clamd: FakeClamd, caplog: pytest.LogCaptureFixture) -> None:
    """One line in the log when it goes, the row `scanner` for people to see, and well again when it is back."""
    away = WatchedScanner(Scanner(f"127.0.0.1:{free_port()}", 1), database, clock, pause=0)
    with caplog.at_level(logging.INFO, "guichet.scanner"):
        for _ in range(3):
            with pytest.raises(NotInspected):
                away(b"x")
    assert [record.message for record in caplog.records] == ["scanner_away"]
    with database.read() as connection:
        health = connector_status.health(connection, "scanner")
    assert health.troubled and "does not answer" in health.last_error
    clock.advance(seconds=5)
    back = WatchedScanner(Scanner(clamd.address, 10), database, clock)
    with caplog.at_level(logging.INFO, "guichet.scanner"):
        assert back(b"x") == Scanned()
    assert [record.message for record in caplog.records] == ["scanner_away", "scanner_back"]
    with database.read() as connection:
        assert not connector_status.health(connection, "scanner").troubled


def test_a_silent_scanner_holds_up_nobody(database: Database, clock: FakeClock) -> None:
    """After one mail has waited for it in vain the next are told at once, until the pause is over."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0)
        watched = WatchedScanner(Scanner(f"127.0.0.1:{silent.getsockname()[1]}", 0.1), database, clock, pause=60)
        for _ in range(50):
            with pytest.raises(NotInspected, match=r"too long|timed out"):
                watched(b"x")
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_mail_waits_and_then_flows(database: Database, example_setup: Setup, clock: FakeClock, keys: Keys, clamd: FakeClamd) -> None:
    """While the scanner is away a mail with a file stays new, however often it is tried, and no attempt counts; then its item is opened, marked."""
    way = WayIn(database, example_setup, clock, keys)
    place = Scanner(f"127.0.0.1:{free_port()}", 1)
    processor = way.processor()
    processor._inspect = Inspecting(lambda: example_setup, lambda raw: place.scan(raw))
    inbound_id = way.arrive(infected().replace(b"ann@x.org", JO.encode()).replace(b"help@y.org", SUPPORT.encode()))
    for _ in range(5):
        processor.sweep()
        clock.advance(seconds=30)
        with database.read() as connection:
            row = connection.execute(select(inbound.c.state, inbound.c.attempts).where(inbound.c.id == inbound_id)).one()
        assert (row.state, row.attempts) == (InboundState.NEW, 0)
    place = Scanner(clamd.address, 10)
    processor.sweep()
    with database.read() as connection:
        row = connection.execute(select(inbound.c.state).where(inbound.c.id == inbound_id)).one()
        (one,) = attachments.listed(connection, inbound_id)
    assert (row.state, one.danger) == (InboundState.DONE, "virus: Eicar-Signature")
