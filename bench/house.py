"""Starts and stops the things that are measured: a `guichet serve` of its own and django-helpdesk; feeding and counting is done by the benchmarks."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port as free_port

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "bench"
DESK_ADDRESS = "support@desk.example.com"

DESK = f"""
[desk]
name = "Bench desk"
timezone = "UTC"
language = "en"
default_connector = "support"

[[queues]]
name = "First line"

[[users]]
email = "root@desk.example.com"
name = "Root"
role = "admin"

[[retry_templates]]
name = "standard"
intervals = ["PT2M", "PT4M"]

[[connectors]]
name = "support"
address = "{DESK_ADDRESS}"
direction = "both"
incoming = {{ kind = "smtp" }}
outgoing = {{ kind = "maildir", path = "outgoing", retry_template = "standard" }}

[[ticket_processes]]
name = "Support"
categories = ["Question"]
queue = "First line"

[[routes]]
connector = "support"
name = "default"
kind = "fallback"
address = "{DESK_ADDRESS}"
process = "Support"
category = "Question"
send_automated_emails = true
"""

BRAKES_RAISED = {
    "GUICHET_LIMITS__AUTOMATIC_PER_ITEM": "1000000",
    "GUICHET_LIMITS__AUTOMATIC_PER_SENDER_DAY": "1000000",
    "GUICHET_LIMITS__AUTOMATIC_PER_HOUR": "10000000",
    "GUICHET_LIMITS__ITEMS_PER_SENDER_HOUR": "0",
    "GUICHET_SMTP__CONNECTIONS_PER_MINUTE": "1000000",
    "GUICHET_LOG__LEVEL": "warning",
}


class Guichet:
    """A running installation on SQLite in `folder`."""

    def __init__(self, folder: Path, roles: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._environment = {
            **os.environ,
            **BRAKES_RAISED,
            "GUICHET_CONFIG": str(folder / "guichet.toml"),
            "GUICHET_SMTP__PORT": str(self.port),
            "GUICHET_LMTP__PORT": "0",
            "GUICHET_WEB__PORT": "0",
        }
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "guichet.toml").write_text("")
        (folder / "desk.toml").write_text(DESK)
        self.command("init", "--admin", "root@desk.example.com")
        self.command("config", "apply", str(folder / "desk.toml"))
        self.process = subprocess.Popen([sys.executable, "-m", "gateway.cli.main", "serve", "--roles", roles], env=self._environment, cwd=folder)
        self._wait_until_it_listens()

    def command(self, *words: str, given: str = "") -> str:
        """Run one `guichet` command and return what it printed."""
        command = [sys.executable, "-m", "gateway.cli.main", *words]
        done = subprocess.run(command, env=self._environment, cwd=self.folder, capture_output=True, text=True, input=given)
        if done.returncode:
            raise RuntimeError(f"guichet {' '.join(words)}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def _wait_until_it_listens(self) -> None:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None:
                raise RuntimeError(f"guichet serve ended with {self.process.returncode}")
            time.sleep(0.05)
        raise RuntimeError("guichet serve does not listen")

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Ask its database."""
        with sqlite3.connect(f"file:{self.folder / 'guichet.db'}?mode=ro", uri=True, timeout=30) as connection:
            return list(connection.execute(statement))

    def wait_until_read(self, n: int, seconds: float = 600) -> float:
        """Wait until `n` mails are settled; the moment (perf_counter) at which that was seen."""
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            (done,) = self.query("SELECT count(*) FROM inbound WHERE state NOT IN ('new', 'working')")[0]
            if isinstance(done, int) and done >= n:
                return time.perf_counter()
            time.sleep(0.02)
        raise RuntimeError(f"not all read after {seconds} s: {self.query('SELECT state, count(*) FROM inbound GROUP BY state')}")

    def memory(self, field: str = "VmRSS") -> int:
        """MB of the process: VmRSS now, VmHWM at its peak; child processes are added."""
        return sum(_memory_of(pid, field) for pid in _family(self.process.pid))

    def cpu_seconds(self) -> float:
        """User and system time of the process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def _memory_of(pid: int, field: str) -> int:
    try:
        found = re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except FileNotFoundError:
        return 0
    return int(found.group(1)) // 1024 if found else 0


def _family(pid: int) -> Iterator[int]:
    yield pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    if children.exists():
        for child in children.read_text().split():
            yield from _family(int(child))


@contextmanager
def guichet(folder: Path, roles: str = "smtp,worker,scheduler") -> Iterator[Guichet]:
    """A running installation, stopped at the end."""
    running = Guichet(folder, roles)
    try:
        yield running
    finally:
        running.stop()


def make_corpus(folder: Path, n: int, seed: str, prefix: str) -> Path:
    """The benchmark mix of `../shared/bench/corpus.py`."""
    if not (folder / "manifest.jsonl").exists():
        subprocess.run([sys.executable, SHARED / "corpus.py", folder, str(n), "--seed", seed, "--prefix", prefix], check=True)
    return folder


def helpdesk(python: Path, home: Path, mails: Path) -> dict[str, float]:
    """Let django-helpdesk read a folder of mails; its own figures (n, secs, cpu). `python` is that of its environment."""
    home.mkdir(parents=True)
    inbox = home / "inbox"
    inbox.mkdir()
    for mail in sorted(mails.iterdir()):
        (inbox / mail.name).write_bytes(mail.read_bytes())
    environment = {**os.environ, "HD_HOME": str(home), "HD_MAIL": "dummy", "HD_LOG": str(home / "helpdesk.log")}
    feed = [python, SHARED / "helpdesk" / "feed.py"]
    subprocess.run([*feed, "setup"], env=environment, check=True, cwd=home)
    printed = subprocess.run([*feed, "feed", inbox], env=environment, check=True, cwd=home, capture_output=True, text=True).stdout
    return dict(json.loads(printed.strip().splitlines()[-1]))
