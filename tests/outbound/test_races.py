"""Several at once on one database: each mail leaves once, undo against claim has one winner; threads and processes, both databases."""

from __future__ import annotations

import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable

from core.mail import Address
from core.outbox import OutboxEvent, OutboxMessage, Recipient
from core.transitions import IllegalTransition
from gateway.outbound.dispatch import Dispatcher
from gateway.store import outboxes
from gateway.store.engine import Database
from tests.outbound.drafts import House, Way, with_connector
from tests.outbound.peer import Peer
from tests.outbound.sender_child import send_all

FORK = multiprocessing.get_context("fork")


def together(works: list[Callable[[], None]]) -> None:
    """All of them at the same moment; a fault in one is a fault of the test."""
    barrier = threading.Barrier(len(works))
    faults: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            barrier.wait()
            work()
        except BaseException as fault:  # handed to the test below
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, faults


def test_dispatchers_in_threads(house: House) -> None:
    """Four dispatchers, forty mails of five items: each sent once, those of an item in their order."""
    for n in range(5):
        house.item(id=f"i{n}", ref=f"{101203 + n}-T", number=101203 + n)
    for n in range(40):
        house.queue(f"d{n:02}", item_id=f"i{n % 5}")
    way = Way()
    together([lambda n=n: _drain(house.dispatcher(way, holder=f"h/{n}/x"), house) for n in range(4)])  # type: ignore[misc]
    assert Counter(mail.id for mail in way.given) == Counter({f"d{n:02}": 1 for n in range(40)})
    for item in range(5):
        assert [mail.id for mail in way.given if int(mail.id[1:]) % 5 == item] == [f"d{n:02}" for n in range(item, 40, 5)]
    assert {house.get(f"d{n:02}").attempts for n in range(40)} == {1}


def _drain(dispatcher: Dispatcher, house: House) -> None:
    """Until nothing is left that is not sent; one of an item may wait for another thread's."""
    while any(one.state != "sent" for one in _all(house)):
        dispatcher.run_due(3)


def _all(house: House) -> list[OutboxMessage]:
    with house.database.read() as connection:
        return outboxes.listing(connection)


def test_undo_against_claim_in_threads(house: House) -> None:
    """E-28: of an undo and a claim at the same moment one wins: cancelled and never sent, or sent and "too late"."""
    names = [f"d{n:02}" for n in range(30)]
    for name in names:
        house.queue(name, item_id="")
    way = Way()
    undone: list[str] = []

    def undo() -> None:
        for name in reversed(names):
            try:
                with house.database.durable() as connection:
                    outboxes.act(connection, name, OutboxEvent.CANCEL, house.clock.now(), "ann@demo.example")
                undone.append(name)
            except IllegalTransition as late:
                assert "Too late" in str(late)

    together([lambda: house.dispatcher(way).run_due(100) and None, undo])  # type: ignore[func-returns-value]
    house.dispatcher(way).run_due(100)
    sent = [mail.id for mail in way.given]
    assert sorted(sent + undone) == names, "each has exactly one end"
    assert {name: house.state(name) for name in names} == {**dict.fromkeys(sent, "sent"), **dict.fromkeys(undone, "cancelled")}


def _undo_all(url: str, names: list[str], moment: object, done: object) -> None:
    database = Database(url)
    for name in names:
        try:
            with database.durable() as connection:
                outboxes.act(connection, name, OutboxEvent.CANCEL, moment, "ann@demo.example")  # type: ignore[arg-type]
            done.put(name)  # type: ignore[attr-defined]
        except IllegalTransition:
            pass
    database.dispose()


def test_processes_send_each_mail_once_and_undo_has_one_winner(house: House) -> None:
    """Two dispatchers and one person who undoes, each in a process of its own, over real SMTP."""
    with Peer() as peer:
        outgoing = {"kind": "smtp", "host": "127.0.0.1", "port": peer.port, "security": "none"}
        house.save(with_connector(house.setup, outgoing=outgoing))
        names = [f"d{n:02}" for n in range(40)]
        for name in names:
            house.queue(name, item_id="", recipients=(Recipient(Address(f"{name}@acme.example")),))
        url = house.database.url.render_as_string(hide_password=False)
        house.database.dispose()
        undone = FORK.SimpleQueue()
        works = [FORK.Process(target=send_all, args=(url, house.clock.now(), f"h{n}/1/x")) for n in range(2)]
        works.append(FORK.Process(target=_undo_all, args=(url, names[::-2], house.clock.now(), undone)))
        for work in works:
            work.start()
        for work in works:
            work.join(60)
        assert [work.exitcode for work in works] == [0, 0, 0]
        cancelled = []
        while not undone.empty():
            cancelled.append(str(undone.get()))
        sent = [taken.recipients[0].partition("@")[0] for taken in peer.taken]
    assert sorted(sent + cancelled) == names
    assert {name for name in names if house.state(name) == "cancelled"} == set(cancelled)
    assert {house.state(name) for name in sent} <= {"sent"}
