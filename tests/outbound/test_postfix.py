"""Delivery to a real Postfix: what it takes, refuses for good, refuses for now and takes later; bytes and headers as it stored them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.mail import Address
from core.outbox import Outcome, Recipient
from core.setup import Setup
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.outbound.port import Outgoing
from gateway.outbound.session import Server
from gateway.outbound.smtp import SmtpTransport
from gateway.store.engine import Database
from tests.conftest import missing
from tests.outbound.drafts import House, with_connector
from tests.postfix import Postfix, missing_reason, wait_for

PEOPLE = tuple(Recipient(Address(f"{name}@mailbox.example", "Zoë Müller")) for name in ("fine", "later", "never"))


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    """A Postfix that keeps mail for mailbox.example, and refuses some of it."""
    if missing_reason():
        missing(missing_reason())
    with Postfix(refuse={"later@mailbox.example": "450 4.2.1 mailbox busy", "never@mailbox.example": "550 5.1.1 nobody here"}) as running:
        yield running


def test_one_mail_to_three_people(database: Database, example_setup: Setup, keys: Keys, clock: FakeClock, postfix: Postfix) -> None:
    """One is delivered at the first try, one at the second, one never; each learns only of itself, and nobody gets it twice."""
    house = House(database, with_connector(example_setup, outgoing={"kind": "smtp", "host": "127.0.0.1", "port": postfix.port, "security": "none"}), keys, clock)
    house.item()
    before = len(postfix.mails())
    postfix.refuse({"later@mailbox.example": "450 4.2.1 mailbox busy", "never@mailbox.example": "550 5.1.1 nobody here"})
    text = "Grüße\n.\n..two dots\n" + "long line " * 200
    house.queue(recipients=PEOPLE, text=text, subject="Re: Déjà vu " + "ß" * 100)
    dispatcher = house.dispatcher()
    dispatcher.run_due(1)
    message = house.get()
    assert {one.address.address.partition("@")[0]: one.outcome for one in message.recipients} == {
        "fine": Outcome.ACCEPTED,
        "later": Outcome.TEMPORARY,
        "never": Outcome.PERMANENT,
    }
    assert message.state == "pending_retry"
    assert next(one.words for one in message.recipients if one.outcome is Outcome.PERMANENT).startswith("550 5.1.1 <never@mailbox.example>")
    postfix.refuse({"never@mailbox.example": "550 5.1.1 nobody here"})
    wait_for(lambda: "reload" in postfix.log() and _retried(house), what="the second try")
    assert house.state() == "sent"
    wait_for(lambda: len(postfix.mails()) == before + 2, what="two mails in the mailbox")
    kept = postfix.mails()[before:]
    assert {mail["X-Original-To"] for mail in kept} == {"fine@mailbox.example", "later@mailbox.example"}
    assert {mail["Message-ID"] for mail in kept} == {f"<{message.message_id}>"}
    assert {mail["Return-Path"] for mail in kept} == {"<support@demo.example>"}
    assert {mail.get_payload(decode=True).decode().replace("\r\n", "\n") for mail in kept} == {text + "\n"}  # type: ignore[union-attr]
    item = house.item_now()
    assert "never@mailbox.example" in item.attention and "fine@mailbox.example" not in item.attention
    dispatcher.close()


def _retried(house: House) -> bool:
    """Try again; Postfix may need a moment to read its new rules."""
    if house.state() == "pending_retry":
        house.clock.set(house.get().due_at)
        dispatcher = house.dispatcher()
        dispatcher.run_due(1)
        dispatcher.close()
    return house.state() == "sent"


def test_postfix_is_asked_for_reports_and_says_what_it_calls_the_mail(postfix: Postfix) -> None:
    """It offers PIPELINING and DSN: both are used, on one connection for two mails, and the id in its answer is the one in its log."""
    transport = SmtpTransport(Server("127.0.0.1", postfix.port, security="none", command_timeout=30.0))
    mail = b"From: support@demo.example\r\nSubject: reports\r\n\r\nHello\r\n"
    people = ("fine@mailbox.example", "fine+two@mailbox.example")
    found = [transport.deliver(Outgoing(f"outbox-{n}=", "support@demo.example", people, mail), lambda: None) for n in range(2)]
    transport.close()
    assert {outcome for one in found for outcome, _ in one.recipients.values()} == {Outcome.ACCEPTED}
    assert len({one.queue_id for one in found}) == 2
    wait_for(lambda: all(f"{one.queue_id}: removed" in postfix.log() for one in found), what="both mails delivered by Postfix under these ids")
