"""Memory of `guichet serve`: idle, ten seconds after many mails of the mix and one of 40 MB, and at its peak.

    .venv/bin/python -m bench.memory [--mails 10000]

The mix is made in portions and each is fed several times under new Message-IDs, so that the disk holds a gigabyte at most.
"""

from __future__ import annotations

import argparse
import base64
import os
import tempfile
import time
from pathlib import Path

from bench.house import DESK_ADDRESS, guichet, make_corpus
from bench.load import feed, read_corpus, stuffed

PORTION = 500


def large_mail(megabytes: int) -> bytes:
    """One mail with a single large attachment."""
    payload = base64.encodebytes(os.urandom(megabytes * 2**20 * 3 // 4)).replace(b"\n", b"\r\n")[: megabytes * 2**20]
    return (
        b"From: big@client.example.org\r\nTo: " + DESK_ADDRESS.encode() + b"\r\nSubject: large\r\nMessage-ID: <large@client.example.org>\r\n"
        b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee attached.\r\n--b\r\n'
        b'Content-Type: application/zip; name="large.zip"\r\nContent-Transfer-Encoding: base64\r\n\r\n' + payload + b"\r\n--b--\r\n"
    )


def main() -> None:
    """Feed, and print the three figures."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--mails", type=int, default=10_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="guichet-bench-") as name, guichet(Path(name) / "guichet", "smtp,worker,scheduler,dispatch,web") as house:
        time.sleep(5)
        print(f"idle          {house.memory():4d} MB (below 150 is asked)", flush=True)
        mails = read_corpus(make_corpus(Path(name) / "corpus", PORTION, "7", "m"))
        sent = 0
        while sent < asked.mails:
            part = [(sender, wire.replace(b"\r\nMessage-ID: <m", b"\r\nMessage-ID: <m%d." % sent, 1)) for sender, wire in mails[: asked.mails - sent]]
            feed(house.port, part, DESK_ADDRESS, 10)
            sent += len(part)
            print(f"{sent:6d} taken   {house.memory():4d} MB, peak {house.memory('VmHWM')} MB", flush=True)
        house.wait_until_read(sent)
        feed(house.port, [("big@client.example.org", stuffed(large_mail(40)))], DESK_ADDRESS, 1)
        house.wait_until_read(sent + 1)
        time.sleep(10)
        print(f"after         {house.memory():4d} MB (below 400 is asked), peak {house.memory('VmHWM')} MB (below 600 is asked)")


if __name__ == "__main__":
    main()
