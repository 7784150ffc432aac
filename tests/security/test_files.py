"""Files that hold mails: nobody else on the machine reads them, and nothing is written through a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.outbox import Outcome
from gateway.outbound.maildir import MaildirTransport
from gateway.outbound.port import Outgoing
from gateway.store.engine import Database
from gateway.store.migrate import upgrade

MAIL = Outgoing("id1", "", ("a@b.example",), b"Subject: x\r\n\r\nx\r\n")


@pytest.fixture(autouse=True)
def careless_umask() -> Iterator[None]:
    """The umask that most machines have."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_new_database_is_its_owners(tmp_path: Path) -> None:
    """decisions.md 25: the SQLite file and its log are readable by their owner alone."""
    database = Database(f"sqlite:///{tmp_path}/guichet.db")
    upgrade(database)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    database.dispose()
    assert modes and set(modes.values()) == {0o600}, modes


def test_a_mail_in_a_folder_is_its_owners(tmp_path: Path) -> None:
    """A mail handed over through a Maildir is readable by its owner alone."""
    MaildirTransport(tmp_path).deliver(MAIL, lambda: None)
    (file,) = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_mail_is_not_written_through_a_link(tmp_path: Path) -> None:
    """A symbolic link that waits in tmp does not turn a mail into a write somewhere else: the attempt fails, nothing is overwritten."""
    target = tmp_path / "precious"
    target.write_text("precious")
    (tmp_path / "box" / "tmp").mkdir(parents=True)
    (tmp_path / "box" / "tmp" / "id1.guichet").symlink_to(target)
    delivery = MaildirTransport(tmp_path / "box").deliver(MAIL, lambda: None)
    assert target.read_text() == "precious"
    assert Outcome.ACCEPTED not in {outcome for outcome, _ in delivery.recipients.values()}
