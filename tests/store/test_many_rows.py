"""Many rows at once are the rows that one by one would be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import literal_column, select

from gateway.store.engine import Database
from gateway.store.many_rows import AT_ONCE, ManyRows
from gateway.store.schema import inbound

NAMES = ("id", "received_at", "envelope_to", "archive", "size", "door")
LITERALS = {str: "'new'", int: "0", bool: "false"}
SAME = {column.name: literal_column(LITERALS[column.type.python_type]) for column in inbound.columns if column.default is not None and column.name not in NAMES}
MANY = ManyRows(inbound, NAMES, {"state": literal_column("'new'"), **SAME})


@pytest.mark.parametrize("count", [0, 1, AT_ONCE - 1, AT_ONCE, 2 * AT_ONCE + 3])
def test_every_row_is_as_it_was_given(database: Database, count: int) -> None:
    """Moments, JSON, truth values and texts of each row, whole statements and the rest, on both databases."""
    with database.durable() as connection:
        connection.execute(inbound.delete())
    given = [(f"{number:026}", datetime(2026, 3, 2, 9, 0, number % 60, 5, UTC), (f"é{number}@x.org",), number % 2 == 0, number, "smtp'?") for number in range(count)]
    with database.durable() as connection:
        MANY.insert(connection, given)
    with database.read() as connection:
        found = [(*row[:2], tuple(row[2]), *row[3:]) for row in connection.execute(select(*(inbound.c[name] for name in NAMES)).order_by(inbound.c.id))]
    assert found == given
