"""What customers are told when an item is split, merged or becomes a case, and everything that is against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.automatic import SHOWN, line_of, writable
from core.brakes import Brakes, Lately
from core.conversation import Conversation
from core.decision import ContactOnItem
from core.mail import Address
from core.outbox import Purpose
from core.setup import BlockedAddress, BlockEffect
from core.told import MOST_NAMED, Asked, Told, addressee, case_launched, merged, split
from tests.core.people import ANN, CASES, NOW, SETUP, TICKETS, came, carl, made

TALK = Conversation(contacts=(carl(),), last_mail=came(), references=("first@x", "last@acme.example", "ours@demo"))
ONE = made(id="i-2", number=101204, ref="101204-T", title="Printer: paper")
TWO = made(id="i-3", number=101205, ref="101205-T", title="Printer: ink\r\nBcc: x@y.example")
CASE = made("case", id="i-4", number=101206, ref="101206-C")


def asked(**more: Any) -> Asked:
    """Nothing against it, unless said."""
    return replace(Asked(TALK, SETUP), **more)


PARTS = "101204-T  Printer: paper\n101205-T  Printer: ink Bcc: x@y.example"

WAYS: dict[Purpose, tuple[Callable[..., Told], str]] = {
    Purpose.SPLIT: (lambda item, found: split(item, (ONE, TWO), found, draft_id="o-1", now=NOW, by=ANN), PARTS),
    Purpose.MERGED: (lambda item, found: merged(item, ONE, found, draft_id="o-1", now=NOW, by=ANN), "101204-T"),
    Purpose.CASE_LAUNCHED: (lambda item, found: case_launched(item, CASE, found, draft_id="o-1", now=NOW, by=ANN), "101206-C"),
}


@pytest.mark.parametrize("purpose", WAYS)
def test_the_primary_contact_is_told(purpose: Purpose) -> None:
    """C-TP-01, C-TP-11, A-OB-11: to the primary contact, from the address they wrote to, in the thread, naming the other items, each on one line."""
    way, others = WAYS[purpose]
    draft = way(made(language="fr", category="Question", due_at=NOW + timedelta(days=1)), asked()).draft
    assert draft is not None
    assert (draft.purpose, draft.system_generated, draft.due_at, draft.connector, draft.hold_reason) == (purpose, True, NOW, "support", "")
    assert [one.address.address for one in draft.recipients] == ["carl@acme.example"]
    assert (draft.from_.address, draft.in_reply_to, draft.references) == ("support@demo.example", "last@acme.example", ("first@x", "ours@demo", "last@acme.example"))
    assert draft.language == "fr"
    assert draft.facts == {
        "subject": "Printer",
        "title": "Printer",
        "process": TICKETS.name,
        "category": "Question",
        "due": "2026-03-03T09:00:00+00:00",
        "contact_name": "Carl Customer",
        "contact_address": "carl@acme.example",
        "agent_name": "Ann Agent",
        "others": others,
    }
    line = line_of(draft, NOW)
    assert (line.item_id, line.kind, line.facts, line.outbox_id, line.system) == ("i-1", "mail_out", {"purpose": purpose}, "o-1", True)


AGAINST: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("the item sends nothing automatic", {"send_automated_emails": False}, {}, "C-TP-08"),
    ("the sender may be forged", {}, {"doubt": "DMARC failed"}, "DMARC failed"),
    ("no primary contact", {}, {"talk": replace(TALK, contacts=(carl("cc"),))}, "no address"),
    ("an address of ours", {}, {"talk": replace(TALK, contacts=(ContactOnItem("i-1", "help@demo.example", "", ("primary",)),))}, "of ours"),
    ("no address at all", {}, {"talk": replace(TALK, contacts=(ContactOnItem("i-1", "nobody", "", ("primary",)),))}, "no address"),
    ("the block list", {}, {"setup": replace(SETUP, blocked_addresses=(BlockedAddress("*@acme.example", BlockEffect.NO_AUTOMATED_EMAILS),))}, "block list"),
    ("mail to it came back", {}, {"suppressed": frozenset({"carl@acme.example"})}, "came back"),
    ("the item had one a moment ago", {}, {"lately": Lately(item=1)}, "5 minutes"),
    ("the address had enough today", {}, {"lately": Lately(sender=20)}, "24 hours"),
    ("nobody may send", {"connector": ""}, {"setup": replace(SETUP, default_connector="")}, "no connector"),
    ("a test item and a stranger", {"test": True}, {}, "test item"),
]


@pytest.mark.parametrize("purpose", WAYS)
@pytest.mark.parametrize(("item", "facts", "because"), [one[1:] for one in AGAINST], ids=[one[0] for one in AGAINST])
def test_what_is_against_it(purpose: Purpose, item: dict[str, Any], facts: dict[str, Any], because: str) -> None:
    """decisions.md 9, C-TP-08, E-47: the same brakes and manners as for every automatic mail, and the reason is told."""
    told = WAYS[purpose][0](made(**{"reply_from": "" if "connector" in item else "support@demo.example", **item}), asked(**facts))
    assert told.draft is None
    assert because in told.because


def test_the_address_that_was_written_to_is_enough() -> None:
    """E-36: an item whose mailbox is gone still answers from the address the customer wrote to, if that is still one of ours that sends."""
    draft = merged(made(connector="", reply_from="support@demo.example"), ONE, asked(setup=replace(SETUP, default_connector="")), draft_id="o-1", now=NOW).draft
    assert draft is not None and draft.from_.address == "support@demo.example"


def test_above_the_hourly_brake_it_is_held() -> None:
    """decisions.md 9: held for a person to release."""
    draft = merged(made(), ONE, asked(lately=Lately(over_hour=True), brakes=Brakes(per_hour=3)), draft_id="o-1", now=NOW).draft
    assert draft is not None and "more than 3" in draft.hold_reason


def test_what_was_sent_of_late_is_counted_for_the_addressee_only_later() -> None:
    """Who would get it is known before the brakes of that address are asked for."""
    assert addressee(made(), asked(lately=Lately(item=9))) == Address("carl@acme.example", "Carl Customer")
    assert addressee(made(send_automated_emails=False), asked()) is None


def test_names_and_titles_are_bounded() -> None:
    """A mail names a bounded number of items, and no title is longer than a line should be."""
    long = [replace(ONE, title="x" * 5000)] * (MOST_NAMED + 10)
    draft = split(made(title="y" * 5000), long, asked(), draft_id="o-1", now=NOW).draft
    assert draft is not None
    lines = draft.facts["others"].split("\n")
    assert len(lines) == MOST_NAMED and max(map(len, lines)) < 250
    assert len(draft.facts["title"]) == len(draft.facts["subject"]) == SHOWN


def test_a_case_is_told_as_well() -> None:
    """Splits are not only of tickets; without an agent the one who has the item is named."""
    draft = split(made("case", assignee="ann@demo.example"), (CASE,), asked(), draft_id="o-1", now=NOW).draft
    assert draft is not None
    assert (draft.facts["process"], draft.facts["agent_name"]) == (CASES.name, "Ann Agent")


@pytest.mark.parametrize(
    ("address", "well"),
    [("a@b.example", True), ("a b@c.example", False), ("a@b.example\r\nBcc: x@y.example", False), ("a@", False), ("x" * 65 + "@b.example", False), ("a@.b", False)],
)
def test_addresses_that_can_be_written_to(address: str, well: bool) -> None:
    """RFC 5321: two parts, no blanks, not over-long."""
    assert writable(address) is well
