"""Mails by people at the desk: written, threaded, undone, sent and resolved, changed by those who may; on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from typing import Any

import pytest

from core.outbox import OutboxState
from core.refusal import NotFound, Refused
from core.setup import Role, User
from core.status import Status
from core.transitions import IllegalTransition
from gateway.store import items, outboxes
from tests.desk.conftest import CARL, Room
from tests.desk.office import put

ANN, BOB, LEA, ROOT = "ann@demo.example", "bob@demo.example", "lea@demo.example", "root@demo.example"


def test_an_answer_is_in_the_outbox_and_takes_the_item(room: Room) -> None:
    """decisions.md 10 and 14, A-ST-09, C-CO-01: To the customer, from the address they wrote to, after ten seconds; the item is Ann's and In Progress."""
    ref = room.ticket()
    sent = room.desk.mail(ref, ANN, text="Pour water.")
    assert (sent["item"], sent["state"], sent["author"], sent["system_generated"]) == (ref, "queued", ANN, False)
    assert sent["to"] == [f"Carl Customer <{CARL}>"]
    assert "support@demo.example" in sent["from"]
    assert sent["due_at"] == "2026-03-02T09:00:10Z"
    shown = room.desk.show(ref, ANN)
    assert (shown["status"], shown["assignee"]) == ("in_progress", ANN)
    mail = shown["timeline"][0]
    assert (mail["kind"], mail["text"], mail["state"], mail["outbox_id"]) == ("mail_out", "Pour water.", "queued", sent["id"])
    assert mail["message_id"] == sent["message_id"]
    assert room.woken == []


def test_a_conversation_is_threaded_both_ways(room: Room) -> None:
    """Contract section 6: In-Reply-To is the newest mail of the customer, References the whole thread, oldest first; our ids become known."""
    ref = room.ticket()
    first = room.desk.mail(ref, ANN, text="Pour water.")
    room.clock.advance(minutes=1)
    room.mail_in(ref, "in-again")
    room.clock.advance(minutes=1)
    second = room.desk.mail(ref, ANN, text="More water.")
    with room.database.read() as connection:
        mail = message_from_bytes(outboxes.raw(connection, second["id"]))
        known = items.known_ids(connection, [first["message_id"]])
    assert mail["In-Reply-To"].split() == ["<in-again@acme.example>"]
    assert mail["References"].split() == ["<in-101001@acme.example>", f"<{first['message_id']}>", "<in-again@acme.example>"]
    assert [(one.item_id, one.direction, one.source_id) for one in known[first["message_id"]]] == [(room.item(ref).id, "out", first["id"])]


def test_what_a_customer_never_gets_is_not_in_their_thread(room: Room) -> None:
    """References name neither a mail that was taken back nor the notice that told its author of a failed one."""
    ref = room.ticket()
    kept, taken, notice = (room.desk.mail(ref, ANN, text=text) for text in ("one", "two", "three"))
    room.desk.cancel_mail(taken["id"], ANN)
    put(room, notice["id"], purpose="send_failed", author="", system_generated=True)
    last = room.desk.mail(ref, ANN, text="four")
    with room.database.read() as connection:
        named = message_from_bytes(outboxes.raw(connection, last["id"]))["References"]
    assert kept["message_id"] in named and taken["message_id"] not in named and notice["message_id"] not in named


def test_a_scheduled_mail_on_the_timeline_says_its_time_of_now(room: Room) -> None:
    """A-OB-02, E-27: after an edit the timeline shows the new time at the mail, and who moved it."""
    ref = room.ticket()
    first, then = room.clock.now() + timedelta(days=1), room.clock.now() + timedelta(days=2)
    mail = room.desk.mail(ref, ANN, text="Tomorrow.", send_at=first)
    room.desk.edit_mail(mail["id"], ANN, send_at=then)
    edited, written = room.desk.show(ref, ANN)["timeline"][:2]
    assert (edited["by"], edited["text"], edited["scheduled_for"]) == (ANN, "Mail: changed.", "2026-03-04T09:00:00Z")
    assert (written["kind"], written["scheduled_for"]) == ("mail_out", "2026-03-04T09:00:00Z")


def test_whoever_is_written_to_becomes_a_participant(room: Room) -> None:
    """decisions.md, participant: everyone in To or Cc of a mail of ours, never an address of ours."""
    ref = room.ticket()
    room.desk.mail(ref, ANN, text="Look.", to=["New@Acme.example", "claims@demo.example"], cc=["x@y.example"])
    with room.database.read() as connection:
        found = items.participants_of(connection, [room.item(ref).id])[room.item(ref).id]
    assert found == {CARL, "new@acme.example", "x@y.example"}


