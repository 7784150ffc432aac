"""The way out by SMTP for one connector: sessions kept and used again by any thread; the dialogue itself is `session.py` and `dialogue.py`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.delivery import Delivery, Reply, Stage
from core.durations import parse_duration
from core.mail import address_key
from core.outbox import Outcome
from core.setup import Connector
from gateway.outbound.dialogue import DsnRefused, send
from gateway.outbound.ended import Ended, trouble
from gateway.outbound.port import CONNECTIONS, Outgoing
from gateway.outbound.session import Bearer, Server, open_session
from gateway.outbound.wire import Answer, Wire
from gateway.secrets import no_secrets

MAX_IDLE = 30.0
"""Seconds a session is kept while nobody needs it."""
MAX_USES = 100
CONNECTION_AGE = "PT5M"

PORTS = {"tls": 465, "starttls": 587, "none": 25}


class SettingsTrouble(Exception):
    """A connector's outgoing settings cannot be used; `str()` is the sentence for the administrator."""


def server_of(
    connector: Connector,
    environ: Mapping[str, str],
    hostname: str,
    timeout: float,
    bearer: Bearer | None = None,
    *,
    folder: Path = Path("."),
    secrets: Callable[[str], str] = no_secrets,
) -> Server:
    """The server a connector names by the keys of its `outgoing` (`gateway/connector_kinds.py`). `timeout`: patience with each answer, in seconds.

    `bearer` gives the tokens for OAuth2, `secrets` what is in the secret store, asked at each log-in; certificates are relative to `folder`.
    Raises SettingsTrouble.
    """
    outgoing = connector.outgoing
    security = str(outgoing.get("security") or "starttls")
    if security not in PORTS:
        raise SettingsTrouble(f"security is “{security}”; expected starttls, tls or none")
    host, user, variable, kept = (str(outgoing.get(key) or "") for key in ("host", "user", "password_env", "password_secret"))
    if not host:
        raise SettingsTrouble("outgoing mail has no host")
    auth = str(outgoing.get("auth") or "password")
    by_password = bool(user) and auth == "password"
    if auth != "password" and (bearer is None or not user):
        raise SettingsTrouble("a log-in with OAuth2 needs a user" if bearer is not None else "no access token can be had here")
    if by_password and not kept and variable not in environ:
        raise SettingsTrouble(f"the environment variable “{variable}” with the password of {user} is not set")
    certificate, key = (str(outgoing.get(name) or "") for name in ("client_certificate", "client_key"))
    return Server(
        host=host,
        port=int(str(outgoing.get("port") or PORTS[security])),
        security=security,
        user=user,
        password=environ[variable] if by_password and not kept else "",
        secret=(lambda: secrets(kept)) if by_password and kept else None,
        hostname=hostname,
        ca_file=str(outgoing.get("ca_file") or ""),
        certificate=str(folder / certificate) if certificate else "",
        certificate_key=str(folder / key) if key else "",
        auth=auth,
        bearer=bearer if auth != "password" else None,
        dsn=outgoing.get("dsn") is not False,
        connections=max(1, int(str(outgoing.get("connections") or CONNECTIONS))),
        connection_age=parse_duration(str(outgoing.get("connection_age") or CONNECTION_AGE)).total_seconds(),
        command_timeout=timeout,
    )


@dataclass(slots=True)
class _Kept:
    """An open session and how much it has been used."""

    wire: Wire
    born: float
    used_at: float
    uses: int = 0

    def worn(self, now: float, age: float) -> bool:
        return now - self.born > age or now - self.used_at > MAX_IDLE or self.uses >= MAX_USES


