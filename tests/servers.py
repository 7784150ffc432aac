"""Throw-away servers for tests, found or started once per run; what they are asked is the business of the tests."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from tests.ports import free_port


@functools.cache
def postgres_url() -> URL | None:
    """The server named by GUICHET_TEST_POSTGRES_URL, else a cluster of our own started from Debian's binaries, else None."""
    named = os.environ.get("GUICHET_TEST_POSTGRES_URL")
    if named:
        return make_url(named)
    binaries = postgres_binaries()
    if binaries is None:
        return None
    cluster = Postgres(binaries, "-c fsync=off -c full_page_writes=off")  # nobody cuts its power
    atexit.register(cluster.stop)
    return cluster.url


def postgres_binaries() -> Path | None:
    """Where Debian keeps the newest PostgreSQL server's programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parent.parent.name))
    return found[-1].parent if found else None


class Postgres:
    """A throw-away cluster on a free port, with further options of `postgres`. As root it runs as the user postgres."""

    def __init__(self, binaries: Path, options: str = "") -> None:
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="guichet-pg-"))
        self._port = free_port()
        self._as_owner: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(self._folder, "postgres", "postgres")
            self._as_owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        self._options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 -c max_connections=200 -c shared_buffers=64MB {options}"
        self._run("initdb", "-D", self._folder / "data", "-U", "guichet", "--auth=trust", "-E", "UTF8", "--no-sync")
        self._start()

    @property
    def url(self) -> URL:
        return URL.create("postgresql+psycopg", "guichet", host="127.0.0.1", port=self._port, database="postgres")

    def _run(self, program: str, *arguments: str | Path, check: bool = True) -> None:
        command = [*self._as_owner, self._binaries / program, *arguments]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=check, cwd="/")

    def _start(self) -> None:
        self._run("pg_ctl", "-D", self._folder / "data", "-o", self._options, "-w", "-l", self._folder / "log", "start")

    def power_cut(self) -> None:
        """Everything not yet on disk is gone; then the machine is on again."""
        self._run("pg_ctl", "-D", self._folder / "data", "-m", "immediate", "-w", "stop")
        self._start()

    def stop(self) -> None:
        """Gone, with its files."""
        self._run("pg_ctl", "-D", self._folder / "data", "-m", "immediate", "-w", "stop", check=False)
        shutil.rmtree(self._folder, ignore_errors=True)


@functools.cache
def redis_url() -> str | None:
    """The server named by GUICHET_TEST_REDIS_URL, else one of our own, else None."""
    named = os.environ.get("GUICHET_TEST_REDIS_URL")
    if named:
        return named
    binary = shutil.which("redis-server")
    if binary is None:
        return None
    port = free_port()
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
    atexit.register(_end, process)
    _wait_for_port(port)
    return f"redis://127.0.0.1:{port}/0"


@functools.cache
def amqp_url() -> str | None:
    """The server named by GUICHET_TEST_AMQP_URL, else a RabbitMQ node of our own, else None."""
    named = os.environ.get("GUICHET_TEST_AMQP_URL")
    if named:
        return named
    if shutil.which("rabbitmq-server") is None:
        return None
    return _start_rabbitmq()


def _start_rabbitmq() -> str:
    folder = Path(tempfile.mkdtemp(prefix="guichet-amqp-"))
    port, epmd, distribution = free_port(), free_port(), free_port()
    as_owner: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "rabbitmq", "rabbitmq")
        as_owner = ["setpriv", "--reuid=rabbitmq", "--regid=rabbitmq", "--clear-groups"]
    binaries = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "RABBITMQ_NODENAME": f"guichet{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "ERL_EPMD_PORT": str(epmd),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }
    process = subprocess.Popen(
        [*as_owner, binaries[-1]], env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )

    def stop() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        subprocess.run(["epmd", "-port", str(epmd), "-kill"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env=environment)
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    _wait_for_port(port, seconds=60)
    return f"amqp://guest:guest@127.0.0.1:{port}/"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _wait_for_port(port: int, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"Nobody listens on port {port} after {seconds} s.")
