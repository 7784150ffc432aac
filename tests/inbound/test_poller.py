"""The role `poll` over a real Dovecot: news at once, lost connections, refused log-ins, a database that is away, two pollers, changes of the setup."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import OperationalError

from core.setup import Connector, Setup
from gateway.clock import FakeClock
from gateway.inbound.fetching import Fetched
from gateway.inbound.poller import Poller
from gateway.serve import Service
from gateway.store import connector_status, fetched
from gateway.store.due import is_behind
from gateway.store.engine import Database
from gateway.store.schema import item, lease, mailbox_folder
from tests.conftest import make_schema, missing
from tests.dovecot import PASSWORD, Dovecot, missing_reason
from tests.houses import make_house
from tests.inbound.imap_ways import Desk, connector, mail
from tests.inbound.meddler import Meddler
from tests.postfix import wait_for

_NAMES = itertools.count(1)
HOUR = "PT1H"


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    if reason := missing_reason():
        missing(reason)
    with Dovecot(users=[f"user{number}" for number in range(1, 50)]) as made:
        yield made


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    """A fresh mailbox with a mail that is old."""
    name = f"user{next(_NAMES)}"
    dovecot.deliver(name, mail(1000))
    return name


class AwayDatabase(Database):
    """A database that can be away."""

    away = False

    @contextmanager
    def _here(self, way: Callable[[], Any]) -> Iterator[Connection]:
        if self.away:
            raise OperationalError("no statement", {}, ConnectionError("the database is away"), connection_invalidated=True)
        with way() as connection:
            yield connection

    def read(self) -> Any:
        return self._here(super().read)

    def lazy(self) -> Any:
        return self._here(super().lazy)

    def durable(self) -> Any:
        return self._here(super().durable)


class Running:
    """Pollers over one desk; `connectors` may be changed while they run."""

    def __init__(self, desk: Desk, *connectors: Connector) -> None:
        self.desk = desk
        self.connectors = connectors
        self.environ = {"SUPPORT_PASSWORD": PASSWORD}
        self._stack = ExitStack()

    def poller(self, holder: str = "here/1/a") -> Poller:
        made = Poller(self.desk.means(environ=self.environ), lambda: Setup(connectors=tuple(self.connectors)), holder=holder, every=60.0)
        made.start()
        self._stack.callback(made.stop, 10.0)
        return made

    def begun(self, name: str = "support") -> bool:
        with self.desk.database.read() as connection:
            return any(row.begun_at for row in fetched.folders(connection, name))

    def health(self, name: str = "support") -> Any:
        with self.desk.database.read() as connection:
            return connector_status.health(connection, f"fetch:{name}")

    def close(self) -> None:
        self._stack.close()
        self.desk.close()


@pytest.fixture
def running(tmp_path: Path, clock: FakeClock) -> Iterator[Running]:
    database = AwayDatabase(f"sqlite:///{tmp_path}/poll.db")
    make_schema(database)
    made = Running(Desk(database, clock))
    yield made
    made.close()
    database.dispose()


def test_news_come_at_once_by_idle(dovecot: Dovecot, user: str, running: Running) -> None:
    """With IDLE a mail is taken in as soon as the server tells of it, however long the pause between two looks."""
    running.connectors = (connector(dovecot.imap, user=user, every=HOUR),)
    running.poller()
    wait_for(running.begun)
    for number in range(3):
        dovecot.deliver(user, mail(number))
        wait_for(lambda number=number: f"Mail {number}" in running.desk.subjects(), 15)
    assert running.desk.subjects() == ["Mail 0", "Mail 1", "Mail 2"]


def test_without_idle_the_mailbox_is_looked_at_now_and_then(dovecot: Dovecot, user: str, running: Running) -> None:
    """`every` is the pause between two looks."""
    running.connectors = (connector(dovecot.imap, user=user, every="PT1S", idle=False),)
    running.poller()
    wait_for(running.begun)
    dovecot.deliver(user, mail(0))
    wait_for(lambda: running.desk.subjects() == ["Mail 0"], 15)


def test_a_connection_cut_while_idle_is_made_again(dovecot: Dovecot, user: str, running: Running) -> None:
    """A server that closes while we wait is noticed at once, is no trouble, and what came meanwhile is taken in."""
    with Meddler(dovecot.imap) as meddler:
        running.connectors = (connector(meddler.port, user=user, every=HOUR),)
        running.poller()
        wait_for(lambda: any(b"IDLE" in line for line in meddler.lines))
        dovecot.stop()
        meddler.cut()
        dovecot.start()
        dovecot.deliver(user, mail(0))
        wait_for(lambda: running.desk.subjects() == ["Mail 0"], 30)
        assert meddler.connections >= 2


def test_three_refused_log_ins_suspend_and_it_resumes_by_itself(
    dovecot: Dovecot, user: str, running: Running, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """decisions.md 19 and 1: three refused log-ins suspend the mailbox with an alarm, nothing is closed by time meanwhile, and a later probe resumes."""
    running.connectors = (connector(dovecot.imap, user=user, every=HOUR),)
    running.environ["SUPPORT_PASSWORD"] = "wrong"
    with caplog.at_level(logging.ERROR, "guichet.poll"):
        running.poller()
        for number in (1, 2, 3):
            wait_for(lambda number=number: running.health().refused_logins == number, 15)
            clock.advance(seconds=60)
    assert running.health().suspended
    assert [record.message for record in caplog.records].count("mailbox_suspended") == 1
    assert "wrong" not in caplog.text
    with running.desk.database.read() as connection:
        assert is_behind(connection, "support", clock.now())
    running.environ["SUPPORT_PASSWORD"] = PASSWORD
    clock.advance(minutes=10)
    wait_for(lambda: not running.health().suspended, 15)
    dovecot.deliver(user, mail(0))
    wait_for(lambda: running.desk.subjects() == ["Mail 0"], 15)
    with running.desk.database.read() as connection:
        assert not is_behind(connection, "support", clock.now() - timedelta(days=1))


def test_a_folder_that_is_gone_holds_up_no_other(
    dovecot: Dovecot, user: str, running: Running, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are read on the same connection as quickly as before; somebody is told once, and nothing is closed by time meanwhile."""
    running.connectors = (connector(dovecot.imap, user=user, every="PT1S", idle=False, spam_folders=["Gone"]),)
    with caplog.at_level(logging.INFO, "guichet.poll"):
        running.poller()
        wait_for(lambda: running.health().last_error)
        for number in range(3):
            dovecot.deliver(user, mail(number))
            wait_for(lambda number=number: f"Mail {number}" in running.desk.subjects(), 15)
    health = running.health()
    assert "Gone" in health.last_error
    assert health.suspended_until is None
    said = [record.message for record in caplog.records]
    assert said.count("mailbox_partly_read") == 1
    assert "mailbox_connection_lost" not in said
    with running.desk.database.read() as connection:
        assert is_behind(connection, "support", clock.now())


