"""The whole way in on one database, without doors: mails are put there as the intake would, and processed when told to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from core.brakes import Brakes
from core.mail import Envelope, Mail
from core.setup import Setup
from core.work_item import WorkItem
from gateway.apply import Apply
from gateway.clock import FakeClock
from gateway.desk import Desk
from gateway.inbound.isolate import read_mail
from gateway.inbound.port import Arrival
from gateway.inbound.process import Processor
from gateway.keys import Keys
from gateway.store import arrivals, inbound_list, items, outboxes
from gateway.store.engine import Database
from gateway.store.schema import inbound, notification, outbox, timeline
from gateway.store.setups import Setups

SUPPORT = "support@demo.example"
JO = "jo@acme.example"
ANN = "ann@demo.example"


def a_raw(
    *,
    from_: str = f"Jo <{JO}>",
    to: str = SUPPORT,
    subject: str = "Printer",
    message_id: str = "",
    text: str = "It does not print.",
    headers: Iterable[str] = (),
) -> bytes:
    """A plain mail as bytes."""
    lines = [f"From: {from_}", f"To: {to}", f"Subject: {subject}", *([f"Message-ID: <{message_id}>"] if message_id else []), *headers, "", text, ""]
    return "\r\n".join(lines).encode()


@dataclass
class WayIn:
    """Everything between the intake and the outbox."""

    database: Database
    setup: Setup
    clock: FakeClock
    keys: Keys
    brakes: Brakes = field(default_factory=Brakes)
    read: Callable[[bytes], Mail] = read_mail
    woken: int = 0

    def __post_init__(self) -> None:
        self.setups = Setups(self.clock)
        self.apply: Any = Apply(self.keys, self.clock)
        with self.database.durable() as connection:
            self.setups.save(connection, self.setup, "test", self.clock.now())

    def configure(self, setup: Setup) -> None:
        """Another setup from now on."""
        with self.database.durable() as connection:
            self.setups.save(connection, setup, "test", self.clock.now())

    def processor(self, holder: str = "me", *, apply: Any = None) -> Processor:
        return Processor(
            self.database,
            self.setups,
            self.keys,
            self.clock,
            apply or self.apply,
            lambda raw: self.read(raw),
            holder=holder,
            limits=self.brakes,
            on_mail_queued=self._wake,
        )

    def _wake(self) -> None:
        self.woken += 1

    def desk(self) -> Desk:
        return Desk(self.database, self.setups, self.clock, self.apply)

    def arrive(self, raw: bytes, *, to: Iterable[str] = (SUPPORT,), sender: str = JO, door: str = "smtp", archive: bool = False, connector: str = "") -> str:
        """A mail is taken in; nothing else happens. Returns the inbound id."""
        inbound_id = self.clock.new_id()
        arrival = Arrival(raw, door, self.clock.advance(seconds=1), sender, tuple(to), connector, "", archive)
        with self.database.durable() as connection:
            arrivals.store(connection, [(inbound_id, arrival)])
        return inbound_id

    def take(self, raw: bytes, **more: Any) -> dict[str, Any]:
        """A mail is taken in and processed. Returns it as the list shows it."""
        inbound_id = self.arrive(raw, **more)
        self.processor().sweep()
        return self.shown(inbound_id)

    def shown(self, inbound_id: str) -> dict[str, Any]:
        with self.database.read() as connection:
            return inbound_list.show(connection, inbound_id)

    def item(self, ref: str) -> WorkItem:
        with self.database.read() as connection:
            found = items.by_ref(connection, ref)
        assert found is not None
        return found

    def items(self) -> list[WorkItem]:
        from gateway.store.item_rows import item_of
        from gateway.store.schema import item

        with self.database.read() as connection:
            return [item_of(row) for row in connection.execute(select(item).order_by(item.c.number))]

    def save(self, work_item: WorkItem) -> None:
        """An item put into a state by hand."""
        with self.database.durable() as connection:
            items.save(connection, work_item)

    def kinds(self, ref: str) -> list[str]:
        """The kinds of the timeline's lines, oldest first."""
        with self.database.read() as connection:
            return list(connection.execute(select(timeline.c.kind).where(timeline.c.item_id == self.item(ref).id).order_by(timeline.c.seq)).scalars())

    def outbox(self) -> list[Any]:
        """The mails in the outbox, oldest first."""
        with self.database.read() as connection:
            return [outboxes.get(connection, one) for one in connection.execute(select(outbox.c.id).order_by(outbox.c.created_at, outbox.c.id)).scalars()]

    def told_of_failures(self) -> list[tuple[str, str]]:
        """(who, with which words): whom the house tells that a mail did not arrive."""
        with self.database.read() as connection:
            rows = connection.execute(select(notification).where(notification.c.occasion == "failed", notification.c.state == "waiting"))
            return [(row.user_key, row.words) for row in rows]

    def sent(self, outbox_id: str) -> None:
        """The mail has left."""
        with self.database.durable() as connection:
            connection.execute(outbox.update().where(outbox.c.id == outbox_id).values(state="sent", sent_at=self.clock.now()))

    def count(self, table: Any = inbound) -> int:
        with self.database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    def explain(self, raw: bytes, to: Iterable[str] = (SUPPORT,)) -> dict[str, Any]:
        return self.processor().explain(raw, Envelope("smtp", JO, tuple(to)))

    def later(self, **delta: float) -> None:
        self.clock.advance(**delta) if delta else self.clock.advance(seconds=timedelta(minutes=5).total_seconds())
