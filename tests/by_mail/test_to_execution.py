"""An agent's mail all the way, on both databases: read, believed by each kind of proof, carried out; twice at once; and what ordinary mail is asked for it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from sqlalchemy import event

from core.by_mail import ByMail, Occasion
from core.connector import Profile, Provider
from core.notifications import Notification, What
from core.outbox import Purpose
from core.setup import Setup
from core.status import Status
from gateway.clock import FakeClock
from gateway.inbound.port import Arrival
from gateway.keys import Keys
from gateway.store import arrivals, notifications
from gateway.store.engine import Database
from tests.by_mail import signing
from tests.by_mail.mailroom import VOUCHED, MailRoom
from tests.by_mail.test_submitted import BOB, Office
from tests.inbound.way_in import ANN, JO, SUPPORT, a_raw

TENANT = "11111111-2222-3333-4444-555555555555"
INSIDE = (
    "Received: from b by DB7PR01MB0001.eurprd01.prod.outlook.com with HTTPS",
    "X-MS-Exchange-Organization-AuthSource: DB7PR01.eurprd01.prod.exchangelabs.com",
    "X-MS-Exchange-Organization-AuthAs: Internal",
    f"X-MS-Exchange-CrossTenant-id: {TENANT}",
)
WORDS = "#resolve\r\nPour water on it."


class House(Office, MailRoom):
    """The way in to what is done by mail; people are told by `told`."""

    def told(self, ref: str, user: str = ANN, purpose: Purpose = Purpose.NOTIFICATION) -> str:
        """With the line that says of what the mail told: of Jo's first one."""
        mail_id, now = super().told(ref, user, purpose), self.clock.now()
        one = Notification(user, Occasion.NEW_INFORMATION, self.item(ref).id, What.MAIL, inbound_id=self.item(ref).id.partition(".")[0])
        row = (self.clock.new_id(), one, now)
        with self.database.durable() as connection:
            notifications.add(connection, [row], now)
            notifications.settle_told(connection, [notifications.Waiting(row[0], one, now)], mail_id, now, {})
        return mail_id

    def answer(self, told: str, *headers: str, text: str = WORDS, message_id: str = "answer@demo.example", more: str = "") -> bytes:
        """Ann's answer; `more` is what another mail of hers says."""
        top = (f"Date: {format_datetime(self.clock.now())}", *headers)
        return a_raw(from_=f"Ann <{ANN}>", to=self.answer_address(told), subject=f"Re: [{REF}] Printer", text=text + more, headers=top, message_id=message_id)

    def comes(self, raw: bytes, told: str, *, submitted_by: str = "") -> str:
        """It lies there and nobody has read it."""
        inbound_id = self.clock.new_id()
        arrival = Arrival(
            raw, "submission" if submitted_by else "smtp", self.clock.advance(seconds=1), ANN, (self.answer_address(told),), submitted_by=submitted_by
        )
        with self.database.durable() as connection:
            arrivals.store(connection, [(inbound_id, arrival)])
        return inbound_id

    def purposes(self) -> Counter[str]:
        """How many mails for what, besides what the customer was acknowledged and Ann was told."""
        return Counter(str(one.purpose) for one in self.outbox() if one.purpose not in (Purpose.ACKNOWLEDGEMENT, Purpose.NOTIFICATION))

    def listed(self) -> list[tuple[str, str]]:
        return sorted((one["outcome"], one["reason"]) for one in self.audit())


REF = "101001-T"
DONE = Counter({str(Purpose.PERSON): 1, str(Purpose.CONFIRMATION): 1})


@pytest.fixture
def house(database: Database, example_setup: Setup, clock: FakeClock, keys: Keys) -> Iterator[House]:
    """Jo has written; it is the real moment, for the libraries that sign know no other."""
    clock.set(datetime.now(UTC).replace(microsecond=0))
    made = House(database, example_setup, clock, keys)
    made.take(a_raw(message_id="a@acme.example"))
    yield made


# ---------------------------------------------------------------- by each kind of proof


def _by_dmarc(house: House, told: str) -> tuple[bytes, str]:
    return house.answer(told, VOUCHED), ""


