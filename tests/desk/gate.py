"""A whole house with one mail after another at its door, for the tests of what people do with mail that came in; nothing is sent."""

from __future__ import annotations

from typing import Any

from gateway.bootstrap import House
from gateway.clock import FakeClock
from gateway.inbound.port import Arrival, Stored
from gateway.store import arrivals, items
from tests.flow.told import ANN, CARL, DESK, ROOT, letter

BOB = "bob@demo.example"
EVE = "eve@evil.example"
CLAIMS = "claims@demo.example"
HELP = "help@demo.example"


class Gate:
    """The house, its desk and its clock."""

    def __init__(self, house: House, clock: FakeClock) -> None:
        self.house = house
        self.desk = house.desk
        self.clock = clock

    def comes_in(self, raw: bytes, sender: str = CARL, to: str | tuple[str, ...] = DESK, door: str = "smtp", connector: str = "") -> str:
        recipients = to if isinstance(to, tuple) else (to,)
        arrival = Arrival(raw, door, self.clock.now(), sender, tuple(filter(None, recipients)), connector)
        answer = self.house.intake.accept(arrival)
        assert isinstance(answer, Stored), answer
        self.house.processor.sweep()
        return answer.inbound_id

    def waiting(self, raw: bytes, to: str) -> str:
        """A mail that is stored and that nobody has read yet."""
        inbound_id = self.clock.new_id()
        with self.house.database.durable() as connection:
            arrivals.store(connection, [(inbound_id, Arrival(raw, "smtp", self.clock.now(), CARL, (to,)))])
        return inbound_id

    def ticket(self, n: int = 1, subject: str = "Hot") -> str:
        """A ticket by Carl."""
        before = {one["ref"] for one in self.desk.list_items(ROOT)}
        self.comes_in(letter(subject, f"It is {subject} {n}.", message_id=f"m{n}@acme.example"))
        (ref,) = {one["ref"] for one in self.desk.list_items(ROOT)} - before
        return str(ref)

    def held(self, ref: str, n: int = 1) -> str:
        """Eve answers to a mail of ours on the item."""
        ours = self.desk.mail(ref, ANN, text="Cool it.")["message_id"]
        raw = letter("Re: Hot", "Let me in.", message_id=f"s{n}@evil.example", sender=f"Eve <{EVE}>", In_Reply_To=f"<{ours}>")
        return self.comes_in(raw, EVE)

    def answer(self, n: int = 1, to: str = "m1@acme.example", text: str = "Something else is broken.", sender: str = f"Carl Customer <{CARL}>", **headers: str) -> str:
        """A further mail of Carl's on his ticket."""
        return self.comes_in(letter("Re: Hot", text, message_id=f"a{n}@acme.example", sender=sender, In_Reply_To=f"<{to}>", **headers))

    def lost(self, n: int = 1, sender: str = CARL, to: str = HELP) -> str:
        """A mail that no route takes."""
        return self.comes_in(letter(f"Help {n}", "Please.", message_id=f"h{n}@acme.example", sender=sender, to=to), sender, to)

    def seen(self, ref: str) -> dict[str, Any]:
        return self.desk.show(ref, ROOT)

    def stored(self, ref: str) -> Any:
        with self.house.database.read() as connection:
            found = items.by_ref(connection, ref)
        assert found is not None
        return found

    def people(self, ref: str) -> frozenset[str]:
        with self.house.database.read() as connection:
            return items.participants_of(connection, (self.stored(ref).id,))[self.stored(ref).id]

    def pass_days(self, days: float) -> None:
        self.house.scheduler.tick(self.clock.advance(days=days))

    def quarantined(self, raw: bytes) -> str:
        """A mail that our own code fails on three times."""
        processor = self.house.processor
        decide, processor._decide_and_write = processor._decide_and_write, broken  # type: ignore[method-assign]
        found = self.comes_in(raw)
        for _ in range(4):
            self.clock.advance(minutes=2)
            processor.sweep()
        processor._decide_and_write = decide  # type: ignore[method-assign]
        return found


def broken(*_arguments: Any, **_more: Any) -> Any:
    raise ZeroDivisionError("broken on purpose")
