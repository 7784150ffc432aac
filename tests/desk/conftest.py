"""A desk with the example setup on either database, and mails put on items as the way in would do it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from core.decision import ContactOnItem, Decision, Entry, EntryKind, KnownId
from core.outbox import OutboxState
from core.refs import reference
from core.setup import Setup
from core.status import Event
from core.work_item import WorkItem, move
from gateway.apply import Apply
from gateway.clock import FakeClock
from gateway.desk import Desk
from gateway.keys import Keys
from gateway.scheduler import Scheduler
from gateway.store import items
from gateway.store.engine import Database
from gateway.store.schema import inbound, inbound_body, outbox
from gateway.store.setups import Setups
from tests.desk.gate import Gate
from tests.houses import make_house

CARL = "carl@acme.example"


@dataclass
class Room:
    """A desk, its clock and its scheduler on one database."""

    database: Database
    setups: Setups
    setup: Setup
    clock: FakeClock
    apply: Apply
    woken: list[str] = field(default_factory=list)

    @property
    def desk(self) -> Desk:
        return Desk(self.database, self.setups, self.clock, self.apply, wake_outbox=lambda: self.woken.append("outbox"))

    def scheduler(self, holder: str = "me", recover: Callable[[object], int] = lambda now: 0) -> Scheduler:
        return Scheduler(
            self.database,
            self.setups,
            self.apply,
            self.clock,
            holder=holder,
            wake_inbound=self.woken.extend,
            wake_outbox=lambda: self.woken.append("outbox"),
            recover=recover,
        )

    def ticket(self, process: str = "General support", **more: object) -> str:
        """A ticket or case opened by Carl's mail, in To Do; returns its reference."""
        now = self.clock.now()
        found = self.setup.process_named[process]
        with self.database.durable() as connection:
            (number,) = items.take_numbers(connection, 1)
            item = WorkItem(
                id=f"in-{number}.0",
                kind=found.kind,
                number=number,
                ref=reference(found.kind, number),
                title="Printer on fire",
                process_id=self.setups.current(connection).process_named[process].id,
                created_at=now,
                updated_at=now,
                home_queue=found.queue,
                queue=found.queue,
                connector="support",
                reply_from="support@demo.example",
            )
            contact = ContactOnItem(item.id, CARL, "Carl Customer", ("primary", "requester", "original_requester"))
            self.apply(connection, Decision(items=(replace(item, **more),), contacts=(contact,)), self.setup, now)  # type: ignore[arg-type]
            self._mail_in(connection, item.id, f"in-{number}")
        return item.ref

    def mail_in(self, ref: str, inbound_id: str) -> None:
        """Another mail by Carl joins the item, as one that counts."""
        with self.database.durable() as connection:
            item = items.by_ref(connection, ref, lock=True)
            assert item is not None
            moved = move(item, Event.MAIL, self.clock.now(), "")
            woken = replace(moved.item, new_information=True, clocks=moved.item.clocks.cleared() if moved.changed else item.clocks)
            items.save(connection, woken)
            self._mail_in(connection, item.id, inbound_id)

    def _mail_in(self, connection: Connection, item_id: str, inbound_id: str) -> None:
        now = self.clock.now()
        connection.execute(
            inbound.insert().values(
                id=inbound_id,
                state="done",
                door="smtp",
                received_at=now,
                envelope_to=["support@demo.example"],
                size=1,
                message_id=f"{inbound_id}@acme.example",
                from_address=CARL,
                from_name="Carl Customer",
                subject="Printer on fire",
            )
        )
        people = {"from": [["Carl Customer", CARL]], "reply_to": [], "to": [["", "support@demo.example"]], "cc": []}
        connection.execute(
            inbound_body.insert().values(
                inbound_id=inbound_id, new_text="It burns.", quoted_text="", html="", attachments=[{"name": "fire.png", "size": 9}], people=people, defects=[]
            )
        )
        items.add_entries(connection, (Entry(item_id, now, EntryKind.MAIL_IN, inbound_id=inbound_id, system=True),))
        items.add_known_ids(connection, (KnownId(f"{inbound_id}@acme.example", item_id, "in", inbound_id),), now)

    def item(self, ref: str) -> WorkItem:
        """The item as it is stored."""
        with self.database.read() as connection:
            found = items.by_ref(connection, ref)
        assert found is not None
        return found

    def set_mail(self, outbox_id: str, state: OutboxState) -> None:
        """What the way out would write."""
        with self.database.durable() as connection:
            connection.execute(update(outbox).where(outbox.c.id == outbox_id).values(state=state.value))


@pytest.fixture
def gate(tmp_path: Path, database: Database, example_setup: Setup, clock: FakeClock) -> Iterator[Gate]:
    """The example desk, its help address without a route."""
    routes = tuple(route for route in example_setup.routes if route.name != "help")
    house = make_house(tmp_path, database, replace(example_setup, routes=routes), clock=clock)
    yield Gate(house, clock)
    house.close()


@pytest.fixture
def room(database: Database, clock: FakeClock, keys: Keys, example_setup: Setup) -> Room:
    """The example desk on an empty database of each kind."""
    setups = Setups(clock)
    with database.durable() as connection:
        setups.save(connection, example_setup, "root@demo.example", clock.now())
        setup = setups.current(connection)
    return Room(database, setups, setup, clock, Apply(keys, clock))
