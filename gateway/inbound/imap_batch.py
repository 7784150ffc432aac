"""Getting one batch of mails off an IMAP server, whatever is wrong with some of them; what to get and what becomes of it is `imap_folder.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gateway.inbound.imap_mailbox import Declined, ImapMailbox, Seen

BATCH_MAILS = 500
BATCH_BYTES = 8 * 2**20
"""At most so much of the server's mail is asked for at once; two batches are in memory at a time, one on its way in and one being stored."""
HEADER_ONLY = -1
"""As the largest size: no mail is asked for whole."""


@dataclass(slots=True)
class Got:
    """UID → raw mail, with the size of the whole one where it is only a header (else 0). `vanished` are there no more; `failed`: UID → why."""

    mails: dict[int, tuple[bytes, int]] = field(default_factory=dict)
    vanished: list[int] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)


def batches(listed: Sequence[Seen], max_size: int, careful_until: int = 0, most: int = BATCH_MAILS) -> Iterator[list[Seen]]:
    """In the order given, each bounded in number and bytes; alone, one by one, up to the UID where a connection was lost before."""
    batch: list[Seen] = []
    weight = 0
    for one in listed:
        size = min(one.size, max_size)
        if batch and (len(batch) >= most or weight + size > BATCH_BYTES or batch[-1].uid <= careful_until):
            yield batch
            batch, weight = [], 0
        batch.append(one)
        weight += size
    if batch:
        yield batch


def get(mailbox: ImapMailbox, batch: Sequence[Seen], max_size: int) -> Got:
    """The mails of a batch; of those larger than `max_size` only the header. Raises FetchTrouble if the connection is lost."""
    got = Got()
    sizes = {one.uid: one.size for one in batch}
    whole = [uid for uid, size in sizes.items() if size <= max_size]
    bodies = _together(mailbox, whole, sizes)
    for uid, size in sizes.items():
        try:
            if size > max_size:
                _take_header(mailbox, uid, size, got)
            elif uid in bodies:
                got.mails[uid] = _bounded(bodies[uid], max_size)
            else:
                _take_alone(mailbox, uid, size, max_size, got)
        except Declined as fault:
            got.failed[uid] = str(fault)
    return got


def _together(mailbox: ImapMailbox, uids: list[int], sizes: dict[int, int]) -> dict[int, bytes]:
    """All at once; none if the server, or the reading of its answer, stumbles over one of them: each is then asked for alone."""
    try:
        return mailbox.bodies(uids, sum(sizes[uid] for uid in uids))
    except Declined:
        return {}


def _take_alone(mailbox: ImapMailbox, uid: int, size: int, max_size: int, got: Got) -> None:
    """A mail that did not come with the others."""
    try:
        raw = mailbox.bodies([uid], size).get(uid, b"")
    except Declined:
        raw = b""
    raw = raw or mailbox.body_otherwise(uid, size)
    if raw or (size == 0 and mailbox.is_there(uid)):
        got.mails[uid] = _bounded(raw, max_size)
    elif mailbox.is_there(uid):
        got.failed[uid] = f"the server says that it has {size} bytes, and gives none"
    else:
        got.vanished.append(uid)


def _take_header(mailbox: ImapMailbox, uid: int, size: int, got: Got) -> None:
    header = mailbox.header(uid)
    if header:
        got.mails[uid] = (header, max(size, len(header)))
    elif mailbox.is_there(uid):
        got.failed[uid] = "the server gives no header of it"
    else:
        got.vanished.append(uid)


def _bounded(raw: bytes, max_size: int) -> tuple[bytes, int]:
    """A mail that is larger than the server said."""
    if len(raw) <= max_size:
        return raw, 0
    end = raw.find(b"\r\n\r\n", 0, max_size)
    return raw[: end + 4 if end >= 0 else max_size], len(raw)
