"""Who a new item is for when a person opens it from a mail that waited or stood elsewhere: the one the routes would have taken (decisions.md 11)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.setup import Profile, Route
from tests.desk.gate import BOB, HELP, Gate
from tests.flow.told import ANN, CARL, DESK, ROOT, letter

JO = "jo@acme.example"
FORM = "form@web.example"
LIST = "group@demo.example"
FORWARD = (
    "Please take this.\r\n\r\nFrom: Jo Martin <jo@acme.example>\r\nSent: Tuesday, March 3, 2026 09:05\r\nTo: ann@demo.example\r\nSubject: Printer\r\n\r\n"
    "It does not print any more."
)


def asking(gate: Gate, ref: str) -> list[str]:
    """The addresses of those whom the item is for."""
    return [one["address"] for one in gate.seen(ref)["contacts"] if "requester" in one["tags"]]


def forwarded(gate: Gate, by: str = ANN, to: str = HELP, n: int = 1, **headers: str) -> str:
    """A forward of Jo's mail."""
    return gate.comes_in(letter("FW: Printer", FORWARD, message_id=f"fw{n}@demo.example", sender=f"Who <{by}>", to=to, **headers), by, to)


def with_mailbox(gate: Gate, **more: object) -> None:
    """The mailbox of the desk with other settings."""
    with gate.house.database.durable() as connection:
        setup = gate.house.setups.current(connection)
        changed = tuple(replace(one, **more) if DESK in one.keys else one for one in setup.connectors)  # type: ignore[arg-type]
        gate.house.setups.save(connection, replace(setup, connectors=changed), ROOT, gate.clock.now())


def with_routes(gate: Gate, routes: tuple[Route, ...] = ()) -> tuple[Route, ...]:
    """These routes from now on, none of them makes every mail unhandled; returns those of before."""
    with gate.house.database.durable() as connection:
        setup = gate.house.setups.current(connection)
        gate.house.setups.save(connection, replace(setup, routes=routes), ROOT, gate.clock.now())
    return setup.routes


def test_an_unhandled_forward_by_an_agent(gate: Gate) -> None:
    """The author of what is forwarded asks, the agent does not."""
    lost = forwarded(gate)
    assert gate.desk.show_inbound(lost, ROOT)["state"] == "unhandled"
    (ref,) = gate.desk.open_inbound(lost, ROOT, process="General support")["items"]
    assert asking(gate, ref) == [JO]
    assert gate.seen(ref)["created_by"] == ROOT


def test_an_unhandled_forward_by_a_customer(gate: Gate) -> None:
    """Anybody can write what looks like a forward: the one who sent it asks."""
    (ref,) = gate.desk.open_inbound(forwarded(gate, CARL), ROOT, process="General support")["items"]
    assert asking(gate, ref) == [CARL]


def test_a_forward_that_failed_dmarc(gate: Gate) -> None:
    """What was known of the sender when the mail came counts: a forged agent brings in nobody else."""
    with_mailbox(gate, trusted_authserv_ids=("mx.demo.example",))
    with_routes(gate)
    lost = forwarded(gate, to=DESK, Authentication_Results="mx.demo.example; dmarc=fail header.from=demo.example")
    (ref,) = gate.desk.open_inbound(lost, ROOT, process="General support")["items"]
    assert asking(gate, ref) == [ANN]


def test_a_trusted_form(gate: Gate) -> None:
    """The person in Reply-To asks, not the form."""
    with_mailbox(gate, trusted_forms=(FORM,))
    with_routes(gate)
    lost = gate.comes_in(letter("Web form", "Help.", message_id="f1@web.example", sender=FORM, Reply_To="Jo <jo@acme.example>"), FORM)
    (ref,) = gate.desk.open_inbound(lost, ROOT, process="General support")["items"]
    assert asking(gate, ref) == [JO]


def test_a_list_of_our_own(gate: Gate) -> None:
    """The one who wrote to the list asks."""
    with_mailbox(gate, profile=Profile(own_lists=(LIST,)))
    with_routes(gate)
    fields = {"X_Original_From": "Jo <jo@acme.example>", "List_Id": "<group.demo.example>"}
    raw = letter("Printer", "Help.", message_id="l1@acme.example", sender=f"Jo via Group <{LIST}>", **fields)
    (ref,) = gate.desk.open_inbound(gate.comes_in(raw, LIST), ROOT, process="General support")["items"]
    assert asking(gate, ref) == [JO]


@pytest.mark.parametrize("process", ["General support", ""])
def test_a_forward_moved_to_a_new_item(gate: Gate, process: str) -> None:
    """B-CO-07: the same where the forward was put on an item and becomes one of its own, with a process named and by the routes."""
    old = gate.ticket()
    routes = with_routes(gate)
    mail = forwarded(gate, BOB, DESK)
    gate.desk.join_inbound(mail, old, ROOT)
    with_routes(gate, routes)
    (new,) = gate.desk.move_inbound(mail, ROOT, process=process)["items"]
    assert new != old
    assert asking(gate, new) == [JO]


def test_a_route_made_from_a_forward(gate: Gate) -> None:
    """Applied to the backlog, it asks for the same person."""
    lost = forwarded(gate, to=HELP)
    gate.desk.route_from(lost, ROOT, kind="recipient", process="General support", connector="support", apply=True)
    gate.house.processor.sweep()
    (ref,) = gate.desk.show_inbound(lost, ROOT)["items"]
    assert asking(gate, ref) == [JO]
