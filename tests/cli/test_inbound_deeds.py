"""`guichet inbound`: undo, move, edit, a route made from a mail, filters, and deeds on many messages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.bootstrap import open_house
from gateway.settings_source import load_settings
from tests.cli.conftest import Guichet, mail

GUICHET = str(Path(sys.executable).parent / "guichet")
Work = Callable[[], None]


@pytest.fixture
def appended(guichet: Guichet, ticket: str, work: Work) -> str:
    """The id of a further mail of Alice's on her ticket."""
    raw = mail(f"[{ticket}] more", text="Something else.")
    assert guichet("receive", "--from", "alice@acme.example", "--to", "support@demo.example", stdin=raw).code == 0
    work()
    (message,) = guichet("inbound", "list", "--text", "more", "--json").json
    assert message["items"] == [ticket]
    return str(message["id"])


@pytest.fixture
def lost(guichet: Guichet, installation: Path, bare: Path, work: Work) -> list[str]:
    """Ids of two mails that no route takes: their address has none."""
    file = bare / "desk.toml"
    assert guichet("config", "export", file).code == 0
    text = file.read_text("utf-8")
    head, connectors, rest = text.partition("[[connectors]]\n")
    file.write_text(head + connectors + rest.replace("aliases = [", 'aliases = ["lost@demo.example", ', 1), "utf-8")
    done = guichet("config", "apply", file)
    assert done.code == 0, done.err
    for sender in ("alice@acme.example", "eve@evil.example"):
        said = guichet("receive", "--from", sender, "--to", "lost@demo.example", stdin=mail("Lost", sender=sender, to="lost@demo.example"))
        assert said.code == 0, said.err
    work()
    found = guichet("inbound", "list", "--state", "unhandled", "--json").json
    assert len(found) == 2
    return [str(one["id"]) for one in found]


def quarantine(installation: Path, inbound_id: str) -> None:
    """As if our own code had failed on it."""
    house = open_house(load_settings(installation / "guichet.toml"))
    with house.database.durable() as connection:
        connection.exec_driver_sql(f"UPDATE inbound SET state = 'quarantined', reason = 'Timeout: too slow' WHERE id = '{inbound_id}'")
    house.close()


def test_move(guichet: Guichet, ticket: str, appended: str) -> None:
    """To a new item, back to the first one; wrong usage is said."""
    said = guichet("inbound", "move", appended, "--new")
    assert said.code == 0, said.err
    (new,) = {item["ref"] for item in guichet("item", "list", "--json").json} - {ticket}
    assert said.out == f"{appended} done: {new}\n"
    refused = guichet("inbound", "move", appended, "--to", ticket)
    assert (refused.code, f"opened {new}" in refused.err) == (2, True)
    for arguments in ((), ("--to", ticket, "--new"), ("--to", ticket, "--process", "Claim")):
        assert guichet("inbound", "move", appended, *arguments).code == 64


def test_undo(guichet: Guichet, ticket: str, lost: list[str]) -> None:
    """Joined, opened, discarded: each waits again; the second undo is refused with exit 2."""
    one, two = lost
    assert guichet("inbound", "join", one, ticket).code == 0
    assert guichet("inbound", "open", two, "--process", "General support").code == 0
    said = guichet("inbound", "undo", one, two)
    assert (said.code, said.out) == (0, f"{one} waits for a decision again\n{two} waits for a decision again\n"), said.err
    assert guichet("inbound", "count", "--state", "unhandled", "--json").json == {"unhandled": {"total": 2, "recent": 2}}
    again = guichet("inbound", "undo", one)
    assert (again.code, "nothing to undo" in again.err) == (2, True)


def test_route(guichet: Guichet, lost: list[str], work: Work) -> None:
    """Counted, made, applied to the backlog; it stands in the list of routes before the fallback."""
    asked = ("inbound", "route", lost[0], "--to-recipient", "--process", "General support")
    assert "messages that it would take: 2." in guichet(*asked, "--since", "P1D", "--count").out
    said = guichet(*asked, "--apply")
    assert said.out.splitlines()[-1] == "Unhandled messages that it takes: 2. 2 are processed again now."
    work()
    assert guichet("inbound", "list", "--state", "unhandled", "--json").json == []
    names = [route["name"] for route in guichet("route", "list", "--json").json]
    assert "to lost@demo.example" in names
    assert guichet("inbound", "route", lost[0], "--process", "General support").code == 64
    assert guichet(*asked, "--from-sender", "--count").code == 64, "not one of the two in silence"


