"""A whole house that is its own mail exchanger: the sender is checked against the DNS on the way in, and the trace and the item show what was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.setup import Profile, Provider, Setup
from gateway.bootstrap import open_house
from gateway.inbound.port import Arrival, Stored
from gateway.store.engine import Database
from gateway.store.inbound_list import show
from tests.dns_server import DnsServer
from tests.houses import furnish, settings_for, url_of
from tests.inbound.test_mailauth import MAIL, OTHER_PEER, PEER, ZONES, signed

MAILS = [
    ("by its server", MAIL, PEER),
    ("signed", signed(MAIL.replace(b"one@", b"two@")), OTHER_PEER),
    ("forged", MAIL.replace(b"one@", b"three@"), OTHER_PEER),
]


def test_a_house_that_is_its_own_mail_exchanger(database: Database, example_setup: Setup, tmp_path: Path) -> None:
    """The check happens before the decision: signed and sent by its server pass, a forged one fails and is not acknowledged."""
    own = replace(example_setup, connectors=tuple(replace(one, profile=Profile(Provider.OWN_MX)) for one in example_setup.connectors))
    furnish(tmp_path, database, own)
    server = DnsServer(ZONES)
    house = open_house(settings_for(tmp_path, url_of(database), broker={"url": "drop://"}, mailauth={"resolvers": (server.address,)}))
    try:
        found = {}
        for name, raw, peer in MAILS:
            stored = house.intake.accept(Arrival(raw, "smtp", house.clock.now(), "jo@acme.example", ("support@demo.example",), peer=peer, helo="mx.acme.example"))
            assert isinstance(stored, Stored)
            house.processor.sweep()
            with database.read() as connection:
                shown = show(connection, stored.inbound_id)
            (step,) = (step for step in shown["trace"] if step["step"] == "authentication")
            answered = next(step["outcome"] for step in shown["trace"] if step["step"] == "acknowledge")
            found[name] = (step["outcome"], "checked by ourselves" in step["because"], answered)
    finally:
        house.close()
        server.close()
    assert found == {"by its server": ("pass", True, "queued"), "signed": ("pass", True, "queued"), "forged": ("fail", True, "none")}
