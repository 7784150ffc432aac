"""Delivery reports that daemons write as prose, a family each, written by hand in their manner: who did not get the mail, why, and whether for good."""

from __future__ import annotations

import time

import pytest

from core.mail import FailedRecipient, Report
from gateway.inbound.bounce_text import Prose
from gateway.inbound.parse import parse
from tests.inbound.mails import TEXT, mail, multipart, part

HEADER = "\r\n\r\nReceived: from desk\r\nFrom: help@y.org\r\nTo: bob@x.org\r\nSubject: s\r\nMessage-ID: <out3@y.org>\r\n\r\nhello\r\n"

FAMILIES: dict[str, tuple[str, str, str, bool]] = {
    "postfix": (
        "This is the mail system at host mx.x.org.\r\n\r\n<bob@x.org>: host mail.x.org[192.0.2.1] said: 550 5.1.1\r\n"
        "    <bob@x.org>: User unknown (in reply to RCPT TO command)",
        "550 5.1.1",
        "user_unknown",
        True,
    ),
    "postfix, after the content": (
        "<bob@x.org>: host mail.x.org[192.0.2.1] said: 550 User unknown (in\r\n    reply to end of DATA command)",
        "550",
        "refused",
        False,
    ),
    "exim": (
        "The following address(es) failed:\r\n\r\n  bob@x.org\r\n    host mail.x.org [192.0.2.1]\r\n    SMTP error from remote mail server"
        " after RCPT TO:<bob@x.org>:\r\n    552 5.2.2 mailbox is full",
        "552 5.2.2",
        "mailbox_full",
        False,
    ),
    "qmail": (
        "Hi. This is the qmail-send program at mx.x.org.\r\n\r\n<bob@x.org>:\r\nFrom: <help@y.org> RCPT: <bob@x.org> 192.0.2.1 does not like recipient.\r\n"
        "Remote host said: 550 sorry, no mailbox here by that name\r\nGiving up on 192.0.2.1.",
        "550",
        "user_unknown",
        True,
    ),
    "sendmail": (
        "   ----- The following addresses had permanent fatal errors -----\r\n<bob@x.org>\r\n    (reason: 550 5.7.1 Message rejected, listed at Spamhaus)\r\n",
        "550 5.7.1",
        "reputation",
        False,
    ),
    "sendmail, pipelined": (
        "   ----- The following addresses had permanent fatal errors -----\r\n<bob@x.org>\r\n\r\n   ----- Transcript of session follows -----\r\n>>> DATA\r\n"
        "<<< 550 5.1.1 <bob@x.org>... User unknown\r\n<<< 503 5.0.0 Need RCPT (recipient)",
        "550 5.1.1",
        "user_unknown",
        True,
    ),
    "exim, the sender refused": (
        "The following address(es) failed:\r\n\r\n  bob@x.org\r\n    host mail.x.org [192.0.2.1]\r\n    SMTP error from remote mail server"
        " after MAIL FROM:<help@y.org> SIZE=900:\r\n    550 5.1.0 y.org: no such domain",
        "550 5.1.0",
        "sender_refused",
        False,
    ),
    "postfix, the sender refused": (
        "<bob@x.org>: host mail.x.org[192.0.2.1] said: 550 y.org does not exist\r\n    (in reply to MAIL FROM command)",
        "550",
        "sender_refused",
        False,
    ),
    "qmail, our name refused": (
        "<bob@x.org>:\r\nConnected to 192.0.2.1 but my name was rejected.\r\nRemote host said: 501 Invalid domain\r\n",
        "501",
        "sender_refused",
        False,
    ),
    "sendmail, the sender refused": (
        "   ----- The following addresses had permanent fatal errors -----\r\n<bob@x.org>\r\n\r\n   ----- Transcript of session follows -----\r\n"
        ">>> MAIL From:<help@y.org> SIZE=900\r\n<<< 553 5.1.8 y.org unknown domain",
        "553 5.1.8",
        "sender_refused",
        False,
    ),
    "imail, a number of the mailbox": ("Invalid final delivery userid: bob@x.org", "", "user_unknown", True),
    "exchange": (
        "Your message\r\n\r\n  To:      bob@x.org\r\n  Subject: s\r\n  Sent:    Thu, 1 Jan 2026 10:00:00 +0100\r\n\r\ndid not reach the following recipient(s):\r\n\r\n"
        "bob@x.org on Thu, 1 Jan 2026 10:00:05 +0100\r\n    The recipient name is not recognized",
        "The recipient name is not recognized",
        "user_unknown",
        True,
    ),
    "office 365": (
        "Delivery has failed to these recipients or groups:\r\n\r\nbob@x.org\r\nThe email address you entered couldn't be found.\r\n\r\n"
        "Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup'",
        "550 5.1.10",
        "user_unknown",
        True,
    ),
    "domino": (
        "Your message\r\n\r\n  Subject: s\r\n\r\nwas not delivered to:\r\n\r\n  bob@x.org\r\n\r\nbecause:\r\n\r\n"
        "  User Bob (bob@x.org) not listed in Domino Directory",
        "not listed",
        "user_unknown",
        True,
    ),
    "google": (
        "Delivery to the following recipient failed permanently:\r\n\r\n     bob@x.org\r\n\r\nTechnical details of permanent failure:\r\n"
        "DNS Error: Domain name not found",
        "Domain name not found",
        "host_unknown",
        True,
    ),
    "yahoo": (
        "Sorry, we were unable to deliver your message to the following address.\r\n\r\n<bob@x.org>:\r\n554: 5.7.9 Message not accepted for policy reasons",
        "554",
        "policy",
        False,
    ),
    "courier": (
        "Your message to the following recipients cannot be delivered:\r\n\r\n<bob@x.org>:\r\n    mx.x.org [192.0.2.1]:\r\n>>> RCPT TO:<bob@x.org>\r\n"
        "<<< 550 User does not exist.",
        "550",
        "user_unknown",
        True,
    ),
    "mimecast": (
        "An email that you attempted to send to the following address could not be delivered:\r\n-- bob@x.org\r\n\r\n"
        "The problem appears to be :\r\n-- 5.2.2 over quota",
        "over quota",
        "mailbox_full",
        False,
    ),
    "domain that takes no mail": ("<bob@x.org>: Domain x.org does not accept mail (nullMX)", "nullMX", "no_mail_accepted", True),
    "a name that was not found for now": ("<bob@x.org>: Name service error for x.org: Host not found, try again", "not found", "host_unknown", False),
    "a server that cannot be reached": ("<bob@x.org>: connect to mail.x.org[192.0.2.1]:25: Connection timed out", "timed out", "network", False),
}


