"""Files that people put on items and on the desk's shelf: looked at as what comes in is, named safely, on the timeline; on both databases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.refusal import NotFound, Refused
from gateway.desk_uploads import Upload
from gateway.store.schema import item as item_table
from tests.desk.conftest import Room

ANN, BOB, LEA, ROOT = "ann@demo.example", "bob@demo.example", "lea@demo.example", "root@demo.example"
PDF = b"%PDF-1.7 hello"


def limited(room: Room, **changes: Any) -> None:
    with room.database.durable() as connection:
        room.setups.save(connection, replace(room.setups.current(connection), **changes), ROOT, room.clock.now())


def test_files_are_added_listed_given_out_and_taken_away(room: Room) -> None:
    """C-CO-11: bytes and name come back; each change is on the timeline with who made it."""
    ref = room.ticket()
    (made,) = room.desk.add_files(ref, ANN, [Upload("paper.pdf", PDF)])
    assert (made["name"], made["content_type"], made["size"], made["created_by"]) == ("paper.pdf", "application/pdf", len(PDF), ANN)
    assert room.desk.list_files(ref, ANN) == [made]
    given = room.desk.get_file(ref, made["id"], ANN)
    assert (given.name, given.content) == ("paper.pdf", PDF)
    assert room.desk.add_files(ref, ANN, [Upload("paper.pdf", PDF)]) == [made], "the same again is the same file"
    room.desk.remove_file(ref, made["id"], ANN)
    assert room.desk.list_files(ref, ANN) == []
    lines = [line for line in room.desk.show(ref, ANN)["timeline"] if line["kind"] == "file"]
    assert [(line["text"], line["by"]) for line in lines] == [("A file was taken away: paper.pdf.", ANN), ("Files were added: paper.pdf.", ANN)]
    with pytest.raises(NotFound, match="There is no file"):
        room.desk.get_file(ref, made["id"], ANN)


def test_a_mail_keeps_a_file_that_was_taken_away(room: Room) -> None:
    """The mail in the outbox carries it still, and it can be handed on from there; from the shelf it is gone."""
    ref = room.ticket()
    (made,) = room.desk.add_files(ref, ANN, [Upload("paper.pdf", PDF)])
    sent = room.desk.mail(ref, ANN, text="See attached.", files=[made["id"]])
    room.desk.remove_file(ref, made["id"], ANN)
    with pytest.raises(NotFound):
        room.desk.mail(ref, ANN, text="Again.", files=[made["id"]])
    assert room.desk.mail(ref, ANN, text="Again.", from_mail=[(sent["id"], 1)])["state"] == "queued"


REFUSED = [
    (Upload("run.exe", b"MZ\x90\0\3"), "not on the list|program"),
    (Upload("photo.jpg", b"MZ\x90\0\3"), "program"),
    (Upload("paper.pdf.exe", b"x"), "pretends"),
    (Upload("empty.txt", b""), "is empty"),
    (Upload("big.txt", b"x" * 200_001), "may have 0.2 MB"),
]


@pytest.mark.parametrize(("upload", "said"), REFUSED, ids=[one[0].name for one in REFUSED])
def test_what_is_not_taken(room: Room, upload: Upload, said: str) -> None:
    """E-42, C-CO-10: by the rules for what comes in; none of several is stored when one is refused."""
    ref = room.ticket()
    limited(room, max_file_size=200_000)
    with pytest.raises(Refused, match=said):
        room.desk.add_files(ref, ANN, [Upload("good.txt", b"x"), upload])
    assert room.desk.list_files(ref, ANN) == []


def test_a_dangerous_file_is_taken_when_it_is_wanted_all_the_same(room: Room) -> None:
    """Asked twice; the list of the desk may also allow everything."""
    ref = room.ticket()
    assert room.desk.add_files(ref, ANN, [Upload("run.exe", b"MZ\x90\0\3")], anyway=True)[0]["name"] == "run.exe"
    limited(room, attachment_types=("*",))
    assert room.desk.add_files(ref, ANN, [Upload("run2.exe", b"MZ\x90\0\3")])[0]["name"] == "run2.exe"


def test_the_files_of_a_closed_item_stay(room: Room) -> None:
    """C-CO-11: neither added nor taken away, and still given out."""
    ref = room.ticket()
    (made,) = room.desk.add_files(ref, ANN, [Upload("paper.pdf", PDF)])
    with room.database.durable() as connection:
        connection.execute(item_table.update().values(status="closed"))
    for deed in (lambda: room.desk.add_files(ref, ANN, [Upload("b.txt", b"b")]), lambda: room.desk.remove_file(ref, made["id"], ANN)):
        with pytest.raises(Refused, match="is closed"):
            deed()
    assert room.desk.get_file(ref, made["id"], ANN).content == PDF


def test_the_shelf_of_the_desk(room: Room) -> None:
    """Read by everybody, changed by leaders and administrators; its files go with the mails of every item."""
    with pytest.raises(Refused, match="leaders of teams and administrators"):
        room.desk.add_files("", ANN, [Upload("terms.pdf", PDF)])
    (made,) = room.desk.add_files("", LEA, [Upload("terms.pdf", PDF)])
    assert [one["name"] for one in room.desk.list_files("", ANN)] == ["terms.pdf"]
    ref = room.ticket()
    assert room.desk.mail(ref, ANN, text="See attached.", files=[made["id"]])["state"] == "queued"
    with pytest.raises(NotFound):
        room.desk.get_file(ref, made["id"], ANN)
    room.desk.remove_file("", made["id"], ROOT)
    assert room.desk.list_files("", ANN) == []


def test_files_of_another_item_are_not_there(room: Room) -> None:
    """decisions.md 21: an id of a file of another item tells nothing."""
    case, ref = room.ticket("Claim"), room.ticket()
    (made,) = room.desk.add_files(case, BOB, [Upload("paper.pdf", PDF)])
    for deed in (
        lambda: room.desk.get_file(ref, made["id"], ANN),
        lambda: room.desk.remove_file(ref, made["id"], ANN),
        lambda: room.desk.mail(ref, ANN, text="x", files=[made["id"]]),
        lambda: room.desk.list_files(case, ANN),
    ):
        with pytest.raises(NotFound):
            deed()
