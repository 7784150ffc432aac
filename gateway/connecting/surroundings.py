"""What a connection test needs of the installation besides the connector, and how it gets at a connector's secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.setup import Connector
from gateway.clock import SystemClock
from gateway.connecting.report import Failed, Trial
from gateway.oauth.trouble import TokenTrouble
from gateway.secrets import SecretTrouble, no_secrets

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Door:
    """Where a door of ours listens: `host` and `port`, or a socket in the file system."""

    kind: str
    host: str = ""
    port: int = 0
    socket: Path | None = None

    def __str__(self) -> str:
        return str(self.socket) if self.socket else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`folder` is the data folder, `environ` holds the secrets, `hostname` is the name we say. Seconds: `patience` with one answer, `limit` for one test."""

    folder: Path
    environ: Mapping[str, str]
    hostname: str
    token: Callable[[Connector, str], str]
    """An access token for a connector's `incoming` or `outgoing`. Raises TokenTrouble."""
    doors: Mapping[str, Door]
    patience: float = 15.0
    limit: float = 60.0
    now: Callable[[], datetime] = SystemClock().now
    secrets: Callable[[str], str] = no_secrets
    """A password out of the secret store. Raises SecretTrouble."""


def uses_token(way: Mapping[str, object]) -> bool:
    """Whether this way logs in with OAuth2."""
    return str(way.get("auth") or "password") != "password"


def secret_of(trial: Trial, connector: Connector, way: str, around: Surroundings) -> str:
    """The password or access token of a connector's `incoming` or `outgoing`; from now on the protocol hides it. Raises Failed."""
    table = connector.incoming if way == "incoming" else connector.outgoing
    users = tuple(dict.fromkeys(str(table.get(key)) for key in ("user", "mailbox") if table.get(key)))
    if uses_token(table):
        secret = _token(trial, connector, way, around)
    else:
        secret = _password(table, around)
    trial.protocol.keep_secret(secret, users=users)
    return secret


def _password(table: Mapping[str, object], around: Surroundings) -> str:
    kept = str(table.get("password_secret") or "")
    if kept:
        try:
            return around.secrets(kept)
        except SecretTrouble as trouble:
            raise Failed("settings", str(trouble)) from None
    variable = str(table.get("password_env") or "")
    if variable not in around.environ:
        raise Failed("settings", f"The environment variable “{variable}” with the password of {table.get('user')} is not set. Set it where Guichet runs.")
    return around.environ[variable]


def _token(trial: Trial, connector: Connector, way: str, around: Surroundings) -> str:
    try:
        token = around.token(connector, way)
    except TokenTrouble as trouble:
        raise Failed("access token", str(trouble)) from None
    trial.done("access token", "the provider has given one")
    return token
