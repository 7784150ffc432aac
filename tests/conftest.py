"""What all tests share: throw-away databases of both kinds, a clock that stands still, keys, and an example setup."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.setup import (
    BlockedAddress,
    BlockEffect,
    Company,
    Connector,
    Process,
    RetryTemplate,
    Role,
    Route,
    RouteKind,
    Setup,
    Team,
    User,
)
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.store.engine import Database
from tests import spelled
from tests.databases import make_schema as make_schema
from tests.databases import on_postgres
from tests.ports import free_port as free_port

spelled.install()


def missing(what: str) -> None:
    """Skip because a server is missing; a failure where CI=true (contract section 1)."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} (required with CI=true)")
    pytest.skip(what)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still on Monday, 2 March 2026, 09:00 UTC."""
    return FakeClock()


@pytest.fixture
def keys() -> Keys:
    """Keys of a throw-away installation."""
    return Keys((b"k" * 32,))


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with all tables, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path}/guichet.db")
        make_schema(made)
        yield made
        made.dispose()
        return
    server = on_postgres()
    if server is None:
        missing("PostgreSQL is not installed")
    assert server is not None
    made = server.take()
    try:
        yield made
    finally:
        server.give_back(made)


@pytest.fixture
def example_setup() -> Setup:
    """The demo desk."""
    return demo_desk()


def demo_desk() -> Setup:
    """The demo desk as a value: Acme and Globex, a ticket and a case process, two mailboxes, four people."""
    return Setup(
        revision=1,
        name="Demo desk",
        timezone="Europe/Paris",
        language="en",
        default_connector="support",
        unmonitored_address="no-reply@demo.example",
        companies=(Company("Acme", ("acme.example",)), Company("Globex", ("globex.example",))),
        queues=("First line", "Claims"),
        teams=(Team("Support", "lea@demo.example"),),
        users=(
            User("u-ann", "ann@demo.example", "Ann Agent", Role.AGENT, "Support", ("First line",), "en", "Europe/Paris"),
            User("u-bob", "bob@demo.example", "Bob Agent", Role.AGENT, "Support", ("First line", "Claims"), "fr", "Europe/Paris"),
            User("u-lea", "lea@demo.example", "Lea Leader", Role.LEADER, "Support", ("First line",), "fr", "Europe/Paris"),
            User("u-root", "root@demo.example", "Root", Role.ADMIN),
        ),
        retry_templates=(RetryTemplate("rt-1", "standard", tuple(timedelta(minutes=2**n) for n in range(1, 6))),),
        connectors=(
            Connector(
                "c-support",
                "support",
                "support@demo.example",
                ("help@demo.example",),
                trusted_authserv_ids=("mx.demo.example",),
                incoming={"kind": "smtp"},
                outgoing={"kind": "maildir", "path": "outgoing", "retry_template": "standard", "unknown": "repeat"},
            ),
            Connector(
                "c-claims",
                "claims",
                "claims@demo.example",
                incoming={"kind": "smtp"},
                outgoing={"kind": "maildir", "path": "outgoing", "retry_template": "standard", "unknown": "repeat"},
            ),
        ),
        processes=(
            Process("p-support", "ticket", "General support", "Acme", "Main", "Helpdesk", ("Question", "Incident/Network"), "First line", timedelta(days=5), True),
            Process("p-claim", "case", "Claim", "Acme", "Main", "Claims", (), "Claims", timedelta(days=10)),
        ),
        routes=(
            Route("r-1", "support", "default", RouteKind.FALLBACK, "support@demo.example", "General support", "Question", send_automated_emails=True),
            Route("r-2", "support", "help", RouteKind.ORDINARY, "help@demo.example", "General support", "Question", send_automated_emails=True),
            Route("r-3", "claims", "default", RouteKind.FALLBACK, "claims@demo.example", "Claim", send_automated_emails=True),
        ),
        blocked_addresses=(BlockedAddress("*@spam.example", BlockEffect.REJECT_AS_SPAM),),
    )
