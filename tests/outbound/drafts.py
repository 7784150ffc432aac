"""Drafts, items and dispatchers for the tests of the way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from core.delivery import Delivery, Meaning, Stage
from core.mail import Address, address_key
from core.outbox import Draft, OutboxMessage, OutboxState, Outcome, Purpose, Recipient
from core.retry import template_for
from core.settling import Rules, settle
from core.setup import Setup
from core.work_item import WorkItem
from gateway.apply import Apply
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.outbound.compose import seal
from gateway.outbound.dispatch import Dispatcher
from gateway.outbound.port import Outgoing
from gateway.store import items, outbox_claims, outboxes
from gateway.store.engine import Database
from gateway.store.schema import outbox
from gateway.store.setups import Setups

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
REF = "101203-T"


def make_draft(draft_id: str = "d1", **more: Any) -> Draft:
    """A person's answer on item i1, due at once."""
    values: dict[str, Any] = {
        "id": draft_id,
        "item_id": "i1",
        "purpose": Purpose.PERSON,
        "connector": "support",
        "from_": Address("support@demo.example", "Ann Agent"),
        "recipients": (Recipient(Address("carl@acme.example", "Carl Customer")),),
        "due_at": NOW,
        "author": "ann@demo.example",
        "subject": "Re: Printer",
        "text": "Hello.",
    }
    return Draft(**(values | more))


def make_message(**more: Any) -> OutboxMessage:
    """A person's mail that has been claimed for its first attempt."""
    values: dict[str, Any] = {
        "id": "d1",
        "seq": 1,
        "item_id": "i1",
        "state": OutboxState.SENDING,
        "due_at": NOW,
        "created_at": NOW,
        "author": "ann@demo.example",
        "purpose": Purpose.PERSON,
        "system_generated": False,
        "connector": "support",
        "importance": "normal",
        "message_id": "d1.mac@demo.example",
        "envelope_from": "support@demo.example",
        "subject": "Re: Printer",
        "recipients": (Recipient(Address("carl@acme.example")),),
        "attempts": 1,
        "tries_left": 3,
        "sealed": True,
    }
    return OutboxMessage(**(values | more))


def make_item(**more: Any) -> WorkItem:
    """A ticket that Ann works on."""
    values: dict[str, Any] = {
        "id": "i1",
        "kind": "ticket",
        "number": 101203,
        "ref": REF,
        "title": "Printer",
        "process_id": "p-support",
        "created_at": NOW,
        "updated_at": NOW,
        "home_queue": "First line",
        "queue": "First line",
        "assignee": "ann@demo.example",
    }
    return WorkItem(**(values | more))


def delivery(**outcomes: Outcome) -> Delivery:
    """An answer for recipients named by their local part at acme.example; `carl=Outcome.ACCEPTED`."""
    return Delivery(Stage.DOT, "", {f"{name}@acme.example": (outcome, f"words for {name}") for name, outcome in outcomes.items()})


class Way:
    """A transport that answers what it is told, and remembers what it was given."""

    def __init__(self, *answers: Outcome | Meaning | Exception | None) -> None:
        self.answers = list(answers)
        self.given: list[Outgoing] = []
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def deliver(self, mail: Outgoing, before_final_dot: Callable[[], None]) -> Delivery:
        """Outcome: for every recipient; Meaning: trouble; an exception is raised after the mark; None: everybody accepts."""
        self.given.append(mail)
        self.before()
        answer = (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]) if self.answers else Outcome.ACCEPTED
        if isinstance(answer, Meaning):
            return Delivery(Stage.AUTH, "535 no", trouble=answer)
        before_final_dot()
        self.after()
        if isinstance(answer, Exception):
            raise answer
        outcome = answer or Outcome.ACCEPTED
        return Delivery(Stage.DOT, "", {address_key(one): (outcome, f"said {outcome}") for one in mail.recipients})

    def close(self) -> None:
        """Nothing is open."""


