"""Reading from a server that may be slow but not endless: a bound on one whole answer, which a timeout for each byte is not; used by the mailboxes."""

from __future__ import annotations

import io
import time

TIMES = 10
"""One answer may take so many times the patience with a single silence …"""
SLOWEST = 8_000
"""… and longer only while so many bytes come in each second."""


class Pace:
    """The time and the bytes of one answer. `timeout` in seconds: the patience with one silence."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self.begin()

    def begin(self) -> None:
        """The next answer is waited for from now on."""
        self._began = time.monotonic()
        self._bytes = 0

    def line(self, file: io.BufferedReader, most: int) -> bytes:
        """One line with its end; `most` + 1 bytes without end if it is longer, less at the end of the connection. Raises TimeoutError and OSError."""
        parts: list[bytes] = []
        left = most + 1
        while left and (block := file.peek(1)[:left]):
            end = block.find(b"\n") + 1
            parts.append(file.read(end or len(block)))
            left -= len(parts[-1])
            self._count(len(parts[-1]))
            if end:
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def content(self, file: io.BufferedReader, size: int) -> bytes:
        """So many bytes, less at the end of the connection. Raises TimeoutError and OSError."""
        blocks: list[bytes] = []
        left = size
        while left and (block := file.read1(left)):
            blocks.append(block)
            left -= len(block)
            self._count(len(block))
        return b"".join(blocks)

    def _count(self, size: int) -> None:
        self._bytes += size
        if time.monotonic() - self._began > TIMES * self._timeout + self._bytes / SLOWEST:
            raise TimeoutError("the answer comes too slowly")
