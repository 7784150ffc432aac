"""Items at the desk: made, worked on, shown and listed, by those who may; on both databases."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from core.refusal import NotFound, Refused
from core.transitions import IllegalTransition
from gateway.store import items
from tests.desk.conftest import CARL, Room

ANN, BOB, LEA, ROOT = "ann@demo.example", "bob@demo.example", "lea@demo.example", "root@demo.example"
CONTRACT = set(
    """ref kind title status wait_type resolution_method reason process category queue assignee owner due_at alarm_at new_information
    created_at updated_at contacts""".split()
)


def test_an_item_is_shown_with_the_fields_of_the_contract(room: Room) -> None:
    """Contract section 3: every field is there, the timeline is newest first, a mail carries subject, from, to, Message-ID, state and id."""
    ref = room.ticket()
    room.desk.note(ref, ANN, "Called back.")
    shown = room.desk.show(ref, ANN)
    assert shown.keys() >= CONTRACT
    assert shown["contacts"] == [{"address": CARL, "name": "Carl Customer", "tags": ["primary", "requester", "original_requester"]}]
    assert (shown["process"], shown["queue"], shown["status"], shown["created_at"]) == ("General support", "First line", "to_do", "2026-03-02T09:00:00Z")
    note, mail = shown["timeline"]
    assert (note["kind"], note["by"], note["text"]) == ("note", ANN, "Called back.")
    assert (mail["kind"], mail["subject"], mail["from"], mail["to"]) == ("mail_in", "Printer on fire", f"Carl Customer <{CARL}>", ["support@demo.example"])
    assert (mail["message_id"], mail["state"], mail["inbound_id"], mail["text"]) == ("in-101001@acme.example", "done", "in-101001", "It burns.")
    assert mail["attachments"] == [{"name": "fire.png", "content_type": "", "size": 9}]


def test_a_ticket_by_hand_from_draft_to_closed(room: Room) -> None:
    """A-TK-01…04, A-ST-02…07, A-ST-10, A-TK-22: draft, submitted, taken, resolved with a note, reopened, all told on the timeline."""
    desk = room.desk
    made = desk.new_item(ANN, process="general SUPPORT", title="New chair", description="Mine squeaks.", category="question", contacts=[f"Carl <{CARL}>"])
    ref = made["ref"]
    assert (made["status"], made["assignee"], made["category"], made["company"]) == ("draft", ANN, "Question", "Acme")
    assert desk.do(ref, "submit", ANN)["status"] == "to_do"
    assert desk.do(ref, "take", BOB)["assignee"] == BOB
    resolved = desk.do(ref, "resolve", BOB, note="Oiled it.", method="no_customer_response")
    assert (resolved["status"], resolved["resolution_method"], resolved["owner"]) == ("resolved", "no_customer_response", BOB)
    assert [line["text"] for line in resolved["timeline"] if line["resolution"]] == ["Oiled it."]
    reopened = desk.do(ref, "reopen", ANN)
    assert (reopened["status"], reopened["assignee"], reopened["alarm_at"]) == ("to_do", BOB, None)
    statuses = [(line["from"], line["to"], line["reason"]) for line in reopened["timeline"] if line["kind"] == "status"]
    assert statuses == [
        ("resolved", "to_do", "reopened_by_resource"),
        ("in_progress", "resolved", "completed"),
        ("to_do", "in_progress", "updated_by_resource"),
        ("draft", "to_do", "submitted"),
    ]


def test_a_refused_new_item_takes_no_number_and_leaves_nothing(room: Room) -> None:
    """Nothing is half made: no process, a bad address, an incomplete submission leave no item."""
    for wrong in ({"process": "Coffee"}, {"process": "Claim"}, {"process": "General support", "contacts": ["not an address"]}):
        with pytest.raises(Refused):
            room.desk.new_item(ANN, **wrong)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="Missing"):
        room.desk.new_item(ANN, process="General support", title="x", submit=True)
    assert room.desk.list_items(ROOT) == []


def test_a_submitted_case_by_hand(room: Room) -> None:
    """A-CS-02, A-CX-16: a case by hand begins without contacts; submitted at once it belongs to its starter."""
    shown = room.desk.new_item(BOB, process="Claim", title="Broken window", submit=True)
    assert (shown["ref"], shown["status"], shown["owner"], shown["contacts"]) == ("101001-C", "to_do", BOB, [])


SIGHT = {ANN: {"ticket"}, BOB: {"ticket", "case"}, LEA: {"ticket", "case"}, ROOT: {"ticket", "case"}}


def test_lists_show_what_is_within_sight(room: Room) -> None:
    """decisions.md 21: the SQL rule and the rule in the core agree, in lists and on single items."""
    refs = {"ticket": room.ticket(), "case": room.ticket("Claim")}
    for who, kinds in SIGHT.items():
        assert {shown["kind"] for shown in room.desk.list_items(who)} == kinds
        for kind, ref in refs.items():
            if kind in kinds:
                assert room.desk.show(ref.lower(), who)["ref"] == ref
            else:
                with pytest.raises(NotFound, match=f"There is no item “{ref}” that you may see"):
                    room.desk.show(ref, who)


def test_an_item_handed_over_is_seen_by_who_got_it(room: Room) -> None:
    """decisions.md 21: assigned or owned items are seen beyond one's queues, and no longer than that."""
    ref = room.ticket("Claim")
    room.desk.do(ref, "assign", BOB, to=ANN)
    assert room.desk.show(ref, ANN)["owner"] == ANN
    room.desk.do(ref, "release", ANN)
    with pytest.raises(NotFound):
        room.desk.do(ref, "take", ANN)


