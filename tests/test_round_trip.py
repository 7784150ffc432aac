"""The round trip through a real Postfix: which addresses come back to our door, what that proves, and what mails look like before and after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import pytest

from core.outbox import Purpose
from core.setup import Connector, PlusMode, Setup
from gateway import connection_test
from gateway.bootstrap import House, open_house
from gateway.outbound.compose import seal
from gateway.serve import Periodic
from gateway.store import proofs
from gateway.store.engine import Database
from tests.conftest import make_schema, missing
from tests.dovecot import PASSWORD, Dovecot
from tests.dovecot import missing_reason as no_dovecot
from tests.houses import make_house, sending_to, settings_for, url_of
from tests.outbound.drafts import REF, make_draft
from tests.postfix import Postfix, missing_reason

US = "support@demo.example"
ALIAS = "help@demo.example"
KNOWN = (US, ALIAS)


@pytest.fixture
def house(tmp_path: Path, example_setup: Setup) -> Iterator[House]:
    """A house on SQLite whose mails are read; it does not listen yet."""
    database = Database(f"sqlite:///{tmp_path}/guichet.db")
    make_schema(database)
    make_house(tmp_path, database, example_setup).close()
    made = open_house(settings_for(tmp_path, url_of(database), broker={"url": "drop://"}))
    database.dispose()
    yield made
    made.close()


@contextmanager
def served(house: House, *, kind: str = "smtp", **settings: str) -> Iterator[Connector]:
    """The support connector, sending through a Postfix that delivers to the house's door, and asking for plus-addresses."""
    if missing_reason():
        missing(missing_reason())
    door = house.smtp_door() if kind == "smtp" else house.lmtp_door()
    door.start()
    reader = Periodic("reader", 0.05, house.processor.sweep)
    reader.start()
    known = house.settings.data / "known"
    known.write_text("".join(f"{address} x\n" for address in KNOWN))
    try:
        with Postfix(relay={"demo.example": f"{kind}:[127.0.0.1]:{door.port}"}, settings={"relay_recipient_maps": f"texthash:{known}", **settings}) as postfix:
            yield save(house, sending_to(current(house), postfix.port), incoming={"kind": kind}, plus_addressing=PlusMode.MIXED)
    finally:
        reader.stop()
        door.stop(5)


def current(house: House) -> Setup:
    with house.database.read() as connection:
        return house.setups.current(connection)


def support(house: House) -> Connector:
    return current(house).connector_named["support"]


def save(house: House, setup: Setup, **more: object) -> Connector:
    """Store a setup whose support connector is changed."""
    changed = tuple(replace(one, **more) if one.name == "support" else one for one in setup.connectors)  # type: ignore[arg-type]
    with house.database.durable() as connection:
        house.setups.save(connection, replace(setup, connectors=changed), "test", house.clock.now())
    return support(house)


def reply_to(house: House) -> str:
    """Where an acknowledgement sealed now would have its answers go, '' for the plain address."""
    made = seal(make_draft(purpose=Purpose.ACKNOWLEDGEMENT), support(house), current(house), house.keys, ref=REF)
    return str(message_from_bytes(made.bytes)["Reply-To"] or "")


def nothing_was_opened(house: House) -> bool:
    with house.database.read() as connection:
        states = {row[0] for row in connection.exec_driver_sql("SELECT state FROM inbound")}
        items = connection.exec_driver_sql("SELECT count(*) FROM item").scalar()
        mails = connection.exec_driver_sql("SELECT count(*) FROM outbox").scalar()
    return states <= {"ignored", "new", "working"} and items == mails == 0


@pytest.mark.parametrize("kind", ["smtp", "lmtp"])
def test_a_server_with_plus_addresses(house: House, kind: str) -> None:
    """Every address comes back through the real door, nothing is opened by it, and from then on Reply-To carries the signed plus-address."""
    with served(house, kind=kind, recipient_delimiter="+") as connector:
        assert connector.plus_addressing and not connector.plus_proved and reply_to(house) == ""
        report = connection_test.round_trip(house, connector, patience=30, pause=0.1)
        assert report.fine, (report.failed, report.log)
        came = [step for step in report.steps if step.name.startswith("round trip")]
        assert [step.name.split()[-1].partition("+")[0] for step in came] == [US, ALIAS, "support"]
        assert all("arrived after" in step.sentence for step in came)
        assert any("MAIL FROM:<>" in line for line in report.log)
        assert any("MAIL FROM:<support+b." in line for line in report.log), "the server must let the connector send from its bounce addresses"
    with house.database.read() as connection:
        shown = proofs.of(connection, "support")
    assert {what: proof.address for what, proof in shown.items()} == {"round_trip": US, "plus_addressing": US}
    house.processor.sweep()
    assert nothing_was_opened(house)
    assert support(house).plus_proved and f"support+{house.keys.reply_tag(REF)}@demo.example" in reply_to(house)


def test_a_server_without_plus_addresses(house: House) -> None:
    """The plus-tagged mail is refused: the step says so, nothing is proved, mails stay without a plus Reply-To; the rest is shown to work."""
    with served(house) as connector:
        report = connection_test.round_trip(house, connector, patience=30, pause=0.1)
    (failed,) = report.failed
    assert "+" in failed.name and "did not take it" in failed.sentence and "recipient_delimiter" in failed.sentence
    with house.database.read() as connection:
        assert set(proofs.of(connection, "support")) == {"round_trip"}
    assert not support(house).plus_proved and reply_to(house) == ""