def _by_submission(house: House, told: str) -> tuple[bytes, str]:
    return house.answer(told), ANN


def _inside(house: House, told: str) -> tuple[bytes, str]:
    connectors = tuple(replace(one, profile=Profile(provider=Provider.MICROSOFT365, tenant=TENANT)) for one in house.setups_now().connectors)
    house.configure(replace(house.setups_now(), connectors=connectors))
    return house.answer(told, *INSIDE), ""


def _signed(house: House, told: str) -> tuple[bytes, str]:
    """S/MIME: the header is nobody's word, so the reference stands in the quoted mail below."""
    key, now = signing.private_key("rsa"), house.clock.now()
    certificate = signing.certificate(key, *signing.around(now))
    house.change(ANN, by_mail=ByMail(signing_keys=(signing.pem(certificate),)))
    quoted = f"\r\n\r\nOn Mon, 2 Mar 2026, Demo desk wrote:\r\n> [{REF}] New.\r\n"
    content = f"Content-Type: text/plain; charset=utf-8\r\n\r\n{WORDS}{quoted}".encode()
    top = house.answer(told).partition(b"\r\n\r\n")[0] + b"\r\nMIME-Version: 1.0\r\n"
    return signing.multipart(top, content, signing.cms(content, certificate, key)), ""


PROOFS: dict[str, Callable[[House, str], tuple[bytes, str]]] = {"dmarc": _by_dmarc, "internal": _inside, "submission": _by_submission, "signature": _signed}


@pytest.mark.parametrize("proof", PROOFS)
def test_each_proof_leads_to_the_deed(house: House, proof: str) -> None:
    """Agents by mail, 4: DMARC, the provider's internal mark, the log-in at the submission door, S/MIME: resolved, one mail to the customer, one line."""
    told = house.told(REF)
    raw, submitted_by = PROOFS[proof](house, told)
    house.comes(raw, told, submitted_by=submitted_by)
    house.processor().sweep()
    assert (house.listed(), house.purposes()) == ([("done", "")], DONE)
    (sent,) = house.by_people()
    assert house.item(REF).status is Status.RESOLVED and sent.due_at - house.clock.now() == timedelta(minutes=2)
    text = house.text_of(sent.id)
    assert "Pour water on it." in text and "#resolve" not in text and [one.address.key for one in sent.recipients] == [JO]


SPOILT: dict[str, tuple[str, Callable[[bytes, str], tuple[bytes, str]]]] = {
    "DMARC of another domain": ("dmarc", lambda raw, by: (raw.replace(b"header.from=demo", b"header.from=dem0"), by)),
    "the mark of another tenant": ("internal", lambda raw, by: (raw.replace(TENANT.encode(), b"another"), by)),
    "handed in by a colleague": ("submission", lambda raw, by: (raw, BOB)),
    "signed, and then changed": ("signature", lambda raw, by: (raw.replace(b"Pour water", b"Pour petrol"), by)),
}


@pytest.mark.parametrize("how", SPOILT)
def test_without_it_nothing_happens(house: House, how: str) -> None:
    """Agents by mail, 4: the same mails with the proof spoilt: nothing is executed or sent, one line, and Ann is told without the mail's words."""
    proof, spoil = SPOILT[how]
    told = house.told(REF)
    raw, submitted_by = spoil(*PROOFS[proof](house, told))
    before = house.item(REF)
    house.comes(raw, told, submitted_by=submitted_by)
    house.processor().sweep()
    assert house.item(REF) == before and house.purposes() == Counter({str(Purpose.REFUSAL): 1})
    ((outcome, reason),) = house.listed()
    assert (outcome, reason) in (("refused", "not_proved"), ("refused", "not_theirs"))
    (said,) = house.to_people()
    assert [one.address.key for one in said.recipients] == [ANN] and "Pour" not in house.text_of(said.id)


# ---------------------------------------------------------------- once


