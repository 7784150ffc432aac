"""Moving an appended mail to a new item or to another one (B-CO-07), in a whole house on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.refusal import NotFound, Refused
from core.setup import Conditions, RouteKind
from tests.desk.gate import CLAIMS, EVE, Gate
from tests.flow.told import ANN, CARL, ROOT, letter

KIM = "kim@acme.example"


def line_of(shown: dict[str, Any], inbound_id: str) -> dict[str, Any]:
    return next(line for line in shown["timeline"] if line["kind"] == "mail_in" and line.get("inbound_id") == inbound_id)


def test_a_mail_becomes_its_own_item(gate: Gate) -> None:
    """B-CO-07: sent through the routes with matching disabled; the old line is read-only with a link; both are linked; requester as by a route; no acknowledgement."""
    ref = gate.ticket()
    mail = gate.answer()
    queued = len(gate.desk.list_outbox(ROOT))
    moved = gate.desk.move_inbound(mail, ANN)
    (new,) = moved["items"]
    assert (new != ref, moved["state"], moved["verdicts"][0]["action"], moved["verdicts"][0]["decided_by"]) == (True, "done", "open", ANN)
    shown, old = gate.seen(new), gate.seen(ref)
    assert (shown["process"], shown["category"], shown["status"], shown["created_by"]) == ("General support", "Question", "to_do", ANN)
    assert [(one["address"], one["tags"]) for one in shown["contacts"]] == [(CARL, ["primary", "original_requester", "requester"])]
    assert line_of(shown, mail)["text"] == "Something else is broken."
    line = line_of(old, mail)
    assert (line["action"], line["moved_to"], line["moved_by"]) == ("moved", new, ANN)
    assert [[link["ref"] for link in one["links"]] for one in (shown, old)] == [[ref], [new]]
    assert f"was moved to {new}" in old["timeline"][0]["text"]
    assert len(gate.desk.list_outbox(ROOT)) == queued
    assert moved["history"][-1]["reason"] == f"moved from {ref} to {new} by {ANN}"


def test_answers_to_it_follow(gate: Gate) -> None:
    """Known ids follow the mail: an answer to it joins the new item, and an answer by us from the old one is to the mail that stayed."""
    ref = gate.ticket()
    mail = gate.answer()
    (new,) = gate.desk.move_inbound(mail, ANN)["items"]
    further = gate.answer(2, to="a1@acme.example", text="And more of that.")
    assert gate.desk.show_inbound(further, ANN)["items"] == [new]
    assert gate.desk.show_inbound(gate.answer(3, text="About the first."), ANN)["items"] == [ref]
    sent = gate.desk.mail(new, ANN, text="Looking.")
    back = gate.answer(4, to=sent["message_id"], text="Thanks.")
    assert gate.desk.show_inbound(back, ANN)["items"] == [new]


def test_a_process_may_be_named(gate: Gate) -> None:
    """The new item is of that process, whatever the routes say."""
    gate.ticket()
    (case,) = gate.desk.move_inbound(gate.answer(), ROOT, process="claim")["items"]
    assert case.endswith("-C") and gate.seen(case)["process"] == "Claim"
    with pytest.raises(Refused, match="no process “Tea”"):
        gate.desk.move_inbound(gate.answer(2), ROOT, process="Tea")


def test_the_routes_are_asked_with_all_headers(gate: Gate) -> None:
    """Re-sent through routing: conditions on what only the raw mail has hold too; where nothing opens an item, the sentence says to name a process."""
    with gate.house.database.durable() as connection:
        setup = gate.house.setups.current(connection)
        route = replace(
            setup.routes[0], id="r-9", name="printers", kind=RouteKind.ORDINARY, process="Claim", category="", when=Conditions(headers=("X-Printer: jam",))
        )
        ignoring = replace(route, id="r-8", name="none", effect="ignore", process="", when=Conditions(subject_words=("nothing",)))
        gate.house.setups.save(connection, replace(setup, routes=(route, ignoring, *setup.routes)), ROOT, gate.clock.now())
    ref = gate.ticket()
    (case,) = gate.desk.move_inbound(gate.answer(X_Printer="jam in tray 2"), ROOT)["items"]
    assert case.endswith("-C")
    nothing = gate.comes_in(letter("Re: nothing", "x", message_id="n@acme.example", In_Reply_To="<m1@acme.example>"))
    assert gate.desk.show_inbound(nothing, ROOT)["items"] == [ref]
    with pytest.raises(Refused, match=r"No route opens an item.*ignores it.*--process"):
        gate.desk.move_inbound(nothing, ROOT)


@pytest.mark.parametrize(("status", "becomes"), [("wait", "to_do"), ("resolved", "to_do"), ("in_progress", "in_progress")])
def test_another_item_reacts_as_if_the_mail_had_come_there(gate: Gate, status: str, becomes: str) -> None:
    """Wakes, reopens, marks; what the mail did to the old item stays, and a line says so."""
    first, second = gate.ticket(), gate.ticket(2, "Cold")
    gate.desk.do(second, {"wait": "wait", "resolved": "resolve", "in_progress": "take"}[status], ANN, **{"wait": {"days": 1}, "resolved": {"note": "x"}}.get(status, {}))
    gate.desk.do(first, "wait", ANN, days=1)
    mail = gate.answer()
    assert gate.seen(first)["status"] == "to_do"
    moved = gate.desk.move_inbound(mail, ANN, to=second.lower())
    assert moved["items"] == [second]
    shown, old = gate.seen(second), gate.seen(first)
    assert (shown["status"], shown["new_information"], old["status"]) == (becomes, True, "to_do")
    assert line_of(shown, mail)["decided_by"] == ANN
    assert "What it changed here stays." in old["timeline"][0]["text"]
    assert [link["ref"] for link in shown["links"]] == [first]
    back = gate.desk.move_inbound(mail, ANN, to=first)
    assert back["items"] == [first], "and back again"


def test_mail_that_does_not_count_wakes_nothing_there(gate: Gate) -> None:
    """decisions.md 2: an out-of-office reply moved to a resolved item does not reopen it."""
    gate.ticket()
    second = gate.ticket(2, "Cold")
    gate.desk.do(second, "resolve", ANN, note="x")
    away = gate.answer(Auto_Submitted="auto-replied", text="I am away.")
    gate.desk.move_inbound(away, ANN, to=second)
    assert gate.seen(second)["status"] == "resolved"


def test_who_came_by_this_mail_alone_leaves_with_it(gate: Gate) -> None:
    """Participants brought only by it leave the old item; whoever wrote or was named otherwise, was put there by hand or is a contact, stays."""
    ref = gate.ticket()
    gate.desk.do(ref, "edit", ANN, contact="hand@acme.example")
    gate.answer(1, Cc="both@acme.example", text="One.")
    mail = gate.answer(2, Cc="both@acme.example, only@acme.example, hand@acme.example", text="Two.")
    assert "only@acme.example" in gate.people(ref)
    gate.desk.move_inbound(mail, ANN)
    assert gate.people(ref) == {CARL, "both@acme.example", "hand@acme.example"}
    assert gate.seen(ref)["timeline"][0]["left"] == ["only@acme.example"]


def test_an_author_who_became_cc_by_it_leaves_with_it(gate: Gate) -> None:
    """A colleague added as Cc by a mail that belonged elsewhere gets no further mail of the old item, and may not write to it any more."""
    ref = gate.ticket()
    ours = gate.desk.mail(ref, ANN, text="Cool it.")["message_id"]
    mail = gate.answer(1, to=ours, sender=f"Kim <{KIM}>", text="My own trouble.")
    assert KIM in [one["address"] for one in gate.seen(ref)["contacts"]]
    (new,) = gate.desk.move_inbound(mail, ANN)["items"]
    assert [one["address"] for one in gate.seen(ref)["contacts"]] == [CARL]
    assert [one["address"] for one in gate.seen(new)["contacts"]] == [KIM]
    assert KIM not in gate.people(ref)


def test_never_the_mail_that_opened_the_item(gate: Gate) -> None:
    """B-CO-07: neither to a new item nor to another one; nor what stands nowhere, nor to where it is, nor to a closed item."""
    ref = gate.ticket()
    other = gate.ticket(2, "Cold")
    (first, *_) = [line["inbound_id"] for line in gate.seen(ref)["timeline"] if line["kind"] == "mail_in"]
    for more in ({}, {"to": other}, {"process": "General support"}):
        with pytest.raises(Refused, match=f"opened {ref}"):
            gate.desk.move_inbound(first, ANN, **more)
    mail = gate.answer()
    with pytest.raises(Refused, match="already"):
        gate.desk.move_inbound(mail, ANN, to=ref)
    gate.desk.do(other, "resolve", ANN, method="rejected_as_spam")
    with pytest.raises(Refused, match="is closed and takes no mail"):
        gate.desk.move_inbound(mail, ANN, to=other)
    with pytest.raises(Refused, match="nothing to move"):
        gate.desk.move_inbound(gate.lost(), ANN)
    with pytest.raises(Refused, match="either"):
        gate.desk.move_inbound(mail, ANN, to=other, process="Claim")


def test_from_which_item(gate: Gate) -> None:
    """A mail that stands on several items is moved from the one named; the others keep it."""
    to = ("support@demo.example", CLAIMS)
    opened = gate.comes_in(letter("Both", "One.", message_id="b1@acme.example", to=", ".join(to)), to=to)
    ticket, case = gate.desk.show_inbound(opened, ROOT)["items"]
    both = gate.comes_in(letter("Re: Both", "Two.", message_id="b2@acme.example", to=", ".join(to), In_Reply_To="<b1@acme.example>"), to=to)
    assert set(gate.desk.show_inbound(both, ROOT)["items"]) == {ticket, case}
    with pytest.raises(Refused, match=rf"stands on {ticket}, {case}.*--from REF"):
        gate.desk.move_inbound(both, ROOT)
    with pytest.raises(Refused, match=f"stands on {case} too"):
        gate.desk.move_inbound(both, ROOT, to=case, from_=ticket)
    moved = gate.desk.move_inbound(both, ROOT, process="General support", from_=case)
    assert ticket in moved["items"] and case not in moved["items"] and len(moved["items"]) == 2
    assert line_of(gate.seen(ticket), both)["action"] == "join"
    with pytest.raises(Refused, match=rf"does not stand on {case}\. It stands on: {ticket}"):
        gate.desk.move_inbound(both, ROOT, from_=case)


def test_out_of_sight(gate: Gate) -> None:
    """decisions.md 21: neither a mail nor an item that a person may not see can be moved or be the target."""
    claim = gate.comes_in(letter("Claim", "Pay.", message_id="c1@acme.example", to=CLAIMS), to=CLAIMS)
    gate.ticket()
    mail = gate.answer()
    with pytest.raises(NotFound):
        gate.desk.move_inbound(claim, ANN)
    with pytest.raises(NotFound):
        gate.desk.move_inbound(mail, ANN, to=gate.desk.show_inbound(claim, ROOT)["items"][0])


def test_a_mail_that_was_held_and_joined_can_be_moved(gate: Gate) -> None:
    """What cannot be undone any more can be moved: the stranger who was let in is no participant of the old item any longer."""
    ref = gate.ticket()
    held = gate.held(ref)
    gate.desk.join_inbound(held, ref, ANN)
    gate.desk.note(ref, ANN, "Oh.")
    (new,) = gate.desk.move_inbound(held, ANN)["items"]
    assert (EVE in gate.people(ref), EVE in gate.people(new)) == (False, True)
    with pytest.raises(Refused, match="nothing to undo"):
        gate.desk.undo_inbound(held, ANN)


def test_doubtful_mail_that_moved_holds_nothing_up(gate: Gate) -> None:
    """decisions.md 1: the old item's countdown stood still because of it, and goes on."""
    ref = gate.ticket()
    gate.desk.do(ref, "wait", ANN, days=1)
    gate.house.scheduler.tick(gate.clock.now())
    due = gate.stored(ref).clocks.answer_due
    mail = gate.comes_in(letter("Automatic reply: Hot", "I am away.", message_id="d1@acme.example", In_Reply_To="<m1@acme.example>"))
    assert gate.stored(ref).clocks.stopped_by
    gate.clock.advance(hours=1)
    gate.desk.move_inbound(mail, ANN)
    assert (gate.stored(ref).clocks.stopped_by, gate.stored(ref).clocks.answer_due) == ((), due + timedelta(hours=1))


def test_two_people_at_once(gate: Gate) -> None:
    """Both move the same mail at the same moment: one does, the other is told; there is one new item."""
    ref = gate.ticket()
    mail = gate.answer()

    def moves(who: str) -> str:
        try:
            return "done: " + " ".join(gate.desk.move_inbound(mail, who)["items"])
        except Refused as refused:
            return str(refused)

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(moves, (ANN, ROOT)))
    assert [one.startswith(("This mail opened", "done")) for one in said] == [True, True]
    assert len(gate.desk.list_items(ROOT)) == 2
    assert gate.seen(ref)["timeline"][0]["kind"] == "link"