def test_a_database_that_is_away_is_no_fault_of_the_mailbox(dovecot: Dovecot, user: str, running: Running, caplog: pytest.LogCaptureFixture) -> None:
    """While the database is away mails wait in the mailbox; afterwards they come in once each, and the mailbox was never in trouble."""
    running.connectors = (connector(dovecot.imap, user=user, every="PT1S", after="delete"),)
    running.poller()
    wait_for(running.begun)
    database = running.desk.database
    assert isinstance(database, AwayDatabase)
    database.away = True
    dovecot.deliver_many(user, [mail(number) for number in range(20)])
    wait_for(lambda: "fetching_waits_for_the_house" in caplog.text, 15)
    assert len(dovecot.flags(user)) == 21
    database.away = False
    wait_for(lambda: len(running.desk.subjects()) == 20, 30)
    wait_for(lambda: len(dovecot.flags(user)) == 1, 15)
    assert len(set(running.desk.subjects())) == 20
    assert running.health().last_error == ""


def test_two_pollers_take_one_mailbox_in_turn(dovecot: Dovecot, user: str, running: Running, clock: FakeClock) -> None:
    """One process polls a mailbox at a time; when it stops, the other takes over, and no mail comes twice."""
    running.connectors = (connector(dovecot.imap, user=user, every="PT1S"),)
    first = running.poller("one/1/a")
    running.poller("two/2/b")
    wait_for(running.begun)
    dovecot.deliver_many(user, [mail(number) for number in range(30)])
    wait_for(lambda: len(running.desk.subjects()) == 30, 15)
    first.stop(10.0)
    clock.advance(minutes=2)
    dovecot.deliver_many(user, [mail(number) for number in range(30, 60)])
    wait_for(lambda: len(running.desk.subjects()) == 60, 15)
    assert len(set(running.desk.subjects())) == 60


