"""What all tests share: throw-away databases of both kinds, a clock that stands still, keys, and an example setup."""

from __future__ import annotations

import atexit
import functools
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

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
from gateway.clock import FakeClock, SystemClock
from gateway.keys import Keys
from gateway.store.engine import Database
from tests.ports import free_port as free_port
from tests.servers import postgres_url


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


def make_schema(database: Database) -> None:
    """All tables, without walking the migrations."""
    from gateway.store.schema import metadata

    with database.durable() as connection:
        metadata.create_all(connection)
        if not database.is_sqlite:
            connection.execute(text("CREATE SEQUENCE IF NOT EXISTS item_number START 101001"))


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with all tables, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path}/guichet.db")
        make_schema(made)
        yield made
        made.dispose()
        return
    template = _postgres_template()
    if template is None:
        missing("PostgreSQL is not installed")
    assert template is not None
    made = Database(template.set(database=f"guichet_test_{SystemClock().new_id()}"))
    _on_server(template, f'CREATE DATABASE "{made.url.database}" TEMPLATE "{template.database}" STRATEGY file_copy')
    try:
        yield made
    finally:
        made.dispose()
        _on_server(template, f'DROP DATABASE "{made.url.database}" WITH (FORCE)')


@functools.cache
def _postgres_template() -> URL | None:
    """A database with all tables, made once per process; each test copies it."""
    server = postgres_url()
    if server is None:
        return None
    template = server.set(database=f"guichet_template_{SystemClock().new_id()}")
    _on_server(server, f'CREATE DATABASE "{template.database}"')
    atexit.register(_on_server, server, f'DROP DATABASE "{template.database}" WITH (FORCE)')
    database = Database(template)
    make_schema(database)
    database.dispose()
    return template


def _on_server(url: URL, statement: str) -> None:
    admin = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(statement))
    admin.dispose()


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
