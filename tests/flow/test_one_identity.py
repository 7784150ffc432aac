"""One mail keeps its name: whatever is done to it before it leaves, its Message-ID and its signed Reply-To are those of its first hour (contract section 6)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.setup import Setup
from gateway.bootstrap import House
from gateway.clock import FakeClock
from tests.flow.real import prove_plus_addresses, with_plus_addresses
from tests.flow.told import ANN, Told, letter
from tests.houses import sending_to
from tests.sink import Sink

DEEDS = ["nothing", "edit", "reschedule", "hold, release", "send now", "edit, hold, reschedule, release, send now"]


@pytest.fixture
def told(house: House, sink: Sink, clock: FakeClock, example_setup: Setup) -> Told:
    """A desk with plus-addresses and Carl's question."""
    with house.database.durable() as connection:
        house.setups.save(connection, with_plus_addresses(sending_to(example_setup, sink.port)), "test", clock.now())
    prove_plus_addresses(house)
    made = Told(house, sink, clock)
    made.comes_in(letter("Printer", "It does not print.", message_id="q1@acme.example"))
    return made


def done(told: Told, deed: str, outbox_id: str) -> Any:
    desk = told.house.desk
    if deed == "edit":
        return desk.edit_mail(outbox_id, ANN, text="Changed.", subject="Other")
    if deed == "reschedule":
        return desk.edit_mail(outbox_id, ANN, send_at=told.clock.now() + timedelta(days=2))
    return {"hold": desk.hold_mail, "release": desk.release_mail, "send now": desk.send_mail_now}[deed](outbox_id, ANN)


@pytest.mark.parametrize("deeds", DEEDS)
def test_a_mail_keeps_its_name(told: Told, deeds: str) -> None:
    """E-27, contract section 6: held, changed, put off or hurried, it leaves once, under the Message-ID that answers and reports will name."""
    mail = told.house.desk.mail(told.only_item()["ref"], ANN, text="Hello.", undo=timedelta(minutes=1))
    for deed in deeds.split(", ") if deeds != "nothing" else ():
        told.clock.advance(seconds=1)
        done(told, deed, mail["id"])
    told.goes_on(days=3)
    left = [one for one in told.sink.mails if one["Message-ID"] == f"<{mail['message_id']}>"]
    assert len(left) == 1 and told.house.desk.show_outbox(mail["id"], ANN)["state"] == "sent"
    assert told.house.keys.verified_message_id(mail["message_id"]) == mail["id"]
    assert f"+{told.house.keys.reply_tag(told.only_item()['ref'])}@" in str(left[0]["Reply-To"]).replace("\r\n ", "")
