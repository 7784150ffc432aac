"""The main job from end to end, on both databases, with every broker message lost."""

from __future__ import annotations

import pytest

from gateway.bootstrap import House
from gateway.clock import FakeClock
from gateway.inbound.port import Arrival, Stored
from tests.flow.told import ANN, CARL, DESK, Told, letter, text_of
from tests.sink import Sink


@pytest.fixture
def told(house: House, sink: Sink, clock: FakeClock) -> Told:
    """The house with short words."""
    return Told(house, sink, clock)


def test_the_whole_life_of_a_ticket(told: Told) -> None:
    """A mail opens a ticket and is acknowledged; answer, reply, Send & Resolve, reopening, time, and a linked follow-up (A-ST-07…A-TK-24)."""
    told.comes_in(letter("Printer on fire", "It burns.", message_id="m1@acme.example"))
    item = told.only_item()
    ref = item["ref"]
    assert (item["status"], item["kind"], item["queue"], item["process"]) == ("to_do", "ticket", "First line", "General support")
    assert [contact["address"] for contact in item["contacts"]] == [CARL]

    (acknowledgement,) = told.sink.mails
    assert acknowledgement["To"] == f"Carl Customer <{CARL}>" and acknowledgement["Auto-Submitted"] == "auto-replied"
    assert f"[{ref}]" in acknowledgement["Subject"] and acknowledgement["In-Reply-To"] == "<m1@acme.example>"

    told.house.desk.mail(ref, ANN, text="Please pour water.")
    assert len(told.sink.mails) == 1, "the undo delay holds it back"
    assert told.item(ref)["assignee"] == ANN and told.item(ref)["status"] == "in_progress"
    told.goes_on(seconds=11)
    answer = told.sent()
    assert "Please pour water." in text_of(answer) and answer["From"].endswith(f"<{DESK}>")
    assert answer["In-Reply-To"] == "<m1@acme.example>"

    told.comes_in(letter("Re: Printer on fire", "Water did not help.", message_id="m2@acme.example", In_Reply_To=answer["Message-ID"]))
    assert told.item(ref)["new_information"] and told.kinds(ref).count("mail_in") == 2
    assert len(told.sink.mails) == 2, "a reply is not acknowledged"

    told.house.desk.mail(ref, ANN, text="We sent a new printer.", resolve=True)
    assert told.item(ref)["status"] == "resolved"
    told.goes_on(seconds=11)
    told.goes_on(days=3)
    told.comes_in(letter("Re: Printer on fire", "That one burns too.", message_id="m3@acme.example", In_Reply_To=told.sent()["Message-ID"]))
    assert told.item(ref)["status"] == "to_do", "within the feedback window a reply reopens"

    told.house.desk.do(ref, "resolve", ANN, method="no_customer_response", note="Asked the fire brigade.")
    told.goes_on(days=5, minutes=1)
    assert told.item(ref)["status"] == "closed"

    told.comes_in(letter("Re: Printer on fire", "Thanks, but no.", message_id="m4@acme.example", In_Reply_To=answer["Message-ID"]))
    assert told.item(ref)["status"] == "closed" and told.kinds(ref).count("mail_in") == 3
    (follow_up,) = [found for found in told.items() if found["ref"] != ref]
    assert follow_up["status"] == "to_do"
    told.comes_in(letter("Re: Printer on fire", "One more thing.", message_id="m5@acme.example", In_Reply_To=answer["Message-ID"]))
    assert len(told.items()) == 2, "a second reply to the old thread joins the open follow-up"
    assert told.kinds(follow_up["ref"]).count("mail_in") == 2


def test_an_undone_send_and_resolve_gives_the_status_back(told: Told) -> None:
    """decisions.md 15: undo within the delay, and the item is where it was; nothing leaves."""
    told.comes_in(letter("Slow", "It is slow.", message_id="m1@acme.example"))
    ref = told.only_item()["ref"]
    told.house.desk.do(ref, "take", ANN)
    before = len(told.sink.mails)
    queued = told.house.desk.mail(ref, ANN, text="Faster now.", resolve=True)
    assert told.item(ref)["status"] == "resolved"
    told.house.desk.cancel_mail(queued["id"], ANN)
    assert told.item(ref)["status"] == "in_progress" and told.item(ref)["assignee"] == ANN
    told.goes_on(minutes=5)
    assert len(told.sink.mails) == before


