"""The secret store: what is kept, what comes out, and what is said when nothing can."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core.refusal import NotFound, Refused
from core.setup import Connector, DkimKey, Setup
from gateway.clock import FakeClock
from gateway.desk_secrets import SecretsDesk
from gateway.inbound.fetching import FetchTrouble
from gateway.inbound.imap_place import place_of
from gateway.keys import Keys
from gateway.secrets import LONGEST_VALUE, Secrets, SecretTrouble, is_name
from gateway.store import secrets_at_rest
from gateway.store.engine import Database
from gateway.store.schema import secret
from gateway.store.secrets import Kept
from gateway.store.secrets import rows as rows_of_secrets
from gateway.store.setups import Setups
from tests.outbound.drafts import House, with_connector

ROOT, ANN = "root@demo.example", "ann@demo.example"


@pytest.fixture
def secrets(database: Database, keys: Keys, clock: FakeClock) -> Secrets:
    return Secrets(database, keys, clock)


def _desk(database: Database, setup: Setup, keys: Keys, clock: FakeClock) -> SecretsDesk:
    return SecretsDesk(database, House(database, setup, keys, clock).setups, Secrets(database, keys, clock))


def _kept(database: Database) -> tuple[Kept, ...]:
    with database.read() as connection:
        return rows_of_secrets(connection)


def test_a_secret_comes_back_and_is_nowhere_in_the_clear(secrets: Secrets, database: Database, clock: FakeClock) -> None:
    """decisions 25: kept encrypted, the last one set is given, and the list knows everything but the value."""
    secrets.set("smtp-password", "first", ROOT)
    clock.advance(hours=1)
    secrets.set("smtp-password", "pässword ‘two’\nline", ROOT)
    assert secrets.get("smtp-password") == "pässword ‘two’\nline" == secrets("smtp-password")
    with database.read() as connection:
        rows = connection.execute(select(secret)).all()
    assert len(rows) == 1 and "word" not in rows[0].value
    (kept,) = _kept(database)
    assert (kept.name, kept.kind, kept.changed_at, kept.changed_by) == ("smtp-password", "", clock.now(), ROOT)
    assert "two" not in repr(kept)


def test_what_is_not_there_or_of_a_lost_key_is_a_sentence(secrets: Secrets, database: Database, clock: FakeClock) -> None:
    """The sentence names the command that helps, and not the value."""
    with pytest.raises(SecretTrouble, match="guichet secret set nothing"):
        secrets.get("nothing")
    Secrets(database, Keys((b"x" * 32,)), clock).set("lost", "value-of-it", ROOT)
    with pytest.raises(SecretTrouble, match="a key that is not in the key file") as trouble:
        secrets.get("lost")
    assert "value-of-it" not in str(trouble.value)


def test_rotating_the_keys_covers_the_store(secrets: Secrets, database: Database, keys: Keys, clock: FakeClock) -> None:
    """After a rotation each secret opens with the newest key alone."""
    secrets.set("one", "value", ROOT)
    rotated = Keys((b"n" * 32, b"k" * 32))
    with database.durable() as connection:
        assert secrets_at_rest.renew(connection, rotated.renewed) == (1, 0)
    assert Secrets(database, Keys((b"n" * 32,)), clock).get("one") == "value"


@pytest.mark.parametrize("name", ["", "a b", "a/b", "-a", "x" * 121, "ä", "a\n", "'; --"])
def test_names_that_are_none(secrets: Secrets, database: Database, name: str) -> None:
    """A name can stand in a command and in a desk file; anything else is refused, and nothing is stored."""
    with pytest.raises(SecretTrouble, match="letters, digits"):
        secrets.set(name, "value", ROOT)
    assert _kept(database) == ()


@pytest.mark.parametrize("value", ["", "a\0b", "x" * (LONGEST_VALUE + 1)])
def test_values_that_are_none(secrets: Secrets, database: Database, value: str) -> None:
    """Empty, with NUL, or too long: the sentence does not repeat it."""
    with pytest.raises(SecretTrouble) as trouble:
        secrets.set("name", value, ROOT)
    assert _kept(database) == () and "xxx" not in str(trouble.value)


@given(st.text(max_size=130))
def test_a_name_is_safe_to_print_and_to_type(name: str) -> None:
    """Whatever is taken as a name is one printable word of ASCII without quotes, slashes or options."""
    if is_name(name):
        assert name.isascii() and name.isprintable() and not set(name) & set(" '\"\\/$`;&|<>*?") and not name.startswith("-") and len(name) <= 120


def test_only_administrators_keep_and_see_names(database: Database, example_setup: Setup, keys: Keys, clock: FakeClock) -> None:
    """An agent is refused each deed, and nothing is changed by it."""
    desk = _desk(database, example_setup, keys, clock)
    desk.set("smtp", "value", ROOT)
    for deed in (lambda: desk.set("smtp", "other", ANN), lambda: desk.list(ANN), lambda: desk.remove("smtp", ANN), lambda: desk.list("who@demo.example")):
        with pytest.raises(Refused):
            deed()
    assert Secrets(database, keys, clock).get("smtp") == "value" and [one.name for one in desk.list(ROOT)] == ["smtp"]


def test_a_secret_in_use_is_removed_only_by_force(database: Database, example_setup: Setup, keys: Keys, clock: FakeClock) -> None:
    """Whoever names it is told; --force removes it all the same; what is not there is said."""
    from dataclasses import replace

    setup = with_connector(example_setup, outgoing={"kind": "smtp", "host": "h", "user": "u", "password_secret": "shared"})
    setup = replace(setup, dkim_keys=(DkimKey("demo.example", "s1", "shared"),))
    desk = _desk(database, setup, keys, clock)
    desk.set("shared", "value", ROOT)
    with pytest.raises(Refused, match=r"connector support \(outgoing\), the DKIM key s1 of demo.example"):
        desk.remove("shared", ROOT)
    desk.remove("shared", ROOT, anyway=True)
    with pytest.raises(NotFound):
        desk.remove("shared", ROOT, anyway=True)


def test_a_mailbox_logs_in_with_a_secret(secrets: Secrets) -> None:
    """password_secret of an incoming way is looked up at each log-in; while it is missing, the mailbox says so."""
    connector = Connector("c", "support", "s@d.example", incoming={"kind": "imap", "host": "h", "user": "u", "password_secret": "box"})
    place = place_of(connector, {}, lambda one: "", 10.0, secrets)
    with pytest.raises(FetchTrouble, match="guichet secret set box"):
        place.secret()
    secrets.set("box", "first", ROOT)
    assert place.secret() == "first"
    secrets.set("box", "second", ROOT)
    assert place.secret() == "second"


def test_setups_know_nothing_of_values(database: Database, example_setup: Setup, keys: Keys, clock: FakeClock) -> None:
    """A desk file names secrets and holds none: exporting one with keys in it shows names only."""
    from dataclasses import replace

    from gateway.deskfile import write_desk

    house = House(database, replace(example_setup, dkim_keys=(DkimKey("demo.example", "s1", "dkim-s1"),)), keys, clock)
    Secrets(database, keys, clock).set("dkim-s1", "very-secret", ROOT)
    with database.read() as connection:
        text = write_desk(Setups(clock).current(connection))
    assert 'secret = "dkim-s1"' in text and "very-secret" not in text and house.setup.dkim_keys
