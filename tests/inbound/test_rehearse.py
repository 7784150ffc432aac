"""Another desk rehearsed over the stored mails: what would change and how, by the path of `explain`, writing nothing; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from core.brakes import Brakes
from core.setup import BlockedAddress, BlockEffect, Conditions, Route, RouteKind, Setup
from gateway.clock import FakeClock
from gateway.inbound.isolate import read_mail
from gateway.inbound.rehearse import Rehearsal, Stage, Which, rehearse
from gateway.keys import Keys
from gateway.store import brakes
from gateway.store.engine import Database
from tests.inbound.way_in import JO, SUPPORT, WayIn, a_raw

CLAIMS = "claims@demo.example"
HELP = "help@demo.example"


@pytest.fixture
def way(database: Database, example_setup: Setup, clock: FakeClock, keys: Keys) -> Iterator[WayIn]:
    """The way in with the example desk."""
    yield WayIn(database, example_setup, clock, keys)


def rehearsed(way: WayIn, new: Setup, which: Which | None = None, **more: Any) -> Rehearsal:
    with way.database.read() as connection:
        old = way.setups.current(connection)
    return rehearse(Stage(way.database, way.keys, way.clock, read_mail), old, new, which, **more)


def with_route(setup: Setup, **more: Any) -> Setup:
    values: dict[str, Any] = {"kind": RouteKind.ORDINARY, "address": SUPPORT, "process": "Claim", **more}
    return replace(setup, routes=(Route("", "support", "new", **values), *setup.routes))


def without_ids(setup: Setup) -> Setup:
    """As a desk file gives it."""
    return replace(setup, processes=tuple(replace(one, id="") for one in setup.processes))


def test_a_route_more(way: WayIn) -> None:
    """Which mails, before and after, and why; mails of whomever that change alike are counted together; a mail is no duplicate of itself, nor of what it opened."""
    printer = way.take(a_raw(message_id="a@acme.example"))
    way.take(a_raw(message_id="b@acme.example", subject="Invoice 7", text="pay"))
    way.take(a_raw(message_id="c@else.example", from_="kim@else.example", subject="Invoice 8", text="pay"))
    new = with_route(without_ids(way.setup), when=Conditions(subject_words=("invoice",)))
    found = rehearsed(way, new)
    assert (found.mails, found.unchanged, found.changed_mails, found.not_read) == (3, 1, 2, 0)
    (change,) = [one for one in found.changes if one.sender == f"Jo <{JO}>"]
    assert (change.subject, change.recipient, change.sender) == ("Invoice 7", SUPPORT, f"Jo <{JO}>")
    assert change.before.startswith("open General support / Question (acknowledged, at support")
    assert change.after.startswith("open Claim (at support")
    assert change.because == "route “new”"
    assert found.as_json()["counts"] == [{"before": change.before, "after": change.after, "mails": 2}]
    assert change.id != printer["id"]


def test_a_sender_who_is_braked_just_now(way: WayIn) -> None:
    """The brake on new items counts this hour's mails, not those of a rehearsal: what the routes would do is shown all the same."""
    way.take(a_raw(message_id="a@acme.example"))
    with way.database.durable() as connection:
        brakes.count_opened(connection, JO, 300, way.clock.now())
        old = way.setups.current(connection)
    stage = Stage(way.database, way.keys, way.clock, read_mail, Brakes(items_per_sender_hour=300))
    (change,) = rehearse(stage, old, with_route(without_ids(way.setup))).changes
    assert change.before.startswith("open General support")
    assert change.after.startswith("open Claim")


def test_the_same_desk_changes_nothing(way: WayIn) -> None:
    """Answers, duplicates, held and unhandled mail, mail to two addresses: the same facts on both sides, so no difference; whatever their ids are."""
    way.take(a_raw(message_id="a@acme.example"))
    way.take(a_raw(message_id="a@acme.example"))
    way.take(a_raw(subject="Re: Printer", message_id="b@acme.example", headers=["In-Reply-To: <a@acme.example>"]))
    way.take(a_raw(from_="stranger@elsewhere.example", message_id="c@x.example", headers=["In-Reply-To: <a@acme.example>"]))
    way.take(a_raw(to=f"{SUPPORT}, {CLAIMS}", message_id="d@acme.example"), to=(SUPPORT, CLAIMS))
    found = rehearsed(way, without_ids(way.setup))
    assert (found.mails, found.unchanged, found.changes) == (5, 5, [])


def test_everything_a_desk_file_can_change(way: WayIn) -> None:
    """Other addresses, block lists, who may join, test routes, acknowledgements: each shows as a change."""
    way.take(a_raw(message_id="a@acme.example"))
    way.take(a_raw(to=HELP, message_id="h@acme.example"), to=(HELP,))
    ours = str(way.outbox()[0].message_id)
    way.take(a_raw(from_="stranger@elsewhere.example", message_id="c@x.example", headers=[f"In-Reply-To: <{ours}>"]))
    support, claims = way.setup.connectors
    fallback = replace(way.setup.routes[0], send_automated_emails=False)
    cases = {
        "unhandled": replace(way.setup, routes=tuple(route for route in way.setup.routes if route.name != "help")),
        "reject as spam": replace(way.setup, blocked_addresses=(BlockedAddress(JO, BlockEffect.REJECT_AS_SPAM),)),
        "a test item": replace(way.setup, routes=(replace(way.setup.routes[0], test=True), *way.setup.routes[1:])),
        "open General support / Question (at": replace(way.setup, routes=(fallback, *way.setup.routes[1:])),
    }
    for said, new in cases.items():
        assert said in " ".join(change.after for change in rehearsed(way, new).changes), said
    gone = rehearsed(way, replace(way.setup, connectors=(replace(support, aliases=()), claims), routes=cases["unhandled"].routes))
    assert ("unhandled", "no connector knows this address") in [(change.after, change.because) for change in gone.changes]


def test_which_mails(way: WayIn) -> None:
    """The newest so many, those since a moment, those of one mailbox; progress is told."""
    for n in range(3):
        way.take(a_raw(message_id=f"{n}@acme.example", text=str(n)))
    since = way.clock.advance(seconds=1)
    way.take(a_raw(to=CLAIMS, message_id="c@acme.example"), to=(CLAIMS,))
    new, told = with_route(way.setup), list[tuple[int, int]]()
    assert (rehearsed(way, new, Which(last=2)).mails, rehearsed(way, new, Which(since=since)).mails) == (2, 1)
    assert rehearsed(way, new, Which(connector="support"), seen=lambda done, of: told.append((done, of))).changed_mails == 3
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert rehearsed(way, new, Which(connector="claims")).changed_mails == 0


def test_nothing_is_written(way: WayIn) -> None:
    """Not a statement that writes, and one mail at a time: no statement asks for more than one raw mail."""
    for n in range(4):
        way.take(a_raw(message_id=f"{n}@acme.example", text=str(n)))
    said: list[tuple[str, Any]] = []
    engines = {id(one): one for one in (way.database._lazy, way.database._durable)}.values()

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        said.append((statement, parameters))

    for engine in engines:
        event.listen(engine, "before_cursor_execute", hear)
    rehearsed(way, with_route(way.setup))
    for engine in engines:
        event.remove(engine, "before_cursor_execute", hear)
    assert said and [statement for statement, _ in said if not statement.lstrip().upper().startswith(("SELECT", "BEGIN", "SET", "WITH"))] == []
    assert len([statement for statement, _ in said if "raw_mail" in statement]) == 4
