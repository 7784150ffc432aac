"""Reasons: by a server's words, its codes, or what stands around them; and which of them mean that an address is dead."""

from __future__ import annotations

import pytest

from gateway.inbound.bounce_phrases import PHRASES
from gateway.inbound.bounce_reason import HARD, MEANING, REPLY, STATUS, draw, judge

JUDGED = [
    ("failed", "5.1.1", "550 5.1.1 User unknown", "", True, "user_unknown"),
    ("failed", "5.1.1", "", "", True, "user_unknown"),
    ("failed", "5.1.2", "550 host unknown", "", True, "host_unknown"),
    ("failed", "5.1.6", "", "", True, "moved"),
    ("failed", "5.1.10", "556 5.1.10 domain does not accept mail", "", True, "no_mail_accepted"),
    ("failed", "5.2.2", "", "", False, "mailbox_full"),
    ("failed", "5.2.1", "550 5.2.1 The account is disabled", "", False, "disabled"),
    ("failed", "5.7.1", "550 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using Spamhaus", "", False, "reputation"),
    ("failed", "5.7.26", "550 5.7.26 fails DMARC", "", False, "authentication"),
    ("failed", "5.7.1", "550 5.7.1 Unable to relay", "", False, "relaying"),
    ("failed", "5.7.1", "550 5.7.1 Sender address rejected: User unknown", "", False, "sender_refused"),
    ("failed", "5.4.7", "delivery expired", "", False, "expired"),
    ("failed", "5.4.6", "554 5.4.6 Too many hops 26 (25 max)", "", False, "loop"),
    ("failed", "5.4.1", "550 5.4.1 All recipient addresses rejected : Access denied", "", True, "user_unknown"),
    ("failed", "5.0.0", "", "the mailbox is full", False, "mailbox_full"),
    ("failed", "4.4.4", "450 4.4.4 NXDOMAIN", "", False, "host_unknown"),
    ("failed", "", "551 nobody knows", "", True, "moved"),
    ("failed", "", "", "", None, "unknown"),
    ("delayed", "4.1.1", "450 4.1.1 user unknown", "", False, "user_unknown"),
    ("delayed", "", "", "", False, "unknown"),
    ("relayed", "2.0.0", "", "", None, ""),
    ("delivered", "2.1.5", "user unknown", "", None, ""),
    ("failed", "5.1.1", "550 User unknown (in reply to end of DATA command)", "", False, "refused"),
    ("failed", "5.1.2", "550 no such domain (in reply to MAIL FROM command)", "", False, "sender_refused"),
    ("failed", "5.1.2", "550 no such domain", ">>> MAIL FROM:<a@y.org>\n<<< 550 no such domain", False, "sender_refused"),
    ("failed", "5.1.1", "550 no such user", ">>> MAIL FROM:<a@y.org>\n<<< 250 fine\n>>> RCPT TO:<b@x.org>\n<<< 550 no such user", True, "user_unknown"),
    ("failed", "5.1.1", "550 no such user", ">>> MAIL FROM:<a@y.org>\n<<< 550 5.7.1 go away\n>>> RCPT TO:<b@x.org>\n<<< 550 no such user", True, "user_unknown"),
]


@pytest.mark.parametrize(("action", "status", "words", "around", "hard", "reason"), JUDGED)
def test_judged(action: str, status: str, words: str, around: str, hard: bool | None, reason: str) -> None:
    """decisions.md 3: hard is what is about the address for good; full, blocked, refused, late or unclear is not."""
    assert judge(action, status, words, around) == (hard, reason)


def test_a_program_at_the_recipients() -> None:
    """A delivery command that failed says nothing about the address, whatever it prints."""
    assert judge("failed", "5.1.1", "No such user", local=True) == (False, "command")


def test_tables() -> None:
    """Every reason that a table names has a meaning, every phrase is in the form it is compared in, and the page shows all."""
    named = {*STATUS.values(), *REPLY.values(), *(reason for reason, _ in PHRASES), *HARD, "command", "unknown"}
    assert named <= MEANING.keys()
    assert [phrase for _, phrases in PHRASES for phrase in phrases if phrase != phrase.lower() or not phrase.strip()] == []
    assert all(f"| {reason} |" in draw() for reason in MEANING)
