"""Which canned texts a person is offered for an item, and in which order (C-CO-07); filling one in is `gateway/desk_words.py`."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.setup import CannedText

MOST_RECENT = 20
"""Titles remembered as recently used."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody looks for. `service` is the service line of the item ('' = every), `language` the best first, `recent` titles, the newest first."""

    service: str = ""
    languages: tuple[str, ...] = ()
    search: str = ""
    recent: Sequence[str] = ()


def offered(texts: Iterable[CannedText], wish: Wish) -> list[CannedText]:
    """The texts that fit: of the service line before those for all, of the best language first, the recently used first, then as in the desk file.

    Texts of other service lines are left out. Searched are title and text, every word, without regard to case and accents; a find in the title counts more.
    """
    words = _plain(wish.search).split()
    found = []
    for place, text in enumerate(texts):
        if wish.service and text.service not in ("", wish.service):
            continue
        title, everything = _plain(text.title), _plain(f"{text.title}\n{text.text}")
        if all(word in everything for word in words):
            in_title = all(word in title for word in words)
            elsewhere = bool(wish.service) and text.service != wish.service
            found.append(((elsewhere, _rank(text.language, wish.languages), not in_title, _recency(text.title, wish.recent), place), text))
    return [text for _, text in sorted(found, key=lambda one: one[0])]


def named(texts: Iterable[CannedText], title: str, wish: Wish) -> CannedText | None:
    """The text with this title that would be offered first; None if there is none."""
    wanted = _plain(title)
    return next((text for text in offered(texts, wish) if _plain(text.title) == wanted), None)


def used(recent: Sequence[str], title: str) -> tuple[str, ...]:
    """The titles recently used, with this one now the newest."""
    return (title, *(one for one in recent if one != title))[:MOST_RECENT]


def _rank(language: str, wanted: Sequence[str]) -> int:
    """0 for the language wanted most; a text for every language stands between those wanted and the others."""
    spoken = language.lower()
    forms = [form for one in wanted if one for form in (one.lower(), one.lower().partition("-")[0])]
    if spoken in forms:
        return forms.index(spoken)
    return len(forms) + bool(spoken and forms)


def _recency(title: str, recent: Sequence[str]) -> int:
    return list(recent).index(title) if title in recent else len(recent)


def _plain(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(char))
