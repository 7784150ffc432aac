"""Frozen dataclasses ↔ plain tables of text, numbers and lists, as TOML and JSON hold them; what a table must mean beyond its types is checked elsewhere."""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from core.durations import parse_duration, write_duration

Value = TypeVar("Value")
APART = frozenset({"id", "active", "plus_proved"})
"""Fields that are kept apart from the table wherever it is stored, and never written by people."""


class PlainTrouble(ValueError):
    """A table does not have the expected form. `path` is the key (`connectors[2].incoming`), `str()` says what was expected there."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(sentence)
        self.path = path


def to_plain(value: object, *, full: bool) -> dict[str, Any]:
    """The table of a dataclass value, without `APART`; `full` also writes what has its default, so that a later default changes nothing stored."""
    table: dict[str, Any] = {}
    for field in dataclasses.fields(value):  # type: ignore[arg-type]
        content = getattr(value, field.name)
        if field.name in APART or (not full and content == _default(field)):
            continue
        if content is not None:
            table[field.name] = _write(content, full=full)
    return table


def from_plain(kind: type[Value], table: Mapping[str, Any], path: str = "", /, **apart: object) -> Value:
    """The dataclass value of a table. `apart` gives the fields that are stored apart. Raises PlainTrouble at the first key that does not fit."""
    hints = _hints(kind)  # type: ignore[arg-type]  # a class is hashable
    known = {field.name: field for field in dataclasses.fields(kind) if field.name not in APART and field.name not in apart}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise PlainTrouble(_at(path, key), f"unknown key; known here: {', '.join(sorted(known))}")
    for name, field in known.items():
        if name not in table and _default(field) is dataclasses.MISSING:
            raise PlainTrouble(_at(path, name), f"missing; {_expected(hints[name])} is expected")
    read = {key: _read(hints[key], content, _at(path, key)) for key, content in table.items()}
    return kind(**{**read, **apart})


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _at(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _write(content: object, *, full: bool) -> Any:
    if isinstance(content, timedelta):
        return write_duration(content)
    if isinstance(content, datetime):
        return content.isoformat()
    if isinstance(content, StrEnum):
        return str(content)
    if isinstance(content, tuple):
        return [_write(part, full=full) for part in content]
    if dataclasses.is_dataclass(content):
        return to_plain(content, full=full)
    return dict(content) if isinstance(content, dict) else content


def _read(hint: Any, content: Any, path: str) -> Any:
    hint = _without_none(hint)
    if typing.get_origin(hint) is tuple:
        return _read_list(typing.get_args(hint)[0], content, path)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_plain(hint, _checked(dict, content, hint, path), path)
    if hint is timedelta:
        return _read_duration(_checked(str, content, hint, path), path)
    if hint is datetime:
        return _read_moment(content, path)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        if content not in list(hint):
            raise PlainTrouble(path, f"{_shown(content)} is not one of {', '.join(hint)}")
        return hint(content)
    return _checked(dict if typing.get_origin(hint) is dict else hint, content, hint, path)


def _read_list(hint: Any, content: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(content, list):
        raise PlainTrouble(path, f"a list is expected, not {_shown(content)}")
    return tuple(_read(hint, part, f"{path}[{place}]") for place, part in enumerate(content, 1))


def _read_duration(content: str, path: str) -> timedelta:
    try:
        return parse_duration(content)
    except ValueError as fault:
        raise PlainTrouble(path, str(fault)) from None


def _read_moment(content: Any, path: str) -> datetime:
    """A date and time with its zone, as TOML has them or as text."""
    try:
        moment = datetime.fromisoformat(content) if isinstance(content, str) else content
    except ValueError:
        moment = None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise PlainTrouble(path, f"a date and time with its zone such as 2026-12-01T09:00:00+01:00 is expected, not {_shown(content)}")
    return moment


def _checked(kind: type, content: Any, hint: Any, path: str) -> Any:
    """The content if it has the type; a bool is no int here."""
    if isinstance(content, kind) and not (kind is int and isinstance(content, bool)):
        return content
    raise PlainTrouble(path, f"{_expected(hint)} is expected, not {_shown(content)}")


def _without_none(hint: Any) -> Any:
    rest = [part for part in typing.get_args(hint) if part is not type(None)]
    return rest[0] if type(None) in typing.get_args(hint) else hint


_NAMES: dict[Any, str] = {str: "text", bool: "true or false", int: "a whole number", timedelta: "a duration such as P5D or PT10S", datetime: "a date and time"}


def _expected(hint: Any) -> str:
    hint = _without_none(hint)
    if typing.get_origin(hint) is tuple:
        return "a list"
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return f"one of {', '.join(hint)}"
    return _NAMES.get(hint, "a table")


def _shown(content: object) -> str:
    text = repr(content)
    return text if len(text) <= 60 else f"{text[:57]}…"
