"""Canned texts: which are offered, in which order, and what was used last."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.canned import MOST_RECENT, Wish, named, offered, used
from core.setup import CannedText

HELLO = CannedText("Hello", "Hello there")
BONJOUR = CannedText("Hello", "Bonjour", "fr")
HARDWARE = CannedText("Reset the printer", "Switch it off and on.", "en", "Hardware")
MATERIEL = CannedText("Redémarrer l’imprimante", "Éteignez-la.", "fr", "Hardware")
CLAIMS = CannedText("Claim received", "We have your claim.", "en", "Claims")
ALL = (CLAIMS, HELLO, HARDWARE, BONJOUR, MATERIEL)

CASES = {
    "everything, in the order of the file": (Wish(), [CLAIMS, HELLO, HARDWARE, BONJOUR, MATERIEL]),
    "the service line first, then those for all": (Wish("Hardware"), [HARDWARE, MATERIEL, HELLO, BONJOUR]),
    "the language of the user first": (Wish("Hardware", ("fr", "en")), [MATERIEL, HARDWARE, BONJOUR, HELLO]),
    "a regional language is its main one": (Wish("Hardware", ("fr-CA",)), [MATERIEL, HARDWARE, BONJOUR, HELLO]),
    "recently used first": (Wish("", ("en",), "", ("Reset the printer", "Claim received")), [HARDWARE, CLAIMS, HELLO, BONJOUR, MATERIEL]),
    "every word, without case and accents": (Wish(search="REDEMARRER eteignez"), [MATERIEL]),
    "a find in the title counts more": (Wish(search="claim"), [CLAIMS]),
    "nothing fits": (Wish(search="xyzzy"), []),
    "a service line without texts": (Wish("Nothing"), [HELLO, BONJOUR]),
}


@pytest.mark.parametrize(("wish", "expected"), CASES.values(), ids=CASES)
def test_who_is_offered_what(wish: Wish, expected: list[CannedText]) -> None:
    """C-CO-07: by service line, language and search, recently used first."""
    assert offered(ALL, wish) == expected


def test_a_find_in_the_title_comes_before_one_in_the_text() -> None:
    """C-CO-07: searchable by title."""
    late, early = CannedText("Other", "about the invoice"), CannedText("Invoice", "…")
    assert offered((late, early), Wish(search="invoice")) == [early, late]


def test_one_by_its_title() -> None:
    """Of texts with one title the one in the best language; another service line's does not exist for the item."""
    assert named(ALL, "hello", Wish(languages=("fr",))) is BONJOUR
    assert named(ALL, "Hello", Wish(languages=("en",))) is HELLO
    assert named(ALL, "Claim received", Wish("Hardware")) is None


@given(some.lists(some.sampled_from("abcdefghijklmnopqrstuvwxyz"), max_size=60))
def test_what_was_used_last(titles: list[str]) -> None:
    """The newest first, each once, never more than are kept."""
    recent: tuple[str, ...] = ()
    for title in titles:
        recent = used(recent, title)
        assert recent[0] == title and len(set(recent)) == len(recent) <= MOST_RECENT
