"""The third story: an agent is told, answers with a command from their own mail program, and it is carried out; the ticket is there before the curtain."""

from __future__ import annotations

from collections import Counter
from email import message_from_bytes
from pathlib import Path

from core.outbox import Purpose
from core.setup import Setup
from gateway.bootstrap import open_house
from gateway.clock import FakeClock
from gateway.inbound.port import Arrival
from gateway.store.engine import Database
from tests.crash.child import AGENT
from tests.crash.played import Played
from tests.crash.stages import START
from tests.crash.story import CUSTOMER, DESK, mail
from tests.flow.real import prove_plus_addresses, with_plus_addresses
from tests.houses import sending_to, settings_for, url_of

ROOT = "root@demo.example"
REF = "101001-T"


def desk_for(setup: Setup, port: int) -> Setup:
    """Its mailbox has plus-addresses, so that notifications have an address for answers."""
    return with_plus_addresses(sending_to(setup, port))


def fill(folder: Path, database: Database) -> None:
    """A ticket that the agent has just been given; they wait to be told."""
    house = open_house(settings_for(folder, url_of(database), broker={"url": "drop://"}), clock=FakeClock(START))
    prove_plus_addresses(house)
    house.intake.accept(Arrival(mail(1, "Printer on fire", "It burns."), "smtp", START, CUSTOMER, (DESK,)))
    house.processor.sweep()
    house.desk.do(REF, "assign", ROOT, to=AGENT)
    house.close()


def tell(played: Played) -> None:
    """Told, answered, read. Every step is asked for again by whoever was not told that it is done."""
    played.later(seconds=5)
    played.ask("notify")
    # What was told is looked up once more: before a durable commit it has not left, and a power cut may make it another.
    played.ask("answer_told", answer)
    played.ask("read")
    played.until(lambda: played.ask("item", REF)["status"] == "resolved")
    played.until(lambda: {one["state"] for one in played.ask("inbound")} <= {"done", "duplicate"})


def check(played: Played) -> None:
    """Whatever died when: told once, one mail to the customer, one confirmation, one line of the audit list that it was done."""
    played.ask("notify")
    outbox = {one: len(found) for one in Purpose if (found := played.ask("raws", str(one)))}
    assert outbox == dict.fromkeys((Purpose.PERSON, Purpose.ACKNOWLEDGEMENT, Purpose.NOTIFICATION, Purpose.CONFIRMATION), 1), outbox
    (customers,) = played.ask("raws", str(Purpose.PERSON))
    assert b"Pour water on it." in customers and b"#resolve" not in customers and b"##" not in customers
    audit = Counter((one["outcome"], one["reason"]) for one in played.ask("audit"))
    assert audit.pop(("done", "")) == 1
    assert set(audit) <= {("ignored", "copy")}, "an answer that is handed in a second time, for the first was not acknowledged, is a copy"
    assert [one["kind"] for one in played.ask("item", REF)["timeline"] if one["by"] == AGENT].count("mail_out") == 1


def answer(told: bytes) -> tuple[str, bytes]:
    """The agent's answer to a notification: to where, and the same bytes each time."""
    notice = message_from_bytes(told)
    to = str(notice["Reply-To"]).rpartition("<")[2].rstrip(">")
    lines = (
        f"From: Ann Agent <{AGENT}>\r\nTo: {to}\r\nSubject: Re: {notice['Subject']}\r\nMessage-ID: <ann-1@demo.example>\r\nDate: Mon, 02 Mar 2026 09:00:30 +0000\r\n"
        f"In-Reply-To: {notice['Message-ID']}\r\nAuthentication-Results: mx.demo.example; dmarc=pass header.from=demo.example\r\n\r\n"
        "#resolve\r\nPour water on it.\r\n"
    )
    return to, lines.encode()
