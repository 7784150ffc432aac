"""Two of each on one database, in threads: each mail is processed once, each outbox row sent once, each alarm rung once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.setup import Setup
from core.transitions import IllegalTransition
from gateway.bootstrap import House, open_house
from gateway.clock import FakeClock
from gateway.inbound.port import Arrival, Stored
from gateway.store.engine import Database
from gateway.store.inbound_claims import claim_named, expire
from tests.flow.told import ANN, CARL, DESK, ROOT, letter
from tests.houses import furnish, sending_to, settings_for, url_of
from tests.sink import Sink

MAILS = 24


@pytest.fixture
def houses(tmp_path: Path, database: Database, example_setup: Setup, sink: Sink, clock: FakeClock) -> Iterator[list[House]]:
    """Two houses on one database, as two processes would be."""
    furnish(tmp_path, database, sending_to(example_setup, sink.port))
    made = [open_house(settings_for(tmp_path, url_of(database), broker={"url": "drop://"}), clock=clock) for _ in range(2)]
    yield made
    for house in made:
        house.close()


def at_once(*works: Callable[[], object]) -> None:
    """Run all at the same moment; the first exception of any is raised."""
    gate, faults = threading.Barrier(len(works)), []

    def run(work: Callable[[], object]) -> None:
        gate.wait()
        try:
            work()
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def take_in(house: House, n: int, **more: str) -> str:
    """One customer's mail, stored."""
    answer = house.intake.accept(Arrival(letter(f"Matter {n}", "Text.", message_id=f"m{n}@acme.example", **more), "smtp", house.clock.now(), CARL, (DESK,)))
    assert isinstance(answer, Stored)
    return answer.inbound_id


def test_two_workers_process_each_mail_once_and_two_dispatchers_send_each_answer_once(houses: list[House], sink: Sink) -> None:
    """Four worker threads of two houses over the same rows, then four dispatchers: one item and one acknowledgement for each mail."""
    ids = [take_in(houses[0], n) for n in range(MAILS)]
    at_once(*(lambda house=house: (house.processor.process(ids), house.processor.sweep()) for house in (*houses, *houses)))
    assert Counter(item["title"] for item in houses[0].desk.list_items(ROOT)) == {f"Matter {n}": 1 for n in range(MAILS)}
    at_once(*(house.dispatcher.run_due for house in (*houses, *houses)))
    while houses[0].dispatcher.run_due():
        pass  # what stood behind another mail of its item, or was being claimed as the others stopped
    assert len(sink.times_sent()) == MAILS and set(sink.times_sent().values()) == {1}


def test_the_same_mail_processed_twice_at_once_is_shown_once(houses: list[House]) -> None:
    """Two deliveries of one mail, processed by two workers at the same moment: one item, one duplicate (decisions.md 8)."""
    for n in range(8):
        first, second = take_in(houses[0], n), take_in(houses[0], n)
        at_once(lambda first=first: houses[0].processor.process_one(first), lambda second=second: houses[1].processor.process_one(second))
        houses[0].processor.sweep()
        states = {one["id"]: one["state"] for one in houses[0].desk.list_inbound(ROOT)}
        assert sorted((states[first], states[second])) == ["done", "duplicate"]
    assert len(houses[0].desk.list_items(ROOT)) == 8


def test_two_replies_to_a_closed_item_share_one_follow_up(houses: list[House]) -> None:
    """decisions.md 4: two answers to the same old thread, processed at the same moment, open one new item between them."""
    take_in(houses[0], 0)
    houses[0].processor.sweep()
    (item,) = houses[0].desk.list_items(ROOT)
    houses[0].desk.do(item["ref"], "resolve", ANN, method="rejected_as_spam", note="No.")
    replies = [take_in(houses[0], n, In_Reply_To="<m0@acme.example>") for n in (1, 2)]
    at_once(*(lambda house=house, reply=reply: house.processor.process_one(reply) for house, reply in zip(houses, replies, strict=True)))
    houses[0].processor.sweep()
    (follow_up,) = [one for one in houses[0].desk.list_items(ROOT) if one["ref"] != item["ref"]]
    assert [line["kind"] for line in houses[0].desk.show(follow_up["ref"], ROOT)["timeline"]].count("mail_in") == 2