class SmtpTransport:
    """Sends by one server. Sessions are taken and given back; one that was kept and has gone is replaced.

    No more of them than the server's `connections` are open: whoever comes beyond that waits for one that is free, within the time of the attempt.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._idle: list[_Kept] = []
        self._free = threading.BoundedSemaphore(server.connections)
        self._dsn = server.dsn

    def deliver(self, mail: Outgoing, before_final_dot: Callable[[], None]) -> Delivery:
        """See `port.Transport`."""
        deadline = time.monotonic() + self._server.time.before_dot
        if not self._free.acquire(timeout=self._server.time.before_dot):
            words = f"all {self._server.connections} connections to {self._server.host} were in use until the time was over"
            return trouble(Ended(Stage.CONNECT, Answer(Reply.SILENCE, words)))
        try:
            return self._delivered(mail, before_final_dot, deadline)
        finally:
            self._free.release()

    def _delivered(self, mail: Outgoing, before_final_dot: Callable[[], None], deadline: float) -> Delivery:
        """A server that offers reports but refuses to be asked for them gets the mail without; if that was what was wrong, it is not asked again."""
        try:
            return self._tried(mail, before_final_dot, deadline, dsn=self._dsn)
        except DsnRefused as refused:
            delivery = self._tried(mail, before_final_dot, deadline, dsn=False)
            if _cured(refused, delivery, mail):
                self._dsn = False
            return delivery

    def _tried(self, mail: Outgoing, before_final_dot: Callable[[], None], deadline: float, *, dsn: bool) -> Delivery:
        kept = self._ready(deadline)
        if kept is not None:
            try:
                return self._sent(kept, mail, before_final_dot, dsn=dsn)
            except Ended as ended:
                if not ended.stale:
                    return trouble(ended)
        try:
            now = time.monotonic()
            return self._sent(_Kept(open_session(self._server, deadline), now, now), mail, before_final_dot, dsn=dsn)
        except Ended as ended:
            return trouble(ended)

    def close(self) -> None:
        """Leave every session that is kept."""
        with self._lock:
            idle, self._idle = self._idle, []
        for kept in idle:
            kept.wire.leave()

    def _sent(self, kept: _Kept, mail: Outgoing, before_final_dot: Callable[[], None], *, dsn: bool) -> Delivery:
        kept.uses += 1
        try:
            delivery = send(kept.wire, self._server, mail, before_final_dot, used=kept.uses > 1, dsn=dsn)
        except BaseException:
            kept.wire.drop()
            raise
        if _put_off(delivery):
            kept.wire.leave()
        else:
            self._give_back(kept)
        return delivery

    def _ready(self, deadline: float) -> _Kept | None:
        """A session that was kept and is quiet, or None; whether it still answers shows when it is used."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                kept = self._idle.pop()
            kept.wire.deadline = deadline
            if kept.worn(time.monotonic(), self._server.connection_age):
                kept.wire.leave()
            elif kept.wire.unasked() is None:
                return kept
            else:
                kept.wire.drop()

    def _give_back(self, kept: _Kept) -> None:
        """Keep the session for the next mail, if it is whole: closed, or with words left over, it is not."""
        if kept.wire.sock is None:
            return
        kept.used_at = time.monotonic()
        if kept.worn(kept.used_at, self._server.connection_age):
            kept.wire.leave()
            return
        with self._lock:
            self._idle.append(kept)


def _cured(refused: DsnRefused, delivery: Delivery, mail: Outgoing) -> bool:
    """Whether the mail fared better without asking for reports. A recipient that is refused both ways is simply refused."""
    if delivery.trouble is not None:
        return False
    key = refused.key or address_key(mail.recipients[0])
    return refused.stage is Stage.MAIL or delivery.recipients.get(key, (Outcome.PERMANENT, ""))[0] is not Outcome.PERMANENT


def _put_off(delivery: Delivery) -> bool:
    """Whether somebody was refused for now and nobody has the mail: a server may mean the whole session, as postscreen does, so the next mail begins another."""
    outcomes = {outcome for outcome, _ in delivery.recipients.values()}
    return Outcome.TEMPORARY in outcomes and Outcome.ACCEPTED not in outcomes


def check(server: Server) -> str:
    """Connect, encrypt and log in as a delivery would, and leave; '' or what went wrong. For `guichet check`."""
    try:
        open_session(server, time.monotonic() + 60.0).leave()
    except Ended as ended:
        return trouble(ended).words
    return ""


def settings_trouble(words: str) -> Delivery:
    """The answer of a way out that cannot be built."""
    return trouble(Ended(Stage.SETTINGS, Answer(Reply.NEVER, words)))
