"""How the virus scanner fares, in the row `scanner` of `connector_status`: said once when it goes and once when it comes back."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace

from gateway.clock import Clock
from gateway.inbound.inspection import NotInspected
from gateway.inbound.scanner import Scanned, Scanner
from gateway.store import connector_status
from gateway.store.engine import Database, is_passing_fault

PAUSE_SECONDS = 10.0
"""While it is away it is not asked more often than this: mails that wait for it must not hold up the others by its silence."""

log = logging.getLogger("guichet.scanner")


class WatchedScanner:
    """A scanner whose absence is written down; called with a raw mail, outside any transaction."""

    def __init__(self, scanner: Scanner, database: Database, clock: Clock, pause: float = PAUSE_SECONDS) -> None:
        self._pause = pause
        self._scanner = scanner
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._away: bool | None = None
        self._asked_at = 0.0
        self._because = ""

    def __call__(self, raw: bytes) -> Scanned:
        """The verdict. Raises NotInspected while there is none."""
        self._let_rest()
        try:
            scanned = self._scanner.scan(raw)
        except NotInspected as away:
            self._because = str(away)
            if self._changed(True):
                log.error("scanner_away", extra={"because": str(away)})
                self._note(str(away))
            raise
        if self._changed(False):
            self._note("")
        return scanned

    def _let_rest(self) -> None:
        """One mail at a time tries whether it is back."""
        with self._lock:
            now = time.monotonic()
            if self._away and now - self._asked_at < self._pause:
                raise NotInspected(self._because)
            self._asked_at = now

    def _changed(self, away: bool) -> bool:
        with self._lock:
            changed, self._away = self._away is not away, away
        return changed

    def _note(self, error: str) -> None:
        """In a transaction of its own; that it cannot be written now must not stop the mail."""
        now = self._clock.now()
        try:
            with self._database.lazy() as connection:
                was = connector_status.health(connection, connector_status.SCANNER)
                if not error and was.troubled:
                    log.info("scanner_back")
                connector_status.save(connection, replace(was, last_error=error, last_error_at=now, suspended_until=now) if error else was.fine(now))
        except Exception as fault:  # the database may be away for a moment: the log has said it
            if not is_passing_fault(fault):
                raise
