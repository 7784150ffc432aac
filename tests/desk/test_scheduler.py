"""Time passing over a whole desk: waits, no-answer limits, windows, one leader, and nothing closed while mail may be unread; on both databases."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from core.decision import Decision
from core.on_time import POSTPONED_BY
from core.status import Status
from gateway import scheduler as scheduling
from gateway.scheduler import LEASE_LENGTH, Tick
from gateway.store import due, items
from gateway.store.schema import connector_status, inbound, item, mailbox_folder
from tests.desk.conftest import Room

ANN = "ann@demo.example"


def test_a_wait_until_ends_at_its_date(room: Room) -> None:
    """A-TK-13, A-CS-13: at the date, not before, the item is back in To Do with who had it, and calls attention."""
    ref = room.ticket()
    room.desk.do(ref, "wait", ANN, until=room.clock.now() + timedelta(hours=1))
    scheduler = room.scheduler()
    assert scheduler.tick(room.clock.advance(minutes=59, seconds=59)).alarms == 0
    assert scheduler.tick(room.clock.advance(seconds=1)).alarms == 1
    shown = room.desk.show(ref, ANN)
    assert (shown["status"], shown["reason"], shown["assignee"], shown["alarm_at"]) == ("to_do", "schedule_date_reached", ANN, None)
    assert "date" in shown["attention"]
    assert scheduler.tick(room.clock.advance(days=1)).alarms == 0


@pytest.mark.parametrize(("close", "status", "method"), [(False, "to_do", None), (True, "closed", "no_customer_response")])
def test_no_answer_in_the_days_given(room: Room, close: bool, status: str, method: str | None) -> None:
    """A-TK-11, A-TK-12, decisions.md 6: back to To Do, or straight to Closed with *no customer response*."""
    ref = room.ticket()
    room.desk.do(ref, "wait", ANN, days=2.5, close_if_no_answer=close)
    scheduler = room.scheduler()
    assert scheduler.tick(room.clock.advance(days=2, hours=11, minutes=59)).alarms == 0
    assert scheduler.tick(room.clock.advance(minutes=1)).alarms == 1
    shown = room.desk.show(ref, ANN)
    assert (shown["status"], shown["reason"], shown["resolution_method"]) == (status, "timeout", method)


def test_the_customer_is_told_that_no_answer_came(room: Room) -> None:
    """C-TP-01, E-12, decisions.md 9: one automatic mail to the primary contact of an item that sends automatic mail, and no more within the brake."""
    ref, quiet = room.ticket(), room.ticket(send_automated_emails=False)
    for one in (ref, quiet):
        room.desk.do(one, "wait", ANN, days=1)
    scheduler = room.scheduler()
    scheduler.tick(room.clock.advance(days=1))
    (mail,) = room.desk.list_outbox(ANN)
    assert (mail["item"], mail["system_generated"], mail["state"], mail["due_at"]) == (ref, True, "queued", "2026-03-03T09:00:00Z")
    assert mail["to"] == ["Carl Customer <carl@acme.example>"]
    assert room.desk.show(ref, ANN)["timeline"][0]["outbox_id"] == mail["id"]
    room.desk.do(ref, "wait", ANN, days=0.001)
    scheduler.tick(room.clock.advance(minutes=2))
    assert room.item(ref).status is Status.TO_DO
    assert len(room.desk.list_outbox(ANN)) == 1


def test_a_window_passes(room: Room) -> None:
    """A-TK-23, A-CS-23: when the feedback window ends without any response the item becomes Closed."""
    ref = room.ticket()
    room.desk.do(ref, "resolve", ANN, note="x")
    room.scheduler().tick(room.clock.advance(days=5))
    shown = room.desk.show(ref, ANN)
    assert (shown["status"], shown["reason"], shown["owner"], shown["resolution_method"]) == (
        "closed",
        "feedback_window_passed",
        "",
        "with_customer_response",
    )
    assert shown["timeline"][0]["system"]


def test_a_reopened_item_is_not_closed_by_its_old_window(room: Room) -> None:
    """A-TK-22: the window of a resolution ends with it."""
    ref = room.ticket()
    room.desk.do(ref, "resolve", ANN, note="x")
    room.desk.do(ref, "reopen", ANN)
    room.scheduler().tick(room.clock.advance(days=6))
    assert room.item(ref).status is Status.TO_DO


@pytest.mark.parametrize("state", ["new", "working"])
def test_nothing_closes_over_mail_that_came_in_time_and_is_unread(room: Room, state: str) -> None:
    """decisions.md 1, E-13: a mail received before the end of the window holds the closing until it is read; receipt time counts."""
    ref = room.ticket()
    room.desk.do(ref, "resolve", ANN, note="x")
    end = room.clock.now() + timedelta(days=5)
    with room.database.durable() as connection:
        connection.execute(inbound.insert().values(id="late", state=state, door="smtp", received_at=end, envelope_to=[], size=1))
    scheduler = room.scheduler()
    room.clock.set(end + timedelta(minutes=1))
    assert scheduler.tick(room.clock.now()).alarms == 1
    assert room.item(ref).status is Status.RESOLVED
    assert room.item(ref).clocks.alarm_at == room.clock.now() + POSTPONED_BY
    with room.database.durable() as connection:
        connection.execute(update(inbound).where(inbound.c.id == "late").values(state="ignored"))
    assert scheduler.tick(room.clock.advance(seconds=59)).alarms == 0
    assert scheduler.tick(room.clock.advance(seconds=1)).alarms == 1
    assert room.item(ref).status is Status.CLOSED


def test_mail_that_came_after_the_window_does_not_hold_the_closing(room: Room) -> None:
    """decisions.md 1: it belongs to a new item."""
    ref = room.ticket()
    room.desk.do(ref, "resolve", ANN, note="x")
    end = room.clock.now() + timedelta(days=5)
    with room.database.durable() as connection:
        connection.execute(inbound.insert().values(id="late", state="new", door="smtp", received_at=end + timedelta(microseconds=1), envelope_to=[], size=1))
    room.clock.set(end + timedelta(minutes=1))
    room.scheduler().tick(room.clock.now())
    assert room.item(ref).status is Status.CLOSED


FETCHING = [(None, None, True), (-60, -30, True), (-60, -90, False), (-60, None, False)]


@pytest.mark.parametrize(("error", "success", "closes"), FETCHING)
def test_nothing_closes_while_fetching_the_mailbox_fails(room: Room, error: int | None, success: int | None, closes: bool) -> None:
    """decisions.md 1: a connector that feeds the item and fails holds its closings; another connector's trouble, or sending, does not."""
    _fed_by(room, "imap")
    ref = room.ticket()
    room.desk.do(ref, "resolve", ANN, note="x")
    now = room.clock.advance(days=6)
    moments = {"last_error_at": error, "last_success_at": success}
    values = {name: now + timedelta(seconds=seconds) for name, seconds in moments.items() if seconds is not None}
    with room.database.durable() as connection:
        connection.execute(connector_status.insert().values(name=due.FETCHING + "support", **values))
        connection.execute(connector_status.insert().values(name="support", last_error_at=now))
        connection.execute(connector_status.insert().values(name=due.FETCHING + "claims", last_error_at=now))
    room.scheduler().tick(now)
    assert (room.item(ref).status is Status.CLOSED) == closes


