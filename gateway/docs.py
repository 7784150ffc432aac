"""The documents that are drawn from the code (law 11): which there are and who draws them; a test fails when one is stale."""

from __future__ import annotations

import importlib
from pathlib import Path

DRAWN: dict[str, tuple[str, str]] = {
    "settings.md": ("gateway.settings_drawing", "draw"),
    "commands.md": ("gateway.cli.drawing", "draw"),
    "status.md": ("core.status_drawing", "draw"),
    "evidence.md": ("core.evidence", "draw"),
    "outcomes.md": ("core.delivery", "draw"),
}
"""File in docs/ → (module, function without arguments that returns Markdown)."""

FOLDER = Path(__file__).resolve().parent.parent / "docs"


def drawn(name: str) -> str:
    """The text of one drawn document, as it should be."""
    module, function = DRAWN[name]
    text: str = getattr(importlib.import_module(module), function)()
    return text.rstrip("\n") + "\n"


def stale(folder: Path = FOLDER) -> list[str]:
    """Names of drawn documents that are missing or not as the code draws them."""
    return [name for name in DRAWN if not (folder / name).is_file() or (folder / name).read_text("utf-8") != drawn(name)]


def draw_all(folder: Path = FOLDER) -> list[str]:
    """Write those that are stale; returns their names."""
    names = stale(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(drawn(name), "utf-8")
    return names
