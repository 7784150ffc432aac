"""What comes to the bounce address of one of our mails, from the door to the item: reports, forged ones, programs, people, strangers (decisions.md 2, 3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core.brakes import Brakes
from core.outbox import Outcome
from core.setup import PlusMode, Setup
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.store import proofs
from gateway.store.engine import Database
from gateway.store.schema import suppressed_address
from tests.inbound.test_bounces_end_to_end import a_report
from tests.inbound.way_in import ANN, JO, SUPPORT, WayIn, a_raw

REF = "101001-T"
NO_ID = "unknown@elsewhere.example"


@pytest.fixture
def way(database: Database, example_setup: Setup, clock: FakeClock, keys: Keys) -> WayIn:
    """The way in with plus-addresses that were shown to work, and signatures that count for 30 days."""
    connectors = tuple(replace(one, plus_addressing=PlusMode.MIXED, aliases=()) if one.name == "support" else one for one in example_setup.connectors)
    made = WayIn(database, replace(example_setup, connectors=connectors), clock, keys, Brakes(signed_for=timedelta(days=30)))
    with database.durable() as connection:
        proofs.record(connection, "support", SUPPORT, {proofs.PLUS_ADDRESSING: True}, clock.now())
    return made


def answered(way: WayIn) -> tuple[Any, Any]:
    """Jo's ticket with the acknowledgement and Ann's answer, both sent; the item waits for Jo."""
    way.take(a_raw(message_id="q1@acme.example"))
    way.desk().do(REF, "take", ANN)
    way.desk().mail(REF, ANN, text="Is it switched on?", undo=timedelta(0))
    for one in way.outbox():
        way.sent(one.id)
    way.desk().do(REF, "wait", ANN, days=5.0, wait_type="more_information")
    assert way.item(REF).clocks.alarm_at is not None
    mails = way.outbox()
    automatic = next(one for one in mails if one.system_generated)
    return automatic, next(one for one in mails if not one.system_generated)


def states(way: WayIn) -> dict[str, str]:
    return {one.id: one.state.value for one in way.outbox()}


def suppressed(way: WayIn) -> set[str]:
    with way.database.read() as connection:
        return set(connection.execute(select(suppressed_address.c.address_key)).scalars())


def test_each_mail_has_its_own(way: WayIn) -> None:
    """decisions.md 3: a person's mail and an automatic one leave with different bounce addresses, which are known at the door."""
    automatic, answer = answered(way)
    assert automatic.envelope_from != answer.envelope_from
    for one in (automatic, answer):
        assert way.keys.verified_bounce_tag(one.envelope_from.partition("+")[2].partition("@")[0]) == one.id
        assert way.setup.receiver(one.envelope_from) is not None


@pytest.mark.parametrize("named", [True, False])
def test_a_report_is_tied_by_the_address(way: WayIn, named: bool) -> None:
    """decisions.md 3: with our Message-ID in it or without: the recipient is marked with the server's words, the item in To Do, the author told."""
    _, answer = answered(way)
    way.take(a_report(answer.message_id if named else NO_ID), to=(answer.envelope_from,), sender="")
    mail = next(one for one in way.outbox() if one.id == answer.id)
    assert (mail.state.value, mail.recipients[0].outcome) == ("bounced", Outcome.BOUNCED) and "User unknown" in mail.recipients[0].words
    assert (way.item(REF).status.value, way.item(REF).reason.value) == ("to_do", "delivery_failed")
    assert [author for author, _ in way.told_of_failures()] == [answer.author]
    assert "send_failed" not in [one.purpose.value for one in way.outbox()], "told once"


def test_a_report_about_an_automatic_mail(way: WayIn) -> None:
    """decisions.md 3: marked and suppressed; the item goes on waiting and nobody is told."""
    automatic, _ = answered(way)
    way.take(a_report(NO_ID), to=(automatic.envelope_from,), sender="")
    assert states(way)[automatic.id] == "bounced" and suppressed(way) == {JO}
    assert way.item(REF).status.value == "wait"
    assert "send_failed" not in [one.purpose.value for one in way.outbox()] and way.told_of_failures() == []


def test_a_report_about_one_mail_at_the_address_of_another(way: WayIn) -> None:
    """Whoever got one of our mails knows its address and its id; to return another they must know both of that one. The trace says so."""
    automatic, answer = answered(way)
    before = states(way)
    for about, to in ((answer, automatic), (automatic, answer)):
        taken = way.take(a_report(about.message_id, status="5.2.1" if about is answer else "5.2.2"), to=(to.envelope_from,), sender="")
        assert taken["state"] == "ignored" and "came to the bounce address of" in str(taken["trace"])
    assert (states(way), suppressed(way), way.item(REF).status.value) == (before, set(), "wait")


