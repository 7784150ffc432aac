"""The second story: an outbox full of mails that are due at once, sent in batches while people undo; filled before the curtain, and what must be true at the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any

from core.mail import Address
from core.outbox import Draft, Purpose, Recipient
from core.retry import template_for
from core.setup import Connector, Setup
from core.work_item import WorkItem
from gateway.bootstrap import House, open_house
from gateway.clock import FakeClock
from gateway.outbound.compose import seal
from gateway.store import items, outboxes
from gateway.store.engine import Database
from tests.crash.child import AGENT
from tests.crash.played import Played
from tests.crash.stages import START
from tests.crash.story import CUSTOMER
from tests.houses import sending_to, settings_for, url_of

ROOT = "root@demo.example"
ITEMS = {"ticket-1": "support", "ticket-2": "support", "ticket-3": "support", "ticket-4": "claims", "ticket-5": "claims", "ticket-6": "claims"}
"""Six tickets, and the connector that each writes by."""
AUTOMATIC = frozenset({"ticket-2", "ticket-4"})
"""Their first mail is written by the desk itself, the others' by a person."""
RESOLVES = "ticket-3"
CROSSES = "ticket-6"
"""Its second mail goes out by the other connector."""
SCHEDULED = "ticket-5"
IN_AN_HOUR = timedelta(hours=1)
UNDONE = ("ticket-1", "ticket-4")
"""Here a person has written a third mail with time to change their mind, and does; in the second of them it had resolved the ticket."""


CONNECTIONS = {"support": 1, "claims": 2}
"""How many mails of a connector may be on the wire at once."""


def desk_for(setup: Setup, port: int) -> Setup:
    """Both connectors send to the sink; copies of what the first one sends go into its mailbox."""
    return replace(setup, connectors=tuple(_sending(one) for one in sending_to(setup, port).connectors))


def _sending(connector: Connector) -> Connector:
    way: dict[str, object] = {**connector.outgoing, "connections": CONNECTIONS[connector.name]}
    if connector.name != "support":
        return replace(connector, outgoing=way)
    incoming: dict[str, object] = {"kind": "imap", "host": "127.0.0.1", "port": 1, "username": "support"}
    return replace(connector, incoming=incoming, outgoing={**way, "sent_folder": "Sent"})


def fill(folder: Path, database: Database) -> None:
    """Six tickets with two mails each, two mails that will be undone, and a key that signs them all."""
    house = open_house(settings_for(folder, url_of(database), broker={"url": "drop://"}), clock=FakeClock(START))
    house.dkim_desk.new("demo.example", ROOT, selector="s1", kind="ed25519")
    house.dkim_desk.switch("demo.example", "s1", ROOT, enabled=True, anyway=True)
    for number, name in enumerate(ITEMS):
        _item(house, name, number)
    for n in (1, 2):
        for number, name in enumerate(ITEMS):
            _write(house, name, f"{101001 + number}-T", n)
    for name in UNDONE:
        ref = f"{101001 + list(ITEMS).index(name)}-T"
        house.desk.mail(ref, AGENT, text=f"{name} mail 3", to=(CUSTOMER,), undo=timedelta(minutes=1), resolve=name == UNDONE[1])
    house.close()


def _item(house: House, name: str, number: int) -> None:
    item = WorkItem(
        id=name, kind="ticket", number=101001 + number, ref=f"{101001 + number}-T", title=name, process_id="p-support", created_at=START, updated_at=START,
        home_queue="First line", queue="First line", assignee=AGENT, connector=ITEMS[name],
    )  # fmt: skip
    with house.database.durable() as connection:
        items.save(connection, item)


def _write(house: House, name: str, ref: str, n: int) -> None:
    text = f"{name} mail {n}"
    if n == 1 and name in AUTOMATIC or n == 2 and name == CROSSES:
        _queue(house, name, ref, text, automatic=n == 1)
        return
    when = START + IN_AN_HOUR if n == 2 and name == SCHEDULED else None
    house.desk.mail(ref, AGENT, text=text, to=(CUSTOMER,), undo=timedelta(0), resolve=n == 2 and name == RESOLVES, send_at=when)


