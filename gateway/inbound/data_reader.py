"""Mail content after DATA: found up to its final dot, dots unstuffed, bounded while it comes; the dialogue around it is `conversation.py`.

Only CRLF "." CRLF ends a mail (RFC 5321 section 4.1.1.4). `\\n.\\n`, `\\n.\\r\\n`, `\\r.\\r` and the like are content and stay in the
raw mail byte for byte, so that no relay in front of us can be made to smuggle a second mail past us. Bare CR and LF are
therefore accepted inside the content (scanners and old forms send them) and mean nothing.
"""

from __future__ import annotations

from gateway.inbound.limits import Room

END = b"\r\n.\r\n"
STUFFED = b"\r\n."
GIVE_UP_AT = 10
"""A client that has sent this many times the allowed size is cut off; up to there it is read to its end and refused in order."""


class Flood(Exception):
    """The client keeps sending far beyond the limit it was told."""


class DataReader:
    """Content of one mail, at most `max_size` bytes after unstuffing, held in `room` that all connections share.

    The buffer begins with a CRLF that is not content, so that the first line is like every other.
    """

    def __init__(self, max_size: int, room: Room) -> None:
        self._max_size = max_size
        self._room = room
        self._buffer = bytearray(b"\r\n")
        self._held = 0
        self._seen = 0
        self._stuffed = 0
        self._counted = 0
        self.ended = False
        self.refusal = ""
        """Name of the reply when the content was dropped: `too_big` or `no_room`."""

    def feed(self, chunk: bytes) -> bytes | None:
        """Add bytes; None while the mail goes on, else what came after its final dot. Raises Flood."""
        self._seen += len(chunk)
        begin = max(len(self._buffer) - len(END) + 1, 0)
        self._buffer += chunk
        end = self._buffer.find(END, begin)
        if end < 0:
            self._bound(len(chunk))
            return None
        self.ended = True
        rest = bytes(memoryview(self._buffer)[end + len(END) :])
        del self._buffer[end + 2 :]
        self._bound(len(chunk) - len(rest))
        return rest

    def content(self) -> bytes:
        """The mail as it was before the client stuffed its dots; call once, after the end. The reader then holds nothing but its room."""
        buffer, self._buffer = self._buffer, bytearray()
        if STUFFED in buffer:
            buffer = buffer.replace(STUFFED, b"\r\n")
        return bytes(memoryview(buffer)[2:])

    def release(self) -> None:
        """Give the room back. May be called twice."""
        self._buffer = bytearray()
        self._room.give(self._held)
        self._held = 0

    def _bound(self, added: int) -> None:
        if self._seen > GIVE_UP_AT * self._max_size + 2**20:
            raise Flood
        if not self.refusal:
            if self._is_too_big():
                self.refusal = "too_big"
            elif added > 0 and not self._room.take(added):
                self.refusal = "no_room"
            else:
                self._held += max(added, 0)
                return
        tail = self._buffer[-len(END) + 1 :]
        self.release()
        self._buffer = tail

    def _is_too_big(self) -> bool:
        """Whether the content exceeds the limit; the stuffed dots do not count (RFC 1870 section 5), and are counted only if it matters.

        Before the end two bytes more are allowed, since they may be the beginning of the final dot.
        """
        size = len(self._buffer) - 2
        if size <= self._max_size:
            return False
        if self.ended:
            return size - self._buffer.count(STUFFED) > self._max_size
        self._stuffed += self._buffer.count(STUFFED, self._counted)
        self._counted = len(self._buffer) - 2
        return size - self._stuffed > self._max_size + 2
