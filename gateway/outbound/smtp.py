"""The way out by SMTP for one connector: sessions kept and used again by any thread; the dialogue itself is `session.py` and `dialogue.py`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.delivery import Delivery, Reply, Stage
from core.setup import Connector
from gateway.outbound.dialogue import send
from gateway.outbound.port import Outgoing
from gateway.outbound.session import Bearer, Ended, Server, open_session, trouble
from gateway.outbound.wire import Answer, Wire

MAX_AGE = 300.0
"""Seconds a session lives."""
MAX_IDLE = 30.0
"""Seconds a session is kept while nobody needs it."""
MAX_USES = 100
MAX_KEPT = 4

PORTS = {"tls": 465, "starttls": 587, "none": 25}


class SettingsTrouble(Exception):
    """A connector's outgoing settings cannot be used; `str()` is the sentence for the administrator."""


def server_of(connector: Connector, environ: Mapping[str, str], hostname: str, timeout: float, bearer: Bearer | None = None) -> Server:
    """The server a connector names: `host port security user password_env ca_file auth`. `timeout`: patience with each answer, in seconds.

    `bearer` gives the tokens for OAuth2. Raises SettingsTrouble.
    """
    outgoing = connector.outgoing
    security = str(outgoing.get("security") or "starttls")
    if security not in PORTS:
        raise SettingsTrouble(f"security is “{security}”; expected starttls, tls or none")
    host, user, variable = (str(outgoing.get(key) or "") for key in ("host", "user", "password_env"))
    if not host:
        raise SettingsTrouble("outgoing mail has no host")
    auth = str(outgoing.get("auth") or "password")
    if auth != "password" and (bearer is None or not user):
        raise SettingsTrouble("a log-in with OAuth2 needs a user" if bearer is not None else "no access token can be had here")
    if user and auth == "password" and variable not in environ:
        raise SettingsTrouble(f"the environment variable “{variable}” with the password of {user} is not set")
    return Server(
        host=host,
        port=int(str(outgoing.get("port") or PORTS[security])),
        security=security,
        user=user,
        password=environ[variable] if user and auth == "password" else "",
        hostname=hostname,
        ca_file=str(outgoing.get("ca_file") or ""),
        auth=auth,
        bearer=bearer if auth != "password" else None,
        command_timeout=timeout,
    )


@dataclass(slots=True)
class _Kept:
    """An open session and how much it has been used."""

    wire: Wire
    born: float
    used_at: float
    uses: int = 0

    def worn(self, now: float) -> bool:
        return now - self.born > MAX_AGE or now - self.used_at > MAX_IDLE or self.uses >= MAX_USES


class SmtpTransport:
    """Sends by one server. Sessions are taken and given back; one that was kept is asked RSET first, and replaced if it has gone."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._idle: list[_Kept] = []

    def deliver(self, mail: Outgoing, before_final_dot: Callable[[], None]) -> Delivery:
        """See `port.Transport`."""
        deadline = time.monotonic() + self._server.time.before_dot
        kept = self._ready(deadline)
        if kept is not None:
            try:
                return self._sent(kept, mail, before_final_dot)
            except Ended as ended:
                kept.wire.drop()
                if not ended.stale:
                    return trouble(ended)
        try:
            now = time.monotonic()
            kept = _Kept(open_session(self._server, deadline), now, now)
            return self._sent(kept, mail, before_final_dot)
        except Ended as ended:
            if kept is not None:
                kept.wire.drop()
            return trouble(ended)

    def close(self) -> None:
        """Leave every session that is kept."""
        with self._lock:
            idle, self._idle = self._idle, []
        for kept in idle:
            kept.wire.leave()

    def _sent(self, kept: _Kept, mail: Outgoing, before_final_dot: Callable[[], None]) -> Delivery:
        kept.uses += 1
        delivery = send(kept.wire, self._server, mail, before_final_dot)
        self._give_back(kept)
        return delivery

    def _ready(self, deadline: float) -> _Kept | None:
        """A session that was kept and still answers, or None."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                kept = self._idle.pop()
            kept.wire.deadline = deadline
            if kept.worn(time.monotonic()):
                kept.wire.leave()
            elif kept.wire.unasked() is None and kept.wire.command("RSET").reply is Reply.OK:
                return kept
            else:
                kept.wire.drop()

    def _give_back(self, kept: _Kept) -> None:
        """Keep the session for the next mail, if it is whole: closed, or with words left over, it is not."""
        if kept.wire.sock is None:
            return
        kept.used_at = time.monotonic()
        with self._lock:
            if len(self._idle) < MAX_KEPT and not kept.worn(kept.used_at):
                self._idle.append(kept)
                return
        kept.wire.leave()


def check(server: Server) -> str:
    """Connect, encrypt and log in as a delivery would, and leave; '' or what went wrong. For `guichet check`."""
    try:
        open_session(server, time.monotonic() + 60.0).leave()
    except Ended as ended:
        return f"{ended.stage}: {ended.answer.words}"
    return ""


def settings_trouble(words: str) -> Delivery:
    """The answer of a way out that cannot be built."""
    return trouble(Ended(Stage.SETTINGS, Answer(Reply.NEVER, words)))
