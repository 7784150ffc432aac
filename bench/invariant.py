"""The invariant of reading: any bytes give a `Mail`, whole or partial, that is classified and matched, within two seconds and 200 MB for 5 MB of anything.

    .venv/bin/python -m bench.invariant FILE…

prints for each file its seconds of CPU and the memory it took, each in a process of its own; exit 1 if one is over a bound or raises. What
makes the bytes is `bench/hostile.py` and `bench/fuzz.py`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from core.mail import Address, Envelope, Mail
from core.setup import Connector, Process, Profile, Route, RouteKind, Setup
from core.verdict import Resolution
from core.work_item import WorkItem
from gateway.inbound import judging
from gateway.inbound.attachments import Contents
from gateway.inbound.parse import decode, parse
from gateway.routing.authentication import authentication
from gateway.routing.classify import is_null_sender
from gateway.routing.facts import Facts, Sender, Target
from gateway.routing.match import message_ids
from gateway.routing.recipients import recipients
from gateway.routing.resolve import resolve

SECONDS = 2.0
MEGABYTES = 200.0
LARGEST = 5_000_000

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SUPPORT = "support@desk.example"
SETUP = Setup(
    name="Fuzzed desk",
    never_counts=("*@never.example",),
    counts=("*.counts.example",),
    connectors=(Connector("c1", "support", SUPPORT, profile=Profile(spam_marks=("X-Spam-Flag: yes",), own_lists=("list@desk.example",))),),
    processes=(Process("p1", "ticket", "Support", queue="First line"),),
    routes=(Route("r1", "support", "all", RouteKind.FALLBACK, SUPPORT, process="Support"),),
)
ENVELOPES = (Envelope("smtp", "jo@acme.example", (SUPPORT,), NOW), Envelope("imap", "", (), NOW, connector="support", folder="Junk", spam=True))
ITEM = WorkItem("i1", "ticket", 101_203, "101203-T", "Printer", "p1", NOW, NOW, connector="support", version=1)


@dataclass(frozen=True, slots=True)
class Spent:
    """What reading some bytes cost: CPU seconds, megabytes above what an idle process has, and the fault, '' if there was none."""

    seconds: float
    megabytes: float
    fault: str = ""

    @property
    def holds(self) -> bool:
        return not self.fault and self.seconds <= SECONDS and self.megabytes <= MEGABYTES


def hold(raw: bytes) -> Mail:
    """Read, classify and match some bytes. Raises AssertionError, or whatever was raised, where the invariant is broken."""
    mail = parse(raw)
    assert isinstance(mail, Mail)
    assert mail.defects or not mail.partial, "a partial mail says why"
    for one in mail.attachments[:20]:
        if not one.within:
            assert 0 <= one.offset <= one.offset + one.length <= len(raw), "an attachment is a place in the mail"
            decode(raw, one)
    judging.judged(Contents.in_mail(raw), mail.attachments, ())
    for envelope in ENVELOPES:
        found = judged(mail, envelope)
        assert found.verdicts, "every mail has a verdict"
        assert found.classification.kind, "every mail is of a kind"
    return mail


def judged(mail: Mail, envelope: Envelope) -> Resolution:
    """The resolution of a mail that points at one item whatever it says, so that evidence is weighed too."""
    return resolve(mail, envelope, facts_of(mail, envelope))


def facts_of(mail: Mail, envelope: Envelope) -> Facts:
    found, strange = recipients(mail, envelope, SETUP)
    author = mail.author or Address("")
    people = tuple(frozenset({one.key}) for one in mail.from_)
    sender = Sender(author.key, people, ours=SETUP.is_ours(author.address), authentication=authentication(mail, ("mx",)))
    ids = [one for _, one in message_ids(mail)]
    facts = Facts(SETUP, "in1", NOW, found, strange, sender, null_sender=is_null_sender(mail, envelope))
    return replace(facts, known=dict.fromkeys(ids, (ITEM.id,)), by_ref={ITEM.ref: ITEM.id}, targets={ITEM.id: Target(ITEM, frozenset({author.key}))})


# ---------------------------------------------------------------- measured


def measured(make: Callable[[], bytes]) -> Spent:
    """What it costs to read these bytes, in a process of its own that is made for it; call it where no threads run."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 1
        try:
            os.write(writing, json.dumps(_measure(make())).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    return Spent(*json.loads(answer)) if answer else Spent(0.0, 0.0, "the process ended without an answer")


def _measure(raw: bytes) -> tuple[float, float, str]:
    hold(b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n<p>x</p>")  # what is imported at the first mail is not its cost
    before, began, fault = _peak(), time.process_time(), ""
    try:
        hold(raw)
    except BaseException:  # an outer edge: whatever it is, it is the finding
        fault = traceback.format_exc(limit=-6)[-2_000:]
    return time.process_time() - began, max(0.0, _peak() - before), fault


def _peak() -> float:
    """The most memory this process had so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(named: Iterable[tuple[str, Callable[[], bytes]]]) -> int:
    """Print what each cost; 1 if one breaks a bound."""
    broken = 0
    for name, make in named:
        spent = measured(make)
        broken += not spent.holds
        print(f"{'ok ' if spent.holds else 'NO '} {spent.seconds:6.2f} s {spent.megabytes:6.0f} MB  {name}")
        if spent.fault:
            print(spent.fault)
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(report((name, Path(name).read_bytes) for name in sys.argv[1:]))
