"""Resolution mails with everything that can happen to them before and after they leave: A-TK-16…20, E-30…E-32, decisions.md 15."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.refusal import Refused
from gateway.bootstrap import House
from gateway.clock import FakeClock
from tests.flow.told import ANN, CARL, DESK, Told, letter
from tests.sink import Sink

BOB = "bob@demo.example"


@pytest.fixture
def told(house: House, sink: Sink, clock: FakeClock) -> Told:
    """A desk with Carl's question, on which Ann works."""
    made = Told(house, sink, clock)
    made.comes_in(letter("Printer", "It does not print.", message_id="q1@acme.example"))
    house.desk.do(made.only_item()["ref"], "take", ANN)
    return made


def solve(told: Told, **more: Any) -> dict[str, Any]:
    """Ann's Send & Resolve."""
    return told.house.desk.mail(told.only_item()["ref"], ANN, text="Solved.", resolve=True, **{"undo": timedelta(minutes=1), **more})


def resolutions(item: dict[str, Any]) -> list[str]:
    """Kind and text of the lines that are marked as the resolution."""
    return [f"{line['kind']}: {line['text']}" for line in item["timeline"] if line["resolution"]]


def report(message_id: str) -> bytes:
    """A delivery report about a mail of ours, as a server of Carl's writes it."""
    return (
        f"From: MAILER-DAEMON@mx.acme.example\r\nTo: {DESK}\r\nSubject: Undelivered\r\nMessage-ID: <report@mx.acme.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nNot delivered.\r\n'
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
        f"Final-Recipient: rfc822; {CARL}\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: {DESK}\r\nMessage-ID: <{message_id}>\r\n\r\n--b--\r\n"
    ).encode()


def test_send_and_resolve(told: Told) -> None:
    """A-TK-19, A-TK-20, E-32: resolved with customer response by one click, the mail marked as the resolution; the window runs once it has left."""
    mail = solve(told)
    item = told.only_item()
    assert (item["status"], item["resolution_method"], item["alarm_at"]) == ("resolved", "with_customer_response", None)
    assert (resolutions(item), item["resolution"]["outbox_id"], item["resolution"]["by"]) == (["mail_out: Solved."], mail["id"], ANN)
    told.goes_on(minutes=2)
    item = told.only_item()
    assert (item["status"], resolutions(item)) == ("resolved", ["mail_out: Solved."]) and item["alarm_at"] is not None


def test_the_reminder(told: Told) -> None:
    """A-TK-16, E-31: without a mail or note of this session the item is not resolved and the sentence says what to do; drafts of the mind, mails that
    are scheduled, cancelled or held do not count."""
    ref = told.only_item()["ref"]
    with pytest.raises(Refused, match="send a mail or add a note first"):
        told.house.desk.do(ref, "resolve", ANN)
    desk = told.house.desk
    desk.mail(ref, ANN, text="Later.", send_at=told.clock.now() + timedelta(days=1))
    cancelled, held = desk.mail(ref, ANN, text="No."), desk.mail(ref, ANN, text="Wait.")
    desk.cancel_mail(cancelled["id"], ANN)
    desk.hold_mail(held["id"], ANN)
    with pytest.raises(Refused, match="needs a resolution"):
        desk.do(ref, "resolve", ANN)
    assert told.only_item()["status"] == "in_progress"
    desk.note(ref, ANN, "Replaced the fuse.")
    told.clock.advance(minutes=1)
    with pytest.raises(Refused, match="needs a resolution"):
        desk.do(ref, "resolve", ANN, session_since=told.clock.now())
    assert resolutions(desk.do(ref, "resolve", ANN)) == ["note: Replaced the fuse."]


def test_a_scheduled_one_resolves_when_it_is_sent(told: Told) -> None:
    """decisions.md 15: nothing at the click; sent at its time, resolved by its author, marked."""
    solve(told, send_at=told.clock.now() + timedelta(days=1))
    assert (told.only_item()["status"], resolutions(told.only_item())) == ("in_progress", [])
    told.goes_on(days=1, seconds=1)
    item = told.only_item()
    assert (item["status"], item["resolution"]["by"], resolutions(item)) == ("resolved", ANN, ["mail_out: Solved."])
    assert item["alarm_at"] is not None


@pytest.mark.parametrize("seen", [False, True])
def test_a_scheduled_one_that_the_customer_overtakes(told: Told, seen: bool) -> None:
    """decisions.md 1, 15, 16: it leaves, but resolves nothing over a mail that nobody has seen; once somebody has worked on that, it does."""
    solve(told, send_at=told.clock.now() + timedelta(days=1))
    told.comes_in(letter("Re: Printer", "And the scanner?", message_id="q2@acme.example", In_Reply_To="<q1@acme.example>"))
    if seen:
        ref = told.only_item()["ref"]
        told.house.desk.do(ref, "stop", ANN)
        told.house.desk.do(ref, "start", ANN)
        assert not told.only_item()["new_information"]
    told.goes_on(days=1, seconds=1)
    item = told.only_item()
    if seen:
        assert (item["status"], resolutions(item)) == ("resolved", ["mail_out: Solved."])
        return
    assert (item["status"], item["resolution"], item["new_information"]) == ("in_progress", None, True)
    assert "the customer wrote before it left" in item["attention"]
    told.goes_on(days=30)
    assert told.only_item()["status"] == "in_progress"


