"""A hundred thousand mails, several dispatchers on one PostgreSQL, people who undo meanwhile: is each sent once, in order, and no undo lost?

    python -m bench.many [--mails 100000] [--dispatchers 4] [--undo 2000] [--kill]

Postfix `smtp-sink` is the outside world and writes each mail into a file; the dispatchers are processes of `guichet serve --roles dispatch`. With `--kill`
each of them is killed with -9 once on its way and started again. Exit 1 if anything that must hold does not.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, create_engine, func, select, text

from bench.house import BRAKES_RAISED, ROOT, free_port
from core.mail import Address
from core.outbox import Draft, Purpose, Recipient
from core.refusal import Refused
from core.setup import Connector, Process, RetryTemplate, Role, Setup, User
from core.transitions import IllegalTransition
from core.work_item import WorkItem
from gateway.bootstrap import House, open_house
from gateway.keys import Keys
from gateway.outbound.compose import seal
from gateway.outbound.port import CONNECTIONS
from gateway.settings import Settings
from gateway.store import items
from gateway.store.engine import Database
from gateway.store.migrate import upgrade
from gateway.store.outbox_rows import recipient_rows, sealed_values, to_text
from gateway.store.outboxes import _EMPTY
from gateway.store.schema import outbox, outbox_recipient, raw_mail, state_change
from gateway.store.setups import Setups

ADMIN = "root@desk.example.com"
PER_ITEM = 5
MANY = ("support", "claims")
QUIET = "quiet"
SETTLED = ("sent", "cancelled")
CHUNK = 2000
LOOK_EVERY = 0.5
PEOPLE = 4
UNDOS_A_SECOND = 15
FAR = datetime(2100, 1, 1, tzinfo=UTC)
_ID = re.compile(rb"^Message-ID: <([^>]+)>", re.MULTILINE)


@dataclass
class Play:
    """What was asked for and what came of it. Undo requests: outbox id → whether they were granted."""

    mails: int
    due: dict[str, datetime] = field(default_factory=dict)
    item_of: dict[str, str] = field(default_factory=dict)
    message_ids: dict[str, str] = field(default_factory=dict)
    granted: dict[str, bool] = field(default_factory=dict)
    in_time: set[str] = field(default_factory=set)
    later: tuple[str, ...] = ()
    killed: int = 0
    unknown: int = 0
    seconds: float = 0.0


def setup_for(port: int) -> Setup:
    """One queue, one administrator, two connectors with many mails that send to the sink, and a third for those that are undone: it is never behind."""
    way: dict[str, object] = {"kind": "smtp", "host": "127.0.0.1", "port": port, "security": "none", "retry_template": "standard", "unknown": "hold"}
    return Setup(
        name="Bench desk",
        default_connector="support",
        queues=("First line",),
        users=(User("u", ADMIN, "Root", Role.ADMIN),),
        retry_templates=(RetryTemplate("r", "standard", (timedelta(seconds=2), timedelta(seconds=4))),),
        connectors=tuple(Connector(f"c-{name}", name, f"{name}@desk.example.com", direction="outgoing", outgoing=dict(way)) for name in (*MANY, QUIET)),
        processes=(Process("p", "ticket", "Support", queue="First line"),),
    )


def fill(house: House, play: Play, undo: int) -> None:
    """Put the mails into the outbox: most are due now, the first `undo` of them are given their time by `plan`, so that people can change their mind."""
    with house.database.read() as connection:
        setup = house.setups.current(connection)
    now = house.clock.now()
    numbers = iter(range(200_000, 200_000 + play.mails))
    for start in range(0, play.mails, CHUNK):
        rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        with house.database.durable() as connection:
            for n in range(start, min(start + CHUNK, play.mails)):
                if n <= undo or (n - undo) % PER_ITEM == 0:
                    item = _item(house.clock.new_id(), next(numbers), now)
                    items.save(connection, item)
                connector = setup.connector_named[QUIET if n < undo else MANY[(n - undo) // PER_ITEM % len(MANY)]]
                _add(rows, house, setup, play, item, n, connector, FAR if n < undo else now, now)
            for table in (outbox, outbox_recipient, raw_mail, state_change):
                connection.execute(table.insert(), rows[table.name])


def plan(house: House, play: Play, seed: int) -> None:
    """When those that may be undone are due: one after the other, each at a moment of its own, as quickly as one person can change their mind."""
    dice = random.Random(seed)
    later = [one for one, due in play.due.items() if due == FAR]
    now = house.clock.now()
    for one in later:
        play.due[one] = now + timedelta(seconds=dice.uniform(6, 6 + len(later) / UNDOS_A_SECOND))
    set_due = outbox.update().where(outbox.c.id == bindparam("its_id")).values(due_at=bindparam("when"))
    with house.database.durable() as connection:
        if later:
            connection.execute(set_due, [{"its_id": one, "when": play.due[one]} for one in later])
    play.later = tuple(later)


def _item(item_id: str, number: int, now: datetime) -> WorkItem:
    return WorkItem(
        id=item_id, kind="ticket", number=number, ref=f"{number}-T", title="Printer", process_id="p", created_at=now, updated_at=now,
        home_queue="First line", queue="First line", connector="support",
    )  # fmt: skip


def _add(
    rows: dict[str, list[dict[str, Any]]], house: House, setup: Setup, play: Play, item: WorkItem, n: int, connector: Connector, due_at: datetime, now: datetime
) -> None:
    draft = Draft(
        id=house.clock.new_id(), item_id=item.id, purpose=Purpose.PERSON, connector=connector.name, from_=Address(connector.address, "Root"),
        recipients=(Recipient(Address(f"customer{n}@acme.example")),), due_at=due_at, author=ADMIN, subject=f"Re: Printer {n}", text=f"Answer {n}.\n" * 40,
    )  # fmt: skip
    sealed = seal(draft, connector, setup, house.keys, ref=item.ref)
    values = sealed_values(draft, sealed, item.ref)
    values["content"]["intervals"] = [2.0, 4.0]
    rows["outbox"].append(
        {
            **_EMPTY, **values, "id": draft.id, "seq": int(now.timestamp()) * 1_000_000 + n, "item_id": item.id, "state": "queued", "due_at": due_at,
            "created_at": now, "author": ADMIN, "purpose": str(draft.purpose), "system_generated": False, "connector": connector.name, "importance": "normal",
            "to_text": to_text(draft.recipients), "scheduled": False, "resolves": False, "starts_clock": False, "hold_reason": "", "retry_template_id": None,
            "tries_left": 3,
        }
    )
    rows["outbox_recipient"] += recipient_rows(draft.id, draft.recipients)
    rows["raw_mail"].append({"id": draft.id, "bytes": sealed.bytes})
    rows["state_change"].append({"what": "outbox", "row_id": draft.id, "at": now, "was": "", "became": "queued", "by": ADMIN, "reason": ""})
    play.due[draft.id], play.item_of[draft.id], play.message_ids[draft.id] = due_at, item.id, sealed.message_id


class Dispatchers:
    """Processes that send; each can be killed and is then started again."""

    def __init__(self, folder: Path, n: int, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self.processes = [self._start() for _ in range(n)]

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "gateway.cli.main", "serve", "--roles", "dispatch"]
        return subprocess.Popen(command, env=self._environment, cwd=self._folder, start_new_session=True)

    def kill_one(self, n: int) -> None:
        """With -9, and another one in its place."""
        self.processes[n].send_signal(signal.SIGKILL)
        self.processes[n].wait(30)
        self.processes[n] = self._start()

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(60)


def change_minds(house: House, play: Play, wanted: Sequence[str], stop: threading.Event) -> None:
    """A person who undoes each of these mails shortly before it is due: half a second to five seconds, or when it is just being sent."""
    dice = random.Random(7)
    moments = sorted((play.due[one] - timedelta(seconds=dice.choice((0.5, 1.0, 3.0, 5.0, 0.0, -0.02, -0.1, -1.0))), one) for one in wanted)
    for moment, one in moments:
        while not stop.is_set() and house.clock.now() < moment:
            time.sleep(0.002)
        asked = house.clock.now()
        try:
            house.desk.cancel_mail(one, ADMIN)
            play.granted[one] = True
        except (Refused, IllegalTransition):
            play.granted[one] = False
        if asked < play.due[one] - timedelta(milliseconds=200):
            play.in_time.add(one)


def smtp_sink_program() -> str | None:
    """Where Postfix's sink is, or None."""
    return shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextlib.contextmanager
