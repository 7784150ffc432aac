"""Acknowledgements as a weapon: forged senders, plus-tags against the brake, strangers' words sent to others."""

from __future__ import annotations

from datetime import timedelta

from tests.inbound.way_in import ANN, JO, WayIn, a_raw

VICTIM = "vic@acme.example"


def test_plus_tags_do_not_escape_the_brake(way: WayIn) -> None:
    """decisions.md 9: 20 a day is for the mailbox, not for each of the plus-tagged names that a forger can make up for it."""
    for n in range(25):
        way.take(a_raw(from_=f"victim+{n}@gmail.com", message_id=f"{n}@x", subject=f"Number {n}"), sender=f"victim+{n}@gmail.com")
    assert len(way.items()) == 25
    assert len(way.outbox()) == 20


def test_a_forged_sender_does_not_become_known_by_writing_twice(way: WayIn) -> None:
    """decisions.md 9: the words of a mail that nobody vouches for are not sent to its sender because an earlier forged mail named them."""
    for n, subject in enumerate(("Hello", "BUY PILLS at evil.example")):
        way.take(a_raw(from_=f"Vic <{VICTIM}>", message_id=f"{n}@x", subject=subject, headers=["Cc: boss@acme.example"]), sender="eve@evil.example")
    mails = way.outbox()
    assert len(mails) == 2
    assert "PILLS" not in mails[-1].subject
    assert [one.address.address for one in mails[-1].recipients] == [VICTIM]


def test_whom_we_wrote_to_is_known(way: WayIn) -> None:
    """decisions.md 9: a sender to whom a person of ours has written gets an acknowledgement with the subject."""
    way.take(a_raw(message_id="1@x"))
    way.desk().do("101001-T", "take", ANN)
    way.desk().mail("101001-T", ANN, text="Yes.", undo=timedelta(0))
    way.sent(next(one.id for one in way.outbox() if not one.system_generated))
    way.take(a_raw(message_id="2@x", subject="Another question"))
    assert "Another question" in next(one for one in reversed(way.outbox()) if one.system_generated and one.item_id == way.item("101002-T").id).subject
    assert JO in str(way.outbox()[-1].recipients[0].address)
