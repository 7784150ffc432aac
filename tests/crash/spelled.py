"""How statements are spelled, worked out once and told to every child: it is the same text each time, and most of what a start costs."""

from __future__ import annotations

from typing import Any

from gateway.store.engine import Database

_compiled: dict[str, dict[tuple[Any, ...], Any]] = {}
"""Dialect → what SQLAlchemy keeps of each statement that it has compiled, without the dialect it begins with."""


def remember(database: Database) -> None:
    """Keep what this database has compiled so far."""
    for engine in (database.engine, database._lazy):
        _compiled.setdefault(engine.dialect.name, {}).update({key[1:]: kept for key, kept in (engine._compiled_cache or {}).items()})


def tell(database: Database) -> None:
    """Give a new database what was remembered for its dialect."""
    for engine in (database.engine, database._lazy):
        if engine._compiled_cache is not None:
            engine._compiled_cache.update({(engine.dialect, *key): kept for key, kept in _compiled.get(engine.dialect.name, {}).items()})
