"""Undoing what a person decided about a mail that waited, in a whole house on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.refusal import NotFound, Refused
from gateway.store import contacts, items
from gateway.store.item_rows import item_row
from tests.desk.gate import CLAIMS, EVE, HELP, Gate
from tests.flow.told import ANN, CARL, ROOT, letter

MARKS = ("updated_at", "updated_by")


def as_it_was(gate: Gate, ref: str) -> dict[str, object]:
    """Everything an undo must give back."""
    row = item_row(gate.stored(ref))
    return {name: value for name, value in row.items() if name not in MARKS}


def knows(gate: Gate, address: str) -> bool:
    with gate.house.database.read() as connection:
        return bool(contacts.known(connection, (address,)))


@pytest.mark.parametrize("status", ["to_do", "wait", "resolved", "in_progress"])
def test_a_join_is_undone(gate: Gate, status: str) -> None:
    """decisions.md, held, undoable: the item has what it had, to the clocks; nobody is tied to it by the mail; the mail waits, and can be decided again."""
    ref = gate.ticket()
    held = gate.held(ref)
    if status == "wait":
        gate.desk.do(ref, "wait", ANN, days=2)
    elif status == "resolved":
        gate.desk.do(ref, "resolve", ANN, note="x")
    elif status == "in_progress":
        gate.desk.do(ref, "take", ANN)
    was, people, shown = as_it_was(gate, ref), gate.people(ref), gate.seen(ref)
    gate.desk.join_inbound(held, ref, ANN)
    assert gate.seen(ref)["status"] in ("to_do", "in_progress") and EVE in gate.people(ref)

    gate.clock.advance(hours=3)
    undone = gate.desk.undo_inbound(held, ANN)
    assert (undone["state"], undone["verdicts"][0]["action"], undone["verdicts"][0]["decided_by"]) == ("held", "hold", "")
    assert as_it_was(gate, ref) == was
    assert (gate.people(ref), knows(gate, EVE), gate.seen(ref)["contacts"]) == (people, False, shown["contacts"])
    told = gate.seen(ref)["timeline"]
    assert "undone" in told[0]["text"] and told[0]["by"] == ANN
    line = next(line for line in told if line["kind"] == "mail_in" and line["inbound_id"] == held)
    assert (line["action"], line["undone_by"], "undo" in line) == ("undone", ANN, False), "the line stays and says so"
    assert [change["became"] for change in undone["history"]] == ["held", "done", "held"]
    gate.comes_in(letter("Me", "x", message_id="s2@evil.example", sender=EVE, In_Reply_To="<s1@evil.example>"), EVE)
    assert len(gate.desk.list_items(ROOT)) == 2, "the id of the mail points to the item no more"
    assert gate.desk.join_inbound(held, ref, ANN)["state"] == "done"


def test_a_send_and_resolve_can_be_taken_back_after_it(gate: Gate) -> None:
    """decisions.md 15: a join reopened the item and was undone; cancelling the resolving mail gives back what was before it, as without the join."""
    ref = gate.ticket()
    held = gate.held(ref)
    was = gate.seen(ref)["status"]
    mail = gate.desk.mail(ref, ANN, text="Done.", undo=timedelta(minutes=2), resolve=True)
    assert gate.seen(ref)["status"] == "resolved"
    gate.desk.join_inbound(held, ref, ANN)
    gate.desk.undo_inbound(held, ANN)
    assert gate.seen(ref)["status"] == "resolved"
    gate.desk.cancel_mail(mail["id"], ANN)
    assert gate.seen(ref)["status"] == was


def test_a_countdown_goes_on_with_what_was_left(gate: Gate) -> None:
    """Undo of a join of mail that stopped no clock: the time in between does not count, so that nothing closes at once (decisions.md 1)."""
    ref, lost = gate.ticket(), gate.lost()
    gate.desk.do(ref, "wait", ANN, days=2)
    due = gate.stored(ref).clocks.answer_due
    gate.desk.join_inbound(lost, ref, ANN)
    gate.pass_days(3)
    assert gate.desk.undo_inbound(lost, ANN)["state"] == "unhandled"
    item = gate.stored(ref)
    assert (item.status, item.clocks.answer_due) == ("wait", due + timedelta(days=3))


def test_a_remembered_address_is_forgotten(gate: Gate) -> None:
    """Joining remembers a private address on the contact; the undo takes it back, and what was known before stays."""
    ref = gate.ticket()
    ours = gate.desk.mail(ref, ANN, text="Cool it.")["message_id"]
    private = "carl@gmail.com"
    held = gate.comes_in(letter("Re: Hot", "From home.", message_id="p1@gmail.com", sender=f"Carl <{private}>", In_Reply_To=f"<{ours}>"), private)
    gate.desk.join_inbound(held, ref, ANN)
    assert knows(gate, private)
    gate.desk.undo_inbound(held, ANN)
    assert (knows(gate, private), knows(gate, CARL)) == (False, True)


def test_it_is_refused_when_something_happened_since(gate: Gate) -> None:
    """The sentence says what happened, by whom, and offers to move the mail; nothing is changed."""
    ref = gate.ticket()
    held = gate.held(ref)
    gate.desk.join_inbound(held, ref, ANN)
    gate.desk.note(ref, ANN, "I spoke to her.")
    was = as_it_was(gate, ref)
    with pytest.raises(Refused, match=r"has changed since \(.*note by ann@demo.example at 2026-03-02 09:00 UTC\).*inbound move"):
        gate.desk.undo_inbound(held, ANN)
    assert as_it_was(gate, ref) == was
    assert gate.desk.show_inbound(held, ANN)["state"] == "done"


def test_other_mails_that_wait_do_not_stand_in_the_way(gate: Gate) -> None:
    """decisions.md, held, undoable: a second mail that is held on the item meanwhile stays held, and stops the countdown that the undo gives back."""
    ref, lost = gate.ticket(), gate.lost()
    ours = gate.desk.mail(ref, ANN, text="Cool it.")["message_id"]
    gate.desk.do(ref, "wait", ANN, days=2)
    clocks, people = gate.stored(ref).clocks, gate.people(ref)
    gate.desk.join_inbound(lost, ref, ANN)
    gate.clock.advance(hours=1)
    raw = letter("Re: Hot", "Let me in.", message_id="s9@evil.example", sender=f"Eve <{EVE}>", In_Reply_To=f"<{ours}>")
    second = gate.comes_in(raw, EVE)
    assert gate.desk.show_inbound(second, ANN)["state"] == "held"
    gate.clock.advance(hours=1)
    assert gate.desk.undo_inbound(lost, ANN)["state"] == "unhandled"
    item = gate.stored(ref)
    assert (item.status, item.clocks) == ("wait", clocks.stop(second, gate.clock.now()))
    assert (gate.people(ref), item.new_information) == (people, True)
    assert gate.desk.show_inbound(second, ANN)["state"] == "held"


def test_other_mails_that_were_dealt_with_do(gate: Gate) -> None:
    """The undo is refused when a person decided about the other mail meanwhile: they may have relied on what was joined."""
    ref, lost = gate.ticket(), gate.lost()
    ours = gate.desk.mail(ref, ANN, text="Cool it.")["message_id"]
    gate.desk.join_inbound(lost, ref, ANN)
    second = gate.comes_in(letter("Re: Hot", "In.", message_id="s9@evil.example", sender=f"Eve <{EVE}>", In_Reply_To=f"<{ours}>"), EVE)
    gate.desk.join_inbound(second, ref, ANN)
    with pytest.raises(Refused, match="mail in"):
        gate.desk.undo_inbound(lost, ANN)
    assert gate.desk.undo_inbound(second, ANN)["state"] == "held"


def test_a_mail_that_cancelled_itself_cannot_come_back(gate: Gate) -> None:
    """decisions.md 16: a join that cancelled a waiting answer is not undone: the answer stays cancelled, and somebody must know."""
    ref = gate.ticket()
    held = gate.held(ref)
    gate.desk.mail(ref, ANN, text="Later.", send_at=gate.clock.now() + timedelta(hours=1), cancel_if_answered=True)
    gate.desk.join_inbound(held, ref, ANN)
    with pytest.raises(Refused, match="cancelled itself"):
        gate.desk.undo_inbound(held, ANN)


def test_an_opened_item_is_undone(gate: Gate) -> None:
    """The new item is closed as cancelled and nothing of it deleted; the mail is held on the first one again, whose countdown stands still."""
    ref = gate.ticket()
    held = gate.held(ref)
    gate.desk.do(ref, "wait", ANN, days=1)
    stopped = gate.stored(ref).clocks
    (other,) = [one for one in gate.desk.open_inbound(held, ANN)["items"] if one != ref]
    assert gate.stored(ref).clocks.stopped_by == ()
    undone = gate.desk.undo_inbound(held, ANN)
    assert (undone["state"], undone["items"]) == ("held", [ref])
    assert gate.stored(ref).clocks.stopped_by == stopped.stopped_by
    assert "A mail is held again: what was decided about it was undone." in [line["text"] for line in gate.seen(ref)["timeline"]]
    shown = gate.seen(other)
    assert (shown["status"], shown["resolution_method"], shown["reason"]) == ("closed", "cancelled", "cancelled")
    assert [link["ref"] for link in shown["links"]] == [ref]
    again = gate.desk.open_inbound(held, ANN)["items"]
    assert len({ref, other, *again}) == 3, "opened again, it is another item"


@pytest.mark.parametrize("process", ["General support", "Claim"])
def test_an_unhandled_mail_waits_again(gate: Gate, process: str) -> None:
    """Ticket or case: the mail is unhandled again with its verdict; a replay then decides it anew, and a new item has its own number."""
    lost = gate.lost()
    was = gate.desk.show_inbound(lost, ROOT)["verdicts"]
    (first,) = gate.desk.open_inbound(lost, ROOT, process=process)["items"]
    undone = gate.desk.undo_inbound(lost, ROOT)
    assert (undone["state"], undone["verdicts"], undone["items"]) == ("unhandled", was, [])
    with gate.house.database.durable() as connection:
        setup = gate.house.setups.current(connection)
        route = replace(setup.routes[0], id="r-9", name="help", address=HELP, kind="ordinary")
        gate.house.setups.save(connection, replace(setup, routes=(route, *setup.routes)), ROOT, gate.clock.now())
    gate.desk.replay_inbound(lost, ROOT)
    gate.house.processor.sweep()
    (second,) = gate.desk.show_inbound(lost, ROOT)["items"]
    assert second != first


def test_an_opened_item_that_was_written_on_stays(gate: Gate) -> None:
    """Somebody answered from it: the mail stays where its answer is."""
    lost = gate.lost()
    (ref,) = gate.desk.open_inbound(lost, ANN)["items"]
    gate.desk.do(ref, "take", ANN)
    gate.desk.mail(ref, ANN, text="Here you are.")
    with pytest.raises(Refused, match=r"mail out by ann@demo.example"):
        gate.desk.undo_inbound(lost, ANN)


def test_discarded_is_undone_and_nothing_else_is(gate: Gate) -> None:
    """A discarded mail waits again; a mail that the routes placed has nothing to undo; undone once is undone; sight is asked for."""
    lost = gate.lost()
    gate.desk.discard_inbound(lost, ANN)
    assert gate.desk.undo_inbound(lost, ANN)["state"] == "unhandled"
    with pytest.raises(Refused, match="nothing to undo"):
        gate.desk.undo_inbound(lost, ANN)
    claim = gate.comes_in(letter("Claim", "Pay.", message_id="c1@acme.example", to=CLAIMS), to=CLAIMS)
    with pytest.raises(Refused, match="nothing to undo"):
        gate.desk.undo_inbound(claim, ROOT)
    with pytest.raises(NotFound):
        gate.desk.undo_inbound(claim, ANN)


def test_a_quarantined_mail_that_was_joined_is_quarantined_again(gate: Gate) -> None:
    """Its clocks stand still again, and the verdict that only the decision had made is gone."""
    ref = gate.ticket()
    ours = gate.desk.mail(ref, ANN, text="Cool it.", undo=None)["message_id"]
    lost = gate.quarantined(letter("Re: Hot", "Still hot.", message_id="q1@acme.example", In_Reply_To=f"<{ours}>"))
    gate.desk.join_inbound(lost, ref, ROOT)
    undone = gate.desk.undo_inbound(lost, ROOT)
    assert undone["state"] == "quarantined"
    assert gate.stored(ref).clocks.stopped_by == (lost,)
    with gate.house.database.read() as connection:
        assert items.known_ids(connection, ("q1@acme.example",)) == {}


def test_an_answer_goes_to_who_wrote_last_and_stayed(gate: Gate) -> None:
    """After an undo the sender of the mail gets no answer by default: the last mail of the item is the one before."""
    ref = gate.ticket()
    held = gate.held(ref)
    gate.desk.join_inbound(held, ref, ANN)
    gate.desk.undo_inbound(held, ANN)
    sent = gate.desk.mail(ref, ANN, text="For you.")
    assert [one["address"] for one in gate.desk.show_outbox(sent["id"], ANN)["recipients"]] == [CARL]
