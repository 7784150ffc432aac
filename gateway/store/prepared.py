"""Statements that are run for every mail: compiled once and handed to SQLite's driver directly; which statements those are, others say.

SQLAlchemy asks a statement's parameters, types and events anew at each execution, which costs more than SQLite takes to run it. On PostgreSQL,
where the way to the server costs more than both, a statement runs as any other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

Row = Sequence[Any]


class Prepared:
    """A statement with named parameters. `columns`: of an INSERT or UPDATE, the columns whose values are given by name with each execution."""

    def __init__(self, statement: Executable, columns: Sequence[str] = ()) -> None:
        self._statement = statement
        self._columns = list(columns)
        self._sql = ""
        self._names: tuple[str, ...] = ()
        self._fixed: dict[str, Any] = {}
        self._turned: tuple[tuple[int, Callable[[Any], Any]], ...] = ()

    def run(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Execute it once; the number of rows it was about. Raises what SQLAlchemy raises."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, dict(values)).rowcount
        return self._executed(connection, values).rowcount

    def run_all(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute it for each row."""
        if not rows:
            return
        if connection.dialect.name != "sqlite":
            connection.execute(self._statement, [dict(row) for row in rows])
            return
        for row in rows:
            self._executed(connection, row)

    def first(self, connection: Connection, values: Mapping[str, Any]) -> Row | None:
        """The first row of a SELECT as the driver gives it: for numbers and texts only."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, dict(values)).first()
        found: Row | None = self._executed(connection, values).fetchone()
        return found

    def _executed(self, connection: Connection, values: Mapping[str, Any]) -> sqlite3.Cursor:
        if not self._sql:
            self._compile(connection)
        all_values = {**self._fixed, **values}
        given = [all_values[name] for name in self._names]
        for at, turn in self._turned:
            given[at] = turn(given[at])
        try:
            driver: Any = connection.connection.driver_connection
            cursor: sqlite3.Cursor = driver.execute(self._sql, given)
            return cursor
        except sqlite3.Error as fault:
            raise DBAPIError.instance(self._sql, None, fault, sqlite3.Error, hide_parameters=True) from fault

    def _compile(self, connection: Connection) -> None:
        assert isinstance(self._statement, ClauseElement)
        compiled: Any = self._statement.compile(dialect=connection.dialect, column_keys=self._columns or None)
        assert not compiled.insert_prefetch and not compiled.update_prefetch, "values that SQLAlchemy would make must be given"
        types = {name: bind.type for bind, name in compiled.bind_names.items()}
        self._names = tuple(compiled.positiontup or ())
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}
        processors = ((at, types[name].dialect_impl(connection.dialect).bind_processor(connection.dialect)) for at, name in enumerate(self._names))
        self._turned = tuple((at, process) for at, process in processors if process is not None)
        self._sql = str(compiled)
