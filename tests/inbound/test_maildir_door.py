"""The Maildir that is watched: taken in after the delivery, moved after the commit, whatever else happens in the folder."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from core.delivery import Meaning
from core.setup import Connector, Setup
from gateway.clock import FakeClock
from gateway.inbound.fetching import Fetched, FetchTrouble, LeaseLost, Means
from gateway.inbound.intake import Intake
from gateway.inbound.maildir_door import MaildirFetcher
from gateway.store import schema
from gateway.store.engine import Database
from gateway.store.mailboxes import choose
from tests import postfix as postfixes
from tests.conftest import make_schema, missing
from tests.postfix import Postfix, wait_for

BEFORE = datetime(2026, 3, 1, 9, tzinfo=UTC).timestamp()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """SQLite: what either database does with arrivals is tested in `test_intake.py`."""
    made = Database(f"sqlite:///{tmp_path}/guichet.db")
    make_schema(made)
    yield made
    made.dispose()


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """An empty Maildir."""
    for name in ("tmp", "new", "cur"):
        (tmp_path / "box" / name).mkdir(parents=True)
    return tmp_path / "box"


@pytest.fixture
def means(database: Database, clock: FakeClock, example_setup: Setup, tmp_path: Path) -> Iterator[Means]:
    """What a fetcher is given; mails above 10,000 bytes are too large."""
    intake = Intake(database, clock, lambda: example_setup)
    yield Means(database, intake, clock, folder=tmp_path, max_size=10_000)
    intake.close()


def fetcher(means: Means, **keys: object) -> MaildirFetcher:
    """A fetcher of a process of its own."""
    made = MaildirFetcher(Connector("c-support", "support", "support@demo.example", incoming={"kind": "maildir", "path": "box", **keys}), means)
    made.open()
    return made


def turn(means: Means, **keys: object) -> Fetched:
    """One look of a process of its own."""
    return fetcher(means, **keys).fetch()


@pytest.fixture
def begun(box: Path, means: Means) -> Path:
    """A Maildir whose first look is behind it."""
    turn(means)
    return box


def put(box: Path, number: int, place: str = "new", name: str = "", content: bytes = b"", at: float = BEFORE) -> Path:
    """A delivered file."""
    path = box / place / (name or f"{number:03}.M{number}P1.host")
    path.write_bytes(content or b"Return-Path: <a@acme.example>\nDelivered-To: support@demo.example\nSubject: %d\n\nhello\xff\n" % number)
    os.utime(path, (at + number, at + number))
    return path


def stored(database: Database) -> list[Any]:
    """What is ours, in order."""
    statement = select(schema.inbound, schema.raw_mail.c.bytes).join(schema.raw_mail, schema.raw_mail.c.id == schema.inbound.c.id).order_by(text("inbound.rowid"))
    with database.read() as connection:
        return list(connection.execute(statement))


def subjects(database: Database) -> list[int]:
    """Their numbers."""
    return [int(row.bytes.split(b"Subject: ")[1].split()[0]) for row in stored(database)]


def names(box: Path, place: str) -> list[str]:
    """What lies there."""
    return sorted(path.name for path in (box / place).iterdir())


def test_new_files_come_in_once(begun: Path, means: Means, database: Database) -> None:
    """In the order of delivery, byte for byte, with the envelope sender of Return-Path; then they are in cur, seen."""
    for number in (3, 1, 2):
        put(begun, number)
    assert turn(means) == Fetched(3, 3, 0, None)
    assert turn(means) == Fetched(0, 3, 0, None)
    assert subjects(database) == [1, 2, 3]
    row = stored(database)[0]
    assert (row.door, row.connector, row.envelope_from, row.envelope_to, row.archive) == ("maildir", "support", "a@acme.example", [], False)
    assert row.bytes.endswith(b"hello\xff\n")
    assert names(begun, "new") == []
    assert names(begun, "cur") == [f"00{number}.M{number}P1.host:2,S" for number in (1, 2, 3)]


def test_files_are_deleted_if_so_wished(begun: Path, means: Means, database: Database) -> None:
    """With `after = "delete"` they go, but one that is too large for us stays, of which only the header is ours."""
    put(begun, 1)
    put(begun, 2, content=b"Subject: 2\n\n" + b"x" * 50_000)
    assert turn(means, after="delete").stored == 2
    assert turn(means, after="delete").stored == 0
    assert (names(begun, "new"), names(begun, "cur")) == ([], ["002.M2P1.host:2,S"])
    assert [(row.full_size, row.bytes) for row in stored(database)][1] == (50_012, b"Subject: 2\n\n")
    turn(dataclasses.replace(means, max_size=1_000_000), after="delete")
    assert names(begun, "cur") == ["002.M2P1.host:2,S"]


@pytest.mark.parametrize(
    ("keys", "taken", "archive"),
    [
        ({}, [], []),
        ({"start": "unseen"}, [1, 2], [False] * 2),
        ({"start": "since", "since": "2026-03-01"}, [2, 4], [False] * 2),
        ({"start": "archive"}, [1, 2, 3, 4], [True] * 4),
    ],
)
def test_the_first_look(box: Path, means: Means, database: Database, keys: dict[str, object], taken: list[int], archive: list[bool]) -> None:
    """decisions.md 13: from now on, what nobody has seen, since a date of delivery, or all as archive; later mails are no archive."""
    put(box, 1, at=BEFORE - 86_400)
    put(box, 2)
    put(box, 3, "cur", "003.host:2,S", at=BEFORE - 86_400)
    put(box, 4, "cur", "004.host:2,")
    turn(means, **keys)
    assert sorted(subjects(database)) == taken
    assert [row.archive for row in stored(database)] == archive
    put(box, 5)
    assert turn(means, **keys).stored == 1
    assert (subjects(database)[-1], stored(database)[-1].archive) == (5, False)


def test_the_choice_made_anew(box: Path, means: Means, database: Database) -> None:
    """`connector begin`: what was left alone comes in by the new choice, in the same process too; what came since is new mail; nothing comes in twice."""
    put(box, 1)
    put(box, 2, "cur", "002.host:2,S")
    look = fetcher(means)
    look.fetch()
    for choice, number, expected in (("now", 3, [3]), ("unseen", 4, [1, 3, 4]), ("archive", 5, [1, 2, 3, 4, 5])):
        with database.durable() as connection:
            choose(connection, "support", choice, "", ())
        put(box, number)
        look.fetch()
        look.fetch()
        assert sorted(subjects(database)) == expected
    assert [row.archive for row in stored(database) if b"Subject: 2" in row.bytes] == [True]


def test_a_crash_between_commit_and_move(begun: Path, means: Means, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mail is ours and still in new: the next process moves it and does not take it in again."""
    put(begun, 1)
    with monkeypatch.context() as broken:
        broken.setattr("gateway.inbound.maildir_files.os.rename", _killed)
        with pytest.raises(KeyboardInterrupt):
            turn(means)
    assert names(begun, "new") == ["001.M1P1.host"]
    assert turn(means) == Fetched(0, 1, 0, None)
    assert (subjects(database), names(begun, "new")) == ([1], [])


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_is_not_stored_stays(begun: Path, means: Means, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 3: our database cannot store; the file stays in new, with its age, and comes in later."""
    put(begun, 1)
    look = fetcher(means)
    with monkeypatch.context() as broken:
        broken.setattr("gateway.inbound.intake.arrivals.store", _no_disk)
        with pytest.raises(FetchTrouble, match="stays in the mailbox") as told:
            look.fetch()
    assert told.value.meaning is Meaning.PASSING
    assert names(begun, "new") == ["001.M1P1.host"]
    assert look.fetch().stored == 1


def _no_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_lost_lease_leaves_the_rest(begun: Path, means: Means, database: Database) -> None:
    """Another process polls now: what is stored stays stored and is moved by the other."""

    def lost() -> None:
        raise LeaseLost

    put(begun, 1)
    with pytest.raises(LeaseLost):
        turn(dataclasses.replace(means, alive=lost))
    assert turn(means) == Fetched(0, 1, 0, None)
    assert subjects(database) == [1]


def test_what_is_no_mail_is_left_alone(begun: Path, means: Means, database: Database) -> None:
    """Links (out of the folder too), folders, pipes, hidden files and what is still being written in tmp: not read, not moved, the mail beside them comes in."""
    secret = begun.parent / "secret"
    secret.write_text("Subject: 99\n\nsecret")
    (begun / "new" / "link").symlink_to(secret)
    (begun / "new" / "folder").mkdir()
    os.mkfifo(begun / "new" / "pipe")
    put(begun, 7, name=".hidden")
    put(begun, 8, "tmp")
    put(begun, 1)
    assert turn(means) == Fetched(1, 1, 0, None)
    assert subjects(database) == [1]
    assert names(begun, "new") == [".hidden", "folder", "link", "pipe"]
    assert names(begun, "tmp") == ["008.M8P1.host"]


def test_files_that_vanish_or_cannot_be_read(begun: Path, means: Means, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is gone when it is opened, one refuses to be read: the others come in, the unreadable one is reported as waiting, with its age."""
    for number in (1, 2, 3):
        put(begun, number)
    opened = os.open

    def broken(path: Any, flags: int, *more: Any) -> int:
        if str(path).endswith("001.M1P1.host"):
            os.unlink(path)
        if str(path).endswith("002.M2P1.host"):
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, *more)

    monkeypatch.setattr("gateway.inbound.maildir_files.os.open", broken)
    look = fetcher(means)
    assert look.fetch().stored == 1
    assert look.fetch() == Fetched(0, 2, 1, datetime.fromtimestamp(BEFORE + 2, UTC))
    assert subjects(database) == [3]
    stopping = threading.Event()
    threading.Timer(0.2, stopping.set).start()
    look.wait(30, stopping)
    assert stopping.is_set(), "a file that cannot be read is no news"


