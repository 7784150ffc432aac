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


def test_a_view_of_the_outbox(guichet: Guichet, ticket: str) -> None:
    """A-OB-06, A-OB-08, A-OB-19: with --view, what waits, the oldest first, with the columns asked for; alone the view that is kept."""
    ids = _write(guichet, ticket, 7)
    assert [mail["id"] for mail in guichet("outbox", "list", "--view", "mine", "--json", *ANN).json] == ids
    kept = guichet("outbox", "view", "--view", "team", "--columns", "status,author", "--rows", "5", "--json", *ANN).json
    assert (kept["view"], kept["columns"], kept["rows"]) == ("team", ["status", "author", "to", "subject"], 5)
    assert {"id": "to", "en": "To", "fr": "À", "field": "to", "sortable": True, "compulsory": True} in kept["there_are"]
    page = guichet("outbox", "list", "--view", *ANN)
    assert page.out.splitlines()[0].split() == ["id", "status", "author", "to", "subject"]
    assert len(page.out.splitlines()) == 6 and page.err.startswith("More: --cursor ")
    rest = guichet("outbox", "list", "--view", "--cursor", page.err.split()[-1], "--json", *ANN).json
    assert [mail["id"] for mail in rest] == ids[5:]
    down = guichet("outbox", "list", "--view", "kept", "--sort", "-subject", "--columns", "next_attempt,scheduled_for", "--json", *ANN)
    assert down.code == 0 and len(down.json) == 5
    assert "team" in guichet("outbox", "view", *ANN).out
    assert guichet("outbox", "view", "--forget", "--json", *ANN).json["view"] == "mine"
    assert guichet("outbox", "list", "--sort", "subject").code == 64
    assert guichet("outbox", "list", "--view", "--columns", "x", *ANN).code == 2


def test_the_counts(guichet: Guichet, ticket: str) -> None:
    """A-OB-04: a line for each view, JSON as well."""
    _write(guichet, ticket, 2)
    counted = guichet("outbox", "counts", "--json", *ANN).json
    assert (counted["mine"]["total"], counted["mine"]["statuses"]["queued"]) == (2, 2)
    lines = guichet("outbox", "counts", *ANN).out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["mine", "2"], ["team", "2"], ["system", "0"], ["all", "2"]]


def test_deeds_by_a_filter(guichet: Guichet, ticket: str) -> None:
    """A-OB-16: --dry-run tells and does nothing; --reason stands in the history; ids and filters do not mix, and a filter needs --all."""
    ids = _write(guichet, ticket, 2)
    dry = guichet("outbox", "hold", "--view", "mine", "--all", "--dry-run", *ANN)
    assert (dry.code, dry.out) == (0, "".join(f"{id} would be held (queued → held)\n" for id in ids))
    assert {mail["state"] for mail in guichet("outbox", "list", "--view", "mine", "--json", *ANN).json} == {"queued"}
    held = guichet("outbox", "hold", "--view", "mine", "--item", ticket, "--after", "2020-01-01", "--all", "--reason", "look at it", "--json", *ANN)
    assert [one["hold_reason"] for one in held.json] == ["look at it"] * 2
    assert guichet("outbox", "release", "--connector", "support", "--all", "--json", *ANN).code == 0
    for wrong in ((), ("--all",), ("--view", "mine"), (ids[0], "--all", "--view", "mine"), (ids[0], "--view", "mine")):
        assert guichet("outbox", "cancel", *wrong, *ANN).code == 64, wrong
    assert guichet("outbox", "mark-sent", ids[0], *ANN).code == 2


def test_recipients_are_changed(guichet: Guichet, ticket: str) -> None:
    """E-27: --to, --cc and --bcc replace theirs; “none” empties one."""
    (id,) = _write(guichet, ticket, 1)
    assert guichet("outbox", "edit", id, "--to", "zoe@globex.example", "--cc", "a@acme.example", "--cc", "b@acme.example", *ANN).code == 0
    assert guichet("outbox", "edit", id, "--cc", "none", "--html", "<p>x</p>", *ANN).code == 0
    shown = guichet("outbox", "show", id, "--json").json
    assert (shown["to"], shown["cc"]) == (["zoe@globex.example"], [])


