"""What `docs/administrator.md` says of the log and of the metrics is what the code has; that every error is explained there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {path: path.read_text("utf-8") for path in sorted((ROOT / "gateway").rglob("*.py"))}
PAGE = (ROOT / "docs" / "administrator.md").read_text("utf-8").partition("## What to watch")[2].partition("\n## ")[0]
DOORS = ("smtp", "lmtp")


def events(levels: str) -> set[str]:
    """Names of events that the code logs so."""
    calls = (call for text in SOURCES.values() for call in re.findall(rf'log\.(?:{levels})\((?:[a-zA-Z. ]+, )?f?"([^" ]+)"', text))
    spelled = re.compile(r"\{self\.door_name\}")
    return {spelled.sub(door, call) for call in calls for door in DOORS}


def test_every_error_is_explained() -> None:
    """Whoever sees an error in the log finds what it means and what to do."""
    errors = events("error|exception|critical") | {"mail_not_fetched"}
    assert len(errors) > 20
    assert {name for name in errors if f"`{name}`" not in PAGE} == set()


def test_nothing_is_explained_that_does_not_exist() -> None:
    """Every event and every metric that the page names is in the code."""
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+|held|quarantined|withheld)`", PAGE))
    known = events("error|exception|critical|warning|info|log") | {"mail_not_fetched", "quarantined", "held"}
    metrics = set(re.findall(r'"(guichet_[a-z_]+)"', SOURCES[ROOT / "gateway" / "web" / "metrics.py"]))
    assert {name for name in named if name.startswith("guichet_")} <= metrics
    assert {name for name in named if not name.startswith("guichet_")} <= known


def test_every_benchmark_is_listed() -> None:
    """`bench/README.md` names every program in the folder."""
    listed = (ROOT / "bench" / "README.md").read_text("utf-8")
    programs = [path.stem for path in (ROOT / "bench").glob("*.py") if path.stem != "__init__"]
    assert [name for name in programs if f"bench.{name}" not in listed and f"{name}.py" not in listed] == []
