"""A delivery report from the door to the item and the address: decisions.md 3 on a real database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core.refusal import NotFound
from core.setup import Setup
from core.status import Status
from gateway.clock import FakeClock
from gateway.inbound.parse import parse
from gateway.keys import Keys
from gateway.store.engine import Database
from gateway.store.schema import suppressed_address
from tests.inbound.way_in import ANN, JO, SUPPORT, WayIn, a_raw


@pytest.fixture
def way(database: Database, example_setup: Setup, clock: FakeClock, keys: Keys) -> WayIn:
    """The way in with the example desk."""
    return WayIn(database, example_setup, clock, keys)


def a_report(message_id: str, *, status: str = "5.1.1", words: str = "550 5.1.1 User unknown", action: str = "failed", to: str = JO) -> bytes:
    """A report of the standard's form about one of our mails."""
    return (
        f"From: MAILER-DAEMON@mx.acme.example\r\nTo: {SUPPORT}\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\nMessage-ID: <{status}.{action}@mx.acme.example>\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt was not delivered.\r\n"
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; {to}\r\nAction: {action}\r\n"
        f"Status: {status}\r\nDiagnostic-Code: smtp; {words}\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: {SUPPORT}\r\nMessage-ID: <{message_id}>\r\n\r\n--b--\r\n"
    ).encode()


def a_complaint(message_id: str) -> bytes:
    """A complaint of the standard's form (RFC 5965)."""
    return (
        f"From: feedback@provider.example\r\nTo: {SUPPORT}\r\nSubject: FW: s\r\nMIME-Version: 1.0\r\nMessage-ID: <arf@provider.example>\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nA complaint.\r\n'
        f"--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\nOriginal-Rcpt-To: {JO}\r\n\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: {SUPPORT}\r\nMessage-ID: <{message_id}>\r\n\r\nx\r\n--b--\r\n"
    ).encode()


def a_receipt(message_id: str) -> bytes:
    """A read receipt (RFC 8098)."""
    return (
        f"From: {JO}\r\nTo: {SUPPORT}\r\nSubject: Read: s\r\nMIME-Version: 1.0\r\nMessage-ID: <mdn@acme.example>\r\n"
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nRead.\r\n'
        f"--b\r\nContent-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822; {JO}\r\nOriginal-Message-ID: <{message_id}>\r\n"
        "Disposition: manual-action/MDN-sent-manually; deleted\r\n\r\n--b--\r\n"
    ).encode()


def an_answer(way: WayIn) -> Any:
    """A mail that Ann wrote to Jo, which has left."""
    way.take(a_raw())
    way.desk().do("101001-T", "take", ANN)
    way.desk().mail("101001-T", ANN, text="Please switch it on.", undo=timedelta(0))
    mail = next(one for one in way.outbox() if not one.system_generated)
    way.sent(mail.id)
    return mail


def suppressed(way: WayIn) -> set[str]:
    with way.database.read() as connection:
        return set(connection.execute(select(suppressed_address.c.address_key)).scalars())


def test_a_dead_address(way: WayIn) -> None:
    """decisions.md 3: To Do with its reason, the recipient marked in the server's words, the author told, the address suppressed, shown and taken off."""
    mail = an_answer(way)
    way.take(a_report(mail.message_id), sender="")
    item = way.item("101001-T")
    assert (item.status, item.reason.value, item.clocks.alarm_at) == (Status.TO_DO, "delivery_failed", None)
    assert "550 5.1.1 User unknown" in item.attention
    ((author, words),) = way.told_of_failures()
    assert author == ANN and "550 5.1.1 User unknown" in words
    assert "send_failed" not in [one.purpose.value for one in way.outbox()], "told once"
    (listed,) = way.desk().list_suppressed(ANN)
    assert (listed["address"], "550 5.1.1" in listed["reason"]) == (JO, True)
    assert way.desk().unsuppress(JO.upper(), ANN)["address"] == JO
    assert way.desk().list_suppressed(ANN) == []
    with pytest.raises(NotFound):
        way.desk().unsuppress(JO, ANN)


def test_a_report_is_shown_with_its_recipients(way: WayIn) -> None:
    """decisions.md 3: who, in the server's words, and whether the address is dead stands with the report that came in."""
    mail = an_answer(way)
    inbound_id = way.arrive(a_report(mail.message_id))
    way.processor().sweep()
    shown = way.shown(inbound_id)["report"]
    assert shown["original_message_id"] == mail.message_id
    (recipient,) = shown["recipients"]
    assert {name: recipient[name] for name in ("address", "action", "status", "hard", "reason")} == {
        "address": JO,
        "action": "failed",
        "status": "5.1.1",
        "hard": True,
        "reason": "user_unknown",
    }


