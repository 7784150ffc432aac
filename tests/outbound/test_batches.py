"""Mails claimed a few at a time: what that saves, what it must never cost, and what is given back; on both databases."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from core.delivery import Delivery, Meaning
from core.outbox import OutboxEvent, OutboxState, Outcome
from core.outbox_acts import Edit
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.outbound.dispatch import Dispatcher
from gateway.outbound.turns import BATCH
from gateway.store import outbox_claims, outboxes
from gateway.store.engine import Database
from gateway.store.schema import outbox, outbox_attempt
from tests.outbound.drafts import NOW, House, Way
from tests.outbound.peer import Peer
from tests.outbound.sender_child import send_all
from tests.outbound.test_durability import sends_to


def warm(house: House, dispatcher: Dispatcher) -> None:
    """Let the connector show that it is quick, so that the next batch is a whole one."""
    for n in range(BATCH):
        house.queue(f"w{n}", item_id="")
    assert dispatcher.run_due() == BATCH


def states(house: House, prefix: str = "d") -> Counter[str]:
    with house.database.read() as connection:
        return Counter(one.state for one in outboxes.listing(connection) if one.id.startswith(prefix))


def attempts(house: House, mail: str) -> int:
    with house.database.read() as connection:
        return connection.execute(select(func.count()).select_from(outbox_attempt).where(outbox_attempt.c.outbox_id == mail)).scalar() or 0


def soon(true: Callable[[], bool]) -> bool:
    """Whether it becomes true within ten seconds."""
    until = time.monotonic() + 10.0
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def test_one_durable_commit_a_mail(house: House) -> None:
    """Issue 4, speed: the answer to a mail is written in the commit that marks the next one; a batch of eight costs nine durable commits and one lazy one."""
    dispatcher = house.dispatcher(way := Way())
    warm(house, dispatcher)
    for n in range(BATCH):
        house.queue(f"d{n}", item_id="")
    kinds: list[str] = []
    seen: list[int] = []

    def look() -> None:
        with house.database.read() as connection:
            seen.append(connection.execute(select(func.count()).where(outbox.c.state == "sent", outbox.c.id.like("d%"))).scalar() or 0)

    way.after = look
    durable, lazy = house.database.durable, house.database.lazy
    house.database.durable = lambda: kinds.append("durable") or durable()  # type: ignore[method-assign,func-returns-value]
    house.database.lazy = lambda: kinds.append("lazy") or lazy()  # type: ignore[method-assign,func-returns-value]
    assert dispatcher.run_due(BATCH) == BATCH
    assert seen == list(range(BATCH)), "when the dot of a mail is next, all before it are written as sent"
    assert kinds == ["lazy", *["durable"] * (BATCH + 1)]


def test_a_new_connector_gets_one_mail_at_a_time(house: House) -> None:
    """A batch is taken only where the last attempts were quick: one, then two, then four."""
    for n in range(7):
        house.queue(f"d{n}", item_id="")
    way = Way()
    sizes: list[int] = []
    way.before = lambda: sizes.append(states(house)["sending"])
    house.dispatcher(way).run_due()
    assert sizes[0] == 1 and sizes[1] == 2 and max(sizes) == 4


@pytest.mark.parametrize("why", ["trouble", "slow", "closing"])
def test_what_was_not_begun_is_given_back(house: House, why: str) -> None:
    """After trouble, a slow answer, or when the process stops, the rest of a batch is as if it had never been claimed: it can be edited and undone."""
    dispatcher = house.dispatcher(way := Way())
    warm(house, dispatcher)
    for n in range(BATCH):
        house.queue(f"d{n}", item_id="", due_at=house.clock.now() - timedelta(milliseconds=BATCH - n))  # of one moment any may be the first
    way.answers = [Outcome.ACCEPTED, Meaning.PASSING if why == "trouble" else Outcome.ACCEPTED]

    def second() -> None:
        if len(way.given) == BATCH + 2:
            if why == "slow":
                dispatcher._turns.slow = -1.0
            if why == "closing":
                dispatcher._closing.set()

    way.before = second
    assert dispatcher.run_due(BATCH) >= 2
    dispatcher.close()
    for spare in dispatcher._spares:  # while an attempt is slow another thread goes on
        spare.join(20)
    if why != "slow":
        assert states(house)["queued"] == BATCH - 2 and states(house)["sending"] == 0
        last = house.get("d7")
        assert (last.attempts, last.lease_until, last.lease_by, last.last_attempt_at, attempts(house, "d7")) == (0, None, "", None, 0)
        assert [entry["became"] for entry in house.history("d7")] == ["queued", "sending", "queued"]
        with house.database.durable() as connection:
            outboxes.act(connection, "d7", OutboxEvent.EDIT, house.clock.now(), "ann@demo.example", edit=Edit("Re: Better", "Better."))
    else:
        assert [entry["became"] for entry in house.history("d7")][:3] == ["queued", "sending", "queued"], "given back before its own turn came"
    house.clock.advance(minutes=10)
    way.before, way.answers = lambda: None, [Outcome.ACCEPTED]
    house.dispatcher(way).run_due()
    assert states(house) == Counter({"sent": BATCH})
    assert {house.get(f"d{n}").attempts for n in range(2, BATCH)} == {1}
    if why != "slow":
        assert b"Better." in next(mail.data for mail in way.given if mail.id == "d7"), "it was not sealed for good"


def test_a_mail_to_be_tried_again_is_given_back_as_that(house: House) -> None:
    """Pending retry before the claim is pending retry after it is given back, with the tries it had."""
    house.queue("d1", item_id="")
    house.dispatcher(Way(Outcome.TEMPORARY)).run_due()
    was = house.get("d1")
    house.clock.advance(minutes=5)
    claimed = house.claim()
    assert claimed is not None
    with house.database.lazy() as connection:
        outbox_claims.give_back(connection, [(was, claimed)], house.clock.now())
    was = replace(was, marked=False)  # which speaks of the attempt that is over
    assert house.get("d1") == was and was.state is OutboxState.PENDING_RETRY
    with house.database.lazy() as connection:
        outbox_claims.give_back(connection, [(was, claimed)], house.clock.now())
    assert house.get("d1") == was, "what is no longer ours is left alone"


def test_an_answer_waits_no_longer_than_a_moment(house: House) -> None:
    """While the next mail of its batch stalls, the answer to the one before it is written all the same."""
    dispatcher = house.dispatcher(way := Way())
    warm(house, dispatcher)
    for n in range(3):
        house.queue(f"d{n}", item_id="")
    found: list[bool] = []

    def stall() -> None:
        if len(way.given) == BATCH + 2:
            found.append(soon(lambda: house.state("d0") == "sent"))

    way.before = stall
    dispatcher.run_due()
    assert found == [True] and states(house) == Counter({"sent": 3})


def test_a_settlement_that_fails_spoils_only_itself(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit that marks the next mail could not write the answer before it: the mark is made alone, and the answer is written after."""
    dispatcher = house.dispatcher(way := Way())
    warm(house, dispatcher)
    for n in range(3):
        house.queue(f"d{n}", item_id="")
    settle, faults = outbox_claims.settle, [1]

    def shaky(*arguments: Any) -> None:
        if faults:
            raise OperationalError("settle", {}, Exception(f"database is locked {faults.pop()}"))
        settle(*arguments)

    monkeypatch.setattr(outbox_claims, "settle", shaky)
    dispatcher.run_due()
    assert states(house) == Counter({"sent": 3})
    assert Counter(mail.id for mail in way.given if mail.id.startswith("d")) == Counter({"d0": 1, "d1": 1, "d2": 1})
    assert all([entry["became"] for entry in house.history(f"d{n}")] == ["queued", "sending", "sent"] for n in range(3))


