"""What `guichet check` looks at: each check is a function that yields findings, and touches nothing it would have to put back."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Generator, Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import urlopen

from core.setup import Provider, Setup
from gateway.checkup_connectors import connectors
from gateway.checkup_dns import our_domains
from gateway.finding import Finding, Level, error, fine, warning
from gateway.settings import Settings

if TYPE_CHECKING:
    import smtplib

    from gateway.store.engine import Database

__all__ = ["Finding", "Level", "error", "examine", "fine", "warning"]

PATIENCE = 10.0
"""Seconds for each answer from outside."""
LITTLE_ROOM = 500 * 2**20
OWN_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


def examine(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Everything, in order; what cannot be looked at because something else is broken is left out."""
    from gateway.store.engine import Database

    yield fine("settings", f"read from {settings.file}" if settings.file else "no settings file; defaults and environment are in force")
    yield from folder(settings)
    yield from keys(settings)
    database = Database(settings.database_url)
    try:
        setup = yield from stored(database)
    finally:
        database.dispose()
    yield from variables(environ, setup)
    yield from broker(settings)
    yield from ports(settings)
    yield from certificate(settings)
    if setup is not None:
        yield from senders(setup)
    if setup is not None:
        yield from links(setup, settings)
        yield from desk(setup)
        yield from connectors(setup, settings, environ)
        yield from our_domains(setup, settings)


def senders(setup: Setup) -> Iterator[Finding]:
    """Where we check senders ourselves, what that needs is installed."""
    named = [connector.name for connector in setup.connectors if connector.profile.provider is Provider.OWN_MX]
    if not named:
        return
    from gateway.inbound.mailauth.authenticate import missing

    absent = missing()
    what = f"SPF, DKIM and DMARC are checked by ourselves for {', '.join(named)}"
    yield fine("senders", what) if not absent else warning("senders", f"{absent}: the senders of mail to {', '.join(named)} are not checked")


def links(setup: Setup, settings: Settings) -> Iterator[Finding]:
    """Where people are told by mail, the links in those mails lead somewhere, and nobody on the way can read them."""
    url = settings.web.public_url
    told = [user for user in setup.user_of.values() if user.by_mail.at_once or user.by_mail.digest]
    if url and not url.startswith("https://") and urlsplit(url).hostname not in OWN_MACHINE:
        yield warning("links", f"web.public_url is {url}: whoever listens on the way can use the links in mails; give an address that begins with https://")
    elif url:
        yield fine("links", f"links in mails begin with {url}")
    elif told and setup.connectors:
        yield warning("links", "people are told by mail, but web.public_url is not set: those mails have no links to take, resolve, undo or unsubscribe")


def folder(settings: Settings) -> Iterator[Finding]:
    """The data folder can be written and has room."""
    if not os.access(settings.data, os.W_OK | os.X_OK):
        yield error("data", f"{settings.data} is not a folder that can be written")
        return
    free = shutil.disk_usage(settings.data).free
    what = f"{settings.data} has {free // 2**20} MB left"
    yield fine("data", what) if free > LITTLE_ROOM else warning("data", what)


def keys(settings: Settings) -> Iterator[Finding]:
    """The key file is there and only its owner can read it."""
    from gateway.keys import Keys, KeyTrouble

    try:
        Keys.load(settings.key_file)
        yield fine("keys", f"{settings.key_file}")
    except KeyTrouble as trouble:
        yield error("keys", str(trouble))


def stored(database: Database) -> Generator[Finding, None, Setup | None]:
    """The database answers and has the right tables; returns the desk, or None."""
    from sqlalchemy.exc import SQLAlchemyError

    from gateway.store.setups import load
    from gateway.store.version import HEAD, VersionTrouble, require_head

    shown = database.url.render_as_string(hide_password=True)
    if database.is_sqlite and not Path(str(database.url.database)).exists():
        yield error("database", f"{database.url.database} does not exist; `guichet init` makes it")
        return None
    try:
        with database.read() as connection:
            yield fine("database", f"{shown} answers")
            require_head(connection)
            yield fine("migrations", f"revision {HEAD}")
            return load(connection)
    except VersionTrouble as trouble:
        yield error("migrations", str(trouble))
    except SQLAlchemyError as fault:
        words = str(getattr(fault, "orig", None) or fault).strip().splitlines()
        yield error("database", f"{shown} cannot be used: {words[0] if words else type(fault).__name__}")
    return None


def variables(environ: Mapping[str, str], setup: Setup | None) -> Iterator[Finding]:
    """Names in the environment that look like settings and are none."""
    from gateway.settings_source import unknown_variables

    ways = [way for connector in (setup.connectors if setup else ()) for way in (connector.incoming, connector.outgoing)]
    named = frozenset(str(way.get(key, "")) for way in ways for key in ("password_env", "client_secret_env"))
    for sentence in unknown_variables(environ, named):
        yield warning("environment", sentence)


def broker(settings: Settings) -> Iterator[Finding]:
    """The broker answers. Without one, mail moves all the same, a second later (law 5)."""
    from gateway.settings_source import without_password

    url = settings.broker.url
    if not url:
        yield fine("broker", "inside the process")
        return
    try:
        _ping(url)
        yield fine("broker", f"{without_password(url)} answers")
    except Exception as fault:  # each client has its own exceptions, and all of them mean the same here
        yield error("broker", f"{without_password(url)} cannot be reached: {str(fault).strip() or type(fault).__name__}")


