"""Complaints and read receipts as the standards have them; they mark no mail as failed."""

from __future__ import annotations

import pytest

from core.mail import Feedback
from gateway.inbound.parse import parse
from tests.inbound.mails import TEXT, multipart, part

RETURNED = part(b"message/rfc822", b"From: help@y.org\r\nTo: bob@x.org\r\nMessage-ID: <out1.mac@y.org>\r\nSubject: s\r\n\r\nbody")
ABUSE = part(
    b"message/feedback-report",
    b"Feedback-Type: Abuse\r\nUser-Agent: Loop/1\r\nVersion: 1\r\nOriginal-Rcpt-To: <bob@x.org>\r\nOriginal-Rcpt-To: BOB@x.org\r\nOriginal-Rcpt-To: cy@x.org\r\n",
)


def receipt(*lines: bytes) -> bytes:
    return multipart(b"report; report-type=disposition-notification", TEXT, part(b"message/disposition-notification", b"\r\n".join(lines) + b"\r\n"))


def test_complaint() -> None:
    """RFC 5965: its type, whom it names, each once, and the id of the mail it holds; it is no delivery report."""
    found = parse(multipart(b'report; report-type="feedback-report"', TEXT, ABUSE, RETURNED))
    assert found.feedback == Feedback("out1.mac@y.org", complaint="abuse", about=("BOB@x.org", "cy@x.org"))
    assert found.report is None


@pytest.mark.parametrize(
    ("disposition", "said"),
    [
        (b"manual-action/MDN-sent-manually; displayed", "displayed"),
        (b"automatic-action/MDN-sent-automatically; deleted", "deleted"),
        (b"manual-action/MDN-sent-manually; denied/error", "denied"),
        (b"manual", "displayed"),
    ],
)
def test_receipt(disposition: bytes, said: str) -> None:
    """RFC 8098: what was done, with whose mail, by whom; RFC 3503 adds nothing to its form."""
    raw = receipt(b"Final-Recipient: rfc822; bob@x.org", b"Original-Message-ID: <out1.mac@y.org>", b"Disposition: " + disposition)
    assert parse(raw).feedback == Feedback("out1.mac@y.org", disposition=said, about=("bob@x.org",))


@pytest.mark.parametrize(
    "raw",
    [
        multipart(b"mixed", TEXT, ABUSE, RETURNED),
        multipart(b"report; report-type=feedback-report", TEXT),
        multipart(b"report; report-type=delivery-status", TEXT, RETURNED),
    ],
    ids=["passed on by a person", "without its part", "another report"],
)
def test_what_is_none(raw: bytes) -> None:
    """Somebody who passes a complaint on makes none; a report without the part for programs says nothing."""
    assert parse(raw).feedback is None
