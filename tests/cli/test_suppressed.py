"""`guichet suppressed`: addresses that get no automatic mail are shown with the reason, and taken off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.decision import Suppression
from gateway.bootstrap import open_house
from gateway.settings_source import load_settings
from gateway.store import brakes
from tests.cli.conftest import Guichet


def test_list_and_remove(guichet: Guichet, installation: Path) -> None:
    """decisions.md 3: visible and removable; an address that is not on the list is refused with exit 2, and the others are done."""
    house = open_house(load_settings(installation / "guichet.toml"))
    try:
        with house.database.durable() as connection:
            for name, days in (("jo@acme.example", 60), ("old@acme.example", -1)):
                brakes.suppress(connection, Suppression(name, datetime.now(UTC) + timedelta(days=days), "Returned: 550 5.1.1 User unknown"))
    finally:
        house.close()
    (listed,) = guichet("suppressed", "list", "--json").json
    assert (listed["address"], listed["reason"]) == ("jo@acme.example", "Returned: 550 5.1.1 User unknown")
    assert "jo@acme.example" in guichet("suppressed", "list").out
    said = guichet("suppressed", "remove", "JO@acme.example", "nobody@acme.example")
    assert said.code == 2 and "jo@acme.example" in said.out and "nobody@acme.example" in said.out + said.err
    assert guichet("suppressed", "list", "--json").json == []
