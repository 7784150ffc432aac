"""Mails that have not left when the customer writes or a colleague answers: warned of, or cancelled by themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.conversation import Conversation
from core.mail import Address, Mail
from core.mail_facts import MailFacts
from core.on_mail import OnMail, on_mail
from core.outbox import OutboxEvent, OutboxMessage, OutboxState, Outcome, Purpose, Recipient
from core.outbox_acts import acted
from core.overtaken import Kind, Overtaking, cancelled_late, cancels_itself, overtaken
from core.refusal import Refused
from core.status import RESOLVED, TO_DO, WAIT_INFORMATION, Status
from core.verdict import Action, Classification, Resolution, Verdict
from core.wait import Clocks
from core.writing import Letter, letter_of, write_mail
from tests.core.people import ANN, BOB, NOW, SETUP, after, came, carl, kinds, line, made, scene

ANN_KEY, BOB_KEY = "ann@demo.example", "bob@demo.example"
S = OutboxState
CARL = Address("carl@acme.example", "Carl\x1b[31m Customer")
CAME = NOW - timedelta(minutes=5)


def unsent(message_id: str = "o-1", *, cancels: bool = False, **more: Any) -> OutboxMessage:
    """A scheduled mail by Ann that waits."""
    values: dict[str, Any] = {
        "id": message_id,
        "seq": 1,
        "item_id": "i-1",
        "state": S.QUEUED,
        "due_at": NOW + timedelta(hours=1),
        "created_at": NOW - timedelta(hours=1),
        "author": ANN_KEY,
        "purpose": Purpose.PERSON,
        "system_generated": False,
        "connector": "support",
        "importance": "normal",
        "message_id": f"{message_id}@demo.example",
        "envelope_from": "support@demo.example",
        "subject": "Re: Printer",
        "recipients": (Recipient(Address("carl@acme.example")),),
        "content": {"cancel_if_answered": True} if cancels else {},
        "scheduled": True,
    }
    return OutboxMessage(**(values | more))


def arrives(item: Any, *waiting: OutboxMessage, **verdict: Any) -> OnMail:
    """A mail by Carl joins the item, as one that counts unless said otherwise."""
    joined = Verdict("support@demo.example", **{"action": Action.JOIN, "because": "x", "item_id": item.id, "counts": True, **verdict})
    facts = MailFacts("in-9", CAME, sender_key=CARL.key, items={item.id: item}, unsent={item.id: waiting} if waiting else {})
    return on_mail(Resolution(Classification(), (joined,), ()), Mail(message_id="m@x", from_=(CARL,)), facts, SETUP, NOW)


# ---------------------------------------------------------------- the customer writes


@pytest.mark.parametrize("state", [S.QUEUED, S.HELD, S.PENDING_RETRY, S.SENDING])
def test_a_waiting_mail_is_warned_of(state: OutboxState) -> None:
    """decisions.md 16: a line on the timeline that names the mail, its author, who wrote and when; the mail goes its way."""
    decision = arrives(made(), unsent(state=state)).decision
    warning = line(decision, "attention")
    assert (warning.outbox_id, warning.inbound_id, warning.system) == ("o-1", "in-9", True)
    assert warning.text.startswith("Carl[31m Customer <carl@acme.example> wrote while the mail “Re: Printer” by ann@demo.example ")
    assert warning.facts == {"overtaken_by": "customer_wrote", "wrote_at": CAME.isoformat()}
    assert decision.outbox == () and after(decision).attention == ""


QUIET: list[dict[str, Any]] = [
    {"counts": False, "action": Action.APPEND},
    {"counts": True, "quiet": True},
    {"counts": False, "action": Action.HOLD},
    {"counts": False, "doubtful": True},
]


@pytest.mark.parametrize("verdict", QUIET, ids=str)
def test_what_does_not_count_overtakes_nothing(verdict: dict[str, Any]) -> None:
    """decisions.md 2 and 16: automatic, held and archived mail neither warns nor cancels."""
    decision = arrives(made(), unsent(cancels=True), **verdict).decision
    assert decision.outbox == () and "attention" not in kinds(decision) and "delivery" not in kinds(decision)


def test_a_mail_set_to_do_so_cancels_itself() -> None:
    """decisions.md 16: it is cancelled with its reason, its author finds a line, the item calls attention; only mails that asked for it."""
    decision = arrives(made(), unsent("o-1"), unsent("o-2", cancels=True), unsent("o-3", cancels=True, state=S.HELD)).decision
    assert [(one.outbox_id, one.event, one.again_if_late) for one in decision.outbox] == [("o-2", OutboxEvent.CANCEL, True), ("o-3", OutboxEvent.CANCEL, True)]
    assert "it was set to cancel itself" in decision.outbox[0].reason
    told = [entry for entry in decision.entries if entry.outbox_id == "o-2"]
    assert [(one.kind, one.facts["state"], one.facts["author"]) for one in told] == [("delivery", "cancelled", ANN_KEY)]
    item = after(decision)
    assert item.attention == told[0].text and "cancelled itself" in item.attention
    assert item.new_information and item.status is Status.TO_DO


def test_nothing_is_resolved_and_a_woken_item_waits_for_nothing() -> None:
    """decisions.md 15 and 16: a scheduled Send & Resolve that cancelled itself resolves nothing; a wait that began with the mail is over."""
    waits = made(place=WAIT_INFORMATION, owner=ANN_KEY, clocks=Clocks(answer_within=timedelta(days=2), after_mail="o-1"))
    item = after(arrives(waits, unsent(cancels=True, resolves=True)).decision)
    assert (item.status, item.clocks, item.resolution) == (Status.TO_DO, Clocks(), None)


# ---------------------------------------------------------------- when it may

MAY = [
    ("queued", {}, True),
    ("held", {"state": S.HELD}, True),
    ("to be tried again, nobody has it", {"state": S.PENDING_RETRY, "attempts": 1}, True),
    ("not asked for", {"content": {}}, False),
    ("being sent", {"state": S.SENDING}, False),
    ("sent", {"state": S.SENT}, False),
    ("somebody has it", {"state": S.PENDING_RETRY, "recipients": (Recipient(Address("a@x.example"), outcome=Outcome.ACCEPTED),)}, False),
    ("perhaps somebody has it", {"state": S.PENDING_RETRY, "unknown_repeats": 1}, False),
]


@pytest.mark.parametrize(("more", "may"), [one[1:] for one in MAY], ids=[one[0] for one in MAY])
def test_when_a_mail_may_cancel_itself(more: dict[str, Any], may: bool) -> None:
    """Only while, for all that is known, nobody has it."""
    message = unsent(**({"cancels": True} | more))
    assert cancels_itself(message) is may
    decision = arrives(made(), message).decision
    assert bool(decision.outbox) is may and ("attention" in kinds(decision)) is not may


@pytest.mark.parametrize(("event", "state", "kept"), [(OutboxEvent.SEND_NOW, S.QUEUED, False), (OutboxEvent.RETRY, S.FAILED, False), (OutboxEvent.HOLD, S.QUEUED, True)])
def test_what_a_person_wants_sent_does_not_cancel_itself(event: OutboxEvent, state: OutboxState, kept: bool) -> None:
    """Send now and retry by hand are a person's last word."""
    assert acted(unsent(cancels=True, state=state), event, NOW, ANN_KEY).cancel_if_answered is kept


