"""The intake: stored before answered, many mails in one commit, one bad mail refuses no other, faults of ours pass."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from core.setup import Setup
from gateway.clock import FakeClock
from gateway.inbound.intake import BATCH_MAILS, Intake
from gateway.inbound.port import Answer, Arrival, Refused, Stored, TryLater
from gateway.store.arrivals import storable
from gateway.store.engine import Database
from tests.inbound.doors import US, stored

SECONDS = 20


def mail(number: int = 0, clock: FakeClock | None = None, **more: Any) -> Arrival:
    """A small arrival of its own."""
    return Arrival(b"Subject: %d\r\n\r\nx\r\n" % number, "smtp", (clock or FakeClock()).now(), "a@client.example", (US,), **more)


class Commits:
    """Counts the durable commits of a database, and can hold the first one back until told."""

    def __init__(self, database: Database) -> None:
        self.count = 0
        self.reached = threading.Event()
        self.go = threading.Event()
        self.go.set()
        event.listen(database.engine, "commit", self._committing)

    def _committing(self, _connection: Any) -> None:
        self.count += 1
        self.reached.set()
        assert self.go.wait(SECONDS)


def answers(futures: Sequence[Future[Answer]]) -> list[Answer]:
    return [future.result(SECONDS) for future in futures]


def test_accept_stores_alone_and_tells(database: Database, clock: FakeClock, example_setup: Setup) -> None:
    """Without a committer thread one mail is one durable commit, its id is answered and told, every field of the arrival is kept."""
    told: list[str] = []
    intake = Intake(database, clock, lambda: example_setup, on_stored=told.extend)
    arrival = Arrival(b"\0\xff\r\n", "imap", clock.now(), "", ("a@b", "é@ü.example"), "support", "192.0.2.1 host", archive=True)
    answer = intake.accept(arrival)
    (row,) = stored(database)
    assert answer == Stored(row.id) and told == [row.id]
    assert (row.state, row.door, row.connector, row.peer, row.archive) == ("new", "imap", "support", "192.0.2.1 host", True)
    assert (row.envelope_from, row.envelope_to, row.received_at) == ("", ["a@b", "é@ü.example"], clock.now())
    assert (row.bytes, row.size, row.attempts, row.lease_until) == (b"\0\xff\r\n", 4, 0, None)


def test_mails_that_wait_share_a_commit(database: Database, clock: FakeClock, example_setup: Setup) -> None:
    """While one commit is on its way the others gather, and the next one takes them all: fewer commits than mails."""
    commits = Commits(database)
    commits.go.clear()
    intake = Intake(database, clock, lambda: example_setup)
    first = intake.submit(mail(0))
    assert commits.reached.wait(SECONDS)
    waiting = [intake.submit(mail(n)) for n in range(1, 51)]
    assert not first.done()
    commits.go.set()
    found = answers([first, *waiting])
    intake.close()
    assert commits.count == 2
    assert [row.id for row in stored(database)] and {row.id for row in stored(database)} == {
        answer.inbound_id for answer in found if isinstance(answer, Stored)
    }
    assert len(stored(database)) == 51


def test_nothing_is_answered_before_the_commit(database: Database, clock: FakeClock, example_setup: Setup) -> None:
    """Law 3: as long as the commit has not ended, no future is done and nobody is told."""
    commits = Commits(database)
    commits.go.clear()
    told: list[str] = []
    intake = Intake(database, clock, lambda: example_setup, on_stored=told.extend)
    future = intake.submit(mail())
    assert commits.reached.wait(SECONDS)
    assert not future.done() and not told and stored(database) == []
    commits.go.set()
    assert isinstance(future.result(SECONDS), Stored)
    intake.close()
    assert len(told) == 1


def test_a_batch_is_capped(database: Database, clock: FakeClock, example_setup: Setup) -> None:
    """More mails than a batch holds are several commits."""
    commits = Commits(database)
    commits.go.clear()
    intake = Intake(database, clock, lambda: example_setup)
    futures = [intake.submit(mail(0))]
    assert commits.reached.wait(SECONDS)
    futures += [intake.submit(mail(n)) for n in range(BATCH_MAILS + 1)]
    commits.go.set()
    answers(futures)
    intake.close()
    assert commits.count == 3


def test_one_poisoned_mail_refuses_no_other(database: Database, clock: FakeClock, example_setup: Setup) -> None:
    """A row that cannot be written fails its batch; then each goes alone, and only that one is told to try later."""
    commits = Commits(database)
    commits.go.clear()
    intake = Intake(database, clock, lambda: example_setup)
    futures = [intake.submit(mail(0))]
    assert commits.reached.wait(SECONDS)
    poison = Arrival(b"x", "smtp", datetime(2026, 3, 2), "a@b", (US,))  # noqa: DTZ001  # no zone: the store refuses it
    futures += [intake.submit(mail(1)), intake.submit(poison), intake.submit(mail(2))]
    commits.go.set()
    kinds = [type(answer) for answer in answers(futures)]
    intake.close()
    assert kinds == [Stored, Stored, TryLater, Stored]
    assert len(stored(database)) == 3


class Failing(Database):
    """A database whose durable writes fail as told."""

    fault: BaseException | None = None

    @contextmanager
    def durable(self) -> Any:
        if self.fault is not None:
            raise self.fault
        with super().durable() as connection:
            yield connection


@pytest.mark.parametrize("fault", [OperationalError("INSERT", {}, Exception("database is locked")), MemoryError(), ConnectionError()])
def test_passing_faults_are_try_later_for_all_at_once(tmp_path: Any, clock: FakeClock, example_setup: Setup, fault: Exception) -> None:
    """A database that is away is asked once for the batch, not once for each mail; when it is back, all is well. Reasons name no statement."""
    from tests.conftest import make_schema

    database = Failing(f"sqlite:///{tmp_path}/guichet.db")
    make_schema(database)
    database.fault = fault
    intake = Intake(database, clock, lambda: example_setup)
    found = answers([intake.submit(mail(n)) for n in range(5)])
    assert all(isinstance(answer, TryLater) and "INSERT" not in answer.reason for answer in found)
    database.fault = None
    assert isinstance(intake.submit(mail()).result(SECONDS), Stored)
    intake.close()
    assert len(stored(database)) == 1
    database.dispose()


def test_too_big_is_refused_at_once(database: Database, clock: FakeClock, example_setup: Setup) -> None:
    """Over the limit is a refusal that will not pass, before anything is written; just the limit is taken."""
    intake = Intake(database, clock, lambda: example_setup, max_size=100)
    too_big = intake.accept(Arrival(b"x" * 101, "pipe", clock.now()))
    assert isinstance(too_big, Refused) and too_big.status == "5.3.4"
    assert isinstance(intake.submit(Arrival(b"x" * 100, "pipe", clock.now())).result(SECONDS), Stored)
    intake.close()
    assert len(stored(database)) == 1


def test_the_queue_is_bounded_by_bytes(database: Database, clock: FakeClock, example_setup: Setup) -> None:
    """What would wait beyond the bound is told to try later; the bound is free again after the commit."""
    commits = Commits(database)
    commits.go.clear()
    intake = Intake(database, clock, lambda: example_setup, max_waiting=2000)
    first = intake.submit(Arrival(b"a" * 900, "smtp", clock.now()))
    assert commits.reached.wait(SECONDS)
    second = intake.submit(Arrival(b"b" * 900, "smtp", clock.now()))
    third = intake.submit(Arrival(b"c" * 900, "smtp", clock.now()))
    assert isinstance(third.result(0), TryLater)
    commits.go.set()
    assert all(isinstance(answer, Stored) for answer in answers([first, second]))
    assert isinstance(intake.submit(Arrival(b"d" * 1900, "smtp", clock.now())).result(SECONDS), Stored)
    intake.close()


def test_a_mail_taken_back_before_its_commit_is_not_stored(database: Database, clock: FakeClock, example_setup: Setup) -> None:
    """A client that left before the commit began will send again; its mail is not stored twice."""
    commits = Commits(database)
    commits.go.clear()
    intake = Intake(database, clock, lambda: example_setup)
    first = intake.submit(mail(1))
    assert commits.reached.wait(SECONDS)
    second = intake.submit(mail(2))
    assert second.cancel() and not first.cancel()
    commits.go.set()
    assert isinstance(first.result(SECONDS), Stored)
    intake.close()
    assert [row.bytes for row in stored(database)] == [mail(1).raw]


def test_close_commits_what_waits(database: Database, clock: FakeClock, example_setup: Setup) -> None:
    """Everything submitted before the close is answered; what comes later is told to try later. Closing twice is harmless."""
    intake = Intake(database, clock, lambda: example_setup)
    futures = [intake.submit(mail(n)) for n in range(250)]
    intake.close()
    intake.close()
    assert all(future.done() and isinstance(future.result(), Stored) for future in futures)
    assert isinstance(intake.accept(mail()), TryLater) and isinstance(intake.submit(mail()).result(0), TryLater)
    assert len(stored(database)) == 250


def test_a_failing_wake_up_harms_nothing(database: Database, clock: FakeClock, example_setup: Setup) -> None:
    """Law 5: the broker may be away; the mail is stored and answered all the same."""

    def away(ids: Sequence[str]) -> None:
        raise ConnectionError("broker")

    intake = Intake(database, clock, lambda: example_setup, on_stored=away)
    assert isinstance(intake.accept(mail()), Stored)
    assert isinstance(intake.submit(mail()).result(SECONDS), Stored)
    assert isinstance(intake.submit(mail()).result(SECONDS), Stored)
    intake.close()


def test_many_threads(database: Database, clock: FakeClock, example_setup: Setup) -> None:
    """Eight threads that hand in at once: each mail stored once under the id that was answered, in fewer commits than mails."""
    commits = Commits(database)
    told: list[str] = []
    intake = Intake(database, clock, lambda: example_setup, on_stored=told.extend)
    found: dict[int, Answer] = {}

    def hand_in(base: int) -> None:
        futures = [(n, intake.submit(mail(n))) for n in range(base, base + 25)]
        found.update((n, future.result(SECONDS)) for n, future in futures)

    threads = [threading.Thread(target=hand_in, args=(base,)) for base in range(0, 200, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    intake.close()
    by_id = {row.id: row.bytes for row in stored(database)}
    assert len(by_id) == 200 and set(told) == set(by_id)
    assert all(isinstance(answer, Stored) and by_id[answer.inbound_id] == mail(n).raw for n, answer in found.items())
    assert commits.count < 200


def test_knows(example_setup: Setup, clock: FakeClock, tmp_path: Any) -> None:
    """Main addresses, aliases, route addresses and their plus-tagged forms are known, whatever the case; nothing else is."""
    intake = Intake(Database(f"sqlite:///{tmp_path}/x.db"), clock, lambda: example_setup)
    assert all(intake.knows(a) for a in ("support@demo.example", "HELP@Demo.Example", "claims+101204-C@demo.example"))
    assert not any(intake.knows(a) for a in ("", "support", "support@demo.example.org", "no-reply@demo.example"))


@pytest.mark.parametrize(("given", "kept"), [("a@b", "a@b"), ("a\0@\r\nb\x1b", "a@b"), ("a\udce9@b", "a@b"), ("é@ü 本", "é@ü 本")])
def test_storable_text(given: str, kept: str) -> None:
    """NUL, controls and lone surrogates never reach the database; letters of any script do."""
    assert storable(given) == kept


def test_hostile_envelopes_are_stored(database: Database, clock: FakeClock, example_setup: Setup) -> None:
    """Whatever a door passes on as addresses or peer, the row is written, shortened and cleaned, on both databases."""
    intake = Intake(database, clock, lambda: example_setup)
    answer = intake.accept(Arrival(b"x", "smtp", clock.now(), "a\0\udcff" + "b" * 5000, ("c\0" + "d" * 5000, "\udc80"), peer="p" * 500))
    assert isinstance(answer, Stored)
    (row,) = stored(database)
    assert (len(row.envelope_from), [len(recipient) for recipient in row.envelope_to], len(row.peer)) == (1000, [1000, 0], 120)
