"""Stories of answers that wait while something else happens (decisions.md 16), on both databases, with every broker message lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.outbox import OutboxState
from core.refusal import NotFound, Refused
from gateway.bootstrap import House
from gateway.clock import FakeClock
from gateway.inbound.facts import FactReader
from gateway.inbound.port import Arrival, Stored
from tests.flow.told import ANN, CARL, DESK, ROOT, Told, letter
from tests.sink import Sink

BOB, LEA = "bob@demo.example", "lea@demo.example"


@pytest.fixture
def told(house: House, sink: Sink, clock: FakeClock) -> Told:
    """The house with short words."""
    return Told(house, sink, clock)


def opened(told: Told) -> str:
    """A ticket by Carl that is acknowledged; its reference."""
    told.comes_in(letter("Slow", "It is slow.", message_id="m1@acme.example"))
    return str(told.only_item()["ref"])


def reply(n: int = 2, **headers: str) -> bytes:
    """Carl writes again."""
    return letter("Re: Slow", "Still.", message_id=f"m{n}@acme.example", In_Reply_To="<m1@acme.example>", **headers)


def outgoing(told: Told, outbox_id: str) -> dict[str, Any]:
    return told.house.desk.show_outbox(outbox_id, ROOT)


def later(told: Told, **delta: float) -> Any:
    return told.clock.now() + timedelta(**delta)


def test_a_scheduled_answer_that_the_customer_overtakes_cancels_itself(told: Told) -> None:
    """decisions.md 16: a scheduled Send & Resolve that was set to cancel itself does not leave and resolves nothing; its author finds out why."""
    ref = opened(told)
    sent = len(told.sink.mails)
    waits = told.house.desk.mail(ref, ANN, text="All well? Then we close.", send_at=later(told, days=1), resolve=True, cancel_if_answered=True)["id"]
    inbound_id = told.comes_in(reply())
    cancelled = outgoing(told, waits)
    assert (cancelled["state"], cancelled["history"][-1]["by"]) == ("cancelled", "")
    assert f"<{CARL}> wrote; it was set to cancel itself" in cancelled["history"][-1]["reason"]
    item = told.item(ref)
    assert f"by {ANN} cancelled itself" in item["attention"] and item["new_information"]
    told_ann = next(line for line in item["timeline"] if line["kind"] == "delivery" and line.get("outbox_id") == waits)
    assert (told_ann["inbound_id"], told_ann["author"], told_ann["text"]) == (inbound_id, ANN, item["attention"])
    told.goes_on(days=2)
    assert (told.item(ref)["status"], len(told.sink.mails)) == ("in_progress", sent)


def test_an_answer_that_the_customer_overtakes_is_warned_of_and_leaves(told: Told) -> None:
    """decisions.md 16: without that wish it is seen on the queued mail and on the timeline, each mail of the customer once, and it is sent at its time."""
    ref = opened(told)
    sent = len(told.sink.mails)
    waits = told.house.desk.mail(ref, ANN, text="Try again.", send_at=later(told, hours=2))["id"]
    assert outgoing(told, waits)["warnings"] == []
    for n in (2, 3):
        told.clock.advance(minutes=1)
        told.comes_in(reply(n))
    told.comes_in(reply(4, Auto_Submitted="auto-replied", Subject="Out of office"))
    mail = outgoing(told, waits)
    assert (mail["state"], len(mail["warnings"]), mail["customer_wrote_at"]) == ("queued", 2, "2026-03-02T09:02:00Z")
    assert [line["text"] for line in told.item(ref)["timeline"] if line["kind"] == "attention"] == mail["warnings"][::-1]
    told.goes_on(hours=2)
    assert (outgoing(told, waits)["state"], len(told.sink.mails)) == ("sent", sent + 1)


def test_a_held_mail_overtakes_when_it_is_joined(told: Told) -> None:
    """decisions.md 16: a stranger's mail cancels nothing until a person says that it belongs there."""
    ref = opened(told)
    waits = told.house.desk.mail(ref, ANN, text="Later.", send_at=later(told, hours=2), cancel_if_answered=True)
    stranger = letter("Re: Slow", "Me too.", message_id="s1@evil.example", sender="Eve <eve@evil.example>", In_Reply_To=f"<{waits['message_id']}>")
    inbound_id = told.comes_in(stranger, sender="eve@evil.example")
    assert outgoing(told, waits["id"])["state"] == "queued"
    told.house.desk.join_inbound(inbound_id, ref, BOB)
    assert outgoing(told, waits["id"])["state"] == "cancelled"


