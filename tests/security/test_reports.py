"""Forged delivery reports and receipts: who knows an id of ours may not become the one we answer, nor silence others; people's mail is never taken for one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gateway.store.schema import suppressed_address
from tests.inbound.way_in import ANN, JO, SUPPORT, WayIn, a_raw

EVIL = "eve@evil.example"


def a_report(message_id: str, *, kind: str = "delivery-status", about: str = JO, status: str = "5.1.1") -> bytes:
    """A report about a mail of ours whose author and Reply-To are the attacker."""
    inner = f"Reporting-MTA: dns; mx.evil.example\r\n\r\nFinal-Recipient: rfc822; {about}\r\nAction: failed\r\nStatus: {status}\r\n"
    return (
        f"From: Mail Delivery <{EVIL}>\r\nReply-To: {EVIL}\r\nTo: {SUPPORT}\r\nSubject: Undelivered\r\nMessage-ID: <dsn-{about}@evil.example>\r\n"
        f"In-Reply-To: <{message_id}>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type={kind}; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/plain\r\n\r\nIt failed.\r\n--b\r\nContent-Type: message/{kind}\r\n\r\n{inner}\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{message_id}>\r\n\r\n--b--\r\n"
    ).encode()


def an_answer(way: WayIn) -> Any:
    """An answer to Jo that has left."""
    way.take(a_raw(message_id="first@acme.example"))
    way.desk().do("101001-T", "take", ANN)
    way.desk().mail("101001-T", ANN, text="Please switch it on.", undo=timedelta(0))
    mail = next(one for one in way.outbox() if not one.system_generated)
    way.sent(mail.id)
    return mail


@pytest.mark.parametrize("kind", ["delivery-status", "disposition-notification"])
def test_the_author_of_a_report_is_never_answered(way: WayIn, kind: str) -> None:
    """A report that a stranger forges with an id of ours stands on the item, but the next answer goes to the customer alone."""
    mail = an_answer(way)
    taken = way.take(a_report(mail.message_id, kind=kind), sender="")
    assert taken["items"] == ["101001-T"]
    way.desk().mail("101001-T", ANN, text="The secret plan.", undo=timedelta(0))
    newest = max((one for one in way.outbox() if not one.system_generated), key=lambda one: one.seq)
    assert {one.address.address for one in newest.recipients} == {JO}


def test_a_report_suppresses_only_those_we_wrote_to(way: WayIn) -> None:
    """A forged report cannot stop our automatic mail to an address that the mail never went to."""
    mail = an_answer(way)
    way.take(a_report(mail.message_id, about="victim@globex.example"), sender="")
    with way.database.read() as connection:
        assert "victim@globex.example" not in set(connection.execute(select(suppressed_address.c.address_key)).scalars())


PEOPLE = {
    "a postmaster who writes himself": a_raw(from_="Postmaster <postmaster@acme.example>", subject="Delivery fails", text="Please write to bob@acme.example."),
    "a customer who forwards a bounce": (
        f"From: Jo <{JO}>\r\nTo: {SUPPORT}\r\nSubject: What does this mean?\r\nMessage-ID: <fw@acme.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nI got this, please help.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; bob@x.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "--b--\r\n"
    ).encode(),
}


@pytest.mark.parametrize("name", PEOPLE)
def test_what_only_looks_like_a_report_is_seen_by_people(way: WayIn, name: str) -> None:
    """A mail with a return path that speaks of no mail of ours is no report about one: it opens an item instead of being kept unseen."""
    shown = way.take(PEOPLE[name])
    assert (shown["state"], len(way.items())) == ("done", 1), shown
