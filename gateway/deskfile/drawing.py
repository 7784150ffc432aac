"""The desk file as a document: every table and key, drawn from where they are declared (`core/setup.py`, the kinds of connectors); reading one is `reading.py`."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import typing
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from core.durations import write_duration
from core.plain import APART
from core.setup_parts import Desk, Queue
from gateway.connector_kinds import INCOMING, OUTGOING, Key
from gateway.deskfile.sections import SECTIONS

HEAD = """# The desk file

Drawn from the code by `guichet docs`; do not edit by hand.

Everything administrators configure, as one TOML file: `guichet config export` writes it, `guichet config apply FILE --dry-run` shows what
would change, `guichet config apply FILE` makes it so. `templates/demo/desk.toml` is a complete example. Durations are ISO 8601 (`P5D`,
`PT10S`); the order of routes in the file is the order in which they are tried; a key that is not known is refused with its line.
"""
_ABOUT_DESK = {
    "name": "What the desk calls itself.",
    "timezone": "Of the desk, and of people who name none.",
    "language": "Of the desk, and of contacts whose own is not known.",
    "default_connector": "Sends what no other connector's address matches.",
    "unmonitored_address": "An address of ours that nobody reads.",
}
_TYPES = {str: "text", bool: "true or false", int: "number", timedelta: "duration", datetime: "date and time with its zone", list: "list of texts"}


def draw() -> str:
    """The document as Markdown."""
    lines = [HEAD]
    lines += _table("[desk]", Desk, _desk_meanings())
    nested: dict[type, str] = {}
    for section in SECTIONS:
        if section.type is Queue:
            lines += ["", "## [[queues]]", "", "| key | form | default | meaning |", "|---|---|---|---|", "| `name` | text | (needed) | Name of the queue. |"]
            continue
        lines += _table(f"[[{section.name}]]", section.type, meanings(section.type), apart=frozenset(section.apart))
        nested.update(_nested(section.type, section.name))
    for kind, place in nested.items():
        lines += _table(place, kind, meanings(kind))
    for way, kinds in (("incoming", INCOMING), ("outgoing", OUTGOING)):
        for name, keys in kinds.items():
            lines += _kind(way, name, keys)
    return "\n".join(lines) + "\n"


def meanings(kind: type) -> dict[str, str]:
    """Field → the text that stands below it in the source, on one line."""
    (declared,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(declared, ast.ClassDef)
    found: dict[str, str] = {}
    for field, text in zip(declared.body, declared.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and _is_text(text):
            found[field.target.id] = " ".join(ast.literal_eval(text.value).split())  # type: ignore[attr-defined]  # it is an expression
    return found


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _desk_meanings() -> dict[str, str]:
    from core.setup import Setup

    return {**meanings(Setup), **_ABOUT_DESK}


def _table(title: str, kind: type, said: Mapping[str, str], *, apart: frozenset[str] = frozenset()) -> list[str]:
    lines = ["", f"## {title}", ""]
    about = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]
    if about:
        lines += [" ".join(about.split()), ""]
    lines += ["| key | form | default | meaning |", "|---|---|---|---|"]
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.name not in APART and field.name not in apart:
            lines.append(f"| `{field.name}` | {_form(hints[field.name])} | {_default(field)} | {said.get(field.name, '').replace('|', chr(92) + '|')} |")
    return lines


def _form(hint: Any) -> str:
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        if isinstance(inner, type) and issubclass(inner, StrEnum):
            return f"list of {_form(inner)}"
        return "list of durations" if inner is timedelta else "list of texts"
    if typing.get_origin(hint) is dict:
        return "table"
    options = [one for one in typing.get_args(hint) if one is not type(None)] or [hint]
    kind = options[0]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return " · ".join(f"`{value}`" if value else "(empty)" for value in kind)
    return _TYPES.get(kind, "table")


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return "(none)"
    if field.default is dataclasses.MISSING:
        return "(needed)"
    value = field.default
    if value is None or value == "" or value == () or dataclasses.is_dataclass(value):
        return "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return f"`{write_duration(value)}`"
    return f"`{', '.join(value)}`" if isinstance(value, tuple) else f"`{value}`"


def _nested(kind: type, name: str) -> dict[type, str]:
    hints = typing.get_type_hints(kind)
    found: dict[type, str] = {}
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            found[hint] = f"{found[hint]}, [{name}.{field.name}]" if hint in found else f"[{name}.{field.name}]"
    return found


def _kind(way: str, name: str, keys: Mapping[str, Key]) -> list[str]:
    lines = ["", f'## {way} = {{ kind = "{name}" }}', ""]
    if not keys:
        return [*lines, f"No further keys: mail for the connector's addresses is taken at the {name.upper()} door."]
    lines += ["| key | form | needed | meaning |", "|---|---|---|---|"]
    for key, one in keys.items():
        form = " · ".join(f"`{choice}`" for choice in one.choices) or ("duration" if one.duration else _TYPES[one.type])
        lines.append(f"| `{key}` | {form} | {'yes' if one.required else ''} | {one.meaning} |")
    return lines
