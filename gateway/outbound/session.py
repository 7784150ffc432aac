"""Opening an SMTP session: connection, TLS, EHLO, log-in; a mail in it is `dialogue.py`, bytes are `wire.py`, keeping sessions is `smtp.py`."""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from core.delivery import Meaning, Reply, Stage
from gateway.oauth.trouble import TokenTrouble
from gateway.outbound.ended import Ended, TokenRefused, expect
from gateway.outbound.port import LeaseTime
from gateway.outbound.wire import Answer, Heard, Wire
from gateway.secrets import SecretTrouble


@dataclass(frozen=True, slots=True)
class Bearer:
    """Access tokens for one connector: `give` may ask the provider and raises TokenTrouble, `refused` hears of one that the server did not take."""

    give: Callable[[], str]
    refused: Callable[[str], None] = lambda token: None


@dataclass(frozen=True, slots=True)
class Server:
    """Where a connector's mail goes. `security`: `tls` from the first byte, `starttls` (never falls back), or `none`.

    The password is `password`, or what `secret` gives at each log-in; `secret` may raise SecretTrouble. Time-outs in seconds.
    """

    host: str
    port: int
    security: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    hostname: str = "localhost"
    ca_file: str = ""
    certificate: str = ""
    """Path of our certificate for servers that ask for one (PEM), and of its key; no key: it is in the same file."""
    certificate_key: str = ""
    secret: Callable[[], str] | None = None
    auth: str = "password"
    """`xoauth2` or `oauthbearer`: logs in with a token of `bearer` instead of the password."""
    bearer: Bearer | None = None
    dsn: bool = True
    """Whether reports of delay and failure are asked for where they are offered."""
    connections: int = 4
    """Most sessions of this process at once."""
    connection_age: float = 300.0
    """Seconds a session lives."""
    connect_timeout: float = 30.0
    command_timeout: float = 120.0
    write_timeout: float = 180.0
    time: LeaseTime = field(default_factory=LeaseTime)


def open_session(server: Server, deadline: float, heard: Heard | None = None) -> Wire:
    """A connection that is ready for MAIL; `heard` is told what is said, secrets included. Raises Ended.

    A refused access token is replaced once: it may have been taken back before its time.
    """
    try:
        return _opened(server, deadline, heard)
    except TokenRefused as refused:
        bearer = server.bearer
        if bearer is None or (token := _token(bearer)) == refused.token:
            raise
        return _opened(replace(server, bearer=Bearer(lambda: token, bearer.refused)), deadline, heard)


def _opened(server: Server, deadline: float, heard: Heard | None) -> Wire:
    wire = Wire(server.host, server.hostname, server.connect_timeout, server.command_timeout)
    wire.deadline = deadline
    wire.heard = heard
    try:
        _connect(wire, server)
        _expect(Stage.BANNER, wire.reply())
        _expect(Stage.EHLO, wire.hello())
        if server.security == "starttls":
            _encrypt(wire, server)
            _expect(Stage.EHLO, wire.hello())
        if server.user:
            _log_in(wire, server)
    except BaseException:
        wire.drop()
        raise
    return wire


def _expect(stage: Stage, answer: Answer) -> None:
    if answer.alert:
        raise Ended(Stage.TLS, Answer(Reply.NEVER, answer.words))
    expect(stage, answer)


def _connect(wire: Wire, server: Server) -> None:
    try:
        wire.open(server.port, _context(server) if server.security == "tls" else None)
    except ssl.SSLError as fault:
        raise Ended(Stage.TLS, Answer(Reply.NEVER, f"TLS failed: {_reason(fault)}")) from None
    except TimeoutError:
        raise Ended(Stage.CONNECT, Answer(Reply.SILENCE, f"{server.host}:{server.port} does not answer")) from None
    except OSError as fault:
        raise Ended(Stage.CONNECT, Answer(Reply.GONE, f"no connection to {server.host}:{server.port}: {fault.strerror or fault}")) from None


def _encrypt(wire: Wire, server: Server) -> None:
    """STARTTLS or nothing: without it nothing more is said (contract section 4)."""
    if not wire.has_extn("starttls"):
        raise Ended(Stage.STARTTLS, Answer(Reply.NEVER, f"{server.host} does not offer STARTTLS, and without it nothing is sent"))
    try:
        wire.encrypt(_context(server))
    except Answer as answer:
        expect(Stage.STARTTLS, answer)
        raise Ended(Stage.STARTTLS, Answer(Reply.GARBAGE, f"an answer that STARTTLS does not have: {answer.code}")) from None
    except ssl.SSLError as fault:
        raise Ended(Stage.TLS, Answer(Reply.NEVER, f"TLS failed: {_reason(fault)}")) from None
    except TimeoutError:
        raise Ended(Stage.TLS, Answer(Reply.SILENCE, "TLS did not begin in time")) from None
    except OSError as fault:
        raise Ended(Stage.TLS, Answer(Reply.GONE, f"the connection was lost: {fault.strerror or fault}")) from None


