"""What people decide about mail that was held or has no route, in a whole house on both databases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.refusal import NotFound, Refused
from core.setup import RouteKind
from gateway.store import items
from tests.desk.gate import BOB, CLAIMS, EVE, Gate
from tests.flow.told import ANN, ROOT, letter


def test_a_held_mail_waits_and_is_joined(gate: Gate) -> None:
    """decisions.md, held: shown on the item, in the list; joined, it is as if it had come there, wakes the item, and Eve is known from then on."""
    ref = gate.ticket()
    gate.desk.do(ref, "resolve", ANN, note="x")
    held = gate.held(ref)
    assert gate.desk.show_inbound(held, ANN)["state"] == "held"
    assert [one["id"] for one in gate.desk.list_inbound(ANN, states=["held"])] == [held]
    line = next(line for line in gate.seen(ref)["timeline"] if line["kind"] == "mail_held")
    assert (line["inbound_id"], line["state"], line["from"]) == (held, "held", f"Eve <{EVE}>")
    assert gate.seen(ref)["status"] == "resolved"

    joined = gate.desk.join_inbound(held, ref.lower(), ANN)
    assert (joined["state"], joined["items"], joined["verdicts"][0]["decided_by"]) == ("done", [ref], ANN)
    shown = gate.seen(ref)
    assert (shown["status"], shown["new_information"]) == ("to_do", True)
    assert [line["kind"] for line in shown["timeline"]][:2] == ["attention", "status"], "our answer, which has not left, is warned of"
    with gate.house.database.read() as connection:
        assert EVE in items.participants_of(connection, [f"{mail_of(shown)}.0"])[f"{mail_of(shown)}.0"]
    gate.comes_in(letter(f"[{ref}] again", "Me again.", message_id="s9@evil.example", sender=f"Eve <{EVE}>"), EVE)
    assert len([line for line in gate.seen(ref)["timeline"] if line["kind"] == "mail_in"]) == 3
    with pytest.raises(Refused, match="is done"):
        gate.desk.join_inbound(held, ref, ANN)


def test_a_held_mail_is_opened_as_a_new_item(gate: Gate) -> None:
    """decisions.md, held: a new item linked to the old one; the countdown of the old one goes on; no acknowledgement."""
    ref = gate.ticket()
    held = gate.held(ref)
    sent = len(gate.desk.list_outbox(ROOT))
    opened = gate.desk.open_inbound(held, ANN)
    (other,) = [one for one in opened["items"] if one != ref]
    shown = gate.seen(other)
    assert (shown["status"], shown["process"], shown["created_by"]) == ("to_do", "General support", ANN)
    assert [(link["kind"], link["ref"]) for link in shown["links"]] == [("linked", ref)]
    assert [contact["address"] for contact in shown["contacts"]] == [EVE]
    assert len(gate.desk.list_outbox(ROOT)) == sent


def test_a_held_mail_is_discarded_and_taken_back(gate: Gate) -> None:
    """decisions.md 1, held: discarding lets the countdown go on, taking back stops it again; both are on the timeline."""
    ref = gate.ticket()
    held = gate.held(ref)
    gate.desk.do(ref, "wait", ANN, days=1)
    gate.house.scheduler.tick(gate.clock.now())
    reason = gate.desk.show_inbound(held, ANN)["reason"]
    assert gate.desk.discard_inbound(held, ANN)["state"] == "discarded"
    taken_back = gate.desk.take_back_inbound(held, ANN)
    assert (taken_back["state"], taken_back["reason"]) == ("held", reason), "why it was held is what the next person must know"
    assert taken_back["history"][-1]["reason"] == f"taken back by {ANN}"
    assert gate.seen(ref)["alarm_at"] is None
    gate.pass_days(30)
    assert gate.seen(ref)["status"] == "wait"
    gate.desk.discard_inbound(held, ANN)
    told = [(line["by"], line["text"]) for line in gate.seen(ref)["timeline"] if line["kind"] == "attention" and line.get("inbound_id") == held]
    assert told == [(ANN, "A held mail was discarded."), (ANN, "A discarded mail is held again."), (ANN, "A held mail was discarded.")]
    with pytest.raises(Refused, match="is discarded"):
        gate.desk.discard_inbound(held, ANN)


def test_mail_without_a_route_is_opened_by_hand(gate: Gate) -> None:
    """B-UH-05, B-UH-06: an unhandled mail becomes an item of the process named, or of the mailbox's own."""
    first = gate.comes_in(letter("Help", "Please.", message_id="h1@acme.example", to="help@demo.example"), to="help@demo.example")
    second = gate.comes_in(letter("Claim", "Please.", message_id="h2@acme.example", to="help@demo.example"), to="help@demo.example")
    assert {one["state"] for one in gate.desk.list_inbound(ANN)} == {"unhandled"}
    (ref,) = gate.desk.open_inbound(first, ANN)["items"]
    assert ref.endswith("-T") and gate.seen(ref)["title"] == "Help"
    (case,) = gate.desk.open_inbound(second, ANN, process="claim")["items"]
    assert case.endswith("-C")
    with pytest.raises(Refused, match="no process"):
        gate.desk.open_inbound(gate.comes_in(letter("X", "x", message_id="h3@acme.example", to="help@demo.example"), to="help@demo.example"), ANN, process="Tea")