class House:
    """A database with a setup, ways in for drafts and items, and dispatchers on it."""

    def __init__(self, database: Database, setup: Setup, keys: Keys, clock: FakeClock, folder: Path = Path("/nonexistent")) -> None:
        self.database, self.keys, self.clock, self.folder = database, keys, clock, folder
        self.setups = Setups(clock)
        self.apply = Apply(keys, clock)
        self.save(setup)

    def save(self, setup: Setup) -> None:
        with self.database.durable() as connection:
            self.setups.save(connection, setup, "root@demo.example", self.clock.now())

    @property
    def setup(self) -> Setup:
        with self.database.read() as connection:
            return self.setups.current(connection)

    def item(self, **more: Any) -> WorkItem:
        """Store an item."""
        made = make_item(**more)
        with self.database.durable() as connection:
            items.save(connection, made)
        return made

    def queue(self, draft_id: str = "d1", **more: Any) -> str:
        """Put a draft into the outbox."""
        draft = make_draft(draft_id, **({"due_at": self.clock.now()} | more))
        setup = self.setup
        connector = setup.connector_named[draft.connector]
        with self.database.durable() as connection:
            sealed = seal(draft, connector, setup, self.keys, ref=REF)
            outboxes.insert(connection, draft, sealed, now=self.clock.now(), ref=REF, template=template_for(setup, connector))
        return draft_id

    def dispatcher(self, way: Any = None, holder: str = "host/1/a", **more: Any) -> Dispatcher:
        transports = None if way is None else (lambda connector: way)
        return Dispatcher(self.database, self.setups, self.keys, self.clock, self.apply, holder=holder, folder=self.folder, transports=transports, **more)

    def get(self, draft_id: str = "d1") -> OutboxMessage:
        with self.database.read() as connection:
            message = outboxes.get(connection, draft_id)
        assert message is not None
        return message

    def state(self, draft_id: str = "d1") -> str:
        return str(self.get(draft_id).state)

    def history(self, draft_id: str = "d1") -> list[dict[str, Any]]:
        with self.database.read() as connection:
            return outboxes.history(connection, draft_id)

    def item_now(self, item_id: str = "i1") -> WorkItem:
        with self.database.read() as connection:
            return items.load(connection, (item_id,))[item_id]

    def claim(self, holder: str = "host/1/a", now: datetime | None = None, **more: Any) -> OutboxMessage | None:
        """Claim the next due message as a dispatcher does, of the first connector that has one."""
        moment = now or self.clock.now()
        names = [connector.name for connector in self.setup.connectors]
        with self.database.lazy() as connection:
            for name in more.get("usable", names):
                found = outbox_claims.due(connection, moment, name, live=more.get("live", names))
                if found:
                    return outbox_claims.claim(connection, found, moment, holder=holder, lease_until=moment + timedelta(minutes=30))[0]
        return None

    def settle_sent(self, claimed: OutboxMessage) -> None:
        """Everybody accepted."""
        people = {one.address.key: (Outcome.ACCEPTED, "250 ok") for one in claimed.recipients}
        settlement, _ = settle(claimed, Delivery(Stage.DOT, "", people), Rules(), self.clock.now())
        with self.database.durable() as connection:
            outbox_claims.settle(connection, settlement, self.clock.now())

    def copies(self, connection: Connection, n: int, state: str) -> None:
        """Many rows like d1, of one state, without recipients and bytes."""
        first = dict(connection.execute(select(outbox).where(outbox.c.id == "d1")).one()._mapping)
        connection.execute(outbox.insert(), [first | {"id": f"{state}-{i}", "message_id": f"{state}-{i}", "state": state} for i in range(n)])

    def plan_of_due(self, connection: Connection) -> str:
        """How the database looks for the next due message."""
        asked = {"in_state": "queued", "now": NOW, "by_connector": "support", "live": ["support"], "most": 8}
        compiled = outbox_claims._DUE.params(asked).compile(connection, compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN QUERY PLAN " if self.database.is_sqlite else "EXPLAIN "
        return "\n".join(str(row) for row in connection.exec_driver_sql(explain + str(compiled)))


def with_connector(setup: Setup, name: str = "support", **changes: Any) -> Setup:
    """The setup with one connector changed."""
    return replace(setup, connectors=tuple(replace(one, **changes) if one.name == name else one for one in setup.connectors))
