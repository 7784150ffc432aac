"""A dispatcher in a process of its own, for tests that look at system calls or end processes: `python -m tests.outbound.sender_child URL MOMENT`."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from gateway.apply import Apply
from gateway.clock import FakeClock
from gateway.keys import Keys
from gateway.outbound.dispatch import Dispatcher
from gateway.store.engine import Database
from gateway.store.setups import Setups


def send_all(url: str, moment: datetime, holder: str) -> None:
    """Send what is due at a moment, and leave."""
    clock, keys = FakeClock(moment), Keys((b"k" * 32,))
    database = Database(url)
    dispatcher = Dispatcher(database, Setups(clock), keys, clock, Apply(keys, clock), holder=holder, folder=Path("/nonexistent"))
    while dispatcher.run_due():
        pass
    dispatcher.close()
    database.dispose()


if __name__ == "__main__":
    send_all(sys.argv[1], datetime.fromisoformat(sys.argv[2]), "child/0/x")