@pytest.mark.parametrize("connections", [1, 3])
def test_killed_in_a_batch(database: Database, example_setup: Any, keys: Keys, clock: FakeClock, connections: int) -> None:
    """Killed in the middle of a batch, with an answer in hand that is not written: no more outcomes are unknown than mails were on the wire, the mails not
    begun go out at once, each mail is there, and twice only where it was unknown."""
    with Peer() as peer:
        house = House(database, sends_to(peer, example_setup, connections), keys, clock)
        names = [f"d{n:02}" for n in range(3 * BATCH)]
        for name in names:
            house.queue(name, item_id="")
        url = database.url.render_as_string(hide_password=False)
        database.dispose()
        pid = os.fork()
        if pid == 0:
            try:
                _die_after_an_answer(url, clock)
            finally:
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        clock.advance(hours=1)
        dispatcher = house.dispatcher(holder="alive/0/x")
        recovered = dispatcher.recover_expired(clock.now())
        unknown = [name for name in names if house.get(name).unknown_repeats]
        clock.advance(hours=1)
        dispatcher.run_due()
        dispatcher.close()
        taken = Counter(one.data for one in peer.taken)
    assert recovered > 1, "it died in the middle of a batch"
    assert 1 <= len(unknown) <= connections
    twice = sum(n == 2 for n in taken.values())
    assert len(taken) == len(names) and max(taken.values()) <= 2 and 1 <= twice <= len(unknown)
    assert states(house) == Counter({"sent": len(names)})