DUE: list[tuple[dict[str, Any], timedelta | None, int]] = [
    ({}, None, 10),
    ({}, timedelta(seconds=30), 30),
    ({"undo": timedelta(0)}, timedelta(seconds=30), 0),
    ({"undo": timedelta(seconds=0.5)}, None, 0),
    ({"default_undo": timedelta(minutes=2)}, None, 120),
    ({"default_undo": timedelta(minutes=2)}, timedelta(0), 0),
]


def test_the_undo_delay(room: Room) -> None:
    """A-US-01, A-US-02, C-US-01, C-US-02, A-US-05, decisions.md 14: what is said wins, then the user's own delay, then the caller's default; off means at once."""
    ref = room.ticket()
    for arguments, own, seconds in DUE:
        room.woken.clear()
        users = tuple(replace(user, undo_send=own) if user.email == ANN else user for user in room.setup.users)
        with room.database.durable() as connection:
            room.setups.save(connection, replace(room.setup, users=users), ROOT, room.clock.now())
        sent = room.desk.mail(ref, ANN, text="Hi.", **arguments)
        delay = arguments.get("undo", timedelta(seconds=seconds))
        with room.database.read() as connection:
            message = outboxes.get(connection, sent["id"])
        assert message is not None and message.due_at == room.clock.now() + delay
        assert (room.woken == ["outbox"]) == (delay == timedelta(0))


def test_a_scheduled_mail_leaves_at_its_time_and_can_be_sent_now(room: Room) -> None:
    """A-OB-01…03, A-CM-05, E-27, E-29: no further delay; the timeline says who and when; sent now it is due at once."""
    ref = room.ticket()
    sent = room.desk.mail(ref, ANN, text="Later.", send_at=room.clock.now() + timedelta(days=1), undo=timedelta(seconds=20))
    assert (sent["due_at"], sent["scheduled"], sent["state"]) == ("2026-03-03T09:00:00Z", True, "queued")
    assert room.desk.show(ref, ANN)["timeline"][0]["scheduled_for"] == "2026-03-03T09:00:00Z"
    assert room.desk.send_mail_now(sent["id"], ANN)["due_at"] == "2026-03-02T09:00:00Z"
    assert room.woken == ["outbox"]
    moved = room.desk.edit_mail(sent["id"], ANN, send_at=room.clock.now() + timedelta(hours=2), text="Much later.", subject="New\nsubject")
    assert (moved["due_at"], moved["state"]) == ("2026-03-02T11:00:00Z", "queued")
    assert room.desk.show_outbox(sent["id"], ANN)["text"] == "Much later."
    assert [line["text"] for line in room.desk.show(ref, ANN)["timeline"] if line["kind"] == "mail_out"] == ["Much later."]


def test_send_and_resolve_and_its_undo(room: Room) -> None:
    """A-TK-20, E-32, decisions.md 15: resolved at the click with customer response, marked as the resolution; undone, all is as before."""
    ref = room.ticket()
    was = room.item(ref)
    sent = room.desk.mail(ref, ANN, text="Solved.", resolve=True)
    shown = room.desk.show(ref, ANN)
    assert (shown["status"], shown["resolution_method"], shown["alarm_at"]) == ("resolved", "with_customer_response", None)
    assert [line["outbox_id"] for line in shown["timeline"] if line["resolution"]] == [sent["id"]]
    room.clock.advance(seconds=5)
    assert room.desk.cancel_mail(sent["id"], ANN)["state"] == "cancelled"
    item = room.item(ref)
    assert (item.place, item.reason, item.assignee, item.queue, item.resolution) == (was.place, was.reason, "", "First line", None)
    with pytest.raises(IllegalTransition, match="cancelled"):
        room.desk.cancel_mail(sent["id"], ANN)


def test_an_undo_after_a_note_leaves_the_item_with_a_mark(room: Room) -> None:
    """decisions.md 15: something else happened since, so the status stays; somebody is called to look."""
    ref = room.ticket()
    sent = room.desk.mail(ref, ANN, text="Solved.", resolve=True)
    room.desk.note(ref, BOB, "Wait a moment.")
    room.desk.cancel_mail(sent["id"], ANN)
    shown = room.desk.show(ref, ANN)
    assert (shown["status"], shown["assignee"]) == ("resolved", ANN)
    assert "cancelled" in shown["attention"]


def test_cancelling_comes_too_late_once_it_is_being_sent(room: Room) -> None:
    """E-28: a claimed mail is not cancelled; the answer is a sentence and the item stays resolved."""
    ref = room.ticket()
    sent = room.desk.mail(ref, ANN, text="Solved.", resolve=True)
    room.set_mail(sent["id"], OutboxState.SENDING)
    with pytest.raises(IllegalTransition, match="Too late"):
        room.desk.cancel_mail(sent["id"], ANN)
    assert room.item(ref).status is Status.RESOLVED


