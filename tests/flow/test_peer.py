"""A second Guichet that answers automatically, as a customer of the first: no loop where the marks stay, and the brakes where something strips them."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.setup import Setup
from gateway.bootstrap import House
from tests.flow.real import a_port, at, prove_plus_addresses, running, wait_until_quiet, with_plus_addresses
from tests.flow.told import ANN, ROOT
from tests.houses import wait_for
from tests.sink import Sink

OURS = "support@demo.example"
PEER = "support@peer.example"


class Way(Sink):
    """A server between the two that hands every mail on to a door, changed as `meddle` says; a mail is taken when it is stored there."""

    def __init__(self, to: int, meddle: Callable[[bytes], bytes] = bytes, sender: str = "") -> None:
        self._to = to
        self._meddle = meddle
        self._sender = sender
        super().__init__()

    def take(self, raw: bytes, recipients: tuple[str, ...]) -> None:
        """Handed on first, so that nobody believes the mail is there before it is."""
        sender = self._sender or self.session.sender
        with smtplib.SMTP("127.0.0.1", self._to, local_hostname="relay.example", timeout=20) as client:
            client.sendmail(sender, list(recipients), self._meddle(raw))
        super().take(raw, recipients)


@dataclass
class Two:
    """Both houses and the mails that went either way."""

    a: House
    b: House
    from_a: Way
    from_b: Way

    def quiet(self) -> None:
        wait_until_quiet(self.a, self.b)

    def counts(self) -> tuple[int, int]:
        """How many mails left each house."""
        return len(self.from_a.raw), len(self.from_b.raw)


@contextmanager
def two(
    folder: Path, setup: Setup, meddle: Callable[[bytes], bytes] = bytes, *, senders: tuple[str, str] = ("", ""), limits: dict[str, Any] | None = None
) -> Iterator[Two]:
    """Two houses with plus-addresses, each other's customers; `senders` are the envelope senders that the way between them puts in, '' leaves them."""
    doors = a_port(), a_port()
    with ExitStack() as stack:
        ways = (Way(doors[1], meddle, senders[0]), Way(doors[0], meddle, senders[1]))
        for way in ways:
            stack.callback(way.stop)
        houses = []
        for name, desk, door, way in zip("ab", (setup, at(setup, "peer.example")), doors, ways, strict=True):
            house = stack.enter_context(running(folder / name, with_plus_addresses(desk), door=door, out=way.port, limits=limits))
            prove_plus_addresses(house)
            houses.append(house)
        yield Two(houses[0], houses[1], *ways)


def bring(house: House, raw: bytes, *, sender: str, to: str) -> None:
    """A mail comes to the door of a house."""
    with smtplib.SMTP("127.0.0.1", house.settings.smtp.port, local_hostname="mta.example", timeout=20) as client:
        client.sendmail(sender, [to], raw)


def first(sender: str = PEER, to: str = OURS) -> bytes:
    """What starts it: a mail that says it is from the other desk."""
    return f"From: {sender}\r\nTo: {to}\r\nSubject: Order\r\nMessage-ID: <start@peer.example>\r\n\r\nPlease deliver.\r\n".encode()


def acknowledged(house: House) -> list[str]:
    """What the trace of each mail that came in says of the acknowledgement: its outcome and why."""
    told = []
    for one in house.desk.list_inbound(ROOT, limit=200):
        steps = house.desk.show_inbound(one["id"], ROOT)["trace"]
        told += [f"{step['outcome']}: {step['because']}" for step in steps if step["step"] == "acknowledge"]
    return told


def test_a_person_writes_to_the_other_desk(tmp_path: Path, example_setup: Setup) -> None:
    """The other desk opens a ticket and acknowledges; that stands on our item, wakes nothing and is not answered: one mail each way. The person's
    answer from there joins our item, and ours theirs, by headers and plus-addresses."""
    with two(tmp_path, example_setup) as both:
        ours = both.a.desk.new_item(ANN, process="General support", title="Order", description="x", category="Question", contacts=[PEER], submit=True)["ref"]
        both.a.desk.mail(ours, ANN, text="Please deliver.", undo=timedelta(0))
        both.a.desk.do(ours, "wait", ANN, days=5.0, wait_type="more_information")
        wait_for(lambda: both.b.desk.list_items(ROOT), "the other desk opens a ticket")
        both.quiet()
        assert both.counts() == (1, 1)
        assert both.a.desk.show(ours, ROOT)["status"] == "wait"
        (theirs,) = both.b.desk.list_items(ROOT)
        both.b.desk.mail(theirs["ref"], ANN, text="Delivered.", undo=timedelta(0))
        wait_for(lambda: both.a.desk.show(ours, ROOT)["status"] == "to_do", "their answer wakes our item")
        both.a.desk.mail(ours, ANN, text="Thanks.", undo=timedelta(0))
        wait_for(lambda: both.counts() == (2, 2), "our answer leaves")
        both.quiet()
        assert [one["ref"] for one in both.b.desk.list_items(ROOT)] == [theirs["ref"]]
        assert len(both.a.desk.list_items(ROOT)) == 1 and both.counts() == (2, 2)


def test_acknowledgements_meet(tmp_path: Path, example_setup: Setup) -> None:
    """A mail that says it is from the other desk: ours acknowledges, theirs opens a ticket for that and does not answer, and both traces say why."""
    with two(tmp_path, example_setup) as both:
        bring(both.a, first(), sender=PEER, to=OURS)
        wait_for(lambda: both.counts() == (1, 0), "the acknowledgement leaves")
        both.quiet()
        assert both.counts() == (1, 0)
        assert [one for one in acknowledged(both.a) if one.startswith("queued")] == [f"queued: to {PEER}"]
        (why,) = acknowledged(both.b)
        assert why.startswith("none: not in return for this") and "Auto-Submitted: auto-replied" in why


