"""The IMAP door: one mailbox with its folders in the hands of one thread; one look into a folder is `imap_folder.py`, who asks and when is `poller.py`."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from dataclasses import dataclass, field, replace

from core.delivery import Meaning
from core.setup import Connector
from gateway.inbound.fetch_token import with_fresh_token
from gateway.inbound.fetching import Fetched, FetchTrouble, Means
from gateway.inbound.imap_folder import FolderLook
from gateway.inbound.imap_mailbox import SLICE_SECONDS, Declined, ImapMailbox, Selected
from gateway.inbound.imap_place import place_of, wishes_of

LONGEST_NAME = 320

log = logging.getLogger("guichet.imap")


@dataclass(slots=True)
class _Sum:
    """What all folders came to, and the first trouble with one of them."""

    total: Fetched = field(default_factory=Fetched)
    trouble: str = ""
    read: int = 0

    def add(self, one: Fetched) -> None:
        self.read += 1
        moments = [moment for moment in (self.total.oldest_waiting_at, one.oldest_waiting_at) if moment is not None]
        self.total = Fetched(
            self.total.stored + one.stored, self.total.seen + one.seen, self.total.waiting + one.waiting, min(moments) if moments else None
        )


class ImapFetcher:
    """`gateway.inbound.fetching.Fetcher` for one IMAP mailbox."""

    def __init__(self, connector: Connector, means: Means) -> None:
        self._connector = connector
        self._means = means
        self._place = place_of(connector, means.environ, means.token, means.timeout, means.secrets)
        self._wishes = wishes_of(connector, min(means.max_size, means.intake.max_size))
        self._mailbox: ImapMailbox | None = None

    def open(self) -> None:
        """Connect and log in; with a token that the server refuses, once more with a new one."""
        self._mailbox = with_fresh_token(self._means.token, self._connector, lambda: ImapMailbox(self._place))

    def fetch(self) -> Fetched:
        """Look into every folder. Trouble with one of them holds up no other; where none could be read, it is raised at the end."""
        came_to = _Sum()
        for name in self._wishes.folders:
            if self._means.stopping.is_set():
                break
            try:
                came_to.add(self._look(name))
            except Declined as fault:
                came_to.trouble = came_to.trouble or f"{self._place.host} did not do what was asked in {name}: {fault}"
        if came_to.trouble and not came_to.read:
            raise FetchTrouble(Meaning.TROUBLE, came_to.trouble)
        return replace(came_to.total, trouble=came_to.trouble)

    def wait(self, seconds: float, stopping: threading.Event) -> None:
        """IDLE on the first folder where the server can, no longer at a time than `means.idle`; else sleep."""
        until = time.monotonic() + seconds
        mailbox = self._opened()
        if self._wishes.idle and mailbox.has("IDLE"):
            with contextlib.suppress(Declined):  # it offers IDLE and refuses it: sleep
                if len(self._wishes.folders) > 1:
                    self._select(self._wishes.folders[0])
                mailbox.idle(min(seconds, self._means.idle), stopping, self._means.alive)
                return
        while (left := until - time.monotonic()) > 0 and not stopping.wait(min(SLICE_SECONDS, left)):
            self._means.alive()

    def close(self) -> None:
        mailbox, self._mailbox = self._mailbox, None
        if mailbox is not None:
            mailbox.close()

    def _opened(self) -> ImapMailbox:
        if self._mailbox is None:
            self.open()
        assert self._mailbox is not None
        return self._mailbox

    def _look(self, name: str) -> Fetched:
        if len(name) > LONGEST_NAME:
            raise Declined(f"a folder's name may have {LONGEST_NAME} characters")
        return FolderLook(self._connector, self._means, self._opened(), self._wishes, name).take_in(self._select(name))

    def _select(self, name: str) -> Selected:
        """Where a shared mailbox's INBOX is the prefix itself, that is opened."""
        read_only = self._wishes.after == "leave"
        full = self._wishes.prefix + name
        try:
            return self._opened().open_folder(full, read_only=read_only)
        except Declined:
            if not self._wishes.prefix or name.upper() != "INBOX":
                raise
            return self._opened().open_folder(self._wishes.prefix[:-1], read_only=read_only)
