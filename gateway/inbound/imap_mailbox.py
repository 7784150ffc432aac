"""What is asked of a mailbox on an IMAP server, and its answers as plain values; when to ask what is `imap_folder.py`."""

from __future__ import annotations

import imaplib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from imapclient.response_parser import parse_fetch_response

from core.delivery import Meaning
from gateway.inbound.fetching import FetchTrouble
from gateway.inbound.imap_answer import Line, bodies_in, sizes_in, uid_set
from gateway.inbound.imap_connection import GONE, MISREAD, close_connection, open_connection, words_of
from gateway.inbound.imap_place import Place

HEADER_BYTES = 256 * 1024
"""Of the header of a mail that is too large."""
SEARCH_SPAN = 50_000
"""UIDs asked for in one search, so that its answer stays within the longest line that is read (1,000,000 bytes)."""
SLICE_SECONDS = 0.5
"""How soon a wait notices that it must end."""

Uids = Sequence[int]


class Declined(Exception):
    """The server said NO or BAD, or something that is no IMAP; the connection goes on. `str()` are its words."""


@dataclass(frozen=True, slots=True)
class Selected:
    """A folder as it was opened. `uid_next` 0: the server does not say."""

    name: str
    uidvalidity: int
    uid_next: int
    messages: int


@dataclass(frozen=True, slots=True)
class Seen:
    """One message as the server lists it; `size` in bytes, 0 if it does not say. `since` is aware UTC: when it came into the mailbox."""

    uid: int
    size: int
    since: datetime | None = None


