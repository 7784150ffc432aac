"""The people, the setup and the items that the tests of deeds share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from core.conversation import Conversation, LastMail, Said
from core.decision import ContactOnItem, Decision, Entry
from core.deeds import Ask, ask_of
from core.mail import Address
from core.on_person import act
from core.outbox import OutboxState
from core.refs import reference
from core.scene import Scene
from core.setup import Connector, Process, Role, Route, RouteKind, Setup, Team, User
from core.status import Place
from core.work_item import WorkItem

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANN = User("u-ann", "ann@demo.example", "Ann Agent", Role.AGENT, "Support", ("First line",))
BOB = User("u-bob", "Bob@Demo.example", "Bob Agent", Role.AGENT, "Support", ("Claims",))
LEA = User("u-lea", "lea@demo.example", "Lea Leader", Role.LEADER, "Support", ())
ROOT = User("u-root", "root@demo.example", "Root", Role.ADMIN)
GONE = User("u-gone", "gone@demo.example", "Gone", Role.AGENT, "Support", ("First line",), active=False)

TICKETS = Process("p-t", "ticket", "General support", "Acme", "Main", "Helpdesk", ("Question", "Incident/Network"), "First line", timedelta(days=5), True)
LOOSE = Process("p-l", "ticket", "Loose", queue="First line", feedback_window=timedelta(0))
CASES = Process("p-c", "case", "Claim", queue="Claims", feedback_window=timedelta(days=10))

SETUP = Setup(
    language="en",
    default_connector="support",
    unmonitored_address="no-reply@demo.example",
    teams=(Team("Support", "lea@demo.example"), Team("Others")),
    users=(ANN, BOB, LEA, ROOT, GONE),
    queues=("First line", "Claims"),
    connectors=(
        Connector("c-1", "support", "support@demo.example", ("help@demo.example",)),
        Connector("c-2", "inbox", "inbox@demo.example", direction="incoming"),
    ),
    processes=(TICKETS, LOOSE, CASES),
    routes=(Route("r-1", "support", "default", RouteKind.FALLBACK, "support@demo.example", "General support"),),
)


def scene(user: User = ANN, now: datetime = NOW, setup: Setup = SETUP) -> Scene:
    """A person acts now."""
    return Scene(user, setup, now)


def made(kind: str = "ticket", place: Place | None = None, **more: Any) -> WorkItem:
    """An item of the kind, in To Do unless a place is given, with nobody on it."""
    process = TICKETS if kind == "ticket" else CASES
    item = WorkItem(
        id="i-1",
        kind=kind,
        number=101203,
        ref=reference(kind, 101203),
        title="Printer",
        process_id=process.id,
        created_at=NOW - timedelta(days=1),
        updated_at=NOW - timedelta(days=1),
        version=3,
        home_queue=process.queue,
        queue=process.queue,
        connector="support",
        reply_from="support@demo.example",
    )
    if place is not None:
        item = replace(item, status=place.status, wait_type=place.wait_type)
    return replace(item, **more)


def carl(*tags: str) -> ContactOnItem:
    """The customer as a contact."""
    return ContactOnItem("i-1", "carl@acme.example", "Carl Customer", tags or ("primary", "requester"))


def note(seq: int = 10, by: str = "ann@demo.example") -> Said:
    """A note by a person."""
    return Said(seq, NOW, by)


def sent(state: OutboxState = OutboxState.SENT, seq: int = 11, by: str = "ann@demo.example", **more: Any) -> Said:
    """A mail by a person in a state."""
    return Said(seq, NOW, by, outbox_id="o-1", state=state, **more)


def came(**more: Any) -> LastMail:
    """The customer's newest mail."""
    return replace(LastMail("in-1", NOW, "last@acme.example", "Printer on fire", Address("carl@acme.example", "Carl Customer")), **more)


def do(item: WorkItem, verb: str, *, by: User = ANN, talk: Conversation | None = None, now: datetime = NOW, setup: Setup = SETUP, **arguments: Any) -> Decision:
    """A verb with its arguments, as the desk asks for it."""
    ask: Ask = ask_of(arguments)
    return act(item, verb, ask, scene(by, now, setup), talk or Conversation(said=(note(),)))


def after(decision: Decision) -> WorkItem:
    """The one item of a decision."""
    (item,) = decision.items
    return item


def kinds(decision: Decision) -> list[str]:
    """The kinds of the lines that were written, in order."""
    return [str(entry.kind) for entry in decision.entries]


def line(decision: Decision, kind: str) -> Entry:
    """The one line of a kind."""
    (entry,) = [entry for entry in decision.entries if entry.kind == kind]
    return entry
