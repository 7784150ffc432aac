"""`guichet check`: what it finds, and its exit codes."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Guichet
from tests.conftest import free_port, missing
from tests.servers import amqp_url, redis_url


@pytest.fixture
def calm(guichet: Guichet, installation: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The installation with ports that are free."""
    monkeypatch.setenv("GUICHET_SMTP__PORT", str(free_port()))
    monkeypatch.setenv("GUICHET_LMTP__PORT", str(free_port()))
    monkeypatch.setenv("GUICHET_WEB__PORT", str(free_port()))
    monkeypatch.setenv("GUICHET_WEB__PUBLIC_URL", "https://desk.demo.example")
    return installation


def _found(guichet: Guichet, level: str) -> list[tuple[str, str]]:
    """(check, sentence) of the findings of one level."""
    return [(finding["check"], finding["sentence"]) for finding in guichet("check", "--json").json if finding["level"] == level]


def test_all_is_well(guichet: Guichet, calm: Path) -> None:
    """Exit 0, every check named."""
    said = guichet("check", "--json")
    assert said.code == 0, said.out
    assert {finding["level"] for finding in said.json} == {"fine"}
    names = [finding["check"] for finding in said.json]
    expected = ["settings", "data", "keys", "database", "migrations", "broker", "port smtp", "port lmtp", "port web", "links", "desk"]
    assert names == [*expected, *["connector support"] * 2, *["connector claims"] * 2]
    assert guichet("check").out.count("\n") == len(names)


