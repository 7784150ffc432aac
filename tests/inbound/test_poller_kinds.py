"""POP3 and Maildir through the role `poll`: taken in, and our own faults are not the mailbox's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from core.setup import Connector, Setup
from gateway.clock import SystemClock
from gateway.inbound.poller import Poller
from gateway.serve import Service
from gateway.store import connector_status, fetched
from gateway.store.engine import Database
from gateway.store.schema import item, mailbox_folder
from tests.conftest import make_schema
from tests.dovecot import PASSWORD
from tests.houses import make_house
from tests.inbound.imap_ways import Desk, mail
from tests.inbound.pop3_server import Pop3Server
from tests.postfix import wait_for


@dataclass(frozen=True)
class Mailbox:
    """One mailbox of some kind: its connector, how a mail is put in, and how many are there."""

    connector: Connector
    put: Callable[[int, bytes], None]
    there: Callable[[], int]


@contextmanager
def pop3(folder: Path) -> Iterator[Mailbox]:
    """On a scripted server."""
    with Pop3Server({"old": mail(1000)}) as server:
        incoming = {"kind": "pop3", "host": "127.0.0.1", "port": server.port, "security": "none", "user": "support", "password_env": "SUPPORT_PASSWORD"}

        def put(number: int, raw: bytes) -> None:
            server.mails = {**server.mails, f"uid{number}": raw}

        yield Mailbox(_connector(incoming), put, lambda: len(server.mails))


@contextmanager
def maildir(folder: Path) -> Iterator[Mailbox]:
    """In a folder."""
    for place in ("tmp", "new", "cur"):
        (folder / "box" / place).mkdir(parents=True)
    (folder / "box" / "cur" / "000.host:2,S").write_bytes(mail(1000))

    def put(number: int, raw: bytes) -> None:
        (folder / "box" / "tmp" / f"{number}.host").write_bytes(raw)
        (folder / "box" / "tmp" / f"{number}.host").rename(folder / "box" / "new" / f"{number}.host")

    incoming = {"kind": "maildir", "path": str(folder / "box")}
    yield Mailbox(_connector(incoming), put, lambda: sum(len(list((folder / "box" / place).iterdir())) for place in ("new", "cur")))


def _connector(incoming: dict[str, Any]) -> Connector:
    return Connector("c1", "support", "support@desk.example", incoming={**incoming, "every": "PT1S", "after": "delete"})


@pytest.fixture(params=[pop3, maildir], ids=["pop3", "maildir"])
def mailbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mailbox]:
    """With one old mail in it."""
    with request.param(tmp_path) as made:
        yield made


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """SQLite: what either database does is shown for IMAP."""
    made = Database(f"sqlite:///{tmp_path}/kinds.db")
    make_schema(made)
    yield made
    made.dispose()


def count(database: Database, table: Any) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar() or 0)


def test_mail_is_polled_and_our_own_faults_are_not_the_mailboxs(
    mailbox: Mailbox, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What comes is taken in once and deleted; while we cannot store, mails stay there, no trouble is written down, and afterwards they come in."""
    desk = Desk(database, SystemClock())
    poller = Poller(desk.means(environ={"SUPPORT_PASSWORD": PASSWORD}), lambda: Setup(connectors=(mailbox.connector,)), holder="here/1/a")
    poller.start()
    try:
        wait_for(lambda: bool(folders(database)))
        mailbox.put(1, mail(1))
        wait_for(lambda: desk.subjects() == ["Mail 1"] and mailbox.there() == 1, 15)
        with monkeypatch.context() as broken:
            broken.setattr("gateway.inbound.intake.arrivals.store", _no_disk)
            mailbox.put(2, mail(2))
            wait_for(lambda: caplog.text.count("fetching_waits_for_the_house") >= 2, 20)
            assert mailbox.there() == 2
        wait_for(lambda: desk.subjects() == ["Mail 1", "Mail 2"] and mailbox.there() == 1, 20)
    finally:
        poller.stop(10)
        desk.close()
    with database.read() as connection:
        health = connector_status.health(connection, "fetch:support")
    assert (health.last_error, health.refused_logins, health.suspended_until) == ("", 0, None)


def folders(database: Database) -> list[fetched.Folder]:
    with database.read() as connection:
        return [row for row in fetched.folders(connection, "support") if row.looked_at]


def _no_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_served_house_opens_items(mailbox: Mailbox, database: Database, tmp_path: Path, example_setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """End to end: with the roles poll and worker a mail in the mailbox becomes an item; the old one is left alone."""
    monkeypatch.setenv("SUPPORT_PASSWORD", PASSWORD)
    first, *others = example_setup.connectors
    setup = replace(example_setup, connectors=(replace(first, incoming=mailbox.connector.incoming), *others))
    house = make_house(tmp_path, database, setup, broker="")
    service = Service(house, ("poll", "worker"))
    service.start()
    try:
        wait_for(lambda: count(database, mailbox_folder) == 1)
        mailbox.put(1, mail(1).replace(b"support@desk.example", first.address.encode()))
        wait_for(lambda: count(database, item) == 1, 20)
    finally:
        service.stop()
        house.close()
    assert mailbox.there() == 1
