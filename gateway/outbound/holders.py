"""Whose lease it is: holders are named `host/process/random`, so that a new process can tell which of its machine's leases are left by dead ones."""

from __future__ import annotations

import os


def is_dead(holder: str, own: str) -> bool:
    """Whether `holder` was a process of this machine that no longer runs. Of other machines nothing is known: their leases end by time."""
    if holder == own or "/" not in holder or "/" not in own:
        return False
    host, process, *_ = holder.split("/")
    own_host, own_process, *_ = own.split("/")
    if host != own_host or not process.isdecimal():
        return False
    return process == own_process or not _runs(int(process))


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
