"""Reading, splitting and classifying the mix, against the standard library parsing and decoding the same mails; and the slowest mail of the corpora.

    .venv/bin/python -m bench.reading [--mails 600] [--rounds 5] [--corpus ../shared/corpus]

CPU time of one process, rounds interleaved; the printed ratio is the median over rounds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email import policy
from email.parser import BytesParser
from pathlib import Path

from bench.house import ROOT, make_corpus
from core.mail import Envelope
from core.setup import Setup
from gateway.inbound.isolate import read_mail
from gateway.routing.classify import classify
from gateway.routing.facts import Facts

FACTS = Facts(Setup(), "bench", datetime(2026, 11, 21, tzinfo=UTC))
ENVELOPE = Envelope("bench")
SLOWEST = 0.050
"""Seconds of CPU that no mail of the corpora may take."""
_PARSER = BytesParser(policy=policy.default)


def ours(raw: bytes) -> None:
    """One mail read, split and classified."""
    classify(read_mail(raw), FACTS)


def yardstick(raw: bytes) -> None:
    """One mail parsed and decoded in full."""
    mail = _PARSER.parsebytes(raw)
    _ = str(mail["subject"]), str(mail["from"]), str(mail["to"])
    for part in mail.walk():
        if not part.is_multipart():
            part.get_content()


def seconds(work: Callable[[bytes], None], mails: Sequence[bytes]) -> float:
    """CPU seconds of this process for all of them."""
    began = time.process_time()
    for raw in mails:
        work(raw)
    return time.process_time() - began


def best_of(raw: bytes, times: int = 3) -> float:
    """The least CPU seconds of some tries: what the mail costs, not what the neighbours do."""
    return min(seconds(ours, (raw,)) for _ in range(times))


def main() -> int:
    """Print the table; 1 if a mail is slower than allowed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--mails", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", default="7")
    parser.add_argument("--corpus", type=Path, default=ROOT.parent / "shared" / "corpus")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="guichet-bench-") as name:
        folder = make_corpus(Path(name) / "corpus", asked.mails, asked.seed, "r")
        mails = [file.read_bytes() for file in sorted((folder / "eml").glob("*.eml"))]
    ratios = []
    seconds(ours, mails[:50])
    seconds(yardstick, mails[:50])
    for turn in range(asked.rounds):
        mine, theirs = seconds(ours, mails), seconds(yardstick, mails)
        ratios.append(theirs / mine)
        print(f"round {turn + 1}: guichet {mine * 1000 / len(mails):.2f} ms, policy.default {theirs * 1000 / len(mails):.2f} ms a mail, ratio {ratios[-1]:.2f}")
    print(f"median ratio {statistics.median(ratios):.2f}")
    if not asked.corpus.is_dir():
        return 0
    slow = sorted(((best_of(file.read_bytes()), file) for file in sorted(asked.corpus.glob("*/*.eml"))), reverse=True)
    for spent, file in slow[:3]:
        print(f"{spent * 1000:6.1f} ms  {file.relative_to(asked.corpus)}")
    return int(bool(slow) and slow[0][0] > SLOWEST)


if __name__ == "__main__":
    sys.exit(main())