def _at_once(house: House, ids: Sequence[str]) -> None:
    """A worker for each, all beginning in the same moment; what they leave is then read as well."""
    start = threading.Barrier(len(ids))

    def read(inbound_id: str) -> None:
        processor = house.processor(inbound_id)
        start.wait()
        processor.process([inbound_id])

    threads = [threading.Thread(target=read, args=(one,)) for one in ids]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    house.clock.advance(seconds=5)
    house.processor().sweep()


def test_two_workers_and_two_copies(house: House) -> None:
    """The mail came twice, and two workers read both at the same moment: it is carried out once, on SQLite and on PostgreSQL."""
    told = house.told(REF)
    raw = house.answer(told, VOUCHED)
    _at_once(house, [house.comes(raw, told) for _ in range(2)])
    assert (house.listed(), house.purposes()) == ([("done", ""), ("ignored", "copy")], DONE)


def test_a_captured_mail_at_the_same_moment(house: House) -> None:
    """Another Message-ID around the same signed words, to another notification of the item: whichever is read first, the other is a replay."""
    told, other = house.told(REF), house.told(REF)
    first, second = house.answer(told, VOUCHED), house.answer(other, VOUCHED, message_id="again@demo.example")
    _at_once(house, [house.comes(first, told), house.comes(second, other)])
    assert house.listed() == [("done", ""), ("refused", "replayed")]
    assert house.purposes() == DONE + Counter({str(Purpose.REFUSAL): 1})


def test_two_answers_at_the_same_moment(house: House) -> None:
    """Two mails of Ann's about one item, read at once: both are carried out, one after the other, and neither tramples on the other."""
    told = house.told(REF)
    house.clock.advance(seconds=60)
    first = house.answer(told, VOUCHED, text="#take")
    house.clock.advance(seconds=60)
    second = house.answer(told, VOUCHED, text="#note\r\nAsk the caretaker.", message_id="two@demo.example")
    _at_once(house, [house.comes(first, told), house.comes(second, told)])
    assert house.listed() == [("done", "")] * 2
    assert house.item(REF).assignee == ANN and house.kinds(REF).count("note") == 1


# ---------------------------------------------------------------- filed


def test_an_answer_to_what_was_filed(house: House) -> None:
    """Agents by mail, 2: Ann answered all in her own program, with the mailbox in Cc: filed, nothing sent, nobody woken; Jo's answer to it joins and wakes."""
    before = house.item(REF)
    headers = [VOUCHED, f"Cc: {SUPPORT}", "In-Reply-To: <a@acme.example>", f"Date: {format_datetime(house.clock.now())}"]
    house.take(a_raw(from_=f"Ann <{ANN}>", to=JO, subject=f"Re: [{REF}] Printer", text="Try again.", headers=headers, message_id="own@demo.example"), sender=ANN)
    assert (house.listed(), house.purposes(), house.item(REF)) == ([("filed", "")], Counter(), before)
    taken = house.take(a_raw(subject="Re: Printer", text="No.", headers=["In-Reply-To: <own@demo.example>"], message_id="b@acme.example"))
    assert taken["items"] == [REF] and house.item(REF).new_information


# ---------------------------------------------------------------- what it costs everybody else

OF_AGENTS = ("agent_mail", "mail_link", "notification", "app_password")


def test_ordinary_mail_costs_nothing_more(house: House) -> None:
    """A customer's mail that concerns none of our people asks no table of theirs; one on an item that somebody has writes one line more."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, text: str, *_rest: Any) -> None:
        asked.extend([text.split("(")[0]] if any(one in text for one in OF_AGENTS) else [])

    engines = {id(one): one for one in (house.database.engine, house.database._lazy)}.values()
    for one in engines:
        event.listen(one, "before_cursor_execute", note)
    house.take(a_raw(subject="Toner", message_id="n@acme.example"))
    house.take(a_raw(subject="Re: Printer", headers=["In-Reply-To: <a@acme.example>"], message_id="b@acme.example"))
    assert asked == []
    house.desk().do(REF, "take", ANN)
    asked.clear()
    house.take(a_raw(subject="Re: Printer", headers=["In-Reply-To: <a@acme.example>"], message_id="c@acme.example"))
    assert [text.strip() for text in asked] == ["INSERT INTO notification"]
