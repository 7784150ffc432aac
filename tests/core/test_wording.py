"""What people type, made fit to be kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wording import LINE, clean_line, clean_text

CASES = [
    ("a\r\nb\rc", "a\nb\nc", "a b c"),
    ("  x \t y  ", "x \t y", "x y"),
    ("nul\x00 esc\x1b[0m", "nul esc[0m", "nul esc[0m"),
    ("lone \ud800 half", "lone  half", "lone half"),
    ("turn \u202egnp.exe", "turn gnp.exe", "turn gnp.exe"),
    ("été 😀\u00a0!", "été 😀\u00a0!", "été 😀 !"),
]


@pytest.mark.parametrize(("typed", "text", "line"), CASES)
def test_what_is_kept(typed: str, text: str, line: str) -> None:
    """Controls, lone surrogates and direction overrides are gone; line ends are one, or none."""
    assert (clean_text(typed), clean_line(typed)) == (text, line)


@given(st.text(st.characters(), max_size=3000))
def test_whatever_is_typed_can_be_stored(typed: str) -> None:
    """The result encodes, has no NUL, is bounded, and cleaning it again changes nothing."""
    for clean, once in ((clean_text, clean_text(typed)), (clean_line, clean_line(typed))):
        once.encode()
        assert "\x00" not in once
        assert clean(once) == once
    assert len(clean_line(typed)) <= LINE
    assert "\n" not in clean_line(typed)