def test_changes_of_the_setup_are_noticed(dovecot: Dovecot, running: Running) -> None:
    """A mailbox that is added is polled within seconds, one that is disabled is left alone, and one whose connector changed is polled anew."""
    names = [f"user{next(_NAMES)}" for _ in range(2)]
    one = connector(dovecot.imap, user=names[0], every="PT1S")
    other = replace(connector(dovecot.imap, user=names[1], every="PT1S"), id="c2", name="sales")
    running.connectors = (one,)
    running.poller()
    wait_for(running.begun)
    running.connectors = (one, other)
    wait_for(lambda: running.begun("sales"), 15)
    running.connectors = (replace(one, enabled=False), replace(other, incoming={**other.incoming, "after": "seen"}))
    wait_for(lambda: _lease_free(running.desk, "poll:support"), 15)
    for name in names:
        dovecot.deliver(name, mail(int(name[4:])))
    wait_for(lambda: running.desk.subjects(), 15)
    assert running.desk.subjects() == [f"Mail {names[1][4:]}"]
    wait_for(lambda: "Seen" in dovecot.flags(names[1])[1], 15)


def _lease_free(desk: Desk, name: str) -> bool:
    from gateway.store.mailboxes import lease_holder

    with desk.database.read() as connection:
        return not lease_holder(connection, name)


def test_the_role_poll_opens_items(dovecot: Dovecot, user: str, tmp_path: Path, example_setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """End to end: a house with the roles poll and worker turns a mail in a mailbox into an item, and stops in good order."""
    monkeypatch.setenv("SUPPORT_PASSWORD", PASSWORD)
    database = Database(f"sqlite:///{tmp_path}/house.db")
    make_schema(database)
    first, *others = example_setup.connectors
    incoming = connector(dovecot.imap, user=user, every="PT1S").incoming
    setup = replace(example_setup, connectors=(replace(first, incoming=incoming), *others))
    house = make_house(tmp_path, database, setup, broker="")
    service = Service(house, ("poll", "worker"))
    service.start()
    try:
        wait_for(lambda: _rows(database, mailbox_folder))
        dovecot.deliver(user, mail(1).replace(b"support@desk.example", first.address.encode()))
        wait_for(lambda: _rows(database, item), 20)
    finally:
        service.stop()
        house.close()
    assert _rows(database, lease) == 0
    database.dispose()


def _rows(database: Database, table: Any) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar() or 0)


class _Stuck:
    """A fetcher that hangs in its first look until it is let go."""

    def __init__(self, go: threading.Event) -> None:
        self._go = go

    def open(self) -> None:
        """Hangs."""
        self._go.wait(30)

    def fetch(self) -> Fetched:
        return Fetched()

    def wait(self, seconds: float, stopping: threading.Event) -> None:
        stopping.wait(seconds)

    def close(self) -> None:
        """Nothing to let go."""


def test_stopping_waits_once_for_all_mailboxes(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    """Ten servers that hang do not make the end of the service ten times as long; each is named in the log."""
    go = threading.Event()
    running.connectors = tuple(replace(connector(1), id=f"c{number}", name=f"stuck {number}") for number in range(10))
    poller = Poller(running.desk.means(), lambda: Setup(connectors=running.connectors), holder="here/1/a", make=lambda *_: _Stuck(go))
    poller.start()
    wait_for(lambda: _leases(running) == 10)
    began = time.monotonic()
    poller.stop(2.0)
    assert time.monotonic() - began < 10
    go.set()
    assert sum(record.message == "mailbox_still_busy" for record in caplog.records) == 10


def _leases(running: Running) -> int:
    with running.desk.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(lease)).scalar() or 0)
