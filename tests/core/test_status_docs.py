"""docs/status.md is drawn from the tables."""

from __future__ import annotations

from pathlib import Path

from core.status import TABLES
from core.status_drawing import draw

PAGE = Path(__file__).parents[2] / "docs" / "status.md"


def test_the_page_is_what_the_tables_say() -> None:
    """A stale page fails: law 11; draw it again with `guichet docs` or by writing `core.status_drawing.draw()` into it."""
    assert PAGE.read_text("utf-8") == draw()


def test_every_cell_is_on_the_page() -> None:
    """Each event of each row is drawn with its reason."""
    page = draw()
    for table in TABLES.values():
        for row in table.values():
            assert all(f"`{event}`" in page and f"`{move.reason}`" in page for event, move in row.items())
