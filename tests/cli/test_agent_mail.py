"""`guichet agent-mail list`: what became of mails by our own people, for those who may see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.agent_record import AgentOutcome, AgentRecord
from gateway.bootstrap import open_house
from gateway.settings_source import load_settings
from gateway.store import agent_mails
from tests.cli.conftest import Guichet

BOB = "bob@demo.example"


def test_the_audit_list(guichet: Guichet, installation: Path) -> None:
    """Agents by mail, 4: the newest first, filtered, the reference of the item; an agent sees their own lines and those about items within sight."""
    ref = guichet("item", "new", "--process", "Claim", "--title", "Broken", "--json").json["ref"]
    house = open_house(load_settings(installation / "guichet.toml"))
    try:
        with house.database.durable() as connection:
            from gateway.store import items

            item = items.by_ref(connection, ref)
            assert item is not None
            now = datetime.now(UTC)
            done = AgentRecord("a-1", "in-1", now - timedelta(minutes=1), BOB, BOB, AgentOutcome.DONE, words="It is yours.", item_id=item.id, commands=("#take",))
            stolen = AgentRecord("a-2", "in-2", now, "root@demo.example", "m@evil.example", AgentOutcome.REFUSED, "not_theirs", "\x1b[31mred")
            agent_mails.add(connection, (done, stolen))
    finally:
        house.close()
    rows = guichet("agent-mail", "list", "--json").json
    assert [(row["id"], row["item"], row["outcome"], row["commands"]) for row in rows] == [("a-2", None, "refused", []), ("a-1", ref, "done", ["#take"])]
    assert [row["id"] for row in guichet("agent-mail", "list", "--outcome", "done", "--user", BOB.upper(), "--item", ref, "--json").json] == ["a-1"]
    assert [row["id"] for row in guichet("agent-mail", "list", "--as", BOB, "--json").json] == ["a-1"]
    shown = guichet("agent-mail", "list").out
    assert "not_theirs" in shown and "\x1b" not in shown
    assert guichet("agent-mail", "list", "--outcome", "happy").code == 2
