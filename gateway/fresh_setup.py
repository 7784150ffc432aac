"""The setup for parts that ask often and outside a transaction; reading and saving it is `gateway/store/setups.py`."""

from __future__ import annotations

import threading
import time

from core.setup import Setup
from gateway.store.engine import Database
from gateway.store.setups import Setups

FRESH_SECONDS = 1.0
"""How old it may be."""


class FreshSetup:
    """Call it for the setup, at most a second old; a door does so at every RCPT. For any number of threads."""

    def __init__(self, database: Database, setups: Setups) -> None:
        self._database = database
        self._setups = setups
        self._lock = threading.Lock()
        self._value: Setup | None = None
        self._read_at = 0.0

    def __call__(self) -> Setup:
        with self._lock:
            if self._value is None or time.monotonic() - self._read_at > FRESH_SECONDS:
                with self._database.read() as connection:
                    self._value = self._setups.current(connection)
                self._read_at = time.monotonic()
            return self._value