def test_a_claim_that_is_faster_wins_and_the_mail_is_still_joined(told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """decisions.md 16, E-28: the answer is claimed between reading and writing: it is sent, the customer's mail is joined at once and warned of."""
    ref = opened(told)
    waits = told.house.desk.mail(ref, ANN, text="Later.", send_at=later(told, hours=1), cancel_if_answered=True)["id"]
    read, stale = FactReader.read, iter((True,))

    def read_before_the_claim(*arguments: Any, **named: Any) -> Any:
        """Facts as they were before the dispatcher claimed the mail, the first time."""
        found = read(*arguments, **named)
        if not next(stale, False):
            return found
        unsent = {item_id: tuple(replace(one, state=OutboxState.QUEUED) for one in mails) for item_id, mails in found.mail_facts.unsent.items()}
        return replace(found, mail_facts=replace(found.mail_facts, unsent=unsent))

    monkeypatch.setattr(FactReader, "read", read_before_the_claim)
    sending = told.house.dispatcher._transports
    arrived: list[str] = []

    def customer_writes_meanwhile(connector: Any) -> Any:
        arrived.append(told.comes_in(reply()))
        return sending(connector)

    told.clock.advance(hours=1)
    monkeypatch.setattr(told.house.dispatcher, "_transports", customer_writes_meanwhile)
    told.house.dispatcher.run_due()
    assert outgoing(told, waits)["state"] == "sent"
    (inbound,) = [one for one in told.house.desk.list_inbound(ROOT) if one["id"] == arrived[0]]
    assert (inbound["state"], inbound["items"], next(stale, "used")) == ("done", [ref], "used")
    assert told.kinds(ref).count("mail_in") == 2 and told.item(ref)["attention"] == ""
    assert "processing_failed" not in caplog.messages, "it is decided anew, not failed"


def test_many_replies_against_many_claims(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    """decisions.md 16, E-28: replies and the times of answers come together, in threads; each answer has left or is cancelled, every reply is joined at once."""
    refs = []
    for n in range(8):
        told.comes_in(letter(f"Matter {n}", "Help.", message_id=f"m{n}@acme.example"))
        refs.append(next(item["ref"] for item in told.items() if item["title"] == f"Matter {n}"))
    acknowledged = len(told.sink.mails)
    waits = [told.house.desk.mail(ref, ANN, text="Later.", send_at=later(told, hours=1), cancel_if_answered=True)["id"] for ref in refs]
    told.clock.advance(hours=1)
    for n in reversed(range(8)):
        raw = letter(f"Re: Matter {n}", "Still.", message_id=f"r{n}@acme.example", In_Reply_To=f"<m{n}@acme.example>")
        assert isinstance(told.house.intake.accept(Arrival(raw, "smtp", told.clock.now(), CARL, (DESK,))), Stored)
    works = (lambda: told.house.processor.sweep(), lambda: told.house.dispatcher.run_due(), lambda: told.house.dispatcher.run_due())
    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()
    told.goes_on()
    states = [outgoing(told, one)["state"] for one in waits]
    assert set(states) <= {"sent", "cancelled"}
    assert len(told.sink.mails) - acknowledged == states.count("sent")
    assert [told.kinds(ref).count("mail_in") for ref in refs] == [2] * 8
    assert [bool(told.item(ref)["attention"]) for ref in refs] == [state == "cancelled" for state in states]
    assert "processing_failed" not in caplog.messages


@pytest.mark.parametrize("deed", ["release", "cancel"])
def test_what_an_author_who_left_had_scheduled_shows_at_the_leader(told: Told, deed: str) -> None:
    """decisions.md 16: held at its time; the leader of the author's team sees it wherever its item is, and releases or cancels it; a colleague may not."""
    told.comes_in(letter("Claim", "Please pay.", message_id="m1@acme.example", to="claims@demo.example"), to=("claims@demo.example",))
    ref, desk, sent = told.only_item()["ref"], told.house.desk, len(told.sink.mails)
    desk.do(ref, "take", BOB)
    waits = desk.mail(ref, BOB, text="We pay.", send_at=later(told, hours=1))["id"]
    desk.do(ref, "assign", BOB, to=ROOT)
    with told.house.database.durable() as connection:
        setup = told.house.setups.current(connection)
        told.house.setups.save(connection, replace(setup, users=tuple(user for user in setup.users if user.email != BOB)), ROOT, told.clock.now())
    told.goes_on(hours=1)
    (held,) = [one for one in desk.list_outbox(LEA) if one["id"] == waits]
    assert (held["state"], held["author"], len(told.sink.mails)) == ("held", BOB, sent)
    assert f"{BOB} wrote this mail and is no longer active" in held["hold_reason"]
    with pytest.raises((Refused, NotFound)):
        desk.release_mail(waits, ANN)
    (desk.release_mail if deed == "release" else desk.cancel_mail)(waits, LEA)
    told.goes_on(minutes=1)
    assert (outgoing(told, waits)["state"], len(told.sink.mails) - sent) == (("sent", 1) if deed == "release" else ("cancelled", 0))
