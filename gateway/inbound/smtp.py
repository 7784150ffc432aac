"""The SMTP door: listens in a thread of its own, keeps its caps, and closes without cutting a mail in two; what is said in it is `conversation.py`."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext

from gateway.inbound.conversation import Conversation, Rules
from gateway.inbound.intake import MAX_SIZE, Intake
from gateway.inbound.limits import Peers, Room
from gateway.inbound.port import Answer
from gateway.inbound.tls_files import TlsFiles
from gateway.inbound.wire import Wire

BACKLOG = 512
LAST_WORDS_SECONDS = 2.0
SOCKET_MODE = 0o660
"""Who may open a socket in the file system: our user and our group, in which the MTA's user must be."""

log = logging.getLogger("guichet.smtp")


@dataclass(frozen=True, slots=True)
class SmtpOptions:
    """What an administrator may set. Sizes in bytes, times in seconds; port 0 takes a free one.

    `unlimited_peers` are networks without a cap of their own: the MTA in front of the gateway. `max_held` bounds the
    content that all connections together hold in memory. An empty `hostname` is the name of this machine. With `socket`, a place
    in the file system, that is listened at instead of `host` and `port`.
    """

    host: str = "127.0.0.1"
    port: int = 2525
    socket: Path | None = None
    hostname: str = ""
    max_size: int = MAX_SIZE
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    max_connections: int = 400
    max_connections_per_peer: int = 40
    connections_per_minute: int = 240
    mails_per_minute: int = 1200
    unlimited_peers: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    max_recipients: int = 100
    max_held: int = 192 * 2**20
    command_timeout: float = 300.0
    data_timeout: float = 180.0
    mail_timeout: float = 3600.0
    answer_timeout: float = 300.0


class SmtpDoor:
    """Hands what comes over SMTP to the intake. `start` raises OSError (port in use, certificate not readable)."""

    conversation: type[Conversation] = Conversation

    def __init__(self, intake: Intake, options: SmtpOptions) -> None:
        self.intake = intake
        self.options = options
        self.rules = Rules(
            hostname=options.hostname or socket.gethostname(),
            max_size=min(options.max_size, intake.max_size),
            max_recipients=options.max_recipients,
            command_timeout=options.command_timeout,
            data_timeout=options.data_timeout,
            mail_timeout=options.mail_timeout,
            answer_timeout=options.answer_timeout,
        )
        self.peers = Peers(
            connections=options.max_connections,
            per_peer=options.max_connections_per_peer,
            connections_per_minute=options.connections_per_minute,
            mails_per_minute=options.mails_per_minute,
            unlimited=options.unlimited_peers,
        )
        self.room = Room(options.max_held)
        self.port = options.port
        self._tls_files = TlsFiles(options.tls_certificate, options.tls_key) if options.tls_certificate else None
        self._conversations: set[Wire] = set()
        self._answers: deque[tuple[asyncio.Future[Answer], Future[Answer]]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._drain_seconds = 0.0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen; `port` is then the real one. Returns when connections are taken."""
        started: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name=self.conversation.door_name, daemon=True)
        self._thread.start()
        self.port = started.result()
        where = {"socket": str(self.options.socket)} if self.options.socket else {"host": self.options.host, "port": self.port}
        log.info(f"{self.conversation.door_name}_listening", extra=where)

    def stop(self, drain_seconds: float = 30.0) -> None:
        """Take no more connections, send idle ones away with 421, and give mails on their way that long to get their answer."""
        thread, loop, stopping = self._thread, self._loop, self._stopping
        if thread is None or loop is None or stopping is None:
            return
        self._drain_seconds = drain_seconds
        with suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(stopping.set)
        thread.join(drain_seconds + 2 * LAST_WORDS_SECONDS)
        self._thread = None

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return len(self._conversations)

    # ------------------------------------------------------------ in the loop's thread

    def _run(self, started: Future[int]) -> None:
        try:
            asyncio.run(self._serve(started))
        except Exception as fault:  # outer edge: before the door is open, whoever waits in `start` must hear of it
            if started.done():
                raise
            started.set_exception(fault)

    async def _serve(self, started: Future[int]) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = await self._listen(loop)
        started.set_result(0 if self.options.socket else server.sockets[0].getsockname()[1])
        await self._stopping.wait()
        server.close()
        if self.options.socket:
            self.options.socket.unlink(missing_ok=True)
        await self._drain()

    async def _listen(self, loop: asyncio.AbstractEventLoop) -> asyncio.Server:
        place = self.options.socket
        if place is None:
            return await loop.create_server(lambda: self.conversation(self, loop), self.options.host, self.options.port, backlog=BACKLOG)
        _refuse_a_served(place)
        server = await loop.create_unix_server(lambda: self.conversation(self, loop), str(place), backlog=BACKLOG)  # a left-over socket is replaced
        place.chmod(SOCKET_MODE)
        return server

    async def _drain(self) -> None:
        for conversation in tuple(self._conversations):
            conversation.retire()
        await self._until_empty(self._drain_seconds)
        for conversation in tuple(self._conversations):
            conversation.cut()
        await self._until_empty(LAST_WORDS_SECONDS)

    async def _until_empty(self, seconds: float) -> None:
        assert self._loop is not None
        end = self._loop.time() + seconds
        while self._conversations and self._loop.time() < end:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0)  # the transports write and close

    # ------------------------------------------------------------ what a conversation asks

    def tls(self) -> SSLContext | None:
        """The context for STARTTLS, or None where there is no certificate."""
        return self._tls_files.context() if self._tls_files else None

    def joined(self, wire: Wire) -> None:
        self._conversations.add(wire)
        if self._stopping is not None and self._stopping.is_set():
            wire.retire()

    def left(self, wire: Wire) -> None:
        self._conversations.discard(wire)

    def answer(self, future: Future[Answer]) -> asyncio.Future[Answer]:
        """The intake's future for this loop. Answers of one commit wake the loop once, not once each."""
        assert self._loop is not None
        waiter: asyncio.Future[Answer] = self._loop.create_future()
        future.add_done_callback(lambda done: self._answered(waiter, done))
        return waiter

    def _answered(self, waiter: asyncio.Future[Answer], future: Future[Answer]) -> None:
        """Called in the committer's thread."""
        assert self._loop is not None
        self._answers.append((waiter, future))
        if len(self._answers) == 1:
            with suppress(RuntimeError):  # the loop has ended: nobody is left to be told
                self._loop.call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        while self._answers:
            waiter, future = self._answers.popleft()
            if not waiter.done() and not future.cancelled():
                waiter.set_result(future.result())


def _refuse_a_served(place: Path) -> None:
    """A left-over socket file may be replaced, one that somebody listens at may not. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(LAST_WORDS_SECONDS)
        if place.exists() and probe.connect_ex(str(place)) == 0:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), str(place))