FORGED = ["another mail's MAC", "no MAC", "a made-up id", "the reply address of another item"]


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_report_changes_nothing(way: WayIn, how: str) -> None:
    """Without the right address and without a signed id a report is kept and changes nothing."""
    automatic, answer = answered(way)
    before = states(way)
    tags = {
        "another mail's MAC": way.keys.bounce_tag(automatic.id).replace(automatic.id, answer.id),
        "no MAC": f"b.{answer.id}",
        "a made-up id": "b.0000000000000000000000000.aaaaaaaaaaaaaaaa",
        "the reply address of another item": way.keys.reply_tag("999999-T"),
    }
    taken = way.take(a_report(NO_ID), to=(f"support+{tags[how]}@demo.example",), sender="")
    assert (taken["state"], states(way), suppressed(way), way.item(REF).status.value) == ("ignored", before, set(), "wait")


def test_an_out_of_office_comes_back(way: WayIn) -> None:
    """decisions.md 2: vacation programs write to the envelope sender (RFC 3834 section 4): shown on the item, which goes on waiting."""
    _, answer = answered(way)
    raw = a_raw(subject="Out of office", message_id="ooo@acme.example", to=answer.envelope_from, headers=("Auto-Submitted: auto-replied",))
    taken = way.take(raw, to=(answer.envelope_from,), sender="")
    assert (taken["items"], taken["verdicts"][0]["action"]) == ([REF], "append")
    assert (way.item(REF).status.value, way.item(REF).clocks.alarm_at is not None) == ("wait", True)
    assert len(way.outbox()) == 2


def test_a_program_of_a_participant_does_not_wake(way: WayIn) -> None:
    """What is only marked as automatic counts elsewhere from a participant, but not here: its countdown stops until somebody has seen it."""
    _, answer = answered(way)
    raw = a_raw(message_id="auto@acme.example", to=answer.envelope_from, headers=("Auto-Submitted: auto-generated",))
    way.take(raw, to=(answer.envelope_from,))
    item = way.item(REF)
    assert (item.status.value, item.new_information, item.clocks.alarm_at) == ("wait", True, None)


def test_a_person_who_answers_the_envelope_sender(way: WayIn) -> None:
    """Mail like any other with strong evidence: it wakes the item."""
    _, answer = answered(way)
    taken = way.take(a_raw(message_id="a1@acme.example", to=answer.envelope_from, text="Yes."), to=(answer.envelope_from,))
    assert (taken["items"], taken["verdicts"][0]["action"], way.item(REF).status.value) == ([REF], "join", "to_do")
    assert "bounce address" in taken["verdicts"][0]["because"]


def test_a_stranger_does_not_get_in(way: WayIn) -> None:
    """The Return-Path of our mail in somebody else's hands opens no item to them: the connector's `strangers` decides (held)."""
    _, answer = answered(way)
    raw = a_raw(from_="Eve <eve@elsewhere.example>", message_id="e1@elsewhere.example", to=answer.envelope_from)
    taken = way.take(raw, to=(answer.envelope_from,), sender="eve@elsewhere.example")
    assert (taken["state"], taken["verdicts"][0]["action"], way.item(REF).status.value) == ("held", "hold", "wait")


def test_an_old_address(way: WayIn) -> None:
    """decisions.md 13: after the time for which our signatures count it is a known id: a colleague of Jo's is held, Jo gets through."""
    _, answer = answered(way)
    way.later(days=31)
    kim = a_raw(from_="Kim <kim@acme.example>", message_id="k1@acme.example", to=answer.envelope_from)
    assert way.take(kim, to=(answer.envelope_from,), sender="kim@acme.example")["verdicts"][0]["action"] == "hold"
    assert way.take(a_raw(message_id="a2@acme.example", to=answer.envelope_from), to=(answer.envelope_from,))["verdicts"][0]["action"] == "join"


def test_a_mail_that_is_no_longer_there(way: WayIn, keys: Keys) -> None:
    """The address of a mail that was deleted from the outbox is a plain address: what comes there is routed, a report is kept."""
    answered(way)
    address = f"support+{keys.bounce_tag('0' * 26)}@demo.example"
    assert way.take(a_report(NO_ID), to=(address,), sender="")["state"] == "ignored"
    assert way.take(a_raw(message_id="n1@acme.example", to=address), to=(address,))["verdicts"][0]["action"] == "open"
