"""From the stored mail to the outbox on both databases: test items, floods of one sender, old signatures, and lists of our own."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from core.brakes import Brakes
from core.refusal import Refused
from core.setup import Profile, Provider, Setup
from core.status import Status
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.outbound.dispatch import Dispatcher
from gateway.store.engine import Database
from tests.inbound.way_in import ANN, JO, SUPPORT, WayIn, a_raw

TESTER = "tester@acme.example"


@pytest.fixture
def way(database: Database, example_setup: Setup, clock: FakeClock, keys: Keys) -> WayIn:
    return WayIn(database, replace(example_setup, test_contacts=(TESTER,)), clock, keys)


def with_test_route(way: WayIn) -> None:
    way.configure(replace(way.setup, routes=tuple(replace(route, test=True) for route in way.setup.routes)))


# ---------------------------------------------------------------- test mode


def test_a_test_contact_is_answered_with_the_mark(way: WayIn) -> None:
    """B-RT-18, E-47: a test contact's mail opens a test item whose acknowledgement bears the mark, and so does what a person writes."""
    way.take(a_raw(from_=TESTER), sender=TESTER)
    (item,) = way.items()
    (sent,) = way.outbox()
    assert (item.test, sent.subject.startswith("[TEST] "), [one.address.key for one in sent.recipients]) == (True, True, [TESTER])
    assert way.desk().mail(item.ref, ANN, text="It works.")["subject"] == f"[TEST] Re: [{item.ref}] Printer"
    shown = way.desk().show(item.ref, ANN)
    assert (shown["test"], way.desk().list_items(ANN)[0]["test"]) == (True, True)


def test_a_stranger_on_a_test_route_hears_nothing(way: WayIn) -> None:
    """B-RT-01, E-47: the acknowledgement is withheld with its reason, and a person is refused with a sentence; nothing is in the outbox."""
    with_test_route(way)
    taken = way.take(a_raw())
    (item,) = way.items()
    assert (item.test, way.outbox()) == (True, [])
    assert any(step["step"] == "acknowledge" and "mails nobody but test contacts" in step["because"] for step in taken["trace"])
    with pytest.raises(Refused, match=rf"{item.ref} is a test item.*{re.escape(JO)} is none"):
        way.desk().mail(item.ref, ANN, text="Hello")
    with pytest.raises(Refused, match=r"boss@acme\.example is none"):
        way.desk().mail(item.ref, ANN, text="Hello", to=[TESTER], bcc=["boss@acme.example"])
    assert way.outbox() == []
    way.desk().mail(item.ref, ANN, text="Hello", to=[TESTER])
    assert len(way.outbox()) == 1


def test_who_is_no_test_contact_any_more_gets_nothing(way: WayIn, tmp_path: object) -> None:
    """E-47: whom a test item mails is looked at again before every try; what must not leave is held with its reason."""
    way.take(a_raw(from_=TESTER), sender=TESTER)
    way.configure(replace(way.setup, test_contacts=()))
    way.later(minutes=5)
    dispatcher = Dispatcher(way.database, way.setups, way.keys, way.clock, way.apply, holder="me", hostname="h", timeout=1.0, folder=tmp_path)  # type: ignore[arg-type]
    for _ in range(2):
        dispatcher.run_due()
        (kept,) = way.outbox()
        assert (kept.state.value, f"{TESTER} is none" in kept.hold_reason) == ("held", True)
        way.desk().release_mail(kept.id, "root@demo.example")


# ---------------------------------------------------------------- floods


def test_items_per_sender(way: WayIn, caplog: pytest.LogCaptureFixture) -> None:
    """Above the number in an hour mails wait unhandled with the reason, answers join, others open; the next hour opens again; told once."""
    way.brakes = Brakes(items_per_sender_hour=3)
    with caplog.at_level(logging.WARNING, "guichet.inbound"):
        taken = [way.take(a_raw(from_=f"Jo <j{'O' if n % 2 else 'o'}+{n}@acme.example>", subject=f"Mail {n}", message_id=f"m{n}@x")) for n in range(5)]
    assert [one["state"] for one in taken] == ["done"] * 3 + ["unhandled"] * 2
    assert "3 items within this hour" in taken[-1]["verdicts"][0]["because"]
    assert [record.message for record in caplog.records].count("sender_braked") == 1
    assert way.take(a_raw(from_="Jo <jo+0@acme.example>", headers=["In-Reply-To: <m0@x>"], message_id="answer@x"))["verdicts"][0]["action"] == "join"
    assert way.take(a_raw(from_="kim@acme.example", message_id="kim@x"))["state"] == "done"
    way.later(hours=1)
    assert way.take(a_raw(message_id="later@x"))["state"] == "done"