def test_the_person_is_asked(guichet: Guichet, ticket: str) -> None:
    """decisions.md 16: a colleague answered, so send-now is refused once with the warning; --anyway sends."""
    (id,) = _write(guichet, ticket, 1)
    assert guichet("item", "mail", ticket, "--text", "Done.", "--as", "bob@demo.example").code == 0
    refused = guichet("outbox", "send-now", id, *ANN)
    assert refused.code == 2 and "bob@demo.example answered" in refused.err and "--anyway" in refused.err
    assert guichet("outbox", "send-now", id, "--anyway", *ANN).code == 0


def test_sent_mails(guichet: Guichet, ticket: str) -> None:
    """C-SE-01: what left, with its filters; a range that is too wide is refused."""
    found = guichet("outbox", "sent", "--team", "--system", "--json").json
    assert found == [], "nobody has the item yet"
    assert guichet("item", "do", ticket, "take", *ANN).code == 0
    (sent,) = guichet("outbox", "sent", "--system", "--to", "alice", "--customer", "Acme", "--from-date", "P1D", "--json", *ANN).json
    assert (sent["item"], sent["state"]) == (ticket, "sent")
    assert ticket in guichet("outbox", "sent", *ANN).out
    assert guichet("outbox", "sent", "--people", "--json", *ANN).json == []
    assert "90 days" in guichet("outbox", "sent", "--from-date", "2026-01-01", "--to-date", "2026-06-01", *ANN).err


def test_a_mail_as_a_file(guichet: Guichet, ticket: str, tmp_path: Path) -> None:
    """C-SE-02: into a file that is not there yet; what is there is not overwritten."""
    (sent,) = guichet("outbox", "list", "--state", "sent", "--json").json
    into = tmp_path / "mail.eml"
    assert guichet("outbox", "eml", sent["id"], "--output", into).code == 0
    assert sent["message_id"].encode() in into.read_bytes()
    again = guichet("outbox", "eml", sent["id"], "--output", into)
    assert again.code == 2 and "cannot be written" in again.err


def test_an_old_queue(guichet: Guichet, installation: Path, tmp_path: Path) -> None:
    """A-OB-17: a folder of .eml files comes in as failed; what cannot be read is told and does not keep the others out; a second time all are known."""
    folder = tmp_path / "old"
    folder.mkdir()
    for n in range(2):
        (folder / f"{n}.eml").write_bytes(b"From: support@demo.example\nTo: a@acme.example\nSubject: Old\nMessage-ID: <%d@old.example>\n\nHello.\n" % n)
    (folder / "bad.eml").write_bytes(b"no mail at all")
    (folder / "other.txt").write_bytes(b"not looked at")
    said = guichet("import", "outbox", folder, "--by", "ann@demo.example")
    assert (said.code, said.out) == (2, "2 of 3 mails imported; they are sent when somebody retries them.\n")
    assert "bad.eml: It does not begin with header fields" in said.err
    listed = guichet("outbox", "list", "--view", "mine", "--json", *ANN).json
    assert [(mail["state"], mail["last_failure"]) for mail in listed] == [("failed", "imported; never sent by itself")] * 2
    assert [one.get("known") for one in guichet("import", "outbox", folder / "0.eml", "--json").json] == [True]
    retried = guichet("outbox", "retry", "--view", "mine", "--text", "imported", "--all", "--json", *ANN)
    assert {mail["state"] for mail in retried.json} == {"pending_retry"}


def test_a_mail_as_people_read_it(guichet: Guichet, ticket: str) -> None:
    """A-OB-18: a line for each recipient, try and change, in words and in the person's zone; the text at the end. A dry run says what would be done."""
    (id,) = _write(guichet, ticket, 1)
    lines = guichet("outbox", "show", id, *ANN).out.splitlines()
    assert lines[-1] == "Mail 0" and {"Recipients", "History"} <= set(lines) and "Tries" not in lines
    assert any(line.startswith("status words") and line.endswith("Queued") for line in lines)
    assert lines[lines.index("History") + 2].endswith("queued  ann@demo.example")
    (sent,) = guichet("outbox", "list", "--state", "sent", "--json").json
    assert any(line.split()[:1] == ["1"] and "250 written" in line for line in guichet("outbox", "show", sent["id"]).out.splitlines())
    assert guichet("outbox", "send-now", id, "--dry-run", *ANN).out == f"{id} would be sent now (queued → queued)\n"
    assert guichet("outbox", "list", "--view", "mine", *ANN).out.split()[:2] == ["id", "status"]