def _ping(url: str) -> None:
    if url.startswith("redis"):
        import redis

        redis.Redis.from_url(url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE).ping()
    elif url.startswith("amqp"):
        import pika

        parameters = pika.URLParameters(url)
        parameters.socket_timeout = parameters.blocked_connection_timeout = parameters.stack_timeout = PATIENCE
        pika.BlockingConnection(parameters).close()


def ports(settings: Settings) -> Iterator[Finding]:
    """The ports are free, or it is us who listen."""
    lmtp = settings.lmtp
    if lmtp.socket is not None:
        yield _place_of_socket(settings.path(lmtp.socket))
    submission = settings.submission
    for role, host, port, ours in (
        ("smtp", settings.smtp.host, settings.smtp.port, _is_our_smtp),
        ("lmtp", lmtp.host, lmtp.port, _is_our_lmtp),
        ("submission", submission.host, submission.port, _is_our_submission_in_tls if submission.implicit_tls else _is_our_submission),
        ("web", settings.web.host, settings.web.port, _is_our_web),
    ):
        if (role == "lmtp" and lmtp.socket is not None) or (role == "submission" and not submission.enabled):
            continue
        if port == 0:
            yield fine(f"port {role}", "a free one is taken at start")
            continue
        yield _port(role, host, port, ours)


def _port(role: str, host: str, port: int, ours: Callable[[str, int], bool]) -> Finding:
    where = f"{host}:{port}"
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
        return fine(f"port {role}", f"{where} is free")
    except OSError as fault:
        reached = "127.0.0.1" if host in ("0.0.0.0", "") else "::1" if host == "::" else host
        if ours(reached, port):
            return fine(f"port {role}", f"{where} is served by Guichet")
        return error(f"port {role}", f"{where} cannot be used: {fault.strerror}")


def certificate(settings: Settings) -> Iterator[Finding]:
    """The certificate of the SMTP door and its key can be read and belong together."""
    import ssl

    from gateway.inbound.tls_files import TlsFiles

    chain, key = settings.smtp.tls_certificate, settings.smtp.tls_key
    if chain is None:
        if settings.submission.enabled:
            yield error("certificate", "the submission door is enabled and there is no smtp.tls_certificate: without TLS nobody can log in")
        return
    try:
        TlsFiles(settings.path(chain), settings.path(key) if key is not None else None)
        yield fine("certificate", f"{settings.path(chain)}")
    except ssl.SSLError as fault:
        yield error("certificate", f"{settings.path(chain)} or its key cannot be used: {fault.reason or fault}")
    except OSError as fault:
        yield error("certificate", f"{fault.filename or settings.path(chain)} cannot be read: {fault.strerror}")


def _place_of_socket(place: Path) -> Finding:
    if os.access(place.parent, os.W_OK | os.X_OK):
        return fine("socket lmtp", f"{place}")
    return error("socket lmtp", f"{place.parent} is not a folder that can be written; the LMTP door makes its socket there")


def _is_our_smtp(host: str, port: int) -> bool:
    """Whether the extensions listed are the ones our door has: AUTH is not offered, ENHANCEDSTATUSCODES and SMTPUTF8 are."""
    import smtplib

    return _has_our_extensions(smtplib.SMTP, host, port)


def _is_our_lmtp(host: str, port: int) -> bool:
    import smtplib

    return _has_our_extensions(smtplib.LMTP, host, port)


def _is_our_submission(host: str, port: int) -> bool:
    """In clear our submission door has what the SMTP door has; it offers AUTH inside TLS only."""
    return _is_our_smtp(host, port)


def _is_our_submission_in_tls(host: str, port: int) -> bool:
    """With TLS from the first byte AUTH is offered. Who answers is asked on this machine: the certificate names another."""
    import smtplib
    import ssl

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with smtplib.SMTP_SSL(host, port, local_hostname="check.invalid", timeout=PATIENCE, context=context) as client:
            client.ehlo()
            return all(client.has_extn(name) for name in ("smtputf8", "enhancedstatuscodes", "auth"))
    except (OSError, smtplib.SMTPException):
        return False


def _has_our_extensions(protocol: type[smtplib.SMTP], host: str, port: int) -> bool:
    import smtplib

    try:
        with protocol(host, port, local_hostname="check.invalid", timeout=PATIENCE) as client:
            client.ehlo()
            return all(client.has_extn(name) for name in ("smtputf8", "enhancedstatuscodes", "size")) and not client.has_extn("auth")
    except (OSError, smtplib.SMTPException):
        return False


def _is_our_web(host: str, port: int) -> bool:
    name = f"[{host}]" if ":" in host else host
    try:
        with urlopen(f"http://{name}:{port}/healthz", timeout=PATIENCE) as answer:
            return bool(answer.read(10) == b"ok\n")
    except (OSError, HTTPException):
        return False


def desk(setup: Setup) -> Iterator[Finding]:
    """The stored desk is consistent, and nothing in it is probably not meant."""
    from gateway.deskfile import checks

    faults = [f"{path}: {said}" for check in checks.CHECKS for path, said in check(_exported(setup))] if setup.connectors else []
    yield from (error("desk", sentence) for sentence in faults)
    yield from (warning("desk", f"{path}: {said}") for path, said in checks.warnings(setup))
    if not setup.connectors:
        yield warning("desk", "there is no connector yet: no mail will be taken. `guichet config apply desk.toml` brings one")
    elif not faults:
        yield fine("desk", f"{len(setup.connectors)} connectors, {len(setup.routes)} routes, {len(setup.user_of)} users")


def _exported(setup: Setup) -> Setup:
    from dataclasses import replace

    return replace(setup, users=tuple(user for user in setup.users if user.active))
