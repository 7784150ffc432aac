"""From SMTP (10 connections) to committed ticket with its acknowledgement queued, against django-helpdesk reading the same mails from a folder.

    .venv/bin/python -m bench.flow [--mails 300] [--rounds 3] [--helpdesk-python PATH]

Embedded SQLite, one process, brakes raised; rounds are interleaved, the printed ratio is the median over rounds. Without a Python that has
django-helpdesk==2.6.1 and Django==5.2.19 only our own figures are printed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.house import ROOT, Guichet, guichet, helpdesk, make_corpus


def feed(house: Guichet, folder: Path, *more: str) -> dict[str, float]:
    """Feed from a process of its own, so that its interpreter does not share ours."""
    done = subprocess.run([sys.executable, "-m", "bench.load", str(house.port), str(folder), *more], cwd=ROOT, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def references(house: Guichet, folder: Path) -> dict[str, str]:
    """Token of the corpus → reference of the ticket that its parent opened."""
    by_message = dict(house.query("SELECT k.message_id, i.ref FROM known_id k JOIN item i ON i.id = k.item_id WHERE k.direction = 'in'"))
    found = {}
    for line in (folder / "manifest.jsonl").read_text().splitlines():
        entry = json.loads(line)
        reference = by_message.get(entry["msgid"].strip("<>"))
        if reference:
            found[f"@@T{entry['i']:06d}@@"] = f"[{reference}]"
    return found


def ours(work: Path, folder: Path) -> dict[str, float]:
    """One round: everything but replies, then the replies with their tickets' references; the time from first connect to last commit of each."""
    with guichet(work / "guichet") as house:
        cpu = house.cpu_seconds()
        seconds, total = 0.0, 0
        for only in ("first", "replies"):
            table = work / "references.json"
            table.write_text(json.dumps(references(house, folder) if only == "replies" else {}))
            fed = feed(house, folder, "--only", only, "--replace", str(table))
            total += int(fed["n"])
            ended = time.perf_counter()
            seconds += fed["secs"] + max(0.0, house.wait_until_read(total) - ended)
        cpu = house.cpu_seconds() - cpu
        states = dict(house.query("SELECT state, count(*) FROM inbound GROUP BY state"))
        queued = house.query("SELECT count(*) FROM outbox")[0][0]
        items = house.query("SELECT count(*) FROM item")[0][0]
    return {"n": total, "rate": total / seconds, "cpu_ms": cpu * 1000 / total, "items": items, "acknowledgements": queued, **states}


def main() -> None:
    """Run the rounds and print a table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--mails", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", default="7")
    parser.add_argument("--prefix", default="c")
    parser.add_argument("--helpdesk-python", type=Path)
    asked = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory(prefix="guichet-bench-") as name:
        folder = make_corpus(Path(name) / "corpus", asked.mails, asked.seed, asked.prefix)
        for turn in range(asked.rounds):
            work = Path(name) / f"round-{turn}"
            work.mkdir()
            figures = ours(work, folder)
            print(f"round {turn + 1}: guichet   {figures['rate']:7.1f} mails/s  {figures['cpu_ms']:5.2f} ms CPU/mail  {figures}", flush=True)
            if asked.helpdesk_python:
                peer = helpdesk(asked.helpdesk_python, work / "helpdesk", folder / "eml")
                rate = peer["n"] / peer["secs"]
                ratios.append(figures["rate"] / rate)
                print(f"         helpdesk  {rate:7.1f} mails/s  {peer['cpu'] * 1000 / peer['n']:5.2f} ms CPU/mail  ratio {ratios[-1]:.2f}", flush=True)
    if ratios:
        print(f"median ratio {statistics.median(ratios):.2f} (at least 2 is asked)")


if __name__ == "__main__":
    main()