OUT_OF_OFFICE = [
    ("marked", b"Subject: Out of office\r\nAuto-Submitted: auto-replied\r\n"),
    ("by its subject only", b"Subject: Automatic reply: Order\r\n"),
    ("Exchange", b"Subject: Automatic reply: Order\r\nX-Auto-Response-Suppress: All\r\nX-MS-Exchange-Inbox-Rules-Loop: support@peer.example\r\n"),
]


@pytest.mark.parametrize(("how", "header"), OUT_OF_OFFICE, ids=[one[0] for one in OUT_OF_OFFICE])
def test_a_peer_that_is_out_of_office(tmp_path: Path, example_setup: Setup, how: str, header: bytes) -> None:
    """A program that answers every mail of ours, to its envelope sender and without a thread: appended or kept, never answered: two mails of ours in all."""
    door = a_port()
    answers: list[bytes] = []

    class Absent(Sink):
        def take(self, raw: bytes, recipients: tuple[str, ...]) -> None:
            super().take(raw, recipients)
            found = re.search(rb"^Reply-To: .*?<([^>]+)>", raw.replace(b"\r\n ", b" "), re.MULTILINE)
            to = found.group(1).decode() if found else OURS
            number = len(self.raw)
            answer = b"From: %b\r\nTo: %b\r\nMessage-ID: <ooo%d@peer.example>\r\n%b\r\nI am away.\r\n" % (PEER.encode(), to.encode(), number, header)
            answers.append(answer)
            with smtplib.SMTP("127.0.0.1", door, local_hostname="peer.example", timeout=20) as client:
                client.sendmail(PEER, [to], answer)

    absent = Absent()
    try:
        with running(tmp_path / "a", with_plus_addresses(example_setup), door=door, out=absent.port) as house:
            prove_plus_addresses(house)
            bring(house, first(), sender=PEER, to=OURS)
            wait_for(lambda: answers, "the acknowledgement is answered")
            wait_until_quiet(house)
            (item,) = house.desk.list_items(ROOT)
            house.desk.mail(item["ref"], ANN, text="It is on its way.", undo=timedelta(0))
            house.desk.do(item["ref"], "wait", ANN, days=5.0, wait_type="more_information")
            wait_for(lambda: len(answers) == 2, "the answer is answered")
            wait_until_quiet(house)
            shown = house.desk.show(item["ref"], ROOT)
            assert (len(absent.raw), shown["status"], len(house.desk.list_items(ROOT))) == (2, "wait", 1)
            assert [line["counts"] for line in shown["timeline"] if line["kind"] == "mail_in" and "away" in line["text"]] == [False, False]
    finally:
        absent.stop()


MARKS = b"Auto-Submitted|X-Auto-Response-Suppress|In-Reply-To|References|Reply-To|Content-Language|Message-ID"
STRIPPED = re.compile(rb"^(?:%b):[^\r]*\r\n(?:[ \t][^\r]*\r\n)*" % MARKS, re.MULTILINE)


def strip(raw: bytes) -> bytes:
    """A gateway that drops every mark of automatic mail and of a thread, and the reference in the subject."""
    header, _, body = raw.partition(b"\r\n\r\n")
    header = STRIPPED.sub(b"", header + b"\r\n").rstrip(b"\r\n")
    return re.sub(rb"\[\d+-T\] ?", b"", header) + b"\r\n\r\n" + body


BRAKES = [
    ("per sender", {"automatic_per_sender_day": 4}, "automatic mails within 24 hours", 4, ""),
    ("per hour", {"automatic_per_hour": 3}, "automatic mails within an hour", 3, "held"),
    ("items of a sender", {"items_per_sender_hour": 5}, "", 5, ""),
    ("as shipped", {}, "automatic mails within 24 hours", 20, ""),
]


@pytest.mark.parametrize(("name", "limits", "because", "most", "state"), BRAKES, ids=[one[0] for one in BRAKES])
def test_a_peer_that_strips_everything(tmp_path: Path, example_setup: Setup, name: str, limits: dict[str, Any], because: str, most: int, state: str) -> None:
    """decisions.md 9: the worst case, a way that makes every acknowledgement look like a person's new mail to the other desk: each brake ends it after as
    many mails as it says; what it held back is visible: in the trace, in the outbox as held, among the unhandled."""
    with two(tmp_path, example_setup, strip, senders=(OURS, PEER), limits=limits) as both:
        bring(both.a, first(), sender=PEER, to=OURS)
        wait_for(lambda: max(both.counts()) >= most, "it goes round")
        both.quiet()
        assert max(both.counts()) <= most and min(both.counts()) >= most - 1
        told = [*acknowledged(both.a), *acknowledged(both.b)]
        held = [mail for house in (both.a, both.b) for mail in house.desk.list_outbox(ROOT, limit=200) if mail["state"] == "held"]
        unhandled = [one for house in (both.a, both.b) for one in house.desk.list_inbound(ROOT, limit=200) if one["state"] == "unhandled"]
        if because:
            assert any(because in one for one in told)
        assert (len(held) == 1 and "within an hour" in held[0]["hold_reason"]) if state == "held" else not held
        assert (len(unhandled) == 1 and "limits.items_per_sender_hour" in unhandled[0]["reason"]) if name == "items of a sender" else not unhandled
