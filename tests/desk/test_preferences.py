"""People's own choices at the desk: absence and deputy, what is told by mail, signing keys; who may choose, what is refused, what follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.by_mail import ByMail
from core.refusal import NotFound, Refused
from tests.by_mail.signing import around, certificate, pem, private_key
from tests.desk.conftest import Room

ANN, BOB, LEA, ROOT = (f"{name}@demo.example" for name in ("ann", "bob", "lea", "root"))


def test_an_absence_begins_and_ends(room: Room) -> None:
    """Agents by mail, 1: away until a moment, with a deputy; over by itself when it has come, or earlier by hand; the deputy stays named."""
    back = room.clock.now() + timedelta(days=3)
    found = room.desk.set_absence(ANN, ANN, until=back, deputy="BOB@demo.example")
    assert found == {"email": ANN, "absent": True, "absent_until": back.isoformat(), "deputy": BOB, "stands_in": BOB}
    room.clock.advance(days=3)
    assert room.desk.absence(ANN, ROOT) == {"email": ANN, "absent": False, "absent_until": None, "deputy": BOB, "stands_in": ""}
    assert room.desk.set_absence(ANN, ROOT, until=room.clock.now() + timedelta(days=1))["absent"]
    assert room.desk.set_absence(ANN, ANN, back=True, deputy="") == {"email": ANN, "absent": False, "absent_until": None, "deputy": "", "stands_in": ""}


def test_what_wakes_meanwhile(room: Room) -> None:
    """Agents by mail, 1: the date that Ann's ticket waited for comes while she is away, and Bob has it; the timeline says why."""
    ref = room.ticket()
    room.desk.do(ref, "take", ANN)
    room.desk.do(ref, "wait", ANN, until=room.clock.now() + timedelta(days=1))
    room.desk.set_absence(ANN, ANN, until=room.clock.now() + timedelta(days=3), deputy=BOB)
    assert room.item(ref).owner == ANN, "what rests stays hers"
    room.scheduler().tick(room.clock.advance(days=1, minutes=1))
    assert (room.item(ref).assignee, room.item(ref).owner) == (BOB, "")
    said = room.desk.show(ref, BOB)["timeline"]
    assert any("Ann Agent is absent until 2026-03-05 09:00+00:00. Bob Agent stands in." in entry["text"] for entry in said)


def test_given_by_hand(room: Room) -> None:
    """An item can be given to whoever is away, and whoever gives it is told."""
    ref = room.ticket()
    room.desk.set_absence(ANN, ANN, until=room.clock.now() + timedelta(days=3))
    found = room.desk.do(ref, "assign", BOB, to=ANN)
    assert found["assignee"] == ANN and found["warnings"][0].startswith("Ann Agent is absent until")
    assert "warnings" not in room.desk.do(ref, "assign", BOB, to=BOB)


def test_what_is_told(room: Room) -> None:
    """Agents by mail, 1: failed and the like at once, the queue by choice; an occasion stands in one list; the rest stays."""
    assert room.desk.told_by_mail(ANN, ANN)["at_once"] == ["assigned", "new_information", "failed", "at_risk", "overdue"]
    found = room.desk.set_told_by_mail(ANN, ANN, digest=["in_queue", "overdue"], digest_at="17:30", undo=timedelta(minutes=5))
    assert found == {
        "email": ANN,
        "at_once": ["assigned", "new_information", "failed", "at_risk"],
        "digest": ["in_queue", "overdue"],
        "digest_at": "17:30",
        "confirm": True,
        "undo": "PT5M",
    }
    again = room.desk.set_told_by_mail(ANN, ROOT, at_once=["overdue"], confirm=False)
    assert (again["at_once"], again["digest"], again["confirm"], again["undo"]) == (["overdue"], ["in_queue"], False, "PT5M")
    assert room.desk.set_told_by_mail(ANN, ANN, at_once=[], digest=[])["at_once"] == []
    with room.database.read() as connection:
        assert room.setups.current(connection).user_of[BOB].by_mail == ByMail()


def test_what_is_refused(room: Room) -> None:
    """Somebody else's choices, a past end, a deputy who is nobody or oneself, words and times that are none: a sentence, and nothing is changed."""
    now = room.clock.now()
    for deed, said in (
        (lambda: room.desk.set_absence(ANN, BOB, until=now + timedelta(days=1)), "own choice"),
        (lambda: room.desk.set_absence(ANN, LEA, back=True), "own choice"),
        (lambda: room.desk.absence(ANN, BOB), "own choice"),
        (lambda: room.desk.set_absence(ANN, ANN, until=now), "time to come"),
        (lambda: room.desk.set_absence(ANN, ANN, deputy="nobody@demo.example"), "the e-mail of no user"),
        (lambda: room.desk.set_absence(ANN, ANN, deputy=ANN), "their own deputy"),
        (lambda: room.desk.set_told_by_mail(ANN, ANN, at_once=["everything"]), "not one of assigned"),
        (lambda: room.desk.set_told_by_mail(ANN, ANN, at_once=["failed"], digest=["failed"]), "told at once already"),
        (lambda: room.desk.set_told_by_mail(ANN, ANN, digest_at="25:00"), "no time of day"),
        (lambda: room.desk.set_told_by_mail(ANN, ANN, undo=timedelta(hours=2)), "PT0S to PT1H"),
        (lambda: room.desk.signing_keys(ANN, BOB), "own choice"),
        (lambda: room.desk.add_signing_key(ANN, ANN, b"hello"), "neither a certificate"),
    ):
        with pytest.raises(Refused, match=said):
            deed()
    with pytest.raises(NotFound, match="no active user"):
        room.desk.absence("nobody@demo.example", ROOT)
    assert room.desk.absence(ANN, ANN)["deputy"] == "" and room.desk.told_by_mail(ANN, ANN)["digest_at"] == "08:00"


def test_signing_keys(room: Room) -> None:
    """Agents by mail, 4: registered, shown with fingerprint and validity, known twice or over refused, removed; the history says who did it."""
    moment = room.clock.now().replace(microsecond=0)
    key = private_key("rsa-ann")
    good = certificate(key, *around(moment))
    (found,) = room.desk.add_signing_key(ANN, ANN, pem(good).encode())
    assert (found["number"], found["kind"], found["names"], found["warnings"]) == (1, "smime", [ANN], [])
    assert datetime.fromisoformat(found["valid_until"]) == around(moment)[1].astimezone(UTC)
    with pytest.raises(Refused, match="has this key already"):
        room.desk.add_signing_key(ANN, ROOT, pem(good).encode())
    with pytest.raises(Refused, match="valid until"):
        room.desk.add_signing_key(ANN, ANN, pem(certificate(key, moment - timedelta(days=9), moment - timedelta(days=1))).encode())
    other = certificate(private_key("ec"), *around(moment), address="ann@private.example")
    assert "issued for ann@private.example" in room.desk.add_signing_key(ANN, ROOT, pem(other).encode())[1]["warnings"][0]
    with pytest.raises(NotFound, match="no key 3; there are 2"):
        room.desk.remove_signing_key(ANN, ANN, 3)
    (left,) = room.desk.remove_signing_key(ANN, ANN, 1)
    assert left["number"] == 1 and left["fingerprint"] != found["fingerprint"]
    assert [one["by"] for one in room.desk.desk_history(ROOT, kind="user", name=ANN)[:3]] == [ANN, ROOT, ANN]
