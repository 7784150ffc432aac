"""`guichet connector disable`, `enable`, `history` and `show`, `guichet config history`, and the figures of each way out for Prometheus."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.health import Health
from gateway.bootstrap import open_house
from gateway.settings_source import load_settings
from gateway.store import connector_status
from gateway.store.figures import figures
from gateway.web import metrics
from gateway.web.app import readiness
from tests.cli.conftest import Guichet

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_off_and_on_by_command(guichet: Guichet, installation: Path, ticket: str) -> None:
    """A-OB-24, A-OB-22: the mails show connector_disabled; the history says who and why; what waits is named."""
    assert guichet("item", "mail", ticket, "--text", "Soon").code == 0
    said = guichet("connector", "disable", "support", "--reason", "moving house")
    assert (said.code, "support is disabled; 1 mails wait" in said.out) == (0, True)
    assert {mail["state"] for mail in guichet("outbox", "list", "--json").json if mail["state"] != "sent"} == {"connector_disabled"}
    assert guichet("connector", "show", "support", "--json").json["sending"]["state"] == "disabled"
    again = guichet("connector", "disable", "support", "--json").json
    assert (again["changed"], again["waiting"]) == (False, 1)
    assert guichet("connector", "enable", "support").out.startswith("support is enabled")
    on, off = guichet("connector", "history", "support", "--json").json[:2]
    assert (on["keys"], off["because"]) == ({"enabled": [False, True]}, "moving house")
    shown = guichet("connector", "history", "support").out
    assert "enabled yes → no" in shown and "moving house" in shown
    assert "connector" in guichet("config", "history").out
    assert guichet("config", "history", "--kind", "queue", "--json").json[0]["change"] == "added"


def test_refusals_are_sentences(guichet: Guichet, installation: Path) -> None:
    """Exit 2 and a sentence for somebody who is no administrator and for a name that is not there."""
    for arguments in (("disable", "nobody"), ("disable", "support", "--as", "ann@demo.example"), ("history", "nobody")):
        said = guichet("connector", *arguments)
        assert said.code == 2 and said.err.strip().endswith(".")


def test_show_says_how_sending_fares(guichet: Guichet, installation: Path, ticket: str) -> None:
    """What waits, since when, the last error and until when it is suspended stand beside what is fetched."""
    house = open_house(load_settings(installation / "guichet.toml"))
    try:
        with house.database.durable() as connection:
            until = house.clock.now() + timedelta(minutes=5)
            connector_status.save(connection, Health("support", refused_logins=3, suspended_until=until, last_error="535 no", last_error_at=until))
        assert all(check["ok"] for check in readiness(house).values()), "a server that is away is no reason to restart"
    finally:
        house.close()
    found = guichet("connector", "show", "support", "--json").json["sending"]
    assert (found["state"], found["suspended"], found["last_error"]) == ("suspended", True, "535 no")
    assert found["tried_again_at"].endswith("Z") and found["failed"] == 0 and found["rate"] == ""
    assert (found["retry_template"], found["retry_template_version"], found["tries"]) == ("standard", 1, 1 + len(found["retry_after"])), "C-OB-04"
    assert found["retry_after"][:3] == ["PT2M", "PT4M", "PT8M"]
    shown = guichet("connector", "show", "support").out
    assert "Sending" in shown and "535 no" in shown


def test_metrics_have_a_line_per_way_out(guichet: Guichet, installation: Path, ticket: str) -> None:
    """Due, oldest age, held, failed, unknown and suspended can be alarmed on; the only label is the connector's name."""
    assert guichet("item", "mail", ticket, "--text", "Soon", "--undo", "PT0S").code == 0
    house = open_house(load_settings(installation / "guichet.toml"))
    try:
        with house.database.durable() as connection:
            connector_status.save(connection, Health("claims", refused_logins=3, suspended_until=NOON, last_error="no"))
        with house.database.read() as connection:
            found = figures(connection, house.clock.now() + timedelta(minutes=10), (), ["support", "claims"])
    finally:
        house.close()
    page = metrics.text(metrics.registry(lambda: found)).decode()
    assert 'guichet_outbox_due{connector="support"} 1.0' in page
    assert 'guichet_outbox_due{connector="claims"} 0.0' in page
    assert 'guichet_connector_suspended{connector="claims"} 1.0' in page
    age = next(line for line in page.splitlines() if line.startswith('guichet_outbox_oldest_due_age_seconds{connector="support"}'))
    assert 500 < float(age.split()[-1]) < 700
