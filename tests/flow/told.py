"""Short words for stories: a mail comes in, everything due happens, what does the item look like."""

from __future__ import annotations

from email.message import Message
from typing import Any

from gateway.bootstrap import House
from gateway.clock import FakeClock
from gateway.inbound.port import Arrival, Stored
from tests.sink import Sink

ROOT = "root@demo.example"
ANN = "ann@demo.example"
CARL = "carl@acme.example"
DESK = "support@demo.example"


def letter(subject: str, text: str, *, message_id: str, sender: str = f"Carl Customer <{CARL}>", to: str = DESK, dmarc: str = "pass", **headers: str) -> bytes:
    """A raw mail; further header fields by name with underscores for hyphens."""
    fields = {
        "From": sender,
        "To": to,
        "Subject": subject,
        "Message-ID": f"<{message_id}>",
        "Date": "Mon, 02 Mar 2026 08:59:00 +0000",
        "Authentication-Results": f"mx.demo.example; dmarc={dmarc} header.from={sender.rpartition('@')[2].strip('>')}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return ("".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n" + text + "\r\n").encode()


class Told:
    """One house, its outside world and its clock."""

    def __init__(self, house: House, sink: Sink, clock: FakeClock) -> None:
        self.house = house
        self.sink = sink
        self.clock = clock

    def comes_in(self, raw: bytes, *, sender: str = CARL, to: tuple[str, ...] = (DESK,), door: str = "smtp") -> str:
        """A mail is taken; then everything due happens. Returns the inbound id."""
        answer = self.house.intake.accept(Arrival(raw, door, self.clock.now(), sender, to))
        assert isinstance(answer, Stored), answer
        self.goes_on()
        return answer.inbound_id

    def goes_on(self, **delta: float) -> None:
        """Time passes (none by default), then everything due happens."""
        if delta:
            self.clock.advance(**delta)
        for _ in range(2):
            self.house.processor.sweep()
            self.house.scheduler.tick(self.clock.now())
            self.house.dispatcher.run_due()

    def items(self) -> list[dict[str, Any]]:
        return self.house.desk.list_items(ROOT)

    def item(self, ref: str) -> dict[str, Any]:
        return self.house.desk.show(ref, ROOT)

    def only_item(self) -> dict[str, Any]:
        """The one item there is."""
        (found,) = self.items()
        return self.item(found["ref"])

    def kinds(self, ref: str) -> list[str]:
        """Kinds of the timeline, oldest first."""
        return [line["kind"] for line in reversed(self.item(ref)["timeline"])]

    def sent(self, n: int = -1) -> Message:
        """The n-th mail that left, the newest by default."""
        return self.sink.mails[n]


def text_of(mail: Message) -> str:
    """The plain text of a mail that left."""
    part = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode("utf-8")
