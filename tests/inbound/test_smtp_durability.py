"""Stored before acknowledged, seen from outside: system calls of the process, and what is left of it after a kill."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.store.engine import Database
from tests.inbound.doors import MAIL, Client, stored
from tests.postfix import wait_for

ROOT = Path(__file__).parent.parent.parent


@contextmanager
def child(database: Path, before: tuple[str, ...] = ()) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The door's process and its port."""
    command = [*before, sys.executable, "-m", "tests.inbound.smtp_child", str(database)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True)
    assert process.stdout is not None
    try:
        yield process, int(process.stdout.readline())
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def _strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _strace_works(), reason="strace is not installed or not allowed here")
def test_a_flush_before_each_250(tmp_path: Path) -> None:
    """Between two 250 of one client there is at least one fdatasync that has ended, also before the first."""
    trace = tmp_path / "trace"
    strace = ("strace", "-f", "-o", str(trace), "-e", "trace=fdatasync,fsync,sendto,write,sendmsg", "-s", "80")
    with child(tmp_path / "g.db", strace) as (process, port):
        with Client(port) as client:
            client.begin()
            for _ in range(5):
                assert client.deliver(MAIL + b".\r\n").startswith("250 2.0.0")
        tracee = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
        os.kill(tracee, signal.SIGTERM)
        process.wait(20)
    begun = [
        line
        for line in trace.read_text().splitlines()
        if "354 " in line or "queued as" in line or re.search(r"(fdatasync|fsync)(\(.*\)| resumed>.*\)) += 0", line)
    ]
    seen_open, flushed, answers = False, False, 0
    for line in begun:
        if "354 " in line:
            seen_open, flushed = True, False
        elif "queued as" in line:
            assert seen_open and flushed, f"a 250 without a flush before it: {line}"
            answers, seen_open = answers + 1, False
        else:
            flushed = True
    assert answers == 5


def test_every_250_survives_a_kill(tmp_path: Path) -> None:
    """The process is killed under load: each mail that got its 250 is in the database, whole, under the id that was said."""
    said: dict[str, bytes] = {}
    with child(tmp_path / "g.db") as (process, port):

        def feed(name: int) -> None:
            try:
                with Client(port) as client:
                    client.begin()
                    for number in range(100_000):
                        mail = b"Subject: %d.%d\r\n\r\n%s\r\n" % (name, number, b"x" * 5000)
                        reply = client.deliver(mail + b".\r\n")
                        if not reply.startswith("250 2.0.0 Ok: queued as "):
                            return
                        said[reply.rpartition(" ")[2]] = mail
            except (OSError, AssertionError):
                return

        threads = [threading.Thread(target=feed, args=(name,)) for name in range(5)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(said) > 200, 30)
        process.kill()
        for thread in threads:
            thread.join()
    database = Database(f"sqlite:///{tmp_path}/g.db")
    kept = {row.id: row.bytes for row in stored(database)}
    database.dispose()
    assert len(said) > 200
    assert {inbound_id: kept.get(inbound_id) for inbound_id in said} == said


def test_sigterm_drains(tmp_path: Path) -> None:
    """SIGTERM in the middle of a mail: the mail ends with its 250, then 421; the process ends by itself with the mail stored."""
    with child(tmp_path / "g.db") as (process, port), Client(port) as client:
        client.begin()
        client.ask(b"MAIL FROM:<a@b.example>\r\n")
        client.ask(b"RCPT TO:<support@demo.example>\r\n")
        client.ask(b"DATA\r\n")
        client.send(MAIL)
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: _is_closed(port), 20)
        assert client.ask(b".\r\n").startswith("250 2.0.0") and client.reply().startswith("421 4.3.2")
        assert process.wait(20) == 0
    database = Database(f"sqlite:///{tmp_path}/g.db")
    assert len(stored(database)) == 1
    database.dispose()


def _is_closed(port: int) -> bool:
    try:
        Client(port).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # taken from the queue at the moment of closing: look once more
        return False
    return False
