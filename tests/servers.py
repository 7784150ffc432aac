"""Throw-away servers for tests, found or started once per run; what they are asked is the business of the tests."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from sqlalchemy.engine import URL, make_url


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@functools.cache
def postgres_url() -> URL | None:
    """The server named by GUICHET_TEST_POSTGRES_URL, else a cluster of our own started from Debian's binaries, else None."""
    named = os.environ.get("GUICHET_TEST_POSTGRES_URL")
    if named:
        return make_url(named)
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if not binaries:
        return None
    return _start_postgres(binaries[-1])


def _start_postgres(binaries: Path) -> URL:
    folder = Path(tempfile.mkdtemp(prefix="guichet-pg-"))
    port = _free_port()
    as_owner: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        as_owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True, "cwd": "/"}
    subprocess.run([*as_owner, binaries / "initdb", "-D", folder / "data", "-U", "guichet", "--auth=trust", "-E", "UTF8", "--no-sync"], **quiet)  # type: ignore[call-overload]
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=200 -c shared_buffers=64MB"
    start = [*as_owner, binaries / "pg_ctl", "-D", folder / "data", "-o", options, "-w", "-l", folder / "log", "start"]
    subprocess.run(start, **quiet)  # type: ignore[call-overload]

    def stop() -> None:
        subprocess.run([*as_owner, binaries / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return URL.create("postgresql+psycopg", "guichet", host="127.0.0.1", port=port, database="postgres")
