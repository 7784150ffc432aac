"""One SMTP connection as bytes: reading lines and content, answering, time-outs, TLS and its end; what is said over it is `conversation.py`.

A subclass of aiosmtpd's SMTP that keeps its life of a connection, its session and envelope, and replaces what aiosmtpd does slowly
or loosely: DATA line by line (25 to 40 µs a kB), commands that end with a bare LF, one write for each answer, a client that
half-closes losing its mail. It leans on two inner names of aiosmtpd 1.4, `_handle_client` and `_reset_timeout`.
"""

from __future__ import annotations

import asyncio
import logging
from ssl import SSLContext
from typing import Protocol

from aiosmtpd.smtp import SMTP

from gateway.inbound.data_reader import DataReader, Flood
from gateway.inbound.limits import LOCAL, Peers, Room
from gateway.inbound.line_reader import BadLine, LineReader
from gateway.inbound.replies import REPLIES, closes

PAUSE_AT = 64 * 2**10
"""Bytes of unread commands, or of answers not yet sent, at which the client is made to wait."""
HANDSHAKE_SECONDS = 30.0
LINGER_SECONDS = 10.0
"""How long last words may wait for a client that does not read them."""

log = logging.getLogger("guichet.smtp")


class Place(Protocol):
    """What a connection needs of the door it stands in."""

    peers: Peers
    room: Room

    def joined(self, wire: Wire) -> None: ...
    def left(self, wire: Wire) -> None: ...


class Gone(Exception):
    """The client has left, or is to leave now."""


class Wire(SMTP):
    """The network's half of a conversation. Times in seconds: `command_timeout` and `data_timeout` of silence, `mail_timeout` for one mail in all."""

    protocol = "ESMTP"
    """What the greeting says is spoken here."""

    def __init__(
        self, place: Place, loop: asyncio.AbstractEventLoop, *, hostname: str, command_timeout: float, data_timeout: float, mail_timeout: float
    ) -> None:
        super().__init__(None, enable_SMTPUTF8=True, hostname=hostname, timeout=command_timeout, loop=loop)
        self.address = ""
        """The client's IP address, or `local`."""
        self.in_tls = False
        self._place = place
        self._data_timeout = data_timeout
        self._mail_timeout = mail_timeout
        self._refusal = ""
        self._lines = LineReader()
        self._content: DataReader | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._out = bytearray()
        self._eof = False
        self._held_back = False
        self._deadline = 0.0
        self._last_moment = 0.0
        self._in_mail = False
        self._untimed = False
        self._retiring = False

    async def obey(self, line: bytes) -> None:
        """Answer one command."""
        raise NotImplementedError

    def refused_line(self, reply: str) -> str:
        """The answer to a line that broke the protocol."""
        return REPLIES[reply]

    # ------------------------------------------------------------ what the network says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]).removeprefix("::ffff:") if isinstance(peer, tuple) else LOCAL
        super().connection_made(transport)  # makes the task of _handle_client
        assert self._handler_coroutine is not None
        self._refusal = self._place.peers.enter(self.address, self.loop.time())
        self._handler_coroutine.add_done_callback(self._finished)
        self._place.joined(self)

    def data_received(self, data: bytes) -> None:
        content = self._content
        if content is not None and not content.ended:
            self._deadline = min(self.loop.time() + self._data_timeout, self._last_moment)
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
        return not self.in_tls

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
        if self._untimed or self.loop.time() < self._deadline:
            self._timeout_handle = self.loop.call_at(max(self._deadline, self.loop.time() + 1), self._timeout_cb)
        else:
            self._end("timeout")

    # ------------------------------------------------------------ the loop

    async def _handle_client(self) -> None:
        """Greet, then obey line after line until one side has had enough."""
        try:
            await self.push(REPLIES[self._refusal] if self._refusal else f"220 {self.hostname} {self.protocol}")
            while not self._retiring:
                line = await self._next_line()
                if line is None:
                    return
                await self.obey(line)
            self._say(REPLIES["closing"])
        except (Gone, ConnectionError):
            pass
        finally:
            self._flush()

    def _finished(self, task: asyncio.Task[None]) -> None:
        """However the task ended, also before its first step: leave nothing behind."""
        self._place.peers.leave(self.address)
        self._place.left(self)
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        if self.transport is not None and not self.transport.is_closing():
            unread = self._writing().get_write_buffer_size()
            self.transport.close()
            if unread:  # a client that does not read may not keep the socket
                self.loop.call_later(LINGER_SECONDS, self._writing().abort)
        if not task.cancelled() and task.exception() is not None:
            log.error("smtp_conversation_failed", extra={"peer": self.address}, exc_info=task.exception())

    async def _next_line(self) -> bytes | None:
        """The next command, None when the client has ended. A line that breaks the protocol is answered here."""
        while True:
            try:
                line = self._lines.line()
            except BadLine as bad:
                await self.push(self.refused_line(bad.reply))
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
            return  # something may have come meanwhile: the caller looks again before it waits for more
        if self._held_back:
            self._held_back = False
            self._reading().resume_reading()
        self._waiter = self.loop.create_future()
        await self._waiter

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

    # ------------------------------------------------------------ content and TLS

    async def read_content(self, content: DataReader, go_ahead: str) -> None:
        """Say 354 and wait for the final dot. A client that leaves before it has sent nothing: Gone."""
        self._content = content
        try:
            self._say(go_ahead)
            self._take_content(content, self._lines.take())
            self._last_moment = self.loop.time() + self._mail_timeout
            self._reset_timeout(min(self._data_timeout, self._mail_timeout))
            while not content.ended:
                if self._eof:
                    raise Gone
                await self._more()
        finally:
            self._content = None

    async def begin_tls(self, context: SSLContext) -> None:
        """Say 220, shake hands, and forget all that was said before (RFC 3207 section 4.2). A failed handshake: Gone.

        The caller has seen to it that no line waits; what waits after the handshake has come through TLS, maybe together with its end.
        """
        await self.push(REPLIES["start_tls"])
        self._flush()
        await self.shake_hands(context)

    async def shake_hands(self, context: SSLContext) -> None:
        """TLS from here on. A failed handshake: Gone."""
        try:
            transport = await self.loop.start_tls(self._writing(), self, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS)
        except OSError as fault:  # SSLError and TimeoutError are OSErrors
            log.info("tls_failed", extra={"peer": self.address, "fault": type(fault).__name__})
            raise Gone from fault
        if transport is None:
            raise Gone
        self.transport = transport
        self.in_tls = True
        self.session = self._create_session()
        self._set_rset_state()

    # ------------------------------------------------------------ the end of the service

    def retire(self) -> None:
        """The house closes: an idle client is told so now, one in the middle of a mail after its answer."""
        self._retiring = True
        if not self._in_mail:
            self._end("closing")

    def cut(self) -> None:
        """The time to drain is over."""
        self._end("closing")
