"""What every mailbox that is fetched from has to offer (IMAP, POP3, Maildir), and the trouble it may meet; who asks and when is `poller.py`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from core.delivery import Meaning
from core.setup import Connector
from gateway.clock import Clock
from gateway.inbound.intake import Intake
from gateway.secrets import no_secrets
from gateway.store.engine import Database


class FetchTrouble(Exception):
    """A mailbox could not be read. `meaning` says whose fault it is, `str()` is the sentence for people, without secrets.

    `Meaning.LOGIN_REFUSED` suspends after three in a row (decisions.md 19); every other meaning backs off.
    """

    def __init__(self, meaning: Meaning, words: str) -> None:
        super().__init__(words)
        self.meaning = meaning


class NeedsConsent(FetchTrouble):
    """Somebody must log in again at the provider (OAuth2); the words name the command. Nothing is tried until then."""


class NotStored(FetchTrouble):
    """We cannot store just now (the database is away, the disk is full): what was read stays in the mailbox, which is in no trouble itself."""


class LeaseLost(Exception):
    """Another process polls this mailbox now; what is not yet stored is left to it."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One turn: mails stored, messages on the server and messages there that wait to be taken in, and since when the oldest does (aware UTC)."""

    stored: int = 0
    seen: int = 0
    waiting: int = 0
    oldest_waiting_at: datetime | None = None
    trouble: str = ""
    """What is wrong with a part of the mailbox, while the rest of it was read: a folder that is not there any more."""


class Fetcher(Protocol):
    """One mailbox in the hands of one thread. Every method may raise FetchTrouble; after that `close` is called, and some time later `open` again."""

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


def _nobody_asks() -> None:
    """For fetchers that are used alone, without a lease."""


def _no_token(connector: Connector) -> str:
    raise NeedsConsent(Meaning.LOGIN_REFUSED, f"No access token can be had for {connector.name}.")


@dataclass(frozen=True, slots=True)
class Means:
    """What every fetcher is given besides its connector. `timeout` and `idle` are seconds, `max_size` bytes."""

    database: Database
    intake: Intake
    clock: Clock
    folder: Path = Path(".")
    """The data folder, for places in it."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """Where the secrets named by the connector are."""
    secrets: Callable[[str], str] = no_secrets
    """A password out of the secret store. Raises SecretTrouble."""
    token: Callable[[Connector], str] = _no_token
    """An access token for OAuth2 log-ins. Raises NeedsConsent or FetchTrouble."""
    alive: Alive = _nobody_asks
    timeout: float = 60.0
    """Patience with one answer of the server."""
    idle: float = 540.0
    """Longest wait on one connection before it must show that it is alive."""
    max_size: int = 45 * 2**20
    """Larger mails are not fetched whole, unless the connector says otherwise."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the fetcher must come to an end soon: no new batch is begun."""
    memory: dict[str, Any] = field(default_factory=dict)
    """What a fetcher wants to know again after its connection was lost and another fetcher took its place. Bounded by the fetcher."""
