"""Drafts of mails at the desk: several on an item, one editor at a time, sent in one commit, forgotten after 90 days; on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from core.drafting import MOST_DRAFTS
from core.refusal import NotFound, Refused
from core.status import Status
from gateway.desk_uploads import Upload
from gateway.store import mail_drafts, outboxes
from tests.desk.conftest import CARL, Room

ANN, BOB, LEA, ROOT = "ann@demo.example", "bob@demo.example", "lea@demo.example", "root@demo.example"


def test_a_draft_is_kept_changed_and_sent(room: Room) -> None:
    """C-DR-01: what is not given stays; sent, it is a mail in the outbox and no draft any more."""
    ref = room.ticket()
    made = room.desk.save_draft(ref, ANN, text="Dear Carl,", to=[CARL], importance="high", attach=[Upload("a.txt", b"a")])
    assert (made["version"], made["editor"], made["editor_until"]) == (1, ANN, "2026-03-02T09:10:00Z")
    room.clock.advance(minutes=5)
    again = room.desk.save_draft(ref, ANN, draft=made["id"], version=1, subject="Your pump", text="Dear Carl, it is fixed.")
    assert (again["version"], again["text"], again["to"], again["importance"]) == (2, "Dear Carl, it is fixed.", [CARL], "high")
    assert again["editor_until"] == "2026-03-02T09:15:00Z"
    sent = room.desk.send_draft(made["id"], ANN)
    assert (sent["subject"], sent["importance"], sent["state"]) == (f"[{ref}] Your pump", "high", "queued")
    assert room.desk.list_drafts(ref, ANN) == []
    with room.database.read() as connection:
        message = outboxes.get(connection, sent["id"])
    assert message is not None and message.attachment_count == 1
    with pytest.raises(NotFound, match="There is no draft"):
        room.desk.send_draft(made["id"], ANN)


def test_several_drafts_and_one_editor_each(room: Room) -> None:
    """C-DR-01: whoever opens one has it for ten minutes, another is told who; leaders of theirs may take it over."""
    ref = room.ticket()
    first, second = (room.desk.save_draft(ref, ANN, text=text)["id"] for text in ("One", "Two"))
    assert [one["id"] for one in room.desk.list_drafts(ref, ANN)] in ([first, second], [second, first])
    for deed in (room.desk.open_draft, room.desk.delete_draft, room.desk.send_draft):
        with pytest.raises(Refused, match=r"ann@demo\.example has this draft open until 10:10 CET"):
            deed(first, BOB)
    with pytest.raises(Refused, match="has this draft open"):
        room.desk.save_draft(ref, BOB, draft=first, text="Mine")
    assert room.desk.open_draft(first, LEA, take_over=True)["editor"] == LEA
    with pytest.raises(Refused, match="lea@demo"):
        room.desk.save_draft(ref, ANN, draft=first, text="Still me?")
    room.desk.close_draft(second, ANN)
    assert room.desk.open_draft(second, BOB)["editor"] == BOB
    room.clock.advance(minutes=11)
    assert room.desk.show_draft(first, ANN)["editor"] == ""
    assert room.desk.delete_draft(first, ANN)["id"] == first


def test_a_draft_that_was_changed_meanwhile_is_not_overwritten(room: Room) -> None:
    """The version says from what the change began."""
    ref = room.ticket()
    made = room.desk.save_draft(ref, ANN, text="One")
    room.clock.advance(minutes=11)
    room.desk.save_draft(ref, BOB, draft=made["id"], text="Two")
    room.clock.advance(minutes=11)
    with pytest.raises(Refused, match=r"changed by bob@demo\.example since you opened it"):
        room.desk.save_draft(ref, ANN, draft=made["id"], version=1, text="Three")
    assert room.desk.show_draft(made["id"], ANN)["text"] == "Two"


def test_a_draft_that_cannot_be_sent_stays(room: Room) -> None:
    """Refused as a mail is, in one commit: neither a mail nor a lost draft."""
    ref = room.ticket()
    empty = room.desk.save_draft(ref, ANN, subject="Later")["id"]
    with pytest.raises(Refused, match="has no text"):
        room.desk.send_draft(empty, ANN)
    late = room.desk.save_draft(ref, ANN, text="Hi.", send_at=room.clock.now() + timedelta(minutes=1))["id"]
    room.clock.advance(minutes=5)
    with pytest.raises(Refused, match="is past"):
        room.desk.send_draft(late, ANN)
    assert {one["id"] for one in room.desk.list_drafts(ref, ANN)} == {empty, late}
    assert room.desk.list_outbox(ANN) == []


def test_what_a_draft_may_not_hold(room: Room) -> None:
    """C-CO-09: looked at when it is saved: an address that is none, a mail that is too large, one draft too many."""
    ref = room.ticket()
    with pytest.raises(Refused, match="“carl@” is not an e-mail address"):
        room.desk.save_draft(ref, ANN, to=["carl@"])
    with pytest.raises(Refused, match="max_mail_size"):
        room.desk.save_draft(ref, ANN, attach=[Upload(f"{n}.txt", b"x" * 9_000_000) for n in range(3)])
    assert room.desk.list_drafts(ref, ANN) == [] and room.desk.list_files(ref, ANN) == []
    for _ in range(MOST_DRAFTS):
        room.desk.save_draft(ref, ANN, text="x")
    with pytest.raises(Refused, match="50 drafts"):
        room.desk.save_draft(ref, ANN, text="x")


def test_drafts_are_no_answer(room: Room) -> None:
    """E-31: a draft is no resolution, changes no status and takes no item."""
    ref = room.ticket()
    room.desk.save_draft(ref, ANN, text="Solved.")
    assert room.item(ref).status is Status.TO_DO and room.item(ref).assignee == ""
    room.desk.do(ref, "take", ANN)
    with pytest.raises(Refused, match="needs a resolution"):
        room.desk.do(ref, "resolve", ANN)


def test_a_new_mail_beside_drafts_warns(room: Room) -> None:
    """C-DR-02: before and after; the draft that is sent does not warn of itself."""
    ref = room.ticket()
    draft = room.desk.save_draft(ref, ANN, text="x")["id"]
    sentence = "1 draft waits on this item, last changed by ann@demo.example."
    assert sentence in room.desk.warnings(ref, BOB)
    assert sentence in room.desk.mail(ref, ANN, text="Hi.")["warnings"]
    assert sentence not in room.desk.draft_warnings(draft, ANN)
    assert sentence not in room.desk.send_draft(draft, ANN)["warnings"]


def test_files_of_drafts_are_marked(room: Room) -> None:
    """C-DR-01: among the item's files with the drafts that carry them; such a file is not taken away, one left out of the draft is."""
    ref = room.ticket()
    draft = room.desk.save_draft(ref, ANN, text="x", attach=[Upload("a.txt", b"a")])
    (file,) = room.desk.list_files(ref, ANN)
    assert (file["name"], file["drafts"], draft["files"][0]["id"]) == ("a.txt", [draft["id"]], file["id"])
    with pytest.raises(Refused, match="goes with a draft"):
        room.desk.remove_file(ref, file["id"], ANN)
    assert room.desk.save_draft(ref, ANN, draft=draft["id"], without=[file["id"]])["files"] == []
    room.desk.remove_file(ref, file["id"], ANN)
    assert room.desk.list_files(ref, ANN) == []


