"""Trying an IMAP mailbox: log-in, folders, the folder for what was fetched; nothing is changed in it. Fetching is `gateway/inbound/`."""

from __future__ import annotations

import contextlib
import imaplib
import re
import ssl
from collections.abc import Iterable, Iterator

from imapclient import imap_utf7

from core.setup import Connector
from gateway.connecting.network import at_most, connecting, context_for, cut, talking
from gateway.connecting.protocol import Protocol
from gateway.connecting.report import Failed, Trial
from gateway.connecting.surroundings import LOCAL_HOSTS, Surroundings, secret_of, uses_token

PORTS = {"tls": 993, "starttls": 143, "none": 143}
MECHANISMS = {"xoauth2": "XOAUTH2", "oauthbearer": "OAUTHBEARER"}
_WORDS = re.compile(rb"[^\x20-\x7e\x80-\xff]+")
MAX_WORDS = 300
MAX_LITERAL = 100_000


class _Heard(imaplib.IMAP4):
    """imaplib that tells a protocol what is said. These three are its public hooks for subclasses."""

    protocol: Protocol

    def send(self, data: bytes) -> None:  # type: ignore[override]  # typeshed has a ReadableBuffer
        self.protocol.client(data)
        super().send(data)

    def read(self, size: int) -> bytes:
        if size > MAX_LITERAL:
            raise self.error(f"it announces {size} bytes where some words are expected")
        return super().read(size)

    def readline(self) -> bytes:
        line = super().readline()
        self.protocol.server(line)
        return line


class _HeardTls(_Heard, imaplib.IMAP4_SSL):
    """The same with TLS from the first byte."""


def walk(trial: Trial, connector: Connector, around: Surroundings) -> None:
    """Connect, log in, look at every folder. Raises Failed."""
    incoming = connector.incoming
    secret = secret_of(trial, connector, "incoming", around)
    where = f"{incoming.get('host')}:{_port(incoming)}"
    client = _connected(trial, incoming, where, around)
    try:
        with at_most(around.limit, lambda: cut(client.sock)):
            _log_in(trial, client, incoming, secret, where)
            for folder, key in _folders(incoming):
                _look_at(trial, client, folder, key, where)
    finally:
        with contextlib.suppress(OSError, imaplib.IMAP4.error, EOFError):
            client.logout()


def _port(incoming: dict[str, object]) -> int:
    return int(str(incoming.get("port") or PORTS[_security(incoming)]))


def _security(incoming: dict[str, object]) -> str:
    return str(incoming.get("security") or "tls")


def _connected(trial: Trial, incoming: dict[str, object], where: str, around: Surroundings) -> _Heard:
    host, security = str(incoming.get("host")), _security(incoming)
    if security == "none" and host not in LOCAL_HOSTS:
        raise Failed("settings", "The password would travel unencrypted. Set security to tls or starttls.")
    tls = context_for(str(incoming.get("ca_file") or "")) if security != "none" else None
    kind = type("Heard", (_HeardTls if security == "tls" else _Heard,), {"protocol": trial.protocol})
    with _protocol_faults("connection", where), connecting(where):
        client: _Heard = kind(host, _port(incoming), **({"ssl_context": tls} if security == "tls" else {}), timeout=around.patience)
        trial.done("connection", f"{where} answers")
        if security == "starttls":
            _start_tls(client, tls, where)
    if tls is not None:
        trial.protocol.note("TLS")
        trial.done("encryption", "TLS, and the certificate is trusted")
    return client


def _start_tls(client: _Heard, tls: ssl.SSLContext | None, where: str) -> None:
    if "STARTTLS" not in client.capabilities:
        raise Failed("encryption", f"{where} does not offer STARTTLS, and without it nobody logs in. Set security to tls (port 993) if the server has that.")
    try:
        client.starttls(tls)
    except imaplib.IMAP4.error as refused:
        raise Failed("encryption", f"{where} refuses STARTTLS: {_said(refused)}. Set security to tls (port 993) if the server has that.") from None


