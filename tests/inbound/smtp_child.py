"""An SMTP door in a process of its own, for tests that look at system calls or end processes: `python -m tests.inbound.smtp_child DATABASE.db`."""

from __future__ import annotations

import signal
import sys
import threading

from core.setup import Connector, Setup
from gateway.clock import SystemClock
from gateway.inbound.intake import Intake
from gateway.inbound.smtp import SmtpDoor, SmtpOptions
from gateway.store.engine import Database
from tests.conftest import make_schema


def main() -> None:
    """Serve until SIGTERM; the port is printed when the door is open."""
    database = Database(f"sqlite:///{sys.argv[1]}")
    make_schema(database)
    setup = Setup(connectors=(Connector("c-support", "support", "support@demo.example"),))
    intake = Intake(database, SystemClock(), lambda: setup)
    door = SmtpDoor(intake, SmtpOptions(port=0, hostname="mx.demo.example"))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    door.start()
    sys.stdout.write(f"{door.port}\n")
    sys.stdout.flush()
    while not stop.wait(0.2):  # under strace a signal may reach another thread, which does not wake this one
        pass
    door.stop(5)
    intake.close()


if __name__ == "__main__":
    main()