def read(text: str, subject: str = "Undelivered mail") -> Report:
    raw = mail(b"From: MAILER-DAEMON@mx.x.org", b"To: help@y.org", b"Subject: " + subject.encode(), body=(text + HEADER).encode())
    found = parse(raw).report
    assert found is not None
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_families(name: str) -> None:
    """Who, in whose words, for what reason, hard or soft, and which mail of ours."""
    text, words, reason, hard = FAMILIES[name]
    report = read(text)
    (one,) = report.recipients
    assert (one.address, one.reason, one.hard) == ("bob@x.org", reason, hard)
    assert words in one.words
    assert report.original_message_id == "out3@y.org"


def test_two_recipients_have_their_own_words() -> None:
    """A list of several addresses gives each what was said of it."""
    found = read("I'm afraid I wasn't able to deliver your message.\r\n\r\n<bob@x.org>:\r\n550 5.1.1 no such user\r\n\r\n<cy@x.org>:\r\n452 4.2.2 mailbox is full\r\n")
    assert [(one.address, one.status, one.hard) for one in found.recipients] == [("bob@x.org", "5.1.1", True), ("cy@x.org", "4.2.2", False)]


def test_each_is_judged_by_its_own_step() -> None:
    """Where a server refuses the sender or the content, another recipient of the same report that does not exist is dead all the same."""
    found = read(
        "The following address(es) failed:\r\n\r\n  bob@x.org\r\n    error after RCPT TO:<bob@x.org>:\r\n    550 5.1.1 no such user\r\n\r\n"
        "  cy@z.org\r\n    error after MAIL FROM:<help@y.org>:\r\n    550 y.org: no such domain\r\n\r\n"
        "  di@w.org\r\n    error after end of data:\r\n    550 no such user\r\n",
    )
    assert [(one.address, one.hard) for one in found.recipients] == [("bob@x.org", True), ("cy@z.org", False), ("di@w.org", False)]