def _queue(house: House, name: str, ref: str, text: str, *, automatic: bool) -> None:
    """A mail as the core decides it, without what it is the answer to."""
    with house.database.durable() as connection:
        setup = house.setups.current(connection)
        connector = setup.connector_named[ITEMS[name] if automatic else "support"]
        draft = Draft(
            id=house.clock.new_id(), item_id=name, purpose=Purpose.ACKNOWLEDGEMENT if automatic else Purpose.PERSON, connector=connector.name,
            from_=Address(connector.address), recipients=(Recipient(Address(CUSTOMER)),), due_at=START, author="" if automatic else AGENT,
            subject=name, text=text,
        )  # fmt: skip
        sealed = seal(draft, connector, setup, house.keys, ref=ref)
        outboxes.insert(connection, draft, sealed, now=START, ref=ref, template=template_for(setup, connector))


def tell(played: Played) -> None:
    """Two mails are undone, the others leave; one waits for its hour."""
    for entry in played.ask("outbox"):
        if entry["state"] == "queued" and START < _moment(entry["due_at"]) < START + IN_AN_HOUR:
            played.ask("undo", entry["id"])
    played.pump()
    played.until(lambda: all(entry["state"] in ("sent", "failed", "cancelled", "unknown") for entry in played.ask("outbox")), minutes=10)


def check(played: Played) -> None:
    """Everything arrived, in order, once but for the one gap; what was undone never left, and the tickets say so."""
    played.pump()
    outbox = {f"<{entry['message_id']}>": entry for entry in played.ask("outbox")}
    states = Counter(entry["state"] for entry in outbox.values())
    assert states == Counter(sent=2 * len(ITEMS), cancelled=len(UNDONE)), states
    sent = played.sink.times_sent()
    assert set(sent) == {message_id for message_id, entry in outbox.items() if entry["state"] == "sent"}, "what was undone never left, all else did"
    for message_id, times in sent.items():
        assert times == 1 or times == 2 and _was_unknown(outbox[message_id]), f"{message_id} left {times} times: {outbox[message_id]['history']}"
    unknown = Counter(str(entry["connector"]) for entry in outbox.values() if _was_unknown(entry))
    assert all(n <= CONNECTIONS[name] * played.deaths for name, n in unknown.items()), f"more are unknown than were on the wire: {unknown}"
    assert len(unknown) <= 1, "there is one thread that claims, and a batch is of one connector"
    _check_bytes(played)
    _check_order(played, outbox)
    status = {entry["title"]: entry["status"] for entry in played.ask("items")}
    assert status == {name: "resolved" if name == RESOLVES else "in_progress" for name in ITEMS}, status
    copied = {entry["id"] for entry in outbox.values() if entry["state"] == "sent" and entry["connector"] == "support"}
    assert Counter(played.ask("copies")) == Counter(copied), "a copy is due of each mail of that mailbox, once"


def _check_bytes(played: Played) -> None:
    """Each is signed once, and a repeat has the same bytes, the signature among them."""
    first: dict[str, bytes] = {}
    for raw, mail in zip(played.sink.raw, played.sink.mails, strict=True):
        assert len(mail.get_all("DKIM-Signature", [])) == 1
        assert first.setdefault(str(mail["Message-ID"]), raw) == raw


def _check_order(played: Played, outbox: dict[str, dict[str, Any]]) -> None:
    """The first mail of a ticket leaves for the last time before the second one leaves."""
    arrived: dict[str, list[int]] = {}
    for mail in played.sink.mails:
        entry = outbox[str(mail["Message-ID"])]
        arrived.setdefault(str(entry["item"]), []).append(1 if entry["system_generated"] else _number(mail))
    assert len(arrived) == len(ITEMS)
    for ref, numbers in arrived.items():
        assert numbers == sorted(numbers), f"{ref}: {numbers}"


def _number(mail: Message) -> int:
    return int(str(mail.get_payload(decode=True)).partition(" mail ")[2][:1])


def _was_unknown(entry: dict[str, Any]) -> bool:
    return any("unknown" in line for line in entry["history"])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
