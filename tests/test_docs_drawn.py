"""The documents that are drawn from the code are as the code draws them (law 11)."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import docs


@pytest.mark.parametrize("name", list(docs.DRAWN))
def test_a_drawn_document_is_up_to_date(name: str) -> None:
    """When this fails: `guichet docs`, and commit what it wrote."""
    assert (docs.FOLDER / name).read_text("utf-8") == docs.drawn(name)


@pytest.mark.parametrize("name", list(docs.DRAWN))
def test_a_drawn_document_has_a_title_and_says_that_it_is_drawn(name: str) -> None:
    """Nobody should edit it by hand."""
    text = docs.drawn(name)
    assert text.startswith("# ")
    assert "\nDrawn from " in text


def test_stale_documents_are_found_and_drawn_anew(tmp_path: Path) -> None:
    """A missing and a changed one; the second time nothing is left to do."""
    assert set(docs.draw_all(tmp_path)) == set(docs.DRAWN)
    (tmp_path / "status.md").write_text("by hand", "utf-8")
    (tmp_path / "settings.md").unlink()
    assert docs.stale(tmp_path) == ["settings.md", "status.md"]
    assert docs.draw_all(tmp_path) == ["settings.md", "status.md"]
    assert docs.stale(tmp_path) == []
