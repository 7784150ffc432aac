"""Handing mails of a mailbox to the intake in batches, and writing down how far one got; reading them is the business of each kind of mailbox."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

from core.delivery import Meaning
from core.setup import Connector
from gateway.inbound.fetching import Fetched, FetchTrouble, Means, NotStored
from gateway.inbound.port import Arrival, Stored, TryLater
from gateway.store import fetched as store
from gateway.store import inbounds
from gateway.store.fetched import Folder

BATCH_MAILS = 100
BATCH_BYTES = 16 * 2**20

log = logging.getLogger("guichet.fetch")


@dataclass(frozen=True, slots=True)
class Choice:
    """From where on mail is taken in: `now`, `unseen`, `since` a moment (aware UTC), or `archive` (decisions.md 13)."""

    start: str = "now"
    since: datetime | None = None

    @property
    def shown(self) -> str:
        return f"since {self.since.date()}" if self.since is not None else self.start


def choice_of(connector: Connector, made: str) -> Choice:
    """What the connector's keys choose for the first connection; `made`, by a person (`guichet connector begin`), goes before that."""
    start, _, since = made.partition(" ") if made else (str(connector.incoming.get("start") or "now"), "", str(connector.incoming.get("since") or ""))
    if start != "since" or not since:
        return Choice("now" if start == "since" else start)
    return Choice(start, datetime.combine(date.fromisoformat(since), time(), UTC))


class Taking:
    """Mails on their way into the house. `add` them, then `settle`: each is durably stored, or the rest of the turn is off."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._waiting: list[Arrival] = []
        self._bytes = 0

    @property
    def full(self) -> bool:
        return len(self._waiting) >= BATCH_MAILS or self._bytes >= BATCH_BYTES

    def add(self, arrival: Arrival) -> None:
        """Hold it until the next `settle`."""
        self._waiting.append(arrival)
        self._bytes += len(arrival.raw)

    def settle(self) -> tuple[list[Arrival], FetchTrouble | None]:
        """What is ours now, in order, and the trouble of those that are not: nothing may be done in the mailbox with them."""
        batch, self._waiting, self._bytes = self._waiting, [], 0
        answers = [self._means.intake.submit(arrival) for arrival in batch]
        stored, trouble = [], None
        for arrival, future in zip(batch, answers, strict=True):
            answer = future.result()
            if isinstance(answer, Stored):
                stored.append(arrival)
            else:
                reason = answer.reason
                log.warning("fetch_not_stored", extra={"connector": arrival.connector, "source": arrival.source, "fault": reason})
                if isinstance(answer, TryLater):
                    trouble = NotStored(Meaning.PASSING, f"Mail cannot be stored here just now and stays in the mailbox: {reason}")
        return stored, trouble


class Ledger:
    """What is known of one folder of one mailbox: its row, and which messages are ours or were left alone."""

    def __init__(self, connector: Connector, folder: str, means: Means) -> None:
        self._connector = connector
        self._name = folder
        self._means = means
        self.folder = Folder(connector.name, folder)

    def load(self) -> Folder:
        """The row as it is now."""
        with self._means.database.read() as connection:
            rows = {row.folder: row for row in store.folders(connection, self._connector.name)}
        self.folder = rows.get(self._name, Folder(self._connector.name, self._name))
        return self.folder

    def known(self, sources: Sequence[str]) -> dict[str, str]:
        """Source → inbound id, '' for what was left alone."""
        if not sources:
            return {}
        with self._means.database.read() as connection:
            return store.known(connection, self._connector.name, sources)

    def raw(self, source: str) -> tuple[bytes, bool]:
        """The mail that was stored of this source, b'' if none is there; and whether it came in as history."""
        inbound_id = self.known([source]).get(source, "")
        with self._means.database.read() as connection:
            return inbounds.raws(connection, (inbound_id,)).get(inbound_id, b""), inbounds.is_archive(connection, inbound_id)

    def in_part(self, sources: Sequence[str]) -> frozenset[str]:
        """Those of which only the header is ours, by what was stored: sizes and limits may have been others then."""
        if not sources:
            return frozenset()
        with self._means.database.read() as connection:
            return store.in_part(connection, self._connector.name, sources)

    def begin(self, choice: Choice, there: Sequence[str], left_alone: Collection[str]) -> None:
        """The choice is made, for what is `there` now: these stay where they are, in the same commit. With `archive` they are still to come, as history.

        Made anew, it is about what was left alone before: what came since is new mail, which no choice touches.
        """
        now, again = self._means.clock.now(), self.folder.looked_at is not None
        known = self.known(there) if again else {}
        wanted = [source for source in there if source not in left_alone and known.get(source) == ""]
        self.folder = replace(self.folder, begun_at=now, choice=choice.shown, seen=len(there))
        with self._means.database.durable() as connection:
            store.forget(connection, self._connector.name, wanted)
            store.note(connection, [(self._connector.name, source, "") for source in ([] if again else left_alone)], now)
            store.save(connection, self.folder)
        facts = {"connector": self._connector.name, "folder": self._name, "choice": choice.shown, "there": len(there), "left": len(left_alone)}
        log.warning("mailbox_begun", extra=facts)

    def leave(self, sources: Sequence[str]) -> None:
        """These are looked at and stay where they are."""
        if sources:
            now = self._means.clock.now()
            with self._means.database.durable() as connection:
                store.note(connection, [(self._connector.name, source, "") for source in sources], now)

    def touched(self, sources: Sequence[str]) -> None:
        """What was to be done with them in the mailbox is done."""
        if sources:
            with self._means.database.lazy() as connection:
                store.touch(connection, self._connector.name, sources)

    def looked(self, stored: int, seen: int, waiting: int, oldest: datetime | None = None) -> Fetched:
        """The figures of a turn, written down. `oldest`: since when the oldest waits; without it, since it was first seen waiting."""
        now = self._means.clock.now()
        since = (oldest or self.folder.oldest_waiting_at or now) if waiting else None
        self.folder = replace(self.folder, seen=seen, stored=self.folder.stored + stored, waiting=waiting, oldest_waiting_at=since, looked_at=now)
        with self._means.database.lazy() as connection:
            store.save(connection, self.folder)
        return Fetched(stored, seen, waiting, since)
