"""Results on standard output, as JSON or for people; texts out of mails never reach a terminal as control characters."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

WIDEST = 60
"""Characters of one cell, where the width of the terminal does not say otherwise; the last of a line may be as long as it likes."""

MOMENTS = ("at", "until", "scheduled_for", "editor_until", "suspended_until", "absent_until", "valid_from", "valid_until")
"""Names of fields that are moments, besides those that end in `_at`."""

SPACES = "\u00a0\u202f"
"""Spaces that French writes before a colon and between digits: they do nothing to a terminal."""


def say(text: str = "") -> None:
    """A line for people, made printable."""
    click.echo(printable(text, lines=True))


def say_json(value: object) -> None:
    """One JSON document."""
    click.echo(json.dumps(value, ensure_ascii=not _speaks_utf8(), indent=2 if sys.stdout.isatty() else None, default=str))


def _speaks_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def printable(text: str, *, lines: bool = False) -> str:
    """The text with whatever a terminal would obey (escape sequences, direction marks) shown as an escape instead."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in SPACES or (lines and char in "\n\t") else f"\\x{ord(char):02x}" for char in text)


def say_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool = False) -> None:
    """A list of results: a JSON array, or a table of some columns. An empty table says so on stderr."""
    listed = list(rows)
    if as_json:
        say_json(listed)
        return
    if not listed:
        click.echo("Nothing found.", err=True)
        return
    cells = [[name.replace("_", " ") for name in columns], *([cell(row.get(name)) for name in columns] for row in listed)]
    longest = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    widths = [*(min(WIDEST, length) for length in longest[:-1]), longest[-1]]
    room = shutil.get_terminal_size((200, 50)).columns if sys.stdout.isatty() else 10_000
    for line in cells:
        text = "  ".join(_cut(content, width).ljust(width) for content, width in zip(line, widths, strict=True)).rstrip()
        click.echo(_cut(text, room))


def say_fields(value: Mapping[str, Any], *, leave_out: Iterable[str] = ()) -> None:
    """One result, a field a line; empty ones are left out."""
    shown = {name: content for name, content in value.items() if name not in leave_out and content not in (None, "", [], {})}
    width = max((len(name) for name in shown), default=0)
    for name, content in shown.items():
        click.echo(f"{name.replace('_', ' '):{width}}  {cell(content)}")


def in_zone(value: Any, zone: str) -> Any:
    """The result with its moments (ISO 8601) as a person in `zone` reads them; for people only, JSON stays in UTC."""
    if isinstance(value, Mapping):
        return {name: _moment(part, zone) if name in MOMENTS or name.endswith("_at") else in_zone(part, zone) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [in_zone(part, zone) for part in value]
    return value


def _moment(value: Any, zone: str) -> Any:
    from gateway.local_time import shown_moment

    return shown_moment(datetime.fromisoformat(value), zone) if isinstance(value, str) and value else value


def cell(content: Any) -> str:
    """Any value as one printable line."""
    if content is None:
        return ""
    if isinstance(content, bool):
        return "yes" if content else "no"
    if isinstance(content, Mapping):
        return ", ".join(f"{name} {cell(part)}" for name, part in content.items() if part not in (None, "", [], {}))
    if isinstance(content, (list, tuple)):
        return "; ".join(cell(part) for part in content)
    return printable(" ".join(str(content).split()))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
