"""How fast the IMAP door takes mail in, beside a bare imapclient loop that writes each batch to a file and fsyncs it.

    .venv/bin/python -m bench.imap --mails 10000 --rounds 3

Both read the same mailbox of a throw-away Dovecot, in batches of the same number of mails, in turns; the ratio of the medians is printed.
Mails are plain and of `--size` bytes, which is the hard case: the larger they are, the less our own work counts. `--size mixed` takes those
of a help desk: 63 % of 2 kB, 25 % of 10–40 kB, 12 % of 50–500 kB. The door commits every mail durably to SQLite (`--database URL` for another),
with its source, and moves its cursor.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from imapclient import IMAPClient

from core.setup import Connector, Setup
from gateway.clock import SystemClock
from gateway.inbound.fetching import Means
from gateway.inbound.imap import ImapFetcher
from gateway.inbound.imap_batch import BATCH_MAILS
from gateway.inbound.intake import Intake
from gateway.store import fetched
from gateway.store.engine import Database
from gateway.store.schema import metadata
from tests.dovecot import PASSWORD, Dovecot

USER = "bench"
LEAST = 0.7


MIXED = "mixed"


def size_of(number: int, size: str) -> int:
    """Bytes of one mail; those of the mix are spread evenly over its ranges."""
    if size != MIXED:
        return int(size)
    part, spread = number % 100, number // 100 % 10 / 10
    if part < 63:
        return 2_000
    return int(10_000 + 30_000 * spread) if part < 88 else int(50_000 + 450_000 * spread)


def mails(count: int, size: str) -> Iterator[bytes]:
    """Plain mails of about so many bytes."""
    line = "The quick brown fox jumps over the lazy dog, again and again.\r\n"
    for number in range(count):
        body = line * max(1, size_of(number, size) // len(line))
        head = f"From: a{number}@customer.example\r\nTo: bench@desk.example\r\nSubject: Mail {number}\r\nMessage-ID: <{number}@customer.example>\r\n"
        yield f"{head}Date: Mon, 2 Mar 2026 09:00:00 +0000\r\n\r\n{body}".encode()


def bare(port: int, folder: Path) -> int:
    """Fetch everything, one fsync for each batch; nothing else."""
    client = IMAPClient("127.0.0.1", port=port, ssl=False)
    client.login(USER, PASSWORD)
    client.select_folder("INBOX", readonly=True)
    uids = client.search(["ALL"])
    with (folder / "bare").open("wb") as file:
        for start in range(0, len(uids), BATCH_MAILS):
            for parts in client.fetch(uids[start : start + BATCH_MAILS], ["BODY.PEEK[]"]).values():
                file.write(parts[b"BODY[]"])
            file.flush()
            os.fsync(file.fileno())
    client.logout()
    return len(uids)


def fresh(folder: Path, url: str, uidvalidity: int) -> Database:
    """An empty database for a mailbox that was empty when it was first connected."""
    database = Database(url or f"sqlite:///{folder}/guichet.db")
    with database.durable() as connection:
        metadata.drop_all(connection)
        metadata.create_all(connection)
        fetched.save(connection, fetched.Folder("bench", "INBOX", uidvalidity=uidvalidity, begun_at=SystemClock().now(), choice="now"))
    return database


def door(port: int, database: Database) -> int:
    """The same through the door."""
    clock = SystemClock()
    intake = Intake(database, clock, Setup)
    incoming = {"kind": "imap", "host": "127.0.0.1", "port": port, "security": "none", "user": USER, "password_env": "PASSWORD"}
    fetcher = ImapFetcher(
        Connector("c", "bench", "bench@desk.example", incoming=incoming), Means(database, intake, clock, environ={"PASSWORD": PASSWORD})
    )
    fetcher.open()
    stored = fetcher.fetch().stored
    fetcher.close()
    intake.close()
    return stored


def main() -> int:
    """Exit 1 if the ratio is below what is promised."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--mails", type=int, default=10_000)
    asked.add_argument("--size", default="3000")
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--database", default="")
    given = asked.parse_args()
    rates: dict[str, list[float]] = {"bare": [], "door": []}
    with Dovecot(users=[USER]) as server:
        server.deliver_many(USER, mails(given.mails, given.size))
        with tempfile.TemporaryDirectory() as place:
            bare(server.imap, Path(place))  # Dovecot indexes what is new once
            with server.client(USER) as client:
                uidvalidity = int(client.status("INBOX", "(UIDVALIDITY)")[1][0].split()[-1].rstrip(b")"))
            for number in range(given.rounds):
                for name in ("bare", "door") if number % 2 else ("door", "bare"):
                    with tempfile.TemporaryDirectory(dir=place) as folder:
                        database = fresh(Path(folder), given.database, uidvalidity)
                        began = time.perf_counter()
                        count = bare(server.imap, Path(folder)) if name == "bare" else door(server.imap, database)
                        rates[name].append(count / (time.perf_counter() - began))
                        database.dispose()
                        assert count == given.mails, (name, count)
                        print(f"{name}: {rates[name][-1]:,.0f} mails/s", flush=True)
    pairs = statistics.median(door / bare for door, bare in zip(rates["door"], rates["bare"], strict=True))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    ratio = medians["door"] / medians["bare"]
    print(
        f"{given.mails:,} mails, size {given.size}: "
        f"bare {medians['bare']:,.0f} mails/s, door {medians['door']:,.0f} mails/s: ratio {ratio:.2f}, median of the rounds {pairs:.2f} (promised: {LEAST})"
    )
    return 0 if ratio >= LEAST else 1


if __name__ == "__main__":
    raise SystemExit(main())
