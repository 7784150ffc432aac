"""One SMTP conversation: verbs, their order and their answers; bytes, time and TLS are `wire.py`, listening and draining `smtp.py`, LMTP is `lmtp.py`."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future
from dataclasses import dataclass
from ssl import SSLContext
from typing import Protocol

from gateway.inbound.data_reader import DataReader
from gateway.inbound.envelope_path import BadParameter, BadPath, Path, parse_path
from gateway.inbound.intake import Intake
from gateway.inbound.port import Answer, Arrival, Refused, Stored
from gateway.inbound.replies import REPLIES, is_error
from gateway.inbound.wire import Gone, Place, Wire

MAX_ERRORS = 20
"""Errors a client may make between two mails."""
MAX_COMMANDS = 2000
"""Commands a client may give between two mails."""
MAX_NAME = 255
LOGGED = 200
"""Bytes of a refused command that the log keeps: why a mail did not arrive must be found there."""

VERBS = frozenset("EHLO HELO MAIL RCPT DATA RSET NOOP QUIT VRFY HELP STARTTLS".split())
"""Each is a method `smtp_VERB` that takes the argument and returns the reply."""
NOT_IMPLEMENTED = frozenset("EXPN AUTH BDAT ETRN TURN SEND SOML SAML XCLIENT XFORWARD PROXY".split())
FOREIGN = frozenset("GET POST PUT HEAD OPTIONS CONNECT DELETE PATCH TRACE HOST: USER-AGENT:".split())
"""Verbs of HTTP: a browser, or a request smuggled through one, is not listened to any further."""

log = logging.getLogger("guichet.smtp")


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers of one conversation: sizes in bytes, times in seconds."""

    hostname: str
    max_size: int
    max_recipients: int
    command_timeout: float
    data_timeout: float
    mail_timeout: float
    answer_timeout: float


class Front(Place, Protocol):
    """What a conversation needs of the door it stands in."""

    intake: Intake
    rules: Rules

    def tls(self) -> SSLContext | None: ...
    def answer(self, future: Future[Answer]) -> asyncio.Future[Answer]: ...


