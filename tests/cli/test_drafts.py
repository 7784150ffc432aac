"""`guichet draft`, `guichet file` and the options of `guichet item mail`: letters by command line, on a whole installation."""

from __future__ import annotations

from email import message_from_string
from pathlib import Path

import pytest

from tests.cli.conftest import Guichet

ANN = ("--as", "ann@demo.example")


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    """A file of this machine."""
    path = tmp_path / "paper.pdf"
    path.write_bytes(b"%PDF-1.7 hello")
    return path


def test_files_of_an_item(guichet: Guichet, ticket: str, paper: Path, tmp_path: Path) -> None:
    """Added, listed, fetched byte by byte, taken away; a file is not written over."""
    (made,) = guichet("file", "add", ticket, str(paper), *ANN, "--json").json
    assert made["name"] == "paper.pdf"
    assert "paper.pdf" in guichet("file", "list", ticket, *ANN).out
    out = tmp_path / "out.pdf"
    assert "14 bytes" in guichet("file", "get", ticket, made["id"], "--output", str(out), *ANN).out
    assert out.read_bytes() == paper.read_bytes()
    assert guichet("file", "get", ticket, made["id"], "--output", str(out), *ANN).code == 2
    assert "was taken away" in guichet("file", "remove", ticket, made["id"], *ANN).out
    assert guichet("file", "list", ticket, *ANN, "--json").json == []


def test_the_shelf_of_the_desk(guichet: Guichet, ticket: str, paper: Path) -> None:
    """An administrator puts a file there; an agent is told who may."""
    assert guichet("file", "add", "--desk", str(paper), "--json").code == 0
    assert [one["name"] for one in guichet("file", "list", "--desk", *ANN, "--json").json] == ["paper.pdf"]
    refused = guichet("file", "add", "--desk", str(paper), *ANN)
    assert refused.code == 2 and "administrators" in refused.err


def test_dangerous_files_are_asked_for_twice(guichet: Guichet, ticket: str, tmp_path: Path) -> None:
    """E-42: the sentence names the option."""
    program = tmp_path / "run.exe"
    program.write_bytes(b"MZ\x90\0\3")
    refused = guichet("item", "mail", ticket, "--text", "See attached.", "--attach", str(program), *ANN)
    assert refused.code == 2 and "--anyway" in refused.err
    assert guichet("item", "mail", ticket, "--text", "See attached.", "--attach", str(program), "--anyway", *ANN).code == 0


def test_a_forward_with_files(guichet: Guichet, ticket: str, paper: Path) -> None:
    """Kind, recipients, a file, importance, sender; the stranger is warned of; the mail as it leaves has it all."""
    sent = guichet(
        *("item", "mail", ticket, "--kind", "forward", "--to", "kim@other.example", "--attach", str(paper)),
        *("--importance", "high", "--from", "support@demo.example", "--text", "See attached.", "--at", "PT2H", *ANN, "--json"),
    )
    assert "Not on this item until now: kim@other.example." in sent.err
    mail = message_from_string(guichet("outbox", "eml", sent.json["id"], *ANN).out) if sent.code == 0 else None
    assert mail is not None
    assert mail["Importance"] == "high" and "Fwd:" in mail["Subject"]
    assert [part.get_filename() for part in mail.walk() if part.get_filename()] == ["paper.pdf"]


def test_what_must_be_said(guichet: Guichet, ticket: str, tmp_path: Path) -> None:
    """Wrong usage is 64 with what is expected."""
    for arguments, said in [
        (("item", "mail", ticket), "--text, --html or --canned"),
        (("item", "mail", ticket, "--text", "x", "--from-mail", "7"), "ID:N"),
        (("item", "mail", ticket, "--text", "x", "--kind", "telegram"), "telegram"),
        (("file", "list"), "which item"),
        (("file", "add", ticket), "at least one"),
        (("file", "add", ticket, str(tmp_path / "nowhere")), ""),
    ]:
        found = guichet(*arguments, *ANN)
        assert found.code in (2, 64) and said in found.err, arguments


def test_html_from_a_file_is_cleaned(guichet: Guichet, ticket: str, tmp_path: Path) -> None:
    """`--html` reads a page; scripts do not get through."""
    page = tmp_path / "page.html"
    page.write_text("<p>Dear Carl<script>alert(1)</script></p>", "utf-8")
    sent = guichet("item", "mail", ticket, "--html", str(page), "--at", "PT2H", *ANN, "--json").json
    raw = guichet("outbox", "eml", sent["id"], *ANN).out
    assert "Dear Carl" in raw and "alert" not in raw


def test_a_draft_by_command(guichet: Guichet, ticket: str, paper: Path) -> None:
    """C-DR-01: saved, listed, changed, refused to another, closed, sent; then it is gone."""
    draft = guichet("draft", "save", ticket, "--text", "Dear Carl,", "--attach", str(paper), *ANN, "--json").json
    assert "yours until" in guichet("draft", "save", ticket, "--draft", draft["id"], "--subject", "Your lamp", *ANN).out
    assert "Your lamp" in guichet("draft", "list", ticket, *ANN).out
    assert "Dear Carl" in guichet("draft", "show", draft["id"], *ANN).out
    refused = guichet("draft", "open", draft["id"], "--as", "lea@demo.example")
    assert refused.code == 2 and "ann@demo.example has this draft open until" in refused.err
    assert guichet("draft", "open", draft["id"], "--take-over", "--as", "lea@demo.example", "--json").json["editor"] == "lea@demo.example"
    assert "is free" in guichet("draft", "close", draft["id"], "--as", "lea@demo.example").out
    assert "paper.pdf" in guichet("file", "list", ticket, *ANN).out
    told = guichet("item", "mail", ticket, "--text", "Short answer.", "--at", "PT2H", *ANN)
    assert "1 draft waits on this item" in told.err
    sent = guichet("draft", "send", draft["id"], "--yes", *ANN, "--json").json
    assert sent["subject"].endswith("Your lamp") and sent["state"] == "queued"
    assert guichet("draft", "list", ticket, *ANN, "--json").json == []
    other = guichet("draft", "save", ticket, "--text", "x", *ANN, "--json").json
    assert "is deleted" in guichet("draft", "delete", other["id"], *ANN).out


def test_a_mail_in_the_outbox_gets_another_file(guichet: Guichet, ticket: str, paper: Path) -> None:
    """E-27: by `outbox edit`."""
    sent = guichet("item", "mail", ticket, "--text", "See attached.", "--at", "PT2H", *ANN, "--json").json
    assert guichet("outbox", "edit", sent["id"], "--attach", str(paper), *ANN).code == 0
    (file,) = guichet("file", "list", ticket, *ANN, "--json").json
    assert guichet("outbox", "edit", sent["id"], "--without", file["id"], *ANN).code == 0