def test_a_long_transcript() -> None:
    """That the recipients were refused shows at the end of a transcript of pipelined commands (RFC 2920), however many lines stand before it."""
    others = "".join(f"<<< 550 5.1.1 <a{number}@z.org>... User unknown\r\n" for number in range(30))
    text = f"{'   ----- Transcript of session follows -----'}\r\n<bob@x.org>\r\n>>> DATA\r\n{others}<<< 550 5.1.1 <bob@x.org>... User unknown\r\n<<< 503 5.0.0 Need RCPT"
    assert next(one.hard for one in read(text).recipients if one.address == "bob@x.org") is True


def test_a_summary_names_who_may_have_got_it() -> None:
    """The `To:` of a daemon's summary of the mail is no failed recipient where a list of those follows; alone it is."""
    summary = "Your message\r\n\r\n  To:      cy@z.org\r\n  Subject: s\r\n  Sent:    Thu, 1 Jan 2026 10:00:00 +0100\r\n\r\n"
    listed = "did not reach the following recipient(s):\r\n\r\nbob@x.org on Thu, 1 Jan 2026 10:00:05 +0100\r\n    The recipient name is not recognized"
    assert [one.address for one in read(summary + listed).recipients] == ["bob@x.org"]
    assert [one.address for one in read(summary + "could not be delivered: no such user").recipients] == ["cy@z.org"]


def test_groups_in_the_text() -> None:
    """The standard's form is read where it stands in the daemon's text: one that is only late has not failed (RFC 3464 section 2.3.3)."""
    groups = (
        "Final-Recipient: rfc822; bob@x.org\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 no such user\r\n\r\n"
        "Final-Recipient: rfc822; cy@z.org\r\nAction: delayed\r\nStatus: 4.4.1\r\n"
    )
    found = read("Some of them did not get it.\r\n\r\nReporting-MTA: dns; mx.x.org\r\n\r\n" + groups)
    got = [(one.address, one.action, one.status, one.hard) for one in found.recipients]
    assert got == [("bob@x.org", "failed", "5.1.1", True), ("cy@z.org", "delayed", "4.4.1", False)]


def test_a_notice_that_names_nobody() -> None:
    """Who did not get it stands in the returned header alone, below words that say it is returned."""
    found = read("----- Reason -----\r\n\r\nIt went in circles: too many hops.\r\n\r\n----- Returned message -----")
    assert [(one.address, one.hard, one.reason) for one in found.recipients] == [("bob@x.org", False, "loop")]


def test_a_delay_is_no_failure() -> None:
    """A daemon that goes on trying reports a delay, and nothing is dead."""
    (one,) = read("THIS IS A WARNING MESSAGE ONLY. Your message has not yet been delivered; it will be retried.\r\n\r\n<bob@x.org>: connection refused").recipients
    assert (one.action, one.hard) == ("delayed", False)


