"""Delivery reports as standards have them and as daemons write them; what is none is not taken for one."""

from __future__ import annotations

import pytest

from core.mail import FailedRecipient, Report
from gateway.inbound.parse import parse
from tests.inbound.mails import TEXT, mail, multipart, part

RETURNED = part(b"message/rfc822", b"From: help@y.org\r\nTo: bob@x.org\r\nMessage-ID: <out1.mac@y.org>\r\nSubject: s\r\n\r\nbody")


def report(*groups: bytes, returned: bytes = RETURNED, kind: bytes = b"message/delivery-status") -> bytes:
    """A multipart/report with these groups of fields."""
    status = part(kind, b"Reporting-MTA: dns; mx.x.org\r\nOriginal-Envelope-Id: env=2D1\r\n\r\n" + b"\r\n".join(groups))
    return multipart(b"report; report-type=delivery-status", TEXT, status, returned)


def fields(*lines: bytes) -> bytes:
    """One group of fields."""
    return b"".join(line + b"\r\n" for line in lines)


BOB = fields(
    b"Original-Recipient: rfc822;bob@x.org",
    b"Final-Recipient: rfc822; robert@internal.x.org",
    b"Action: failed",
    b"Status: 5.1.1",
    b"Diagnostic-Code: smtp; 550 5.1.1 <bob@x.org>:\r\n    User unknown",
)


def read(raw: bytes) -> Report:
    found = parse(raw).report
    assert found is not None
    return found


def test_standard_report() -> None:
    """Recipient as we addressed them and as they were last addressed, action, status, the server's words unfolded, our ids (RFC 3464)."""
    told = ("failed", "5.1.1", "550 5.1.1 <bob@x.org>: User unknown", True, "user_unknown")
    both = (FailedRecipient("bob@x.org", *told), FailedRecipient("robert@internal.x.org", *told, handed_on_from="bob@x.org"))
    assert read(report(BOB)) == Report(both, "out1.mac@y.org", "env=2D1")


def test_several_recipients_have_their_own_outcomes() -> None:
    """One report can speak of a failure, a delay and a success."""
    found = read(
        report(
            BOB,
            fields(b"Final-Recipient: rfc822; cy@x.org", b"Action: delayed", b"Status: 4.4.1"),
            fields(b"Final-Recipient: rfc822; di@x.org", b"Action: relayed", b"Status: 2.0.0"),
        )
    )
    assert [(one.address, one.action, one.status) for one in found.recipients] == [
        ("bob@x.org", "failed", "5.1.1"),
        ("robert@internal.x.org", "failed", "5.1.1"),
        ("cy@x.org", "delayed", "4.4.1"),
        ("di@x.org", "relayed", "2.0.0"),
    ]


def test_recipients_without_an_empty_line_between_them() -> None:
    """Some daemons forget the empty line; a new Final-Recipient begins a new recipient."""
    found = read(report(fields(b"Final-Recipient: rfc822; a@x.org", b"Action: failed", b"Final-Recipient: rfc822; b@x.org", b"Action: failed")))
    assert [one.address for one in found.recipients] == ["a@x.org", "b@x.org"]


def test_international_report() -> None:
    """The UTF-8 form of reports and of addresses is read (RFC 6533)."""
    group = fields(b"Final-Recipient: utf-8; jos\\x{E9}@x.org", b"Action: failed", b"Status: 5.1.1")
    assert read(report(group, kind=b"message/global-delivery-status")).recipients[0].address == "josé@x.org"


def test_returned_header_alone() -> None:
    """A report that returns only the header of our mail names it all the same."""
    assert read(report(BOB, returned=part(b"text/rfc822-headers", b"Message-ID: <out2@y.org>\r\nTo: bob@x.org\r\n"))).original_message_id == "out2@y.org"


def test_report_without_recipients() -> None:
    """If the daemon forgot to name the recipient, it is the one our returned mail went to."""
    assert [one.address for one in read(report()).recipients] == ["bob@x.org"]