def test_a_mail_that_a_person_opened_first(begun: Path, means: Means, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program moves files to cur before we look, or between our look and our reading: they come in all the same; those marked deleted do not."""
    put(begun, 1, "cur", "001.host:2,S")
    put(begun, 2, "cur", "002.host:2,ST")
    path = put(begun, 3)
    opened = os.open

    def faster(name: Any, flags: int, *more: Any) -> int:
        if str(name) == str(path) and path.exists():
            path.rename(begun / "cur" / f"{path.name}:2,")
        return opened(name, flags, *more)

    monkeypatch.setattr("gateway.inbound.maildir_files.os.open", faster)
    look = fetcher(means)
    look.fetch()
    look.fetch()
    assert subjects(database) == [1, 3]
    assert names(begun, "cur") == ["001.host:2,S", "002.host:2,ST", "003.M3P1.host:2,"]


def test_a_name_used_again(begun: Path, means: Means, database: Database) -> None:
    """A program that names all its files alike: another mail under an old name is another mail, and covers none in cur."""
    put(begun, 1, name="mail")
    look = fetcher(means)
    look.fetch()
    put(begun, 2, name="mail")
    assert look.fetch().stored == 1
    assert subjects(database) == [1, 2]
    assert (names(begun, "new"), names(begun, "cur")) == (["mail"], ["mail:2,S"])
    assert look.fetch().stored == 0


def test_odd_names(begun: Path, means: Means, database: Database) -> None:
    """Bytes that are no text, very long names: taken in once."""
    put(begun, 1, name=os.fsdecode(b"1.caf\xe9.host"))
    put(begun, 2, name="2." + "x" * 240)
    assert turn(means).stored == 2
    assert turn(means).stored == 0


def test_what_is_no_maildir(means: Means, box: Path) -> None:
    """A folder that is missing is trouble for a person, with what to do."""
    (box / "new").rmdir()
    with pytest.raises(FetchTrouble, match="no folder “new”") as told:
        fetcher(means)
    assert told.value.meaning is Meaning.TROUBLE


def test_waiting_ends_with_a_delivery(begun: Path, means: Means) -> None:
    """`wait` comes back within about a second of a delivery, and not before."""
    look = fetcher(means)
    look.fetch()
    stopping = threading.Event()
    threading.Timer(0.3, stopping.set).start()
    look.wait(30, stopping)
    assert stopping.is_set()
    waited = threading.Thread(target=look.wait, args=(60, threading.Event()))
    waited.start()
    put(begun, 1)
    waited.join(20)
    assert not waited.is_alive()


def test_many_files(begun: Path, means: Means, database: Database) -> None:
    """More than one turn's worth: the oldest first, the rest counted as waiting, no older than the last that came, nothing twice."""
    for number in range(1, 2_101):
        put(begun, number, content=b"Subject: %d\n\n" % number)
    look = fetcher(means)
    first = look.fetch()
    assert (first.stored, first.waiting, first.oldest_waiting_at) == (2_000, 100, datetime.fromtimestamp(BEFORE + 2_000, UTC))
    assert look.fetch().stored == 100
    assert subjects(database) == list(range(1, 2_101))
    assert names(begun, "new") == []


def test_postfix_delivers_into_it(means: Means, database: Database) -> None:
    """Real deliveries by virtual(8), watched while they come: every mail once, with its Return-Path, X-Original-To and Delivered-To."""
    reason = postfixes.missing_reason()
    if reason:
        missing(reason)
    with Postfix(mailboxes=("demo.example",)) as server:
        server.submit("a@acme.example", ["support@demo.example"], b"Subject: 0\r\n\r\nfirst\r\n")
        wait_for(lambda: server.raw_mails(), what="the first delivery")
        look = MaildirFetcher(Connector("c", "support", "support@demo.example", incoming={"kind": "maildir", "path": str(server.folder / "mail" / "inbox")}), means)
        look.open()
        look.fetch()
        for number in range(1, 21):
            server.submit("a@acme.example" if number % 2 else "", ["support@demo.example"], b"From: x@acme.example\r\nSubject: %d\r\n\r\n.dot\r\n" % number)
        total = 0
        for _ in range(200):
            total += look.fetch().stored
            if total == 20:
                break
            look.wait(1, threading.Event())
    assert sorted(subjects(database)) == list(range(1, 21))
    assert all(b"Delivered-To: support@demo.example\n" in row.bytes and b"Return-Path: <" in row.bytes for row in stored(database))
    assert {row.envelope_from for row in stored(database)} == {"a@acme.example", ""}