def test_a_strange_variable_and_an_alias_without_route_are_warnings(guichet: Guichet, calm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 1."""
    monkeypatch.setenv("GUICHET_SMPT__PORT", "1")
    file = calm / "desk.toml"
    file.write_text(file.read_text("utf-8").replace('aliases = ["help@demo.example"]', 'aliases = ["help@demo.example", "sos@demo.example"]'), "utf-8")
    guichet("config", "apply", file)
    assert guichet("check").code == 1
    warnings = dict(_found(guichet, "warning"))
    assert "GUICHET_SMPT__PORT is no setting" in warnings["environment"]
    assert "sos@demo.example has no route" in warnings["desk"]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "those mails have no links"),
        ("http://desk.demo.example", "begins with https://"),
        ("http://localhost:8080", ""),
        ("https://desk.demo.example/guichet", ""),
    ],
)
def test_links_in_mails_lead_somewhere(guichet: Guichet, calm: Path, monkeypatch: pytest.MonkeyPatch, address: str, words: str) -> None:
    """Agents by mail, 4: people are told by mail, and their links need an address that nobody on the way can read; one's own machine is no way."""
    monkeypatch.setenv("GUICHET_WEB__PUBLIC_URL", address)
    found = dict(_found(guichet, "warning"))
    assert words in found["links"] if words else "links" not in found


@pytest.mark.parametrize(
    ("broken", "check", "words"),
    [
        ("settings", "settings", "unknown key"),
        ("key", "keys", "chmod 600"),
        ("no key", "keys", "does not exist"),
        ("no database", "database", "`guichet init` makes it"),
        ("database away", "database", "cannot be used"),
        ("revision", "migrations", "guichet db upgrade"),
        ("broker", "broker", "cannot be reached"),
        ("rabbit", "broker", "cannot be reached"),
        ("maildir", "connector support", "cannot be written"),
        ("certificate", "certificate", "nope.pem cannot be read"),
        ("not a certificate", "certificate", "cannot be used"),
    ],
)
def test_what_is_broken_is_an_error(guichet: Guichet, calm: Path, monkeypatch: pytest.MonkeyPatch, broken: str, check: str, words: str) -> None:
    """Exit 3 and a sentence without a password."""
    if broken == "settings":
        (calm / "guichet.toml").write_text("prot = 1", "utf-8")
    elif broken == "key":
        (calm / "secret.key").chmod(0o644)
    elif broken == "no key":
        (calm / "secret.key").unlink()
    elif broken == "no database":
        (calm / "guichet.db").unlink()
    elif broken == "database away":
        monkeypatch.setenv("GUICHET_DATABASE__URL", "postgresql+psycopg://ann:geheim@127.0.0.1:1/x")
    elif broken == "revision":
        import sqlite3

        with sqlite3.connect(calm / "guichet.db") as connection:
            connection.execute("UPDATE alembic_version SET version_num = '0000'")
    elif broken == "broker":
        monkeypatch.setenv("GUICHET_BROKER__URL", f"redis://:geheim@127.0.0.1:{free_port()}/0")
    elif broken == "rabbit":
        monkeypatch.setenv("GUICHET_BROKER__URL", f"amqp://ann:geheim@127.0.0.1:{free_port()}/")
    elif broken == "certificate":
        monkeypatch.setenv("GUICHET_SMTP__TLS_CERTIFICATE", "nope.pem")
    elif broken == "not a certificate":
        monkeypatch.setenv("GUICHET_SMTP__TLS_CERTIFICATE", "desk.toml")
    else:
        file = calm / "desk.toml"
        file.write_text(file.read_text("utf-8").replace('path = "outgoing"', 'path = "desk.toml/out"', 1), "utf-8")
        guichet("config", "apply", file)
    said = guichet("check", "--json")
    assert said.code == 3
    assert "geheim" not in said.out + said.err
    (sentence,) = [finding["sentence"] for finding in said.json if finding["level"] == "error"]
    assert words in sentence
    assert [finding["check"] for finding in said.json if finding["level"] == "error"] == [check]


@pytest.fixture
def stranger() -> Iterator[int]:
    """A port on which somebody else answers like no service of ours."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                peer.sendall(b"550 go away\r\n")
                peer.close()

        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_a_port_that_somebody_else_has_is_an_error(guichet: Guichet, calm: Path, monkeypatch: pytest.MonkeyPatch, stranger: int) -> None:
    """For every port."""
    monkeypatch.setenv("GUICHET_SMTP__PORT", str(stranger))
    monkeypatch.setenv("GUICHET_LMTP__PORT", str(stranger))
    monkeypatch.setenv("GUICHET_WEB__PORT", str(stranger))
    assert [check for check, _ in _found(guichet, "error")] == ["port smtp", "port lmtp", "port web"]


def test_the_log_in_of_a_connector_is_tried(guichet: Guichet, calm: Path, monkeypatch: pytest.MonkeyPatch, stranger: int) -> None:
    """A server that refuses, a password that is not there, and one that takes our mail."""
    file = calm / "desk.toml"
    text = file.read_text("utf-8")

    def outgoing(table: str) -> None:
        file.write_text(text.replace('{ kind = "maildir", path = "outgoing", retry_template = "standard", unknown = "repeat" }', table, 1), "utf-8")
        assert guichet("config", "apply", file).code == 0

    outgoing(f'{{ kind = "smtp", host = "127.0.0.1", port = {stranger}, security = "none" }}')
    ((check, sentence),) = _found(guichet, "error")
    assert check == "connector support"
    assert "550" in sentence or "go away" in sentence
    outgoing(f'{{ kind = "smtp", host = "127.0.0.1", port = {stranger}, security = "none", user = "u", password_env = "GUICHET_SUPPORT_PASSWORD" }}')
    ((_, sentence),) = _found(guichet, "error")
    assert "GUICHET_SUPPORT_PASSWORD" in sentence
    from tests.sink import Sink

    sink = Sink()
    try:
        outgoing(f'{{ kind = "smtp", host = "127.0.0.1", port = {sink.port}, security = "none" }}')
        monkeypatch.setenv("GUICHET_SUPPORT_PASSWORD", "x")
        assert _found(guichet, "error") == []
        assert ("connector support", f"127.0.0.1:{sink.port} takes our mail") in _found(guichet, "fine")
    finally:
        sink.stop()


def test_an_empty_desk_is_a_warning(guichet: Guichet, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh installation says what is missing."""
    (bare / "guichet.toml").write_text(f"[smtp]\nport = {free_port()}\n[web]\nport = {free_port()}\n", "utf-8")
    guichet("init", "--admin", "you@your.example")
    assert guichet("check").code == 1
    assert "guichet config apply" in dict(_found(guichet, "warning"))["desk"]


@pytest.mark.parametrize("server", [redis_url, amqp_url], ids=["redis", "rabbitmq"])
@pytest.mark.timeout(180)
def test_a_broker_that_answers_is_fine(guichet: Guichet, calm: Path, monkeypatch: pytest.MonkeyPatch, server: Callable[[], str | None]) -> None:
    """A real one of each kind."""
    url = server()
    if url is None:
        missing(f"{server.__name__.partition('_')[0]} is not installed")
    monkeypatch.setenv("GUICHET_BROKER__URL", str(url))
    assert any(check == "broker" and "answers" in sentence for check, sentence in _found(guichet, "fine"))


def test_the_way_in_of_a_connector_is_tried(guichet: Guichet, calm: Path, monkeypatch: pytest.MonkeyPatch, stranger: int) -> None:
    """A mailbox that answers like no mailbox is an error that names the step; a Maildir that is there is fine; a door is named."""
    file = calm / "desk.toml"
    text = file.read_text("utf-8")
    monkeypatch.setenv("SUPPORT_PW", "geheim")

    def incoming(table: str) -> None:
        file.write_text(text.replace('incoming = { kind = "smtp" }', f"incoming = {table}", 1), "utf-8")
        assert guichet("config", "apply", file).code == 0

    for kind in ("imap", "pop3"):
        incoming(f'{{ kind = "{kind}", host = "127.0.0.1", port = {stranger}, security = "none", user = "u", password_env = "SUPPORT_PW" }}')
        ((check, sentence),) = _found(guichet, "error")
        assert check == "connector support" and "connection" in sentence and "geheim" not in sentence
    for part in ("new", "cur", "tmp"):
        (calm / "in" / part).mkdir(parents=True)
    incoming('{ kind = "maildir", path = "in" }')
    assert _found(guichet, "error") == []
    assert ("connector claims", f"takes mail at the SMTP door, 127.0.0.1:{os.environ['GUICHET_SMTP__PORT']}") in _found(guichet, "fine")


def test_plus_addressing_without_proof_is_a_warning(guichet: Guichet, calm: Path) -> None:
    """It is not used, and the sentence names the command that would show that it works."""
    file = calm / "desk.toml"
    file.write_text(file.read_text("utf-8").replace('incoming = { kind = "smtp" }', 'incoming = { kind = "smtp" }\nplus_addressing = "mixed"', 1), "utf-8")
    assert guichet("config", "apply", file).code == 0
    ((check, sentence),) = _found(guichet, "warning")
    assert check == "connector support" and "guichet connector test support --round-trip" in sentence