def _die_after_an_answer(url: str, clock: FakeClock) -> None:
    """Send, and kill this process when the twelfth mail has been handed over and its answer is there but not written."""
    from gateway.outbound.unsettled import Unsettled

    put, count = Unsettled.put, [0]

    def counting(self: Unsettled, *arguments: Any) -> None:
        count[0] += 1
        if count[0] == 12:
            os.kill(os.getpid(), signal.SIGKILL)
        put(self, *arguments)

    Unsettled.put = counting  # type: ignore[method-assign]
    send_all(url, clock.now(), "dead/0/x")


def test_signed_once_and_for_all(house: House) -> None:
    """The signature is asked for outside any transaction, before the first try; it stands before the bytes, is kept, and is never made again."""
    house.queue("d1", item_id="")
    asked: list[tuple[str, bytes]] = []

    def sign(_setup: Any, message: Any, data: bytes) -> str:
        with house.database.durable():  # would wait for ever, were a transaction open
            asked.append((message.id, data))
        return f"DKIM-Signature: v=1; n={len(asked)}\r\n"

    way = Way(Outcome.TEMPORARY, Outcome.ACCEPTED)
    dispatcher = house.dispatcher(way, sign=sign)
    dispatcher.run_due()
    house.clock.advance(minutes=5)
    dispatcher.run_due()
    assert [name for name, _ in asked] == ["d1"]
    assert [mail.data for mail in way.given] == [b"DKIM-Signature: v=1; n=1\r\n" + asked[0][1]] * 2
    with house.database.read() as connection:
        assert outboxes.raw(connection, "d1") == way.given[0].data


def test_a_mail_that_cannot_be_signed_is_tried_again(house: House) -> None:
    """A fault of ours while signing is an answer for that mail alone: nothing of it leaves unsigned, and the others go out."""
    house.queue("d1", item_id="")
    house.queue("d2", item_id="")

    def sign(_setup: Any, message: Any, _data: bytes) -> str:
        if message.id == "d1":
            raise ValueError("no key")
        return "DKIM-Signature: v=1\r\n"

    way = Way()
    house.dispatcher(way, sign=sign).run_due()
    assert (house.state("d1"), house.state("d2")) == ("pending_retry", "sent")
    assert [mail.id for mail in way.given] == ["d2"]
    assert "ValueError" in house.get("d1").last_error


def test_what_the_server_calls_it_is_kept(house: House) -> None:
    """Issue 4, 3: the queue id stands with the mail and with the attempt; a later attempt that has none does not take it away."""
    house.queue("d1", item_id="")

    class Named(Way):
        def deliver(self, mail: Any, before_final_dot: Any) -> Delivery:
            answer = super().deliver(mail, before_final_dot)
            return Delivery(answer.stage, answer.words, answer.recipients, queue_id="4f2" * 50)

    house.dispatcher(Named()).run_due()
    assert house.get("d1").queue_id == ("4f2" * 50)[:120]
    with house.database.read() as connection:
        assert connection.execute(select(outbox_attempt.c.queue_id)).scalar() == ("4f2" * 50)[:120]


def test_a_stuck_server_holds_up_nobody_else(house: House) -> None:
    """Issue 4, 1: the only thread hangs in one server's silence; a mail for another connector, queued after it, leaves all the same."""
    house.queue("d1", item_id="")
    go_on = threading.Event()
    slow, quick = Way(), Way()
    slow.before = lambda: go_on.wait(20.0) and None  # type: ignore[func-returns-value]
    dispatcher = house.dispatcher(slow)
    dispatcher._transports = lambda connector: slow if connector.name == "support" else quick
    dispatcher._turns.slow = 0.05
    sender = threading.Thread(target=dispatcher.run_due)
    sender.start()
    try:
        assert soon(lambda: house.state("d1") == "sending")
        house.queue("d2", item_id="", connector="claims")
        assert soon(lambda: house.state("d2") == "sent")
        assert house.state("d1") == "sending"
    finally:
        go_on.set()
        sender.join(20)
        dispatcher.close()
    assert house.state("d1") == "sent"


def test_an_author_who_may_no_longer_see_the_item(house: House) -> None:
    """decisions.md 16: at the scheduled time the author is active, but the item is out of their sight: held with a sentence, until somebody releases it."""
    house.item(assignee="", queue="Claims", home_queue="Claims")
    house.queue(due_at=NOW + timedelta(hours=1), scheduled=True)
    house.clock.advance(hours=1)
    dispatcher = house.dispatcher(way := Way())
    assert dispatcher.run_due() == 0
    assert house.state() == "held"
    assert house.get().hold_reason == "ann@demo.example wrote this mail and may no longer see 101203-T; release it or cancel it."
    with house.database.durable() as connection:
        outboxes.act(connection, "d1", OutboxEvent.RELEASE, house.clock.now(), "lea@demo.example")
    assert dispatcher.run_due() == 1 and len(way.given) == 1
