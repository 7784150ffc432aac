"""Marked before the final dot, settled after its answer: seen from outside, by system calls and by killing the sender everywhere."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from core.setup import Setup
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.outbound import dialogue, wire
from gateway.store import outbox_claims
from gateway.store.engine import Database
from tests.conftest import make_schema
from tests.outbound.drafts import House, with_connector
from tests.outbound.peer import Peer
from tests.outbound.sender_child import send_all

ROOT = Path(__file__).parent.parent.parent


def _strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0


def sends_to(peer: Peer, setup: Setup, connections: int = 1) -> Setup:
    """The setup whose support connector sends to the peer."""
    return with_connector(setup, outgoing={"kind": "smtp", "host": "127.0.0.1", "port": peer.port, "security": "none", "connections": connections})


@pytest.mark.skipif(not _strace_works(), reason="strace is not installed or not allowed here")
@pytest.mark.parametrize("connections", [1, 3])
def test_a_flush_before_each_final_dot(tmp_path: Path, example_setup: Setup, keys: Keys, clock: FakeClock, connections: int) -> None:
    """Law 9: between the DATA command and each final dot at least one fdatasync has ended, and another one after the last dot: every answer is on disk."""
    database = Database(f"sqlite:///{tmp_path}/g.db")
    make_schema(database)
    with Peer() as peer:
        house = House(database, sends_to(peer, example_setup, connections), keys, clock)
        for n in range(9):
            house.queue(f"d{n}", item_id="")
        database.dispose()
        trace = tmp_path / "trace"
        strace = ("strace", "-f", "-o", str(trace), "-e", "trace=fdatasync,fsync,sendto", "-s", "400")
        child = (sys.executable, "-m", "tests.outbound.sender_child", f"sqlite:///{tmp_path}/g.db", clock.now().isoformat())
        subprocess.run([*strace, *child], cwd=ROOT, check=True, timeout=60)
        assert len(peer.taken) == 9
    waiting: dict[str, bool] = {}  # thread → whether a flush has ended since its DATA; one thread's commit may hold the marks of several
    flushed, dots = False, 0
    for line in trace.read_text().splitlines():
        thread = line.split(maxsplit=1)[0]
        if re.search(r"(fdatasync|fsync)(\(.*\)| resumed>.*\)) += 0", line):
            waiting, flushed = dict.fromkeys(waiting, True), True
        elif re.search(r'"(.*\\n)?DATA\\r\\n"', line):
            waiting[thread] = False
        elif re.search(r'sendto\(\d+, "\.\\r\\n", 3', line):
            assert waiting.pop(thread, False), f"the dot left without a flush: {line}"
            flushed, dots = False, dots + 1
    assert dots == 9 and flushed


STEPS = ("claim", "RCPT", "body", "mark before", "mark after", "dot before", "dot after", "settle before", "settle after")


@pytest.mark.parametrize("step", STEPS)
def test_killed_anywhere(step: str, database: Database, example_setup: Setup, keys: Keys, clock: FakeClock) -> None:
    """The sender is killed at each step; the next one finishes: sent once, or twice with the same bytes where the dot was on its way, and only there."""
    with Peer() as peer:
        house = House(database, sends_to(peer, example_setup), keys, clock)
        house.item()
        house.queue()
        url = database.url.render_as_string(hide_password=False)
        database.dispose()
        pid = os.fork()
        if pid == 0:
            try:
                _die_at(step)
                send_all(url, clock.now(), "dead/0/x")
            finally:
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        clock.advance(hours=1)
        dispatcher = house.dispatcher(holder="alive/0/x")
        dispatcher.recover_expired(clock.now())
        was_unknown = "unknown" in str(house.history())
        clock.advance(hours=1)
        dispatcher.run_due()
        dispatcher.close()
        sent = Counter(taken.data for taken in peer.taken)
    assert house.state() == "sent" and len(sent) == 1, "the same bytes"
    in_the_gap = step in ("mark after", "dot before", "dot after", "settle before")
    assert was_unknown is in_the_gap
    assert sum(sent.values()) == (2 if step in ("dot after", "settle before") else 1)
    assert [entry["became"] for entry in house.history()].count("sent") == 1


def _die_at(step: str) -> None:
    """From now on this process kills itself when it comes to a step."""

    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    what, _, side = step.partition(" ")
    places = {
        "claim": (outbox_claims, "due"),
        "mark": (outbox_claims, "mark"),
        "settle": (outbox_claims, "settle"),
        "RCPT": (dialogue._Dialogue, "_recipients_taken"),
        "body": (dialogue, "_write_body"),
    }
    if what == "dot":
        original = wire.Wire.write

        def write(self: wire.Wire, data: bytes, timeout: float) -> object:
            if data != b".\r\n":
                return original(self, data, timeout)
            if side == "before":
                die()
            done = original(self, data, timeout)
            self.sock.recv(100)  # type: ignore[union-attr]  # the peer has taken it
            die()
            return done

        wire.Wire.write = write  # type: ignore[method-assign,assignment]
    elif side == "after":
        at_commit = Database.durable

        def durable(self: Database) -> object:
            from contextlib import contextmanager

            @contextmanager
            def watched():  # type: ignore[no-untyped-def]
                with at_commit(self) as connection:
                    yield connection
                if len(done) == (0 if what == "mark" else 1):
                    die()
                done.append(1)

            return watched()

        done: list[int] = []
        Database.durable = durable  # type: ignore[method-assign,assignment]
    else:
        setattr(*places[what], die)