def _log_in(wire: Wire, server: Server) -> None:
    """A token, or AUTH PLAIN, or LOGIN where only that is offered (RFC 4954); in UTF-8. Never without TLS, except to this machine."""
    if server.security == "none" and server.host not in ("localhost", "127.0.0.1", "::1"):
        raise Ended(Stage.SETTINGS, Answer(Reply.NEVER, "the password would travel unencrypted; set security to starttls or tls"))
    offered = wire.esmtp_features.get("auth", "").upper().split()
    if server.bearer is not None:
        answer = _by_token(wire, server, server.bearer, offered)
    elif "PLAIN" in offered:
        answer = wire.command(f"AUTH PLAIN {_b64(f'{chr(0)}{server.user}{chr(0)}{_password(server)}')}")
    elif "LOGIN" in offered:
        password = _password(server)
        answer = wire.command("AUTH LOGIN")
        for secret in (server.user, password):
            answer = wire.command(_b64(secret)) if answer.code == 334 else answer
    else:
        raise Ended(Stage.SETTINGS, Answer(Reply.NEVER, f"{server.host} offers no log-in that we know (PLAIN, LOGIN)"))
    expect(Stage.AUTH, answer)


def _password(server: Server) -> str:
    try:
        return server.secret() if server.secret is not None else server.password
    except SecretTrouble as trouble:
        raise Ended(Stage.SETTINGS, Answer(Reply.NEVER, str(trouble))) from None


def _by_token(wire: Wire, server: Server, bearer: Bearer, offered: list[str]) -> Answer:
    """XOAUTH2, or OAUTHBEARER (RFC 7628). A server that says first what is wrong wants to hear something before it refuses. Raises TokenRefused."""
    mechanism = server.auth.upper()
    if mechanism not in offered:
        raise Ended(Stage.SETTINGS, Answer(Reply.NEVER, f"{server.host} does not offer {mechanism}"))
    token = _token(bearer)
    if mechanism == "XOAUTH2":
        words, pardon = f"user={server.user}\1auth=Bearer {token}\1\1", ""
    else:
        name = server.user.replace("=", "=3D").replace(",", "=2C")
        words, pardon = f"n,a={name},\1host={server.host}\1port={server.port}\1auth=Bearer {token}\1\1", _b64("\1")
    answer = wire.command(f"AUTH {mechanism} {_b64(words)}")
    if answer.code == 334:
        answer = wire.command(pardon)
    if answer.reply is Reply.NEVER:
        bearer.refused(token)
        raise TokenRefused(answer, token)
    return answer


def _token(bearer: Bearer) -> str:
    try:
        return bearer.give()
    except TokenTrouble as trouble:
        raise Ended(_STAGES.get(trouble.meaning, Stage.SETTINGS), Answer(_REPLIES.get(trouble.meaning, Reply.NEVER), str(trouble))) from None


_STAGES = {Meaning.PASSING: Stage.AUTH, Meaning.LOGIN_REFUSED: Stage.AUTH}
_REPLIES = {Meaning.PASSING: Reply.LATER}
"""What trouble with a token is in THE table of `core/delivery.py`: it passes, or somebody must log in, or the settings cannot work."""


def _context(server: Server) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=server.ca_file or None)
    except (OSError, ssl.SSLError) as fault:
        raise Ended(Stage.SETTINGS, Answer(Reply.NEVER, f"the certificates in {server.ca_file} cannot be read: {fault}")) from None
    if server.certificate:
        try:
            context.load_cert_chain(server.certificate, server.certificate_key or None, password=_nobody_to_ask)
        except (OSError, ssl.SSLError) as fault:
            words = f"our certificate {server.certificate} or its key cannot be used: {fault.strerror or fault}"
            raise Ended(Stage.SETTINGS, Answer(Reply.NEVER, words)) from None
    return context


def _nobody_to_ask() -> str:
    """For an encrypted key: OpenSSL would ask at the terminal."""
    return ""


def _reason(fault: ssl.SSLError) -> str:
    return getattr(fault, "verify_message", "") or fault.reason or str(fault)


def _b64(text: str) -> str:
    return b64encode(text.encode("utf-8")).decode("ascii")
