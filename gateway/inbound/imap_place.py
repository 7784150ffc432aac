"""Where a mailbox is, by IMAP or POP3, and how one logs in there, read from its connector; connecting is `imap_connection.py` and `pop3_session.py`."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from core.delivery import Meaning
from core.setup import Connector
from gateway.inbound.fetching import FetchTrouble
from gateway.secrets import SecretTrouble, no_secrets

LOCAL = ("localhost", "127.0.0.1", "::1")
"""Hosts to which a secret may travel unencrypted: this machine."""
PLACES = {"tls": 993, "starttls": 143, "none": 143}
"""Security → port (RFC 8314 section 3.2)."""


@dataclass(frozen=True, slots=True)
class Place:
    """One mailbox on one server. `security`: `tls` from the first byte, `starttls` (never falls back), or `none`. `timeout` in seconds."""

    host: str
    port: int
    security: str = "tls"
    user: str = ""
    acts_for: str = ""
    """A shared mailbox that is opened by logging in for it (SASL authorization identity, RFC 4422 section 3.4.1)."""
    auth: str = "password"
    ca_file: str = ""
    timeout: float = 60.0
    secret: Callable[[], str] = field(default=lambda: "", repr=False)
    """The password or token, asked for at each log-in. Raises FetchTrouble."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to be read there, and what is done with a mail afterwards. `max_size` in bytes; `spam` holds names that are in `folders` too."""

    folders: tuple[str, ...] = ("INBOX",)
    spam: frozenset[str] = frozenset()
    prefix: str = ""
    after: str = "leave"
    move_to: str = ""
    start: str = "now"
    since: date | None = None
    idle: bool = True
    max_size: int = 45 * 2**20


def trust(place: Place) -> ssl.SSLContext:
    """Whose certificates are believed there. Raises FetchTrouble for a `ca_file` that cannot be read."""
    try:
        context = ssl.create_default_context(cafile=place.ca_file or None)
    except OSError as fault:
        raise FetchTrouble(Meaning.TROUBLE, f"The certificates in {place.ca_file} cannot be read: {fault.strerror or fault}.") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def place_of(
    connector: Connector, environ: Mapping[str, str], token: Callable[[Connector], str], timeout: float, secrets: Callable[[str], str] = no_secrets
) -> Place:
    """The server, the user and the way to its secret."""
    given = connector.incoming
    security = str(given.get("security", "tls"))
    auth = str(given.get("auth", "password"))
    shared = str(given.get("mailbox", "")) if not given.get("namespace") else ""
    secret = (lambda: _password(connector, environ, secrets)) if auth == "password" else (lambda: token(connector))
    return Place(
        host=str(given.get("host", "")),
        port=_number(given.get("port"), PLACES[security]),
        security=security,
        user=str(given.get("user", "")),
        acts_for=shared,
        auth=auth,
        ca_file=str(given.get("ca_file", "")),
        timeout=timeout,
        secret=secret,
    )


def wishes_of(connector: Connector, max_size: int) -> Wishes:
    """What to do in the mailbox; no mail larger than `max_size` (what the house takes at all) is wished for whole."""
    given = connector.incoming
    spam = _names(given.get("spam_folders"))
    since = str(given.get("since", ""))
    return Wishes(
        folders=tuple(dict.fromkeys((*(_names(given.get("folders")) or ("INBOX",)), *spam))),
        spam=frozenset(spam),
        prefix=str(given.get("namespace", "")),
        after=str(given.get("after", "leave")),
        move_to=str(given.get("move_to", "")),
        start=str(given.get("start", "now")),
        since=date.fromisoformat(since) if since else None,
        idle=bool(given.get("idle", True)),
        max_size=min(max_size, _number(given.get("max_size"), max_size)),
    )


def _password(connector: Connector, environ: Mapping[str, str], secrets: Callable[[str], str]) -> str:
    kept = str(connector.incoming.get("password_secret", ""))
    if kept:
        try:
            return secrets(kept)
        except SecretTrouble as trouble:
            raise FetchTrouble(Meaning.TROUBLE, f"There is no password for the mailbox of {connector.name}: {trouble}") from None
    name = str(connector.incoming.get("password_env", ""))
    password = environ.get(name, "") if name else ""
    if not password:
        said = f"the environment variable {name} is not set" if name else "password_env is missing"
        raise FetchTrouble(Meaning.TROUBLE, f"There is no password for the mailbox of {connector.name}: {said}.")
    return password


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, (list, tuple)) else ()


def _number(value: object, default: int) -> int:
    return int(value) if isinstance(value, int) else default
