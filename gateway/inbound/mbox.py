"""Mails out of an mbox file of any of the four kinds (mboxo, mboxrd, mboxcl, mboxcl2), one after the other in bounded memory; storing them is `importing.py`.

A mail begins with a line `From sender date` after an empty line. Where one stands inside a mail, Content-Length tells, if what follows agrees with it.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

LINE = 2**20
"""Bytes read at once; longer lines come in pieces."""
MOST_WRONG = 3
"""Lengths that turn out wrong before no more of them are believed in this file; each costs reading a mail's length twice."""
EMPTY = 2
"""Bytes of the empty line that ends a mail and that its length does not count."""
GZIP = b"\x1f\x8b"

_DATE = re.compile(rb" (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2} +\d{1,2}:\d\d", re.IGNORECASE)
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,12})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_HEADER_LIMIT = 256 * 2**10
_SEPARATOR_LIMIT = 1_000


class NoMbox(Exception):
    """The file cannot be read as an mbox; `str()` says why."""


def open_mbox(stream: BinaryIO) -> BinaryIO:
    """The stream, unpacked if it is gzip. It must be able to seek."""
    packed = stream.read(2) == GZIP
    stream.seek(0)
    return gzip.GzipFile(fileobj=stream) if packed else stream  # type: ignore[return-value]  # it reads like any other


def mails(stream: BinaryIO, most: int) -> Iterator[bytes]:
    """Each mail as its sender wrote it: without its `From ` line and the empty line that ends it, quoting of `From ` undone.

    Of one that is larger than `most` only the first `most` + 1 bytes. Raises NoMbox; what came before is good.
    """
    try:
        yield from _Reader(stream, most).mails()
    except (EOFError, gzip.BadGzipFile, zlib.error) as fault:
        raise NoMbox(f"the compressed file is damaged: {fault}") from None


class _Reader:
    def __init__(self, stream: BinaryIO, most: int) -> None:
        self._stream = stream
        self._most = most
        self._again: deque[bytes] = deque()
        self._dated = True
        self._wrong = 0

    def mails(self) -> Iterator[bytes]:
        if not self._begins():
            return
        going = True
        while going:
            mail, going = self._mail()
            yield mail

    def _line(self) -> bytes:
        return self._again.popleft() if self._again else self._stream.readline(LINE)

    def _begins(self) -> bool:
        """Past the first `From ` line; False for a file that is empty."""
        line = self._line()
        for _ in range(1_000):
            if line.strip(b"\r\n") or not line:
                break
            line = self._line()
        if not line:
            return False
        if not line.startswith(b"From "):
            raise NoMbox("it does not begin with a line “From …”")
        self._dated = _DATE.search(line[:_SEPARATOR_LIMIT]) is not None
        self._rest_of(line)
        return True

    def _rest_of(self, line: bytes) -> None:
        while line and not line.endswith(b"\n"):
            line = self._line()

    def _separates(self, line: bytes) -> bool:
        """Whether a line after an empty one begins the next mail. Where the first has no date, its header must follow."""
        if not line.startswith(b"From "):
            return False
        if self._dated:
            return _DATE.search(line[:_SEPARATOR_LIMIT]) is not None
        following = self._line()
        if following:
            self._again.appendleft(following)
        name, colon, _ = following[:200].partition(b":")
        return bool(colon) and name.isascii() and bool(name) and b" " not in name

    def _mail(self) -> tuple[bytes, bool]:
        """The mail up to the next `From ` line, and whether there was one."""
        kept: list[bytes] = []
        size = header = 0
        ends_at: int | None = None
        first_doubt: int | None = None
        empty, fresh, more = True, True, False
        while line := self._line():
            if fresh and empty and size and self._separates(line):
                if ends_at is None or size >= ends_at:
                    more = True
                    break
                first_doubt = len(kept) if first_doubt is None else first_doubt
            size += len(line)
            if size <= self._most + LINE:
                kept.append(line)
            if fresh and header == 0 and not line.strip(b"\r\n"):
                header = size
                ends_at = self._end_by_length(kept, header)
            empty, fresh = fresh and not line.strip(b"\r\n"), line.endswith(b"\n")
            if first_doubt is not None and ends_at is not None and size > ends_at + EMPTY:
                break
        if first_doubt is not None and not (ends_at is not None and 0 <= size - ends_at <= EMPTY):
            self._back_to(first_doubt, kept, line if more else b"")
            return self._finished(kept, header, quoted=True), True
        if more:
            self._rest_of(line)
        return self._finished(kept, header, quoted=first_doubt is None), more

    def _end_by_length(self, kept: list[bytes], header: int) -> int | None:
        """Where the mail ends by its Content-Length, if that can be held in memory and lengths are right in this file."""
        found = _LENGTH.findall(b"".join(kept)[:_HEADER_LIMIT]) if self._wrong < MOST_WRONG else []
        if len(found) != 1 or not 0 < int(found[0]) <= self._most - header:
            return None
        return header + int(found[0])

    def _back_to(self, place: int, kept: list[bytes], separator: bytes) -> None:
        """The length was wrong: the first `From ` line was one after all; what was read since is read again."""
        self._wrong += 1
        if separator:
            self._again.appendleft(separator)
        again = kept[place:]
        del kept[place:]
        self._again.extendleft(reversed(again))
        self._rest_of(self._line())

    def _finished(self, kept: list[bytes], header: int, *, quoted: bool) -> bytes:
        if len(kept) > 1 and kept[-1] in (b"\n", b"\r\n") and sum(map(len, kept)) > header:
            kept.pop()
        raw = b"".join(kept)[: self._most + 1]
        return raw[:header] + _ESCAPED.sub(rb"\1", raw[header:]) if quoted and b">From " in raw else raw