@pytest.mark.parametrize("kind", ["imap", "pop3", "smtp", ""])
def test_nothing_closes_over_mail_that_waits_in_the_mailbox(room: Room, kind: str) -> None:
    """decisions.md 1: for as long as the mailbox is fetched from. A mailbox that is gone or comes in by another door now holds no item for ever."""
    _fed_by(room, kind)
    ref = room.ticket()
    room.desk.do(ref, "resolve", ANN, note="x")
    now = room.clock.now()
    with room.database.durable() as connection:
        connection.execute(mailbox_folder.insert().values(connector="support", folder="INBOX", waiting=1, oldest_waiting_at=now))
        connection.execute(connector_status.insert().values(name=due.FETCHING + "support", last_error_at=now))
    room.scheduler().tick(room.clock.advance(days=6))
    assert (room.item(ref).status is Status.CLOSED) == (kind in ("smtp", ""))


def _fed_by(room: Room, kind: str) -> None:
    """The connector `support` takes its mail in another way; '': there is none of that name any more."""
    incoming: dict[str, object] = {"kind": kind}
    named = {one.name: replace(one, incoming=incoming) if one.name == "support" and kind else one for one in room.setup.connectors}
    if not kind:
        named["support"] = replace(named["support"], name="formerly support", id="c-former")
    with room.database.durable() as connection:
        room.setups.save(connection, replace(room.setup, connectors=tuple(named.values())), "test", room.clock.now())


