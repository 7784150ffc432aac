"""Trying a POP3 mailbox: log-in, the number of messages, names that last (UIDL); nothing is changed in it. Fetching is `gateway/inbound/`."""

from __future__ import annotations

import contextlib
import poplib
from base64 import b64encode
from collections.abc import Iterator

from core.setup import Connector
from gateway.connecting.network import at_most, connecting, context_for, cut, talking
from gateway.connecting.protocol import Protocol
from gateway.connecting.report import Failed, Trial
from gateway.connecting.surroundings import LOCAL_HOSTS, Surroundings, secret_of, uses_token

PORTS = {"tls": 995, "starttls": 110, "none": 110}
MAX_WORDS = 300


class _Heard(poplib.POP3):
    """poplib that tells a protocol what is said. It leans on two inner names of poplib, unchanged since Python 3.5."""

    protocol: Protocol

    def _putline(self, line: bytes) -> None:
        self.protocol.client(line)
        super()._putline(line)  # type: ignore[misc]  # not in typeshed

    def _getline(self) -> tuple[bytes, int]:
        line, octets = super()._getline()  # type: ignore[misc]  # not in typeshed
        self.protocol.server(line)
        return line, octets


class _HeardTls(_Heard, poplib.POP3_SSL):
    """The same with TLS from the first byte."""


def walk(trial: Trial, connector: Connector, around: Surroundings) -> None:
    """Connect, log in, ask what is there. Raises Failed."""
    incoming = connector.incoming
    secret = secret_of(trial, connector, "incoming", around)
    security = str(incoming.get("security") or "tls")
    port = int(str(incoming.get("port") or PORTS[security]))
    where = f"{incoming.get('host')}:{port}"
    client = _connected(trial, incoming, security, port, around)
    try:
        with at_most(around.limit, lambda: cut(client.sock)):
            _log_in(trial, client, incoming, secret, where)
            with _refusals("messages", where, "Try again; another program may have the mailbox open."), talking("messages", where):
                count, size = client.stat()
            trial.done("messages", f"{count} in the mailbox, {size} bytes")
            if count:
                with _refusals("names", where, "Without UIDL nobody can tell what was fetched before; use IMAP."), talking("names", where):
                    client.uidl(1)
                trial.done("names", "messages have names that last (UIDL)")
    finally:
        with contextlib.suppress(OSError, poplib.error_proto, EOFError):
            client.quit()


def _connected(trial: Trial, incoming: dict[str, object], security: str, port: int, around: Surroundings) -> _Heard:
    host = str(incoming.get("host"))
    where = f"{host}:{port}"
    if security == "none" and host not in LOCAL_HOSTS:
        raise Failed("settings", "The password would travel unencrypted. Set security to tls or starttls.")
    tls = context_for(str(incoming.get("ca_file") or "")) if security != "none" else None
    kind = type("Heard", (_HeardTls if security == "tls" else _Heard,), {"protocol": trial.protocol})
    with _refusals("connection", where, "Look at host, port and security."), connecting(where):
        client: _Heard = kind(host, port, **({"context": tls} if security == "tls" else {}), timeout=around.patience)
    trial.done("connection", f"{where} answers")
    if security == "starttls":
        with _refusals("encryption", where, "Without STLS nobody logs in; set security to tls (port 995) if the server has that."), connecting(where):
            client.stls(context=tls)
    if tls is not None:
        trial.protocol.note("TLS")
        trial.done("encryption", "TLS, and the certificate is trusted")
    return client


def _log_in(trial: Trial, client: _Heard, incoming: dict[str, object], secret: str, where: str) -> None:
    user = str(incoming.get("user"))
    client.encoding = "UTF-8"
    advice = "Look at user and at the secret; the provider may want an application password, or have POP3 switched off."
    with _refusals("log-in", where, advice), talking("log-in", where):
        if uses_token(incoming):
            _by_token(client, str(incoming.get("auth")), user, secret)
        else:
            client.user(user)
            client.pass_(secret)
    trial.done("log-in", f"as {user}")


def _by_token(client: _Heard, auth: str, user: str, token: str) -> None:
    """RFC 5034: the mechanism, then what it needs when the server asks."""
    words = f"user={user}\1auth=Bearer {token}\1\1" if auth == "xoauth2" else f"n,a={user},\1auth=Bearer {token}\1\1"
    client._shortcmd(f"AUTH {auth.upper()}")  # type: ignore[attr-defined]  # not in typeshed
    answer: bytes = client._shortcmd(b64encode(words.encode()).decode("ascii"))  # type: ignore[attr-defined]
    if answer.startswith(b"+ "):  # what was wrong, to be answered before the refusal comes (RFC 7628 section 3.2.3)
        client._shortcmd("" if auth == "xoauth2" else "AQ==")  # type: ignore[attr-defined]


@contextlib.contextmanager
def _refusals(step: str, where: str, advice: str) -> Iterator[None]:
    try:
        yield
    except poplib.error_proto as refused:
        said = refused.args[0] if refused.args else b""
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise Failed(step, f"{where} refuses: {words.removeprefix('-ERR').strip()[:MAX_WORDS].rstrip('.') or 'no reason given'}. {advice}") from None