def test_a_replay_is_a_persons_wish(way: WayIn) -> None:
    """What waited unhandled because of the brake opens when a person replays it, in the same hour."""
    way.brakes = Brakes(items_per_sender_hour=1)
    way.take(a_raw(message_id="a@x"))
    kept = way.take(a_raw(subject="Second", message_id="b@x"))
    way.desk().replay_inbound(kept["id"], "root@demo.example")
    way.processor().sweep()
    assert (way.shown(kept["id"])["state"], len(way.items())) == ("done", 2)


def test_history_is_not_braked(way: WayIn) -> None:
    """An import of old mail may open as many items as it holds."""
    way.brakes = Brakes(items_per_sender_hour=1)
    for n in range(3):
        way.take(a_raw(message_id=f"m{n}@x", subject=f"Mail {n}"), archive=True)
    assert len(way.items()) == 3


# ---------------------------------------------------------------- old signatures


def evidence_of(way: WayIn, item_state: Status, age_days: int, *, tag: bool) -> str:
    """The evidence of a stranger's answer to our acknowledgement, so many days after it."""
    way.take(a_raw(message_id="first@x"))
    (item,), (sent,) = way.items(), way.outbox()
    way.save(replace(item, status=item_state))
    way.later(days=age_days)
    to = f"support+{way.keys.reply_tag(item.ref)}@demo.example" if tag else SUPPORT
    headers = [] if tag else [f"In-Reply-To: <{sent.message_id}>"]
    taken = way.take(a_raw(headers=headers, message_id="answer@x"), to=(to,))
    return next(step["check"].split(": ")[1].split(" ")[0] for step in taken["trace"] if step["step"] == "evidence")


@pytest.mark.parametrize(
    ("status", "age", "tag", "wanted"),
    [
        (Status.TO_DO, 399, False, "strong"),
        (Status.TO_DO, 401, False, "known"),
        (Status.TO_DO, 401, True, "strong"),
        (Status.CLOSED, 399, True, "strong"),
        (Status.CLOSED, 401, True, "known"),
    ],
)
def test_signatures_grow_old(way: WayIn, status: Status, age: int, tag: bool, wanted: str) -> None:
    """A signed id proves nothing after 400 days, the address of a closed item as well; both go on working as known ids (decisions.md 13)."""
    assert evidence_of(way, status, age, tag=tag) == wanted


def test_signatures_for_ever(way: WayIn) -> None:
    """With 0 days signatures never grow old."""
    way.brakes = Brakes(signed_for=timedelta(0))
    assert evidence_of(way, Status.CLOSED, 4_000, tag=True) == "strong"


# ---------------------------------------------------------------- lists of our own


def test_the_person_behind_a_list_is_the_requester(way: WayIn) -> None:
    """Google Groups writes itself into From: the item, its contact, the list of mails and the acknowledgement are the real author's."""
    profile = Profile(Provider.GOOGLE, own_lists=("all@demo.example",))
    way.configure(replace(way.setup, connectors=tuple(replace(one, profile=profile) for one in way.setup.connectors)))
    headers = [
        "Authentication-Results: mx.google.com; dmarc=pass header.from=demo.example",
        "X-Original-From: Jo Smith <jo@acme.example>",
        "X-Original-Authentication-Results: mx.google.com; dmarc=pass header.from=acme.example",
    ]
    taken = way.take(a_raw(from_="'Jo Smith' via All <all@demo.example>", headers=headers), sender="all@demo.example")
    (item,), (sent,) = way.items(), way.outbox()
    assert (JO in taken["from"], item.company, [one.address.key for one in sent.recipients]) == (True, "Acme", [JO])
    assert any(step["step"] == "author" and "all@demo.example is a list of ours" in step["because"] for step in taken["trace"])
    assert way.desk().show(item.ref, ANN)["contacts"][0]["address"] == JO


def test_a_trusted_form_that_failed_dmarc_is_none(way: WayIn) -> None:
    """decisions.md 11: whoever forges a form's address does not choose the requester."""
    way.configure(replace(way.setup, connectors=tuple(replace(one, trusted_forms=("form@shop.example",)) for one in way.setup.connectors)))
    failed = "Authentication-Results: mx.demo.example; dmarc=fail header.from=shop.example"
    for headers, wanted in (([], JO), ([failed], "form@shop.example")):
        way.take(a_raw(from_="form@shop.example", subject=f"Order for {wanted}", headers=[f"Reply-To: {JO}", *headers]), sender="form@shop.example")
        assert way.desk().show(way.items()[-1].ref, ANN)["contacts"][0]["address"] == wanted