def test_status_of_the_server_beats_that_of_the_class() -> None:
    """`5.0.0` of the daemon gives way to the server's own status in its words."""
    group = fields(b"Final-Recipient: rfc822; a@x.org", b"Action: failed", b"Status: 5.0.0", b"Diagnostic-Code: smtp; 552 5.2.2 full")
    assert read(report(group)).recipients[0].status == "5.2.2"


QMAIL = (
    b"Hi. This is the qmail-send program at mx.x.org.\r\nI'm afraid I wasn't able to deliver your message to the following addresses.\r\n\r\n"
    b"<bob@x.org>:\r\n192.0.2.1 does not like recipient.\r\nRemote host said: 550 5.1.1 User unknown\r\nGiving up on 192.0.2.1.\r\n\r\n"
    b"--- Below this line is a copy of the message.\r\n\r\nReturn-Path: <help@y.org>\r\nMessage-ID: <out3@y.org>\r\nTo: bob@x.org\r\n\r\nhello\r\n"
)
EXIM = (
    b"This message was created automatically by mail delivery software.\r\n\r\nA message that you sent could not be delivered to one or more of its\r\n"
    b"recipients. This is a permanent error. The following address(es) failed:\r\n\r\n  bob@x.org\r\n    host mx.x.org [192.0.2.1]: 550 unknown user\r\n"
)
FRENCH = (
    b"Bonjour,\r\n\r\nVotre message n'a pas pu \xc3\xaatre remis \xc3\xa0 <bob@x.org>.\r\n550 5.1.1 Adresse inconnue\r\n\r\nMessage-ID: <out4@y.org>\r\n"
)


@pytest.mark.parametrize(
    ("raw", "words", "status"),
    [
        (mail(b"From: MAILER-DAEMON@mx.x.org", b"To: help@y.org", b"Subject: failure notice", body=QMAIL), "550 5.1.1 User unknown", "5.1.1"),
        (mail(b"From: Mail Delivery System <Mailer-Daemon@mx.x.org>", b"X-Failed-Recipients: bob@x.org", b"Subject: x", body=EXIM), "550 unknown", ""),
        (
            mail(b"From: postmaster@x.org", b"To: help@y.org", "Subject: Échec de la remise".encode(), b"Content-Type: text/plain; charset=utf-8", body=FRENCH),
            "550 5.1.1 Adresse inconnue",
            "5.1.1",
        ),
    ],
    ids=["qmail", "exim", "french"],
)
def test_prose(raw: bytes, words: str, status: str) -> None:
    """Daemons that write prose are understood too: who, why, and which mail of ours."""
    found = read(raw)
    assert [(one.address, one.action, one.status) for one in found.recipients] == [("bob@x.org", "failed", status)]
    assert words in found.recipients[0].words


@pytest.mark.parametrize(
    "raw",
    [
        mail(b"From: bob@x.org", b"Subject: Automatic reply: s", b"Auto-Submitted: auto-replied", b"In-Reply-To: <out@y.org>"),
        mail(b"From: ann@x.org", b"Subject: Your delivery of bob@x.org failed 550"),
        mail(b"From: postmaster@x.org", b"Subject: Maintenance tonight"),
        multipart(b"report; report-type=disposition-notification", TEXT, part(b"message/disposition-notification", b"Disposition: manual; displayed")),
        multipart(b"report; report-type=feedback-report", TEXT, part(b"message/feedback-report", b"Feedback-Type: abuse"), RETURNED),
        multipart(b"mixed", TEXT, RETURNED),
    ],
    ids=["out of office", "a customer", "an administrator", "read receipt", "abuse report", "forwarded mail"],
)
def test_other_mail_is_no_report(raw: bytes) -> None:
    """Vacation notices, people, receipts, complaints and forwards mark no mail of ours as failed."""
    assert parse(raw).report is None


def test_report_about_thousands() -> None:
    """A report is bounded like everything else."""
    group = fields(b"Final-Recipient: rfc822; a@x.org", b"Action: failed") + b"\r\n"
    assert len(read(report(group * 3_000)).recipients) <= 1_000
