"""Fetching from one mailbox for as long as a round trip takes; if the service polls it, its lease keeps us out and nothing is done here."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from core.setup import Connector
from gateway.holders import living, new_holder
from gateway.inbound.fetching import Means
from gateway.inbound.polled import Polled
from gateway.inbound.poller import is_polled, make_fetcher
from gateway.store import fetched

EVERY = 2.0
BEGIN_SECONDS = 15.0
"""A mailbox that was never looked at is given so long for its first look: what lies there before is left alone."""
END_SECONDS = 30.0


@contextlib.contextmanager
def fetching(connector: Connector, means: Means, word: str) -> Iterator[None]:
    """Mails of the mailbox come in, by us or by the service. `word` tells us from every other holder of leases, this process's own included."""
    if not is_polled(connector):
        yield
        return
    holder = new_holder(word)
    living(holder)
    polled = Polled(connector, means, make_fetcher, holder=holder, every=EVERY, at_once=True)
    polled.start()
    try:
        _await_begin(connector, means)
        yield
    finally:
        polled.stopping.set()
        polled.join(END_SECONDS)


def _await_begin(connector: Connector, means: Means) -> None:
    until = time.monotonic() + BEGIN_SECONDS
    while time.monotonic() < until:
        with means.database.read() as connection:
            if any(folder.begun_at is not None for folder in fetched.folders(connection, connector.name)):
                return
        time.sleep(0.1)
