"""Attacks on the way by mail, through parser, facts and routing on both databases: none changes or sends anything, each is on the audit list (Agents by mail, b)."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import format_datetime

import pytest

from core.agent_trust import Distrust
from core.outbox import Purpose
from core.setup import Setup
from core.verdict import Action
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.store.engine import Database
from tests.by_mail.mailroom import VOUCHED, MailRoom
from tests.inbound.way_in import ANN, JO, SUPPORT, a_raw

SIGNED = "DKIM-Signature: v=1; a=rsa-sha256; d=demo.example; s=k; h=from:subject:date; bh=x; b=QUJDREVG"
BOB = "bob@demo.example"


@pytest.fixture
def room(database: Database, example_setup: Setup, clock: FakeClock, keys: Keys) -> Iterator[MailRoom]:
    """The way in, with somebody who writes down what agents' mails were handed to them."""
    yield MailRoom(database, example_setup, clock, keys)


@pytest.fixture
def ref(room: MailRoom) -> str:
    """An item of Jo's."""
    (found,) = room.take(a_raw(message_id="first@acme.example"))["items"]
    return str(found)


def the_answer(room: MailRoom, told: str, *, headers: tuple[str, ...] = (VOUCHED,), **more: str) -> bytes:
    """An answer to a notification."""
    date = f"Date: {format_datetime(room.clock.now())}"
    usual = {"from_": f"Ann <{ANN}>", "to": room.answer_address(told), "subject": "Re: [101101-T] Printer", "text": "#resolve\r\nDone."}
    return a_raw(headers=[date, *headers], **{**usual, **more})


def at_agent(room: MailRoom, told: str, raw: bytes, *, sender: str = ANN, **more: object) -> None:
    """The mail comes to the signed address."""
    room.take(raw, to=(room.answer_address(told),), sender=sender, **more)


def test_an_answer_is_handed_on(room: MailRoom, ref: str) -> None:
    """The good case: believed, once, about its item; nothing else is done with it."""
    told = room.told(ref)
    before = room.state(ref)
    at_agent(room, told, the_answer(room, told, message_id="m1@demo.example"))
    (one,) = room.handed
    assert (one.verdict.action, one.verdict.refused, one.verdict.agent, one.verdict.answers) == (Action.AGENT, "", ANN, told)
    assert one.mail.new_text.startswith("#resolve") and room.raws[0].startswith(b"From: Ann")
    assert room.state(ref) == before
    assert room.explain(the_answer(room, told), to=(room.answer_address(told),))["verdicts"][0]["action"] == "agent"


def test_by_message_id_alone(room: MailRoom, ref: str) -> None:
    """Without plus-addresses our signed Message-ID says what is answered."""
    told = room.told(ref)
    ours = room.keys.message_id(told, "demo.example")
    raw = the_answer(room, told, to=SUPPORT, headers=(VOUCHED, f"In-Reply-To: <{ours}>"))
    room.take(raw, sender=ANN)
    assert [(one.verdict.refused, one.verdict.item_id) for one in room.handed] == [("", room.item(ref).id)]


FORGED = [
    ("forged From", f"Ann <{ANN}>", ()),
    ("forged From, with a failure", f"Ann <{ANN}>", ("Authentication-Results: mx.demo.example; dmarc=fail header.from=demo.example",)),
    ("forged results of another server", f"Ann <{ANN}>", ("Authentication-Results: mx.evil.example; dmarc=pass header.from=demo.example",)),
    ("forged results below those of ours", f"Ann <{ANN}>", ("Authentication-Results: mx.demo.example; dmarc=none", VOUCHED)),
    ("forged mark of Microsoft", f"Ann <{ANN}>", ("X-MS-Exchange-Organization-AuthAs: Internal", "X-MS-Exchange-Organization-AuthSource: x")),
    ("a name that is an address", f'"{ANN}" <eve@evil.example>', ("Authentication-Results: mx.demo.example; dmarc=pass header.from=evil.example",)),
    ("a look-alike domain", "Ann <ann@dem0.example>", ("Authentication-Results: mx.demo.example; dmarc=pass header.from=dem0.example",)),
    ("a look-alike letter", "Ann <ann@dеmo.example>", (VOUCHED,)),
    ("the stolen address, used by a colleague", f"Bob <{BOB}>", (VOUCHED,)),
    ("the stolen address, used by the customer", f"Jo <{JO}>", ("Authentication-Results: mx.demo.example; dmarc=pass header.from=acme.example",)),
    ("two authors", f"Ann <{ANN}>, eve@evil.example", (VOUCHED,)),
    ("two From fields", f"Ann <{ANN}>", (VOUCHED, "From: eve@evil.example")),
    ("an automatic reply", f"Ann <{ANN}>", (VOUCHED, "Auto-Submitted: auto-replied")),
    ("a signature that leaves out the subject", f"Ann <{ANN}>", (VOUCHED, SIGNED.replace(":subject", ""))),
]


