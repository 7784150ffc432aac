"""From where on a folder is read: the first connection (decisions.md 13), and a folder that was made anew; reading it is `imap_folder.py`.

Both end in the same two things: a cursor, above which everything is new mail, and what is owed below it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime

from gateway.inbound.fetching import Means
from gateway.inbound.header import read_block
from gateway.inbound.identity import message_id
from gateway.inbound.imap_mailbox import ImapMailbox, Selected
from gateway.inbound.imap_place import Wishes
from gateway.inbound.words import raw_text
from gateway.store import fetched, mailboxes
from gateway.store.fetched import Folder

ARCHIVED = timedelta(microseconds=1)
"""What is owed since before `begun_at` is archive: it is shown and searched, and nothing automatic leaves for it."""
ASKED = 500
"""Messages whose names are asked for at once."""
OLD = timedelta(days=2)
"""How much older than the beginning a mail's own date must be, where the server says that it came afterwards."""

log = logging.getLogger("guichet.imap")


def prefix_of(folder: Folder) -> str:
    """Of the sources of its messages."""
    return f"{folder.folder}/{folder.uidvalidity}/"


def begin(mailbox: ImapMailbox, folder: Folder, selected: Selected, wishes: Wishes, means: Means) -> Folder:
    """The folder with its choice carried out and written down. A choice made by a person goes before that of the connector.

    One made again, for a folder that is read already, is about mail that is older than the cursor only.
    """
    now = means.clock.now()
    choice = folder.choice or (f"since {wishes.since}" if wishes.start == "since" else wishes.start)
    again = folder.uidvalidity == selected.uidvalidity and folder.last_uid > 0
    newest = _newest(mailbox, selected)
    last_uid = folder.last_uid if again and choice != "now" else newest
    wanted = [uid for uid in _wanted(mailbox, selected, choice) if uid <= last_uid]
    begun = replace(folder, uidvalidity=selected.uidvalidity, last_uid=last_uid, begun_at=now, choice=choice, seen=selected.messages, looked_at=now)
    names = [f"{prefix_of(begun)}{uid}" for uid in wanted]
    with means.database.durable() as connection:
        if choice == "now":
            mailboxes.leave(connection, folder.connector, [source for source, _ in mailboxes.owed(connection, folder.connector, prefix_of(begun))])
        mailboxes.owe(connection, folder.connector, names, now - ARCHIVED if choice == "archive" else now)
        fetched.save(connection, begun)
    facts = {"connector": folder.connector, "folder": folder.folder, "choice": choice, "there": selected.messages, "taken_in": len(names)}
    log.warning("mailbox_begun", extra=facts)
    return begun


def _newest(mailbox: ImapMailbox, selected: Selected) -> int:
    if selected.uid_next:
        return selected.uid_next - 1
    return max(mailbox.after(0, selected), default=0)


def _wanted(mailbox: ImapMailbox, selected: Selected, choice: str) -> list[int]:
    if choice == "unseen":
        return mailbox.unseen(selected)
    if choice.startswith("since "):
        return mailbox.since(date.fromisoformat(choice.removeprefix("since ")), selected)
    return mailbox.after(0, replace(selected, uid_next=0)) if choice == "archive" else []


@dataclass(frozen=True, slots=True)
class _Listed:
    uid: int
    key: bytes
    """Of Message-ID and size; b'' without a Message-ID."""
    since: datetime | None
    sent: datetime | None


def renew(mailbox: ImapMailbox, folder: Folder, selected: Selected, means: Means) -> Folder:
    """After a change of UIDVALIDITY (RFC 9051 section 2.3.1.1): the mailbox was made anew, or moved to another server, and every UID is another one.

    What is ours already, by Message-ID and size, gets its new name and is not taken in again; nor is anything done to it there, for another
    mail may have the same id and size. Of the rest, what lay there before we began
    stays left alone, as was chosen then; what looks newer is taken in, and is archive where its own date says that it is old.
    Mail without a Message-ID is left to the look for duplicates when it is read.
    """
    now = means.clock.now()
    begun_at = folder.begun_at or now
    renewed = replace(folder, uidvalidity=selected.uidvalidity, last_uid=_newest(mailbox, selected), seen=selected.messages, looked_at=now)
    prefix = prefix_of(renewed)
    uids = mailbox.after(0, replace(selected, uid_next=0))
    counts = {"known": 0, "new": 0, "left": 0}
    for start in range(0, len(uids), 20 * ASKED):
        some = [one for piece in _pieces(uids[start : start + 20 * ASKED]) for one in _names_in(mailbox, piece)]
        means.alive()
        known = _known(means, folder.connector, some)
        rest = [one for one in some if one.uid not in known]
        new = [one for one in rest if folder.choice == "archive" or one.since is None or one.since >= begun_at]
        archive = [one for one in new if (one.since is not None and one.since < begun_at) or (one.sent is not None and one.sent < begun_at - OLD)]
        with means.database.lazy() as connection:
            fetched.note(connection, [(folder.connector, f"{prefix}{uid}", inbound_id) for uid, inbound_id in known.items()], now, touched=True)
            mailboxes.owe(connection, folder.connector, [f"{prefix}{one.uid}" for one in archive], begun_at - ARCHIVED)
            mailboxes.owe(connection, folder.connector, [f"{prefix}{one.uid}" for one in new], now)
        for name, count in (("known", len(known)), ("new", len(new)), ("left", len(rest) - len(new))):
            counts[name] += count
    with means.database.durable() as connection:
        fetched.save(connection, renewed)
    log.warning("mailbox_renewed", extra={"connector": folder.connector, "folder": folder.folder, **counts})
    return renewed


def _pieces(uids: list[int]) -> Iterator[list[int]]:
    return (uids[start : start + ASKED] for start in range(0, len(uids), ASKED))


def _names_in(mailbox: ImapMailbox, uids: list[int]) -> list[_Listed]:
    return [_listed(uid, *parts) for uid, parts in mailbox.fields(uids).items()]


def _listed(uid: int, size: int, since: datetime | None, raw: bytes) -> _Listed:
    block = read_block(raw, 0, len(raw), 64 * 1024, 10)
    fields = {name.lower(): raw_text(value) for name, value in reversed(block.fields)}
    named = message_id(fields.get("message-id", ""))
    return _Listed(uid, _key(named, size) if named else b"", since, _sent(fields.get("date", "")))


def _key(named: str, size: int) -> bytes:
    return hashlib.blake2b(f"{size} {named}".encode("utf-8", "replace"), digest_size=16).digest()


def _sent(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text[:200].strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _known(means: Means, connector: str, listed: list[_Listed]) -> dict[int, str]:
    """UID → inbound id of those that are ours. One walk through the mails of the connector, whatever their number."""
    asked: dict[bytes, list[int]] = {}
    for one in listed:
        if one.key:
            asked.setdefault(one.key, []).append(one.uid)
    found: dict[int, str] = {}
    with means.database.read() as connection:
        for inbound_id, named, size in mailboxes.ours(connection, connector):
            found.update((uid, inbound_id) for uid in asked.get(_key(named, size), ()))
    return found