def smtp_sink(folder: Path, port: int) -> Iterator[None]:
    """Postfix's own sink: one file for each mail, in the order in which they end."""
    sink = smtp_sink_program()
    if sink is None:
        raise RuntimeError("smtp-sink is not here; install the package postfix.")
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    owner = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([sink, *owner, "-d", f"{folder}/mail.", f"127.0.0.1:{port}", "200"])
    try:
        time.sleep(0.5)
        yield
    finally:
        process.terminate()
        process.wait(10)


def taken(folder: Path) -> list[tuple[str, int]]:
    """(Message-ID, when its file was written last in ns) of every mail the sink took to its end."""
    found = []
    for file in folder.iterdir():
        head = _ID.search(file.read_bytes()[:4000])
        if head is not None:
            found.append((head[1].decode("ascii"), file.stat().st_mtime_ns))
    return found


def judge(play: Play, mails: list[tuple[str, int]], states: dict[str, str], on_the_wire: int = 0) -> list[str]:
    """What does not hold, as sentences; nothing if all is well. `on_the_wire`: connections of processes that were killed, each with one mail at most."""
    wrong: list[str] = []
    if play.unknown > on_the_wire:
        wrong.append(f"{play.unknown} mails are of unknown outcome, and at most {on_the_wire} were on the wire")
    times = Counter(message_id for message_id, _ in mails)
    at = dict(mails)
    more = [one for one, n in times.items() if n > 1]
    uncertain = {play.message_ids[one] for one, state in states.items() if state == "unknown"}
    if set(more) - uncertain:
        wrong.append(f"{len(set(more) - uncertain)} mails were sent more than once")
    for one, state in states.items():
        arrived = times[play.message_ids[one]]
        if state == "sent" and not arrived:
            wrong.append(f"{one} counts as sent and did not arrive")
        if state == "cancelled" and arrived:
            wrong.append(f"{one} was cancelled and arrived")
        if state not in (*SETTLED, "unknown"):
            wrong.append(f"{one} is {state}")
    late = [one for one in play.in_time if not play.granted.get(one)]
    if late:
        wrong.append(f"{len(late)} undo requests in time were not granted")
    wrong += [f"the undo of {one} was granted and it is {states[one]}" for one, granted in play.granted.items() if granted and states[one] != "cancelled"]
    order: dict[str, list[int]] = defaultdict(list)
    for one, message_id in play.message_ids.items():  # in the order in which they were written
        if message_id in at and one not in play.later:
            order[play.item_of[one]].append(at[message_id])
    mixed = sum(moments != sorted(moments) for moments in order.values())
    if mixed:
        wrong.append(f"{mixed} items have mails out of order")
    return wrong