def test_nobody_and_those_who_left_do_nothing(room: Room) -> None:
    """Every deed names an active user."""
    ref = room.ticket()
    for who in ("", "stranger@demo.example", CARL):
        with pytest.raises(Refused, match="no active user"):
            room.desk.do(ref, "take", who)
        with pytest.raises(Refused, match="no active user"):
            room.desk.list_items(who)


def test_the_same_is_said_of_what_is_not_there(room: Room) -> None:
    """An item that does not exist and one that may not be seen answer alike."""
    case = room.ticket("Claim")
    sentences = set()
    for ref in (case, "999999-C", "' OR 1=1 --"):
        with pytest.raises(NotFound) as refused:
            room.desk.show(ref, ANN)
        sentences.add(str(refused.value).replace(ref, "REF"))
    assert len(sentences) == 1


FILTERS: list[tuple[dict[str, Any], set[int]]] = [
    ({}, {0, 1, 2}),
    ({"status": "to_do"}, {1, 2}),
    ({"status": ["in_progress", "to_do"]}, {0, 1, 2}),
    ({"status": "closed"}, set()),
    ({"queue": "Claims"}, {2}),
    ({"assignee": "ANN@demo.example"}, {0}),
    ({"text": "100% BURNT"}, {1}),
    ({"text": "100_ burnt"}, set()),
    ({"text": "CARL@"}, {0, 1, 2}),
    ({"text": "101002"}, {1}),
    ({"limit": 1}, {0}),
]


def test_lists_are_filtered(room: Room) -> None:
    """Status, queue, assignee and text; `%` and `_` mean themselves; the last changed comes first."""
    refs = [room.ticket(), room.ticket(), room.ticket("Claim")]
    room.desk.note(refs[1], ROOT, "It is 100% burnt.")
    room.clock.advance(seconds=1)
    room.desk.do(refs[0], "take", ANN)
    for filters, found in FILTERS:
        listed = [shown["ref"] for shown in room.desk.list_items(ROOT, **filters)]
        assert set(listed) == {refs[n] for n in found}, filters
        assert refs[0] not in listed[1:]


def test_a_refused_deed_leaves_the_item_as_it_was(room: Room) -> None:
    """What the table or the rules forbid writes nothing."""
    ref = room.ticket()
    was = room.item(ref)
    for verb, arguments in (("resume", {}), ("resolve", {}), ("wait", {}), ("assign", {"to": "x"}), ("jump", {})):
        with pytest.raises((Refused, IllegalTransition)):
            room.desk.do(ref, verb, ANN, **arguments)
    assert room.item(ref) == was
    assert len(room.desk.show(ref, ANN)["timeline"]) == 1


