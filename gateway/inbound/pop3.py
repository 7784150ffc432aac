"""A POP3 mailbox: what is new there is taken in, and deleted only after it is ours; the words spoken are `pop3_session.py`.

POP3 has no folders, no flags and no news: each look is a session of its own, and a message is told from others by its UIDL and size.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256

from core.delivery import Meaning
from core.setup import Connector
from gateway.inbound.fetch_token import with_fresh_token
from gateway.inbound.fetching import Fetched, FetchTrouble, Means
from gateway.inbound.imap_place import Place, place_of
from gateway.inbound.pop3_session import PORTS, Body, Refused, Session
from gateway.inbound.port import Arrival
from gateway.inbound.receive import HEADER_LIMIT, header_field, header_of, header_sender
from gateway.inbound.taking import Choice, Ledger, Taking, choice_of

FOLDER = "POP3"
HEAD_PATIENCE = 4
"""A header may come with so many times the largest mail before the connection is given up: a server without TOP sends all of it."""
MOST_IN_SESSION = 500
"""Mails of one session: what it deletes is in force only when it ends well."""

MOST_BREAKS = 2
ALIVE_SECONDS = 5.0

log = logging.getLogger("guichet.fetch")


@dataclass(frozen=True, slots=True)
class Message:
    """One message on the server now. `source` names it for ever."""

    number: int
    source: str
    size: int
    named: bool = True
    """By the server; else by its header and size."""


class Pop3Fetcher:
    """See `fetching.Fetcher`."""

    def __init__(self, connector: Connector, means: Means) -> None:
        place = place_of(connector, means.environ, means.token, means.timeout, means.secrets)
        self._place: Place = place if isinstance(connector.incoming.get("port"), int) else replace(place, port=PORTS[place.security])
        self._connector = connector
        self._means = means
        asked = connector.incoming.get("max_size")
        self._max_size = min(means.max_size, means.intake.max_size, asked if isinstance(asked, int) else means.max_size)
        self._deletes = connector.incoming.get("after") == "delete"
        self._ledger = Ledger(connector, FOLDER, means)
        self._session: Session | None = None
        self._held: set[str] = set()
        """What could not be read in this turn."""
        self._broke: Counter[str] = means.memory.setdefault("broke", Counter())
        """How often the connection broke over a message: one that never comes through must not keep the others away."""
        self._renewed_at = time.monotonic()

    def open(self) -> None:
        """Connect and log in; with a token that the server refuses, once more with a new one."""
        self.close()
        self._session = with_fresh_token(self._means.token, self._connector, lambda: Session(self._place, self._place.secret()))

    def fetch(self) -> Fetched:
        """Sessions until nothing waits that can be taken in."""
        self._ledger.load()
        self._held.clear()
        stored = 0
        while True:
            count, seen, waiting = self._in_one_session()
            stored += count
            if not waiting or not count or self._means.stopping.is_set():
                return self._ledger.looked(stored, seen, waiting)
            self.open()

    def wait(self, seconds: float, stopping: threading.Event) -> None:
        """There is no news in POP3."""
        stopping.wait(seconds)

    def close(self) -> None:
        """Let go without deleting anything more."""
        session, self._session = self._session, None
        if session is not None:
            session.drop()

    # ---- one session

    def _in_one_session(self) -> tuple[int, int, int]:
        """(stored, messages that stay on the server, waiting) of one session."""
        if self._session is None:
            self.open()
        assert self._session is not None
        session = self._session
        try:
            listed = self._listed(session)
            if self._ledger.folder.begun_at is None:
                self._begin(session, listed)
            known = self._ledger.known([message.source for message in listed])
            known.update(self._renamed(session, listed, known))
            stored, waiting = self._take(session, listed, known)
            gone = self._delete(session, listed, known)
            self._quit(session, gone)
        except Refused as refused:
            raise FetchTrouble(Meaning.PASSING, f"{self._place.host} refused: {refused}") from None
        finally:
            self.close()
        return stored, len(listed) - len(gone), waiting

    def _listed(self, session: Session) -> list[Message]:
        sizes, names = session.sizes(), session.names()
        twice = {name for name, count in Counter(names.values()).items() if count > 1}
        listed = []
        for number, size in sorted(sizes.items()):
            name = names.get(number, "")
            named = bool(name) and name not in twice
            name = name if named else self._digest(session, number)
            if name:
                listed.append(Message(number, f"pop3/{name}/{size}", size, named))
        return listed

    def _digest(self, session: Session, number: int) -> str:
        """Where the server gives no unique id: its header and size tell a message from others. '' if it is gone.

        Two that are alike in both count as one, until one would be deleted: see `_is_itself_ours`.
        """
        self._breathe()
        with contextlib.suppress(Refused):
            head = session.head(number, HEADER_LIMIT, HEAD_PATIENCE * self._max_size)
            return f"head-{sha256(head.raw).hexdigest()}"
        return ""

    def _begin(self, session: Session, listed: list[Message]) -> None:
        """The first connection (decisions.md 13). `unseen` is `now`: POP3 does not know what was read."""
        choice = choice_of(self._connector, self._ledger.folder.choice)
        choice = Choice("now") if choice.start == "unseen" else choice
        since = choice.since
        left = {message.source for message in listed if since is None or self._is_before(session, message, since)}
        self._ledger.begin(choice, [message.source for message in listed], left)

    def _renamed(self, session: Session, listed: list[Message], known: dict[str, str]) -> dict[str, str]:
        """A mailbox that was migrated or made anew gives all its mails other names: those from before the beginning stay left alone.

        The others come in once more; the processing knows them by Message-ID and content (decisions.md 8).
        """
        folder = self._ledger.folder
        if known or not listed or not folder.seen or folder.begun_at is None:
            return {}
        left = [message.source for message in listed if self._is_before(session, message, folder.begun_at)]
        if left:
            log.warning("mailbox_renamed", extra={"connector": self._connector.name, "folder": FOLDER, "seen": len(listed), "left": len(left)})
            self._ledger.leave(left)
        return dict.fromkeys(left, "")

    def _is_before(self, session: Session, message: Message, moment: datetime) -> bool:
        """By the topmost Received, which our own server wrote, else by Date; a mail without either is taken in."""
        self._breathe()
        try:
            head = session.head(message.number, HEADER_LIMIT, HEAD_PATIENCE * self._max_size).raw
        except Refused:
            return False
        written = (header_field(head, b"received:") or "").rpartition(";")[2] or header_field(head, b"date:") or ""
        try:
            found = parsedate_to_datetime(written.strip())
        except (ValueError, TypeError, OverflowError):
            return False
        return (found if found.tzinfo else found.replace(tzinfo=UTC)) < moment

    # ---- taking in

    def _take(self, session: Session, listed: list[Message], known: dict[str, str]) -> tuple[int, int]:
        """(stored, still waiting). What was stored is added to `known`."""
        archive = self._ledger.folder.choice == "archive"
        wanted = [message for message in listed if (not known[message.source] and archive if message.source in known else True)]
        able = [message for message in wanted if message.source not in self._held and self._broke[message.source] < MOST_BREAKS]
        taking, stored, trouble = Taking(self._means), 0, None
        for batch in self._batches(session, able[:MOST_IN_SESSION], known, taking):
            done, trouble = batch
            stored += len(done)
            known.update((arrival.source, "stored") for arrival in done)
            self._means.alive()
            if trouble is not None or self._means.stopping.is_set():
                break
        if trouble is not None:
            self._ledger.looked(stored, len(listed), len(wanted) - stored)
            raise trouble
        return stored, len(wanted) - stored

    def _batches(
        self, session: Session, wanted: list[Message], known: dict[str, str], taking: Taking
    ) -> Iterator[tuple[list[Arrival], FetchTrouble | None]]:
        for message in wanted:
            arrival = self._read(session, message, archive=message.source in known)
            if arrival is not None:
                taking.add(arrival)
            if taking.full:
                yield taking.settle()
        yield taking.settle()

    def _read(self, session: Session, message: Message, *, archive: bool) -> Arrival | None:
        """The mail, or only its header if it is too large; None if another program deleted it meanwhile or the server cannot read it."""
        self._breathe()
        self._broke[message.source] += 1
        try:
            if message.size > self._max_size:
                body = Body(session.head(message.number, HEADER_LIMIT, HEAD_PATIENCE * message.size).raw, message.size)
            else:
                body = session.retrieve(message.number, self._max_size, HEAD_PATIENCE * self._max_size)
        except Refused as refused:
            log.warning("fetch_refused", extra={"connector": self._connector.name, "source": message.source, "fault": str(refused)})
            self._held.add(message.source)
            return None
        finally:
            if self._session is not None and self._session.usable:
                del self._broke[message.source]
        full_size = body.size if body.size > self._max_size else 0
        raw = header_of(body.raw[:HEADER_LIMIT]) if full_size else body.raw
        return Arrival(
            raw,
            "pop3",
            self._means.clock.now(),
            header_sender(raw),
            connector=self._connector.name,
            peer=self._place.host,
            archive=archive,
            folder=FOLDER,
            full_size=full_size,
            source=message.source,
        )

    def _breathe(self) -> None:
        """Keep the lease while the server is slow."""
        if time.monotonic() - self._renewed_at > ALIVE_SECONDS:
            self._means.alive()
            self._renewed_at = time.monotonic()

    # ---- deleting

    def _delete(self, session: Session, listed: list[Message], known: dict[str, str]) -> list[Message]:
        """What is ours as a whole; of a mail that is too large only the header is, so it stays."""
        if not self._deletes:
            return []
        ours = [message for message in listed if known.get(message.source)]
        in_part = self._ledger.in_part([message.source for message in ours])
        gone = []
        for message in (one for one in ours if one.source not in in_part and (one.named or self._is_itself_ours(session, one))):
            with contextlib.suppress(Refused):  # another program was faster
                session.delete(message.number)
                gone.append(message)
        return gone

    def _is_itself_ours(self, session: Session, message: Message) -> bool:
        """Whether this very mail is stored, not only one of the same header and size: read whole, and taken in now if it is another one (law 3)."""
        arrival = self._read(session, message, archive=False)
        if arrival is None or arrival.full_size:
            return False
        raw, archive = self._ledger.raw(message.source)
        if raw == arrival.raw:
            return True
        taking = Taking(self._means)
        taking.add(replace(arrival, source=f"pop3/mail-{sha256(arrival.raw).hexdigest()}/{message.size}", archive=archive))
        stored, trouble = taking.settle()
        if trouble is not None:
            raise trouble
        return bool(stored)

    def _quit(self, session: Session, gone: list[Message]) -> None:
        """If the server does not say that it has deleted, they are there again, are known, and are deleted then."""
        try:
            session.quit()
        except (Refused, FetchTrouble) as trouble:
            log.warning("fetch_quit_failed", extra={"connector": self._connector.name, "mails": len(gone), "fault": str(trouble)})
            gone.clear()
        self._ledger.touched([message.source for message in gone])
