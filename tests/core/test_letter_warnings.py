"""Sentences before a mail leaves: who has nothing to do with the item, what is announced and missing."""

from __future__ import annotations

import pytest

from core.letter_warnings import MANY, Known, missing_file, recipient_warnings, waiting_drafts
from core.mail import Address
from tests.core.people import SETUP

TIED = Known(frozenset({"carl@acme.example", "dead@acme.example"}), frozenset({"dead@acme.example"}))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("Carl@Acme.example", ()),
        ("eve@evil.example", ("Not on this item until now: eve@evil.example.",)),
        ("dead@acme.example", ("Mail to this address came back lately: dead@acme.example.",)),
        ("help+x@demo.example", ("A mailbox of this desk: help+x@demo.example; what arrives there opens or joins an item of its own.",)),
    ],
)
def test_what_is_said_of_a_recipient(address: str, said: tuple[str, ...]) -> None:
    """C-CO-03, C-CO-12: strangers, addresses that mail came back from, and our own mailboxes are named; those tied to the item are not."""
    assert recipient_warnings([Address(address)], TIED, SETUP) == said


def test_many_recipients_are_counted() -> None:
    """Each address once; five strangers are named and the rest counted."""
    people = [Address(f"p{n}@x.example") for n in range(MANY)]
    strangers, many = recipient_warnings([*people, people[0]], TIED, SETUP)
    assert strangers.endswith(f"p4@x.example and {MANY - 5} more.")
    assert many == f"This mail goes to {MANY} people."


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("Please find attached the invoice.", True),
        ("Veuillez trouver ci-joint la facture.", True),
        ("Voir la pièce jointe.", True),
        ("The pump is detached.", False),
        ("There is no attachment.", False),
        ("Sans pièce jointe.", False),
        ("", False),
    ],
)
def test_a_file_that_is_announced_and_missing(text: str, warned: bool) -> None:
    """English and French; not where a file is there, nor where the text says that there is none."""
    assert bool(missing_file(text, files=0)) == warned
    assert missing_file(text, files=1) == ()


def test_drafts_that_wait() -> None:
    """C-DR-02: how many and whose."""
    assert waiting_drafts([]) == ()
    assert waiting_drafts(["ann@x", "ann@x", "bob@x"]) == ("3 drafts wait on this item, last changed by ann@x, bob@x.",)
    assert waiting_drafts(["ann@x"]) == ("1 draft waits on this item, last changed by ann@x.",)
