"""Finding what is due with 1,000 and with 1,000,000 rows in the outbox: most of them sent, 100,000 of a connector that is disabled, 100,000 planned.

All are on items: five of each kind on one item, so that those that are due come after mails that were sent, are planned or wait for the connector.

    .venv/bin/python -m bench.due [--rows 1000000] [--rounds 7] [--database URL]

Each round looks (`any_due`), finds (`due`) and claims and gives back a batch, many times; the ratio of the medians is printed. Exit 1 above 1.3.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from bench.sending import _draft, _item, _setup
from core.setup import Setup
from gateway.clock import SystemClock
from gateway.keys import Keys
from gateway.outbound.compose import seal
from gateway.store import items, outbox_claims, outboxes
from gateway.store.engine import Database
from gateway.store.schema import metadata

SMALL = 1_000
DUE = 200
TIMES = 200
MOST = 1.3
SHARES = (("disabled", "queued", 10), ("planned", "queued", 10), ("sent", "sent", 1))
"""What the rows are besides those that are due: a name, their state, and which part of all; the last takes the rest."""

PER_ITEM = 5
LIVE = ["bench"]
COPY = "INSERT INTO {table} ({columns}) SELECT {values} FROM {table}, {numbers} WHERE {table}.id = '{first}'"


def fill(database: Database, rows: int) -> Setup:
    """An outbox with `DUE` mails that are due and all the others that are not, or may not leave."""
    clock, keys, setup = SystemClock(), Keys((b"k" * 32,)), _setup(25)
    with database.durable() as connection:
        metadata.drop_all(connection)
        metadata.create_all(connection)
        for n in range(DUE):
            items.save(connection, _item(n, clock))
            draft = _draft(n, f"i{n}", 800, clock)
            outboxes.insert(connection, draft, seal(draft, setup.connector_named["bench"], setup, keys), now=clock.now())
    more = max(0, rows // PER_ITEM - DUE)
    _copies(database, "item", "i0", more, {"id": f"'i' || ({DUE} + n - 1)", "ref": "'more-' || n", "number": "1000000 + n"})
    left = rows - DUE
    for name, state, part in SHARES:
        count = left if part == 1 else rows // part
        left -= count
        moment = clock.now() + timedelta(days=365 if name == "planned" else -1)
        others = {
            "id": f"'{name}-' || n",
            "message_id": f"'{name}-' || n",
            "item_id": f"'i' || ((n - 1) / {PER_ITEM})",
            "state": f"'{state}'",
            "due_at": str(int(moment.timestamp() * 1_000_000)),
            "connector": "'away'" if name == "disabled" else "'bench'",
        }
        _copies(database, "outbox", "m000000", count, others)
    if not database.is_sqlite:  # which does so by itself; SQLite is never told to
        with database.durable() as connection:
            connection.execute(text("ANALYZE"))
    return setup


def _copies(database: Database, table: str, first: str, count: int, others: dict[str, str]) -> None:
    """So many copies of a row with other values in some columns; `n` counts them from 1."""
    columns = [column.name for column in metadata.tables[table].columns]
    values = ", ".join(others.get(one, f"{table}.{one}") for one in columns)
    numbers = f"generate_series(1, {count}) AS n"
    if database.is_sqlite:
        numbers = f"(WITH RECURSIVE up(n) AS (SELECT 1 WHERE {count} > 0 UNION ALL SELECT n + 1 FROM up WHERE n < {count}) SELECT n FROM up)"
    with database.durable() as connection:
        connection.execute(text(COPY.format(table=table, columns=", ".join(columns), values=values, numbers=numbers, first=first)))


def steps(database: Database, clock: SystemClock) -> dict[str, Callable[[], object]]:
    """What is measured: one look, one find, one claim that is given back."""

    def look() -> object:
        with database.read() as connection:
            return outbox_claims.any_due(connection, clock.now(), ["bench"])

    def find() -> object:
        with database.lazy() as connection:
            return outbox_claims.due(connection, clock.now(), "bench", live=LIVE, most=8)

    def claim() -> object:
        with database.lazy() as connection:
            now = clock.now()
            found = outbox_claims.due(connection, now, "bench", live=LIVE, most=8)
            mine = outbox_claims.claim(connection, found, now, holder="bench", lease_until=now + timedelta(hours=1))
            outbox_claims.give_back(connection, list(zip(found, mine, strict=True)), now)
            return mine

    return {"any_due": look, "due": find, "claim": claim}


def measured(work: Callable[[], object]) -> float:
    """Milliseconds of one, as the median of many."""
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        assert work()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def main() -> int:
    """Print what each step takes with few and with many rows."""
    asked = argparse.ArgumentParser(description="Finding what is due, whatever lies about.")
    asked.add_argument("--rows", type=int, default=1_000_000)
    asked.add_argument("--rounds", type=int, default=7)
    asked.add_argument("--database", help="an empty PostgreSQL database to fill, and another for the small one after a comma; default: SQLite")
    asked.add_argument("--folder")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as made:
        urls = given.database.split(",") if given.database else [f"sqlite:///{Path(made)}/{n}.db" for n in ("small", "large")]
        databases = [Database(url) for url in urls]
        clock = SystemClock()
        for database, rows in zip(databases, (SMALL, given.rows), strict=True):
            fill(database, rows)
        both = [steps(database, clock) for database in databases]
        worst = 0.0
        for name in both[0]:
            times = [(measured(both[0][name]), measured(both[1][name])) for _ in range(given.rounds)]
            small, large = (statistics.median(column) for column in zip(*times, strict=True))
            worst = max(worst, large / small)
            print(f"{name}: {small:.3f} ms with {SMALL:,} rows, {large:.3f} ms with {given.rows:,}: ×{large / small:.2f}")
        for database in databases:
            database.dispose()
    print(f"worst ×{worst:.2f}, at most ×{MOST}")
    return worst > MOST


if __name__ == "__main__":
    sys.exit(main())
