"""A small installation for the tests of the commands, and a way to call them."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.bootstrap import open_house
from gateway.cli.main import main
from gateway.clock import SystemClock
from gateway.demo import Ports, fill_desk, write_settings
from gateway.keys import Keys
from gateway.settings_source import load_settings
from gateway.store.engine import Database
from gateway.store.migrate import upgrade


@dataclass(frozen=True)
class Said:
    """What a command ended with and wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


Guichet = Callable[..., Said]


@pytest.fixture
def guichet(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Guichet:
    """Calls a command in this process."""

    def call(*arguments: object, stdin: bytes = b"") -> Said:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return call


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder; nothing in the environment names an installation."""
    for name in list(os.environ):
        if name.startswith("GUICHET_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's desk on SQLite, made once: hashing its passwords takes longer than most tests."""
    folder = tmp_path_factory.mktemp("made") / "demo"
    settings = load_settings(write_settings(folder, Ports(submission=None)))
    Keys.create(settings.key_file)
    database = Database(settings.database_url)
    upgrade(database)
    fill_desk(database, folder, SystemClock())
    database.dispose()
    return folder


@pytest.fixture
def installation(bare: Path, made_once: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, found by GUICHET_CONFIG; nothing runs."""
    shutil.copytree(made_once, bare / "demo")
    monkeypatch.setenv("GUICHET_CONFIG", str(bare / "demo" / "guichet.toml"))
    return bare / "demo"


def mail(subject: str = "Hello", *, sender: str = "alice@acme.example", to: str = "support@demo.example", text: str = "Is anybody there?", more: str = "") -> bytes:
    """A small mail as bytes."""
    head = f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{abs(hash((subject, sender, text)))}@acme.example>\r\n{more}"
    return f"{head}\r\n{text}\r\n".encode()


@pytest.fixture
def work(installation: Path) -> Callable[[], None]:
    """Does what the running service would do now: process what came in, send what is due."""

    def once() -> None:
        house = open_house(load_settings(installation / "guichet.toml"))
        try:
            house.processor.sweep()
            house.dispatcher.run_due()
        finally:
            house.close()

    return once


@pytest.fixture
def ticket(guichet: Guichet, installation: Path, work: Callable[[], None]) -> str:
    """The reference of a ticket that a mail of Alice has opened; its acknowledgement is sent."""
    assert guichet("receive", "--from", "alice@acme.example", "--to", "support@demo.example", stdin=mail("Broken lamp")).code == 0
    work()
    (item,) = guichet("item", "list", "--json").json
    return str(item["ref"])