class Conversation(Wire):
    """From the greeting to the goodbye with one client."""

    door_name = "smtp"
    verbs = VERBS
    reply_each = False
    """LMTP: the final dot is answered once for each RCPT that was accepted, a repeated one too (RFC 2033 section 4.2)."""

    def __init__(self, front: Front, loop: asyncio.AbstractEventLoop) -> None:
        rules = front.rules
        super().__init__(
            front,
            loop,
            hostname=rules.hostname,
            command_timeout=rules.command_timeout,
            data_timeout=rules.data_timeout,
            mail_timeout=rules.mail_timeout,
        )
        self._front = front
        self._rules = rules
        self._tls = front.tls()
        self._errors = 0
        self._commands = 0

    async def obey(self, line: bytes) -> None:
        verb, argument = _split(line)
        self._commands += 1
        try:
            reply = await self._reply_to(verb, argument)
        except (Gone, ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:  # outer edge: whatever went wrong here passes, and the client must be told so
            reply = await self.handle_exception(error)
        if reply:
            reply = self._counted(reply)
            if reply[0] in "45":
                log.info(f"{self.door_name}_refused", extra={"peer": self.address, "command": self.logged(line), "reply": reply})
            await self.push(reply)

    async def _reply_to(self, verb: str, argument: str | None) -> str:
        if argument is None:
            return REPLIES["not_utf8"]
        if not verb:
            return REPLIES["empty_line"]
        if self._commands > MAX_COMMANDS:
            return REPLIES["too_many_commands"]
        if verb in FOREIGN:
            return REPLIES["foreign"]
        if verb not in self.verbs:
            return REPLIES["not_implemented" if verb in NOT_IMPLEMENTED else "unknown_verb"]
        reply: str = await getattr(self, f"smtp_{verb}")(argument)
        return reply

    def logged(self, line: bytes) -> str:
        """A refused command as the log keeps it: never what a client says to log in, wherever it says it."""
        return line[:LOGGED].decode("utf-8", "replace") if line[:4].upper() != b"AUTH" else "AUTH"

    def refused_line(self, reply: str) -> str:
        return self._counted(REPLIES[reply])

    def _counted(self, reply: str) -> str:
        self._errors += is_error(reply)
        return reply if self._errors < MAX_ERRORS else REPLIES["too_many_errors"]

    async def handle_exception(self, error: Exception) -> str:
        """A fault of ours passes (RFC 5321 section 4.2.1): 451, and its words stay in our log."""
        log.error(f"{self.door_name}_fault", extra={"peer": self.address, "fault": type(error).__name__}, exc_info=error)
        self._set_rset_state()
        return REPLIES["fault"]

    # ------------------------------------------------------------ verbs

    async def smtp_EHLO(self, hostname: str) -> str:
        return self._greeted(hostname, self._offers())

    def _offers(self) -> str:
        offers = [self._rules.hostname, *self._extensions()]
        return "\r\n".join([f"250-{offer}" for offer in offers[:-1]] + [f"250 {offers[-1]}"])

    def _extensions(self) -> list[str]:
        offers = [f"SIZE {self._rules.max_size}", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"]
        return [*offers, "STARTTLS"] if self._tls is not None and not self.in_tls else offers

    async def smtp_HELO(self, hostname: str) -> str:
        return self._greeted(hostname, f"250 {self._rules.hostname}")

    def _greeted(self, hostname: str, reply: str) -> str:
        if not hostname or len(hostname) > MAX_NAME or not hostname.isprintable():
            return REPLIES["say_who"]
        self._set_rset_state()
        assert self.session is not None
        self.session.host_name = hostname
        return reply

    async def smtp_MAIL(self, arg: str) -> str:
        assert self.session is not None and self.envelope is not None
        if self.session.host_name is None:
            return REPLIES["hello_first"]
        if self.envelope.mail_from is not None:
            return REPLIES["mail_once"]
        try:
            path = parse_path(arg, "FROM:")
        except BadPath:
            return REPLIES["bad_sender" if arg[:5].upper() == "FROM:" else "mail_syntax"]
        except BadParameter:
            return REPLIES["mail_syntax"]
        refusal = self._parameter_refusal(path)
        if refusal:
            return REPLIES[refusal]
        if not self._front.peers.may_send(self.address, self.loop.time()):
            return REPLIES["sending_too_fast"]
        self.envelope.mail_from = path.address
        return REPLIES["sender_ok"]

    def _parameter_refusal(self, path: Path) -> str:
        """SIZE (RFC 1870), BODY (RFC 6152) and SMTPUTF8 (RFC 6531) are known; the reply's name if something is wrong with them."""
        for name, value in path.parameters.items():
            if name == "SIZE" and value.isdecimal() and value.isascii() and len(value) <= 20:
                if int(value) > self._rules.max_size:
                    return "too_big"
            elif not ((name == "BODY" and value.upper() in ("7BIT", "8BITMIME")) or (name == "SMTPUTF8" and not value)):
                return "unknown_parameter"
        return ""

    async def smtp_RCPT(self, arg: str) -> str:
        assert self.envelope is not None
        if self.envelope.mail_from is None:
            return REPLIES["mail_first"]
        try:
            path = parse_path(arg, "TO:")
        except BadPath:
            return REPLIES["bad_recipient" if arg[:3].upper() == "TO:" else "rcpt_syntax"]
        except BadParameter:
            return REPLIES["rcpt_syntax"]
        if path.parameters:
            return REPLIES["unknown_parameter"]
        if not path.address:
            return REPLIES["bad_recipient"]
        return REPLIES[self._recipient_verdict(path.address, self.envelope.rcpt_tos)]

    def _recipient_verdict(self, address: str, accepted: list[str]) -> str:
        if address in accepted and not self.reply_each:
            return "recipient_ok"
        if len(accepted) >= self._rules.max_recipients:
            return "too_many_recipients"
        if not self._front.intake.knows(address):
            return "unknown_recipient"
        if self._front.intake.rests(address):
            return "resting_recipient"
        accepted.append(address)
        return "recipient_ok"

    async def smtp_DATA(self, arg: str) -> str:
        assert self.envelope is not None
        if arg:
            return REPLIES["no_argument"]
        if not self.envelope.rcpt_tos:
            return REPLIES["recipient_first"]
        content = DataReader(self._rules.max_size, self._front.room)
        self._in_mail = True
        try:
            await self.read_content(content, REPLIES["go_ahead"])
            return await self._after_dot(content)
        finally:
            content.release()
            self._in_mail = self._untimed = False
            self._set_rset_state()

    async def _after_dot(self, content: DataReader) -> str:
        """The answer to a mail that was heard to its end."""
        return REPLIES[content.refusal] if content.refusal else await self._hand_in(content)

    async def _hand_in(self, content: DataReader) -> str:
        """The answer to a whole mail."""
        return await self._stored(self._arrival(content.content()))

    async def _stored(self, arrival: Arrival) -> str:
        """Wait for the commit. A client that leaves meanwhile takes its mail back if the commit has not begun; it will send it again."""
        future = self._front.intake.submit(arrival)
        del arrival
        self._untimed = True
        try:
            async with asyncio.timeout(self._rules.answer_timeout):
                return self._reply_for(await self._front.answer(future))
        except TimeoutError:
            log.error(f"{self.door_name}_no_answer", extra={"peer": self.address})
            return REPLIES["fault"]
        finally:
            future.cancel()

    def _arrival(self, raw: bytes) -> Arrival:
        assert self.session is not None and self.envelope is not None
        return Arrival(
            raw=raw,
            door=self.door_name,
            received_at=self._front.intake.clock.now(),
            sender=self.envelope.mail_from or "",
            recipients=tuple(dict.fromkeys(self.envelope.rcpt_tos)),
            peer=self.address,
            helo=self.session.host_name or "",
        )

    def _reply_for(self, answer: Answer) -> str:
        if isinstance(answer, Stored):
            self._errors = self._commands = 0
            return f"250 2.0.0 Ok: queued as {answer.inbound_id}"
        if isinstance(answer, Refused):
            return REPLIES["too_big"] if answer.status == "5.3.4" else f"550 {answer.status} This mail is not taken"
        return REPLIES["fault"]

    async def smtp_RSET(self, arg: str) -> str:
        if arg:
            return REPLIES["no_argument"]
        self._set_rset_state()
        return REPLIES["hello_again"]

    async def smtp_NOOP(self, arg: str) -> str:
        return REPLIES["noop"]

    async def smtp_QUIT(self, arg: str) -> str:
        return REPLIES["no_argument" if arg else "bye"]

    async def smtp_VRFY(self, arg: str) -> str:
        """Says nothing about who exists (RFC 5321 section 7.3)."""
        return REPLIES["verify" if arg else "rcpt_syntax"]

    async def smtp_HELP(self, arg: str) -> str:
        return REPLIES["help"]

    async def smtp_STARTTLS(self, arg: str) -> str:
        if arg:
            return REPLIES["no_argument"]
        if self.in_tls:
            return REPLIES["tls_already"]
        if self._tls is None:
            return REPLIES["not_implemented"]
        if self._lines.take():  # would be believed to have come through TLS
            return REPLIES["tls_pipelined"]
        await self.begin_tls(self._tls)
        return ""


def _split(line: bytes) -> tuple[str, str | None]:
    """Verb in upper case and argument; None for an argument that is not UTF-8."""
    try:
        verb, _, argument = line.decode("utf-8").partition(" ")
    except UnicodeDecodeError:
        return "", None
    return verb.upper(), argument.strip(" ")