def test_one_that_was_being_sent_is_cancelled_before_its_next_try() -> None:
    """It came back to the outbox after it was overtaken: cancelled, with a line and a mark; without an item there is only the mail."""
    decision = cancelled_late(made(), unsent(cancels=True, state=S.PENDING_RETRY, attempts=1), NOW)
    assert [one.event for one in decision.outbox] == [OutboxEvent.CANCEL]
    assert line(decision, "delivery").text == after(decision).attention != ""
    assert cancelled_late(None, unsent(cancels=True), NOW).entries == ()


# ---------------------------------------------------------------- a colleague answers

TALK = Conversation(contacts=(carl(),), last_mail=came())


def answer(item: Any, *waiting: OutboxMessage, user: Any = BOB, **letter: Any) -> Any:
    """An answer, by Bob unless said otherwise."""
    return write_mail(item, Letter(**{"text": "Hello.", **letter}), scene(user), TALK, draft_id="o-9", unsent=waiting)


def test_a_colleagues_answer_warns_and_cancels() -> None:
    """decisions.md 16, "in that case": Bob's answer is seen on Ann's waiting mail, and cancels the one that asked for it."""
    decision = answer(made(), unsent("o-1"), unsent("o-2", cancels=True))
    warning = line(decision, "attention")
    assert (warning.outbox_id, warning.facts["overtaken_by"]) == ("o-1", "colleague_answered")
    assert warning.text == "bob@demo.example answered while the mail “Re: Printer” by ann@demo.example waits to be sent."
    assert [one.outbox_id for one in decision.outbox] == ["o-2"]
    assert after(decision).attention == "The mail “Re: Printer” by ann@demo.example cancelled itself: bob@demo.example answered."


