"""The worked cases of de-duplication from the door to the items, on both databases (decisions.md 7 and 8, B-DD-01…05)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from core.setup import Conditions, Connector, Route, RouteKind, Setup
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.store.engine import Database
from tests.inbound.way_in import JO, SUPPORT, WayIn, a_raw

CLAIMS, HELP = "claims@demo.example", "help@demo.example"
JOE, TOM, ALIAS, KEVIN = "joe@a.example", "tom@a.example", "joe@b.example", "kevin@a.example"
STAMPED = ("Received: from mx.demo.example by imap.demo.example; Mon, 02 Mar 2026 09:00:00 +0000", "Return-Path: <jo@acme.example>", "X-Spam-Score: 1.2")
"""What a mail server adds on the way to the mailbox."""


@pytest.fixture
def way(database: Database, example_setup: Setup, clock: FakeClock, keys: Keys) -> Iterator[WayIn]:
    """The way in with the example desk."""
    yield WayIn(database, example_setup, clock, keys)


def fetched(way: WayIn, raw: bytes, connector: str = "support") -> dict[str, Any]:
    """From a mailbox, where no envelope says for whom it was."""
    return way.take(raw, to=(), door="imap", connector=connector)


def received(way: WayIn, raw: bytes, *to: str) -> dict[str, Any]:
    return way.take(raw, to=to or (SUPPORT,))


@pytest.mark.parametrize("first", ["smtp", "imap"])
@pytest.mark.parametrize("to", [SUPPORT, HELP, "someone@elsewhere.example"])
def test_by_smtp_and_from_the_mailbox(way: WayIn, first: str, to: str) -> None:
    """decisions.md 8, B-DD-04 (2): the same mail received by SMTP and fetched from the mailbox, with what the server wrote on it, is taken in once, in either order;
    also a blind copy, for which the mailbox stands.
    """
    recipient = to if to.endswith("demo.example") else SUPPORT
    deliver = {"smtp": lambda: received(way, a_raw(to=to, message_id="a@acme.example"), recipient)}
    deliver["imap"] = lambda: fetched(way, a_raw(to=to, message_id="a@acme.example", headers=STAMPED))
    order = ["smtp", "imap"] if first == "smtp" else ["imap", "smtp"]
    one, two = [deliver[door]() for door in order]
    blind = to.startswith("someone") and first == "imap"
    assert (one["state"], two["state"]) == (("unhandled", "duplicate") if blind else ("done", "duplicate"))
    assert len(way.items()) == (0 if blind else 1)


def test_delivered_again(way: WayIn) -> None:
    """B-DD-04 (1): a server that delays the deletion delivers again; the second is recorded, and nothing is shown twice."""
    raw = a_raw(message_id="a@acme.example", headers=STAMPED)
    assert [fetched(way, raw)["state"] for _ in range(3)] == ["done", "duplicate", "duplicate"]
    assert way.kinds(way.items()[0].ref).count("mail_in") == 1


def test_same_id_other_content(way: WayIn) -> None:
    """decisions.md 8: a mail of its own, flagged in its verdict."""
    received(way, a_raw(message_id="a@acme.example"))
    other = received(way, a_raw(message_id="a@acme.example", text="Something else."))
    assert other["state"] == "done" and "same Message-ID" in other["verdicts"][0]["because"]
    assert len(way.items()) == 2


def test_without_an_id(way: WayIn) -> None:
    """decisions.md 8, B-DD-04 (3): by content within seven days, whatever way it came; by recipient, so that another address of ours has its own."""
    raw = a_raw(to=f"{SUPPORT}, {CLAIMS}", subject="No id")
    assert received(way, raw)["state"] == "done"
    assert fetched(way, raw)["state"] == "duplicate"
    assert fetched(way, raw, "claims")["state"] == "done"
    way.later(days=6, hours=23)
    assert received(way, raw)["state"] == "duplicate"
    way.later(days=1)
    assert received(way, raw)["state"] == "done"


def test_one_mail_to_several_teams(way: WayIn) -> None:
    """decisions.md 7, B-DD-03: one item for each recipient of ours, linked; a copy for one of them that comes again changes nothing."""
    raw = a_raw(to=f"{SUPPORT}, {HELP}, {CLAIMS}", message_id="a@acme.example")
    assert received(way, raw, SUPPORT, HELP, CLAIMS)["items"] == ["101001-T", "101002-T", "101003-C"]
    for connector in ("support", "claims"):
        assert fetched(way, raw, connector)["state"] == "duplicate"
    assert len(way.items()) == 3


def test_one_item_per_queue(way: WayIn) -> None:
    """decisions.md 7: where the mailbox says so, addresses that share a queue share the item, by SMTP and from the mailbox; another queue has its own."""
    support, claims = way.setup.connectors
    way.configure(replace(way.setup, connectors=(replace(support, one_item_per_queue=True), claims)))
    raw = a_raw(to=f"{SUPPORT}, {HELP}, {CLAIMS}", message_id="a@acme.example")
    assert received(way, raw, SUPPORT, HELP, CLAIMS)["items"] == ["101001-T", "101002-C"]
    assert fetched(way, raw)["state"] == "duplicate"
    assert fetched(way, a_raw(to=f"{SUPPORT}, {HELP}", message_id="b@acme.example"))["items"] == ["101003-T"]


def test_between_two_mailboxes_of_ours(way: WayIn) -> None:
    """decisions.md 7, B-DD-01: a mail of ours to another mailbox of ours is taken there, without automatic mail; its copy in the mailbox that sent it is ignored."""
    received(way, a_raw(message_id="a@acme.example"))
    sent = way.desk().mail("101001-T", "ann@demo.example", text="Please look.", to=(CLAIMS,), subject="For you", undo=None)
    way.sent(sent["id"])
    raw = a_raw(from_=f"Support <{SUPPORT}>", to=CLAIMS, subject="For you", message_id=sent["message_id"], text="Please look.")
    queued = len(way.outbox())
    there = fetched(way, raw, "claims")
    assert (there["state"], there["items"], len(way.outbox())) == ("done", ["101002-C"], queued)
    assert [received(way, raw)["state"] for _ in range(2)] == ["ignored", "ignored"], "however often it comes back"
    assert fetched(way, raw)["state"] == "ignored"
    assert len(way.items()) == 2


@pytest.mark.parametrize("message_id", ["loop@acme.example", ""])
def test_a_loop_that_comes_twice(way: WayIn, message_id: str) -> None:
    """decisions.md 8: a mail that is ignored is noted once and ignored again, and is no fault of ours the second time."""
    raw = a_raw(message_id=message_id, headers=["Received: by x.example"] * 120)
    assert [received(way, raw)["state"] for _ in range(3)] == ["ignored"] * 3


def test_from_an_address_of_ours(way: WayIn) -> None:
    """B-DD-02: the identifier decides, not the address: a mail from an address of ours that we did not send is a mail like any other."""
    taken = received(way, a_raw(from_=f"Claims <{CLAIMS}>", message_id="outlook@demo.example"))
    assert (taken["state"], len(way.items())) == ("done", 1)


@pytest.fixture
def joes(way: WayIn) -> WayIn:
    """Joe with an alias, Tom and Kevin, each a mailbox with its fallback route."""
    support = way.setup.connectors[0]
    made = {"joe": (JOE, (ALIAS,)), "tom": (TOM, ()), "kevin": (KEVIN, ())}
    connectors = tuple(replace(support, id=f"c-{name}", name=name, address=address, aliases=aliases) for name, (address, aliases) in made.items())
    fallbacks = tuple(Route(f"f-{one.name}", one.name, "default", RouteKind.FALLBACK, one.address, "General support") for one in connectors)
    alias = Route("r-alias", "joe", "alias", RouteKind.ORDINARY, ALIAS, "General support")
    routes = (alias, *fallbacks, *way.setup.routes)
    way.configure(replace(way.setup, connectors=(*connectors, *way.setup.connectors), routes=routes))
    return way


WORKED = a_raw(to=f"{JOE}, {TOM}, {ALIAS}", message_id="worked@acme.example")


def test_the_worked_case_from_the_mailboxes(joes: WayIn) -> None:
    """B-DD-05: two items for Joe's two addresses, though two copies lie in his mailbox, one for Tom; Kevin's blind copy is unhandled."""
    copies = [("joe", f"Delivered-To: {JOE}"), ("joe", f"Delivered-To: {ALIAS}"), ("tom", f"Delivered-To: {TOM}"), ("kevin", f"Received: by {KEVIN}")]
    states = [fetched(joes, a_raw(to=f"{JOE}, {TOM}, {ALIAS}", message_id="worked@acme.example", headers=[stamp]), name)["state"] for name, stamp in copies]
    assert states == ["done", "duplicate", "done", "unhandled"]
    assert [item.reply_from for item in joes.items()] == [JOE, ALIAS, TOM]


def test_the_worked_case_by_smtp(joes: WayIn) -> None:
    """B-DD-05, E-17: the same by one delivery with its envelope, where a blind copy is routed like any other; repeated, it is a duplicate for all."""
    assert len(received(joes, WORKED, JOE, TOM, ALIAS, KEVIN)["items"]) == 4
    assert received(joes, WORKED, JOE, TOM, ALIAS, KEVIN)["state"] == "duplicate"
    assert sorted(item.reply_from for item in joes.items()) == sorted([JOE, TOM, ALIAS, KEVIN])


def test_the_worked_case_with_a_wildcard(joes: WayIn) -> None:
    """B-DD-05: a sender-based wildcard route takes Kevin's copy."""
    wildcard = Route("w", "kevin", "from Jo", RouteKind.WILDCARD, "*", "General support", when=Conditions(sender=(JO,)))
    with joes.database.read() as connection:
        setup = joes.setups.current(connection)
    joes.configure(replace(setup, routes=(wildcard, *setup.routes)))
    assert fetched(joes, WORKED, "kevin")["state"] == "done"
    assert isinstance(setup.connectors[0], Connector)
