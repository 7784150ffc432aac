"""How fast the outbox empties: distinct mails queued in SQLite → Postfix `smtp-sink`, against a bare smtplib loop that sends the same bytes prebuilt.

    .venv/bin/python -m bench.sending --mails 10000 --rounds 3

One process, every commit made; the bare loop keeps one connection. The two take turns, a tenth of the mails each, in the same run.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import shutil
import smtplib
import statistics
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import event, update

from core.mail import Address
from core.outbox import Draft, Purpose, Recipient
from core.retry import template_for
from core.setup import Connector, Process, Setup, User
from core.setup import Role as Roles
from core.work_item import WorkItem
from gateway.apply import Apply
from gateway.clock import Clock, SystemClock
from gateway.keys import Keys
from gateway.outbound.compose import seal
from gateway.outbound.dispatch import Dispatcher
from gateway.store import items, outboxes
from gateway.store.engine import Database
from gateway.store.prepared import Prepared
from gateway.store.schema import metadata, outbox, outbox_attempt, outbox_recipient, raw_mail
from gateway.store.setups import Setups

SINKS = ("/usr/sbin/smtp-sink", "/usr/libexec/postfix/smtp-sink", "/usr/lib/postfix/sbin/smtp-sink")
SENDER = "support@bench.example"
CHUNKS = 10
AT_ONCE = 500
"""Mails queued in one commit."""


@contextmanager
def sink(folder: Path) -> Iterator[int]:
    """Postfix's SMTP peer that takes everything; its port."""
    from tests.conftest import free_port

    program = next((one for one in SINKS if Path(one).exists()), None) or shutil.which("smtp-sink")
    if program is None:
        raise SystemExit("smtp-sink is not installed; it comes with Postfix.")
    port = free_port()
    owner = ["-u", "nobody"] if os.geteuid() == 0 else []
    with (folder / "sink.log").open("w") as log:
        running = subprocess.Popen([program, *owner, f"127.0.0.1:{port}", "1000"], stdout=log, stderr=log)
    try:
        for _ in range(100):
            try:
                smtplib.SMTP("127.0.0.1", port).quit()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        running.terminate()
        running.wait()