def test_a_server_that_loses_the_tag(house: House) -> None:
    """The mail arrives for the plain address: an answer would not be known by its tag, so nothing is proved, and an old proof is withdrawn."""
    table = house.settings.data / "canonical"
    table.write_text("/^support\\+.*@demo.example$/ support@demo.example\n")
    with served(house, recipient_delimiter="+", recipient_canonical_maps=f"regexp:{table}") as connector:
        with house.database.durable() as connection:
            proofs.record(connection, "support", US, {proofs.PLUS_ADDRESSING: True}, house.clock.now())
        assert support(house).plus_proved
        report = connection_test.round_trip(house, connector, patience=30, pause=0.1)
    (failed,) = report.failed
    assert "its tag was lost" in failed.sentence and not support(house).plus_proved


def test_a_mail_that_never_arrives(house: House, example_setup: Setup) -> None:
    """Taken by the server, never seen at our door: after the patience each address has a step that says where to look; old proofs stay."""
    if missing_reason():
        missing(missing_reason())
    with Postfix(mailboxes=("demo.example",), settings={"recipient_delimiter": "+"}) as postfix:
        connector = save(house, sending_to(current(house), postfix.port), incoming={"kind": "smtp"})
        report = connection_test.round_trip(house, connector, patience=0.5, pause=0.1)
    assert [step.ok for step in report.steps if step.name.startswith("round trip")] == [False] * 3
    assert all("guichet serve" in step.sentence or "plus" in step.sentence for step in report.failed)
    with house.database.read() as connection:
        assert proofs.of(connection, "support") == {}


def test_a_connector_that_changes_during_its_test(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was shown of the old settings is not written down for the new ones."""
    with served(house, recipient_delimiter="+") as connector:
        monkeypatch.setattr("gateway.connecting.round_trip.load", lambda connection: replace(current(house), connectors=()))
        report = connection_test.round_trip(house, connector, patience=30, pause=0.1)
    assert report.steps[-1].name == "result" and not report.fine
    with house.database.read() as connection:
        assert proofs.of(connection, "support") == {}


@pytest.mark.parametrize(
    ("more", "said"),
    [({"direction": "incoming"}, "both ways"), ({"outgoing": {"kind": "maildir", "path": "out"}}, "by SMTP")],
)
def test_a_connector_that_cannot_go_round(house: House, more: dict[str, object], said: str) -> None:
    """One way only, or a folder for a way out: one sentence, nothing is sent."""
    report = connection_test.round_trip(house, replace(support(house), **more))  # type: ignore[arg-type]
    assert not report.fine and said in report.steps[0].sentence


def test_what_is_waited_for_is_found_read_or_unread(house: House, example_setup: Setup) -> None:
    """A mail counts as arrived as soon as it is stored, also while no worker reads it."""
    from gateway.inbound.port import Arrival
    from gateway.store import comebacks

    now = house.clock.now()
    for number in (1, 2):
        house.intake.accept(Arrival(f"Message-ID: <{number}@x>\r\n\r\n<3@x>\r\n".encode(), "smtp", now, recipients=(US,)))
    with house.database.read() as connection:
        found = comebacks.find(connection, ["1@x", "3@x"], now - timedelta(hours=1))
        assert list(found) == ["1@x"] and found["1@x"].recipients == (US,)
        assert comebacks.find(connection, ["1@x"], now + timedelta(seconds=1)) == {}
    house.processor.sweep()
    with house.database.read() as connection:
        assert set(comebacks.find(connection, ["1@x", "2@x", "3@x"], now - timedelta(hours=1))) == {"1@x", "2@x"}


@pytest.mark.parametrize("kind", ["imap", "pop3"])
def test_a_mailbox_that_is_fetched_from(house: House, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Postfix delivers into a real mailbox; nobody polls it, so the test does meanwhile, and what lay there before stays where it is."""
    for reason in (missing_reason(), no_dovecot()):
        if reason:
            missing(reason)
    monkeypatch.setenv("PW", PASSWORD)
    user = "support@mailbox.example"
    with Dovecot(users=(user,)) as dovecot:
        dovecot.deliver(user, b"From: a@b.example\r\nMessage-ID: <old@b.example>\r\n\r\nOld\r\n")
        relay = f"lmtp:[127.0.0.1]:{dovecot.lmtp}"
        more = {"virtual_alias_maps": f"regexp:{house.settings.data / 'to'}", "recipient_delimiter": "+"}
        (house.settings.data / "to").write_text(f"/@demo.example$/ {user}\n")
        with Postfix(relay={"mailbox.example": relay}, mailboxes=(), settings={**more, "virtual_alias_domains": "demo.example"}) as postfix:
            incoming = {"kind": kind, "host": "127.0.0.1", "port": getattr(dovecot, kind), "security": "none", "user": user, "password_env": "PW"}
            connector = save(house, sending_to(current(house), postfix.port), incoming=incoming, plus_addressing=PlusMode.MIXED)
            report = connection_test.round_trip(house, connector, patience=30, pause=0.1)
            assert report.fine, (report.failed, report.log, postfix.log())
    house.processor.sweep()
    assert nothing_was_opened(house) and support(house).plus_proved
    with house.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*), min(door) FROM inbound").one() == (3, kind)