def test_forgeries(room: MailRoom, ref: str) -> None:
    """Every one is refused, on the audit list, and changes neither the item nor the outbox; nothing of it is a customer's mail."""
    told = room.told(ref)
    before = room.state(ref)
    for name, author, headers in FORGED:
        at_agent(room, told, the_answer(room, told, from_=author, headers=headers), sender="eve@evil.example")
        assert room.handed[-1].verdict.refused, name
        assert room.handed[-1].verdict.agent == ANN, name
    assert room.state(ref) == before
    assert len(room.reasons()) == len(FORGED) and "" not in room.reasons()


CHANGED = [
    {"message_id": "m2@demo.example"},
    {"message_id": "m3@demo.example", "subject": "Re: [101101-T] Printer", "headers": (VOUCHED, SIGNED, SIGNED.replace("QUJDREVG", "eHh4"))},
    {"message_id": "m4@demo.example", "headers": (VOUCHED, SIGNED.replace("b=QUJDREVG", "b=QUJD\r\n REVG"))},
    {"message_id": "m5@demo.example", "text": "#resolve  \r\n\r\nDone. "},
]


def test_a_captured_mail_is_sent_again(room: MailRoom, ref: str) -> None:
    """Validly signed, with another Message-ID, further signatures, other white space, to the address of another notification: replayed."""
    told, other = room.told(ref), room.told(ref)
    at_agent(room, told, the_answer(room, told, message_id="m1@demo.example", headers=(VOUCHED, SIGNED)))
    before = room.state(ref)
    date = f"Date: {format_datetime(room.handed[0].mail.date)}"  # type: ignore[arg-type]
    for change in CHANGED:
        for to in (told, other):
            values = {"from_": f"Ann <{ANN}>", "text": "#resolve\r\nDone.", "subject": "Re: [101101-T] Printer", "headers": (VOUCHED, SIGNED), **change}
            values["headers"] = [date, *values["headers"]]  # type: ignore[misc]
            at_agent(room, to, a_raw(to=room.answer_address(to), **values))  # type: ignore[arg-type]
            assert room.handed[-1].verdict.refused == Distrust.REPLAYED, change
    assert room.state(ref) == before


def test_the_very_same_mail_again(room: MailRoom, ref: str) -> None:
    """Brought twice by a door, or by whoever copied it: a copy, at the same address of ours or at another."""
    told = room.told(ref)
    raw = the_answer(room, told, message_id="m1@demo.example")
    at_agent(room, told, raw)
    at_agent(room, told, raw, sender="eve@evil.example")
    room.take(raw, to=(SUPPORT, room.answer_address(told)), sender="eve@evil.example")
    assert [one.verdict.refused for one in room.handed] == ["", Distrust.COPY, Distrust.COPY]


def test_a_mail_to_somebody_else_is_sent_on(room: MailRoom, ref: str) -> None:
    """Ann wrote “yes, do it” to Eve, who has a notification of hers: the envelope says one thing, the mail another."""
    told = room.told(ref)
    at_agent(room, told, the_answer(room, told, to="eve@evil.example", text="Yes, do it.", subject="Lunch"), sender="eve@evil.example")
    at_agent(room, told, the_answer(room, told, text="Yes, do it.", subject="Lunch", headers=(VOUCHED, SIGNED)), sender="eve@evil.example")
    assert room.reasons() == [Distrust.NOT_ADDRESSED, Distrust.NOT_ADDRESSED]


SIGNED_TO = SIGNED.replace("h=from", "h=to:from")
ABOVE = ("Subject: Lunch", "To: eve@evil.example", "Content-Type: text/plain", "Date: Mon, 02 Mar 2026 10:00:00 +0000", "Cc: eve@evil.example")


def test_a_field_above_the_signed_one(room: MailRoom, ref: str) -> None:
    """Ann's signed mail to Eve with another Subject, To or Date put above hers: DKIM still passes, for it covers the lower one, and here the first counts."""
    told = room.told(ref)
    before = room.state(ref)
    for number, field in enumerate(ABOVE):
        twice = (field,) if field.startswith(("Subject", "To", "Date")) else (field, field)
        at_agent(room, told, the_answer(room, told, text=f"#resolve\r\n{number}", headers=(VOUCHED, SIGNED_TO, *twice)), sender="eve@evil.example")
        assert room.handed[-1].verdict.refused == Distrust.NOT_PROVED, field
    assert room.state(ref) == before


def test_a_forward_of_the_notification_is_sent_on(room: MailRoom, ref: str) -> None:
    """Ann handed the notification to Eve, who so has the address and the reference; Ann's server signs no recipients: Eve sends Ann's mail to us."""
    told = room.told(ref)
    for number, (subject, refused) in enumerate((("Fwd", Distrust.NOT_ADDRESSED), ("TR ", Distrust.NOT_ADDRESSED), ("Re", ""))):
        headers = (VOUCHED, SIGNED.replace("QUJDREVG", f"QUJDREV{number}"))
        raw = the_answer(room, told, subject=f"{subject}: [{ref}] Printer", text=f"Yes, do it {number}.", headers=headers)
        at_agent(room, told, raw, sender="eve@evil.example")
        assert room.handed[-1].verdict.refused == refused, subject


