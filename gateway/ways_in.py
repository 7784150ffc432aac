"""What the settings mean for the parts that take mail in: doors, scanner, checks of senders, brakes; who uses them is wired in `bootstrap.py`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from core.brakes import Brakes
from core.setup import Provider, Setup
from gateway.clock import Clock
from gateway.settings import Settings
from gateway.store.engine import Database

if TYPE_CHECKING:
    from core.mail import Envelope, Mail
    from gateway.inbound.mailauth.authenticate import Authenticator
    from gateway.inbound.scanner import Scanned
    from gateway.inbound.smtp import SmtpOptions
    from gateway.routing.authentication import Authentication


def smtp_options(settings: Settings) -> SmtpOptions:
    """How the SMTP door is built."""
    from gateway.inbound.smtp import SmtpOptions  # asyncio is needed by the doors only

    smtp = settings.smtp
    return SmtpOptions(
        host=smtp.host,
        port=smtp.port,
        hostname=smtp.hostname,
        max_size=smtp.max_size,
        tls_certificate=_place(settings, smtp.tls_certificate),
        tls_key=_place(settings, smtp.tls_key),
        max_connections=smtp.max_connections,
        max_connections_per_peer=smtp.max_connections_per_peer,
        connections_per_minute=smtp.connections_per_minute,
        mails_per_minute=smtp.mails_per_minute,
        unlimited_peers=smtp.unlimited_peers,
        max_recipients=smtp.max_recipients,
        max_held=smtp.max_held,
        command_timeout=smtp.command_timeout.total_seconds(),
        data_timeout=smtp.data_timeout.total_seconds(),
    )


def lmtp_options(settings: Settings) -> SmtpOptions:
    """How the LMTP door is built: the limits and the certificate are those of the SMTP door."""
    from gateway.inbound.lmtp import EVERYBODY

    lmtp = settings.lmtp
    return replace(smtp_options(settings), host=lmtp.host, port=lmtp.port, socket=_place(settings, lmtp.socket), unlimited_peers=EVERYBODY)


def submission_options(settings: Settings) -> SmtpOptions:
    """How the submission door is built: sizes, limits and the certificate are those of the SMTP door."""
    submission = settings.submission
    return replace(smtp_options(settings), host=submission.host, port=submission.port)


def scan(settings: Settings, database: Database, clock: Clock) -> Callable[[bytes], Scanned] | None:
    """What asks the virus scanner about a file; None where there is none."""
    if not settings.scanner.address:
        return None
    from gateway.inbound.scanner import Scanner
    from gateway.inbound.scanner_watch import WatchedScanner

    return WatchedScanner(Scanner(settings.scanner.address, settings.scanner.timeout.total_seconds()), database, clock)


class Authenticate:
    """Checks the sender of a mail, where Guichet is the mail exchanger of any connector; else the libraries for it are never loaded."""

    def __init__(self, settings: Settings, setup: Callable[[], Setup]) -> None:
        self._settings = settings
        self._setup = setup
        self._lock = threading.Lock()
        self._made: Authenticator | None = None

    def __call__(self, raw: bytes, mail: Mail, envelope: Envelope) -> Authentication | None:
        if not any(connector.profile.provider is Provider.OWN_MX for connector in self._setup().connectors):
            return None
        return self._authenticator()(raw, mail, envelope)

    def _authenticator(self) -> Authenticator:
        from gateway.inbound.mailauth.authenticate import Authenticator

        with self._lock:
            if self._made is None:
                self._made = Authenticator(self._settings.mailauth, self._setup)
            return self._made


def brakes(settings: Settings) -> Brakes:
    """The limits of automatic mail."""
    limits = settings.limits
    return Brakes(
        per_item=limits.automatic_per_item,
        per_sender_day=limits.automatic_per_sender_day,
        per_hour=limits.automatic_per_hour,
        items_per_sender_hour=limits.items_per_sender_hour,
        signed_for=timedelta(days=limits.signed_days),
        answered_for=timedelta(days=settings.agent_mail.answer_days),
    )


def _place(settings: Settings, path: Path | None) -> Path | None:
    return settings.path(path) if path is not None else None