def test_a_desk_file_does_not_remove_a_route_in_silence(guichet: Guichet, lost: list[str], bare: Path) -> None:
    """Applying a file from before a route was made names the route and asks for --remove-routes; a file that has it is applied as ever."""
    before, after = bare / "before.toml", bare / "after.toml"
    guichet("config", "export", before)
    assert guichet("inbound", "route", lost[0], "--to-recipient", "--process", "General support").code == 0
    guichet("config", "export", after)
    rehearsed = guichet("config", "apply", before, "--dry-run")
    assert (rehearsed.code, "support/to lost@demo.example (by " in rehearsed.err, "removed" in rehearsed.out) == (0, True, True)
    refused = guichet("config", "apply", before)
    assert (refused.code, "--remove-routes" in refused.err) == (2, True)
    assert "to lost@demo.example" in [route["name"] for route in guichet("route", "list", "--json").json]
    assert guichet("config", "apply", after).code == 0
    assert guichet("config", "apply", before, "--remove-routes").code == 0
    assert "to lost@demo.example" not in [route["name"] for route in guichet("route", "list", "--json").json]
    assert guichet("config", "apply", after).code == 0
    assert guichet("config", "apply", before).code == 0, "a route that a file brought is the file's to remove"


def test_filters_and_many_at_once(guichet: Guichet, lost: list[str]) -> None:
    """A deed on all that fit a filter needs --all; ids and filters do not go together; the list of the discarded names who and when (B-UH-09)."""
    assert guichet("inbound", "discard", "--sender", "eve").code == 64
    assert guichet("inbound", "discard", lost[0], "--sender", "eve", "--all").code == 64
    assert guichet("inbound", "discard").code == 64
    said = guichet("inbound", "discard", "--sender", "eve", "--state", "unhandled", "--all", "--as", "ann@demo.example")
    assert (said.code, said.err) == (0, "1 of 1 messages: discarded.\n")
    (gone,) = guichet("inbound", "list", "--state", "discarded", "--json").json
    assert (gone["from"], gone["decided_by"], gone["decided_at"][-1]) == ("eve@evil.example", "ann@demo.example", "Z")
    table = guichet("inbound", "list", "--state", "discarded").out
    assert "decided by" in table and "ann@demo.example" in table
    assert "decided by" not in guichet("inbound", "list", "--state", "unhandled").out
    assert guichet("inbound", "undo", "--state", "discarded", "--all").code == 0


def test_quarantine(guichet: Guichet, installation: Path, lost: list[str], work: Work) -> None:
    """Listed with its reason, edited and processed anew, the original kept; the rest replayed in bulk by reason."""
    for one in lost:
        quarantine(installation, one)
    (mended, other) = lost
    assert [one["reason"] for one in guichet("inbound", "list", "--state", "quarantined", "--reason", "timeout", "--json").json] == ["Timeout: too slow"] * 2
    file = installation / "mended.eml"
    file.write_bytes(mail("Mended", to="support@demo.example"))
    assert guichet("inbound", "edit", mended, installation / "nothing.eml").code == 2
    assert guichet("inbound", "edit", mended, file).out == f"{mended} is processed again now\n"
    raw = subprocess.run([GUICHET, "inbound", "raw", "--original", mended], capture_output=True, check=True).stdout
    assert b"Subject: Lost" in raw
    said = guichet("inbound", "replay", "--state", "quarantined", "--reason", "timeout", "--since", "P1D", "--all")
    assert (said.code, said.err) == (0, "1 of 1 messages: to be processed again.\n")
    work()
    assert guichet("inbound", "show", mended, "--json").json["subject"] == "Mended"
    assert guichet("inbound", "show", other, "--json").json["state"] == "unhandled"
