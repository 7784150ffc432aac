"""Test items: whom they may mail, how their mails are marked, and the sentences that say why one is not sent (B-RT-01, B-RT-18, E-47)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from core.mail import Address, address_key, split_tag
from core.outbox import Draft, OutboxMessage
from core.setup import Setup

MARK = "[TEST]"
"""Before the subject of every mail of a test item."""

FACT = "test"
"""The fact of a draft, and of what it is sealed from, that says it belongs to a test item."""


def is_test_contact(setup: Setup, address: str) -> bool:
    """Whether an address is one of the desk's `test_contacts`, plus-tagged or not."""
    if not setup.test_contacts or not address:
        return False
    key = address_key(address)
    listed = {address_key(one) for one in setup.test_contacts}
    return key in listed or split_tag(key)[0] in listed


def strangers(setup: Setup, addresses: Iterable[Address]) -> tuple[str, ...]:
    """Those whom a test item may not write to."""
    return tuple(one.address for one in addresses if not is_test_contact(setup, one.address))


def why_not_written(ref: str, setup: Setup, addresses: Iterable[Address]) -> str:
    """The sentence for a person whose mail names others than test contacts; '' if it may be written."""
    others = strangers(setup, addresses)
    if not others:
        return ""
    shown = ", ".join(others[:5]) + (" and others" if len(others) > 5 else "")
    return f"{ref} is a test item: it mails nobody but test contacts, and {shown} is none. Nothing was sent; an administrator names test contacts in the desk file."


def why_withheld(setup: Setup, draft: Draft) -> str:
    """Why a mail that the system made for a test item is not sent, '' if it may be."""
    others = strangers(setup, (one.address for one in draft.recipients))
    return f"a test item: nothing is sent to {', '.join(others[:5])}, who is no test contact" if others else ""


def of_test_item(draft: Draft) -> Draft:
    """The draft, marked as one of a test item for as long as it exists."""
    return replace(draft, facts={**draft.facts, FACT: "yes"})


def is_test(message: OutboxMessage) -> bool:
    """Whether a message was made for a test item."""
    facts = message.content.get("facts")
    return isinstance(facts, dict) and bool(facts.get(FACT))


def why_kept(message: OutboxMessage, setup: Setup) -> str:
    """Why a message in the outbox may not leave after all: whom it is for is looked at again before every try; '' if it may."""
    if not is_test(message):
        return ""
    others = strangers(setup, (one.address for one in message.recipients))
    if others:
        return f"A test item mails nobody but test contacts, and {', '.join(others[:5])} is none; cancel it, or name a test contact."
    elsewhere = strangers(setup, map(Address, setup.redirect_all))
    return f"redirect_all would send it to {', '.join(elsewhere[:5])}, who is no test contact; cancel it, or name a test contact." if elsewhere else ""


def marked(subject: str) -> str:
    """The subject with the mark, once."""
    return subject if MARK in subject else f"{MARK} {subject}".rstrip()