def play_out(house: House, play: Play, dispatchers: Dispatchers, *, kill: int, patience: float) -> dict[str, str]:
    """Run until everything is settled, and kill so many dispatchers once on the way; the state of each mail then."""
    stop = threading.Event()
    people = [threading.Thread(target=change_minds, args=(house, play, play.later[n::PEOPLE], stop)) for n in range(PEOPLE)]
    began = time.monotonic()
    for person in people:
        person.start()
    kills = list(range(kill))
    while time.monotonic() - began < patience:
        time.sleep(LOOK_EVERY)
        with house.database.read() as connection:
            counts = {str(state): int(n) for state, n in connection.execute(select(outbox.c.state, func.count()).group_by(outbox.c.state))}
        open_ones = sum(n for state, n in counts.items() if state not in (*SETTLED, "unknown", "failed"))
        if kills and open_ones < play.mails * len(kills) // (kill + 1):
            dispatchers.kill_one(kills.pop())
            play.killed += 1
        if not open_ones and not any(person.is_alive() for person in people):
            break
    play.seconds = time.monotonic() - began
    stop.set()
    for person in people:
        person.join()
    with house.database.read() as connection:
        return {row.id: row.state for row in connection.execute(select(outbox.c.id, outbox.c.state))}


def run(folder: Path, url: str, *, mails: int, dispatchers: int, undo: int, kill: int = 0, patience: float = 3600.0) -> tuple[Play, list[str], dict[str, str]]:
    """One play on an empty database; returns it, what does not hold, and the states."""
    port = free_port()
    (folder / "guichet.toml").write_text(f'[database]\nurl = "{url}"\n', "utf-8")
    Keys.create(folder / "secret.key")
    upgrade(Database(url))
    settings = Settings.model_validate({"data": str(folder), "database": {"url": url}, "broker": {"url": "drop://"}})
    house = open_house(settings)
    with house.database.durable() as connection:
        Setups(house.clock).save(connection, setup_for(port), "bench", house.clock.now())
    play = Play(mails)
    fill(house, play, undo)
    environment = {**os.environ, **BRAKES_RAISED, "GUICHET_CONFIG": str(folder / "guichet.toml"), "PYTHONPATH": str(ROOT)}
    with smtp_sink(folder / "sink", port):
        processes = Dispatchers(folder, dispatchers, environment)
        plan(house, play, seed=1)
        try:
            states = play_out(house, play, processes, kill=kill, patience=patience)
        finally:
            processes.stop()
    found = taken(folder / "sink")
    play.unknown = sum(state == "unknown" for state in states.values())
    house.close()
    on_the_wire = play.killed * len(setup_for(port).connectors) * CONNECTIONS
    return play, judge(play, found, states, on_the_wire), states