def test_what_is_possible_is_shown(room: Room) -> None:
    """A-ST-21: the item names the verbs its status offers, and nothing that only the system brings."""
    shown = room.desk.show(room.ticket(), ANN)
    assert sorted(shown["possible"]) == ["assign", "release", "resolve", "start", "take", "wait"]


def test_two_who_take_at_once_both_get_an_answer(room: Room) -> None:
    """Optimistic versions and locks: eight deeds of two people at once all happen, one after the other, none is lost."""
    ref = room.ticket()
    faults: list[BaseException] = []

    def work(who: str, n: int) -> None:
        try:
            for turn in range(4):
                room.desk.note(ref, who, f"{who} {n} {turn}")
        except BaseException as fault:  # whatever happens in the thread is what the test is about
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(who, n)) for n, who in enumerate((ANN, BOB, LEA, ROOT))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len([line for line in room.desk.show(ref, ANN)["timeline"] if line["kind"] == "note"]) == 16
    assert room.item(ref).version == 17


def test_a_deed_is_decided_anew_when_somebody_was_faster(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Architecture section 8: a stale version is read again, three times in all, then the person is told."""
    ref = room.ticket()
    real, left = items.save, [2]

    def contested(connection: Any, item: Any) -> int:
        if left[0]:
            left[0] -= 1
            raise items.StaleItem(item.ref)
        return real(connection, item)

    monkeypatch.setattr(items, "save", contested)
    assert room.desk.do(ref, "take", ANN)["assignee"] == ANN
    left[0] = 3
    with pytest.raises(Refused, match="changed by somebody else"):
        room.desk.do(ref, "release", ANN)


def test_a_deadlock_is_decided_anew_and_other_faults_are_not_hidden(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL ends one of two that wait for each other: it is done again; any other fault of the database is raised at once."""
    ref = room.ticket()
    real, states = items.save, ["40P01", "40001"]

    class Ended(Exception):
        """What the driver raises."""

        def __init__(self, sqlstate: str) -> None:
            super().__init__(sqlstate)
            self.sqlstate = sqlstate

    def contested(connection: Any, item: Any) -> int:
        if states:
            raise DBAPIError("UPDATE", {}, Ended(states.pop()))
        return real(connection, item)

    monkeypatch.setattr(items, "save", contested)
    assert room.desk.do(ref, "take", ANN)["assignee"] == ANN
    states.append("22P05")
    with pytest.raises(DBAPIError):
        room.desk.do(ref, "release", ANN)
    assert states == []


def test_waiting_at_the_desk(room: Room) -> None:
    """A-TK-10, A-TK-13: the alarm that is shown is when the wait ends."""
    ref = room.ticket()
    until = room.clock.now() + timedelta(days=3)
    assert room.desk.do(ref, "wait", ANN, until=until)["alarm_at"] == "2026-03-05T09:00:00Z"
    assert room.desk.do(ref, "wait", ANN, days=0.5, close_if_no_answer=True)["alarm_at"] == "2026-03-02T21:00:00Z"
    shown = room.desk.do(ref, "resume", ANN)
    assert (shown["alarm_at"], shown["wait_type"], shown["assignee"]) == (None, None, ANN)


def test_what_cannot_be_stored_is_not_asked_for(room: Room) -> None:
    """Hostile arguments are answered with a sentence on both databases, never with an error of the database."""
    ref = room.ticket()
    for typed in ("\x00", "\ud800", "x" * 10_000):
        for ask in (lambda text: room.desk.show_outbox(text, ROOT), lambda text: room.desk.show(text, ROOT)):
            with pytest.raises(NotFound):
                ask(typed)
        for filters in ({"text": typed}, {"queue": typed}, {"assignee": typed}):
            assert isinstance(room.desk.list_items(ROOT, **filters), list)
        shown = room.desk.do(ref, "edit", ANN, title=f"a{typed}", description=f"b{typed}", note=f"c{typed}")
        assert shown["title"].startswith("a")
        sent = room.desk.mail(ref, ANN, text=f"d{typed}", html=f"e{typed}", subject=f"f{typed}")
        assert sent["state"] == "queued"
