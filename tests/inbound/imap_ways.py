"""A mailbox and a fetcher for it, for the tests of the IMAP door; nothing is tested here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select

from core.setup import Connector, Setup
from gateway.clock import Clock
from gateway.inbound.fetching import Means
from gateway.inbound.imap import ImapFetcher
from gateway.inbound.intake import Intake
from gateway.store.engine import Database
from gateway.store.schema import inbound, raw_mail
from tests.dovecot import PASSWORD

USER = "support"
ENVIRON = {"SUPPORT_PASSWORD": PASSWORD}


def connector(port: int, **incoming: Any) -> Connector:
    """The mailbox `support` by plain IMAP on a port of this machine."""
    given = {"kind": "imap", "host": "127.0.0.1", "port": port, "security": "none", "user": USER, "password_env": "SUPPORT_PASSWORD"}
    return Connector("c1", "support", "support@desk.example", incoming={**given, **incoming})


def mail(number: int, text: str = "Hello.", **fields: str) -> bytes:
    """A small mail; `number` is in its Message-ID and its subject."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    head = (
        f"From: Ann <ann@customer.example>\r\nTo: support@desk.example\r\nSubject: Mail {number}\r\nMessage-ID: <{number}@customer.example>\r\n{more}"
    )
    return f"{head}\r\n{text}\r\n".encode()


class Desk:
    """A database with an intake, and what was stored in it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.intake = Intake(database, clock, lambda: Setup())
        self.memory: dict[str, Any] = {}

    def means(self, environ: Mapping[str, str] = ENVIRON, **more: Any) -> Means:
        """What a fetcher is given; memory is kept from one to the next, as the poller does."""
        given: dict[str, Any] = {"environ": environ, "timeout": 10.0, "stopping": threading.Event(), "memory": self.memory, "folder": Path(".")}
        return Means(self.database, self.intake, self.clock, **{**given, **more})

    def fetch(self, made: Connector, **more: Any) -> Any:
        """One session: open, fetch, close."""
        fetcher = ImapFetcher(made, self.means(**more))
        try:
            fetcher.open()
            return fetcher.fetch()
        finally:
            fetcher.close()

    def stored(self) -> list[Any]:
        """Rows of `inbound` with their raw mail, in order of arrival."""
        with self.database.read() as connection:
            return list(
                connection.execute(
                    select(inbound, raw_mail.c.bytes).join(raw_mail, raw_mail.c.id == inbound.c.id).order_by(inbound.c.received_at, inbound.c.id)
                )
            )

    def subjects(self) -> list[str]:
        """Subjects of what was stored, sorted."""
        return sorted(subject_of(row.bytes) for row in self.stored())

    def close(self) -> None:
        self.intake.close()


def subject_of(raw: bytes) -> str:
    return raw.split(b"Subject: ", 1)[1].split(b"\r\n", 1)[0].decode() if b"Subject: " in raw else ""


Make = Callable[..., Connector]