def test_drafts_are_forgotten_after_90_days(room: Room) -> None:
    """C-DR-01: counted from the last change; the scheduler's hourly round does it."""
    ref = room.ticket()
    old, young = (room.desk.save_draft(ref, ANN, text=text)["id"] for text in ("old", "young"))
    room.clock.advance(days=1)
    room.desk.save_draft(ref, ANN, draft=young, text="younger")
    room.scheduler().tick(room.clock.advance(days=89, minutes=1))
    assert [one["id"] for one in room.desk.list_drafts(ref, ANN)] == [young]
    room.scheduler().tick(room.clock.advance(days=1))
    assert room.desk.list_drafts(ref, ANN) == []
    with pytest.raises(NotFound):
        room.desk.show_draft(old, ANN)


def test_drafts_of_items_out_of_sight_do_not_exist(room: Room) -> None:
    """decisions.md 21: neither to read nor to change, and not by way of another item."""
    case, ref = room.ticket("Claim"), room.ticket()
    draft = room.desk.save_draft(case, BOB, text="x")["id"]
    deeds: list[Any] = [
        lambda: room.desk.show_draft(draft, ANN),
        lambda: room.desk.open_draft(draft, ANN, take_over=True),
        lambda: room.desk.delete_draft(draft, ANN),
        lambda: room.desk.send_draft(draft, ANN),
        lambda: room.desk.save_draft(ref, ANN, draft=draft, text="y"),
        lambda: room.desk.save_draft(ref, BOB, draft=draft, text="y"),
        lambda: room.desk.list_drafts(case, ANN),
    ]
    for deed in deeds:
        with pytest.raises(NotFound):
            deed()


def test_a_draft_item_takes_title_and_description_from_its_mail(room: Room) -> None:
    """A-TK-05, by way of a draft: when the mail is sent, not when it is begun."""
    ref = room.desk.new_item(ANN, process="General support")["ref"]
    draft = room.desk.save_draft(ref, ANN, subject="Pump", text="It leaks.", to=[CARL])["id"]
    assert room.item(ref).title == ""
    room.desk.send_draft(draft, ANN)
    assert (room.item(ref).title, room.item(ref).description) == ("Pump", "It leaks.")


def test_a_draft_is_sent_once(room: Room) -> None:
    """What somebody changed after it was read is not sent, and the draft is still there."""
    ref = room.ticket()
    draft = room.desk.save_draft(ref, ANN, text="One")["id"]
    desk = room.desk
    ready = desk._ready

    def meanwhile(*arguments: Any, **more: Any) -> Any:
        found = ready(*arguments, **more)
        desk._ready = ready  # type: ignore[method-assign]
        desk.save_draft(ref, ANN, draft=draft, text="Two")
        return found

    desk._ready = meanwhile  # type: ignore[method-assign]
    with pytest.raises(Refused, match=r"changed by ann@demo\.example at this moment"):
        desk.send_draft(draft, ANN)
    with room.database.read() as connection:
        assert [one.content.text for one in mail_drafts.of_item(connection, room.item(ref).id)] == ["Two"]
    assert room.desk.list_outbox(ANN) == []


def test_two_who_send_one_draft_send_it_once(room: Room) -> None:
    """At the same moment: one mail in the outbox, the other is told that there is no such draft any more."""
    ref = room.ticket()
    draft = room.desk.save_draft(ref, ANN, text="One")["id"]

    def send(_n: int) -> str:
        try:
            return str(room.desk.send_draft(draft, ANN)["state"])
        except Refused as refused:
            return str(refused)

    with ThreadPoolExecutor(4) as people:
        said = sorted(people.map(send, range(4)))
    assert [one for one in said if one == "queued"] == ["queued"]
    assert all("There is no draft" in one for one in said if one != "queued")
    assert len(room.desk.list_outbox(ANN)) == 1