def test_the_author_is_told_once(way: WayIn) -> None:
    """A second report about the same recipient tells nobody again."""
    mail = an_answer(way)
    way.take(a_report(mail.message_id), sender="")
    way.take(a_report(mail.message_id, status="5.2.2", words="552 mailbox full"), sender="")
    assert [author for author, _ in way.told_of_failures()] == [ANN]
    assert "send_failed" not in [one.purpose.value for one in way.outbox()]


@pytest.mark.parametrize(("status", "words"), [("5.2.2", "552 5.2.2 mailbox is full"), ("5.7.1", "550 5.7.1 blocked using Spamhaus"), ("4.4.7", "expired")])
def test_a_soft_bounce(way: WayIn, status: str, words: str) -> None:
    """decisions.md 3: what may pass is shown like any bounce, and the address keeps getting automatic mail."""
    mail = an_answer(way)
    way.take(a_report(mail.message_id, status=status, words=words), sender="")
    assert way.item("101001-T").reason.value == "delivery_failed"
    assert suppressed(way) == set()


@pytest.mark.parametrize("action", ["delayed", "relayed", "delivered"])
def test_a_report_of_no_failure(way: WayIn, action: str) -> None:
    """A delay or a success is shown on the item and changes nothing."""
    mail = an_answer(way)
    before = way.item("101001-T").status
    way.take(a_report(mail.message_id, action=action), sender="")
    assert (way.item("101001-T").status, suppressed(way)) == (before, set())
    assert next(one for one in way.outbox() if one.id == mail.id).state.value == "sent"


def test_suppression_ends(way: WayIn) -> None:
    """decisions.md 3: after 60 days the address gets automatic mail again."""
    mail = an_answer(way)
    way.take(a_report(mail.message_id), sender="")
    way.later(days=60, seconds=1)
    assert way.desk().list_suppressed(ANN) == []


def test_a_report_to_an_unsigned_address(way: WayIn, keys: Keys) -> None:
    """A bounce proof needs our signature: the item's bare reference in the address flips nothing, whoever writes it; the report is kept."""
    mail = an_answer(way)
    taken = way.take(a_report("unknown@elsewhere.example"), to=("support+101001-t@demo.example",), sender="")
    assert taken["state"] == "ignored"
    assert next(one for one in way.outbox() if one.id == mail.id).state.value == "sent"
    assert suppressed(way) == set()
    broken = keys.reply_tag("101001-T")[:-2] + "zz"
    way.take(a_report("unknown@elsewhere.example"), to=(f"support+{broken}@demo.example",), sender="")
    assert next(one for one in way.outbox() if one.id == mail.id).state.value == "sent"


def test_a_complaint(way: WayIn) -> None:
    """RFC 5965: the complaint stands on the item, the mail is not failed, and the address gets no automatic mail for now, visibly."""
    mail = an_answer(way)
    before = way.item("101001-T").status
    taken = way.take(a_complaint(mail.message_id), sender="feedback@provider.example")
    assert (taken["classification"], taken["items"]) == ("feedback_report", ["101001-T"])
    assert (way.item("101001-T").status, next(one for one in way.outbox() if one.id == mail.id).state.value) == (before, "sent")
    (listed,) = way.desk().list_suppressed(ANN)
    assert (listed["address"], listed["reason"]) == (JO, "Complained: abuse")
    assert "delivery" in way.kinds("101001-T")


def test_a_complaint_about_no_mail_of_ours(way: WayIn) -> None:
    """One with an id that we did not sign silences nobody."""
    an_answer(way)
    assert way.take(a_complaint("other@demo.example"), sender="x@provider.example")["state"] == "ignored"
    assert suppressed(way) == set()


def test_a_read_receipt(way: WayIn) -> None:
    """RFC 8098: what was done with the mail stands on the item, and nothing changes."""
    mail = an_answer(way)
    before = way.item("101001-T")
    taken = way.take(a_receipt(mail.message_id), sender="")
    assert (taken["classification"], taken["items"], taken["verdicts"][0]["action"]) == ("read_receipt", ["101001-T"], "append")
    assert "deleted" in taken["verdicts"][0]["because"]
    assert (way.item("101001-T").status, suppressed(way)) == (before.status, set())


def test_the_reports_are_what_they_should_be() -> None:
    """The mails of these tests are read as they are meant."""
    assert parse(a_report("x@y")).report is not None and parse(a_complaint("x@y")).feedback is not None and parse(a_receipt("x@y")).feedback is not None
