"""`guichet inbound`, `guichet import`: what came in, and what people decide about it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Guichet, mail

GUICHET = str(Path(sys.executable).parent / "guichet")
KEYS = "id state reason door received_at envelope_from envelope_to subject from message_id items".split()
Work = Callable[[], None]


@pytest.fixture
def held(guichet: Guichet, ticket: str, work: Work) -> str:
    """The id of a mail that a stranger sent on a mail of the ticket: known evidence, no participant, so it is held."""
    (acknowledgement,) = guichet("outbox", "list", "--json").json
    raw = mail("Re: lamp", sender="eve@evil.example", more=f"In-Reply-To: <{acknowledgement['message_id']}>\r\n")
    assert guichet("receive", "--from", "eve@evil.example", "--to", "support@demo.example", stdin=raw).code == 0
    work()
    (message,) = guichet("inbound", "list", "--state", "held", "--json").json
    assert message["items"] == [ticket]
    return str(message["id"])


def test_lists_and_shows(guichet: Guichet, ticket: str) -> None:
    """The JSON of the contract; the trace with every check; the raw mail byte by byte."""
    (message,) = guichet("inbound", "list", "--json").json
    assert set(KEYS) <= set(message)
    assert (message["state"], message["door"], message["items"]) == ("done", "pipe", [ticket])
    shown = guichet("inbound", "show", message["id"], "--json").json
    assert {"step", "check", "outcome", "because"} <= set(shown["trace"][0])
    page = guichet("inbound", "show", message["id"], "--as", "ann@demo.example").out
    assert ticket in page and "takes mail for support@demo.example" in page
    assert any(line.split()[:2] == ["step", "check"] for line in page.splitlines()), "the trace is a table"
    assert " CE" in page and "+00:00" not in page, "in the zone of the person"
    assert guichet("inbound", "list").out.splitlines()[1].startswith(f"{message['id']}  done")


def test_the_raw_mail(guichet: Guichet, ticket: str) -> None:
    """Byte by byte as it came, by the real command."""
    (message,) = guichet("inbound", "list", "--json").json
    done = subprocess.run([GUICHET, "inbound", "raw", message["id"]], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, mail("Broken lamp"), b"")


def test_a_held_mail_is_joined(guichet: Guichet, ticket: str, held: str) -> None:
    """From then on it stands in the item."""
    said = guichet("inbound", "join", held, ticket, "--json")
    assert said.code == 0, said.err
    assert (said.json["state"], said.json["items"]) == ("done", [ticket])
    assert held in [entry.get("inbound_id") for entry in guichet("item", "show", ticket, "--json").json["timeline"] if entry["kind"] == "mail_in"]
    assert guichet("inbound", "join", held, ticket).code == 2, "decided once"


def test_a_held_mail_is_opened_as_a_new_item(guichet: Guichet, ticket: str, held: str) -> None:
    """Of the process named; linked to the item it was held on."""
    said = guichet("inbound", "open", held, "--process", "General support", "--json")
    assert said.code == 0, said.err
    assert len(guichet("item", "list", "--json").json) == 2


def test_discarded_and_taken_back(guichet: Guichet, held: str) -> None:
    """Nothing is thrown away."""
    assert guichet("inbound", "discard", held).out == f"{held} discarded\n"
    assert guichet("inbound", "list", "--state", "discarded", "--json").json[0]["id"] == held
    assert guichet("inbound", "take-back", held).code == 0
    assert guichet("inbound", "list", "--state", "held", "--json").json[0]["id"] == held


def test_replay(guichet: Guichet, held: str, work: Work) -> None:
    """Processed anew: it is held again, and nothing is doubled."""
    assert guichet("inbound", "replay", held).out == f"{held} to be processed again\n"
    work()
    assert [message["id"] for message in guichet("inbound", "list", "--state", "held", "--json").json] == [held]
    assert len(guichet("item", "list", "--json").json) == 1


def test_many_at_once(guichet: Guichet, held: str) -> None:
    """What is refused is said, the rest is done, exit 2."""
    said = guichet("inbound", "discard", "nothing", held, "--json")
    assert said.code == 2
    assert [result["done"] for result in said.json] == [False, True]
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [("show", "nothing"), ("raw", "nothing"), ("join", "nothing", "101001-T"), ("open", "nothing")])
def test_what_is_not_there_is_refused(guichet: Guichet, installation: Path, arguments: tuple[str, ...]) -> None:
    """Exit 2 and a sentence."""
    said = guichet("inbound", *arguments)
    assert said.code == 2
    assert "There is no inbound message" in said.err


def test_import_of_a_folder(guichet: Guichet, installation: Path, work: Work) -> None:
    """Files of a folder in order of name; --archive sends nothing automatic."""
    folder = installation / "old"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.eml").write_bytes(mail(f"Old {n}"))
    results = guichet("import", "eml", folder, "--archive", "--json")
    assert results.code == 0
    assert [Path(result["file"]).name for result in results.json] == ["0.eml", "1.eml", "2.eml"]
    assert all(result["stored"] and result["id"] for result in results.json)
    work()
    assert {item["title"] for item in guichet("item", "list", "--json").json} == {"Old 0", "Old 1", "Old 2"}
    assert guichet("outbox", "list", "--json").json == []


def test_import_again_stores_no_second_item(guichet: Guichet, installation: Path, work: Work) -> None:
    """The same file twice is a duplicate, recorded and not shown twice (decisions.md 8)."""
    file = installation / "one.eml"
    file.write_bytes(mail("Once"))
    for _ in range(2):
        assert guichet("import", "eml", file).out == "1 of 1 mails stored.\n"
        work()
    assert len(guichet("item", "list", "--json").json) == 1
    assert sorted(message["state"] for message in guichet("inbound", "list", "--json").json) == ["done", "duplicate"]


def test_import_of_a_mail_that_is_too_big(guichet: Guichet, installation: Path) -> None:
    """Exit 2, the others are stored."""
    (installation / "a.eml").write_bytes(mail("small"))
    (installation / "b.eml").write_bytes(mail("big", text="x" * 20_000))
    said = guichet("--set", "smtp.max_size=10000", "import", "eml", installation / "a.eml", installation / "b.eml")
    assert said.code == 2
    assert said.out == "1 of 2 mails stored.\n"
    assert "b.eml: 5.3.4" in said.err


def test_import_of_a_file_that_is_not_there(guichet: Guichet, installation: Path) -> None:
    """Wrong usage."""
    assert guichet("import", "eml", "nothing.eml").code == 64
