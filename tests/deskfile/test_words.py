"""Texts in a desk file: what is refused with which sentence, what is only warned of, and that they come back as they were."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.deskfile import DeskTrouble, read_desk, write_desk
from gateway.deskfile.word_checks import files_named

DEMO = Path(__file__).resolve().parents[2] / "templates" / "demo" / "desk.toml"

TEMPLATE = {"purpose": '"split"', "language": '"fr"', "subject": '"x"', "text": '"{{ others }}"'}
USER = {"email": '"x@y.example"', "name": '"X"', "role": '"agent"'}
CANNED = {"title": '"Hello"', "text": '"Hello {{ contact.name }}"'}


def table(name: str, keys: dict[str, str], **more: str) -> str:
    """One table of a desk file."""
    return "\n".join((f"\n[[{name}]]", *(f"{key} = {value}" for key, value in {**keys, **more}.items() if value), ""))


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A place for a desk file."""
    return tmp_path / "desk.toml"


FAULTS = {
    "no purpose of ours": (table("mail_templates", TEMPLATE, purpose='"person"'), "mail_templates[1].purpose: “person” is not one of acknowledgement"),
    "no subject": (table("mail_templates", TEMPLATE, subject=""), "a subject and a text are expected"),
    "a name that does not exist": (table("mail_templates", TEMPLATE, html='"{{ item.secret }}"'), "mail_templates[1].html: html: line 1: there is no value"),
    "a subject of two lines": (table("mail_templates", TEMPLATE, subject='"a\\nb"'), "one line of at most 200"),
    "a line in other mails with a subject": (table("mail_templates", TEMPLATE, purpose='"reply_instructions"'), "has no subject"),
    "two lines in other mails": (2 * table("mail_templates", TEMPLATE, purpose='"reply_instructions"', subject=""), "is there twice"),
    "a line in other mails with files": (table("mail_templates", TEMPLATE, purpose='"reply_instructions"', subject="", files='["a.pdf"]'), "brings no files"),
    "a canned text of nothing": (table("canned_texts", CANNED, text='" "'), "canned_texts[1].text: a text is expected"),
    "a canned text that cannot be filled in": (table("canned_texts", CANNED, text='"{{ x }}"'), "canned_texts[1].text: line 1: there is no value “x”"),
    "two of one name": (2 * table("canned_texts", CANNED), "“Hello/” is there twice among the canned texts"),
    "no language": (table("canned_texts", CANNED, language='"english"'), "“english” is no language"),
    "no name of a file": (table("canned_texts", CANNED, files='[" "]'), "canned_texts[1].files[1]: the name of a file of the desk"),
    "too many files": (table("canned_texts", CANNED, files=str([f"{n}" for n in range(21)]).replace("'", '"')), "at most 20 files"),
    "a signature that is far too long": (table("users", USER, signature=f'"{"x" * 20_001}"'), "at most 20000 characters"),
}


@pytest.mark.parametrize(("text", "said"), FAULTS.values(), ids=FAULTS)
def test_what_is_refused(desk: Path, text: str, said: str) -> None:
    """Each with its place in the file, when it is applied and not when it is sent."""
    desk.write_text(DEMO.read_text("utf-8") + text, "utf-8")
    with pytest.raises(DeskTrouble, match=re.escape(said)):
        read_desk(desk)


def test_what_is_warned_of(desk: Path) -> None:
    """A service line that no process has, and a signature that makes every mail large (C-CO-08)."""
    user = table("users", USER, signature_html=f'"{"x" * 210_000}"')
    desk.write_text(DEMO.read_text("utf-8") + table("canned_texts", CANNED, service='"Nowhere"') + user, "utf-8")
    warnings = " ".join(read_desk(desk).warnings)
    assert "service line “Nowhere”" in warnings and "less than 200 kB is recommended" in warnings


def test_they_come_back_as_they_were(desk: Path) -> None:
    """Exported and applied again: the same; and the files they bring are known with who brings them."""
    text = table("canned_texts", CANNED, html='"<b>x</b>"', files='["a.pdf", "b.pdf"]') + table("mail_templates", TEMPLATE, files='["b.pdf"]')
    text += table("mail_templates", TEMPLATE, purpose='"reply_instructions"', subject="", text='"Answer here."')
    desk.write_text(DEMO.read_text("utf-8") + text, "utf-8")
    setup = read_desk(desk).setup
    desk.write_text(write_desk(setup), "utf-8")
    assert read_desk(desk).setup == setup
    assert files_named(setup) == {"b.pdf": "the mail template “split” (fr)", "a.pdf": "the canned text “Hello”"}
