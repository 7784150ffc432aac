"""The pipe hook and the import of files: envelope, exit codes, what an MTA's environment says."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.setup import Setup
from gateway.clock import FakeClock
from gateway.inbound.intake import Intake
from gateway.inbound.port import Answer, Refused, Stored, TryLater
from gateway.inbound.receive import exit_code, header_sender, import_eml, last_line, read_mail, receive, without_mbox_line
from gateway.store.engine import Database
from tests.conftest import make_schema
from tests.inbound.doors import MAIL, US, stored


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """SQLite: what either database does with arrivals is tested in `test_intake.py`."""
    made = Database(f"sqlite:///{tmp_path}/guichet.db")
    make_schema(made)
    yield made
    made.dispose()


@pytest.fixture
def intake(database: Database, clock: FakeClock, example_setup: Setup) -> Iterator[Intake]:
    """An intake of small mails."""
    made = Intake(database, clock, lambda: example_setup, max_size=5000)
    yield made
    made.close()


ENVIRONMENTS: dict[str, tuple[dict[str, str], str, list[str]]] = {
    "nothing": ({}, "a@client.example", []),
    "postfix local(8)": (
        {"SENDER": "s@x.example", "RECIPIENT": "guichet@mx.demo.example", "ORIGINAL_RECIPIENT": "Support@demo.example", "EXTENSION": ""},
        "s@x.example",
        ["Support@demo.example"],
    ),
    "postfix, tag split off": (
        {"SENDER": "s@x.example", "RECIPIENT": "support@demo.example", "EXTENSION": "101203-T"},
        "s@x.example",
        ["support+101203-T@demo.example"],
    ),
    "postfix, tag kept": (
        {"SENDER": "s@x.example", "RECIPIENT": "support+x@demo.example", "EXTENSION": "x"},
        "s@x.example",
        ["support+x@demo.example"],
    ),
    "exim, null sender": ({"SENDER": "", "RECIPIENT": "help@demo.example", "LOCAL_PART": "help"}, "", ["help@demo.example"]),
    "pipe(8), null sender": ({"SENDER": "MAILER-DAEMON", "RECIPIENT": "support@demo.example"}, "", ["support@demo.example"]),
    "qmail": (
        {"SENDER": "s@x.example", "RECIPIENT": "support@demo.example", "LOCAL": "support", "HOST": "demo.example"},
        "s@x.example",
        ["support@demo.example"],
    ),
    "brackets": ({"SENDER": "<s@x.example>", "RECIPIENT": "<support@demo.example>"}, "s@x.example", ["support@demo.example"]),
    "a local alias of ours": ({"SENDER": "s@x.example", "RECIPIENT": "root@localhost"}, "s@x.example", []),
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_envelope_from_the_environment(database: Database, intake: Intake, name: str) -> None:
    """What each MTA exports becomes the envelope; recipients nobody knows are left to the headers, so that nothing is lost."""
    environ, sender, recipients = ENVIRONMENTS[name]
    assert isinstance(receive(intake, MAIL, environ=environ), Stored)
    (row,) = stored(database)
    assert (row.door, row.envelope_from, row.envelope_to, row.bytes) == ("pipe", sender, recipients, MAIL)


def test_the_command_line_wins(database: Database, intake: Intake) -> None:
    """--from and --to are believed before the environment; an empty --from is the null sender."""
    environ = {"SENDER": "env@x.example", "RECIPIENT": "help@demo.example"}
    receive(intake, MAIL, sender="", recipients=(US, "nobody@demo.example"), environ=environ)
    (row,) = stored(database)
    assert (row.envelope_from, row.envelope_to) == ("", [US, "nobody@demo.example"])


def test_the_null_sender_of_postfix_on_the_command_line(database: Database, intake: Intake) -> None:
    """`--from ${sender}` in master.cf says MAILER-DAEMON for a bounce; it is stored as the null sender."""
    receive(intake, MAIL, sender="MAILER-DAEMON", recipients=(US,))
    assert stored(database)[0].envelope_from == ""


def test_unknown_recipients_of_the_command_line_are_refused(database: Database, intake: Intake) -> None:
    """If none of the addresses given is ours, a bounce is wanted: 5.1.1, exit 67, nothing stored."""
    answer = receive(intake, MAIL, recipients=("nobody@demo.example",))
    assert isinstance(answer, Refused) and answer.status == "5.1.1" and exit_code(answer) == 67
    assert stored(database) == []


def test_too_big_from_a_pipe(database: Database, intake: Intake) -> None:
    """No more than the limit and a byte is read from the stream; the mail is refused with 5.3.4, exit 65."""
    stream = io.BytesIO(b"x" * 100_000)
    answer = receive(intake, read_mail(stream, intake.max_size))
    assert stream.tell() == 5001
    assert isinstance(answer, Refused) and answer.status == "5.3.4" and exit_code(answer) == 65
    assert stored(database) == []


def test_an_empty_mail_is_stored(database: Database, intake: Intake) -> None:
    """An empty stream is a mail with nothing in it, not a fault."""
    assert isinstance(receive(intake, b""), Stored)
    assert stored(database)[0].bytes == b""


EXITS: list[tuple[Answer, int, str]] = [
    (Stored("id"), 0, ""),
    (TryLater("secret-host is down"), 75, "4.3.0 A passing fault, please try again later"),
    (Refused("5.1.1", "No such address here"), 67, "5.1.1 No such address here"),
    (Refused("5.3.4", "Too big"), 65, "5.3.4 Too big"),
    (Refused("5.7.1", "Not wanted"), 69, "5.7.1 Not wanted"),
]


@pytest.mark.parametrize(("answer", "code", "line"), EXITS)
def test_exit_codes(answer: Answer, code: int, line: str) -> None:
    """0 stored, 75 for every passing fault and without its words, 64 to 78 only where a bounce is wanted; at most one line."""
    assert (exit_code(answer), last_line(answer)) == (code, line)


SENDERS: list[tuple[bytes, str]] = [
    (b"Return-Path: <a@b>\r\nFrom: x@y\r\n\r\n", "a@b"),
    (b"return-path:<>\nFrom: x@y\n\n", ""),
    (b"Received: by x\r\n\tfrom y\r\nReturn-Path:\r\n <a@b>\r\n\r\n", "a@b"),
    (b"From: =?utf-8?q?X?= <x@y.example>\r\nTo: z\r\n\r\nReturn-Path: <no@body>\r\n", "x@y.example"),
    (b"Subject: nobody\r\n\r\nFrom: no@body\r\n", ""),
    (b"", ""),
    (b"From: " + b"(" * 100_000, ""),
    (b"Return-Path: <caf\xe9@b>\r\n\r\n", "caf\ufffd@b"),
]


@pytest.mark.parametrize(("raw", "sender"), SENDERS)
def test_sender_of_the_header(raw: bytes, sender: str) -> None:
    """Return-Path if there is one, else From; only the header is read, in bounded time."""
    assert header_sender(raw) == sender


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (b"From a@b Mon Jun  3 08:00:00 2024\nSubject: x\n\ny", b"Subject: x\n\ny"),
        (b">From a@b\r\nSubject: x\r\n", b"Subject: x\r\n"),
        (b"From: a@b\n\nFrom here", b"From: a@b\n\nFrom here"),
        (b"From nowhere", b"From nowhere"),
    ],
)
def test_the_mbox_line_is_no_header(raw: bytes, kept: bytes) -> None:
    """The envelope line that some pipes put first is dropped; the rest stays byte for byte."""
    assert without_mbox_line(raw) == kept


def test_import_of_a_folder(database: Database, intake: Intake, tmp_path: Path) -> None:
    """Folders are walked in order of name, other files left alone; answers come in that order; several mails share a commit."""
    folder = tmp_path / "old" / "deep"
    folder.mkdir(parents=True)
    for number in range(120):
        (folder / f"{number:03}.eml").write_bytes(b"Return-Path: <%d@x.example>\r\n\r\n%d\r\n" % (number, number))
    (folder / "notes.txt").write_text("not a mail")
    (tmp_path / "old" / "Z.EML").write_bytes(b"From a@b\nFrom: z@x.example\n\nlast")
    results = list(import_eml(intake, [tmp_path / "old"], archive=True))
    assert [path.name for path, _ in results] == ["Z.EML", *(f"{number:03}.eml" for number in range(120))]
    rows = {row.id: row for row in stored(database)}
    found = [rows[answer.inbound_id] for _, answer in results if isinstance(answer, Stored)]
    assert len(found) == len(rows) == 121
    assert all(row.archive and row.door == "eml" and row.envelope_to == [] for row in found)
    assert [row.envelope_from for row in found[:3]] == ["z@x.example", "0@x.example", "1@x.example"]


def test_import_answers_each_file(database: Database, intake: Intake, tmp_path: Path) -> None:
    """A file that is too big is refused, the others are stored; without --archive they are not marked."""
    small, big = tmp_path / "small.eml", tmp_path / "big.eml"
    small.write_bytes(MAIL)
    big.write_bytes(b"x" * 6000)
    answers = [answer for _, answer in import_eml(intake, [big, small])]
    assert isinstance(answers[0], Refused) and isinstance(answers[1], Stored)
    (row,) = stored(database)
    assert not row.archive


def test_import_of_a_missing_file(intake: Intake, tmp_path: Path) -> None:
    """A file that is not there is the caller's error, not a mail."""
    with pytest.raises(FileNotFoundError):
        list(import_eml(intake, [tmp_path / "absent.eml"]))
