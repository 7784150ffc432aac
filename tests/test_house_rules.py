"""The rules of the house, checked by machines: style, types, who imports whom, where time and dice come from, that everything says what it is."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

CODE = sorted(path for folder in ("core", "gateway") for path in (ROOT / folder).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PURE = [path for path in CODE if path.relative_to(ROOT).parts[0] == "core" or path.relative_to(ROOT).parts[:2] == ("gateway", "routing")]

PURE_MODULES = frozenset(
    """__future__ abc base64 bisect collections collections.abc dataclasses datetime decimal email email.header email.utils enum functools hashlib hmac html
    html.parser itertools json math operator re string textwrap types typing typing_extensions unicodedata urllib.parse zoneinfo""".split()
)
"""The standard library as far as it has no clock, no dice, no files and no network."""
PURE_LIBRARIES = {"gateway.routing": frozenset({"re2"})}
"""Libraries that only calculate: expressions of administrators in linear time."""

DICE = frozenset({"random", "secrets", "uuid"})
CLOCK_FUNCTIONS = frozenset({"time", "time_ns", "localtime", "gmtime", "ctime"})
CLOCK_METHODS = frozenset({"now", "utcnow", "today"})


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_style_is_that_of_the_house() -> None:
    """ruff finds nothing."""
    done = _run("ruff", "check", "--output-format=concise", ".")
    assert done.returncode == 0, done.stdout


@pytest.mark.timeout(600)
def test_the_types_are_right() -> None:
    """mypy, strict, finds nothing in core and gateway."""
    done = _run("mypy")
    assert done.returncode == 0, done.stdout


def test_everybody_imports_only_whom_they_may() -> None:
    """The contracts of import-linter in pyproject.toml hold (law 1)."""
    done = _run("lint-imports", "--no-cache")
    assert done.returncode == 0, done.stdout


def test_the_pure_part_uses_nothing_impure() -> None:
    """Law 1: core and routing import pure modules of the standard library and core (routing also itself), nothing else."""
    strange = []
    for path in PURE:
        ours = ("core", "gateway.routing") if _name(path).startswith("gateway") else ("core",)
        for line, name in _imported(_tree(path)):
            if name not in PURE_MODULES | PURE_LIBRARIES.get(ours[-1], frozenset()) and not any(name == own or name.startswith(f"{own}.") for own in ours):
                strange.append(f"{_name(path)}:{line} imports {name}")
    assert strange == []


def test_time_and_dice_come_from_the_clock() -> None:
    """Law 2: nobody but gateway/clock.py asks the machine for the time, for chance or for an id (time.monotonic measures, it does not tell the time)."""
    asking = [path for path in CODE if path != ROOT / "gateway" / "clock.py"]
    assert [f"{_name(path)}:{found}" for path in asking for found in _clock_or_dice(_tree(path))] == []


def _imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""


def _clock_or_dice(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from (f"{node.lineno} import {name}" for name in names if name in DICE)
            if isinstance(node, ast.ImportFrom) and node.module in ("time", "os"):
                yield from (f"{node.lineno} {alias.name}" for alias in node.names if alias.name in CLOCK_FUNCTIONS | {"urandom"})
        elif isinstance(node, ast.Attribute) and isinstance(node.value, (ast.Name, ast.Attribute)):
            owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            if (owner in ("datetime", "date") and node.attr in CLOCK_METHODS) or (owner == "time" and node.attr in CLOCK_FUNCTIONS) or node.attr == "urandom":
                yield f"{node.lineno} {owner}.{node.attr}"


def test_the_search_for_clocks_finds_them() -> None:
    """The check above is no blank: each way to ask the machine is found, and what is allowed is not."""
    bad = ["import random", "from uuid import uuid4", "import secrets", "datetime.now(UTC)", "datetime.datetime.utcnow()", "date.today()", "time.time()", "os.urandom(8)"]
    assert [text for text in bad if not list(_clock_or_dice(ast.parse(text)))] == []
    good = ["time.monotonic()", "clock.now()", "self._clock.now()", "datetime.fromisoformat('x')", "import time"]
    assert [text for text in good if list(_clock_or_dice(ast.parse(text)))] == []


def test_every_module_says_what_lives_there() -> None:
    """A docstring opens every module that has code."""
    assert [_name(path) for path in CODE + TESTS if _tree(path).body and not ast.get_docstring(_tree(path))] == []


def test_every_test_says_what_it_shows() -> None:
    """A sentence in every test function."""
    silent = []
    for path in TESTS:
        for node in ast.walk(_tree(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_") and not ast.get_docstring(node):
                silent.append(f"{_name(path)}:{node.lineno} {node.name}")
    assert silent == []


def test_a_blind_except_names_its_reason() -> None:
    """Architecture section 8: no bare except; `except Exception` only where a comment on the same line says why, or where it is raised again."""
    unexplained = []
    for path in CODE:
        lines = path.read_text("utf-8").splitlines()
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.ExceptHandler):
                blind = node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException"))
                reraised = any(isinstance(part, ast.Raise) and part.exc is None for part in node.body)
                if node.type is None or (blind and not reraised and "  # " not in lines[node.lineno - 1]):
                    unexplained.append(f"{_name(path)}:{node.lineno}")
    assert unexplained == []


def test_nothing_is_left_undone() -> None:
    """No notes to oneself in the code."""
    marks = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
    assert [_name(path) for path in CODE + TESTS if marks.search(path.read_text("utf-8"))] == []


def test_names_say_something() -> None:
    """No module or class is called after nothing in particular."""
    empty = {"manager", "util", "utils", "utility", "helper", "helpers", "common", "misc"}
    named = [(path, word) for path in CODE for word in path.stem.split("_")]
    for path in CODE:
        classes = [node.name for node in ast.walk(_tree(path)) if isinstance(node, ast.ClassDef)]
        named += [(path, word.lower()) for name in classes for word in re.findall(r"[A-Z][a-z]*", name)]
    assert [f"{_name(path)}: {word}" for path, word in named if word in empty] == []
