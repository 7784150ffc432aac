"""What kind of mail it is, whether it counts, and whether automatic mail may be sent in return."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.blocking import blocked
from core.mail import Envelope, FailedRecipient, Report
from core.setup import BlockedAddress, BlockEffect, Setup
from core.verdict import Kind, Weight
from gateway.routing.classify import classify, counts, doubtful, is_null_sender
from gateway.routing.signs import SIGNS, draw, is_daemon
from tests.routing.examples import a_mail, over_smtp, some_facts

HEADERS = [
    ([("Auto-Submitted", "auto-replied")], Kind.AUTO_REPLY),
    ([("Auto-Submitted", "auto-replied; owner-email=\"x@y\"")], Kind.AUTO_REPLY),
    ([("auto-submitted", "Auto-Generated")], Kind.AUTO_GENERATED),
    ([("Auto-Submitted", "auto-notified")], Kind.AUTO_GENERATED),
    ([("Auto-Submitted", "no")], Kind.ORDINARY),
    ([("X-Autoreply", "yes")], Kind.AUTO_REPLY),
    ([("X-Autoreply", "no")], Kind.ORDINARY),
    ([("X-Autorespond", "")], Kind.AUTO_REPLY),
    ([("Precedence", "bulk")], Kind.AUTO_GENERATED),
    ([("Precedence", "junk")], Kind.AUTO_GENERATED),
    ([("Precedence", "list")], Kind.LIST),
    ([("Precedence", "auto_reply")], Kind.AUTO_REPLY),
    ([("Precedence", "first-class")], Kind.ORDINARY),
    ([("List-Id", "<announce.example>")], Kind.LIST),
    ([("List-Id", "<a.example>"), ("Auto-Submitted", "auto-replied")], Kind.AUTO_REPLY),
    ([("X-Auto-Response-Suppress", "All")], Kind.ORDINARY),
    ([("X-Loop", "support@demo.example")], Kind.LOOP),
    ([("X-Loop", "bot@acme.example")], Kind.ORDINARY),
    ([("Received", "from a by b")] * 51, Kind.LOOP),
    ([("Received", "from a by b")] * 50, Kind.ORDINARY),
    ([], Kind.ORDINARY),
]


@pytest.mark.parametrize(("headers", "kind"), HEADERS)
def test_headers(example_setup: Setup, headers: list[tuple[str, str]], kind: Kind) -> None:
    """B-AG-01, E-09: each sign gives its kind; the most telling one counts where there are several."""
    mail = a_mail(headers=headers)
    assert classify(mail, some_facts(example_setup, mail)).kind is kind


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: f"{sign.header}-{sign.values[0]}")
def test_every_sign_forbids_an_answer(example_setup: Setup, sign) -> None:  # type: ignore[no-untyped-def]
    """Automatic mail is never answered by automatic mail (contract section 6)."""
    value = "yes" if sign.values[0] == "*" else sign.values[0]
    mail = a_mail(headers=[(sign.header, value)])
    found = classify(mail, some_facts(example_setup, mail))
    assert not found.may_answer
    assert found.reasons


SUBJECTS = [
    ("Automatic reply: Printer", (), Kind.OUT_OF_OFFICE, Weight.DOUBTFUL),
    ("Réponse automatique : Imprimante", (), Kind.OUT_OF_OFFICE, Weight.DOUBTFUL),
    ("REPONSE AUTOMATIQUE", (), Kind.OUT_OF_OFFICE, Weight.DOUBTFUL),
    ("Automatische Antwort: Drucker", (), Kind.OUT_OF_OFFICE, Weight.DOUBTFUL),
    ("Automatic reply to complaints does not work", (), Kind.ORDINARY, Weight.COUNTS),
    ("Re: Automatic reply: Printer", (), Kind.ORDINARY, Weight.COUNTS),
    ("Absence demain", (), Kind.ORDINARY, Weight.COUNTS),
    ("Absence demain", (("Auto-Submitted", "auto-replied"),), Kind.OUT_OF_OFFICE, Weight.NEVER),
    ("Automatic reply: Printer", (("Auto-Submitted", "auto-generated"),), Kind.OUT_OF_OFFICE, Weight.NEVER),
    ("Ihr Urlaub", (("X-Autoreply", "yes"),), Kind.OUT_OF_OFFICE, Weight.NEVER),
    ("Your ticket", (("Auto-Submitted", "auto-replied"),), Kind.AUTO_REPLY, Weight.NEVER),
]


@pytest.mark.parametrize(("subject", "headers", "kind", "weight"), SUBJECTS)
def test_absence(example_setup: Setup, subject: str, headers: tuple[tuple[str, str], ...], kind: Kind, weight: Weight) -> None:
    """An automatic mail that speaks of absence is an out-of-office; a subject alone is only doubtful (decisions.md 1 and 2)."""
    mail = a_mail(subject=subject, headers=headers)
    found = classify(mail, some_facts(example_setup, mail))
    assert (found.kind, found.weight) == (kind, weight)


REPORTS = [
    ("multipart/report", 'multipart/report; report-type=feedback-report; boundary="x"', None, Kind.FEEDBACK_REPORT),
    ("multipart/report", 'multipart/report; report-type="disposition-notification"', None, Kind.READ_RECEIPT),
    ("multipart/report", "multipart/report; report-type = delivery-status", Report((FailedRecipient("x@y.example", "failed", "5.1.1", "no"),)), Kind.BOUNCE),
    ("multipart/report", "multipart/report; report-type=delivery-status", None, Kind.AUTO_GENERATED),
    ("text/plain", "text/plain", Report((FailedRecipient("x@y.example", "failed", "", "no"),)), Kind.BOUNCE),
    ("message/delivery-status", "message/delivery-status", None, Kind.AUTO_GENERATED),
]


@pytest.mark.parametrize(("content_type", "header", "report", "kind"), REPORTS)
def test_reports(example_setup: Setup, content_type: str, header: str, report: Report | None, kind: Kind) -> None:
    """Reports are known by their type (RFC 3464, 5965, 8098); one that cannot be read is automatic mail (B-AG-01)."""
    mail = a_mail(content_type=content_type, headers=[("Content-Type", header)], report=report)
    found = classify(mail, some_facts(example_setup, mail))
    assert found.kind is kind
    assert not found.may_answer


NULL = [
    (Envelope("smtp", ""), (), True),
    (Envelope("lmtp", ""), (), True),
    (Envelope("smtp", "jo@acme.example"), (("Return-Path", "<>"),), False),
    (Envelope("smtp", "<>"), (), True),
    (Envelope("imap", ""), (), False),
    (Envelope("imap", ""), (("Return-Path", "< >"),), True),
    (Envelope("imap", ""), (("Return-Path", "<<>>"),), True),
    (Envelope("eml", ""), (("Return-Path", "<jo@acme.example>"),), False),
]


@pytest.mark.parametrize(("envelope", "headers", "null"), NULL)
def test_null_sender(envelope: Envelope, headers: tuple[tuple[str, str], ...], null: bool) -> None:
    """B-AG-01: the empty return path, from the envelope where there is one, else from its header field."""
    assert is_null_sender(a_mail(headers=headers), envelope) is null


def test_null_sender_is_automatic(example_setup: Setup) -> None:
    """A mail with the null sender is automatic: it counts only from a participant, and is never answered."""
    mail = a_mail()
    found = classify(mail, some_facts(example_setup, mail, over_smtp(sender="")))
    assert (found.kind, found.weight, found.may_answer) == (Kind.AUTO_GENERATED, Weight.IF_PARTICIPANT, False)


@pytest.mark.parametrize(
    ("address", "daemon"),
    [
        ("mailer-daemon@acme.example", True),
        ("no-reply@acme.example", True),
        ("noreply@acme.example", True),
        ("owner-list@acme.example", True),
        ("list-request@acme.example", True),
        ("bounces+123@acme.example", True),
        ("jo@acme.example", False),
        ("reply@acme.example", False),
    ],
)
def test_daemons(address: str, daemon: bool) -> None:
    """E-09: addresses that nobody reads are known."""
    assert is_daemon(address) is daemon


@pytest.mark.parametrize("from_", ["no-reply@acme.example", "support@demo.example", "claims+x@demo.example", ()])
def test_no_answer_to_these(example_setup: Setup, from_: str | tuple[str, ...]) -> None:
    """Nothing automatic is sent to programs, to ourselves or to nobody, although the mail itself is ordinary."""
    mail = a_mail(from_=from_)
    found = classify(mail, some_facts(example_setup, mail))
    assert found.kind is Kind.ORDINARY
    assert not found.may_answer


def test_an_ordinary_mail_may_be_answered(example_setup: Setup) -> None:
    """A mail written by a person counts and may be acknowledged."""
    mail = a_mail()
    found = classify(mail, some_facts(example_setup, mail))
    assert (found.kind, found.weight, found.may_answer) == (Kind.ORDINARY, Weight.COUNTS, True)


WEIGHTS = [
    (Kind.ORDINARY, Weight.COUNTS, True, True, True),
    (Kind.LIST, Weight.IF_PARTICIPANT, True, False, True),
    (Kind.AUTO_GENERATED, Weight.IF_PARTICIPANT, True, False, True),
    (Kind.OUT_OF_OFFICE, Weight.NEVER, False, False, True),
    (Kind.AUTO_REPLY, Weight.NEVER, False, False, True),
    (Kind.OUT_OF_OFFICE, Weight.DOUBTFUL, False, False, True),
    (Kind.BOUNCE, Weight.NEVER, False, False, False),
]


@pytest.mark.parametrize(("kind", "weight", "participant", "other", "compatible"), WEIGHTS)
def test_what_counts(example_setup: Setup, kind: Kind, weight: Weight, participant: bool, other: bool, compatible: bool) -> None:
    """decisions.md 2: out-of-office never counts, generated mail and lists from participants do; `auto_replies_count` as the original (B-EF-12, B-AG-02)."""
    mail = a_mail()
    found = replace(classify(mail, some_facts(example_setup, mail)), kind=kind, weight=weight)
    connector = example_setup.connectors[0]
    assert counts(found, participant=True, connector=connector) is participant
    assert counts(found, participant=False, connector=connector) is other
    assert counts(found, participant=False, connector=replace(connector, auto_replies_count=True)) is compatible


def test_doubtful(example_setup: Setup) -> None:
    """decisions.md 1: what may or may not be automatic stops the countdowns: a bare subject, or a list mail by somebody who is no participant."""
    mail = a_mail()
    ordinary = classify(mail, some_facts(example_setup, mail))
    assert not doubtful(ordinary, participant=False)
    assert doubtful(replace(ordinary, weight=Weight.DOUBTFUL), participant=True)
    assert doubtful(replace(ordinary, weight=Weight.IF_PARTICIPANT), participant=False)
    assert not doubtful(replace(ordinary, weight=Weight.IF_PARTICIPANT), participant=True)
    assert not doubtful(replace(ordinary, weight=Weight.NEVER), participant=False)


def test_block_list(example_setup: Setup) -> None:
    """B-BL-01: the stronger effect wins where several entries fit."""
    both = (BlockedAddress("jo@acme.example", BlockEffect.NO_AUTOMATED_EMAILS), BlockedAddress("*@acme.example", BlockEffect.REJECT_AS_SPAM))
    assert blocked(replace(example_setup, blocked_addresses=both), "jo@acme.example") is BlockEffect.REJECT_AS_SPAM
    assert blocked(replace(example_setup, blocked_addresses=both[:1]), "jo@acme.example") is BlockEffect.NO_AUTOMATED_EMAILS
    assert blocked(example_setup, "jo@acme.example") is None
    assert blocked(example_setup, "") is None


def test_drawing() -> None:
    """Every sign stands in the drawn table."""
    drawn = draw()
    assert all(f"| {sign.header} |" in drawn for sign in SIGNS)