def test_no_answer_closes_only_after_our_question_has_left(told: Told) -> None:
    """decisions.md 1, A-TK-12: the countdown begins when the question is sent; then days pass and the ticket is closed."""
    told.comes_in(letter("Broken", "It is broken.", message_id="m1@acme.example"))
    ref = told.only_item()["ref"]
    told.house.desk.mail(ref, ANN, text="Which one?")
    told.house.desk.do(ref, "wait", ANN, days=2, close_if_no_answer=True)
    assert told.item(ref)["alarm_at"] is None, "nothing runs before the mail has left"
    told.goes_on(seconds=11)
    assert told.item(ref)["alarm_at"] is not None
    told.goes_on(days=1, hours=23)
    assert told.item(ref)["status"] == "wait"
    told.goes_on(hours=1, minutes=1)
    closed = told.item(ref)
    assert (closed["status"], closed["resolution_method"]) == ("closed", "no_customer_response")


def test_a_stranger_is_held_and_stops_the_countdown(told: Told) -> None:
    """A held mail shows on the item, wakes nothing, is not acknowledged and stops the feedback window until somebody decides."""
    told.comes_in(letter("Hot", "It is hot.", message_id="m1@acme.example"))
    ref = told.only_item()["ref"]
    told.house.desk.mail(ref, ANN, text="Cool it.", resolve=True)
    told.goes_on(seconds=11)
    stranger = letter("Re: Hot", "Let me in.", message_id="s1@evil.example", sender="Eve <eve@evil.example>", In_Reply_To=told.sent()["Message-ID"])
    inbound_id = told.comes_in(stranger, sender="eve@evil.example")
    sent = len(told.sink.mails)
    assert told.item(ref)["status"] == "resolved" and told.item(ref)["new_information"]
    told.goes_on(days=30)
    assert told.item(ref)["status"] == "resolved", "the window stands still"
    told.house.desk.discard_inbound(inbound_id, ANN)
    told.goes_on(days=6)
    assert told.item(ref)["status"] == "closed"
    assert len(told.sink.mails) == sent


def test_the_same_mail_twice_is_shown_once(told: Told) -> None:
    """decisions.md 8: a second delivery of the same mail is recorded as a duplicate and changes nothing."""
    raw = letter("Twice", "Once.", message_id="m1@acme.example")
    told.comes_in(raw)
    second = told.comes_in(raw)
    assert told.kinds(told.only_item()["ref"]).count("mail_in") == 1
    assert next(one for one in told.house.desk.list_inbound(ANN) if one["id"] == second)["state"] == "duplicate"
    assert len(told.sink.mails) == 1


def test_a_case_waits_in_pause_for_a_person(told: Told) -> None:
    """A-CS-01, A-CS-14, decisions.md 6: a mail to the claims mailbox opens a case; a mail does not end its pause."""
    bob = "bob@demo.example"
    told.comes_in(letter("Claim", "Please pay.", message_id="m1@acme.example", to="claims@demo.example"), to=("claims@demo.example",))
    item = told.only_item()
    assert item["kind"] == "case" and item["ref"].endswith("-C")
    told.house.desk.do(item["ref"], "take", bob)
    told.house.desk.do(item["ref"], "wait", bob, wait_type="pause")
    told.comes_in(
        letter("Re: Claim", "Well?", message_id="m2@acme.example", to="claims@demo.example", In_Reply_To="<m1@acme.example>"), to=("claims@demo.example",)
    )
    after = told.item(item["ref"])
    assert (after["status"], after["wait_type"], after["new_information"]) == ("wait", "pause", True)


def test_a_late_clock_does_not_change_what_a_mail_does(told: Told) -> None:
    """E-13, decisions.md 1: receipt time counts; a mail after the window finds the item closed, one before its end reopens it, whoever runs late."""
    for n, (days, statuses) in enumerate([(5.5, ["closed", "to_do"]), (4.5, ["to_do"])]):
        told.comes_in(letter(f"Matter {n}", "Help.", message_id=f"m{n}@acme.example"))
        (ref,) = [item["ref"] for item in told.items() if item["title"] == f"Matter {n}"]
        told.house.desk.do(ref, "resolve", ANN, method="no_customer_response", note="Done.")
        told.clock.advance(days=days)
        received = told.clock.now()
        reply = letter(f"Re: Matter {n}", "Still.", message_id=f"r{n}@acme.example", In_Reply_To=f"<m{n}@acme.example>")
        assert isinstance(told.house.intake.accept(Arrival(reply, "smtp", received, CARL, (DESK,))), Stored)
        told.clock.advance(days=1)  # nobody worked or looked at the clock meanwhile
        told.house.processor.sweep()
        assert sorted(item["status"] for item in told.items() if item["title"].endswith(f"Matter {n}")) == statuses
