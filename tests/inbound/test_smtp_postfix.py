"""A real Postfix as the client that relays to us: what it makes of our answers, over plain text and TLS."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from email.message import Message

import pytest

from core.setup import Connector, Setup
from gateway.clock import SystemClock
from gateway.inbound.intake import Intake
from gateway.inbound.port import Answer, Arrival, TryLater
from gateway.inbound.smtp import SmtpDoor, SmtpOptions
from gateway.store.engine import Database
from tests.conftest import make_schema, missing
from tests.inbound.doors import US, stored
from tests.inbound.test_smtp_dialogue import make_certificate
from tests.postfix import Postfix, missing_reason, wait_for

SENDER = "alice@mailbox.example"


class Fragile(Intake):
    """An intake that can be told to be in trouble."""

    in_trouble = False
    asked = 0

    def submit(self, arrival: Arrival) -> Future[Answer]:
        self.asked += 1
        if not self.in_trouble:
            return super().submit(arrival)
        answer: Future[Answer] = Future()
        answer.set_result(TryLater("in trouble"))
        return answer


@dataclass
class Relay:
    """A Postfix in front of an open door."""

    postfix: Postfix
    intake: Fragile
    database: Database

    def send(self, subject: str, *recipients: str, size: int = 100) -> None:
        mail = f"From: {SENDER}\r\nTo: {US}\r\nSubject: {subject}\r\n\r\n".encode() + (b"x" * 70 + b"\r\n") * (size // 72 + 1)
        self.postfix.submit(SENDER, recipients or (US,), mail)

    def stored(self, subject: str) -> list[object]:
        return [row for row in stored(self.database) if f"Subject: {subject}\r\n".encode() in row.bytes]

    def bounces(self, subject: str) -> list[Message]:
        """Delivery reports about a mail."""
        return [mail for mail in self.postfix.mails() if mail.get_content_type() == "multipart/report" and f"Subject: {subject}" in mail.as_string()]


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """One Postfix for all tests of this module: it takes seconds to start."""
    if missing_reason():
        missing(missing_reason())
    folder = tmp_path_factory.mktemp("relay")
    certificate, key = make_certificate(folder, "mx.demo.example")
    database = Database(f"sqlite:///{folder}/guichet.db")
    make_schema(database)
    setup = Setup(connectors=(Connector("c-support", "support", US, ("help@demo.example",)),))
    intake = Fragile(database, SystemClock(), lambda: setup, max_size=200_000)
    options = SmtpOptions(port=0, hostname="mx.demo.example", tls_certificate=certificate, tls_key=key)
    door = SmtpDoor(intake, options)
    door.start()
    try:
        settings = {"smtp_tls_security_level": "may", "smtp_tls_loglevel": "1", "smtp_connection_cache_destinations": "demo.example"}
        with Postfix(relay={"demo.example": door.port}, settings=settings) as postfix:
            yield Relay(postfix, intake, database)
    finally:
        door.stop(5)
        intake.close()
        database.dispose()


def test_a_mail_is_relayed_to_us(relay: Relay) -> None:
    """Envelope and content arrive, Postfix logs our reply with the inbound id, and it spoke TLS because we offer it."""
    relay.send("plain", US, "help@demo.example")
    (row,) = wait_for(lambda: relay.stored("plain"))
    assert (row.envelope_from, sorted(row.envelope_to)) == (SENDER, ["help@demo.example", US])
    assert (row.peer, row.helo) == ("127.0.0.1", "postfix.example")
    assert row.bytes.startswith(b"Received: from ") and row.bytes.endswith(b"x\r\n")
    wait_for(lambda: f"queued as {row.id}" in relay.postfix.log())
    assert "TLS connection established" in relay.postfix.log()


def test_trouble_of_ours_is_tried_again(relay: Relay) -> None:
    """451 defers the mail; when we are well again Postfix delivers it, once."""
    relay.intake.in_trouble = True
    try:
        relay.send("trouble")
        wait_for(lambda: "451 4.3.0" in relay.postfix.log())
        assert relay.stored("trouble") == []
    finally:
        relay.intake.in_trouble = False
    relay.postfix.flush()
    wait_for(lambda: relay.stored("trouble"))
    wait_for(lambda: relay.postfix.queue() == [])
    assert len(relay.stored("trouble")) == 1 and relay.bounces("trouble") == []


def test_an_unknown_recipient_is_bounced_by_name(relay: Relay) -> None:
    """550 at RCPT makes Postfix tell its sender about that recipient with our words; the other one is delivered."""
    relay.send("mixed", US, "nobody@demo.example")
    (report,) = wait_for(lambda: relay.bounces("mixed"))
    text = report.as_string()
    assert "Final-Recipient: rfc822; nobody@demo.example" in text and "550 5.1.1" in text and f"Final-Recipient: rfc822; {US}" not in text
    (row,) = wait_for(lambda: relay.stored("mixed"))
    assert row.envelope_to == [US]


def test_a_mail_over_the_limit_is_bounced_and_never_sent(relay: Relay) -> None:
    """Postfix reads our SIZE and bounces by itself: the intake is not even asked."""
    asked = relay.intake.asked
    relay.send("big", size=300_000)
    (report,) = wait_for(lambda: relay.bounces("big"))
    assert "Action: failed" in report.as_string()
    assert relay.intake.asked == asked and relay.stored("big") == []


def test_fifty_mails_all_arrive_once(relay: Relay) -> None:
    """What Postfix sends over several cached connections arrives complete."""
    for number in range(50):
        relay.send(f"many-{number:02}-", size=number * 3000)
    wait_for(lambda: len([row for row in stored(relay.database) if b"Subject: many-" in row.bytes]) >= 50 and relay.postfix.queue() == [])
    assert [len(relay.stored(f"many-{number:02}-")) for number in range(50)] == [1] * 50
