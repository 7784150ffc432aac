"""A small edition of `bench/many.py`, and what a process that only sends must do by itself when there is much to send."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from bench.many import run, smtp_sink_program
from core.setup import Setup
from gateway import serve
from gateway.bootstrap import House
from gateway.clock import SystemClock
from gateway.serve import Service
from gateway.store import items
from gateway.store.engine import Database
from tests.conftest import missing
from tests.flow.told import ANN, ROOT
from tests.houses import make_house, sending_to, wait_for
from tests.outbound.drafts import make_item
from tests.servers import postgres_url
from tests.sink import Sink


@pytest.fixture
def empty_postgres() -> Iterator[str]:
    """The URL of a PostgreSQL database without tables."""
    server = postgres_url()
    if server is None:
        missing("PostgreSQL is not installed")
    assert server is not None
    name = f"guichet_many_{SystemClock().new_id()}"
    admin = create_engine(server.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    yield server.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()


def test_each_once_in_order_and_every_undo_honoured(empty_postgres: str) -> None:
    """Issue 4: 600 mails, two dispatcher processes of which one is killed with -9, twenty people who undo: each mail arrives once, those of an item
    in their order, every undo in time is granted, and at most as many are unknown as threads were sending."""
    if smtp_sink_program() is None:
        missing("smtp-sink is not installed")
    folder = Path(tempfile.mkdtemp(prefix="guichet-many-"))
    folder.chmod(0o755)  # the sink runs as nobody
    try:
        play, wrong, states = run(folder, empty_postgres, mails=600, dispatchers=2, undo=20, kill=1, patience=60.0)
    finally:
        shutil.rmtree(folder)
    assert wrong == []
    assert play.killed == 1 and len(play.granted) == 20 and play.in_time and sum(play.granted.values()) >= len(play.in_time)
    assert Counter(states.values())["sent"] >= 570


MUCH = 130
"""More than one look at the outbox takes, and more than a handful."""


@pytest.fixture
def sending(tmp_path: Path, database: Database, example_setup: Setup, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A house with much to send, whose sweep comes once an hour."""
    monkeypatch.setattr(serve, "SWEEP_SECONDS", 3600.0)
    house = make_house(tmp_path, database, sending_to(example_setup, sink.port), broker="")
    with database.durable() as connection:
        items.save(connection, make_item())
    for n in range(MUCH):
        house.desk.mail("101203-T", ANN, text=f"Mail {n}.", to=("carl@acme.example",), undo=timedelta(0))
    yield house
    house.close()


def test_a_process_that_only_sends_goes_on_while_something_is_due(sending: House, sink: Sink) -> None:
    """Without a scheduler nobody calls it: one turn of its sweep sends all there is, not a hundred mails a second."""
    service = Service(sending, ("dispatch",))
    service.start()
    try:
        wait_for(lambda: len(sink.raw) == MUCH, "all have left in one turn")
    finally:
        service.stop()


def test_stopped_in_the_middle_it_leaves_nothing_under_way(sending: House, sink: Sink) -> None:
    """A service that is asked to end while it sends: what is on the wire is answered and written, the rest is given back and waits, and nothing is *sending*."""
    service = Service(sending, ("dispatch",))
    service.start()
    try:
        wait_for(lambda: len(sink.raw) >= 10, "it is in the middle")
    finally:
        service.stop()
    states = Counter(entry["state"] for entry in sending.desk.list_outbox(ROOT))
    assert set(states) <= {"sent", "queued"} and states["sent"] == len(sink.raw) < MUCH, states


def test_it_calls_its_other_threads(sending: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is more than a handful to send, the threads of `workers.dispatch_threads` take part."""
    names: set[str] = set()
    run_due = sending.dispatcher.run_due

    def watched(limit: int = 100) -> int:
        done = run_due(min(limit, 8))
        names.update([threading.current_thread().name] if done else [])
        return done

    monkeypatch.setattr(sending.dispatcher, "run_due", watched)
    service = Service(sending, ("dispatch",))
    service.start()
    try:
        wait_for(lambda: len(names) > 1, "a thread of the pool sends as well")
    finally:
        service.stop()
