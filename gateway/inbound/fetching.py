"""What every mailbox that is fetched from has to offer (IMAP, POP3, Maildir), and the trouble it may meet; who asks and when is `poller.py`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.delivery import Meaning


class FetchTrouble(Exception):
    """A mailbox could not be read. `meaning` says whose fault it is, `str()` is the sentence for people, without secrets.

    `Meaning.LOGIN_REFUSED` suspends after three in a row (decisions.md 19); every other meaning backs off.
    """

    def __init__(self, meaning: Meaning, words: str) -> None:
        super().__init__(words)
        self.meaning = meaning


class NeedsConsent(FetchTrouble):
    """Somebody must log in again at the provider (OAuth2); the words name the command. Nothing is tried until then."""


class LeaseLost(Exception):
    """Another process polls this mailbox now; what is not yet stored is left to it."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One turn: mails stored, messages on the server and messages there that wait to be taken in, and since when the oldest does (aware UTC)."""

    stored: int = 0
    seen: int = 0
    waiting: int = 0
    oldest_waiting_at: datetime | None = None


class Fetcher(Protocol):
    """One mailbox in the hands of one thread. Every method may raise FetchTrouble; after that only `close` is called."""

    def open(self) -> None:
        """Connect and log in."""

    def fetch(self) -> Fetched:
        """Take in everything that waits, in batches; each is durably stored before anything is changed in the mailbox (law 3)."""

    def wait(self, seconds: float, stopping: threading.Event) -> None:
        """Wait for news at most so long, and no longer than until `stopping` is set. Coming back early without news is allowed."""

    def close(self) -> None:
        """Let go, whatever state the connection is in. Never raises."""


Alive = Callable[[], None]
"""Called between batches: renews the lease of the mailbox. Raises LeaseLost."""