def test_an_answer_waits_for_the_mail_that_another_worker_still_reads(houses: list[House], clock: FakeClock) -> None:
    """A reply decided while its parent is in another worker's hands is given back, counts no attempt, and then finds its item."""
    parent = take_in(houses[0], 0)
    clock.advance(milliseconds=5)
    reply = take_in(houses[0], 1, In_Reply_To="<m0@acme.example>")
    with houses[1].database.lazy() as connection:  # the other worker has the parent and is slow
        assert claim_named(connection, clock.now(), "other/1/x", timedelta(minutes=2), [parent])
    houses[0].processor.process_one(reply)
    assert houses[0].desk.list_items(ROOT) == []
    with houses[1].database.lazy() as connection:
        expire(connection, ["other/1/x"], clock.now() - timedelta(seconds=1))
    clock.advance(seconds=3)
    houses[0].processor.sweep()
    clock.advance(seconds=3)
    houses[0].processor.sweep()
    (item,) = houses[0].desk.list_items(ROOT)
    assert [line["kind"] for line in houses[0].desk.show(item["ref"], ROOT)["timeline"]].count("mail_in") == 2


def test_an_answer_to_an_unknown_mail_does_not_wait_for_ever(houses: list[House], clock: FakeClock) -> None:
    """After ten seconds it is routed like any other, whoever still reads what."""
    parent = take_in(houses[0], 0)
    clock.advance(milliseconds=5)
    reply = take_in(houses[0], 1, In_Reply_To="<elsewhere@x.example>")
    with houses[1].database.lazy() as connection:
        assert claim_named(connection, clock.now(), "other/1/x", timedelta(minutes=2), [parent])
    houses[0].processor.process_one(reply)
    clock.advance(seconds=11)
    houses[0].processor.sweep()
    assert [item["title"] for item in houses[0].desk.list_items(ROOT)] == ["Matter 1"]


def test_two_schedulers_ring_each_alarm_once(houses: list[House], clock: FakeClock) -> None:
    """Two ticks at the same moment: each waiting item comes back once, with one line on its timeline."""
    for n in range(8):
        take_in(houses[0], n)
    houses[0].processor.sweep()
    refs = [item["ref"] for item in houses[0].desk.list_items(ROOT)]
    for ref in refs:
        houses[0].desk.do(ref, "wait", ANN, days=1)
    clock.advance(days=1, minutes=1)
    at_once(*(lambda house=house: house.scheduler.tick(clock.now()) for house in houses))
    at_once(*(lambda house=house: house.scheduler.tick(clock.now()) for house in houses))
    for ref in refs:
        item = houses[0].desk.show(ref, ROOT)
        assert item["status"] == "to_do"
        assert [line.get("to") for line in item["timeline"] if line["kind"] == "status"].count("to_do") == 1


def test_undo_against_send_has_one_winner(houses: list[House], sink: Sink, clock: FakeClock) -> None:
    """E-28: cancel and claim at the same moment; either nothing left and the mail is cancelled, or it left and the person was told "too late"."""
    take_in(houses[0], 0)
    houses[0].processor.sweep()
    houses[0].dispatcher.run_due()
    (item,) = houses[0].desk.list_items(ROOT)
    before = len(sink.raw)
    wins = Counter[str]()
    for n in range(12):
        mail = houses[0].desk.mail(item["ref"], ANN, text=f"Answer {n}", undo=timedelta(0))
        told: list[str] = []

        def undo(mail: dict[str, object] = mail, told: list[str] = told) -> None:
            try:
                houses[1].desk.cancel_mail(str(mail["id"]), ANN)
                told.append("cancelled")
            except IllegalTransition as late:
                assert "late" in str(late).lower() or "sent" in str(late).lower(), late
                told.append("sent")

        at_once(undo, houses[0].dispatcher.run_due)
        houses[0].dispatcher.run_due()
        state = houses[0].desk.show_outbox(str(mail["id"]), ANN)["state"]
        assert [state] == told
        wins[state] += 1
    assert len(sink.raw) - before == wins["sent"]
