"""Whose lease it is: holders are named `host/process/random`, so that a new process can tell which leases of its machine are left by dead ones.

Of other machines nothing is known: their leases end by time.
"""

from __future__ import annotations

import os
import socket

_LIVING: set[str] = set()
"""Names of the holders of this process."""


def new_holder(random: str) -> str:
    """The name of a holder of this process; `random` tells it from earlier processes with the same number."""
    return f"{_host()}/{os.getpid()}/{random}"


def living(holder: str) -> None:
    """This holder works in this process."""
    _LIVING.add(holder)


def is_dead(holder: str) -> bool:
    """Whether `holder` was of a process of this machine that no longer runs, or whose number is ours now."""
    parts = holder.split("/")
    if len(parts) != 3 or parts[0] != _host() or not parts[1].isdecimal():
        return False
    process = int(parts[1])
    return holder not in _LIVING if process == os.getpid() else not _runs(process)


def _host() -> str:
    return socket.gethostname()[:40]


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
