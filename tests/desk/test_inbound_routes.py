"""Routes made from mails that nobody took, counted against the backlog and applied to it, on both databases (B-UH-07, B-UH-08)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core.refusal import NotFound, Refused
from core.setup import Route, RouteKind
from gateway.store.schema import desk_change
from tests.desk.gate import BOB, CLAIMS, EVE, HELP, Gate
from tests.flow.told import ANN, CARL, ROOT, letter

SUPPORT = {"process": "General support"}


def routes(gate: Gate) -> list[tuple[str, str]]:
    with gate.house.database.read() as connection:
        return [(route.connector, route.name) for route in gate.house.setups.current(connection).routes]


def states(gate: Gate, *ids: str) -> list[str]:
    gate.house.processor.sweep()
    return [gate.desk.show_inbound(one, ROOT)["state"] for one in ids]


def test_from_the_recipient(gate: Gate) -> None:
    """B-UH-07: prefilled with the address and the mailbox; counted live; applied to the backlog of the range; live at once for what comes."""
    old = gate.lost(1)
    gate.clock.advance(days=10)
    since = gate.clock.now() - timedelta(days=1)
    first, second = gate.lost(2), gate.lost(3, sender=EVE)
    asked: dict[str, Any] = {"kind": "recipient", "process": "general support", "category": "Question", "since": since}
    counted = gate.desk.count_route(first, ANN, **asked)
    route = {"connector": "support", "name": f"to {HELP}", "kind": "ordinary", "address": HELP, "process": "General support", "category": "Question"}
    assert counted == {"route": route, "matching": 2, "replayed": 0}
    assert gate.desk.count_route(first, ANN, kind="recipient", **SUPPORT)["matching"] == 3
    assert gate.desk.count_route(first, ANN, kind="recipient", until=since, **SUPPORT)["matching"] == 1
    assert len(routes(gate)) == 2, "counting writes nothing"

    made = gate.desk.route_from(first, ANN, apply=True, **asked)
    assert made == {"route": route, "matching": 2, "replayed": 2}
    assert states(gate, old, first, second) == ["unhandled", "done", "done"]
    assert states(gate, gate.lost(4)) == ["done"], "live at once"
    with gate.house.database.read() as connection:
        row = connection.execute(select(desk_change).order_by(desk_change.c.seq.desc())).first()
    assert row is not None and (row.kind, row.name, row.change, row.by) == ("route", f"support/to {HELP}", "added", ANN)
    assert gate.desk.show_inbound(first, ROOT)["history"][1]["by"] == ANN


def test_from_the_sender(gate: Gate) -> None:
    """A wildcard route with one sender: whatever address of the mailbox they write to; not applied unless asked for."""
    hers, his = gate.lost(1, sender=EVE), gate.lost(2)
    made = gate.desk.route_from(hers, ANN, kind="sender", **SUPPORT)
    assert (made["route"]["kind"], made["route"]["when"], made["matching"], made["replayed"]) == ("wildcard", {"sender": [EVE]}, 1, 0)
    assert states(gate, hers, his) == ["unhandled", "unhandled"]
    assert states(gate, gate.lost(3, sender=EVE)) == ["done"]


def test_the_right_place(gate: Gate) -> None:
    """B-RT-10: ordinary before wildcard before fallback, each behind those of its kind; the same route made again is the one that is there."""
    lost, other = gate.lost(1, sender=EVE), gate.lost(2)
    gate.desk.route_from(lost, ANN, kind="sender", **SUPPORT)
    gate.desk.route_from(lost, ANN, kind="recipient", **SUPPORT)
    gate.desk.route_from(other, ANN, kind="sender", **SUPPORT)
    again = gate.desk.route_from(other, ANN, kind="sender", apply=True, **SUPPORT)
    assert (again["route"]["name"], again["matching"], again["replayed"]) == (f"from {CARL}", 1, 1)
    with pytest.raises(Refused, match="never be reached"):
        gate.desk.count_route(lost, ANN, kind="sender", category="Question", **SUPPORT)
    mine = [name for connector, name in routes(gate) if connector == "support"]
    assert mine == [f"to {HELP}", f"from {EVE}", f"from {CARL}", "default"]


def test_who_may(gate: Gate) -> None:
    """B-UH-08: everybody who sees the mails of the mailbox; nobody else, also not by naming another mailbox."""
    lost = gate.lost()
    for who in (ANN, BOB, ROOT):
        assert gate.desk.count_route(lost, who, kind="sender", **SUPPORT)["matching"] == 1
    with pytest.raises(NotFound, match="mailbox “claims”"):
        gate.desk.route_from(lost, ANN, kind="sender", connector="claims", **SUPPORT)
    claim = gate.comes_in(letter("Claim", "Pay.", message_id="c1@acme.example", to=CLAIMS), to=CLAIMS)
    with pytest.raises(NotFound, match="no inbound message"):
        gate.desk.route_from(claim, ANN, kind="sender", **SUPPORT)


def test_what_is_refused(gate: Gate) -> None:
    """With a sentence: another process, another category, a name that is taken, a mail that somebody took, an address of another mailbox."""
    lost = gate.lost()
    asked: dict[str, Any] = {"kind": "recipient", **SUPPORT}
    for more, said in (({"process": "Tea"}, "no process"), ({"category": "Tea"}, "not a category"), ({"name": "default"}, "already")):
        with pytest.raises(Refused, match=said):
            gate.desk.route_from(lost, ANN, **(asked | more))
    ticket = gate.comes_in(letter("x", "x", message_id="m1@acme.example"))
    with pytest.raises(Refused, match="not unhandled"):
        gate.desk.route_from(ticket, ANN, **asked)
    with pytest.raises(Refused, match="cannot be made"):
        gate.desk.route_from(lost, ROOT, connector="claims", **asked)


def test_a_mailbox_must_be_known(gate: Gate) -> None:
    """Mail to an address that no mailbox knows any more: an administrator names the mailbox, and its backlog is taken too."""
    with gate.house.database.durable() as connection:
        setup = gate.house.setups.current(connection)
        extra = Route("r-9", "support", "old", RouteKind.ORDINARY, "old@demo.example", "General support")
        gate.house.setups.save(connection, replace(setup, routes=(extra, *setup.routes)), ROOT, gate.clock.now())
    lost = gate.waiting(letter("Old", "x", message_id="o1@acme.example", to="old@demo.example"), "old@demo.example")
    with gate.house.database.durable() as connection:
        setup = gate.house.setups.current(connection)
        gate.house.setups.save(connection, replace(setup, routes=setup.routes[1:]), ROOT, gate.clock.now())
    gate.house.processor.sweep()
    with pytest.raises(NotFound, match="--connector NAME"):
        gate.desk.count_route(lost, ROOT, kind="recipient", **SUPPORT)
    made = gate.desk.route_from(lost, ROOT, kind="recipient", connector="support", apply=True, **SUPPORT)
    assert (made["matching"], made["replayed"], states(gate, lost)) == (1, 1, ["done"])


def test_nobody_elses_change_is_lost(gate: Gate) -> None:
    """A desk that was changed between reading and saving is read again: the route is added to what is there then."""
    lost = gate.lost()
    save, raced = gate.house.setups.save, []

    def slow(connection: Any, new: Any, by: str, now: Any, **more: Any) -> Any:
        if not raced:
            raced.append(by)
            new = replace(new, companies=new.companies[1:])  # as if another company had been added since it was read
        return save(connection, new, by, now, **more)

    gate.house.setups.save = slow  # type: ignore[method-assign]
    gate.desk.route_from(lost, ANN, kind="sender", **SUPPORT)
    with gate.house.database.read() as connection:
        setup = gate.house.setups.current(connection)
    assert len(setup.companies) == 2 and len(setup.routes) == 3


def test_a_sender_cannot_choose_whom_a_route_is_for(gate: Gate) -> None:
    """An address that would be read as a list of patterns makes no route: it would take the mail of everybody in acme.example."""
    lost = gate.lost(1, sender='"a;acme.example;b"@evil.example')
    with pytest.raises(Refused, match="more than one address"):
        gate.desk.count_route(lost, ANN, kind="sender", **SUPPORT)
