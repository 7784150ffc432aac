"""Plus-addresses on the way in: what each mode takes for evidence (B3, B-MT-02), and what comes to the bounce address of one of our mails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.connector import PlusMode
from core.mail import Envelope, Mail
from core.setup import Setup
from core.verdict import Resolution
from gateway.routing.resolve import resolve
from tests.routing.examples import CLAIMS, COLLEAGUE, JO, STRANGER, SUPPORT, a_mail, a_target, actions, an_item, over_smtp, resolved, some_facts

OURS = "out1.mac@demo.example"
THEIRS = "first@acme.example"
KNOWN = {OURS: ("i101203",), THEIRS: ("i101203",)}
SIGNED = (OURS,)

# ---------------------------------------------------------------- modes of plus-addressing


def in_mode(setup: Setup, mode: PlusMode, *, proved: bool = True) -> Setup:
    """The desk with this mode at its mailbox for support."""
    changed = (replace(one, plus_addressing=mode, plus_proved=proved) if one.name == "support" else one for one in setup.connectors)
    return replace(setup, connectors=tuple(changed))


TAGGED = "support+101203-t.mac@demo.example"
BY_MODE = [
    ("our signed id", {"in_reply_to": (OURS,)}, SUPPORT, "join join join"),
    ("a signed plus-address", {}, TAGGED, "join join join"),
    ("the id of the customer's own mail", {"in_reply_to": (THEIRS,)}, SUPPORT, "join join join"),
    ("an unsigned plus-reference", {}, "support+101203-T@demo.example", "join join open"),
    ("a reference in the subject", {"subject": "Re: [101203-T] Printer"}, SUPPORT, "join join open"),
]


@pytest.mark.parametrize(("name", "mail", "to", "wanted"), BY_MODE, ids=[one[0] for one in BY_MODE])
def test_modes_of_plus_addressing(example_setup: Setup, name: str, mail: dict[str, object], to: str, wanted: str) -> None:
    """B3.1, B3, B-MT-02: a participant's mail with one kind of evidence, in modes off, mixed and only; what does not count is told in the trace."""
    for mode, action in zip(PlusMode, wanted.split(), strict=True):
        asked = {"signed": SIGNED, "known": KNOWN, "signed_tags": {TAGGED: "101203-T"}}
        found = resolved(in_mode(example_setup, mode), a_mail(to=(to,), **mail), over_smtp(to), a_target(), **asked)  # type: ignore[arg-type]
        assert actions(found) == [action], mode
        assert any("plus_addressing is “only”" in step.because for step in found.trace) is (action == "open")


def test_a_mode_that_is_not_proved_takes_nothing_away(example_setup: Setup) -> None:
    """Before the round trip has shown that plus-addresses arrive, *only* is *off*."""
    mail = a_mail(subject="Re: [101203-T] Printer")
    assert actions(resolved(in_mode(example_setup, PlusMode.ONLY, proved=False), mail, None, a_target())) == ["join"]


def test_the_mode_is_that_of_the_mailbox(example_setup: Setup) -> None:
    """One mail to two mailboxes is weighed by the mode of each; one that names no address of ours by the mode of its item's mailbox."""
    setup = in_mode(example_setup, PlusMode.ONLY)
    mail = a_mail(to=(SUPPORT, CLAIMS), subject="Re: [101203-T] Printer")
    assert actions(resolved(setup, mail, over_smtp(SUPPORT, CLAIMS), a_target())) == ["open", "join"]
    lost = a_mail(to=("x@y.example",), subject="Re: [101203-T] Printer")
    assert actions(resolved(setup, lost, Envelope("eml"), a_target(), known=KNOWN)) == ["unhandled"]


def test_several_signed_plus_references_in_only(example_setup: Setup) -> None:
    """B3.2, E-04: in mode *only*, too, a mail to several signed plus-addresses is appended to each of their items."""
    tags = ("support+101203-t.mac@demo.example", "support+101204-t.mac@demo.example")
    asked = {"signed_tags": {tags[0]: "101203-T", tags[1]: "101204-T"}}
    setup = in_mode(example_setup, PlusMode.ONLY)
    found = resolved(setup, a_mail(to=tags), over_smtp(*tags), a_target(), a_target(an_item(101_204)), **asked)
    assert [(str(one.action), one.item_id) for one in found.verdicts] == [("join", "i101203"), ("join", "i101204")]


# ---------------------------------------------------------------- bounce addresses

BOUNCE = "support+b.out1.mac@demo.example"


def at_bounce_address(setup: Setup, mail: Mail, ref: str = "101203-T", *, outdated: bool = False) -> Resolution:
    """A mail that came to the bounce address of our mail on an item."""
    envelope = over_smtp(BOUNCE)
    facts = some_facts(setup, mail, envelope, a_target())
    (recipient,) = facts.recipients
    tied = replace(recipient, bounce_of="out1", signed_ref="" if outdated else ref, outdated_ref=ref if outdated else "")
    return resolve(mail, envelope, replace(facts, recipients=(tied,)))


AT_BOUNCE = [
    (JO, (), "join", True, False),
    (JO, (("Auto-Submitted", "auto-replied"),), "append", False, False),
    (JO, (("Auto-Submitted", "auto-generated"),), "append", False, True),
    (JO, (("List-Id", "<l.acme.example>"),), "append", False, True),
    (COLLEAGUE, (), "join", True, False),
    (STRANGER, (), "hold", False, False),
    (STRANGER, (("Auto-Submitted", "auto-replied"),), "hold", False, False),
]


@pytest.mark.parametrize(("who", "headers", "action", "counts", "doubtful"), AT_BOUNCE, ids=str)
def test_other_mail_at_a_bounce_address(
    example_setup: Setup, who: str, headers: tuple[tuple[str, str], ...], action: str, counts: bool, doubtful: bool
) -> None:
    """decisions.md 2, 3: strong evidence for the mail's item; a person's mail counts, an automatic one does not wake, a stranger does not get in."""
    verdict = at_bounce_address(example_setup, a_mail(from_=who, to=(BOUNCE,), headers=headers)).verdicts[0]
    assert (str(verdict.action), verdict.item_id, verdict.counts, verdict.doubtful) == (action, "i101203", counts, doubtful)


def test_an_old_bounce_address_is_a_known_one(example_setup: Setup) -> None:
    """decisions.md 13: as the id of the same mail, it goes on working for those who take part, and proves nothing more for others."""
    assert actions(at_bounce_address(example_setup, a_mail(to=(BOUNCE,)), outdated=True)) == ["join"]
    assert actions(at_bounce_address(example_setup, a_mail(from_=COLLEAGUE, to=(BOUNCE,)), outdated=True)) == ["hold"]


def test_a_bounce_address_without_item_is_a_plain_address(example_setup: Setup) -> None:
    """A mail that is no longer in the outbox, or that belongs to no item, points to nothing: what comes in is routed."""
    found = at_bounce_address(example_setup, a_mail(to=(BOUNCE,)), ref="")
    assert actions(found) == ["open"]
    assert any("not in the outbox any more" in step.because for step in found.trace)
