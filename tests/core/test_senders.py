"""From which address a mail leaves and by which connector: the one rule (C-GW-02, C-GW-03)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.refusal import Refused
from core.senders import NO_WAY, another_way, answering, nobody, sender_for, usable, way_of
from core.setup import Connector, Route, RouteKind, Setup
from tests.core.people import ANN, BOB, LEA, ROOT, SETUP, made

INBOX_ROUTE = Route("r-2", "inbox", "orders", RouteKind.ORDINARY, "orders@demo.example", "General support")
CLAIMS = Connector("c-3", "claims", "claims@demo.example", ("damage@demo.example",), direction="outgoing")
DESK = replace(SETUP, connectors=(*SETUP.connectors, CLAIMS), routes=(*SETUP.routes, INBOX_ROUTE))
"""support sends both ways and is the default; inbox only receives; claims only sends."""


def off(setup: Setup, *names: str) -> Setup:
    """These connectors switched off."""
    return replace(setup, connectors=tuple(replace(one, enabled=False) if one.name in names else one for one in setup.connectors))


BY_ADDRESS = [
    ("its main address", "support@demo.example", "support"),
    ("any case of letters", "Support@DEMO.example", "support"),
    ("an alias", "damage@demo.example", "claims"),
    ("a plus-tagged form", "claims+x@demo.example", "claims"),
    ("one that only receives", "inbox@demo.example", "support"),
    ("the address of a route of one that only receives", "orders@demo.example", "support"),
    ("no address of ours", "no-reply@demo.example", "support"),
]


@pytest.mark.parametrize(("address", "wanted"), [one[1:] for one in BY_ADDRESS], ids=[one[0] for one in BY_ADDRESS])
def test_the_connector_follows_from_the_address(address: str, wanted: str) -> None:
    """C-GW-02: by the From address among outgoing and both (address, alias, route address), else the default connector."""
    way = way_of(DESK, address)
    assert way is not None and way.name == wanted


def test_the_address_of_a_route_of_its_own() -> None:
    """C-GW-02: a route address of a connector that sends leaves by that connector, not by the default one."""
    route = Route("r-3", "claims", "hail", RouteKind.ORDINARY, "hail@demo.example", "Claim")
    both = replace(DESK, connectors=(*SETUP.connectors, replace(CLAIMS, direction="both")), routes=(*DESK.routes, route))
    way = way_of(both, "hail@demo.example")
    assert way is not None and way.name == "claims"


def test_without_a_default_nothing_stands_in() -> None:
    """C-GW-02: the default connector must be there and send; one that only receives is none."""
    assert way_of(replace(DESK, default_connector=""), "no-reply@demo.example") is None
    assert way_of(replace(DESK, default_connector="inbox"), "inbox@demo.example") is None


ANSWERS = [
    ("the address the customer wrote to", ("support", "help@demo.example"), ("support", "help@demo.example")),
    ("the address of the mailbox", ("claims", ""), ("claims", "claims@demo.example")),
    ("one that only receives keeps its address", ("inbox", "orders@demo.example"), ("support", "orders@demo.example")),
    ("the mailbox's, where the address is ours no more", ("claims", "old@demo.example"), ("claims", "claims@demo.example")),
    ("the default's, where nothing is known", ("", ""), ("support", "support@demo.example")),
    ("the default's, where the mailbox is gone", ("gone", "gone@demo.example"), ("support", "support@demo.example")),
]


@pytest.mark.parametrize(("asked", "wanted"), [one[1:] for one in ANSWERS], ids=[one[0] for one in ANSWERS])
def test_who_answers(asked: tuple[str, str], wanted: tuple[str, str]) -> None:
    """E-36: From stays the address the customer wrote to, whichever connector takes the mail out."""
    found = answering(DESK, *asked)
    assert found is not None and (found.connector.name, found.address) == wanted


def test_a_person_chooses_among_theirs() -> None:
    """C-CO-01: other addresses of the item's mailbox and of mailboxes that fill one's queues; an administrator has all; anything else is refused by name."""
    item = made()
    assert sender_for(DESK, "", item, ANN).address == "support@demo.example"
    assert sender_for(DESK, "HELP@demo.example", item, ANN).address == "help@demo.example"
    assert sender_for(DESK, "orders@demo.example", item, ANN).connector.name == "support"
    assert next(one.address for one in usable(DESK, item, ANN)) == "support@demo.example"
    with pytest.raises(Refused, match=r"claims@demo\.example” is no address .*support@demo\.example"):
        sender_for(DESK, "claims@demo.example", item, ANN)
    assert sender_for(DESK, "claims@demo.example", item, ROOT).connector.name == "claims"
    with pytest.raises(Refused, match=r"boss@acme\.example"):
        sender_for(DESK, "boss@acme.example\r\nBcc: x@y.example", item, ROOT)


def test_queues_give_addresses() -> None:
    """Who works from a queue may write as the mailboxes whose routes fill it, on any item within sight."""
    route = Route("r-3", "claims", "all", RouteKind.ORDINARY, "claims@demo.example", "Claim")
    setup = replace(DESK, routes=(*DESK.routes, route))
    assert "claims@demo.example" in {one.address for one in usable(setup, made(), BOB)}
    assert "claims@demo.example" not in {one.address for one in usable(setup, made(), LEA)}


def test_nothing_can_send() -> None:
    """The sentence for the person; nothing raises where only rules ask."""
    setup = replace(DESK, default_connector="", connectors=(DESK.connectors[1],))
    with pytest.raises(Refused, match=NO_WAY[:40]):
        sender_for(setup, "", made())
    assert answering(setup, "inbox", "inbox@demo.example") is nobody(setup) is another_way(setup) is None


NOBODY: list[tuple[str, dict[str, Any], tuple[str, ...], tuple[str, str]]] = [
    ("by the default connector", {}, (), ("support", "no-reply@demo.example")),
    ("by its own", {"unmonitored_address": "damage@demo.example"}, (), ("claims", "damage@demo.example")),
    ("its own is off: by the default", {"unmonitored_address": "damage@demo.example"}, ("claims",), ("support", "damage@demo.example")),
    ("the default is off: by an enabled one, as itself", {}, ("support",), ("claims", "claims@demo.example")),
    ("none is named: the default's own", {"unmonitored_address": ""}, (), ("support", "support@demo.example")),
    ("all are off: it waits", {}, ("support", "claims"), ("support", "no-reply@demo.example")),
]


@pytest.mark.parametrize(("more", "switched_off", "wanted"), [one[1:] for one in NOBODY], ids=[one[0] for one in NOBODY])
def test_mail_that_nobody_can_answer(more: dict[str, Any], switched_off: tuple[str, ...], wanted: tuple[str, str]) -> None:
    """C-GW-03: the unmonitored address follows the same rule; if it belongs to a disabled connector, an enabled default sends."""
    found = nobody(off(replace(DESK, **more), *switched_off))
    assert found is not None and (found.connector.name, found.address) == wanted


def test_another_way() -> None:
    """News of a connector that fails leaves by one that does not: never by a disabled one, and not at all if there is none."""
    assert another_way(DESK, {"support"}) == another_way(off(DESK, "support"))
    found = another_way(DESK, {"support"})
    assert found is not None and found.connector.name == "claims"
    assert another_way(off(DESK, "claims"), {"support"}) is None
