"""The way out into a folder: what is on disk at each point, repeats, faults."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.delivery import Meaning
from core.outbox import Outcome
from gateway.outbound.maildir import MaildirTransport
from gateway.outbound.port import Outgoing

MAIL = Outgoing("id1", "", ("a@b.example", "C@d.example"), b"Subject: x\r\n\r\nx\r\n")


def test_a_mail_is_written_then_marked_then_shown(tmp_path: Path) -> None:
    """Before the mark the whole mail is in tmp and nothing in new; after it, in new, for every recipient."""
    seen: list[tuple[list[str], list[str]]] = []

    def mark() -> None:
        seen.append((os.listdir(tmp_path / "tmp"), os.listdir(tmp_path / "new")))
        assert (tmp_path / "tmp" / seen[0][0][0]).read_bytes() == MAIL.data

    delivery = MaildirTransport(tmp_path).deliver(MAIL, mark)
    assert seen == [(["id1.guichet"], [])]
    assert {key: outcome for key, (outcome, _) in delivery.recipients.items()} == dict.fromkeys(("a@b.example", "c@d.example"), Outcome.ACCEPTED)
    assert [file.read_bytes() for file in (tmp_path / "new").iterdir()] == [MAIL.data] and not os.listdir(tmp_path / "tmp")


def test_a_repeat_is_the_same_file(tmp_path: Path) -> None:
    """The same mail again, before or after somebody read it: one file."""
    way = MaildirTransport(tmp_path)
    way.deliver(MAIL, lambda: None)
    way.deliver(MAIL, lambda: None)
    assert os.listdir(tmp_path / "new") == ["id1.guichet"]
    os.rename(tmp_path / "new" / "id1.guichet", tmp_path / "cur" / "id1.guichet:2,S")
    way.deliver(MAIL, lambda: None)
    assert os.listdir(tmp_path / "new") == [] and os.listdir(tmp_path / "cur") == ["id1.guichet:2,S"]


def test_a_lost_claim_leaves_nothing_to_be_read(tmp_path: Path) -> None:
    """What the mark raises ends it: the mail stays in tmp, where nobody looks."""

    def lost() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        MaildirTransport(tmp_path).deliver(MAIL, lost)
    assert os.listdir(tmp_path / "new") == []


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """Before the mark it is trouble of the connector, with the path."""
    (tmp_path / "file").write_text("x")
    delivery = MaildirTransport(tmp_path / "file" / "box").deliver(MAIL, lambda: None)
    assert delivery.trouble is Meaning.TROUBLE and str(tmp_path) in delivery.words


def test_a_fault_after_the_mark_is_unknown(tmp_path: Path) -> None:
    """The rename may have happened or not."""
    delivery = MaildirTransport(tmp_path).deliver(MAIL, lambda: (tmp_path / "tmp" / "id1.guichet").unlink())
    assert {outcome for outcome, _ in delivery.recipients.values()} == {Outcome.UNKNOWN}
