"""The role `poll`: a thread for each mailbox that is fetched from, as the setup is now; the life of one is `polled.py`."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from core.durations import parse_duration
from core.setup import Connector, Setup
from gateway.holders import living
from gateway.inbound.fetching import Fetcher, Means
from gateway.inbound.polled import Make, Polled

KINDS: dict[str, tuple[str, str]] = {
    "imap": ("gateway.inbound.imap", "ImapFetcher"),
    "pop3": ("gateway.inbound.pop3", "Pop3Fetcher"),
    "maildir": ("gateway.inbound.maildir_door", "MaildirFetcher"),
}
"""Kind of `incoming` → module and class of its fetcher, loaded when the first of the kind is polled."""
LOOK_SECONDS = 1.0
"""How soon a change of the setup is noticed."""

log = logging.getLogger("guichet.poll")


def make_fetcher(connector: Connector, means: Means) -> Fetcher:
    """The fetcher for a connector's kind."""
    module, name = KINDS[str(connector.incoming["kind"])]
    made: Fetcher = getattr(importlib.import_module(module), name)(connector, means)
    return made


def is_polled(connector: Connector) -> bool:
    """Whether mail is fetched for it now; a disabled one is left alone, which is not the same as suspended."""
    return connector.enabled and connector.receives and connector.incoming.get("kind") in KINDS


@dataclass(frozen=True, slots=True)
class _Running:
    polled: Polled
    connector: Connector


class Poller:
    """Keeps one `Polled` per mailbox in step with the setup. `every`: seconds between two looks where a connector does not say otherwise."""

    def __init__(self, means: Means, setup: Callable[[], Setup], *, holder: str, every: float = 60.0, make: Make = make_fetcher) -> None:
        self._means = means
        self._setup = setup
        self._holder = holder
        self._every = every
        self._make = make
        self._running: dict[str, _Running] = {}
        self._ending: list[Polled] = []
        self._seen: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="poller", daemon=True)

    def start(self) -> None:
        living(self._holder)
        self._thread.start()

    def stop(self, seconds: float = 30.0) -> None:
        """No new batch is begun anywhere; returns when all have ended or `seconds` are over."""
        self._stop.set()
        self._thread.join(seconds)
        for one in self._running.values():
            one.polled.stopping.set()
        until = time.monotonic() + seconds
        for polled in (*(one.polled for one in self._running.values()), *self._ending):
            polled.stopping.set()
            if not polled.join(max(0.0, until - time.monotonic())):
                log.warning("mailbox_still_busy", extra={"connector": polled.connector.name})

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except Exception as fault:  # the outer edge of the role: the setup cannot be read now, the mailboxes go on
                log.warning("setup_not_read", extra={"fault": type(fault).__name__})
            self._stop.wait(LOOK_SECONDS)

    def look(self) -> None:
        """Start what is new, end what is gone or changed. Raises what reading the setup raises."""
        wanted = {one.name: one for one in self._setup().connectors if is_polled(one)}
        for name, running in list(self._running.items()):
            if wanted.get(name) is None or _fetching(wanted[name]) != _fetching(running.connector) or running.polled.has_ended:
                running.polled.stopping.set()
                self._ending.append(running.polled)
                del self._running[name]
        self._ending = [polled for polled in self._ending if not polled.has_ended]
        busy = {polled.connector.name for polled in self._ending}
        for name, connector in wanted.items():
            if name not in self._running and name not in busy:
                self._begin(connector)

    def _begin(self, connector: Connector) -> None:
        every = connector.incoming.get("every")
        pause = parse_duration(str(every)) if every else timedelta(seconds=self._every)
        polled = Polled(connector, self._means, self._make, holder=self._holder, every=pause.total_seconds(), at_once=connector.name in self._seen)
        self._seen.add(connector.name)
        self._running[connector.name] = _Running(polled, connector)
        polled.start()
        log.info("mailbox_polled", extra={"connector": connector.name, "kind": str(connector.incoming["kind"])})


def _fetching(connector: Connector) -> tuple[str, dict[str, object]]:
    """What of a connector its fetcher depends on."""
    return connector.id, connector.incoming
