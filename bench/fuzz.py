"""Looks for bytes that break the invariant of reading (`bench/invariant.py`), led by the branches they reach; for a machine with an hour to spare.

    uv run --group fuzz python -m bench.fuzz [--seconds 60] [--corpus FOLDER] [--found FOLDER]

New inputs that reach something new are kept in FOLDER (`.fuzz` unless told), so that the next run goes on from them. Whatever breaks the
invariant is written to `--found` (`.fuzz-found`) and ends the run with exit 1; `python -m bench.invariant FILE` shows it again.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["gateway", "core"]):
    from bench.invariant import SECONDS, hold

from bench.mutation import LONGEST, mutated, seeds

DISTURBED = 4.0
"""Neighbours and the instrumentation slow the run down: an input is a finding when it takes so many times its seconds."""


class Fuzzed:
    """The seeds, what was found, and the two functions that the fuzzer calls."""

    def __init__(self, found: Path) -> None:
        self.seeds = seeds()
        self.found = found

    def one(self, raw: bytes) -> None:
        """The target. Raises what breaks the invariant."""
        began = time.process_time()
        try:
            hold(raw)
            spent = time.process_time() - began
            if spent > SECONDS * DISTURBED:
                raise AssertionError(f"{len(raw)} bytes took {spent:.1f} seconds")
        except Exception:  # an outer edge: it is written down, and the fuzzer ends with it
            path = self.found / f"{hashlib.sha256(raw).hexdigest()[:16]}.eml"
            path.write_bytes(raw)
            print(f"The invariant is broken by {path}", file=sys.stderr)
            raise

    def mutate(self, raw: bytes, most: int, seed: int) -> bytes:
        """Structure-aware in most cases, blind in some."""
        dice = random.Random(seed)
        if dice.random() < 0.3:
            return bytes(atheris.Mutate(raw, most))
        return mutated(raw, dice.choice(self.seeds), dice)[:most]


def main() -> None:
    """Run for the seconds asked for; libFuzzer ends the process, with 0 if nothing was found."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--seconds", type=int, default=60)
    asked.add_argument("--corpus", type=Path, default=Path(".fuzz"))
    asked.add_argument("--found", type=Path, default=Path(".fuzz-found"))
    given = asked.parse_args()
    fuzzed = Fuzzed(given.found)
    for folder in (given.corpus, given.found):
        folder.mkdir(parents=True, exist_ok=True)
    for raw in fuzzed.seeds:
        path = given.corpus / hashlib.sha256(raw).hexdigest()[:16]
        if not path.exists():
            path.write_bytes(raw)
    options = [sys.argv[0], str(given.corpus), f"-max_total_time={given.seconds}", f"-max_len={LONGEST}", "-timeout=60", "-rss_limit_mb=2048", "-print_final_stats=1"]
    atheris.Setup([*options, f"-artifact_prefix={given.found}/"], fuzzed.one, custom_mutator=fuzzed.mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
