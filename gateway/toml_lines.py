"""Where in a TOML file a key stands, so that an error can name the line; what the file says is read by `tomllib`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\-\" ]{1,200}?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\-\"]{1,200})\s*=")
_LARGEST_FILE = 10 * 2**20


class TomlTrouble(Exception):
    """A file cannot be read or is no TOML; `str()` is a sentence that names file and line."""


def read_toml(file: Path) -> tuple[str, dict[str, Any]]:
    """The text and the tables of a file of at most 10 MB. Raises TomlTrouble."""
    import tomllib

    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise TomlTrouble(f"{file} is larger than 10 MB.")
        text = file.read_text("utf-8")
    except FileNotFoundError:
        raise TomlTrouble(f"{file} does not exist.") from None
    except OSError as fault:
        raise TomlTrouble(f"{file} cannot be read: {fault.strerror}.") from None
    except UnicodeDecodeError as fault:
        raise TomlTrouble(f"{file} is not UTF-8 text (byte {fault.start}).") from None
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise TomlTrouble(f"{file} is not valid TOML: {str(fault).rstrip('.')}.") from None
    except RecursionError:
        raise TomlTrouble(f"{file} is nested too deep.") from None


def line_of(text: str, path: str) -> int | None:
    """The line of a key such as `connectors[2].incoming.kind` (first line is 1), or of the nearest table around it; None if there is none."""
    best, best_length = None, 0
    for line, place in _places(text):
        if best is None and place == f"{path}[1]":  # the whole list is meant
            best = line
        if (place == path or path.startswith((f"{place}.", f"{place}["))) and len(place) > best_length:
            best, best_length = line, len(place)
    return best


def _places(text: str) -> Iterator[tuple[int, str]]:
    """(line, path) of every header and key."""
    counts: Counter[str] = Counter()
    table, quote = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        if quote:
            quote = "" if quote in line else quote
            continue
        if header := _HEADER.fullmatch(line):
            name = header[2].replace('"', "").replace(" ", "")
            counts[name] += header[1] == "[["
            table = _numbered(name, counts)
            yield number, table
        elif key := _KEY.match(line):
            name = key[1].replace('"', "")
            yield number, f"{table}.{name}" if table else name
            quote = next((mark for mark in ('"""', "'''") if line.count(mark) % 2), "")


def _numbered(name: str, counts: Counter[str]) -> str:
    """`routes.when` → `routes[3].when` where routes is a list of tables."""
    parts = name.split(".")
    shown = ""
    for depth, part in enumerate(parts, 1):
        count = counts[".".join(parts[:depth])]
        shown += f"{'.' if shown else ''}{part}{f'[{count}]' if count else ''}"
    return shown