def main() -> int:
    """Play it on a throw-away cluster that flushes as a real one does."""
    from tests.servers import Postgres, postgres_binaries

    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--mails", type=int, default=100_000)
    words.add_argument("--dispatchers", type=int, default=4)
    words.add_argument("--undo", type=int, default=2_000)
    words.add_argument("--kill", action="store_true")
    asked = words.parse_args()
    binaries = postgres_binaries()
    if binaries is None:
        print("PostgreSQL is not installed.")
        return 75
    cluster = Postgres(binaries)
    folder = Path(tempfile.mkdtemp(prefix="guichet-many-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    folder.chmod(0o755)
    try:
        engine = create_engine(cluster.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("CREATE DATABASE many"))
        engine.dispose()
        url = cluster.url.set(database="many").render_as_string(hide_password=False)
        play, wrong, states = run(folder, url, mails=asked.mails, dispatchers=asked.dispatchers, undo=asked.undo, kill=asked.dispatchers if asked.kill else 0)
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
    granted = sum(play.granted.values())
    print(f"{play.mails} mails, {asked.dispatchers} dispatchers: {play.seconds:.0f} s, {play.mails / play.seconds:.0f} mails/s; states {dict(Counter(states.values()))}")
    print(f"undo: {len(play.granted)} asked, {granted} granted; {len(play.in_time)} of them in time, {sum(play.granted[one] for one in play.in_time)} granted")
    for sentence in wrong[:20]:
        print(f"WRONG: {sentence}")
    print("each once, in order, every undo honoured" if not wrong else f"{len(wrong)} things are wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