def _log_in(trial: Trial, client: _Heard, incoming: dict[str, object], secret: str, where: str) -> None:
    """OAuth2, or a password by AUTHENTICATE PLAIN (UTF-8), or LOGIN where that is all there is."""
    user = str(incoming.get("user"))
    shared = "" if incoming.get("namespace") else str(incoming.get("mailbox") or "")
    with talking("log-in", where):
        try:
            if uses_token(incoming):
                _by_token(client, str(incoming.get("auth")), shared or user, secret, where)
            elif "AUTH=PLAIN" in client.capabilities:
                client.authenticate("PLAIN", lambda _: f"{shared}\0{user}\0{secret}".encode())
            else:
                client.login(client._quote(user), secret)  # imaplib quotes the password and not the name
        except (imaplib.IMAP4.error, UnicodeEncodeError) as refused:
            raise Failed("log-in", f"{where} refuses the log-in of {user}: {_said(refused)}. {_advice(incoming)}") from None
    trial.done("log-in", f"as {user}, for {shared}" if shared else f"as {user}")


def _advice(incoming: dict[str, object]) -> str:
    if uses_token(incoming):
        return "Look at user, at the permissions of the application, and whether IMAP is allowed for this mailbox."
    where = incoming.get("password_secret") or incoming.get("password_env")
    return f"Look at user and at the password in {where}; the provider may want an application password, or have IMAP switched off."


def _by_token(client: _Heard, auth: str, user: str, token: str, where: str) -> None:
    mechanism = MECHANISMS[auth]
    if f"AUTH={mechanism}" not in client.capabilities:
        raise Failed("log-in", f"{where} does not offer {mechanism}. Look at host, or set auth to another one.")
    words = f"user={user}\1auth=Bearer {token}\1\1" if auth == "xoauth2" else f"n,a={_escaped(user)},\1auth=Bearer {token}\1\1"
    answers = iter((words.encode(), b"" if auth == "xoauth2" else b"\1"))  # after a refusal the server wants to hear something (RFC 7628 section 3.2.3)
    client.authenticate(mechanism, lambda _: next(answers, b""))


def _escaped(name: str) -> str:
    """RFC 5801 section 4."""
    return name.replace("=", "=3D").replace(",", "=2C")


def _folders(incoming: dict[str, object]) -> Iterable[tuple[str, str]]:
    """(name on the server, key of the desk file) for every folder that will be used."""
    prefix = str(incoming.get("namespace") or "")
    for key, standard in (("folders", ["INBOX"]), ("spam_folders", [])):
        named = incoming.get(key) or standard
        yield from ((f"{prefix}{name}", key) for name in (named if isinstance(named, list) else [named]))
    if incoming.get("after") == "move":
        yield f"{prefix}{incoming.get('move_to')}", "move_to"


def _look_at(trial: Trial, client: _Heard, folder: str, key: str, where: str) -> None:
    with _protocol_faults(f"folder {folder}", where), talking(f"folder {folder}", where):
        kind, answer = client.select(_quoted(folder), readonly=True)
        if kind != "OK" and folder.upper().endswith(("/INBOX", ".INBOX")):  # where the INBOX of a shared mailbox is the prefix itself
            kind, answer = client.select(_quoted(folder[: -len("/INBOX")]), readonly=True)
    if kind == "OK":
        count = answer[0].decode("ascii", "replace") if answer and answer[0] else "0"
        trial.done(f"folder {folder}", "is there" if key == "move_to" else f"is there, with {count} messages")
    else:
        trial.missed(
            f"folder {folder}",
            f"{where} does not open it: {_words(answer[0] if answer else b'')}. Make it there, or name another one with {key}; names are case-sensitive.",
        )


def _quoted(folder: str) -> str:
    name: bytes = imap_utf7.encode(folder)
    return '"' + name.decode("ascii").replace("\\", "\\\\").replace('"', '\\"') + '"'


@contextlib.contextmanager
def _protocol_faults(step: str, where: str) -> Iterator[None]:
    try:
        yield
    except imaplib.IMAP4.error as fault:
        raise Failed(step, f"{where} does not speak IMAP as expected: {_said(fault)}. Look at host, port and security.") from None


def _said(fault: Exception) -> str:
    found = fault.args[0] if fault.args else ""
    return _words(found if isinstance(found, bytes) else str(found).encode("utf-8", "replace"))


def _words(raw: object) -> str:
    return _WORDS.sub(b" ", raw if isinstance(raw, bytes) else str(raw).encode()).decode("utf-8", "replace")[:MAX_WORDS].strip().rstrip(".") or "no reason given"
