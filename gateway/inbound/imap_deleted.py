"""Mails that somebody had marked as deleted when a folder was read past them: once the mark is gone they are owed; taking them in is `imap_folder.py`.

They do not count as waiting: most of them are never unmarked, and no clock may stand still for them. Each is noted in `fetched` under a name
of its own until it is unmarked or expunged.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from gateway.inbound.fetching import Means
from gateway.inbound.imap_begin import prefix_of
from gateway.inbound.imap_mailbox import Declined, ImapMailbox
from gateway.store import fetched, mailboxes
from gateway.store.fetched import Folder

MOST_NOTED = 1_000
"""Of one folder; of more the newest."""
LOOKED_AT_EVERY = timedelta(hours=1)
MARK = "\\Deleted "
"""Before the source in its note: no folder is called so."""


def note_passed(mailbox: ImapMailbox, folder: Folder, uids: Sequence[int], means: Means) -> None:
    """Before the cursor passes `uids`, those above the cursor that are not marked: the others among them are noted.

    A server that does not search by UID has them forgotten, as all did that say nothing of them.
    """
    if not uids or len(uids) == uids[-1] - folder.last_uid:
        return
    try:
        there = mailbox.between(folder.last_uid + 1, uids[-1])
    except Declined:
        return
    passed = sorted({uid for uid in there if folder.last_uid < uid < uids[-1]}.difference(uids))[-MOST_NOTED:]
    if passed:
        with means.database.lazy() as connection:
            fetched.note(connection, [(folder.connector, _name(folder, uid), "") for uid in passed], means.clock.now(), touched=True)


def owe_unmarked(mailbox: ImapMailbox, folder: Folder, means: Means) -> None:
    """Once an hour: what is no longer marked is owed from now on, and what is gone is forgotten."""
    key, now = f"marked {prefix_of(folder)}", means.clock.now()
    if float(means.memory.get(key, 0)) > now.timestamp():
        return
    means.memory[key] = (now + LOOKED_AT_EVERY).timestamp()
    with means.database.read() as connection:
        noted = sorted(int(name.rpartition("/")[2]) for name in mailboxes.named(connection, folder.connector, f"{MARK}{prefix_of(folder)}"))
    too_many, asked = noted[:-MOST_NOTED], noted[-MOST_NOTED:]
    if not asked:
        return
    try:
        marked = mailbox.marked_deleted(asked)
    except Declined:
        return
    unmarked = [uid for uid in asked if marked.get(uid) is False]
    done = [*too_many, *unmarked, *(uid for uid in asked if uid not in marked)]
    if done:
        with means.database.lazy() as connection:
            mailboxes.owe(connection, folder.connector, [f"{prefix_of(folder)}{uid}" for uid in unmarked], now)
            fetched.forget(connection, folder.connector, [_name(folder, uid) for uid in done])


def _name(folder: Folder, uid: int) -> str:
    return f"{MARK}{prefix_of(folder)}{uid}"
