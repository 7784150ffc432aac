"""Address patterns and subject words as administrators write them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.blocking import matches_address
from core.mail import address_key
from gateway.routing.patterns import contains_words, first_match, fold, words

ADDRESSES = [
    ("jo@acme.example", "jo@acme.example", True),
    ("Jo@ACME.example", "jo@acme.example", True),
    ("jo@acme.example", "joan@acme.example", False),
    ("jo@acme.example", "jo+tag@acme.example", False),
    ("*@acme.example", "jo@acme.example", True),
    ("*@acme.example", "jo@sub.acme.example", False),
    ("@acme.example", "jo@acme.example", True),
    ("acme.example", "jo@acme.example", True),
    ("acme.example", "jo@notacme.example", False),
    ("*.acme.example", "jo@sub.acme.example", True),
    ("*.acme.example", "jo@acme.example", False),
    ("*acme.example", "jo@acme.example", True),
    ("*acme.example", "jo@sub.acme.example", True),
    ("*acme.example", "jo@notacme.example", True),
    ("*-bot@acme.example", "build-bot@acme.example", True),
    ("*@müller.example", "jo@xn--mller-kva.example", True),
    ("", "jo@acme.example", False),
    ("*", "jo@acme.example", False),
    ("*@acme.example", "no address", False),
]


@pytest.mark.parametrize(("pattern", "address", "fits"), ADDRESSES)
def test_addresses(pattern: str, address: str, fits: bool) -> None:
    """E-19, B-RT-05: exact address, exact domain, subdomains, suffix; case and A-labels do not matter."""
    assert matches_address(pattern, address_key(address)) is fits


def test_first_match_names_the_pattern() -> None:
    """A list answers with the first entry that any of the addresses fits."""
    assert first_match(("*@other.example", "*@acme.example"), ("x@y.example", "jo@acme.example")) == "*@acme.example"
    assert first_match((), ("jo@acme.example",)) == ""


SUBJECTS = [
    ("Server down", "down", True),
    ("Server DOWN!", "down", True),
    ("Showdown tonight", "down", False),
    ("Problème d'accès", "probleme", True),
    ("PROBLEME", "problème", True),
    ("the server is down", '"server is down"', True),
    ("the server down", '"server is down"', False),
    ("down the server is", '"server is"', True),
    ("Störung", "storung", True),
    ("注文 キャンセル", "キャンセル", True),
    ("anything", "", False),
    ("anything", '""', False),
    ("", "down", False),
    ("Re: C++ and 3D", "3d", True),
]


@pytest.mark.parametrize(("subject", "entry", "found"), SUBJECTS)
def test_subject_words(subject: str, entry: str, found: bool) -> None:
    """E-18: whole words, without regard to case and accents; phrases stand together."""
    assert contains_words(words(subject), entry) is found


@given(st.text(max_size=60), st.text(max_size=200))
def test_a_subject_contains_its_own_words(word: str, rest: str) -> None:
    """Every word of a subject is found in it, in any case of letters."""
    subject = words(f"{rest} {word}")
    assert all(contains_words(subject, one) for one in words(word))


@given(st.text(max_size=300))
def test_folding_is_idempotent(text: str) -> None:
    """A folded text stays as it is when folded again, so that both sides of a comparison meet."""
    assert fold(fold(text)) == fold(text)


def test_long_subjects_cost_little() -> None:
    """A subject of a megabyte is cut before it is looked at."""
    began = time.monotonic()
    assert not contains_words(words("a " * 500_000), "b b b b")
    assert time.monotonic() - began < 1