class Outbox:
    """An installation whose outbox is filled once and sent as often as asked."""

    def __init__(self, folder: Path, port: int, mails: int, size: int, threads: int, *, on_items: bool) -> None:
        self.mails, self.threads = mails, threads
        self.clock: Clock = SystemClock()
        self.keys = Keys((b"k" * 32,))
        self.database = Database(f"sqlite:///{folder}/bench.db")
        with self.database.durable() as connection:
            metadata.create_all(connection)
        self.setups = Setups(self.clock)
        self.setup = _setup(port)
        with self.database.durable() as connection:
            self.setups.save(connection, self.setup, "bench", self.clock.now())
        self.dispatcher = Dispatcher(
            self.database, self.setups, self.keys, self.clock, Apply(self.keys, self.clock), holder="bench/1/1", folder=folder, hostname="bench.example"
        )
        self._fill(size, on_items=on_items)

    def _fill(self, size: int, *, on_items: bool) -> None:
        with self.database.read() as connection:
            setup = self.setups.current(connection)
        connector = setup.connector_named["bench"]
        for start in range(0, self.mails, AT_ONCE):
            with self.database.lazy() as connection:
                for n in range(start, min(start + AT_ONCE, self.mails)):
                    now = self.clock.now()
                    item_id = f"i{n}" if on_items else ""
                    if on_items:
                        items.save(connection, _item(n, self.clock))
                    draft = _draft(n, item_id, size, self.clock)
                    sealed = seal(draft, connector, setup, self.keys, ref=f"{200_000 + n}-T")
                    outboxes.insert(connection, draft, sealed, now=now, ref=f"{200_000 + n}-T", template=template_for(setup, connector))

    def again(self) -> None:
        """Queue everything once more."""
        with self.database.durable() as connection:
            connection.execute(outbox_attempt.delete())
            connection.execute(update(outbox_recipient).values(outcome="pending", words=""))
            connection.execute(update(outbox).values(state="queued", attempts=0, marked=False, sent_at=None))
        self.database.checkpoint()

    def send(self, limit: int) -> float:
        """Send so many mails with so many threads; the seconds that took."""
        began = time.perf_counter()
        left = [limit]
        lock = threading.Lock()

        def work() -> None:
            while True:
                with lock:
                    share, left[0] = min(1000, left[0]), left[0] - min(1000, left[0])
                if not share:
                    return
                while share > 0:
                    done = self.dispatcher.run_due(share)
                    if not done:
                        raise SystemExit("nothing is due, though mails are left")
                    share -= done

        if self.threads == 1:
            work()
        else:
            threads = [threading.Thread(target=work) for _ in range(self.threads)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        return time.perf_counter() - began

    def envelopes(self) -> list[tuple[str, bytes]]:
        """Recipient and bytes of every mail, as they leave."""
        with self.database.read() as connection:
            rows = connection.execute(raw_mail.select().order_by(raw_mail.c.id))
            return [(f"{row.id}@customer.example", bytes(row.bytes)) for row in rows]

    def states(self) -> Counter[str]:
        with self.database.read() as connection:
            return Counter(row.state for row in connection.execute(outbox.select()))

    def close(self) -> None:
        self.dispatcher.close()
        self.database.dispose()


class Bare:
    """The reference: one smtplib connection, kept."""

    def __init__(self, port: int, mails: Sequence[tuple[str, bytes]]) -> None:
        self._server = smtplib.SMTP("127.0.0.1", port, local_hostname="bench.example")
        self._mails = mails
        self._at = 0

    def send(self, limit: int) -> float:
        began = time.perf_counter()
        for _ in range(limit):
            recipient, data = self._mails[self._at % len(self._mails)]
            self._server.sendmail(SENDER, [recipient], data)
            self._at += 1
        return time.perf_counter() - began

    def close(self) -> None:
        self._server.quit()


@contextmanager
def counted(outbox_: Outbox) -> Iterator[Counter[str]]:
    """What the database is asked meanwhile: statements and commits of either kind."""
    found: Counter[str] = Counter()
    database = outbox_.database
    engines = (database._durable, database._lazy)

    def statement(_connection: object, _cursor: object, text: str, *_rest: object) -> None:
        found["statements"] += not text.startswith(("BEGIN", "PRAGMA"))

    executed = Prepared._executed

    def prepared(self: Prepared, *given: object) -> object:
        found["statements"] += 1
        return executed(self, *given)  # type: ignore[arg-type]

    Prepared._executed = prepared  # type: ignore[method-assign,assignment]
    durable, lazy = database.durable, database.lazy
    database.durable = lambda: found.update({"durable commits": 1}) or durable()  # type: ignore[method-assign,func-returns-value]
    database.lazy = lambda: found.update({"lazy commits": 1}) or lazy()  # type: ignore[method-assign,func-returns-value]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", statement)
    try:
        yield found
    finally:
        Prepared._executed = executed  # type: ignore[method-assign]
        for engine in engines:
            event.remove(engine, "before_cursor_execute", statement)
        database.durable, database.lazy = durable, lazy  # type: ignore[method-assign]


def _setup(port: int) -> Setup:
    outgoing: dict[str, object] = {"kind": "smtp", "host": "127.0.0.1", "port": port, "security": "none", "connections": 8}
    return Setup(
        default_connector="bench",
        queues=("First line",),
        users=(User("u1", "ann@bench.example", "Ann", Roles.AGENT, queues=("First line",)),),
        processes=(Process("p1", "ticket", "Support", queue="First line"),),
        connectors=(Connector("c1", "bench", SENDER, direction="outgoing", outgoing=outgoing),),
    )


def _item(n: int, clock: Clock) -> WorkItem:
    now = clock.now()
    return WorkItem(
        id=f"i{n}", kind="ticket", number=200_000 + n, ref=f"{200_000 + n}-T", title=f"Printer {n}", process_id="p1", created_at=now, updated_at=now,
        home_queue="First line", queue="First line", assignee="ann@bench.example",
    )  # fmt: skip


def _draft(n: int, item_id: str, size: int, clock: Clock) -> Draft:
    line = f"This is mail {n:06d}, one of many, and all of them are different from each other.\n"
    return Draft(
        id=f"m{n:06d}",
        item_id=item_id,
        purpose=Purpose.PERSON,
        connector="bench",
        from_=Address(SENDER, "Ann"),
        recipients=(Recipient(Address(f"m{n:06d}@customer.example")),),
        due_at=clock.now() - timedelta(seconds=1),
        author="ann@bench.example",
        subject=f"Re: Printer {n}",
        text=line * (size // len(line)),
    )


def main() -> None:
    """Print the ratio of each round, the median, and what a mail costs."""
    asked = argparse.ArgumentParser(description="Sending against a bare smtplib loop.")
    asked.add_argument("--mails", type=int, default=10_000)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--size", type=int, default=30_000)
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--folder", help="where the database is made (default: a temporary folder)")
    asked.add_argument("--without-items", action="store_true", help="mails that belong to no item")
    asked.add_argument("--profile", action="store_true", help="print where our time goes, once")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as made, sink(Path(made)) as port:
        ours = Outbox(Path(made), port, given.mails, given.size, given.threads, on_items=not given.without_items)
        mails = ours.envelopes()
        print(f"{given.mails} mails of {statistics.mean(len(data) for _, data in mails):,.0f} bytes, {given.threads} thread(s), SQLite, one process")
        bare = Bare(port, mails)
        chunk = max(1, given.mails // CHUNKS)
        ratios = []
        for n in range(given.rounds):
            times = Counter[str]()
            for _ in range(CHUNKS):
                times["bare"] += bare.send(chunk)  # type: ignore[assignment]
                times["ours"] += ours.send(chunk)  # type: ignore[assignment]
            ratios.append(times["bare"] / times["ours"])
            sent = chunk * CHUNKS
            assert ours.states()["sent"] == sent, ours.states()
            print(f"round {n + 1}: bare {sent / times['bare']:,.0f}/s, ours {sent / times['ours']:,.0f}/s, ratio {ratios[-1]:.2f}")
            ours.again()
        print(f"median ratio {statistics.median(ratios):.2f}")
        few = min(given.mails, 800)
        with counted(ours) as found:
            ours.send(few)
        print(", ".join(f"{found[what] / few:.2f} {what} a mail" for what in ("durable commits", "lazy commits", "statements")))
        if given.profile:
            ours.again()
            profile = cProfile.Profile()
            profile.enable()
            ours.dispatcher.run_due(min(given.mails, 2000))
            profile.disable()
            pstats.Stats(profile).sort_stats("cumtime").print_stats("gateway|core|bench")
        bare.close()
        ours.close()


if __name__ == "__main__":
    main()
