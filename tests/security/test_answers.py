"""Where answers go when somebody pretends to be the customer."""

from __future__ import annotations

from datetime import timedelta

from tests.inbound.way_in import ANN, JO, WayIn, a_raw

EVIL = "eve@evil.example"


def answered_to(way: WayIn) -> set[str]:
    """To whom Ann's next answer goes."""
    way.desk().mail("101001-T", ANN, text="The answer.", undo=timedelta(0))
    newest = max((one for one in way.outbox() if not one.system_generated), key=lambda one: one.seq)
    return {one.address.address for one in newest.recipients}


def test_a_guessed_reference_does_not_lead_the_answer_away(way: WayIn) -> None:
    """A mail joined by nothing but a subject and the customer's name in From changes nothing of where the next answer goes, whatever its Reply-To."""
    way.take(a_raw(message_id="1@acme.example"))
    way.take(a_raw(message_id="2@evil.example", subject="Re: [101001-T] Printer", headers=[f"Reply-To: {EVIL}"]), sender=EVIL)
    assert answered_to(way) == {JO}


def test_a_reply_to_of_the_first_mail_and_of_real_replies_is_followed(way: WayIn) -> None:
    """E-41: who opens an item, or answers a mail of ours, says where the answer goes."""
    way.take(a_raw(message_id="1@acme.example", headers=["Reply-To: jo@home.example"]))
    assert answered_to(way) == {"jo@home.example"}
    way.take(a_raw(message_id="2@acme.example", headers=["Reply-To: jo@phone.example", "In-Reply-To: <1@acme.example>"]))
    assert answered_to(way) == {"jo@phone.example"}
