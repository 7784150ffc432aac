"""The way out into a Maildir, for the demo and for tests: tmp → fsync → mark → rename into new → fsync of the folder; nothing goes to the network."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from core.delivery import MEANING, OUTCOME_OF, Delivery, Reply, Stage, clean_words
from core.mail import address_key
from gateway.outbound.port import Outgoing


class MaildirTransport:
    """Writes each mail once: the file is named by the outbox id, so that a repeat after a crash is recognised or replaces it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, mail: Outgoing, before_final_dot: Callable[[], None]) -> Delivery:
        """See `port.Transport`. Trouble before the rename is the connector's; after it the mail may be there."""
        name = f"{mail.id}.guichet"
        try:
            for part in ("tmp", "new", "cur"):
                (self._folder / part).mkdir(parents=True, exist_ok=True)
            there = next((self._folder / "cur").glob(f"{mail.id}.*"), None)
            if there is None:
                _write(self._folder / "tmp" / name, mail.data)
        except OSError as fault:
            return Delivery(Stage.SETTINGS, clean_words(f"{self._folder}: {fault.strerror or fault}"), trouble=MEANING[Stage.SETTINGS][Reply.NEVER])
        before_final_dot()
        if there is not None:
            return _answer(mail, Reply.OK, "250 was there already")
        try:
            os.replace(self._folder / "tmp" / name, self._folder / "new" / name)
            _sync_folder(self._folder / "new")
        except OSError as fault:
            return _answer(mail, Reply.GONE, f"{self._folder}: {fault.strerror or fault}")
        return _answer(mail, Reply.OK, "250 written")

    def close(self) -> None:
        """Nothing is kept open."""


def _answer(mail: Outgoing, reply: Reply, words: str) -> Delivery:
    outcome = OUTCOME_OF[MEANING[Stage.DOT][reply]]
    return Delivery(Stage.DOT, clean_words(words), {address_key(one): (outcome, clean_words(words)) for one in mail.recipients})


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)  # a mail is its owner's, whatever the umask
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
