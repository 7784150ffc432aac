"""Whose lease it is: which holders on this machine are processors that no longer run. A holder is named `host/process/random`."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

_LIVING: set[str] = set()
"""Names of the holders of this process."""


def living(holder: str) -> None:
    """This holder works in this process."""
    _LIVING.add(holder)


def dead(holders: Iterable[str]) -> list[str]:
    """Those on this machine whose process is gone, or whose process number is ours now. Of other machines nothing is known."""
    host = socket.gethostname()[:40]
    found = []
    for holder in holders:
        parts = holder.split("/")
        if len(parts) == 3 and parts[0] == host and parts[1].isdigit() and holder not in _LIVING and not _lives(int(parts[1])):
            found.append(holder)
    return found


def _lives(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
