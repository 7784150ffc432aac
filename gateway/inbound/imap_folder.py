"""One look into one folder: what is new and what is owed is stored in batches, then the mailbox is changed as wished.

Order, for every batch (law 3): the mails are durably stored, then the cursor moves, then they are marked, moved or deleted, then that is
noted. Whatever a crash cuts short is found at the next look: a mail stored before the cursor moved is known by its source, and one
that is ours and was not yet marked is in `fetched.untouched`. A mail that cannot be had or stored is *owed*: written down by its source,
so that the cursor may pass it, and asked for again after a while.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.setup import Connector
from gateway.inbound.fetching import Fetched, FetchTrouble, Means
from gateway.inbound.imap_batch import BATCH_MAILS, HEADER_ONLY, Got, batches, get
from gateway.inbound.imap_begin import begin, prefix_of, renew
from gateway.inbound.imap_deleted import note_passed, owe_unmarked
from gateway.inbound.imap_mailbox import ImapMailbox, Seen, Selected
from gateway.inbound.imap_place import Wishes
from gateway.inbound.port import Answer, Arrival, Stored
from gateway.store import fetched, mailboxes
from gateway.store.fetched import Folder

LISTED = 500
"""Messages whose sizes are asked for at once."""
LOST_CONNECTIONS = 2
"""So often a connection may be lost over one mail alone before the others go first."""
AGAIN = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1))
"""Waits before an owed mail is asked for again; the last repeats."""
REMEMBERED = 10_000
NEVER = timedelta(days=1)
"""So long a mail is asked for that the server does not give; then its header is taken in, so that somebody sees it."""
NEVER_TRIES = 3
"""And at least so often, by the process that gives up: a server that was away for a day has not refused the mail."""

log = logging.getLogger("guichet.imap")


@dataclass(frozen=True, slots=True)
class _Submitted:
    """A batch on its way to the database: the UIDs that were asked for, and those of the mails in the order of their `answers`."""

    uids: list[int]
    got: Got
    stored: list[int]
    answers: Future[list[Answer]]


class FolderLook:
    """One look. `full_name` is what the server calls the folder, `name` what the desk calls it."""

    def __init__(self, connector: Connector, means: Means, mailbox: ImapMailbox, wishes: Wishes, name: str) -> None:
        self._connector = connector.name
        self._means = means
        self._mailbox = mailbox
        self._wishes = wishes
        self._name = name
        self._stored = 0
        self._folder = Folder(connector.name, name)

    def take_in(self, selected: Selected) -> Fetched:
        """Everything that waits in the selected folder. Raises FetchTrouble, Declined, LeaseLost, and what the database raises when it is away."""
        self._folder = self._started(selected)
        self._finish_what_was_begun()
        uids = self._mailbox.after(self._folder.last_uid, selected)
        waits_since = self._since(uids)
        note_passed(self._mailbox, self._folder, uids, self._means)
        left = self._take(uids, moves=True)
        owe_unmarked(self._mailbox, self._folder, self._means)
        self._take_owed()
        return self._figures(selected, left, waits_since)

    # ---- where it stands

    def _started(self, selected: Selected) -> Folder:
        with self._means.database.read() as connection:
            rows = {row.folder: row for row in fetched.folders(connection, self._connector)}
        folder = rows.get(self._name, self._folder)
        if folder.begun_at is None:
            return begin(self._mailbox, folder, selected, self._wishes, self._means)
        if folder.uidvalidity != selected.uidvalidity:
            return renew(self._mailbox, folder, selected, self._means)
        return folder

    def _finish_what_was_begun(self) -> None:
        """What a crash left between the commit and the mark."""
        if self._wishes.after == "leave":
            return
        while True:
            with self._means.database.read() as connection:
                sources = fetched.untouched(connection, self._connector, prefix_of(self._folder), BATCH_MAILS)
            if not sources:
                return
            self._act([_uid(source) for source in sources])
            self._means.alive()

    def _since(self, uids: Sequence[int]) -> datetime | None:
        """Since when the oldest of these waits: not before we began, whatever date it brought from elsewhere."""
        if not uids:
            return None
        since = next((one.since for one in self._mailbox.listed(uids[:1], dated=True)), None)
        begun = self._folder.begun_at
        return max(since, begun) if since and begun else since or self._means.clock.now()

    def _figures(self, selected: Selected, left: int, waits_since: datetime | None) -> Fetched:
        with self._means.database.read() as connection:
            count, since = mailboxes.counted(connection, self._connector, prefix_of(self._folder))
        moments = [moment for moment in (waits_since if left else None, since) if moment is not None]
        waiting, oldest = left + count, min(moments, default=None)
        was = self._folder
        now = self._means.clock.now()
        self._folder = replace(was, seen=selected.messages, waiting=waiting, oldest_waiting_at=oldest, looked_at=now)
        if (
            self._stored
            or replace(self._folder, looked_at=was.looked_at) != was
            or was.looked_at is None
            or now - was.looked_at > timedelta(minutes=1)
        ):
            with self._means.database.lazy() as connection:
                fetched.save(connection, self._folder)
        return Fetched(stored=self._stored, seen=selected.messages, waiting=waiting, oldest_waiting_at=oldest)

    # ---- new mail and owed mail

    def _take_owed(self) -> None:
        """Chosen old mail, and what failed before and whose time has come."""
        with self._means.database.read() as connection:
            owed = dict(mailboxes.owed(connection, self._connector, prefix_of(self._folder)))
        now = self._means.clock.now().timestamp()
        due = {_uid(source): at for source, at in owed.items() if self._memory("later", _uid(source)) <= now}
        begun = self._folder.begun_at
        archive = frozenset(uid for uid, at in due.items() if begun is not None and at < begun)
        never = {uid for uid, at in due.items() if self._memory("refused", uid) >= NEVER_TRIES and at.timestamp() + NEVER.total_seconds() <= now}
        self._take(sorted(due.keys() - never), archive, moves=False)
        self._take(sorted(never), archive, moves=False, whole=False)

    def _take(self, uids: Sequence[int], archive: frozenset[int] = frozenset(), *, moves: bool, whole: bool = True) -> int:
        """Get and store these; the next batch is asked for while the last is being stored. Returns how many were not reached."""
        before: _Submitted | None = None
        left = len(uids)
        for batch in self._batches(uids, BATCH_MAILS if whole else 1):
            if self._means.stopping.is_set():
                return left - self._settle(before, moves=moves, left=left)
            try:
                got = self._got(batch, self._wishes.max_size if whole else HEADER_ONLY)
            except FetchTrouble:
                self._settle(before, moves=moves, left=left)
                raise
            left -= self._settle(before, moves=moves, left=left)
            before = self._submitted(batch, got, archive)
            self._means.alive()
        self._settle(before, moves=moves, left=left)
        return 0

    def _batches(self, uids: Sequence[int], most: int) -> Iterator[list[Seen]]:
        for start in range(0, len(uids), LISTED):
            asked = uids[start : start + LISTED]
            listed = self._mailbox.listed(asked)
            there = {one.uid for one in listed}
            self._forget([uid for uid in asked if uid not in there])
            yield from batches(listed, self._wishes.max_size, int(self._memory("careful", 0)), most)

    def _submitted(self, batch: Sequence[Seen], got: Got, archive: frozenset[int]) -> _Submitted:
        now = self._means.clock.now()
        uids = list(got.mails)
        prefix, spam = prefix_of(self._folder), self._name in self._wishes.spam
        left_alone = self._wishes.after == "leave"
        answers = self._means.intake.submit_all(
            [
                Arrival(
                    raw=raw,
                    door="imap",
                    received_at=now,
                    connector=self._connector,
                    archive=uid in archive,
                    folder=self._name,
                    spam=spam,
                    full_size=full_size,
                    source=f"{prefix}{uid}",
                    left_alone=left_alone,
                )
                for uid, (raw, full_size) in got.mails.items()
            ]
        )
        got.mails.clear()  # the intake holds them now; here they would be held twice as long
        return _Submitted([one.uid for one in batch], got, uids, answers)

    def _got(self, batch: Sequence[Seen], max_size: int) -> Got:
        """A mail over which connections are lost again and again is found by asking for each alone, and then has to wait."""
        first = batch[0].uid
        if len(batch) == 1 and self._memory("lost", first) >= LOST_CONNECTIONS:
            self._means.memory.pop(self._key("lost", first), None)
            return Got(failed={first: "the server ends the connection when it is asked for"})
        try:
            return get(self._mailbox, batch, max_size)
        except FetchTrouble:
            self._remember("lost" if len(batch) == 1 else "careful", first if len(batch) == 1 else 0, batch[-1].uid, add=len(batch) == 1)
            raise

    # ---- once the answers are there

    def _settle(self, submitted: _Submitted | None, *, moves: bool, left: int) -> int:
        """Wait until a batch is stored, then do what follows from that. Returns how many messages that were."""
        if submitted is None:
            return 0
        uids, got = submitted.uids, submitted.got
        said = dict(zip(submitted.stored, submitted.answers.result(), strict=True))
        stored = [uid for uid, answer in said.items() if isinstance(answer, Stored)]
        failed = got.failed | {uid: getattr(answer, "reason", "") for uid, answer in said.items() if not isinstance(answer, Stored)}
        self._stored += len(stored)
        self._folder = replace(
            self._folder,
            last_uid=max(self._folder.last_uid, uids[-1]) if moves else self._folder.last_uid,
            stored=self._folder.stored + len(stored),
            waiting=left - len(uids),
        )
        with self._means.database.lazy() as connection:
            mailboxes.owe(connection, self._connector, [self._source(uid) for uid in failed], self._means.clock.now())
            fetched.save(connection, self._folder)
        for uid, words in failed.items():
            self._put_off(uid, words, refused=uid in got.failed)
        self._forget(got.vanished)
        if self._wishes.after != "leave":
            self._act(stored)
        return len(uids)

    def _put_off(self, uid: int, words: str, *, refused: bool) -> None:
        """It is asked for again later; somebody is told the first time. `refused`: by the server, not by our own intake."""
        tries = int(self._memory("tries", uid))
        self._remember("refused", uid, self._memory("refused", uid) + refused)
        self._remember("tries", uid, tries + 1)
        self._remember("later", uid, self._means.clock.now().timestamp() + AGAIN[min(tries, len(AGAIN) - 1)].total_seconds())
        facts = {"connector": self._connector, "folder": self._name, "uid": uid, "reason": words[:300]}
        log.log(logging.INFO if tries else logging.ERROR, "mail_not_fetched", extra=facts)

    def _forget(self, gone: Sequence[int]) -> None:
        """They are in the folder no more: taken away by somebody, before we had them."""
        if gone:
            with self._means.database.lazy() as connection:
                mailboxes.leave(connection, self._connector, [self._source(uid) for uid in gone])

    # ---- what is done in the mailbox

    def _act(self, uids: Sequence[int]) -> None:
        """Mark, move or delete mails that are ours, then note that it was done. Raises FetchTrouble and Declined."""
        if not uids:
            return
        if self._wishes.after == "seen":
            self._mailbox.mark(uids, b"\\Seen")
        elif self._wishes.after == "move":
            self._mailbox.move(uids, self._wishes.prefix + self._wishes.move_to)
        elif whole := self._whole(uids):
            self._mailbox.delete(whole)
        with self._means.database.lazy() as connection:
            fetched.touch(connection, self._connector, [self._source(uid) for uid in uids])

    def _whole(self, uids: Sequence[int]) -> list[int]:
        """Without those of which only the header is ours."""
        with self._means.database.read() as connection:
            in_part = fetched.in_part(connection, self._connector, [self._source(uid) for uid in uids])
        return [uid for uid in uids if self._source(uid) not in in_part]

    # ---- names

    def _source(self, uid: int) -> str:
        return f"{prefix_of(self._folder)}{uid}"

    def _key(self, what: str, uid: int) -> str:
        return f"{what} {prefix_of(self._folder)}{uid or ''}"

    def _memory(self, what: str, uid: int) -> float:
        return float(self._means.memory.get(self._key(what, uid), 0))

    def _remember(self, what: str, uid: int, value: float, *, add: bool = False) -> None:
        if len(self._means.memory) >= REMEMBERED:
            self._means.memory.clear()
        self._means.memory[self._key(what, uid)] = self._memory(what, uid) + 1 if add else value


def _uid(source: str) -> int:
    return int(source.rpartition("/")[2])
