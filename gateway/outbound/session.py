"""Opening an SMTP session: connection, TLS, EHLO, log-in; a mail in it is `dialogue.py`, bytes are `wire.py`, keeping sessions is `smtp.py`."""

from __future__ import annotations

import smtplib
import ssl
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field

from core.delivery import MEANING, TROUBLES, Delivery, Meaning, Reply, Stage, reply_class
from gateway.oauth.trouble import TokenTrouble
from gateway.outbound.port import LeaseTime
from gateway.outbound.wire import Answer, Heard, Wire


@dataclass(frozen=True, slots=True)
class Bearer:
    """Access tokens for one connector: `give` may ask the provider and raises TokenTrouble, `refused` hears of one that the server did not take."""

    give: Callable[[], str]
    refused: Callable[[str], None] = lambda token: None


@dataclass(frozen=True, slots=True)
class Server:
    """Where a connector's mail goes. `security`: `tls` from the first byte, `starttls` (never falls back), or `none`.

    `password` is told, not looked up. Time-outs in seconds.
    """

    host: str
    port: int
    security: str = "starttls"
    user: str = ""
    password: str = ""
    hostname: str = "localhost"
    ca_file: str = ""
    auth: str = "password"
    """`xoauth2` or `oauthbearer`: logs in with a token of `bearer` instead of the password."""
    bearer: Bearer | None = None
    connect_timeout: float = 30.0
    command_timeout: float = 120.0
    write_timeout: float = 180.0
    time: LeaseTime = field(default_factory=LeaseTime)


class Ended(Exception):
    """The dialogue ended at a stage; `meaning` by the table."""

    def __init__(self, stage: Stage, answer: Answer) -> None:
        super().__init__(answer.words)
        self.stage = stage
        self.answer = answer
        self.meaning = MEANING[stage][answer.reply]

    @property
    def stale(self) -> bool:
        """On a connection that was kept: it may simply have been closed meanwhile, and a fresh one is worth a try."""
        return self.stage in (Stage.EHLO, Stage.MAIL) and (self.answer.reply in (Reply.GONE, Reply.SILENCE) or self.answer.code == 421)


def open_session(server: Server, deadline: float, heard: Heard | None = None) -> Wire:
    """A connection that is ready for MAIL; `heard` is told what is said, secrets included. Raises Ended."""
    wire = Wire(server.host, server.hostname, server.connect_timeout, server.command_timeout)
    wire.deadline = deadline
    wire.heard = heard
    try:
        _connect(wire, server)
        expect(Stage.BANNER, wire.reply())
        expect(Stage.EHLO, wire.hello())
        if server.security == "starttls":
            _encrypt(wire, server)
            expect(Stage.EHLO, wire.hello())
        if server.user:
            _log_in(wire, server)
    except BaseException:
        wire.drop()
        raise
    return wire


def trouble(ended: Ended) -> Delivery:
    """The answer for a dialogue that ended before a recipient was asked."""
    assert ended.meaning in TROUBLES
    return Delivery(ended.stage, f"{ended.stage}: {ended.answer.words}", trouble=ended.meaning)


def expect(stage: Stage, answer: Answer) -> None:
    if MEANING[stage][answer.reply] is not Meaning.PROCEED:
        raise Ended(stage, answer)


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
    except smtplib.SMTPResponseException as refused:
        expect(Stage.STARTTLS, _answer_of(refused))
        raise Ended(Stage.STARTTLS, Answer(Reply.GARBAGE, f"an answer that STARTTLS does not have: {refused.smtp_code}")) from None
    except Answer as answer:
        raise Ended(Stage.STARTTLS, answer) from None
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
        answer = wire.command(f"AUTH PLAIN {_b64(f'{chr(0)}{server.user}{chr(0)}{server.password}')}")
    elif "LOGIN" in offered:
        answer = wire.command("AUTH LOGIN")
        for secret in (server.user, server.password):
            answer = wire.command(_b64(secret)) if answer.code == 334 else answer
    else:
        raise Ended(Stage.SETTINGS, Answer(Reply.NEVER, f"{server.host} offers no log-in that we know (PLAIN, LOGIN)"))
    expect(Stage.AUTH, answer)


def _by_token(wire: Wire, server: Server, bearer: Bearer, offered: list[str]) -> Answer:
    """XOAUTH2, or OAUTHBEARER (RFC 7628). A server that says first what is wrong wants to hear something before it refuses."""
    mechanism = server.auth.upper()
    if mechanism not in offered:
        raise Ended(Stage.SETTINGS, Answer(Reply.NEVER, f"{server.host} does not offer {mechanism}"))
    try:
        token = bearer.give()
    except TokenTrouble as trouble:
        raise Ended(_STAGES.get(trouble.meaning, Stage.SETTINGS), Answer(_REPLIES.get(trouble.meaning, Reply.NEVER), str(trouble))) from None
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
    return answer


_STAGES = {Meaning.PASSING: Stage.AUTH, Meaning.LOGIN_REFUSED: Stage.AUTH}
_REPLIES = {Meaning.PASSING: Reply.LATER}
"""What trouble with a token is in THE table of `core/delivery.py`: it passes, or somebody must log in, or the settings cannot work."""


def _context(server: Server) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=server.ca_file or None)
    except (OSError, ssl.SSLError) as fault:
        raise Ended(Stage.SETTINGS, Answer(Reply.NEVER, f"the certificates in {server.ca_file} cannot be read: {fault}")) from None


def _answer_of(refused: smtplib.SMTPResponseException) -> Answer:
    words = refused.smtp_error.decode("utf-8", "replace") if isinstance(refused.smtp_error, bytes) else refused.smtp_error
    return Answer(reply_class(refused.smtp_code), f"{refused.smtp_code} {words}", refused.smtp_code)


def _reason(fault: ssl.SSLError) -> str:
    return getattr(fault, "verify_message", "") or fault.reason or str(fault)


def _b64(text: str) -> str:
    return b64encode(text.encode("utf-8")).decode("ascii")
