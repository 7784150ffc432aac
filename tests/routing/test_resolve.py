"""What comes before matching and routing: duplicates, loops, reports, who is asking; and what holds for every mail (B2, B5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.mail import Address, Envelope, FailedRecipient, Report
from core.setup import Setup
from core.status import Status
from core.verdict import Action, InboundState, most_urgent
from gateway.inbound.forwarded import forwarded_in
from gateway.routing.facts import Outgoing, Taken
from gateway.routing.forward import is_forward
from gateway.routing.resolve import resolve
from tests.routing.examples import (
    CLAIMS,
    FAIL,
    JO,
    NOW,
    STRANGER,
    SUPPORT,
    a_mail,
    a_target,
    actions,
    an_item,
    demo_setup,
    over_smtp,
    resolved,
    some_facts,
)

HERE = ("support", SUPPORT)


def taken(inbound_id: str = "in0", message_id: str = "new@acme.example", content: str = "c" * 64, at=NOW) -> dict[tuple[str, str], tuple[Taken, ...]]:  # type: ignore[no-untyped-def]
    return {HERE: (Taken(inbound_id, message_id, content, at),)}


# ---------------------------------------------------------------- duplicates

DUPLICATES = [
    ("same id and content", {}, taken(), "duplicate"),
    ("same id, other content", {}, taken(content="d" * 64), "open"),
    ("other id, same content", {}, taken(message_id="other@acme.example"), "open"),
    ("no id, same content", {"message_id": ""}, taken(message_id=""), "duplicate"),
    ("no id, same content, long ago", {"message_id": ""}, taken(message_id="", at=NOW - timedelta(days=8)), "open"),
    ("same id and content, long ago", {}, taken(at=NOW - timedelta(days=800)), "duplicate"),
    ("nothing before", {}, {}, "open"),
]


@pytest.mark.parametrize(("name", "mail", "before", "wanted"), DUPLICATES, ids=[row[0] for row in DUPLICATES])
def test_duplicates(example_setup: Setup, name: str, mail: dict[str, object], before, wanted: str) -> None:  # type: ignore[no-untyped-def]
    """decisions.md 8, B-DD-04, E-05: same connector, recipient, id and content, or the same content within seven days where there is no id."""
    assert actions(resolved(example_setup, a_mail(**mail), taken=before)) == [wanted]  # type: ignore[arg-type]


def test_the_same_id_with_other_content_says_so(example_setup: Setup) -> None:
    """decisions.md 8: it is a mail of its own, flagged."""
    assert "same Message-ID" in resolved(example_setup, a_mail(), taken=taken(content="d" * 64)).verdicts[0].because


def test_a_duplicate_for_one_address_only(example_setup: Setup) -> None:
    """B-DD-04 (2): the same mail at another address of ours is no duplicate there (B-DD-05)."""
    assert actions(resolved(example_setup, a_mail(), over_smtp(SUPPORT, CLAIMS), taken=taken())) == ["duplicate", "open"]


def test_a_duplicate_of_a_matched_mail_is_not_shown_twice(example_setup: Setup) -> None:
    """A re-delivered answer is a duplicate before it is matched."""
    found = resolved(example_setup, a_mail(in_reply_to=("a@x",)), None, a_target(), known={"a@x": ("i101203",)}, taken=taken())
    assert (actions(found), found.state) == (["duplicate"], InboundState.DUPLICATE)


def test_a_replay_decides_only_what_was_left_open(example_setup: Setup) -> None:
    """What an earlier run of the same message decided for a recipient stands."""
    found = resolved(example_setup, a_mail(), over_smtp(SUPPORT, CLAIMS), taken=taken("in1"))
    assert [(verdict.recipient, str(verdict.action)) for verdict in found.verdicts] == [(CLAIMS, "open")]


# ---------------------------------------------------------------- loops and reports


def test_a_loop_is_ignored(example_setup: Setup) -> None:
    """A mail that goes in circles opens nothing and joins nothing; it is kept with its reason."""
    mail = a_mail(headers=[("X-Loop", SUPPORT)], in_reply_to=("a@x",))
    found = resolved(example_setup, mail, None, a_target(), known={"a@x": ("i101203",)})
    assert (actions(found), found.state) == (["ignore"], InboundState.IGNORED)


FAILED = Report((FailedRecipient(JO, "failed", "5.1.1", "no such user"),), "out1.mac@demo.example")
DELAYED = Report((FailedRecipient(JO, "delayed", "4.4.1", "later"),), "out1.mac@demo.example")
RETURNED = Outgoing("out1", "i101203", "support", frozenset({JO}))


def bounce(report: Report = FAILED):  # type: ignore[no-untyped-def]
    headers = [("Content-Type", "multipart/report; report-type=delivery-status")]
    return a_mail(from_="mailer-daemon@acme.example", content_type="multipart/report", report=report, headers=headers)


def test_a_bounce_is_tied_to_our_mail(example_setup: Setup) -> None:
    """decisions.md 3: a delivery report about a mail of ours is a bounce of that mail."""
    found = resolved(example_setup, bounce(), over_smtp(sender=""), a_target(), returned=RETURNED)
    verdict = found.verdicts[0]
    assert (verdict.action, verdict.outbox_id, verdict.item_id, found.state) == (Action.BOUNCE, "out1", "i101203", InboundState.DONE)


def test_a_bounce_that_cannot_be_tied(example_setup: Setup) -> None:
    """decisions.md 3: a report about no mail of ours changes nothing and is kept, also when it quotes our reference."""
    mail = replace(bounce(), subject="Undeliverable: [101203-T] Printer", in_reply_to=("a@x",))
    found = resolved(example_setup, mail, over_smtp(sender=""), a_target(), known={"a@x": ("i101203",)})
    assert (actions(found), found.verdicts[0].item_id, found.state) == (["bounce"], "", InboundState.IGNORED)


@pytest.mark.parametrize("state", ["queued", "held", "cancelled"])
def test_a_bounce_of_a_mail_that_never_left(example_setup: Setup, state: str) -> None:
    """A report about a mail of ours that has not left is a lie and changes nothing."""
    assert actions(resolved(example_setup, bounce(), None, a_target(), returned=replace(RETURNED, state=state))) == ["ignore"]


def test_a_delay_is_shown_on_the_item(example_setup: Setup) -> None:
    """A report of a delay is shown on the item and changes nothing else."""
    verdict = resolved(example_setup, bounce(DELAYED), None, a_target(), returned=RETURNED).verdicts[0]
    assert (verdict.action, verdict.item_id, verdict.quiet, verdict.counts) == (Action.APPEND, "i101203", True, False)


@pytest.mark.parametrize("report_type", ["feedback-report", "disposition-notification"])
def test_complaints_and_receipts_never_open_an_item(example_setup: Setup, report_type: str) -> None:
    """RFC 5965, 8098: a complaint or a read receipt opens nothing; one about a mail of ours is shown on its item."""
    mail = a_mail(content_type="multipart/report", headers=[("Content-Type", f"multipart/report; report-type={report_type}")])
    assert actions(resolved(example_setup, mail)) == ["ignore"]
    assert actions(resolved(example_setup, mail, None, a_target(), returned=RETURNED)) == ["append"]


def test_a_report_that_came_before_is_a_duplicate(example_setup: Setup) -> None:
    """A re-delivered report changes nothing twice."""
    assert actions(resolved(example_setup, bounce(), None, a_target(), returned=RETURNED, taken=taken())) == ["duplicate"]


# ---------------------------------------------------------------- who asks


def asks(setup: Setup, mail, **more: object):  # type: ignore[no-untyped-def]
    return resolved(setup, mail, **more).verdicts[0].requester  # type: ignore[arg-type]


def test_the_requester_is_the_author(example_setup: Setup) -> None:
    """decisions.md 11, E-41: From asks, whatever Reply-To says."""
    assert asks(example_setup, a_mail(reply_to=(Address("other@acme.example"),))).address == JO


def test_behind_a_trusted_form(example_setup: Setup) -> None:
    """decisions.md 11: for a trusted form its Reply-To asks; without one the form itself."""
    connectors = tuple(replace(connector, trusted_forms=("form@shop.example",)) for connector in example_setup.connectors)
    setup = replace(example_setup, connectors=connectors)
    assert asks(setup, a_mail(from_="form@shop.example", reply_to=(Address(JO, "Jo"),))) == Address(JO, "Jo")
    assert asks(setup, a_mail(from_="form@shop.example")).address == "form@shop.example"
    assert asks(setup, a_mail(from_="evil@shop.example", reply_to=(Address(JO),))).address == "evil@shop.example"


FORWARDED = "See below.\n\n---------- Forwarded message ---------\nDe : Jo Martin <jo@acme.example>\nÀ : ann@demo.example\nObjet : Printer\n\nIt is broken."
FORWARDS = [
    ("ann@demo.example", "Fwd: Printer", FORWARDED, None, JO),
    ("ann@demo.example", "TR : Printer", "From: jo@acme.example [mailto:jo@acme.example]", None, JO),
    ("ann@demo.example", "WG: Drucker", "Von: Jo [mailto:jo@acme.example]\nGesendet: heute", None, JO),
    ("ann@demo.example", "Fwd: Printer", FORWARDED, FAIL, "ann@demo.example"),
    ("ann@demo.example", "Printer", FORWARDED, None, "ann@demo.example"),
    ("ann@demo.example", "Fwd: Printer", "nothing to see", None, "ann@demo.example"),
    ("ann@demo.example", "Fwd: Printer", "From: support@demo.example", None, "ann@demo.example"),
    (STRANGER, "Fwd: Printer", FORWARDED, None, STRANGER),
]


@pytest.mark.parametrize(("who", "subject", "text", "judged", "wanted"), FORWARDS)
def test_a_forward_by_an_agent(example_setup: Setup, who: str, subject: str, text: str, judged, wanted: str) -> None:  # type: ignore[no-untyped-def]
    """decisions.md 11: for a forward by an agent the original sender asks; a forged agent or anybody else asks for themselves."""
    original = forwarded_in(text.split("\n"), subject=subject, sure=is_forward(subject), answer=False)
    found = asks(example_setup, a_mail(from_=who, subject=subject, text=text, forwarded=original), sender_authentication=judged)
    assert found.key == wanted


def test_nobody_asks(example_setup: Setup) -> None:
    """A mail without author still opens its item."""
    found = resolved(example_setup, a_mail(from_=()))
    assert (actions(found), found.verdicts[0].requester) == (["open"], None)


# ---------------------------------------------------------------- for every mail


def test_most_urgent_state() -> None:
    """architecture section 4: quarantined > held > unhandled > done > duplicate > ignored; nothing at all is unhandled."""
    order = ["quarantined", "held", "unhandled", "done", "duplicate", "ignored"]
    for place, name in enumerate(order):
        assert most_urgent(InboundState(other) for other in order[place:]) is InboundState(name)
    assert most_urgent([]) is InboundState.UNHANDLED


ADDRESSES = st.sampled_from([SUPPORT, CLAIMS, JO, STRANGER, "support+101203-T@demo.example", "nobody@demo.example", "bad", ""])
IDS = st.lists(st.sampled_from(["a@x", "b@x", "unknown@x"]), max_size=3).map(tuple)
HEADERS = st.lists(st.sampled_from([("Auto-Submitted", "auto-replied"), ("List-Id", "<x>"), ("X-Loop", SUPPORT), ("Precedence", "bulk"), ("Subject", "x")]), max_size=3)


@settings(max_examples=300, deadline=None)
@given(
    from_=st.lists(ADDRESSES, max_size=2).map(tuple),
    to=st.lists(ADDRESSES, max_size=3),
    envelope=st.lists(ADDRESSES, max_size=3).map(tuple),
    door=st.sampled_from(["smtp", "eml", "imap"]),
    in_reply_to=IDS,
    references=IDS,
    headers=HEADERS,
    subject=st.sampled_from(["Printer", "[101203-T] x", "Fwd: [101204-T]", "Automatic reply: x", ""]),
    status=st.sampled_from(["to_do", "closed", "resolved", "wait"]),
    archive=st.booleans(),
)
def test_every_mail_has_verdicts(from_, to, envelope, door, in_reply_to, references, headers, subject, status, archive) -> None:  # type: ignore[no-untyped-def]
    """Whatever comes, there is at least one verdict with a reason, nobody of ours is left without one, and what is opened is numbered without gaps."""
    mail = a_mail(from_=from_, to=to, in_reply_to=in_reply_to, references=references, headers=headers, subject=subject)
    sent = Envelope(door, "", envelope, NOW, archive, "support" if door == "imap" else "")
    targets = (a_target(an_item(status=Status(status))), a_target(an_item(101_204)))
    facts = some_facts(demo_setup(), mail, sent, *targets, known={"a@x": ("i101203",), "b@x": ("i101204", "i101203")}, signed=("a@x",))
    found = resolve(mail, sent, facts)
    assert found.verdicts
    assert all(verdict.because and verdict.state for verdict in found.verdicts)
    if str(found.verdicts[0].action) != "ignore":
        assert {recipient.key for recipient in facts.recipients} <= {verdict.recipient for verdict in found.verdicts}
    opened = {verdict.opens for verdict in found.verdicts if verdict.opens is not None}
    assert opened == set(range(len(opened)))
    assert len(found.trace) <= 201