def test_a_wait_that_ends_without_closing_is_not_put_off(room: Room) -> None:
    """decisions.md 1 is about closing: an item that only comes back comes back in time."""
    ref = room.ticket()
    room.desk.do(ref, "wait", ANN, days=1)
    with room.database.durable() as connection:
        connection.execute(inbound.insert().values(id="new", state="new", door="smtp", received_at=room.clock.now(), envelope_to=[], size=1))
    room.scheduler().tick(room.clock.advance(days=1))
    assert room.item(ref).status is Status.TO_DO


def test_a_held_mail_stops_the_window(room: Room) -> None:
    """decisions.md 1: while a held mail points at the item nothing closes it, however long; dealt with, the rest of the window runs."""
    ref = room.ticket()
    room.desk.do(ref, "resolve", ANN, note="x")
    with room.database.durable() as connection:
        found = items.by_ref(connection, ref)
        assert found is not None
        items.save(connection, replace(found, clocks=found.clocks.stop("held-1", room.clock.advance(days=2))))
    scheduler = room.scheduler()
    assert scheduler.tick(room.clock.advance(days=30)).alarms == 0
    with room.database.durable() as connection:
        found = items.by_ref(connection, ref)
        assert found is not None
        items.save(connection, replace(found, clocks=found.clocks.go("held-1", room.clock.now())))
    assert scheduler.tick(room.clock.advance(days=2, hours=23)).alarms == 0
    assert scheduler.tick(room.clock.advance(hours=1)).alarms == 1


