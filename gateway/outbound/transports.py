"""Finds the way out of a connector and keeps it while its settings stay the same; what each way does is `smtp.py` and `maildir.py`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from core.delivery import Delivery
from core.setup import Connector
from gateway.outbound.maildir import MaildirTransport
from gateway.outbound.port import Outgoing, Transport
from gateway.secrets import no_secrets

if TYPE_CHECKING:
    from gateway.outbound.session import Bearer

KINDS = ("smtp", "maildir")


class TransportPool:
    """The ways out of one installation. `folder` is where relative Maildir paths begin, `environ` holds the passwords, `hostname` is for EHLO,
    `timeout` the patience with each answer, in seconds; `bearer` gives access tokens for OAuth2, `secrets` what the secret store holds."""

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        hostname: str = "localhost",
        timeout: float = 60.0,
        bearer: Callable[[Connector], Bearer] | None = None,
        secrets: Callable[[str], str] = no_secrets,
    ) -> None:
        self._folder = folder
        self._environ = environ
        self._hostname = hostname
        self._timeout = timeout
        self._bearer = bearer
        self._secrets = secrets
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[str, Transport]] = {}

    def __call__(self, connector: Connector) -> Transport:
        """The transport of a connector as it is configured now; one with other settings is closed. Never raises: trouble is in its answers."""
        settings = json.dumps(connector.outgoing, sort_keys=True, default=str)
        with self._lock:
            kept = self._kept.get(connector.name)
            if kept is not None and kept[0] == settings:
                return kept[1]
            made = self._make(connector)
            self._kept[connector.name] = (settings, made)
        if kept is not None:
            kept[1].close()
        return made

    def close(self) -> None:
        """Close everything that is kept open."""
        with self._lock:
            kept, self._kept = self._kept, {}
        for _, transport in kept.values():
            transport.close()

    def _make(self, connector: Connector) -> Transport:
        kind = str(connector.outgoing.get("kind") or "")
        if kind == "maildir":
            return MaildirTransport(self._folder / str(connector.outgoing.get("path") or "outgoing"))
        if kind != "smtp":
            return _NoWay(f"outgoing kind is “{kind}”; expected {' or '.join(KINDS)}")
        from gateway.outbound.smtp import SettingsTrouble, SmtpTransport, server_of  # smtplib and ssl are loaded when somebody sends by SMTP

        try:
            bearer = self._bearer and self._bearer(connector)
            return SmtpTransport(
                server_of(connector, self._environ, self._hostname, self._timeout, bearer, folder=self._folder, secrets=self._secrets)
            )
        except (SettingsTrouble, ValueError) as trouble:
            return _NoWay(str(trouble))


class _NoWay:
    """The way out of a connector whose settings cannot be used: every attempt says why."""

    def __init__(self, words: str) -> None:
        self._words = words

    def deliver(self, mail: Outgoing, before_final_dot: Callable[[], None]) -> Delivery:
        """Trouble with the connector, always."""
        from gateway.outbound.smtp import settings_trouble

        return settings_trouble(self._words)

    def close(self) -> None:
        """Nothing is kept open."""
