"""`guichet outbox`: lists, single mails, and deeds with many."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Guichet

ANN = ("--as", "ann@demo.example")


def _write(guichet: Guichet, ticket: str, count: int) -> list[str]:
    return [guichet("item", "mail", ticket, "--text", f"Mail {n}", "--undo", "PT1M", "--json", *ANN).json["id"] for n in range(count)]


def test_lists_by_state_and_item(guichet: Guichet, ticket: str) -> None:
    """The acknowledgement is sent, the answers wait."""
    waiting = _write(guichet, ticket, 2)
    listed = guichet("outbox", "list", "--json").json
    assert {mail["state"] for mail in listed} == {"sent", "queued"}
    assert sorted(mail["id"] for mail in guichet("outbox", "list", "--state", "queued", "--item", ticket, "--json").json) == sorted(waiting)
    assert guichet("outbox", "list", "--state", "failed", "--json").json == []
    empty = guichet("outbox", "list", "--state", "failed")
    assert (empty.out, empty.err) == ("", "Nothing found.\n")


def test_hold_release_and_cancel_many(guichet: Guichet, ticket: str) -> None:
    """By ids and by a filter with --all."""
    ids = _write(guichet, ticket, 3)
    held = guichet("outbox", "hold", *ids, "--json", *ANN)
    assert held.code == 0
    assert [(result["state"], result["done"]) for result in held.json] == [("held", True)] * 3
    assert guichet("outbox", "release", ids[0], *ANN).out == f"{ids[0]} released\n"
    said = guichet("outbox", "cancel", "--state", "held", "--all", "--json", *ANN)
    assert {result["id"] for result in said.json} == set(ids[1:])
    assert {mail["id"] for mail in guichet("outbox", "list", "--state", "cancelled", "--json").json} == set(ids[1:])


def test_a_mail_is_changed_before_it_leaves(guichet: Guichet, ticket: str) -> None:
    """Subject, text and time; the Message-ID stays (E-27). Nothing to change is wrong usage, a mail that left is refused."""
    (id,) = _write(guichet, ticket, 1)
    before = guichet("outbox", "show", id, "--json").json
    changed = guichet("outbox", "edit", id, "--subject", "Other", "--text", "-", "--at", "2099-07-01T09:30", "--json", *ANN, stdin="Voilà.".encode())
    assert changed.code == 0, changed.err
    after = guichet("outbox", "show", id, "--json").json
    assert (after["subject"], after["text"], after["due_at"]) == ("Other", "Voilà.", "2099-07-01T07:30:00Z")
    assert after["message_id"] == before["message_id"]
    assert guichet("outbox", "edit", id, "--at", "2099-07-01T09:30", *ANN).out == f"{id} queued, to be sent 2099-07-01 09:30:00 CEST\n"
    assert guichet("outbox", "edit", id, *ANN).code == 64
    (sent,) = guichet("outbox", "list", "--state", "sent", "--json").json
    assert guichet("outbox", "edit", sent["id"], "--text", "x", *ANN).code == 2


def test_what_cannot_be_done_does_not_keep_the_rest_from_being_done(guichet: Guichet, ticket: str) -> None:
    """Exit 2, one line for each refusal, the others done."""
    ids = _write(guichet, ticket, 1)
    said = guichet("outbox", "cancel", "nothing", *ids, *ANN)
    assert said.code == 2
    assert said.out == f"{ids[0]} cancelled\n"
    assert said.err.startswith("nothing: ")
    assert len(said.err.splitlines()) == 1


def test_one_mail_with_its_history(guichet: Guichet, ticket: str) -> None:
    """Recipients with their outcome and words."""
    (sent,) = guichet("outbox", "list", "--state", "sent", "--json").json
    shown = guichet("outbox", "show", sent["id"], "--json").json
    assert shown["recipients"][0]["outcome"] == "accepted"
    assert "alice@acme.example" in guichet("outbox", "show", sent["id"]).out


def test_mail_out_lands_in_the_maildir(installation: Path, ticket: str) -> None:
    """The demo's connectors send into a folder, never to the network."""
    (file,) = (installation / "outgoing" / "new").iterdir()
    assert ticket.encode() in file.read_bytes()