class ImapMailbox:
    """One logged-in connection. Every method may raise FetchTrouble when the connection is lost, after which it is of no use, and Declined."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._client, self._gauge = open_connection(place)
        self._selected = ""

    def close(self, *, politely: bool = True) -> None:
        close_connection(self._client, politely=politely)

    def has(self, capability: str) -> bool:
        return bool(self._ask(self._client.has_capability, capability))

    # ---- reading

    def open_folder(self, name: str, *, read_only: bool) -> Selected:
        """SELECT, or EXAMINE, which changes nothing there, not even \\Recent (RFC 9051 section 6.3.3)."""
        answer = self._ask(self._client.select_folder, name, readonly=read_only)
        self._selected = name
        return Selected(name, _number(answer.get(b"UIDVALIDITY")), _number(answer.get(b"UIDNEXT")), _number(answer.get(b"EXISTS")))

    def after(self, last_uid: int, folder: Selected) -> list[int]:
        """UIDs above `last_uid` of messages that nobody marked as deleted, ascending."""
        if not folder.messages or 0 < folder.uid_next <= last_uid + 1:
            return []
        try:
            found = [uid for first, last in _spans(last_uid + 1, folder) for uid in self._search("UID", f"{first}:{last}", "UNDELETED")]
        except Declined:
            found = self._without_search(last_uid)
        return sorted({uid for uid in found if uid > last_uid})  # `n:*` always finds the last one (RFC 9051 section 6.4.8)

    def unseen(self, folder: Selected) -> list[int]:
        """UIDs of messages nobody has read."""
        if not folder.messages:
            return []
        try:
            return sorted({uid for first, last in _spans(1, folder) for uid in self._search("UID", f"{first}:{last}", "UNSEEN", "UNDELETED")})
        except Declined:
            return [uid for uid, flags in self._flags("1:*") if b"\\Seen" not in flags and b"\\Deleted" not in flags]

    def since(self, day: date, folder: Selected) -> list[int]:
        """UIDs of messages that came on that day or later, by the server's calendar."""
        asked = f"{day.day:02d}-{_MONTHS[day.month - 1]}-{day.year:04d}"
        spans = _spans(1, folder) if folder.messages else ()
        return sorted({uid for first, last in spans for uid in self._search("UID", f"{first}:{last}", "SINCE", asked, "UNDELETED")})

    def listed(self, uids: Uids, *, dated: bool = False) -> list[Seen]:
        """Sizes of those that are still there, in the order asked."""
        items = ["RFC822.SIZE", *(["INTERNALDATE"] if dated else [])]
        lines = self._lines(uids, items)
        sizes = sizes_in(lines)
        if sizes is not None:
            return [Seen(uid, sizes[uid]) for uid in uids if uid in sizes]
        answer = self._parsed(lines)
        return [Seen(uid, _number(answer[uid].get(b"RFC822.SIZE")), _moment(answer[uid].get(b"INTERNALDATE"))) for uid in uids if uid in answer]

    def bodies(self, uids: Uids, expected: int) -> dict[int, bytes]:
        """UID → the whole mail, of those that are still there and are not empty; `expected` bytes in all. \\Seen is not set."""
        lines = self._lines(uids, ["BODY.PEEK[]"], expected)
        bodies = bodies_in(lines)
        if bodies is None:
            bodies = {uid: parts[b"BODY[]"] for uid, parts in self._parsed(lines).items() if isinstance(parts.get(b"BODY[]"), bytes)}
        return {uid: bodies[uid] for uid in uids if bodies.get(uid)}

    def body_otherwise(self, uid: int, expected: int) -> bytes:
        """One mail by the older word, for servers that answer the newer one with nothing; b'' if that does not help either."""
        found = self._fetch([uid], ["RFC822"], expected).get(uid, {}).get(b"RFC822")
        return found if isinstance(found, bytes) else b""

    def header(self, uid: int) -> bytes:
        """The first HEADER_BYTES of a mail's header."""
        answer = self._fetch([uid], [f"BODY.PEEK[HEADER]<0.{HEADER_BYTES}>"], HEADER_BYTES).get(uid, {})
        return next((value for name, value in answer.items() if name.startswith(b"BODY[HEADER]") and isinstance(value, bytes)), b"")

    def fields(self, uids: Uids) -> dict[int, tuple[int, datetime | None, bytes]]:
        """UID → (size, since when it is there, its fields Message-ID and Date)."""
        answer = self._fetch(uids, ["RFC822.SIZE", "INTERNALDATE", "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE)]"], 4096 * len(uids))
        return {uid: (_number(parts.get(b"RFC822.SIZE")), _moment(parts.get(b"INTERNALDATE")), _fields_in(parts)) for uid, parts in answer.items()}

    def is_there(self, uid: int) -> bool:
        return uid in self._fetch([uid], ["FLAGS"])

    def between(self, first: int, last: int) -> list[int]:
        """UIDs of all messages there; in a wide range only of those marked as deleted."""
        return self._search("UID", f"{first}:{last}", *(() if last - first < SEARCH_SPAN else ("DELETED",)))

    def marked_deleted(self, uids: Uids) -> dict[int, bool]:
        """UID → whether it is marked, of those that are still there."""
        return {uid: b"\\Deleted" in parts.get(b"FLAGS", ()) for uid, parts in self._fetch(uids, ["FLAGS"]).items()}

    # ---- what is done with a mail that is ours

    def mark(self, uids: Uids, flag: bytes) -> None:
        self._ask(self._client.add_flags, list(uids), [flag], silent=True)

    def move(self, uids: Uids, folder: str) -> None:
        """Move, by MOVE (RFC 6851) or by a copy that is then taken away here; the folder is made if it is not there."""
        step = self._client.move if self.has("MOVE") else self._client.copy
        try:
            self._ask(step, list(uids), folder)
        except Declined:
            self._ask(self._client.create_folder, folder)
            self._ask(step, list(uids), folder)
        if not self.has("MOVE"):
            self.delete(uids)

    def delete(self, uids: Uids) -> None:
        """Flag, and expunge just these (RFC 4315). Without UIDPLUS the flag must do: a plain EXPUNGE would take what people have flagged."""
        self.mark(uids, b"\\Deleted")
        if self.has("UIDPLUS"):
            self._ask(self._client.uid_expunge, list(uids))

    # ---- waiting

    def rest(self) -> None:
        """Show that the connection is alive."""
        self._ask(self._client.noop)

    def idle(self, seconds: float, stopping: threading.Event, alive: Callable[[], None]) -> None:
        """IDLE (RFC 2177) until the server says something, `stopping`, or the time is over; then NOOP shows whether it is still there.

        What it said is not looked at: the next look into the folder finds it.
        """
        self._ask(self._client.idle)
        try:
            self._until_news(seconds, stopping, alive)
        finally:
            self._ask(self._client.idle_done)
        self.rest()

    def _until_news(self, seconds: float, stopping: threading.Event, alive: Callable[[], None]) -> None:
        until = time.monotonic() + seconds
        poller = select.poll()
        poller.register(self._client.socket().fileno(), select.POLLIN | select.POLLERR | select.POLLHUP)
        while not stopping.is_set() and not self._has_said():
            left = until - time.monotonic()
            if left <= 0:
                return
            if poller.poll(min(SLICE_SECONDS, left) * 1000) and not self._has_said():
                return  # readable and yet nothing to read: the connection has ended, or TLS speaks with itself
            alive()

    def _has_said(self) -> bool:
        """Whether something of the server's waits to be read, also in the buffers of TLS and of imaplib, which the socket does not show."""
        wire = self._client.socket()
        wire.setblocking(False)
        try:
            return bool(self._client._imap.file.peek(1))
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        except OSError:
            return True  # the next word to the server says what is wrong
        finally:
            wire.settimeout(self._place.timeout)

    # ---- how it is asked

    def _ask(self, command: Callable[..., Any], *arguments: Any, expected: int = 0, **more: Any) -> Any:
        self._gauge.allow(expected)
        try:
            return command(*arguments, **more)
        except GONE as fault:
            words = "no answer in time" if isinstance(fault, TimeoutError | socket.timeout) else words_of(fault)
            raise FetchTrouble(Meaning.PASSING, f"The connection to {self._place.host} was lost: {words}.") from None
        except imaplib.IMAP4.error as fault:
            raise Declined(words_of(fault)) from None
        except MISREAD as fault:
            raise Declined(f"an answer that is no IMAP: {words_of(fault)}") from None

    def _fetch(self, uids: Uids, items: list[str], expected: int = 0) -> dict[int, dict[bytes, Any]]:
        answer = self._parsed(self._lines(uids, items, expected))
        return {uid: answer[uid] for uid in uids if uid in answer}

    def _lines(self, uids: Uids, items: list[str], expected: int = 0) -> list[Line]:
        """imapclient 4.1 takes no ranges (its own filter fails on them), so imaplib is asked."""
        return self._ask(self._raw_fetch, uid_set(uids), f"({' '.join(items)})", expected=expected) if uids else []

    def _parsed(self, lines: list[Line]) -> dict[int, dict[bytes, Any]]:
        """By UID; answers that name none are about a change of flags somewhere else."""
        parts: dict[int, dict[bytes, Any]] = self._ask(parse_fetch_response, lines, False, uid_is_key=False) if lines else {}
        found: dict[int, dict[bytes, Any]] = {}
        for part in parts.values():
            if isinstance(part.get(b"UID"), int):
                found.setdefault(part[b"UID"], {}).update(part)
        return found

    def _raw_fetch(self, span: str, items: str) -> list[Line]:
        kind, lines = self._client._imap.uid("FETCH", span, items)
        if kind != "OK":
            raise imaplib.IMAP4.error(str(lines[-1] if lines else kind))
        return [line for line in lines if line is not None]

    def _search(self, *criteria: str) -> list[int]:
        found: list[int] = self._ask(self._client.search, list(criteria))
        return list(found)

    def _without_search(self, last_uid: int) -> list[int]:
        """For servers that refuse to search by UID."""
        try:
            answer = self._flags(f"{last_uid + 1}:*")
        except Declined:
            found = [uid for uid in self._search("ALL") if uid > last_uid]
            flags_of = self._fetch(found, ["FLAGS"])
            return [uid for uid in found if b"\\Deleted" not in flags_of.get(uid, {}).get(b"FLAGS", ())]
        return [uid for uid, flags in answer if b"\\Deleted" not in flags]

    def _flags(self, span: str) -> list[tuple[int, Sequence[bytes]]]:
        answer = self._parsed(self._ask(self._raw_fetch, span, "(FLAGS)"))
        return [(uid, parts.get(b"FLAGS", ())) for uid, parts in answer.items()]


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _spans(first: int, folder: Selected) -> Iterator[tuple[int, int | str]]:
    """Ranges of UIDs whose answers fit in a line; one up to the end where there are few messages or the end is unknown."""
    if folder.messages <= SEARCH_SPAN or not folder.uid_next:
        yield first, "*"
        return
    for start in range(first, folder.uid_next, SEARCH_SPAN):
        yield start, min(start + SEARCH_SPAN, folder.uid_next) - 1
    yield folder.uid_next, "*"


def _fields_in(parts: dict[bytes, Any]) -> bytes:
    return next((value for name, value in parts.items() if name.startswith(b"BODY[HEADER.FIELDS") and isinstance(value, bytes)), b"")


def _number(value: object) -> int:
    """imapclient gives numbers, or texts where it does not know the word."""
    if isinstance(value, (list, tuple)):
        value = value[0] if value else 0
    if isinstance(value, bytes):
        return int(value) if value.isdigit() else 0
    return value if isinstance(value, int) else 0


def _moment(value: object) -> datetime | None:
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else None