def test_a_mail_before_resolving_is_the_resolution(room: Room) -> None:
    """A-TK-18: a mail just sent needs nothing more; the window waits for it to leave; a cancelled one does not count."""
    ref = room.ticket()
    first = room.desk.mail(ref, ANN, text="Solved.")
    room.desk.cancel_mail(first["id"], ANN)
    with pytest.raises(Refused, match="needs a resolution"):
        room.desk.do(ref, "resolve", ANN)
    second = room.desk.mail(ref, ANN, text="Solved, really.")
    with pytest.raises(Refused, match="needs a resolution"):
        room.desk.do(ref, "resolve", BOB)
    shown = room.desk.do(ref, "resolve", ANN)
    assert [line["outbox_id"] for line in shown["timeline"] if line["resolution"]] == [second["id"]]
    assert room.item(ref).clocks.after_mail == second["id"]


def test_a_resolution_of_an_earlier_stretch_does_not_count_again(room: Room) -> None:
    """E-31: since the item was last put to To Do or In Progress; after a reopening a new word, or the kept resolution, is needed."""
    ref = room.ticket()
    room.desk.do(ref, "resolve", ANN, note="Done.")
    room.desk.do(ref, "reopen", ANN)
    with pytest.raises(Refused, match="needs a resolution"):
        room.desk.do(ref, "resolve", ANN)
    shown = room.desk.do(ref, "resolve-again", ANN)
    assert shown["status"] == "resolved"
    assert [line["text"] for line in shown["timeline"] if line["resolution"]] == ["Done."]
    assert shown["resolution"]["earlier"][0]["by"] == ANN


def test_answers_do_not_take_from_a_colleague(room: Room) -> None:
    """decisions.md 10, C-CO-05: mail may be sent from an item of a colleague, and stays theirs."""
    ref = room.ticket()
    room.desk.do(ref, "take", BOB)
    room.desk.do(ref, "stop", BOB)
    room.desk.mail(ref, ANN, text="Hello.")
    assert (room.item(ref).assignee, room.item(ref).status) == (BOB, Status.TO_DO)


def test_the_author_is_warned(room: Room) -> None:
    """decisions.md 16: the customer wrote while an answer waits, or a colleague answered a moment ago."""
    ref = room.ticket()
    looked_at = room.clock.now()
    assert room.desk.warnings(ref, ANN, seen_at=looked_at) == ()
    room.desk.mail(ref, ANN, text="Wait.", send_at=room.clock.now() + timedelta(hours=1))
    room.clock.advance(seconds=30)
    room.mail_in(ref, "in-again")
    warned = room.desk.warnings(ref, BOB, seen_at=looked_at)
    customer = f"Carl Customer <{CARL}>"
    assert warned == (
        f"{customer} wrote since you looked at this item.",
        f"{customer} wrote while an answer by {ANN} waits to be sent.",
        f"An answer by {ANN} waits to be sent.",
    )


def test_an_answer_says_what_its_author_should_have_known(room: Room) -> None:
    """decisions.md 16: the warnings come with the mail that was written; a waiting mail shows what a colleague did since, and so does the timeline."""
    ref = room.ticket()
    later = room.clock.now() + timedelta(hours=1)
    first = room.desk.mail(ref, ANN, text="Later.", send_at=later)
    assert (first["warnings"], first["customer_wrote_at"], first["cancel_if_answered"]) == ([], None, False)
    second = room.desk.mail(ref, BOB, text="Now.")
    assert second["warnings"] == [f"An answer by {ANN} waits to be sent."]
    shown = {one["id"]: one for one in room.desk.list_outbox(ANN)}
    warning = f"{BOB} answered while the mail “Re: [{ref}] Printer on fire” by {ANN} waits to be sent."
    assert (shown[first["id"]]["warnings"], shown[second["id"]]["warnings"]) == ([warning], [])
    assert room.desk.show_outbox(first["id"], ANN)["warnings"] == room.desk.hold_mail(first["id"], ANN)["warnings"] == [warning]
    assert [line["text"] for line in room.desk.show(ref, ANN)["timeline"] if line["kind"] == "attention"] == [warning]
    room.set_mail(first["id"], OutboxState.SENT)
    assert room.desk.show_outbox(first["id"], ANN)["warnings"] == [], "it has left"


def test_a_colleagues_answer_cancels_a_mail_that_is_set_to(room: Room) -> None:
    """decisions.md 16: cancelled with its reason, the item calls attention; a mail that is being sent at that moment is too late to cancel."""
    ref = room.ticket()
    set_to = {"send_at": room.clock.now() + timedelta(hours=1), "cancel_if_answered": True}
    waits, leaves = (room.desk.mail(ref, ANN, text="Later.", **set_to)["id"] for _ in range(2))
    room.set_mail(leaves, OutboxState.SENDING)
    room.desk.mail(ref, BOB, text="Now.")
    cancelled = room.desk.show_outbox(waits, ANN)
    assert (cancelled["state"], cancelled["history"][-1]["reason"]) == ("cancelled", f"cancel: {BOB} answered; it was set to cancel itself")
    assert "cancelled itself" in room.desk.show(ref, ANN)["attention"]
    sending = room.desk.show_outbox(leaves, ANN)
    assert (sending["state"], len(sending["warnings"])) == ("sending", 1) and "was being sent" in sending["warnings"][0]