def test_words_from_the_prose_where_the_report_has_none() -> None:
    """A machine-readable part without a diagnosis is completed by the daemon's prose."""
    prose = part(b"text/plain", b"bob@x.org: 550 5.1.1 Recipient address rejected: User unknown")
    status = part(b"message/delivery-status", b"Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; bob@x.org\r\nAction: failed\r\nStatus: 5.0.0\r\n")
    found = parse(multipart(b"report; report-type=delivery-status", prose, status)).report
    assert found is not None
    (one,) = found.recipients
    assert (one.status, one.hard) == ("5.1.1", True)
    assert "User unknown" in one.words


def test_returned_header_as_plain_text() -> None:
    """The id of our mail is found in a header that came back as a plain text part or as text below the report."""
    header = part(b"text/plain", b"From: help@y.org\r\nTo: bob@x.org\r\nSubject: s\r\nMessage-ID: <out9@y.org>\r\n", b"Content-Disposition: attachment")
    raw = multipart(b"mixed", part(b"text/plain", b"Delivery failed.\r\n\r\n<bob@x.org>: 550 5.1.1 unknown user"), header)
    found = parse(raw.replace(b"From: ann@x.org", b"From: mailer-daemon@x.org").replace(b"Subject: s", b"Subject: Mail delivery failed", 1)).report
    assert found is not None
    assert (found.original_message_id, [one.address for one in found.recipients]) == ("out9@y.org", ["bob@x.org"])


@pytest.mark.parametrize("kind", [b"message/partial", b""])
def test_returned_mail_in_odd_parts(kind: bytes) -> None:
    """The id is found in a part that is called a fragment (RFC 2046 section 5.2.2), and where the returned header stands in place of the part's own."""
    header = b"From: help@y.org\r\nTo: bob@x.org\r\nSubject: s\r\nMessage-ID: <out8@y.org>\r\n"
    last = part(kind, header) if kind else header + b"\r\nhello\r\n"
    raw = multipart(b"mixed", part(b"text/plain", b"Delivery failed.\r\n\r\n<bob@x.org>: 550 5.1.1 unknown user"), last)
    found = parse(raw.replace(b"From: ann@x.org", b"From: mailer-daemon@x.org", 1).replace(b"Subject: s", b"Subject: Mail delivery failed", 1)).report
    assert found is not None
    assert (found.original_message_id, [one.address for one in found.recipients]) == ("out8@y.org", ["bob@x.org"])


def test_a_report_inside_a_notice() -> None:
    """A gateway that hands a daemon's report on as an attached mail hides neither recipient nor reason."""
    inner = multipart(
        b"report; report-type=delivery-status",
        TEXT,
        part(b"message/delivery-status", b"Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; bob@x.org\r\nAction: failed\r\nStatus: 5.1.1\r\n"),
        boundary=b"inner",
    )
    raw = multipart(b"mixed", TEXT, part(b"message/rfc822", inner))
    raw = raw.replace(b"From: ann@x.org", b"From: MAILER-DAEMON@x.org", 1).replace(b"Subject: s", b"Subject: Returned mail", 1)
    found = parse(raw).report
    assert found is not None
    assert [(one.address, one.hard) for one in found.recipients] == [("bob@x.org", True)]


