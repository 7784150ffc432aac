"""Passwords of users: set, checked, never told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from core.setup import Setup
from gateway.clock import FakeClock
from gateway.store import schema
from gateway.store.engine import Database
from gateway.store.passwords import PasswordTrouble, check_password, hashed, set_password
from gateway.store.setups import Setups

GOOD = "correct horse"


@pytest.fixture
def desk(database: Database, example_setup: Setup, clock: FakeClock) -> Database:
    """The example desk; ann has a password."""
    with database.durable() as connection:
        Setups(clock).save(connection, example_setup, "test", clock.now())
        set_password(connection, "Ann@demo.example", hashed(GOOD), "root@demo.example", clock.now())
    return database


@pytest.mark.parametrize(
    ("email", "password", "who"),
    [
        ("ann@demo.example", GOOD, "u-ann"),
        ("ANN@DEMO.example", GOOD, "u-ann"),
        ("ann@demo.example", "wrong horse", ""),
        ("ann@demo.example", "", ""),
        ("bob@demo.example", GOOD, ""),
        ("bob@demo.example", "", ""),
        ("bob@demo.example", "nobody has this password", ""),
        ("nobody@demo.example", "nobody has this password", ""),
        ("ann@demo.example", GOOD + "\0", ""),
    ],
)
def test_only_the_right_password_of_the_right_user_is_taken(desk: Database, email: str, password: str, who: str) -> None:
    """Wrong, empty, somebody else's, and users without a password are all refused."""
    with desk.read() as connection:
        assert check_password(connection, email, password) == who


def test_a_user_who_left_cannot_log_in(desk: Database, example_setup: Setup, clock: FakeClock) -> None:
    """An inactive user's password is kept and worth nothing."""
    with desk.durable() as connection:
        Setups(clock).save(connection, replace(example_setup, users=example_setup.users[1:]), "test", clock.now())
    with desk.read() as connection:
        assert check_password(connection, "ann@demo.example", GOOD) == ""


@pytest.mark.parametrize(("email", "password", "why"), [("ann@demo.example", "short", "10 to 1000"), ("x@demo.example", GOOD, "no active user")])
def test_what_is_refused(desk: Database, clock: FakeClock, email: str, password: str, why: str) -> None:
    """Too short, or for nobody: a sentence."""
    with desk.durable() as connection, pytest.raises(PasswordTrouble, match=why):
        set_password(connection, email, hashed(password), "root", clock.now())


def test_the_history_says_that_and_never_what(desk: Database) -> None:
    """A password change is in the history without the password or its hash."""
    with desk.read() as connection:
        row = connection.execute(select(schema.desk_change).where(schema.desk_change.c.change == "password")).one()
    assert (row.kind, row.name, row.by, row.body) == ("user", "ann@demo.example", "root@demo.example", None)
