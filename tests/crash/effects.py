"""Counts the effects of a process on the world (commits and network writes) and ends it before or after a chosen one."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.store import outbox_claims
from gateway.store.engine import Database

CLAIMED = "claimed"
"""Begins the lines of the journal that say how many mails were claimed at once."""


@dataclass(frozen=True)
class KillAt:
    """End the process `before` or after effect number `n` (the first is 1); n = 0 never."""

    n: int = 0
    before: bool = True


class Effects:
    """The counter of one process. `names` lists the effects in order, for the message of a failing test."""

    def __init__(self, kill_at: KillAt, journal: Path) -> None:
        self._kill_at = kill_at
        self._journal = journal
        self._lock = threading.RLock()
        self.count = 0

    def around(self, name: str, effect: Callable[[], Any]) -> Any:
        """Run one effect, dying before or after it if its turn has come."""
        with self._lock:
            self.count += 1
            number = self.count
            with self._journal.open("a") as journal:
                journal.write(f"{number} {name}\n")
        if number == self._kill_at.n and self._kill_at.before:
            die()
        result = effect()
        if number == self._kill_at.n:
            die()
        return result

    def watch_claims(self) -> None:
        """How many mails are claimed at once is noted; it is no effect by itself."""
        original = outbox_claims.claim

        def claim(*arguments: Any, **named: Any) -> Any:
            claimed = original(*arguments, **named)
            with self._lock, self._journal.open("a") as journal:
                journal.write(f"{CLAIMED} {len(claimed)}\n")
            return claimed

        outbox_claims.claim = claim

    def watch_sockets(self) -> None:
        """Every send of this process's sockets is an effect."""
        for method in ("send", "sendall"):
            setattr(socket.socket, method, self._watched(getattr(socket.socket, method)))

    def _watched(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def send(sock: socket.socket, payload: Any, *flags: Any) -> Any:
            if sock.family not in (socket.AF_INET, socket.AF_INET6):  # the event loop's own wake-up pair
                return original(sock, payload, *flags)
            return self.around(f"write {bytes(payload[:12])!r}", lambda: original(sock, payload, *flags))

        return send

    def watch_commits(self, database: Database, after_durable: Callable[[], None]) -> None:
        """Every commit is an effect; `after_durable` runs when a durable one has ended."""
        for engine, name in ((database.engine, "durable"), (database._lazy, "lazy")):
            if engine is database.engine and name == "lazy":
                continue  # PostgreSQL has one engine for both
            original = engine.dialect.do_commit

            def do_commit(connection: Any, original: Callable[..., None] = original, name: str = name) -> None:
                def commit() -> None:
                    original(connection)
                    if name == "durable":
                        after_durable()

                self.around(f"commit {name}", commit)

            engine.dialect.do_commit = do_commit  # type: ignore[method-assign]


def die() -> None:
    """Gone, at once, with nothing tidied up."""
    os.kill(os.getpid(), signal.SIGKILL)
