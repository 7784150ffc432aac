"""The process that gets killed: a whole house that does one thing at a time when told to, on a clock that it is given."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import select

from core.outbox import Purpose
from gateway.bootstrap import House, open_house
from gateway.clock import FakeClock
from gateway.inbound.port import Arrival
from gateway.store import outboxes
from gateway.store.schema import inbound, outbox, sent_copy, state_change
from tests.crash.effects import Effects, KillAt
from tests.houses import settings_for

AGENT = "ann@demo.example"


@dataclass(frozen=True)
class Stage:
    """Where a child plays: its database, its folder, the moment, and when it dies."""

    database_url: str
    folder: Path
    now: datetime
    kill_at: KillAt

    @property
    def journal(self) -> Path:
        return self.folder / "effects.txt"

    @property
    def log_length(self) -> Path:
        return self.folder / "wal-length.txt"

    @property
    def log(self) -> Path:
        return self.folder / "guichet.db-wal"


class Player:
    """The commands a child understands; each returns when its work is done and committed."""

    def __init__(self, house: House, clock: FakeClock) -> None:
        self._house = house
        self._clock = clock

    def pump(self, now: datetime) -> None:
        """Everything that is due at `now`: read, tick, send."""
        self._clock.set(now)
        self._house.processor.sweep()
        self._house.scheduler.tick(now)
        self._house.dispatcher.run_due()

    def items(self) -> list[dict[str, object]]:
        """Every item, as the command line shows it to an administrator."""
        return list(self._house.desk.list_items("root@demo.example"))

    def item(self, ref: str) -> dict[str, object]:
        """One item with its timeline."""
        return dict(self._house.desk.show(ref, "root@demo.example"))

    def answer(self, ref: str, text: str, resolve: bool) -> None:
        """The agent answers, unless the item already shows that answer: somebody who was not told looks first."""
        shown = self.item(ref)["timeline"]
        assert isinstance(shown, list)
        if not any(entry["kind"] == "mail_out" and text in str(entry["text"]) for entry in shown):
            self._house.desk.mail(ref, AGENT, text=text, undo=None, resolve=resolve)

    def do(self, ref: str, verb: str, unless: str, arguments: dict[str, object]) -> None:
        """The agent asks for a verb, unless the item already has the status that it leads to."""
        if self.item(ref)["status"] != unless:
            self._house.desk.do(ref, verb, AGENT, **arguments)

    def undo(self, outbox_id: str) -> None:
        """The agent changes their mind about a mail, unless it shows that already."""
        if self._house.desk.show_outbox(outbox_id, "root@demo.example")["state"] != "cancelled":
            self._house.desk.cancel_mail(outbox_id, AGENT)

    def copies(self) -> list[str]:
        """The mails of which a copy is due for their mailbox."""
        with self._house.database.read() as connection:
            return list(connection.execute(select(sent_copy.c.outbox_id)).scalars())

    def outbox(self) -> list[dict[str, object]]:
        """Every outgoing message with the states it has been in."""
        messages = self._house.desk.list_outbox("root@demo.example")
        changes = select(state_change.c.row_id, state_change.c.became, state_change.c.reason).where(state_change.c.what == "outbox").order_by(state_change.c.seq)
        with self._house.database.read() as connection:
            history = connection.execute(changes).all()
        return [{**message, "history": [f"{became}: {reason}" for row_id, became, reason in history if row_id == message["id"]]} for message in messages]

    def notify(self) -> None:
        """Our people are told what waits to be told."""
        self._house.notifier.run_due(self._clock.now())

    def answer_told(self, answer: Callable[[bytes], tuple[str, bytes]]) -> None:
        """The agent's answer to what they were told is brought, as by a door: stored before that is answered."""
        self.notify()
        (told,) = self.raws(str(Purpose.NOTIFICATION))
        to, raw = answer(told)
        self._house.intake.accept(Arrival(raw, "smtp", self._clock.now(), AGENT, (to,)))

    def read(self) -> None:
        """The worker reads what came in."""
        self._house.processor.sweep()

    def raws(self, purpose: str) -> list[bytes]:
        """The mails for that purpose, as they leave."""
        with self._house.database.read() as connection:
            ids = connection.execute(select(outbox.c.id).where(outbox.c.purpose == purpose).order_by(outbox.c.seq)).scalars()
            return [outboxes.raw(connection, one) for one in ids]

    def audit(self) -> list[dict[str, object]]:
        """The audit list of mails by our people."""
        return list(self._house.desk.list_agent_mails("root@demo.example"))

    def inbound(self) -> list[dict[str, object]]:
        """Every inbound message."""
        with self._house.database.read() as connection:
            return [dict(row) for row in connection.execute(select(inbound.c.id, inbound.c.state, inbound.c.reason)).mappings()]


def play(stage: Stage, pipe: Connection) -> None:
    """Open the house, say on which port its door listens, then do what the pipe says until it closes."""
    os.chdir(stage.folder)
    clock = FakeClock(stage.now)
    settings = settings_for(stage.folder, stage.database_url, broker={"url": "drop://"})
    house = open_house(settings, clock=clock)
    effects = Effects(stage.kill_at, stage.journal)
    effects.watch_sockets()
    effects.watch_commits(house.database, lambda: _note_log_length(stage))
    effects.watch_claims()
    if house.database.is_sqlite:
        house.database.no_automatic_checkpoints()
    house.dispatcher.recover_own()
    door = house.smtp_door()
    door.start()
    player = Player(house, clock)
    pipe.send(("ready", door.port))
    while True:
        try:
            command, arguments = pipe.recv()
        except EOFError:
            os._exit(0)
        if command == "move":
            clock.set(arguments[0])
            pipe.send(("done", None))
            continue
        pipe.send(("done", getattr(player, command)(*arguments)))


def _note_log_length(stage: Stage) -> None:
    """How much of SQLite's log is on disk for certain: its length after the last durable commit."""
    if stage.log.exists():
        stage.log_length.write_text(str(stage.log.stat().st_size))


def moved(stage: Stage, **changes: object) -> Stage:
    """The same stage at another moment or with another death."""
    return dataclasses.replace(stage, **changes)  # type: ignore[arg-type]
