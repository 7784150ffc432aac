"""The story of mail that nobody took: found, decided, undone, and then a route that takes it and everything like it (B8)."""

from __future__ import annotations

from dataclasses import replace
from email.utils import parseaddr

import pytest

from gateway.bootstrap import House
from gateway.clock import FakeClock
from tests.flow.told import ANN, CARL, ROOT, Told, letter
from tests.sink import Sink

HELP = "help@demo.example"
EVE = "eve@evil.example"


@pytest.fixture
def told(house: House, sink: Sink, clock: FakeClock) -> Told:
    """The example desk whose help address has lost its route (B-UH-01)."""
    with house.database.durable() as connection:
        setup = house.setups.current(connection)
        house.setups.save(connection, replace(setup, routes=tuple(route for route in setup.routes if route.name != "help")), ROOT, clock.now())
    return Told(house, sink, clock)


def lost(told: Told, n: int, sender: str = CARL) -> str:
    return told.comes_in(letter(f"Help {n}", "Please.", message_id=f"h{n}@acme.example", sender=sender, to=HELP), sender=sender, to=(HELP,))


def test_from_lost_to_routed(told: Told) -> None:
    """B-UH-01…09: counted, decided and undone; then a route from the address takes the backlog and what comes, and answers find their items."""
    desk = told.house.desk
    first, second, third = lost(told, 1), lost(told, 2), lost(told, 3, EVE)
    assert told.sink.mails == [], "nobody is told anything about a mail that nobody took"
    assert desk.count_inbound(ANN, states=["unhandled"]) == {"unhandled": {"total": 3, "recent": 3}}

    desk.discard_inbound(third, ANN)
    assert [(one["id"], one["decided_by"]) for one in desk.list_inbound(ANN, states=["discarded"])] == [(third, ANN)]
    desk.undo_inbound(third, ANN)
    (ref,) = desk.open_inbound(first, ANN)["items"]
    desk.do(ref, "wait", ANN, days=2)
    desk.join_inbound(second, ref, ANN)
    desk.undo_inbound(second, ANN)
    assert told.item(ref)["status"] == "wait"
    told.goes_on()

    asked = {"kind": "recipient", "process": "General support", "automated": True}
    assert desk.count_route(second, ANN, **asked)["matching"] == 2
    assert desk.route_from(second, ANN, apply=True, **asked)["replayed"] == 2
    told.goes_on()
    assert desk.count_inbound(ANN, states=["unhandled"]) == {}
    assert len(told.items()) == 3
    assert {parseaddr(str(mail["To"]))[1] for mail in told.sink.mails} == {CARL, EVE}, "the route's items are acknowledged"

    fresh = lost(told, 4)
    (new,) = desk.show_inbound(fresh, ANN)["items"]
    acknowledged = str(told.sent()["Message-ID"])
    told.comes_in(letter("Re: Help 4", "More.", message_id="m4@acme.example", to=HELP, In_Reply_To=acknowledged), to=(HELP,))
    assert told.kinds(new).count("mail_in") == 2


def test_a_second_subject_in_an_answer(told: Told) -> None:
    """B-CO-07: the customer puts another matter into an answer; it becomes its own item, is answered from there, and the customer's reply finds it."""
    desk = told.house.desk
    told.comes_in(letter("Hot", "It is hot.", message_id="m1@acme.example"))
    ref = told.only_item()["ref"]
    other = told.comes_in(letter("Re: Hot", "And my key is lost.", message_id="m2@acme.example", In_Reply_To="<m1@acme.example>"))
    (new,) = desk.move_inbound(other, ANN)["items"]
    desk.do(new, "take", ANN)
    desk.mail(new, ANN, text="Which key?")
    told.goes_on(minutes=5)
    sent = told.sent()
    assert f"[{new}]" in str(sent["Subject"]) and "m2@acme.example" in str(sent["In-Reply-To"])
    assert "m1@acme.example" not in str(sent["References"]), "nothing of the other item goes out with it"
    told.comes_in(letter("Re: Hot", "The red one.", message_id="m3@acme.example", In_Reply_To=str(sent["Message-ID"]), References=str(sent["References"])))
    assert (told.kinds(new).count("mail_in"), told.kinds(ref).count("mail_in")) == (2, 2), "the moved line stays, read-only, on the first"
    assert [line["action"] for line in told.item(ref)["timeline"] if line["kind"] == "mail_in"] == ["moved", "open"]
