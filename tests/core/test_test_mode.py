"""Test items mail nobody but test contacts, and their mails are marked (B-RT-01, B-RT-18, E-47)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.mail import Address
from core.outbox import Draft, OutboxMessage, OutboxState, Purpose, Recipient
from core.setup import Setup
from core.test_mode import is_test, is_test_contact, marked, of_test_item, strangers, why_kept, why_not_written, why_withheld
from tests.routing.examples import NOW

TESTER = "Tester@demo.example"


def the_setup(example_setup: Setup) -> Setup:
    return replace(example_setup, test_contacts=(TESTER,))


@pytest.mark.parametrize(
    ("address", "known"),
    [("tester@demo.example", True), ("TESTER+x@DEMO.example", True), ("jo@acme.example", False), ("", False), ("tester@demo.example.evil.example", False)],
)
def test_who_is_a_test_contact(example_setup: Setup, address: str, known: bool) -> None:
    """Addresses are compared as everywhere, plus-tagged or not; without a list nobody is."""
    assert is_test_contact(the_setup(example_setup), address) is known
    assert not is_test_contact(example_setup, address)


def test_the_sentences(example_setup: Setup) -> None:
    """Who is written to names the strangers, and says that nothing was sent."""
    setup = the_setup(example_setup)
    people = (Address(TESTER), Address("jo@acme.example"))
    assert strangers(setup, people) == ("jo@acme.example",)
    said = why_not_written("101203-T", setup, people)
    assert "101203-T is a test item" in said
    assert "jo@acme.example is none" in said
    assert why_not_written("101203-T", setup, people[:1]) == ""


@pytest.mark.parametrize(("subject", "wanted"), [("Printer", "[TEST] Printer"), ("Re: [TEST] Printer", "Re: [TEST] Printer"), ("", "[TEST]")])
def test_the_mark(subject: str, wanted: str) -> None:
    """Every subject bears the mark once, however often it went to and fro."""
    assert marked(subject) == wanted
    assert marked(wanted) == wanted


def test_a_draft_stays_marked(example_setup: Setup) -> None:
    """The mark of a draft goes with what it is sealed from, so that an edited or released mail is looked at again."""
    setup = the_setup(example_setup)
    draft = of_test_item(Draft("d", "i", Purpose.PERSON, "support", Address("support@demo.example"), (Recipient(Address("jo@acme.example")),), NOW))
    assert "jo@acme.example" in why_withheld(setup, draft)
    message = OutboxMessage(
        "d", 1, "i", OutboxState.QUEUED, NOW, NOW, "", Purpose.PERSON, False, "support", draft.importance, "m", "", "", draft.recipients, {"facts": draft.facts}
    )
    assert is_test(message)
    assert "jo@acme.example is none" in why_kept(message, setup)
    assert why_kept(replace(message, recipients=(Recipient(Address(TESTER)),)), setup) == ""
    assert why_kept(replace(message, content={}), setup) == ""
