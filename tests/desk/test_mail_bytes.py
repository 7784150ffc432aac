"""Outgoing mails as files: any of them as .eml, and the queue of another system taken over; on both databases, sent over real SMTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from core.outbox import OutboxState as S
from core.refusal import NotFound, Refused
from core.transitions import IllegalTransition
from gateway.desk_mail_bytes import MailBytesDesk
from gateway.keys import Keys
from gateway.outbound import old_queue
from gateway.outbound.dispatch import Dispatcher
from gateway.store import stored_files
from gateway.store.schema import stored_file
from tests.desk.conftest import Room
from tests.desk.office import ANN, BOB, LATER, LEA, ROOT, put, rows, save
from tests.outbound.peer import Peer

OLD = b"""From: Ann Agent <ann@demo.example>\r
To: Carl <carl@acme.example>, zoe@globex.example\r
Cc: copy@acme.example\r
Bcc: =?utf-8?q?Hidden?= <hidden@acme.example>,\r
 two@acme.example\r
Return-Path: <x@y.example>\r
Subject: =?utf-8?q?L=27=C3=A9t=C3=A9?=\r
X-Odd:  kept   as it is\r
Message-ID: <old-1@old.example>\r
\r
Line one\r
.line two\r
"""
EVERYBODY = ["carl@acme.example", "copy@acme.example", "hidden@acme.example", "two@acme.example", "zoe@globex.example"]


@pytest.fixture
def files(room: Room, keys: Keys) -> MailBytesDesk:
    return MailBytesDesk(room.database, room.setups, room.clock, room.apply, keys)


# ---------------------------------------------------------------- .eml


@pytest.mark.parametrize("state", S)
def test_any_mail_as_a_file(room: Room, files: MailBytesDesk, state: S) -> None:
    """C-SE-02: in every state, scheduled, cancelled and failed as well: the whole mail, with its Message-ID, and never a Bcc."""
    sent = room.desk.mail(room.ticket(), ANN, text="Hello.", bcc=["hidden@acme.example"], to=["carl@acme.example"], send_at=room.clock.now() + LATER)
    room.set_mail(sent["id"], state)
    content = files.eml(sent["id"], ANN)
    mail = message_from_bytes(content)
    assert (mail["Message-ID"], mail["To"]) == (f"<{sent['message_id']}>", "carl@acme.example")
    assert b"hidden" not in content.lower() and b"\nbcc:" not in content.lower()
    assert b"\r\n" in content and b"\n" not in content.replace(b"\r\n", b"")


def test_a_waiting_mail_is_shown_as_it_would_leave(room: Room, files: MailBytesDesk) -> None:
    """C-SE-02: after an edit with the new words and time, nothing is written by looking; signed as it would be signed, one that was tried as it was."""
    sent = room.desk.mail(room.ticket(), ANN, text="Old words.", send_at=room.clock.now() + LATER)["id"]
    room.desk.edit_mail(sent, ANN, text="New words.", send_at=room.clock.now() + timedelta(hours=1))
    before = room.desk.show_outbox(sent, ANN)
    content = files.eml(sent, ANN)
    assert b"New words." in content and b"10:00:00" in content and b"Old words." not in content
    assert room.desk.show_outbox(sent, ANN) == before
    signing = MailBytesDesk(room.database, room.setups, room.clock, room.apply, Keys((b"k" * 32,)), sign=lambda setup, message, data: "DKIM-Signature: x\r\n")
    assert signing.eml(sent, ANN) == b"DKIM-Signature: x\r\n" + content
    put(room, sent, attempts=1, signature="DKIM-Signature: kept\r\n")
    assert signing.eml(sent, ANN).startswith(b"DKIM-Signature: kept\r\n")


def test_a_file_that_is_gone_is_a_sentence(room: Room, files: MailBytesDesk) -> None:
    """A mail that can no longer be composed says which file is missing."""
    from core.outbox import FileRef

    ref = room.ticket()
    with room.database.durable() as connection:
        kept = stored_files.add(connection, "f1", room.item(ref).id, "a.txt", "text/plain", b"a", now=room.clock.now(), by=ANN)
    sent = room.desk.mail(ref, ANN, text="x", files=[FileRef(kept.id, kept.name, kept.content_type, kept.size)], send_at=room.clock.now() + LATER)["id"]
    room.desk.edit_mail(sent, ANN, text="y")
    assert b"a.txt" in files.eml(sent, ANN), "an edit keeps what is attached"
    with room.database.durable() as connection:
        connection.execute(stored_file.delete())
    with pytest.raises(Refused, match=r"“a\.txt”"):
        files.eml(sent, ANN)


def test_a_file_of_a_mail_out_of_sight(room: Room, files: MailBytesDesk) -> None:
    """E-33: it does not exist."""
    sent = room.desk.mail(room.ticket("Claim"), BOB, text="x")["id"]
    with pytest.raises(NotFound):
        files.eml(sent, ANN)


# ---------------------------------------------------------------- another system's queue


def test_an_imported_mail_waits_for_a_person(room: Room, files: MailBytesDesk) -> None:
    """A-OB-17: it comes in as failed, without a try left, and its history says why; whoever is in From is its author; Bcc counts and is taken out."""
    done = files.import_mail(OLD, ROOT)
    shown = room.desk.show_outbox(done["id"], ANN)
    assert (shown["state"], shown["status"], shown["tries_left"], shown["last_error"]) == ("failed", "failed", 0, "imported; never sent by itself")
    assert (shown["author"], shown["subject"], shown["connector"], shown["attempts"]) == (ANN, "L'été", "support", 0)
    assert sorted(one["address"] for one in shown["recipients"]) == EVERYBODY
    assert (shown["to"], shown["bcc"]) == (["Carl <carl@acme.example>", "zoe@globex.example"], ["Hidden <hidden@acme.example>", "two@acme.example"])
    assert shown["history"][-1] | {"at": ""} == {"at": "", "was": "queued", "became": "failed", "by": ROOT, "reason": "imported; never sent by itself"}
    assert rows(room, ANN) == rows(room, LEA) == [done["id"]]
    again = files.import_mail(OLD, ROOT)
    assert (again["id"], again["known"]) == (done["id"], True), "the same mail a second time is left as it is"
    assert len(room.desk.list_outbox(ROOT)) == 1


def dispatcher(room: Room, keys: Keys, folder: Path) -> Dispatcher:
    return Dispatcher(room.database, room.setups, keys, room.clock, room.apply, holder="host/1/a", folder=folder)


@pytest.mark.parametrize("deeds", [("retry_mail",), ("retry_mail", "hold_mail", "release_mail")])
def test_a_retry_sends_the_same_bytes(room: Room, files: MailBytesDesk, keys: Keys, tmp_path: Path, deeds: tuple[str, ...]) -> None:
    """A-OB-17: never by itself, however long it waits; by hand over real SMTP: the bytes it came with, its own Message-ID, no blind copy in sight, everybody
    gets it. Refused for the moment, it has failed again at once. It cannot be edited, also not after hold and release."""
    id = files.import_mail(OLD, ROOT)["id"]
    with Peer() as peer:
        outgoing = {"kind": "smtp", "host": "127.0.0.1", "port": peer.port, "security": "none"}
        save(room, connectors=tuple(replace(one, outgoing=outgoing) if one.name == "support" else one for one in room.setup.connectors))
        for _ in range(3):
            room.clock.advance(hours=30)
            assert dispatcher(room, keys, tmp_path).run_due() == 0
        for deed in deeds:
            room.clock.advance(minutes=1)
            getattr(room.desk, deed)(id, ANN)
        if len(deeds) > 1:
            with pytest.raises(IllegalTransition, match="imported"):
                room.desk.edit_mail(id, ANN, text="other words")
        assert dispatcher(room, keys, tmp_path).run_due() == 1
        (taken,) = peer.taken
    assert sorted(taken.recipients) == EVERYBODY
    gone = b"Bcc: =?utf-8?q?Hidden?= <hidden@acme.example>,\r\n two@acme.example\r\nReturn-Path: <x@y.example>\r\n"
    assert taken.data.rstrip(b"\r\n") == OLD.replace(gone, b"").rstrip(b"\r\n")
    assert room.desk.show_outbox(id, ANN)["state"] == "sent"


def test_a_mail_without_an_id_gets_one_of_ours(room: Room, files: MailBytesDesk, keys: Keys) -> None:
    """A-OB-17: signed and new; the rest stays. Two ids, or one that is none, count as none."""
    for n, ids in enumerate((b"", b"Message-ID: <a b@c>\r\n", b"Message-ID: <a@b.example>\r\nMessage-ID: <c@b.example>\r\n")):
        done = files.import_mail(OLD.replace(b"Message-ID: <old-1@old.example>\r\n", ids).replace(b"Line one", b"Line %d" % n), ROOT, author=BOB, connector="claims")
        assert keys.verified_message_id(done["message_id"]) == done["id"]
        content = files.eml(done["id"], ROOT)
        assert content.startswith(f"Message-ID: <{done['message_id']}>\r\n".encode()) and content.lower().count(b"message-id:") == 1
        assert (done["author"], done["connector"]) == (BOB, "claims")


UNREADABLE: list[tuple[bytes, str]] = [
    (b"", "no mail"),
    (b"\r\n\r\nbody", "no mail"),
    (b"just some words\nmore of them", "no mail"),
    (b"From: a@b.example\r\n\r\n", "nobody"),
    (b"To: a@b.example\r\n\r\n", "no single sender"),
    (b"From: a@b.example, c@d.example\r\nTo: a@b.example\r\n\r\n", "no single sender"),
    (b"From: a@b.example\r\nTo: nonsense\r\n\r\n", "not an e-mail address"),
    (b"From: a@b.example\r\nTo: x\0@b.example\r\n\r\n", "NUL"),
    (b"From: a@b.example\r\nTo: " + b", ".join(b"a%d@b.example" % n for n in range(101)) + b"\r\n\r\n", "at most 100"),
    (b"From: a@b.example\r\nX: " + b"x" * 300_000 + b"\r\n\r\n", "too long"),
]


@pytest.mark.parametrize(("raw", "sentence"), UNREADABLE)
def test_what_cannot_be_read_is_refused_with_a_sentence(room: Room, files: MailBytesDesk, raw: bytes, sentence: str) -> None:
    """A-OB-17: nothing of it is stored."""
    with pytest.raises(Refused, match=sentence):
        files.import_mail(raw, ROOT)
    assert room.desk.list_outbox(ROOT) == []


def test_who_may_import(room: Room, files: MailBytesDesk) -> None:
    """Administrators, by a connector that sends, for a user who is there."""
    wrong: list[dict[str, Any]] = [{"by": LEA}, {"by": ROOT, "connector": "nowhere"}, {"by": ROOT, "author": "nobody@demo.example"}]
    for asked in wrong:
        with pytest.raises(Refused):
            files.import_mail(OLD, **asked)
    assert room.desk.list_outbox(ROOT) == []


FIELDS = b"From: a@b.example\r\n|To: c@d.example\n|Bcc: e@f.example\r|X: y\r\n| folded\n|Content-Type: multipart/mixed; boundary=b\r\n|bcc : g@h.example\r\n"
HEADER = some.sampled_from(FIELDS.split(b"|"))


@settings(max_examples=150, deadline=None)
@given(some.lists(HEADER, max_size=8), some.binary(max_size=200))
def test_whatever_lies_in_a_queue(fields: list[bytes], body: bytes) -> None:
    """Any header and body is read or refused with a sentence; what is read has CRLF line ends and no field of blind copies."""
    try:
        found = old_queue.read(b"".join(fields) + b"\r\n" + body)
    except Refused as refused:
        assert str(refused).endswith(".")
        return
    assert b"\n" not in found.bytes.replace(b"\r\n", b"") and b"\r" not in found.bytes.replace(b"\r\n", b"")
    head = found.bytes.partition(b"\r\n\r\n")[0].lower()
    assert not any(line.startswith(b"bcc") for line in head.split(b"\r\n"))
    assert found.recipients
