"""Command lines out of whatever pieces the network brings; mail content is `data_reader.py`."""

from __future__ import annotations

MAX_LINE = 4096
"""Bytes of a command line with its CRLF. RFC 5321 asks for 512, RFC 6531 and the parameters for more; addresses are held to 1000."""


class BadLine(Exception):
    """A command line that breaks the protocol; `reply` names the answer in `replies.py`."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


class LineReader:
    """Holds what came and gives it out line by line.

    A line ends with CRLF and nothing else (RFC 5321 section 2.3.8): one with a bare CR or LF, or with NUL, is refused as a whole.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._overlong = False

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, chunk: bytes) -> None:
        """Add bytes from the network."""
        self._buffer += chunk

    def take(self) -> bytes:
        """Give out and forget everything that waits: it is mail content, or came before TLS and may not be trusted."""
        taken = bytes(self._buffer)
        self._cut(len(taken))
        return taken

    def line(self) -> bytes | None:
        """The next line without its CRLF, or None if it is not complete. Raises BadLine; the reader is then at the next line."""
        end = self._end()
        if end < 0:
            if len(self._buffer) > MAX_LINE:
                self._overlong = True
                self._cut(len(self._buffer))
            return None
        line = bytes(self._buffer[: end + 1])
        self._cut(end + 1)
        if self._overlong or len(line) > MAX_LINE:
            self._overlong = False
            raise BadLine("line_too_long")
        if not line.endswith(b"\r\n") or line.find(b"\r") != len(line) - 2:
            raise BadLine("bare_line_end")
        if b"\0" in line:
            raise BadLine("nul")
        return line[:-2]

    def _end(self) -> int:
        end = self._buffer.find(b"\n", self._searched)
        self._searched = len(self._buffer) if end < 0 else end
        return end

    def _cut(self, count: int) -> None:
        del self._buffer[:count]
        self._searched = 0
