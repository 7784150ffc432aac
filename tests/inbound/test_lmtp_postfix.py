"""A real Postfix that hands mail to us over LMTP: what it makes of an answer for each recipient."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.setup import Connector, Setup
from gateway.clock import SystemClock
from gateway.inbound.lmtp import LmtpDoor
from gateway.inbound.smtp import SmtpOptions
from gateway.store.engine import Database
from tests.conftest import make_schema, missing
from tests.inbound.doors import US
from tests.inbound.test_smtp_postfix import Fragile, Relay
from tests.postfix import Postfix, missing_reason, wait_for

OTHERS = ("help@demo.example", "claims@demo.example")


@pytest.fixture(scope="module", params=["port", "socket"])
def relay(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    """One Postfix for each way to reach the door: it takes seconds to start."""
    if missing_reason():
        missing(missing_reason())
    folder = tmp_path_factory.mktemp("lmtp")
    database = Database(f"sqlite:///{folder}/guichet.db")
    make_schema(database)
    setup = Setup(connectors=(Connector("c-support", "support", US, OTHERS, incoming={"kind": "lmtp"}),))
    intake = Fragile(database, SystemClock(), lambda: setup, max_size=5_000_000)
    place = _open_to_all(tempfile.mkdtemp(prefix="guichet-lmtp-")) / "lmtp.sock" if request.param == "socket" else None
    door = LmtpDoor(intake, SmtpOptions(port=0, socket=place, hostname="mx.demo.example"))
    door.start()
    if place is not None:
        place.chmod(0o666)  # the test's Postfix is in no group of ours
    try:
        to = f"lmtp:unix:{place}" if place else f"lmtp:[127.0.0.1]:{door.port}"
        with Postfix(relay={"demo.example": to}) as postfix:
            yield Relay(postfix, intake, database)
    finally:
        door.stop(5)
        intake.close()
        database.dispose()
        if place is not None:
            shutil.rmtree(place.parent)


def _open_to_all(folder: str) -> Path:
    """Pytest's own folders are closed to the user that Postfix delivers as."""
    Path(folder).chmod(0o755)
    return Path(folder)


def test_several_recipients_are_one_mail(relay: Relay) -> None:
    """Postfix hands one mail with all recipients over, and logs our answer for each: the same inbound id three times."""
    relay.send("all", US, *OTHERS)
    (row,) = wait_for(lambda: relay.stored("all"))
    assert (sorted(row.envelope_to), row.door, row.helo) == (sorted((US, *OTHERS)), "lmtp", "postfix.example")
    wait_for(lambda: relay.postfix.log().count(f"queued as {row.id}") == 3)


def test_an_unknown_recipient_is_bounced_by_name(relay: Relay) -> None:
    """550 at RCPT for one: its sender is told about that one, the others get the mail."""
    relay.send("mixed", US, "nobody@demo.example", OTHERS[0])
    (report,) = wait_for(lambda: relay.bounces("mixed"))
    text = report.as_string()
    assert "Final-Recipient: rfc822; nobody@demo.example" in text and "550 5.1.1" in text and f"Final-Recipient: rfc822; {US}" not in text
    (row,) = wait_for(lambda: relay.stored("mixed"))
    assert sorted(row.envelope_to) == sorted([US, OTHERS[0]])


def test_trouble_of_ours_is_tried_again_for_each_recipient(relay: Relay) -> None:
    """451 for each recipient defers all of them; when we are well again the mail is delivered, once, and nobody is told anything."""
    relay.intake.in_trouble = True
    try:
        relay.send("trouble", US, *OTHERS)
        wait_for(lambda: relay.postfix.log().count("451 4.3.0") >= 3)
        assert relay.stored("trouble") == [] and len(relay.postfix.queue()[0]["recipients"]) == 3
    finally:
        relay.intake.in_trouble = False
    relay.postfix.flush()
    (row,) = wait_for(lambda: relay.stored("trouble"))
    wait_for(lambda: relay.postfix.queue() == [])
    assert len(row.envelope_to) == 3 and len(relay.stored("trouble")) == 1 and relay.bounces("trouble") == []


def test_a_big_mail_comes_through_whole(relay: Relay) -> None:
    """Megabytes over LMTP arrive as they are; what is over the limit is bounced by Postfix itself, which has read SIZE."""
    relay.send("big", US, *OTHERS, size=4_000_000)
    (row,) = wait_for(lambda: relay.stored("big"))
    assert row.size > 4_000_000 and row.bytes.endswith(b"x" * 70 + b"\r\n")
    relay.send("huge", US, size=6_000_000)
    assert wait_for(lambda: relay.bounces("huge")) and relay.stored("huge") == []
