"""Words and lists of address patterns as administrators write them in routes, matched in linear time; one pattern is `core/blocking.py`."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from core.blocking import matches_address

MAX_SUBJECT = 2_000
"""Characters of a subject that conditions look at."""


def first_match(patterns: Iterable[str], keys: Iterable[str]) -> str:
    """The first pattern that any of the address keys fits, or ''."""
    listed = tuple(keys)
    return next((pattern for pattern in patterns if any(matches_address(pattern, key) for key in listed)), "")


def fold(text: str) -> str:
    """Text without case and accents, for comparing words (E-18)."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text.casefold()).casefold())
    return "".join(char for char in parts if not unicodedata.combining(char))


def words(text: str) -> tuple[str, ...]:
    """The folded words of a text: runs of letters and digits."""
    return tuple("".join(char if char.isalnum() else " " for char in fold(text[:MAX_SUBJECT])).split())


@lru_cache(maxsize=4096)
def _key_words(entry: str) -> tuple[str, ...]:
    return words(entry)


def contains_words(subject: tuple[str, ...], entry: str) -> bool:
    """Whether the words of an entry stand in the subject, whole and next to each other; quotes around a phrase are allowed and change nothing."""
    wanted = _key_words(entry)
    length = len(wanted)
    if not wanted or length > len(subject):
        return False
    if length == 1:
        return wanted[0] in subject
    return any(subject[start : start + length] == wanted for start in range(len(subject) - length + 1))
