"""`guichet connector test`: what it prints and ends with; what is tried is in tests/test_connection_test.py."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from core.health import Health
from gateway.clock import SystemClock
from gateway.settings_source import load_settings
from gateway.store import connector_status
from gateway.store.engine import Database
from tests.cli.conftest import Guichet
from tests.conftest import free_port


@pytest.fixture
def nothing_served(installation: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The installation with a door that nobody serves."""
    monkeypatch.setenv("GUICHET_SMTP__PORT", str(free_port()))
    return installation


def test_a_refusal_is_shown_with_what_to_do(guichet: Guichet, nothing_served: Path) -> None:
    """Exit 2; each step with a mark and a sentence, failed ways with what was said."""
    said = guichet("connector", "test", "support")
    assert said.code == 2
    lines = said.out.splitlines()
    assert lines[0] == "support, incoming" and "support, outgoing" in lines
    assert any(line.startswith("  ✗ door") and "guichet serve" in line for line in lines)
    assert any(line.startswith("  ✓ maildir") for line in lines)


def test_json(guichet: Guichet, nothing_served: Path) -> None:
    """One report for each way, each with its steps, whether all is fine, and the log."""
    said = guichet("connector", "test", "support", "--json")
    assert said.code == 2
    assert [(report["way"], report["fine"]) for report in said.json] == [("incoming", False), ("outgoing", True)]
    assert set(said.json[0]["steps"][0]) == {"name", "ok", "sentence"} and said.json[0]["log"] == []


def test_a_way_that_works_is_0(guichet: Guichet, nothing_served: Path) -> None:
    """A connector between two Maildirs."""
    for part in ("new", "cur", "tmp"):
        (nothing_served / "in" / part).mkdir(parents=True)
    file = nothing_served / "desk.toml"
    file.write_text(file.read_text("utf-8").replace('incoming = { kind = "smtp" }', 'incoming = { kind = "maildir", path = "in" }', 1), "utf-8")
    guichet("config", "apply", file)
    said = guichet("connector", "test", "support")
    assert said.code == 0, said.out + said.err
    assert "✗" not in said.out and said.out.count("✓") == 2


def test_a_round_trip_is_not_begun_where_a_way_does_not_work(guichet: Guichet, nothing_served: Path) -> None:
    """Nothing is sent that could not come back."""
    said = guichet("connector", "test", "support", "--round-trip", "--json")
    assert said.code == 2 and [report["way"] for report in said.json] == ["incoming", "outgoing"]


def test_an_unknown_connector_is_one_sentence(guichet: Guichet, nothing_served: Path) -> None:
    """Exit 2, and the command that lists them."""
    said = guichet("connector", "test", "nobody")
    assert said.code == 2 and said.err.count("\n") == 1 and "guichet connector list" in said.err


def test_what_works_again_is_tried_at_once(guichet: Guichet, nothing_served: Path) -> None:
    """decisions.md 19: a suspended way that a person has mended waits for nothing; one that does not work stays suspended."""
    database = Database(load_settings(nothing_served / "guichet.toml").database_url)
    with database.durable() as connection:
        for row in ("support", "fetch:support"):
            until = SystemClock().now() + timedelta(hours=1)
            connector_status.save(connection, Health(row, refused_logins=3, suspended_until=until, last_error="no"))
    said = guichet("connector", "test", "support")
    assert "support was held back after trouble (outgoing); the service tries it again at once." in said.out
    with database.read() as connection:
        healths = connector_status.healths(connection)
    database.dispose()
    assert (healths["support"].suspended, healths["support"].last_error, healths["fetch:support"].suspended) == (False, "no", True)
