"""A mailbox as the copier of sent mail asks it: which folder is Sent, is a mail there, put one there; when that is done is `sent_folder.py`."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from imapclient.imapclient import SENT

from gateway.inbound.imap_mailbox import Declined, ImapMailbox
from gateway.inbound.imap_place import Place

AUTO = "auto"
STANDARD = "Sent"


class SentMailbox(ImapMailbox):
    """One logged-in connection and the folder for sent mail in it. Every method may raise FetchTrouble (the connection is lost) and Declined."""

    def __init__(self, place: Place, wanted: str, prefix: str = "") -> None:
        """`wanted` is AUTO or a folder's name, `prefix` is that of a shared mailbox's folders. Raises FetchTrouble and Declined."""
        super().__init__(place)
        try:
            self.folder = f"{prefix}{wanted}" if wanted != AUTO else self._marked(prefix)
        except BaseException:
            self.close(politely=False)
            raise

    def _marked(self, prefix: str) -> str:
        """The folder marked as Sent (RFC 6154), else one that is called as such folders are, else STANDARD, which is made when it is needed."""
        if prefix:  # marks and usual names are those of the user's own folders
            return f"{prefix}{STANDARD}"
        found: str | None = self._ask(self._client.find_special_folder, SENT)
        return found or STANDARD

    def holds(self, message_id: str) -> bool:
        """Whether a mail with this Message-ID (without brackets) lies in the folder; False where there is no such folder yet."""
        try:
            self.open_folder(self.folder, read_only=True)
        except Declined:
            return False
        return bool(self._search("HEADER", "Message-ID", f"<{message_id}>"))

    def put(self, data: bytes, moment: datetime) -> None:
        """APPEND as read, with the moment (aware) as the internal date; the folder is made if it is not there."""
        try:
            self._append(data, moment)
        except Declined as refused:
            if "[TRYCREATE]" not in str(refused).upper() and self._is_there():
                raise
            with suppress(Declined):  # another process was quicker
                self._ask(self._client.create_folder, self.folder)
            self._append(data, moment)

    def _append(self, data: bytes, moment: datetime) -> None:
        self._ask(self._client.append, self.folder, data, flags=[b"\\Seen"], msg_time=moment)

    def _is_there(self) -> bool:
        return bool(self._ask(self._client.folder_exists, self.folder))
