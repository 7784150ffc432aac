"""Mails out of archives (mbox, Maildir) into the house: each once, however often the import is run; reading the archives is `mbox.py` and `maildir_tree.py`.

A mail is known by the hash of its bytes, written in the commit that stores it: an import that was cut off goes on where it was.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from hashlib import sha256

from gateway.inbound.intake import Intake
from gateway.inbound.port import Answer, Arrival, Stored
from gateway.inbound.receive import header_sender
from gateway.store import fetched
from gateway.store.engine import Database

IN_FLIGHT = 100
IN_FLIGHT_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Found:
    """A mail in an archive: where, for people (`old.mbox, mail 12`), and the folder it lay in."""

    where: str
    raw: bytes
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one mail. `known`: it had been taken in before."""

    where: str
    answer: Answer
    known: bool = False


@dataclass(slots=True)
class _Waiting:
    where: str
    size: int
    answer: Future[Answer]
    source: str
    again: bool
    """The same mail is before it in the line."""


def import_mails(
    intake: Intake, database: Database, found: Iterable[Found], *, door: str, connector: str = "", archive: bool = False
) -> Iterator[Imported]:
    """Store them in order; answers come in order, many mails share a commit. With `archive` nothing automatic is ever sent about them.

    `connector`: the mailbox they were in; '' for the one that their headers name. Raises what `found` raises, after what was found before is stored.
    """
    line = _Line(intake)
    pieces, trouble = _pieces(found), None
    while True:
        try:
            piece = next(pieces, None)
        except Exception as fault:  # raised again below: what is on its way is answered first
            trouble, piece = fault, None
        if piece is None:
            break
        sources = [_source(one.raw) for one in piece]
        with database.read() as connection:
            known = fetched.known(connection, connector, sources)
        for one, source in zip(piece, sources, strict=True):
            if known.get(source):
                yield from line.settle()
                yield Imported(one.where, Stored(known[source]), known=True)
                continue
            yield from line.room_for(len(one.raw))
            line.join(
                one.where,
                Arrival(one.raw, door, intake.clock.now(), header_sender(one.raw), connector=connector, archive=archive, folder=one.folder, source=source),
            )
        del piece, one
    yield from line.settle()
    if trouble is not None:
        raise trouble


class _Line:
    """Mails on their way into the house, in order, bounded by count and bytes."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._sources: Counter[str] = Counter()

    def join(self, where: str, arrival: Arrival) -> None:
        """Behind the others."""
        again = self._sources[arrival.source] > 0
        self._waiting.append(_Waiting(where, len(arrival.raw), self._intake.submit(arrival), arrival.source, again))
        self._sources[arrival.source] += 1
        self._bytes += len(arrival.raw)

    def room_for(self, size: int) -> Iterator[Imported]:
        """Those that must have arrived before one more may join."""
        while self._waiting and (len(self._waiting) >= IN_FLIGHT or self._bytes + size > IN_FLIGHT_BYTES):
            yield self._first()

    def settle(self) -> Iterator[Imported]:
        """All of them."""
        while self._waiting:
            yield self._first()

    def _first(self) -> Imported:
        done = self._waiting.popleft()
        self._bytes -= done.size
        self._sources[done.source] -= 1
        if not self._sources[done.source]:
            del self._sources[done.source]
        return Imported(done.where, done.answer.result(), known=done.again)


def _pieces(found: Iterable[Found]) -> Iterator[list[Found]]:
    """Some at a time, bounded by count and bytes; where `found` ends in an exception, after the last of them."""
    piece: list[Found] = []
    size = 0
    try:
        for one in found:
            piece.append(one)
            size += len(one.raw)
            if len(piece) >= IN_FLIGHT or size >= IN_FLIGHT_BYTES // 2:
                yield piece
                piece, size = [], 0
    except Exception:  # raised again: what was read before it is stored first
        if piece:
            yield piece
        raise
    if piece:
        yield piece


def _source(raw: bytes) -> str:
    return f"import/{sha256(raw).hexdigest()}"