def test_one_tick_does_a_bounded_amount_and_the_next_goes_on(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Architecture section 6: a thousand alarms at once do not make one endless tick; the earliest come first."""
    monkeypatch.setattr(scheduling, "MOST_ALARMS", 2)
    refs = [room.ticket() for _ in range(3)]
    for n, ref in enumerate(refs):
        room.desk.do(ref, "wait", ANN, until=room.clock.now() + timedelta(minutes=3 - n))
    scheduler = room.scheduler()
    now = room.clock.advance(hours=1)
    assert scheduler.tick(now).alarms == 2
    assert [room.item(ref).status for ref in refs] == [Status.WAIT, Status.TO_DO, Status.TO_DO]
    assert scheduler.tick(now).alarms == 1


def test_a_fault_with_one_item_does_not_hold_up_the_others(room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The outer edge of the clock writes down what it caught and goes on; the item is tried again later."""
    refs = [room.ticket() for _ in range(2)]
    for ref in refs:
        room.desk.do(ref, "wait", ANN, until=room.clock.now() + timedelta(minutes=1))
    bad = room.item(refs[0]).id
    real = scheduling.alarm

    def broken(one: object, *arguments: object, **more: object) -> Decision:
        if one.id == bad:  # type: ignore[attr-defined]
            raise ZeroDivisionError
        return real(one, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(scheduling, "alarm", broken)
    scheduler = room.scheduler()
    ticked = scheduler.tick(room.clock.advance(minutes=2))
    assert (ticked.alarms, ticked.failed) == (1, 1)
    assert "alarm_failed" in caplog.text
    assert scheduler.tick(room.clock.advance(minutes=1)).failed == 0
    monkeypatch.setattr(scheduling, "alarm", real)
    assert scheduler.tick(room.clock.advance(minutes=5)).alarms == 1
    assert room.item(refs[0]).status is Status.TO_DO


def test_there_is_one_leader_and_its_place_is_taken_when_it_is_gone(room: Room) -> None:
    """Architecture section 6: one leader by a lease row; over or given up, another one leads."""
    first, second = room.scheduler("first"), room.scheduler("second")
    now = room.clock.now()
    assert first.tick(now).leader
    assert second.tick(now) == Tick(leader=False)
    assert first.tick(room.clock.advance(seconds=10)).leader
    assert not second.tick(room.clock.advance(seconds=5)).leader
    assert second.tick(room.clock.advance(seconds=LEASE_LENGTH.total_seconds())).leader
    assert not first.tick(room.clock.now()).leader
    second.give_up()
    assert first.tick(room.clock.now()).leader


def test_two_leaders_are_harmless(room: Room) -> None:
    """Architecture section 6: four clocks that all believe to lead ring each alarm once."""
    refs = [room.ticket() for _ in range(12)]
    for ref in refs:
        room.desk.do(ref, "wait", ANN, days=1)
    now = room.clock.advance(days=1)
    faults: list[BaseException] = []
    rung: list[int] = []

    def work() -> None:
        try:
            scheduler = room.scheduler()
            scheduler._leads_until = now + LEASE_LENGTH
            rung.append(scheduler.tick(now).alarms)
        except BaseException as fault:  # whatever happens in the thread is what the test is about
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sum(rung) == len(refs)
    for ref in refs:
        told = [line for line in room.desk.show(ref, ANN)["timeline"] if line["kind"] == "status" and line["reason"] == "timeout"]
        assert len(told) == 1


def test_mail_that_lies_about_is_announced_again(room: Room) -> None:
    """Law 5: a lost wake-up costs seconds; what is fresh, worked on or done is left alone."""
    now = room.clock.now()
    rows = [
        ("fresh", "new", now, None),
        ("lost", "new", now - timedelta(seconds=6), None),
        ("worked", "working", now - timedelta(hours=1), now + timedelta(seconds=1)),
        ("died", "working", now - timedelta(hours=1), now),
        ("done", "done", now - timedelta(hours=1), None),
    ]
    with room.database.durable() as connection:
        for inbound_id, state, received_at, lease_until in rows:
            values = {"id": inbound_id, "state": state, "received_at": received_at, "lease_until": lease_until}
            connection.execute(inbound.insert().values(door="smtp", envelope_to=[], size=1, **values))
    scheduler = room.scheduler()
    assert scheduler.tick(now).woken == 2
    assert room.woken == ["died", "lost"]
    assert scheduler.tick(now + timedelta(seconds=1)).woken == 0
    assert scheduler.tick(now + timedelta(seconds=2)).woken == 3


def test_due_mail_and_dead_senders_are_somebodys_business(room: Room) -> None:
    """Architecture section 6: the dispatcher is woken when a mail is due, and what dead senders left is put right."""
    asked: list[object] = []

    def recover(now: object) -> int:
        asked.append(now)
        return 3

    room.desk.mail(room.ticket(), ANN, text="Hi.")
    scheduler = room.scheduler(recover=recover)
    assert not scheduler.tick(room.clock.advance(seconds=9)).mail_due
    assert room.woken == []
    ticked = scheduler.tick(room.clock.advance(seconds=3))
    assert (ticked.mail_due, ticked.recovered, room.woken) == (True, 3, ["outbox"])
    assert asked[-1] == room.clock.now()


def test_a_clock_without_its_wait_is_stopped(room: Room) -> None:
    """A row that says what cannot be does not ring for ever."""
    ref = room.ticket()
    with room.database.durable() as connection:
        found = items.by_ref(connection, ref)
        assert found is not None
        items.save(connection, replace(found, clocks=replace(found.clocks, feedback_until=room.clock.now())))
    scheduler = room.scheduler()
    scheduler.tick(room.clock.now())
    assert (room.item(ref).status, room.item(ref).clocks.alarm_at) == (Status.TO_DO, None)
    with room.database.read() as connection:
        assert connection.execute(item.select().where(item.c.alarm_at.isnot(None))).first() is None


def test_an_idle_tick_writes_nothing(room: Room) -> None:
    """A house where nothing happens leaves its database alone but for the lease, twice in its length."""
    scheduler = room.scheduler()
    scheduler.tick(room.clock.now())
    writes: list[str] = []
    lazy = room.database.lazy

    def counted() -> object:
        writes.append("write")
        return lazy()

    room.database.lazy = counted  # type: ignore[method-assign,assignment]
    for _ in range(30):
        scheduler.tick(room.clock.advance(seconds=0.5))
    assert len(writes) == 2
