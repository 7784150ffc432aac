"""A Maildir into which an MTA delivers: what is new there is taken in, then moved to cur or deleted; files are handled by `maildir_files.py`."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from errno import EEXIST
from heapq import nsmallest
from itertools import islice

from core.delivery import Meaning
from core.setup import Connector
from gateway.inbound import maildir_files as files
from gateway.inbound.fetching import Fetched, FetchTrouble, Means
from gateway.inbound.maildir_files import MailFile, Unreadable
from gateway.inbound.port import Arrival
from gateway.inbound.receive import HEADER_LIMIT, header_of, header_sender
from gateway.inbound.taking import Choice, Ledger, Taking, choice_of

FOLDER = "Maildir"
PLACES = ("new", "cur")
LOOK_SECONDS = 1.0
AT_ONCE = 2_000
"""Files that are read in one turn, the oldest first of those found."""
ASKED = 400
REMEMBERED = 200_000
ALIVE_SECONDS = 5.0

log = logging.getLogger("guichet.fetch")


class MaildirFetcher:
    """See `fetching.Fetcher`. Mails that another program has moved to cur before we saw them are taken in as well, unless marked as deleted."""

    def __init__(self, connector: Connector, means: Means) -> None:
        self._connector = connector
        self._means = means
        self._root = (means.folder / str(connector.incoming.get("path") or "")).absolute()
        asked = connector.incoming.get("max_size")
        self._max_size = min(means.max_size, means.intake.max_size, asked if isinstance(asked, int) else means.max_size)
        self._deletes = connector.incoming.get("after") == "delete"
        self._ledger = Ledger(connector, FOLDER, means)
        self._settled: set[str] = set()
        """Sources of which nothing is to be done any more, so that they are not looked up at each turn."""
        self._passed: set[str] = set()
        """Names in cur that need not be looked at again."""
        self._looked = (0, 0)
        self._seen = self._wanted = 0
        self._renewed_at = time.monotonic()

    def open(self) -> None:
        """The folder is there and may be read."""
        for place in PLACES:
            if not (self._root / place).is_dir():
                raise FetchTrouble(Meaning.TROUBLE, f"{self._root} is no Maildir: it has no folder “{place}”. The MTA makes one at its first delivery, or: mkdir it.")
            if not os.access(self._root / place, os.R_OK | os.W_OK | os.X_OK):
                raise FetchTrouble(Meaning.TROUBLE, f"{self._root / place} may not be read and changed by the user that Guichet runs as.")

    def fetch(self) -> Fetched:
        """Take in what is new, in the order of delivery."""
        try:
            return self._turn()
        except OSError as fault:
            raise FetchTrouble(Meaning.PASSING, f"{self._root} cannot be read: {fault.strerror or fault}.") from None

    def wait(self, seconds: float, stopping: threading.Event) -> None:
        """Until a file comes or goes, which is looked for once a second."""
        until = time.monotonic() + seconds
        while not stopping.is_set() and (left := until - time.monotonic()) > 0:
            if self._marks() != self._looked:
                return
            stopping.wait(min(LOOK_SECONDS, left))

    def close(self) -> None:
        """Nothing is held open."""

    # ---- one turn

    def _marks(self) -> tuple[int, int]:
        """Changes with every file that comes or goes."""
        try:
            new, cur = (os.stat(self._root / place).st_mtime_ns for place in PLACES)
        except OSError:
            return (-1, -1)
        return (new, cur)

    def _turn(self) -> Fetched:
        before = self._marks()
        if self._ledger.load().begun_at is None:
            self._begin()
        self._seen = self._wanted = 0
        wanted = nsmallest(AT_ONCE, self._fresh(), key=lambda file: file.modified)
        stored, trouble = self._take(wanted)
        left = self._wanted - stored
        self._looked = before if before == self._marks() and not (left and stored) else (0, 0)  # our own moves count as changes: one more look follows
        rest = [file.modified for file in wanted if file.source not in self._settled]
        oldest = min(rest, default=wanted[-1].modified if wanted else None)  # those beyond are no older than the last of these
        figures = self._ledger.looked(stored, self._seen, left, datetime.fromtimestamp(oldest, UTC) if left and oldest is not None else None)
        if trouble is not None:
            raise trouble
        return figures

    def _begin(self) -> None:
        """The first look (decisions.md 13): what lies in new was not seen by anybody."""
        choice = choice_of(self._connector, self._ledger.folder.choice)
        there = [file for place in PLACES for file in files.walk(self._root, place) if file is not None]
        self._settled.clear()
        self._passed.clear()
        self._ledger.begin(choice, [file.source for file in there], {file.source for file in there if not _is_chosen(choice, file)})

    def _fresh(self) -> Iterator[MailFile]:
        """Those to take in. Those that are ours and were not moved or deleted (a crash came between) are so on the way."""
        archive = self._ledger.folder.choice == "archive"
        for place in PLACES:
            found = files.walk(self._root, place, self._passed if place == "cur" else ())
            while some := list(islice(found, ASKED)):
                self._breathe()
                self._seen += len(some)
                fresh = [file for file in some if file is not None and file.source not in self._settled]
                known = self._ledger.known([file.source for file in fresh])
                ours = [file for file in fresh if known.get(file.source)]
                in_part = self._ledger.in_part([file.source for file in ours]) if self._deletes else frozenset()
                gone = self._finish([(file, file.source not in in_part) for file in ours])
                self._seen -= gone if place == "new" or self._deletes else 0  # what moved is met again in cur
                for file in fresh:
                    if not known.get(file.source) and (file.source not in known or archive) and not (place == "cur" and file.trashed):
                        self._wanted += 1
                        yield file
                    elif known.get(file.source) == "":
                        self._settle(file)

    def _take(self, wanted: list[MailFile]) -> tuple[int, FetchTrouble | None]:
        taking, held, stored = Taking(self._means), dict[str, MailFile](), 0
        old = set(self._ledger.known([file.source for file in wanted])) if self._ledger.folder.choice == "archive" else set()
        for number, file in enumerate(wanted, 1):
            arrival = self._read(file, archive=file.source in old)
            if arrival is not None:
                taking.add(arrival)
                held[file.source] = file
            if not taking.full and number < len(wanted):
                continue
            done, trouble = taking.settle()
            stored += len(done)
            self._means.alive()
            gone = self._finish([(held.pop(one.source), not one.full_size) for one in done])
            self._seen -= gone if self._deletes else 0
            if trouble is not None or self._means.stopping.is_set():
                return stored, trouble
        return stored, None

    def _read(self, file: MailFile, *, archive: bool) -> Arrival | None:
        self._breathe()
        try:
            raw = files.read(self._root, file, self._max_size + 1)
        except Unreadable as fault:
            log.warning("fetch_refused", extra={"connector": self._connector.name, "source": file.source, "fault": str(fault)})
            return None
        if raw is None:  # another program moved it to cur, where it is found, or deleted it
            return None
        full_size = max(file.size, len(raw)) if len(raw) > self._max_size else 0
        raw = header_of(raw[:HEADER_LIMIT]) if full_size else raw
        return Arrival(
            raw,
            "maildir",
            self._means.clock.now(),
            header_sender(raw),
            connector=self._connector.name,
            archive=archive,
            folder=FOLDER,
            full_size=full_size,
            source=file.source,
        )

    # ---- afterwards

    def _finish(self, done: Sequence[tuple[MailFile, bool]]) -> int:
        """(file, whether all of it is ours): out of the way; how many are. Of a file that is too large only the header is ours, so it is never deleted."""
        touched = []
        for file, whole in done:
            try:
                if self._deletes and whole:
                    files.remove(self._root, file)
                elif not files.to_cur(self._root, file):
                    raise FileExistsError(EEXIST, "another file of that name is in cur")
            except OSError as fault:  # it is known: nothing is lost, nothing comes in twice, and the next turn tries again
                log.warning("fetch_left", extra={"connector": self._connector.name, "source": file.source, "fault": fault.strerror or str(fault)})
                continue
            self._settle(file)
            touched.append(file.source)
        self._ledger.touched(touched)
        return len(touched)

    def _settle(self, file: MailFile) -> None:
        if len(self._settled) >= REMEMBERED:
            self._settled.clear()
            self._passed.clear()
        self._settled.add(file.source)
        if file.place == "cur":
            self._passed.add(file.unique)

    def _breathe(self) -> None:
        """Keep the lease over many or slow files."""
        if time.monotonic() - self._renewed_at > ALIVE_SECONDS:
            self._means.alive()
            self._renewed_at = time.monotonic()


def _is_chosen(choice: Choice, file: MailFile) -> bool:
    """Whether a file that was there before is taken in now; with `archive` all come in later, marked as history."""
    if choice.start == "unseen":
        return file.place == "new"
    return choice.since is not None and file.modified >= choice.since.timestamp()
