"""Free loopback ports for servers of the tests: below those that the system gives to outgoing connections, a range for each worker."""

from __future__ import annotations

import itertools
import os
import re
import socket

FIRST = 10_000
EACH = 1_400
RANGES = 16
"""They end at 32,400; Linux takes ports of outgoing connections from 32,768 on, so none is taken between the look and the server's start."""

_worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or RANGES - 1) % RANGES
_places = itertools.cycle(range(EACH))
for _ in range(os.getpid() * 17 % EACH):  # another run of the tests on this machine begins elsewhere
    next(_places)


def free_port() -> int:
    """A loopback port that nobody listens on just now, and that this process has not been given lately."""
    for _ in range(EACH):
        port = FIRST + _worker * EACH + next(_places)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"None of the {EACH} ports from {FIRST + _worker * EACH} on is free.")
