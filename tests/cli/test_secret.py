"""`guichet secret`: what goes in, what is shown, and who may."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.bootstrap import open_house
from gateway.settings_source import load_settings
from tests.cli.conftest import Guichet


def _get(installation: Path, name: str) -> str:
    house = open_house(load_settings(installation / "guichet.toml"))
    try:
        return house.secrets.get(name)
    finally:
        house.close()


def test_a_secret_is_read_from_standard_input_and_never_shown(guichet: Guichet, installation: Path) -> None:
    """One line end is not part of it; the list shows name, kind, time and person, in text and JSON, and no command prints the value."""
    said = guichet("secret", "set", "smtp-password", stdin="s3cret wörd\n".encode())
    assert (said.code, said.err) == (0, "") and "s3cret" not in said.out
    assert _get(installation, "smtp-password") == "s3cret wörd"
    listed = guichet("secret", "list", "--json")
    assert [(one["name"], one["kind"], one["by"]) for one in listed.json] == [("smtp-password", "password", "root@demo.example")]
    assert "s3cret" not in listed.out + guichet("secret", "list").out + guichet("config", "export").out


def test_a_pem_keeps_its_lines(guichet: Guichet, installation: Path) -> None:
    """A private key is kept as it is written and listed as one."""
    pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    assert guichet("secret", "set", "key", stdin=pem.encode()).code == 0
    assert _get(installation, "key") == pem.removesuffix("\n")
    assert guichet("secret", "list", "--json").json[0]["kind"] == "dkim"


def test_a_secret_is_no_argument(guichet: Guichet, installation: Path) -> None:
    """A value on the command line would stand in the list of processes and in the shell's history: wrong usage."""
    assert guichet("secret", "set", "name", "value").code == 64
    assert guichet("secret", "list", "--json").json == []


def test_at_a_terminal_it_is_asked_for_twice_without_being_shown(guichet: Guichet, installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The prompt hides what is typed."""
    import click

    asked: list[dict[str, object]] = []
    monkeypatch.setattr(click, "prompt", lambda text, **how: asked.append(how) or "typed")
    monkeypatch.setattr("gateway.cli.secret._is_terminal", lambda: True)
    assert guichet("secret", "set", "name").code == 0
    assert asked[0]["hide_input"] and asked[0]["confirmation_prompt"]
    assert _get(installation, "name") == "typed"


def test_refusals_are_sentences(guichet: Guichet, installation: Path) -> None:
    """Exit 2 for an agent, an empty value, a wrong name, text that is none, and what is not there."""
    agent = next(user["email"] for user in guichet("user", "list", "--json").json if user["role"] == "agent")
    refused = [
        guichet("secret", "set", "name", "--as", agent, stdin=b"value"),
        guichet("secret", "list", "--as", agent),
        guichet("secret", "set", "name", stdin=b"\n"),
        guichet("secret", "set", "na/me", stdin=b"value"),
        guichet("secret", "set", "name", stdin=b"\xff\xfe"),
        guichet("secret", "remove", "name"),
    ]
    assert [said.code for said in refused] == [2] * 6, refused
    assert all(said.err.startswith("guichet: ") for said in refused)
    assert guichet("secret", "list", "--json").json == []


def test_a_connector_uses_it(guichet: Guichet, installation: Path) -> None:
    """A desk file names it in both ways; both places at once, and a name that is none, are refused; it is not removed while it is named."""
    file = installation / "desk.toml"
    text = file.read_text("utf-8")
    start = text.index("outgoing = {")
    was = text[start : text.index("}", start) + 1]
    for keys, fine in (
        ('password_secret = "smtp-password"', True),
        ('password_secret = "smtp-password", password_env = "X"', False),
        ('password_secret = "a b"', False),
        ('port = 25', False),
    ):
        file.write_text(text.replace(was, f'outgoing = {{ kind = "smtp", host = "mail.demo.example", user = "u", {keys} }}', 1), "utf-8")
        said = guichet("config", "apply", file)
        assert (said.code == 0) is fine, said
    guichet("secret", "set", "smtp-password", stdin=b"x")
    assert "is used by connector" in guichet("secret", "remove", "smtp-password").err
    assert guichet("secret", "remove", "smtp-password", "--force").code == 0
    errors = [one["sentence"] for one in guichet("check", "--json").json if one["level"] == "error"]
    assert any("There is no secret “smtp-password”" in sentence for sentence in errors), errors