def test_a_mail_for_no_time_cannot_cancel_itself(room: Room) -> None:
    """decisions.md 16: a scheduled mail may."""
    with pytest.raises(Refused, match="scheduled"):
        room.desk.mail(room.ticket(), ANN, text="Now.", cancel_if_answered=True)


MAY = [(ANN, True), (LEA, True), (BOB, False), (ROOT, True)]


@pytest.mark.parametrize("deed", ["cancel_mail", "hold_mail", "send_mail_now", "edit_mail"])
def test_who_may_touch_anothers_mail(room: Room, deed: str) -> None:
    """E-33: the author, the leader of their team, an administrator; a colleague who sees the item is refused."""
    ref = room.ticket()
    for who, may in MAY:
        sent = room.desk.mail(ref, ANN, text="Hi.")
        if may:
            assert getattr(room.desk, deed)(sent["id"], who)["id"] == sent["id"]
        else:
            with pytest.raises(Refused, match="Only the author"):
                getattr(room.desk, deed)(sent["id"], who)
            assert room.desk.show_outbox(sent["id"], ROOT)["state"] == "queued"


def test_whoever_has_the_item_may_touch_its_mails(room: Room) -> None:
    """E-33: the assignee of the item."""
    ref = room.ticket()
    sent = room.desk.mail(ref, ANN, text="Hi.")
    room.desk.do(ref, "assign", ANN, to=BOB)
    assert room.desk.hold_mail(sent["id"], BOB, reason="check this")["hold_reason"] == "check this"
    assert room.desk.release_mail(sent["id"], ANN)["state"] == "queued"
    told = [line for line in room.desk.show(ref, ANN)["timeline"] if line["kind"] == "delivery"]
    assert [(line["by"], line["text"]) for line in told] == [(ANN, "Mail: released."), (BOB, "Mail: held back.")]


def test_a_failed_mail_is_tried_again(room: Room) -> None:
    """A-OB-13, C-OB-02: by hand it is pending retry, due now."""
    sent = room.desk.mail(room.ticket(), ANN, text="Hi.")
    room.set_mail(sent["id"], OutboxState.FAILED)
    assert room.desk.retry_mail(sent["id"], ANN)["state"] == "pending_retry"
    assert room.woken == ["outbox"]


def test_the_outbox_lists_what_is_within_sight(room: Room) -> None:
    """A-OB-09…12, E-33: one's own, those about items one sees; the others are not there, neither in the list nor by id."""
    stranger = User("u-x", "x@demo.example", "X", Role.AGENT, "", ())
    with room.database.durable() as connection:
        room.setups.save(connection, replace(room.setup, users=(*room.setup.users, stranger)), ROOT, room.clock.now())
    ticket, case = room.ticket(), room.ticket("Claim")
    about_ticket, about_case = room.desk.mail(ticket, ANN, text="a")["id"], room.desk.mail(case, BOB, text="b")["id"]
    seen = {who: {one["id"] for one in room.desk.list_outbox(who)} for who in (ANN, BOB, LEA, ROOT, "x@demo.example")}
    both = {about_ticket, about_case}
    assert seen == {ANN: {about_ticket}, BOB: both, LEA: both, ROOT: both, "x@demo.example": set()}
    assert [one["id"] for one in room.desk.list_outbox(ROOT, ref=case, states=["queued"])] == [about_case]
    assert room.desk.list_outbox(ROOT, states=["failed"]) == []
    with pytest.raises(NotFound):
        room.desk.show_outbox(about_case, ANN)
    with pytest.raises(NotFound):
        room.desk.cancel_mail(about_case, ANN)
    with pytest.raises(NotFound):
        room.desk.show_outbox("no-such-mail", ROOT)


def test_a_mail_that_cannot_be_written_leaves_nothing(room: Room) -> None:
    """No mail, no line, no change of the item."""
    ref = room.ticket()
    was = room.item(ref)
    for wrong in ({"text": " "}, {"text": "x", "to": ["nobody"]}, {"text": "x", "send_at": room.clock.now()}, {"text": "x", "undo": timedelta(days=1)}):
        with pytest.raises(Refused):
            room.desk.mail(ref, ANN, **wrong)
    assert room.item(ref) == was
    assert room.desk.list_outbox(ROOT) == []