def test_an_old_notification(room: MailRoom, ref: str) -> None:
    """After the days that are set nothing is carried out; nor for somebody who left, nor for a collected mail about no item."""
    told = room.told(ref)
    room.later(days=31)
    at_agent(room, told, the_answer(room, told))
    digest = room.told(ref, purpose=Purpose.CONFIRMATION)
    room.configure(_without_ann(room.setup))
    at_agent(room, digest, the_answer(room, digest))
    assert room.reasons() == [Distrust.TOO_OLD, Distrust.LEFT]


def _without_ann(setup: Setup) -> Setup:
    from dataclasses import replace

    return replace(setup, users=tuple(replace(one, active=one.email != ANN) for one in setup.users))


def test_reply_all_is_filed_once(room: MailRoom, ref: str) -> None:
    """Ann writes to the customer with two mailboxes of ours in Cc: handed on as one mail to be filed; nobody is woken, nothing opened."""
    before = room.item(ref)
    headers = [VOUCHED, f"Cc: {SUPPORT}, claims@demo.example", "In-Reply-To: <first@acme.example>", f"Date: {format_datetime(room.clock.now())}"]
    raw = a_raw(from_=f"Ann <{ANN}>", to=JO, subject=f"Re: [{ref}] Printer", text="Try again.", headers=headers, message_id="own@demo.example")
    room.take(raw, to=(SUPPORT, "claims@demo.example"), sender=ANN)
    assert [(one.verdict.action, one.verdict.item_id) for one in room.handed] == [(Action.FILE, before.id)]
    assert room.item(ref) == before
    assert len(room.items()) == 1


def test_forged_on_an_item(room: MailRoom, ref: str) -> None:
    """The same without proof is held for a person; it is never the customer's, is handed to nobody, and is on the audit list."""
    raw = a_raw(from_=f"Ann <{ANN}>", to=SUPPORT, subject=f"Re: [{ref}] Printer", text="#resolve", headers=["In-Reply-To: <first@acme.example>"])
    assert room.take(raw, sender=ANN)["state"] == "held"
    assert room.handed == [] and room.reasons() == [Distrust.NOT_PROVED]


FORWARD = "---------- Forwarded message ---------\r\nFrom: Jo <jo@acme.example>\r\nDate: Mon, 2 Mar 2026\r\nSubject: Toner\r\nTo: ann@demo.example\r\n\r\n"
NOT_THEIRS = [
    ("in a customer's mail on the item", {"subject": "Re: Printer", "text": "#resolve\r\nThanks.", "headers": ["In-Reply-To: <first@acme.example>"]}, JO, "not_ours"),
    ("in a customer's new mail", {"subject": "#assign eve", "text": "Please."}, JO, "not_ours"),
    ("in the mail that is handed on", {"from_": f"Ann <{ANN}>", "subject": "Fwd: Toner", "text": f"{FORWARD}#assign eve", "headers": [VOUCHED]}, ANN, "not_ours"),
    ("in Ann's name, about nothing", {"from_": f"Ann <{ANN}>", "subject": "Hello", "text": "#resolve"}, "eve@evil.example", "not_proved"),
]


@pytest.mark.parametrize(("name", "mail", "sender", "reason"), NOT_THEIRS)
def test_commands_of_others_are_on_the_list(room: MailRoom, ref: str, name: str, mail: dict[str, object], sender: str, reason: str) -> None:
    """Attacks: a command in a customer's mail or in a forwarded one is text; the mail goes its way, and the audit list says so once, with who wrote it."""
    taken = room.take(a_raw(message_id="x@acme.example", **mail), sender=sender)  # type: ignore[arg-type]
    (item_ref,) = taken["items"]
    item = room.item(item_ref)
    assert room.handed == [] and (item.status, item.assignee, room.outbox()[-1].purpose) == ("to_do", "", Purpose.ACKNOWLEDGEMENT)
    assert room.reasons() == [reason], name
    room.take(a_raw(message_id="y@acme.example", subject="Bill #17", text="# Order\r\n#1 and #2 are missing."))
    assert room.reasons() == [reason], "a number is no command"


def test_a_customer_of_their_own(room: MailRoom) -> None:
    """An agent who asks HR is a customer there: what they answer to the plain address joins their item, proof or not."""
    (ref,) = room.take(a_raw(from_=f"Ann <{ANN}>", message_id="hr@demo.example", headers=[VOUCHED]), sender=ANN)["items"]
    room.take(a_raw(from_=f"Ann <{ANN}>", subject="Re: Printer", text="More.", headers=["In-Reply-To: <hr@demo.example>"]), sender=ANN)
    assert room.kinds(ref).count("mail_in") == 2
    assert room.handed == []


def test_a_notification_handed_on_to_a_customer(room: MailRoom, ref: str) -> None:
    """The customer answers Ann's mail with the notification among its References: still the customer's mail on the item."""
    told = room.told(ref)
    ours = room.keys.message_id(told, "demo.example")
    thread = [f"References: <first@acme.example> <{ours}> <ann1@demo.example>", "In-Reply-To: <ann1@demo.example>"]
    taken = room.take(a_raw(subject=f"Re: [{ref}] Printer", text="Thanks.", headers=thread))
    assert taken["items"] == [ref]
    assert room.handed == []