ORDINARY = {
    "a customer who quotes one": mail(b"From: ann@x.org", b"Subject: Re: delivery", body=b"I wrote to bob@x.org and got\r\n\r\n<bob@x.org>: 550 5.1.1 User unknown\r\n"),
    "a customer who forwards one": mail(b"From: ann@x.org", b"Subject: Fwd: Undelivered Mail Returned to Sender", body=(FAMILIES["postfix"][0] + HEADER).encode()),
    "vacation with the null sender": mail(b"Return-Path: <>", b"From: bob@x.org", b"Subject: I am away", b"Auto-Submitted: auto-replied", body=b"Write to cy@x.org."),
    "vacation with a report's word": mail(
        b"Return-Path: <>", b"From: bob@x.org", b"Subject: Re: your delivery", b"Auto-Submitted: auto-replied", b"In-Reply-To: <a@y.org>",
        body=b"Write to cy@x.org, 550 Park Road.",
    ),
    "a parcel service": mail(b"From: no-reply@parcels.example", b"Subject: Your delivery failed", body=b"We could not deliver to ann@x.org.\r\n"),
    "a shop's newsletter": mail(b"From: shop@x.org", b"Subject: Free returned goods", b"List-Unsubscribe: <mailto:u@x.org>", body=b"mailbox is full of offers\r\n"),
    "a postmaster who answers": mail(
        b"From: Postmaster <postmaster@x.org>", b"Subject: Maintenance",
        body=b"It waits.\r\n\r\n-----Original Message-----\r\nFrom: a@y.org\r\nTo: bob@x.org\r\nSubject: s\r\n",
    ),
    "a postmaster who writes": mail(b"From: Postmaster <postmaster@x.org>", b"Subject: Maintenance on Sunday", body=b"Mail to bob@x.org waits until then.\r\n"),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_mail(name: str) -> None:
    """Mail of people, programs and absent people is taken for no report, whatever words it holds."""
    assert parse(ORDINARY[name]).report is None


HOSTILE = {
    "addresses": "<a@x.org>: 550 5.1.1 no\r\n" * 40_000,
    "blanks": " " * 900_000 + "a@x.org",
    "header lines": "From: a@x.org\r\n" * 60_000,
    "one line": "<bob@x.org>: 550 " + "5.1.1 " * 150_000,
    "at signs": "@" * 900_000,
    "groups": "Final-Recipient: rfc822; a@x.org\r\nno field\r\n\r\n" * 30_000,
    "one paragraph of groups": "Final-Recipient: rfc822; a@x.org\r\nno field\r\n" * 30_000,
    "summaries": "To: a@x.org\r\n  Subject: s\r\n:\r\n<b@x.org>\r\n" * 30_000,
    "transcripts": ">>> MAIL FROM:<a@x.org>\r\n<<< 550 5.1.1 no such user\r\n>>> DATA\r\n" * 20_000,
    "quote marks": ("> " * 200 + "\r\n") * 2_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_report_that_is_made_to_be_slow(name: str) -> None:
    """A megabyte of anything under a daemon's name is read in a moment, and within bounds."""
    raw = mail(b"From: MAILER-DAEMON@x.org", b"Subject: Undelivered", body=HOSTILE[name].encode())
    began = time.process_time()
    found = parse(raw).report
    assert time.process_time() - began < 2.0
    assert found is None or len(found.recipients) <= 1_000


def test_many_recipients_with_much_prose() -> None:
    """A report of a thousand recipients whose prose names a thousand others costs no more than a moment."""
    prose = part(b"text/plain", b"".join(b"<a%d@x.org>: 550 5.1.1 no such user, but much is said of it here\r\n" % number for number in range(1_000)))
    groups = b"\r\n".join(b"Final-Recipient: rfc822; b%d@x.org\r\nAction: failed\r\nStatus: 5.0.0\r\n" % number for number in range(1_000))
    raw = multipart(b"report; report-type=delivery-status", prose, part(b"message/delivery-status", b"Reporting-MTA: dns; x\r\n\r\n" + groups))
    began = time.process_time()
    found = parse(raw).report
    assert time.process_time() - began < 1.0
    assert found is not None and len(found.recipients) > 900


def test_prose_ends_where_the_returned_mail_begins() -> None:
    """Indented summaries belong to the prose, a header at the margin does not."""
    text = "It failed.\n\n  To: bob@x.org\n  Subject: s\n\n<bob@x.org>: no\n\nFrom: help@y.org\nTo: cy@x.org\n\nx"
    assert [one.address for one in Prose(text).listed][-1] == "bob@x.org"
    assert "cy@x.org" not in Prose(text).text


def test_defaults() -> None:
    """A recipient that nobody judged is neither dead nor alive."""
    assert FailedRecipient("a@x.org", "failed", "", "").hard is None
