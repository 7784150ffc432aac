"""`guichet template`, `guichet canned`, `guichet user signature`, and what of it goes into `item mail`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Guichet

ANN = ("--as", "ann@demo.example")

MORE = """
[[mail_templates]]
purpose = "acknowledgement"
language = "en"
subject = "Thanks for {{ item.ref }}"
text = "Thank you, {{ contact.name or 'you' }}."
files = ["terms.pdf"]

[[canned_texts]]
title = "Please restart"
language = "en"
text = "Please restart it, {{ contact.address }}. {{ agent.name }}"
html = "<p>Please restart it.</p>"
files = ["terms.pdf"]
"""


@pytest.fixture
def furnished(guichet: Guichet, installation: Path) -> Path:
    """The demo's desk with a template, a canned text and no file of theirs on the shelf."""
    exported = guichet("config", "export").out
    file = installation / "more.toml"
    file.write_text(exported + MORE, "utf-8")
    applied = guichet("config", "apply", file)
    assert applied.code == 0, applied.err
    assert "no file “terms.pdf” on the desk, which the mail template “acknowledgement” (en) brings" in applied.err
    return installation


def test_templates_are_listed_shown_and_previewed(guichet: Guichet, furnished: Path, ticket: str, tmp_path: Path) -> None:
    """Own and shipped; the source; the mail for a real item, also of a file that is not saved; nothing is sent."""
    found = {(one["purpose"], one["language"]): one for one in guichet("template", "list", "--json").json}
    assert (found["acknowledgement", "en"]["own"], found["acknowledgement", "en"]["version"], found["split", "fr"]["own"]) == (True, 1, False)
    assert "acknowledgement" in guichet("template", "list").out
    assert "Thank you, {{ contact.name" in guichet("template", "show", "acknowledgement").out
    assert guichet("template", "show", "split", "--language", "fr", "--json").json["text"].startswith("Bonjour")
    shown = guichet("template", "preview", "acknowledgement", "--item", ticket)
    assert f"Thanks for {ticket}" in next(line for line in shown.out.splitlines() if line.startswith("Subject: "))
    assert "To: " in shown.out and "alice@acme.example" in shown.out and "Thank you, " in shown.out
    assert "no file “terms.pdf”" in shown.err
    new = tmp_path / "new.toml"
    new.write_text('subject = "S"\ntext = "{{ item.title }}"\n', "utf-8")
    assert "Broken lamp" in guichet("template", "preview", "split", "--item", ticket, "--file", new).out
    before = len(guichet("outbox", "list", "--json").json)
    desk = tmp_path / "desk.toml"
    desk.write_text(MORE, "utf-8")
    assert guichet("template", "preview", "acknowledgement", "--item", ticket, "--file", desk, "--json").json["subject"].endswith(f"Thanks for {ticket}")
    assert len(guichet("outbox", "list", "--json").json) == before


def test_what_cannot_be_previewed(guichet: Guichet, furnished: Path, ticket: str, tmp_path: Path) -> None:
    """A sentence and exit 2: an unknown purpose, a broken template, a file that is none, a purpose that the file does not have."""
    broken = tmp_path / "broken.toml"
    broken.write_text('subject = "S"\ntext = "{{ nobody }}"\n', "utf-8")
    for arguments, said in (
        (("template", "preview", "welcome", "--item", ticket), "no template for “welcome”"),
        (("template", "preview", "split"), "--item"),
        (("template", "preview", "split", "--item", ticket, "--file", broken), "no value “nobody”"),
        (("template", "preview", "split", "--item", ticket, "--file", tmp_path / "none.toml"), "cannot be read"),
        (("template", "values", "welcome"), "no template for “welcome”"),
    ):
        done = guichet(*arguments)
        assert done.code == 2 and said in done.err, arguments
    other = tmp_path / "other.toml"
    other.write_text(MORE, "utf-8")
    assert "no mail template for “split”" in guichet("template", "preview", "split", "--item", ticket, "--file", other).err


def test_the_values_of_a_purpose(guichet: Guichet, installation: Path) -> None:
    """Only those that this purpose fills."""
    found = {one["value"] for one in guichet("template", "values", "merged", "--json").json}
    assert {"item.ref", "others"} <= found and not {"failures", "connector.name"} & found


def test_canned_texts(guichet: Guichet, furnished: Path, ticket: str) -> None:
    """C-CO-07: listed for an item, shown filled in, and put into a mail above what was written; a missing file is said, and used texts come first."""
    assert [one["title"] for one in guichet("canned", "list", "--item", ticket, "--json", *ANN).json] == ["Please restart"]
    assert guichet("canned", "list", "--search", "xyzzy").err.strip() == "Nothing found."
    shown = guichet("canned", "show", "please restart", "--item", ticket, *ANN)
    assert shown.out.strip() == "Please restart it, alice@acme.example. Ann Agent" and "terms.pdf" in shown.err
    sent = guichet("item", "mail", ticket, "--canned", "Please restart", "--text", "Then call us.", "--json", *ANN)
    assert sent.code == 0 and "terms.pdf" in sent.err
    eml = guichet("outbox", "eml", sent.json["id"], *ANN).out
    assert "Please restart it, alice@acme.example. Ann Agent" in eml and "Then call us." in eml
    assert guichet("canned", "list", "--json", *ANN).json[0]["recent"] is True
    assert guichet("item", "mail", ticket, *ANN).code == 64
    assert guichet("item", "mail", ticket, "--canned", "Nothing like it", *ANN).code == 2


def test_a_signature(guichet: Guichet, installation: Path, ticket: str, tmp_path: Path) -> None:
    """C-CO-08: set from files, shown, used where it is asked for, taken away; another's only by an administrator."""
    text = tmp_path / "signature.txt"
    text.write_text("Ann Agent\nDemo desk\n", "utf-8")
    assert guichet("user", "signature", "ann@demo.example", "--text", text, *ANN).out.strip() == "Ann Agent\nDemo desk"
    assert guichet("user", "signature", "ann@demo.example", "--show", "--json").json["text"] == "Ann Agent\nDemo desk"
    assert guichet("user", "signature", "bob@demo.example", *ANN).code == 2
    sent = guichet("item", "mail", ticket, "--text", "Hello", "--signature", "--json", *ANN).json
    assert "\n-- \nAnn Agent\nDemo desk" in guichet("outbox", "eml", sent["id"], *ANN).out.replace("\r\n", "\n")
    assert "Ann Agent\nDemo desk" in guichet("config", "export").out.replace("\\n", "\n")
    assert guichet("user", "signature", "ann@demo.example", "--remove", *ANN).out.strip() == "(no signature)"
    text.write_bytes(b"\xff\xfe")
    refused = guichet("user", "signature", "ann@demo.example", "--text", text, *ANN)
    assert refused.code == 2 and "not UTF-8" in refused.err