def test_a_mail_is_processed_anew(gate: Gate) -> None:
    """Law 7: after the desk was put right, a replay finds its way; what was done stays done."""
    lost = gate.comes_in(letter("Help", "Please.", message_id="h1@acme.example", to="help@demo.example"), to="help@demo.example")
    setup = gate.house.setup()
    with gate.house.database.durable() as connection:
        route = replace(setup.routes[0], id="r-9", name="help", address="help@demo.example", kind=RouteKind.ORDINARY)
        gate.house.setups.save(connection, replace(setup, routes=(*setup.routes, route)), ROOT, gate.clock.now())
    assert gate.desk.replay_inbound(lost, ANN)["state"] == "new"
    gate.house.processor.sweep()
    assert gate.desk.show_inbound(lost, ANN)["state"] == "done"
    assert len(gate.desk.list_items(ROOT)) == 1
    with pytest.raises(Refused, match="is done"):
        gate.desk.replay_inbound(lost, ANN)


def test_who_sees_which_mail(gate: Gate) -> None:
    """B-UH-03, decisions.md 21: mail of items within sight, and mail of mailboxes with a route to a queue of theirs; nobody decides about the rest."""
    ref = gate.ticket()
    held = gate.held(ref)
    claim = gate.comes_in(letter("Claim", "Pay.", message_id="c1@acme.example", to=CLAIMS), to=CLAIMS)
    lost = gate.comes_in(letter("Help", "Please.", message_id="h1@acme.example", to="help@demo.example"), to="help@demo.example")
    seen = {who: {one["id"] for one in gate.desk.list_inbound(who)} for who in (ANN, BOB, ROOT)}
    assert seen[BOB] == seen[ROOT] >= {held, claim, lost}
    assert seen[ANN] == seen[ROOT] - {claim}
    for deed in (gate.desk.show_inbound, gate.desk.raw_inbound, gate.desk.discard_inbound, gate.desk.open_inbound, gate.desk.replay_inbound):
        with pytest.raises(NotFound, match="that you may see"):
            deed(claim, ANN)
    case = gate.desk.show_inbound(claim, BOB)["items"][0]
    with pytest.raises(NotFound):
        gate.desk.join_inbound(held, case, ANN)
    assert gate.desk.raw_inbound(held, ANN).startswith(b"From: Eve")


def test_a_quarantined_mail_stops_the_clocks_until_it_is_discarded(gate: Gate) -> None:
    """decisions.md 1: an item that a quarantined mail points to does not close over it; put aside by a person, the rest of its window runs."""
    ref = gate.ticket()
    ours = gate.desk.mail(ref, ANN, text="Cool it.", undo=None)["message_id"]
    raw = letter("Re: Hot", "Still hot.", message_id="q1@acme.example", In_Reply_To=f"<{ours}>")
    quarantined = gate.quarantined(raw)
    assert gate.desk.show_inbound(quarantined, ROOT)["state"] == "quarantined"
    with gate.house.database.read() as connection:
        item = items.by_ref(connection, ref)
        assert item is not None and item.clocks.stopped_by == (quarantined,)
    gate.desk.discard_inbound(quarantined, ROOT)
    with gate.house.database.read() as connection:
        item = items.by_ref(connection, ref)
        assert item is not None and item.clocks.stopped_by == ()
    assert gate.desk.take_back_inbound(quarantined, ROOT)["state"] == "quarantined"


def mail_of(shown: dict[str, Any]) -> str:
    """The inbound id of the mail that opened an item."""
    return str(next(line["inbound_id"] for line in shown["timeline"] if line["kind"] == "created"))

