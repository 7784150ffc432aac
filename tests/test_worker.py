"""The wake-up calls: what may get lost does no harm, and nothing piles up."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import dramatiq
import pytest
from sqlalchemy.exc import OperationalError

from gateway.serve import Periodic
from gateway.worker import INBOUND_QUEUE, OUTBOX_QUEUE, Wakes, make_broker
from tests.houses import wait_for


class Heard:
    """Stands for processor and dispatcher; remembers its calls."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.sent = 0

    def process(self, ids: Sequence[str]) -> None:
        self.ids += ids

    def run_due(self) -> int:
        self.sent += 1
        return 0


def make_wakes(heard: Heard, url: str = "") -> Wakes:
    return Wakes(url, lambda: heard, lambda: heard)


def test_calls_inside_the_process_reach_its_threads() -> None:
    """Every id that is announced is processed, and the outbox is looked at."""
    heard = Heard()
    wakes = make_wakes(heard)
    workers = [wakes.start_workers(queue, 2) for queue in (INBOUND_QUEUE, OUTBOX_QUEUE)]
    ids = [f"id-{n}" for n in range(40)]
    wakes.inbound(ids)
    wakes.outbox()
    wait_for(lambda: sorted(heard.ids) == sorted(ids) and heard.sent, "all ids are processed")
    for worker in workers:
        worker.stop()


def test_a_call_to_send_goes_on_while_something_is_due() -> None:
    """One call sends all there is: nobody may be there to call again."""
    heard, left = Heard(), [100, 100, 7, 0, 5]

    def run_due() -> int:
        heard.sent += 1
        return left.pop(0)

    heard.run_due = run_due  # type: ignore[method-assign]
    wakes = make_wakes(heard)
    worker = wakes.start_workers(OUTBOX_QUEUE, 1)
    wakes.outbox()
    wait_for(lambda: left == [5], "it stops where nothing was due")
    worker.stop()
    assert heard.sent == 4


def test_calls_that_nobody_in_the_process_takes_do_not_pile_up() -> None:
    """A door alone, without a broker, keeps no messages in memory: the rows are found by the sweeps of others (law 5)."""
    wakes = make_wakes(Heard())
    for n in range(100):
        wakes.inbound([f"id-{n}"])
        wakes.outbox()
    assert all(broker.queues[queue].qsize() == 0 for queue, broker in wakes._brokers.items())


def test_a_broker_that_is_away_raises_nothing() -> None:
    """Law 5: a wake that cannot be sent is logged; the caller has done its work."""
    wakes = make_wakes(Heard(), "redis://127.0.0.1:1/0")
    wakes.inbound(["a"])
    wakes.outbox()
    wakes.outbox()


def test_an_unknown_broker_is_refused_with_a_sentence() -> None:
    """A URL of another kind is a sentence that names what is expected."""
    with pytest.raises(ValueError, match=r"expected redis://"):
        make_broker("kafka://x")


def test_brokers_neither_retry_nor_limit_time() -> None:
    """Attempts are counted in rows, and a time limit may strike after the final dot: Retries, TimeLimit and AgeLimit are left out."""
    for url in ("", "drop://", "redis://127.0.0.1:1/0"):
        names = {type(part).__name__ for part in make_broker(url).middleware}
        assert names.isdisjoint({"Retries", "TimeLimit", "AgeLimit"}), names


def test_losing_broker_loses_everything() -> None:
    """The broker of the flow tests takes messages and keeps none."""
    broker = make_broker("drop://")
    actor = dramatiq.actor(broker=broker, queue_name="q", actor_name="a")(print)
    actor.send("x")
    assert isinstance(broker, dramatiq.brokers.stub.StubBroker) and broker.queues["q"].qsize() == 0


def away(*_: object) -> None:
    raise OperationalError("COMMIT", {}, Exception("database or disk is full"))


class Away:
    """Both handlers over a database that is away."""

    process = run_due = away


def test_a_database_that_is_away_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """One line for a wake and one for a turn of a role, without traces or ids: the log may be on the disk that is full."""
    caplog.set_level(logging.DEBUG)
    wakes = Wakes("", Away, Away)
    worker = wakes.start_workers(INBOUND_QUEUE, 1)
    periodic = Periodic("a role", 0.01, away)
    periodic.start()
    try:
        wakes.inbound(["a1", "a2"])
        wait_for(lambda: {"wake_put_off", "turn_failed"} <= {record.message for record in caplog.records}, "both are said")
    finally:
        periodic.stop()
        worker.stop()
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert {record.message for record in told} == {"wake_put_off", "turn_failed"}
    assert not any(record.exc_info for record in told)