def test_ones_own_answer_overtakes_nothing() -> None:
    """The author knows."""
    decision = answer(made(), unsent(cancels=True), user=ANN)
    assert decision.outbox == () and kinds(decision)[-1] == "mail_out"


def test_a_wait_goes_on_with_the_answer_that_overtook_the_mail() -> None:
    """decisions.md 1: what was to begin when the cancelled mail had left begins when the colleague's has."""
    waits = made(place=WAIT_INFORMATION, owner=ANN_KEY, clocks=Clocks(answer_within=timedelta(days=2), after_mail="o-1"))
    assert after(answer(waits, unsent(cancels=True))).clocks.after_mail == "o-9"
    window = made(place=RESOLVED, owner=ANN_KEY, clocks=Clocks(feedback_window=timedelta(days=5), after_mail="o-1"))
    alone = overtaken(window, (unsent(cancels=True),), Overtaking(Kind.CUSTOMER_WROTE, "Carl", NOW), NOW)
    assert after(alone).clocks.feedback_until == NOW + timedelta(days=5)


def test_send_and_resolve_by_a_colleague_keeps_its_undo() -> None:
    """decisions.md 15: the item is saved once, resolved and marked, and what an undo gives back is still known."""
    item = after(answer(made(), unsent(cancels=True), resolve=True))
    assert item.status is Status.RESOLVED and item.attention and item.before is not None
    assert (item.before.place, item.before.version) == (TO_DO, item.version + 1)


# ---------------------------------------------------------------- asking for it


def test_only_a_scheduled_mail_can_be_set_to_cancel_itself() -> None:
    """decisions.md 16: the draft and the timeline say so; without a time it is refused."""
    decision = answer(made(), user=ANN, send_at=NOW + timedelta(hours=1), cancel_if_answered=True)
    assert decision.mails[0].cancel_if_answered and line(decision, "mail_out").facts["cancel_if_answered"] is True
    plain = answer(made(), user=ANN, send_at=NOW + timedelta(hours=1))
    assert not plain.mails[0].cancel_if_answered and "cancel_if_answered" not in line(plain, "mail_out").facts
    with pytest.raises(Refused, match="scheduled"):
        answer(made(), user=ANN, cancel_if_answered=True)
    assert letter_of({"text": "x", "cancel_if_answered": True}).cancel_if_answered


def test_automatic_mails_are_not_overtaken() -> None:
    """Only people's mails are answers that somebody may want back."""
    assert overtaken(made(), (replace(unsent(cancels=True), system_generated=True),), Overtaking(Kind.CUSTOMER_WROTE, "Carl", NOW), NOW) == overtaken(
        made(), (), Overtaking(Kind.CUSTOMER_WROTE, "Carl", NOW), NOW
    )
