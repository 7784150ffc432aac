"""The documents that are drawn from the code (law 11): which there are and who draws them; a test fails when one is stale."""

from __future__ import annotations

import importlib
from pathlib import Path

DRAWN: dict[str, str] = {
    "settings.md": "gateway.settings_drawing",
    "desk.md": "gateway.deskfile.drawing",
    "commands.md": "gateway.cli.drawing",
    "status.md": "core.status_drawing",
    "evidence.md": "core.evidence",
    "agent-trust.md": "core.agent_trust",
    "outbox.md": "core.outbox_drawing",
    "outcomes.md": "core.outcome_drawing",
    "signs.md": "gateway.routing.signs",
    "bounces.md": "gateway.inbound.bounce_reason",
    "templates.md": "gateway.outbound.template_values",
    "commands-by-mail.md": "core.command_drawing",
}
"""File in docs/ → the module whose function `draw` returns it as Markdown."""

NOTE = "Drawn from the code by `guichet docs`; do not edit by hand."
TITLES = {"signs.md": "Signs of automatic mail", "bounces.md": "Why mail comes back", "evidence.md": "Evidence", "agent-trust.md": "Who may act by mail"}
"""Titles of those that may be drawn as bare tables."""

FOLDER = Path(__file__).resolve().parent.parent / "docs"


def drawn(name: str) -> str:
    """The text of one drawn document, as it should be."""
    text: str = importlib.import_module(DRAWN[name]).draw().strip("\n")
    if not text.startswith("# "):
        text = f"# {TITLES[name]}\n\n{NOTE}\n\n{text}"
    return f"{text}\n"


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