DEEDS = ["cancel", "hold, cancel", "edit, cancel", "reschedule, cancel", "hold, release, cancel"]


@pytest.mark.parametrize("deeds", DEEDS)
def test_taken_back_in_time_everything_is_as_before(told: Told, deeds: str) -> None:
    """E-30, decisions.md 15: holding, changing or rescheduling the mail is nothing that happened to the item; its cancelling gives everything back."""
    desk, was = told.house.desk, told.only_item()
    mail = solve(told)
    for deed in deeds.split(", "):
        if deed == "edit":
            desk.edit_mail(mail["id"], ANN, text="Solved at last.")
        elif deed == "reschedule":
            desk.edit_mail(mail["id"], ANN, send_at=told.clock.now() + timedelta(days=3))
        else:
            getattr(desk, f"{deed}_mail")(mail["id"], ANN)
    item = told.only_item()
    same = ("status", "wait_type", "resolution_method", "resolution", "reason", "assignee", "owner", "queue", "new_information", "attention", "alarm_at")
    assert {name: item[name] for name in same} == {name: was[name] for name in same}
    assert resolutions(item) == []


def test_taken_back_after_something_else_happened(told: Told) -> None:
    """decisions.md 15, E-30: a colleague's note came between, so the status stays, and the item calls: never silently resolved without an answer."""
    mail = solve(told)
    told.house.desk.note(told.only_item()["ref"], BOB, "I called him.")
    told.house.desk.cancel_mail(mail["id"], ANN)
    item = told.only_item()
    assert item["status"] == "resolved" and "cancelled" in item["attention"]


@pytest.mark.parametrize("deed", ["hold", "reschedule"])
def test_the_window_waits_for_the_mail(told: Told, deed: str) -> None:
    """decisions.md 1, 15: held back or put off, the item is resolved and no window runs, for as long as it takes; it begins when the mail has left."""
    desk, mail = told.house.desk, solve(told)
    later = told.clock.now() + timedelta(days=20)
    desk.hold_mail(mail["id"], ANN) if deed == "hold" else desk.edit_mail(mail["id"], ANN, send_at=later)
    told.goes_on(days=19)
    assert (told.only_item()["status"], told.only_item()["alarm_at"]) == ("resolved", None)
    if deed == "hold":
        desk.release_mail(mail["id"], ANN)
    told.goes_on(days=1, seconds=1)
    item = told.only_item()
    assert (item["status"], resolutions(item)) == ("resolved", ["mail_out: Solved."]) and item["alarm_at"] is not None


def test_the_customer_writes_before_it_has_left(told: Told) -> None:
    """A-TK-22, decisions.md 15, 16: the item is open again; the mail leaves all the same, resolves nothing a second time, and cancelling a window is not owed."""
    mail = solve(told)
    told.comes_in(letter("Re: Printer", "It burns.", message_id="q2@acme.example", In_Reply_To="<q1@acme.example>"))
    assert (told.only_item()["status"], told.only_item()["resolution_method"]) == ("to_do", None)
    told.goes_on(minutes=2)
    item = told.only_item()
    assert (item["status"], item["new_information"], item["alarm_at"]) == ("to_do", True, None)
    assert told.house.desk.show_outbox(mail["id"], ANN)["state"] == "sent"


@pytest.mark.parametrize(("days", "status"), [(1, "to_do"), (6, "closed")])
def test_it_comes_back(told: Told, days: int, status: str) -> None:
    """E-30, decisions.md 3: returned within the window the item is in To Do again; after it, it stays closed, and the mark shows it. The author is told."""
    mail = solve(told)
    told.goes_on(minutes=2)
    told.goes_on(days=days)
    assert told.only_item()["status"] == ("resolved" if status == "to_do" else "closed")
    told.comes_in(report(told.house.desk.show_outbox(mail["id"], ANN)["message_id"]), sender="")
    item = told.only_item()
    assert item["status"] == status and "no such user" in item["attention"]
    assert (item["resolution_method"] is None) is (status == "to_do")
    told.goes_on(minutes=1)
    assert told.house.notifier.run_due(told.clock.now()) == 1
    told.goes_on()
    assert [str(one["To"]) for one in told.sink.mails if "ann@demo.example" in str(one["To"])]


def test_two_people(told: Told) -> None:
    """A-TK-16, A-ST-16: Bob's mail is no resolution of Ann's; who resolves is who clicked, with the mail of his own."""
    desk, ref = told.house.desk, told.only_item()["ref"]
    desk.mail(ref, BOB, text="From Bob.", undo=timedelta(0))
    with pytest.raises(Refused, match="needs a resolution"):
        desk.do(ref, "resolve", ANN)
    item = desk.do(ref, "resolve", BOB)
    assert (item["resolution"]["by"], resolutions(item)) == (BOB, ["mail_out: From Bob."])
