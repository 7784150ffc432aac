"""Acceptance alone, SMTP to durable commit, against `bare_smtp.py group` on the same mails in the same run; what is done with the mails later is `flow.py`."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.house import DESK_ADDRESS, SHARED, free_port, guichet, make_corpus
from bench.load import feed, read_corpus

Mails = list[tuple[str, bytes]]


@contextmanager
def bare_group() -> Iterator[tuple[int, int]]:
    """The reference: bare aiosmtpd, one file, one fdatasync for all that wait. Its port and process id."""
    port = free_port()
    process = subprocess.Popen([sys.executable, SHARED / "bare_smtp.py", "group", str(port)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(port: int, pid: int, mails: Mails, connections: int) -> tuple[float, float]:
    """Mails a second and milliseconds of server CPU a mail. A short run before the clock warms both sides alike."""
    feed(port, mails[:20], DESK_ADDRESS, connections)
    before = cpu_seconds(pid)
    seconds = feed(port, mails, DESK_ADDRESS, connections)
    return len(mails) / seconds, (cpu_seconds(pid) - before) * 1000 / len(mails)


def one_round(folder: Path, mails: Mails, connections: int, ours_first: bool) -> dict[str, float]:
    """Both sides once."""
    found: dict[str, float] = {}
    for side in ("ours", "bare") if ours_first else ("bare", "ours"):
        if side == "bare":
            with bare_group() as (port, pid):
                found["bare"], found["bare_cpu_ms"] = measure(port, pid, mails, connections)
        else:
            with guichet(folder, roles="smtp") as running:
                found["ours"], found["ours_cpu_ms"] = measure(running.port, running.process.pid, mails, connections)
                check_stored(running.query("SELECT count(*) FROM raw_mail"), len(mails) + 20)
    found["ratio"] = found["ours"] / found["bare"]
    return {name: round(value, 2) for name, value in found.items()}


def check_stored(counted: list[tuple[object, ...]], expected: int) -> None:
    """A fast server that loses mail has no figure."""
    if counted != [(expected,)]:
        raise RuntimeError(f"{counted} mails are stored, {expected} were accepted")


def main() -> None:
    """Measure, print each round and the median ratio as JSON lines."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--seed", default="7")
    parser.add_argument("--prefix", default="c")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="guichet-bench-") as scratch:
        mails = read_corpus(make_corpus(Path(scratch) / "corpus", asked.n, asked.seed, asked.prefix))
        rounds = []
        for number in range(asked.rounds):
            rounds.append(one_round(Path(scratch) / f"round{number}", mails, asked.connections, ours_first=number % 2 == 1))
            sys.stdout.write(json.dumps({"round": number + 1, **rounds[-1]}) + "\n")
    sys.stdout.write(json.dumps({"median_ratio": statistics.median(one["ratio"] for one in rounds), "asked_for": 0.6}) + "\n")


if __name__ == "__main__":
    main()
