"""The process that all children of these tests are forked from, with everything they need imported, spelled and compiled (`rehearsal.py`)."""

from __future__ import annotations

import functools
import multiprocessing
import os
from multiprocessing.context import ForkServerContext

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from gateway.clock import SystemClock
from tests.servers import postgres_url

REHEARSED_ON = "GUICHET_CRASH_REHEARSAL"
"""The environment variable that names an empty PostgreSQL database to rehearse on; without it only SQLite is rehearsed."""

_PRELOADED = [
    "tests.crash.test_fetching_killed",
    "tests.crash.child",
    "gateway.inbound.isolate",
    "gateway.inbound.smtp",
    "gateway.outbound.smtp",
    "tests.crash.rehearsal",
]


@functools.cache
def context() -> ForkServerContext:
    """Where processes are forked from, started and rehearsed at the first call."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(_PRELOADED)
    server = postgres_url()
    if server is None:
        _start(made)
        return made
    place = server.set(database=f"guichet_rehearsal_{SystemClock().new_id()}")
    _say(server, f'CREATE DATABASE "{place.database}"')
    os.environ[REHEARSED_ON] = place.render_as_string(hide_password=False)
    try:
        _start(made)
    finally:
        del os.environ[REHEARSED_ON]
        _say(server, f'DROP DATABASE "{place.database}" WITH (FORCE)')
    return made


def _start(made: ForkServerContext) -> None:
    """Its first child does nothing; when that one has ended, the rehearsal is over."""
    first = made.Process(target=int)
    first.start()
    first.join()


def _say(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
