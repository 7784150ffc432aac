"""Fields made to be slow: no header costs more than its length allows, and a large one is read where nobody waits for it."""

from __future__ import annotations

import time

import pytest

from core.mail import Mail
from gateway.inbound import isolate
from gateway.inbound.parse import header_only, parse

SLOW = {
    "one long word before an @": b"a" * 100_000 + b" @",
    "one long word behind an @": b"@ " + b"a" * 100_000,
    "beginnings of encoded words": b"=?" * 50_000 + b" @",
    "brackets": b"<a" * 50_000 + b" @",
    "blanks": b"a" + b" " * 100_000 + b"b@",
}
SECONDS = 5.0
"""Of CPU, whatever else the machine does: far above what any of them takes (under 0.2 s), far below what one quadratic step made of them (over a minute)."""


@pytest.mark.parametrize("name", SLOW)
def test_a_malformed_address_list_is_read_in_linear_time(name: str) -> None:
    """libraries.md, hostile mail: 100 KB of a malformed From do not hold the house up."""
    began = time.thread_time()
    parse(b"From: " + SLOW[name] + b"\r\nSubject: x\r\n\r\nText.\r\n")
    assert time.thread_time() - began < SECONDS


def test_an_address_after_a_long_word_is_still_found() -> None:
    """What stands around the one @ of a malformed item is the address, however much stands before it."""
    (author,) = parse(b"From: " + b"x" * 1_000 + b" (unclosed <ann@acme.example\r\n\r\nText.\r\n").from_
    assert author.address == "ann@acme.example"


def test_a_mail_with_a_large_header_is_read_in_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """architecture.md section 4: what is costly to read does not hold up the threads of the house; headers over 64 KB are."""
    asked: list[int] = []

    def noted(self: isolate.Isolation, raw: bytes) -> Mail:
        asked.append(len(raw))
        return Mail()

    monkeypatch.setattr(isolate.Isolation, "read", noted)
    isolate.read_mail(b"From: " + b";" * 70_000 + b"\r\n\r\nText.\r\n")
    isolate.read_mail(b"From: ann@acme.example\r\n\r\n" + b"Text.\r\n" * 20_000)
    assert len(asked) == 1


def test_what_could_not_be_read_does_not_cost_the_same_again() -> None:
    """When the child gave up, the header is read within narrow bounds; From and Subject are still there."""
    raw = b"From: ann@acme.example\r\nSubject: Hello\r\nTo: " + b";" * 500_000 + b"\r\nCc: " + b";" * 500_000 + b"\r\n\r\nText.\r\n"
    began = time.thread_time()
    mail = header_only(raw, "It took too long.")
    assert time.thread_time() - began < SECONDS
    assert (mail.from_[0].address, mail.subject, mail.partial) == ("ann@acme.example", "Hello", True)
