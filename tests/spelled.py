"""How statements are spelled in SQL, worked out once per process: each test has databases of its own, and spelling anew was a third of what it did.

SQLAlchemy keeps what it has compiled with each engine. Here all engines of one dialect share it, by the option that SQLAlchemy has for that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from gateway.store import engine

MOST = 5_000
"""Statements; the house has some hundreds, with each of their shapes."""


class Spelled:
    """What SQLAlchemy asks of a cache. Its keys begin with the dialect of one engine; engines that differ in nothing but their database share an entry."""

    def __init__(self) -> None:
        self._found: dict[tuple[object, ...], Any] = {}

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return self._found.get(_shared(key), default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        if len(self._found) >= MOST:
            self._found.clear()
        self._found[_shared(key)] = compiled


def _shared(key: tuple[Any, ...]) -> tuple[object, ...]:
    dialect, *rest = key
    return (type(dialect), dialect.paramstyle, getattr(dialect, "server_version_info", None), *rest)


def share(create: Callable[..., Engine]) -> Callable[..., Engine]:
    """`create_engine` whose engines share what they have compiled."""
    spelled = Spelled()

    def created(*arguments: Any, **named: Any) -> Engine:
        made = create(*arguments, **named)
        made.update_execution_options(compiled_cache=spelled)
        return made

    return created


def install() -> None:
    """From now on in this process."""
    engine.create_engine = share(engine.create_engine)
