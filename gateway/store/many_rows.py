"""Inserting many rows of one table at once at the cost of the database alone; which rows is said by the callers.

The toolkit compiles a statement once but goes through its parameters anew for every row, which for SQLite costs more than the rows do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Insert, Table, bindparam, insert

AT_ONCE = 100
"""Rows in one statement of SQLite: its driver gives way to the other threads at each statement, and has to queue to go on."""

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Text:
    """For one row, and for AT_ONCE of them."""

    one: str
    many: str


class ManyRows:
    """Rows of `table` as tuples in the order of `names`; `same` is written into the statement, for every row alike.

    Together they name every column that has a default.
    """

    def __init__(self, table: Table, names: Sequence[str], same: Mapping[str, ColumnElement[Any]] | None = None) -> None:
        self._table = table
        self._names = tuple(names)
        self._statement: Insert = insert(table).values({**{name: bindparam(name) for name in names}, **(same or {})})
        self._prepared = cache(self._prepare)

    def insert(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write them all. Raises what the database raises."""
        if not rows:
            return
        if connection.dialect.name != "sqlite":
            connection.execute(self._statement, [dict(zip(self._names, row, strict=True)) for row in rows])
            return
        text, order = self._prepared(connection.dialect)
        columns = list(zip(*rows, strict=True))
        given = list(zip(*(_converted(convert, columns[place]) for place, convert in order), strict=True))
        many = len(given) - len(given) % AT_ONCE
        for start in range(0, many, AT_ONCE):
            connection.exec_driver_sql(text.many, tuple(chain.from_iterable(given[start : start + AT_ONCE])))
        if given[many:]:
            connection.exec_driver_sql(text.one, given[many:])

    def _prepare(self, dialect: Dialect) -> tuple[_Text, list[tuple[int, Convert | None]]]:
        """The statements, and for each of its parameters the place in a row and what the driver must be given instead."""
        compiled: Any = self._statement.compile(dialect=dialect)
        types = {name: self._table.c[name].type.dialect_impl(dialect) for name in self._names}
        head, row = str(compiled).split(" VALUES ", 1)
        text = _Text(str(compiled), f"{head} VALUES {', '.join([row] * AT_ONCE)}")
        return text, [(self._names.index(name), types[name].bind_processor(dialect)) for name in compiled.positiontup]


def _converted(convert: Convert | None, values: Iterable[Any]) -> Iterable[Any]:
    """Most columns that need it hold the same value in every row of a batch: each value is converted once."""
    if convert is None:
        return values
    listed = list(values)
    found = {value: convert(value) for value in set(listed)}
    return [found[value] for value in listed]
