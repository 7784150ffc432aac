"""One SMTP conversation: verbs, their order and their answers; listening, caps and draining are `smtp.py`, content is `data_reader.py`.

A subclass of aiosmtpd's SMTP that keeps its protocol, session and envelope, and replaces what aiosmtpd does slowly or loosely:
line-by-line DATA (25 to 40 µs a kB), lines that end with a bare LF, replies without enhanced codes, the 500 for a fault of ours.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from ssl import SSLContext
from typing import Protocol

from aiosmtpd.smtp import SMTP

from gateway.inbound.data_reader import DataReader, Flood
from gateway.inbound.envelope_path import BadParameter, BadPath, Path, parse_path
from gateway.inbound.intake import Intake
from gateway.inbound.limits import Peers, Room
from gateway.inbound.line_reader import BadLine, LineReader
from gateway.inbound.port import Answer, Arrival, Refused, Stored
from gateway.inbound.replies import REPLIES, closes, is_error

PAUSE_AT = 64 * 2**10
"""Bytes of unread commands at which the client is made to wait."""
MAX_ERRORS = 20
MAX_COMMANDS = 2000
"""Commands a client may give between two mails."""
MAX_NAME = 255
HANDSHAKE_SECONDS = 30.0

FOREIGN = frozenset({"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE", "HOST:", "USER-AGENT:"})
"""Verbs of HTTP: a browser or a request smuggled through one is not listened to any further."""
NOT_IMPLEMENTED = frozenset({"EXPN", "AUTH", "BDAT", "ETRN", "TURN", "SEND", "SOML", "SAML", "XCLIENT", "XFORWARD", "PROXY"})
ANYTIME = frozenset({"QUIT", "NOOP", "RSET", "HELP", "VRFY"})

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


class Front(Protocol):
    """What a conversation needs of the door it stands in."""

    intake: Intake
    rules: Rules
    peers: Peers
    room: Room

    def tls(self) -> SSLContext | None: ...
    def joined(self, conversation: Conversation) -> None: ...
    def left(self, conversation: Conversation) -> None: ...
    def answer(self, future: Future[Answer]) -> asyncio.Future[Answer]: ...


class Gone(Exception):
    """The client has left, or what it sends ends here."""


class Conversation(SMTP):
    """From the greeting to the goodbye with one client."""

    door_name = "smtp"

    def __init__(self, front: Front, loop: asyncio.AbstractEventLoop) -> None:
        rules = front.rules
        super().__init__(None, data_size_limit=rules.max_size, enable_SMTPUTF8=True, hostname=rules.hostname, timeout=rules.command_timeout, loop=loop)
        self._front = front
        self._rules = rules
        self._tls = front.tls()
        self._lines = LineReader()
        self._content: DataReader | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._out = bytearray()
        self._address = ""
        self._in_tls = False
        self._eof = False
        self._held_back = False
        self._deadline = 0.0
        self._last_moment = 0.0
        self._errors = 0
        self._commands = 0
        self._refusal = ""
        self._in_data = False
        self._being_stored = False
        self._retiring = False

    # ------------------------------------------------------------ what the network says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]).removeprefix("::ffff:") if isinstance(peer, tuple) else "local"
        super().connection_made(transport)  # makes the task of _handle_client
        assert self._handler_coroutine is not None
        self._refusal = self._front.peers.enter(self._address, self.loop.time())
        self._handler_coroutine.add_done_callback(self._finished)
        self._front.joined(self)

    def data_received(self, data: bytes) -> None:
        content = self._content
        if content is not None and not content.ended:
            self._deadline = min(self.loop.time() + self._rules.data_timeout, self._last_moment)
            self._take_content(content, data)
            return
        self._lines.feed(data)
        if len(self._lines) > PAUSE_AT and not self._held_back:
            self._held_back = True
            self._reading().pause_reading()
        self._wake()

    def _take_content(self, content: DataReader, chunk: bytes) -> None:
        """Content goes straight into its reader: no task is woken before the final dot."""
        try:
            rest = content.feed(chunk)
        except Flood:
            self._end("flood")
            return
        if rest is not None:
            self._lines.feed(rest)
            self._wake()

    def eof_received(self) -> bool:
        """The client says no more, but may still listen: what it gave is answered. TLS cannot be half closed."""
        self._eof = True
        self._wake()
        return not self._in_tls

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writable.clear()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._writable.set()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # ------------------------------------------------------------ time

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Set the moment at which silence becomes an end. One timer serves many commands: it is made anew only to strike earlier."""
        self._deadline = self.loop.time() + (duration or self._timeout_duration)
        timer = self._timeout_handle
        if timer is None or timer.when() > self._deadline:
            if timer is not None:
                timer.cancel()
            self._timeout_handle = self.loop.call_at(self._deadline, self._timeout_cb)

    def _timeout_cb(self) -> None:
        if self._being_stored or self.loop.time() < self._deadline:
            self._timeout_handle = self.loop.call_at(max(self._deadline, self.loop.time() + 1), self._timeout_cb)
        else:
            self._end("timeout")

    # ------------------------------------------------------------ the loop

    async def _handle_client(self) -> None:
        """Greet, then obey line after line until one side has had enough."""
        try:
            await self.push(REPLIES[self._refusal] if self._refusal else f"220 {self._rules.hostname} ESMTP")
            while not self._retiring:
                line = await self._next_line()
                if line is None:
                    return
                await self._obey(line)
            self._say(REPLIES["closing"])
        except (Gone, ConnectionError):
            pass
        finally:
            self._flush()

    def _finished(self, task: asyncio.Task[None]) -> None:
        """However the task ended, also before its first step: leave nothing behind."""
        self._front.peers.leave(self._address)
        self._front.left(self)
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        if self.transport is not None:
            self.transport.close()
        if not task.cancelled() and task.exception() is not None:
            log.error("smtp_conversation_failed", extra={"peer": self._address}, exc_info=task.exception())

    async def _next_line(self) -> bytes | None:
        """The next command, None when the client has ended. A line that breaks the protocol is answered here."""
        while True:
            try:
                line = self._lines.line()
            except BadLine as bad:
                await self.push(self._counted(REPLIES[bad.reply]))
                continue
            if line is not None:
                return line
            if self._eof:
                return None
            self._reset_timeout()
            await self._more()

    async def _more(self) -> None:
        """Let the answers out and wait until the network has brought something of use."""
        self._flush()
        if not self._writable.is_set():
            await self._writable.wait()
        if self._held_back:
            self._held_back = False
            self._reading().resume_reading()
        self._waiter = self.loop.create_future()
        await self._waiter

    async def _obey(self, line: bytes) -> None:
        verb, argument = _split(line)
        self._commands += 1
        try:
            reply = await self._reply_to(verb, argument)
        except (Gone, ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001  # outer edge: whatever went wrong here passes, and the client must be told so
            reply = await self.handle_exception(error)
        if reply:
            await self.push(self._counted(reply))

    async def _reply_to(self, verb: str, argument: str | None) -> str:
        if argument is None:
            return REPLIES["not_utf8"]
        if not verb:
            return REPLIES["empty_line"]
        if self._commands > MAX_COMMANDS:
            return REPLIES["too_many_commands"]
        if verb in FOREIGN:
            return REPLIES["foreign"]
        answer = VERBS.get(verb)
        if answer is None:
            return REPLIES["not_implemented" if verb in NOT_IMPLEMENTED else "unknown_verb"]
        return await answer(self, argument)

    def _counted(self, reply: str) -> str:
        self._errors += is_error(reply)
        return reply if self._errors < MAX_ERRORS else REPLIES["too_many_errors"]

    async def handle_exception(self, error: Exception) -> str:
        """A fault of ours passes (RFC 5321 section 4.2.1): 451, and its words stay in our log."""
        log.error("smtp_fault", extra={"peer": self._address, "fault": type(error).__name__}, exc_info=error)
        self._forget_mail()
        return REPLIES["fault"]

    # ------------------------------------------------------------ speaking

    async def push(self, status: str | bytes) -> None:
        """Say something. Answers to pipelined commands leave together (RFC 2920 section 3.2)."""
        reply = status if isinstance(status, str) else status.decode()
        self._say(reply)
        if closes(reply):
            raise Gone
        if len(self._out) > PAUSE_AT:
            self._flush()
            await self._writable.wait()

    def _say(self, reply: str) -> None:
        self._out += reply.encode() + b"\r\n"

    def _flush(self) -> None:
        if self._out and self.transport is not None and not self.transport.is_closing():
            self._writing().write(bytes(self._out))
        self._out.clear()

    def _end(self, reply: str) -> None:
        """Say a last word from outside the task, and end it."""
        self._say(REPLIES[reply])
        self._flush()
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()

    def _writing(self) -> asyncio.WriteTransport:
        assert isinstance(self.transport, asyncio.WriteTransport)
        return self.transport

    def _reading(self) -> asyncio.ReadTransport:
        assert isinstance(self.transport, asyncio.ReadTransport)
        return self.transport

    # ------------------------------------------------------------ the end of the service

    def retire(self) -> None:
        """The house closes: an idle client is told so now, one in the middle of a mail after its answer."""
        self._retiring = True
        if not self._in_data:
            self._end("closing")

    def cut(self) -> None:
        """The time to drain is over."""
        self._end("closing")

    # ------------------------------------------------------------ verbs

    async def smtp_EHLO(self, hostname: str) -> str:
        offers = [self._rules.hostname, f"SIZE {self._rules.max_size}", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"]
        if self._tls is not None and not self._in_tls:
            offers.append("STARTTLS")
        return self._greeted(hostname, "\r\n".join([f"250-{offer}" for offer in offers[:-1]] + [f"250 {offers[-1]}"]))

    async def smtp_HELO(self, hostname: str) -> str:
        return self._greeted(hostname, f"250 {self._rules.hostname}")

    def _greeted(self, hostname: str, reply: str) -> str:
        if not hostname or len(hostname) > MAX_NAME or not hostname.isprintable():
            return REPLIES["say_who"]
        self._forget_mail()
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
        if not self._front.peers.may_send(self._address, self.loop.time()):
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
        if address in accepted:
            return "recipient_ok"
        if len(accepted) >= self._rules.max_recipients:
            return "too_many_recipients"
        if not self._front.intake.knows(address):
            return "unknown_recipient"
        accepted.append(address)
        return "recipient_ok"

    async def smtp_DATA(self, arg: str) -> str:
        assert self.envelope is not None
        if arg:
            return REPLIES["no_argument"]
        if not self.envelope.rcpt_tos:
            return REPLIES["recipient_first"]
        self._content = content = DataReader(self._rules.max_size, self._front.room)
        self._in_data = True
        try:
            self._say(REPLIES["go_ahead"])
            self._take_content(content, self._lines.take())
            await self._content_end(content)
            return REPLIES[content.refusal] if content.refusal else await self._hand_in(content)
        finally:
            content.release()
            self._content = None
            self._in_data = self._being_stored = False
            self._forget_mail()

    async def _content_end(self, content: DataReader) -> None:
        """Wait for the final dot. A client that leaves before it has sent nothing."""
        self._last_moment = self.loop.time() + self._rules.mail_timeout
        self._reset_timeout(min(self._rules.data_timeout, self._rules.mail_timeout))
        while not content.ended:
            if self._eof:
                raise Gone
            await self._more()

    async def _hand_in(self, content: DataReader) -> str:
        """Wait for the commit. A client that leaves meanwhile takes its mail back if the commit has not begun; it will send it again."""
        future = self._front.intake.submit(self._arrival(content.content()))
        self._being_stored = True
        try:
            async with asyncio.timeout(self._rules.answer_timeout):
                return self._reply_for(await self._front.answer(future))
        except TimeoutError:
            log.error("smtp_no_answer", extra={"peer": self._address})
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
            recipients=tuple(self.envelope.rcpt_tos),
            peer=f"{self._address} {self.session.host_name or ''}".strip(),
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
        self._forget_mail()
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
        if self._in_tls:
            return REPLIES["tls_already"]
        if self._tls is None:
            return REPLIES["not_implemented"]
        if self._lines.take():  # would be believed to have come through TLS
            return REPLIES["tls_pipelined"]
        await self.push(REPLIES["start_tls"])
        self._flush()
        await self._begin_tls(self._tls)
        return ""

    async def _begin_tls(self, context: SSLContext) -> None:
        """Shake hands, then forget all that was said before (RFC 3207 section 4.2)."""
        try:
            transport = await self.loop.start_tls(
                self._writing(), self, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except (OSError, TimeoutError) as fault:  # SSLError is an OSError
            log.info("tls_failed", extra={"peer": self._address, "fault": type(fault).__name__})
            raise Gone from fault
        if transport is None:
            raise Gone
        self.transport = transport
        self._in_tls = True
        self._lines.take()
        self.session = self._create_session()
        self._forget_mail()

    def _forget_mail(self) -> None:
        self.envelope = self._create_envelope()


VERBS: dict[str, Callable[[Conversation, str], Awaitable[str]]] = {
    "EHLO": Conversation.smtp_EHLO,
    "HELO": Conversation.smtp_HELO,
    "MAIL": Conversation.smtp_MAIL,
    "RCPT": Conversation.smtp_RCPT,
    "DATA": Conversation.smtp_DATA,
    "RSET": Conversation.smtp_RSET,
    "NOOP": Conversation.smtp_NOOP,
    "QUIT": Conversation.smtp_QUIT,
    "VRFY": Conversation.smtp_VRFY,
    "HELP": Conversation.smtp_HELP,
    "STARTTLS": Conversation.smtp_STARTTLS,
}


def _split(line: bytes) -> tuple[str, str | None]:
    """Verb in upper case and argument; None for an argument that is not UTF-8."""
    try:
        verb, _, argument = line.decode("utf-8").partition(" ")
    except UnicodeDecodeError:
        return "", None
    return verb.upper(), argument.strip(" ")
