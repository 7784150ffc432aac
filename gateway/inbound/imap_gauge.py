"""The wire of an IMAP connection: answers that cannot fill the memory and cannot take for ever; what is said on it is `imap_connection.py`."""

from __future__ import annotations

import imaplib
from typing import Any

from imapclient import IMAPClient
from imapclient.imap4 import IMAP4WithTimeout
from imapclient.tls import IMAP4_TLS

from gateway.inbound.pace import Pace

ANSWER_BYTES = 16 * 2**20
"""Bytes of one answer, besides the mails it is expected to hold."""
LINE_BYTES = 1_000_000


class Overflow(imaplib.IMAP4.abort):
    """The server sends more than it may."""


class Gauge:
    """Counts the bytes of one answer as they are read, and its time, and ends the connection when it is too much."""

    def __init__(self, timeout: float) -> None:
        self.left = ANSWER_BYTES
        self._pace = Pace(timeout)

    def allow(self, expected: int = 0) -> None:
        """The next answer may hold so many bytes of mail."""
        self.left = ANSWER_BYTES + 2 * expected
        self._pace.begin()

    def content(self, file: Any, size: int) -> bytes:
        self._take(size)
        content = self._pace.content(file, size)
        if len(content) < size:
            raise imaplib.IMAP4.abort("the connection ended within a mail")
        return content

    def line(self, file: Any) -> bytes:
        line = self._pace.line(file, LINE_BYTES)
        if len(line) > LINE_BYTES:  # the rest of it would be read as the next answer
            raise Overflow("the server's answer is too large")
        self._take(len(line))
        return line

    def _take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise Overflow("the server's answer is too large")


class Client(IMAPClient):  # type: ignore[misc]  # it comes without types
    """An IMAPClient that reads through a gauge from the greeting on."""

    def __init__(self, gauge: Gauge, *arguments: Any, **more: Any) -> None:
        self._gauge = gauge
        super().__init__(*arguments, **more)

    def _create_IMAP4(self) -> Any:
        timeout = self._timeout.connect
        if self.ssl:
            return _Encrypted(self._gauge, self.host, self.port, self.ssl_context, timeout)
        return _Plain(self._gauge, self.host, self.port, timeout)


class _Plain(IMAP4WithTimeout):  # type: ignore[misc]  # as above
    def __init__(self, gauge: Gauge, *arguments: Any) -> None:
        self._gauge = gauge
        super().__init__(*arguments)

    def read(self, size: int) -> bytes:
        return self._gauge.content(self.file, size)

    def readline(self) -> bytes:
        return self._gauge.line(self.file)


class _Encrypted(IMAP4_TLS):  # type: ignore[misc]  # as above
    def __init__(self, gauge: Gauge, *arguments: Any) -> None:
        self._gauge = gauge
        super().__init__(*arguments)

    def read(self, size: int) -> bytes:
        return self._gauge.content(self.file, size)

    def readline(self) -> bytes:
        return self._gauge.line(self.file)
