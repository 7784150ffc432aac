"""One POP3 session: connection, TLS, log-in and the few commands that are needed (RFC 1939, 2449, 5034), every answer bounded; what is fetched is `pop3.py`.

poplib connects. Commands are spoken here, since poplib collects answers without a limit and takes no line above 2,048 bytes.
"""

from __future__ import annotations

import contextlib
import poplib
import ssl
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from typing import cast

from core.delivery import Meaning, clean_words
from gateway.inbound.fetching import FetchTrouble
from gateway.inbound.imap_place import LOCAL, Place, trust
from gateway.inbound.pace import Pace

PORTS = {"tls": 995, "starttls": 110, "none": 110}
LONGEST_LINE = 64 * 2**20
LONGEST_REPLY = 8_000
LISTING_BYTES = 64 * 2**20
"""UIDL and LIST of some 600,000 mails; a mailbox with more has to be made smaller first."""
LONGEST_UIDL = 500
CONNECT_SECONDS = 30.0

_PASSING = ("[SYS/TEMP]", "[IN-USE]", "[LOGIN-DELAY]")
_BUSY = ("lock", "in use", "busy", "temporar", "try again", "too many")


class Refused(Exception):
    """The server said -ERR; `str()` is what it said."""


@dataclass(frozen=True, slots=True)
class Body:
    """A mail as far as it was read: `raw` holds at most what was asked for, `size` is how much came."""

    raw: bytes
    size: int


class Session:
    """Connected and logged in. Every method raises FetchTrouble when the connection cannot be used any more; Refused is an answer."""

    def __init__(self, place: Place, secret: str) -> None:
        self._place = place
        self.usable = True
        self._pace = Pace(place.timeout)
        self._pop = _connect(place)
        try:
            self._log_in(secret)
        except BaseException:
            self.drop()
            raise

    # ---- what is asked

    def sizes(self) -> dict[int, int]:
        """LIST: number → bytes, as the server reckons them."""
        found = {}
        for line in self._listing("LIST"):
            number, _, size = line.partition(b" ")
            if number.isdigit() and size.split(b" ")[0].isdigit() and len(line) < 60:
                found[int(number)] = int(size.split(b" ")[0])
        return found

    def names(self) -> dict[int, str]:
        """UIDL: number → its unique id; {} if the server has none. Ids that are not as RFC 1939 wants them are left out."""
        found = {}
        try:
            for line in self._listing("UIDL"):
                number, _, name = line.partition(b" ")
                text = name.strip().decode("ascii", "replace")
                if number.isdigit() and len(number) < 20 and text.isascii() and text.isprintable() and 0 < len(text) <= LONGEST_UIDL:
                    found[int(number)] = text
        except Refused:
            return {}
        return found

    def retrieve(self, number: int, most: int, patience: int) -> Body:
        """RETR: up to `most` bytes are kept; more than `patience` bytes end the connection. Raises Refused for a mail that is gone."""
        self._ask(f"RETR {number}")
        return self._body(most, patience)

    def head(self, number: int, most: int, patience: int) -> Body:
        """TOP 0, or RETR where the server has no TOP; only the header is kept. Raises Refused for a mail that is gone."""
        try:
            self._ask(f"TOP {number} 0")
        except Refused:
            self._ask(f"RETR {number}")
        body = self._body(most, patience)
        end = body.raw.find(b"\r\n\r\n")
        return Body(body.raw if end < 0 else body.raw[: end + 4], body.size)

    def delete(self, number: int) -> None:
        """DELE: in force after `quit` only."""
        self._ask(f"DELE {number}")

    def quit(self) -> None:
        """QUIT: what was deleted is gone when this returns; raises Refused or FetchTrouble if nobody can say so."""
        try:
            self._ask("QUIT")
        finally:
            self.drop()

    def drop(self) -> None:
        """End the connection without QUIT: nothing is deleted. Never raises."""
        self.usable = False
        with contextlib.suppress(OSError, poplib.error_proto, ValueError, AttributeError):
            self._pop.close()

    # ---- log-in

    def _log_in(self, secret: str) -> None:
        place = self._place
        if place.security == "none" and place.host not in LOCAL:
            raise FetchTrouble(Meaning.TROUBLE, f"The secret of {place.user} would travel to {place.host} unencrypted; set security to tls or starttls.")
        if any(char in secret + place.user for char in "\0\r\n"):
            raise FetchTrouble(Meaning.TROUBLE, "The user name or the password holds a line end or a NUL, which no server takes.")
        try:
            if place.auth == "password":
                self._ask(f"USER {place.user}")
                self._ask(f"PASS {secret}")
            else:
                self._sasl(place.auth.upper(), _INITIAL[place.auth](place, secret))
        except Refused as refused:
            words = str(refused).replace(secret, "…") if secret else str(refused)
            raise FetchTrouble(_blame(words), f"{place.host} refused the log-in of {place.user}: {words}") from None

    def _sasl(self, mechanism: str, initial: str) -> None:
        """The token comes after the challenge: a command line may hold 255 bytes only (RFC 5034 section 4)."""
        self._send(f"AUTH {mechanism}")
        self._expect_challenge()
        self._send(b64encode(initial.encode()).decode())
        line = self._line(LONGEST_REPLY)
        if line.startswith(b"+ "):  # the reason of the refusal, which is to be answered by nothing (RFC 7628 section 3.2.3)
            self._send("AQ==" if mechanism == "OAUTHBEARER" else "")
            line = self._line(LONGEST_REPLY)
        _check(line)

    def _expect_challenge(self) -> None:
        line = self._line(LONGEST_REPLY)
        if not line.startswith(b"+") or line.startswith(b"+OK"):
            _check(line if line.startswith(b"-") else b"-ERR an answer that AUTH does not have")

    # ---- on the wire

    def _ask(self, command: str) -> bytes:
        self._send(command)
        return _check(self._line(LONGEST_REPLY))

    def _send(self, command: str) -> None:
        self._pace.begin()
        try:
            self._pop.sock.sendall(command.encode() + b"\r\n")
        except OSError as fault:
            raise self._gone(fault) from None

    def _line(self, most: int) -> bytes:
        """One line without its end. A line that is too long ends the connection."""
        try:
            line = self._pace.line(cast(BufferedReader, self._pop.file), most)
        except (OSError, ValueError) as fault:
            raise self._gone(fault) from None
        if not line.endswith(b"\n"):
            self.drop()
            said = "sends a line that never ends" if len(line) > most else "closed the connection"
            raise FetchTrouble(Meaning.PASSING, f"{self._place.host} {said}.")
        return line[:-2] if line.endswith(b"\r\n") else line[:-1]

    def _lines(self, patience: int) -> Iterator[bytes]:
        left = patience
        while (line := self._line(min(left, LONGEST_LINE))) != b".":
            left -= len(line) + 2
            if left < 0:
                self.drop()
                raise FetchTrouble(Meaning.PASSING, f"{self._place.host} sends more than {patience} bytes in one answer.")
            yield line[1:] if line.startswith(b".") else line

    def _listing(self, command: str) -> Iterator[bytes]:
        self._ask(command)
        return self._lines(LISTING_BYTES)

    def _body(self, most: int, patience: int) -> Body:
        kept, size, room = [], 0, True
        for line in self._lines(patience):
            size += len(line) + 2
            room = room and size <= most
            if room:
                kept.append(line)
        return Body(b"".join(line + b"\r\n" for line in kept), size)

    def _gone(self, fault: BaseException) -> FetchTrouble:
        self.drop()
        said = "does not answer in time" if isinstance(fault, TimeoutError) else f"broke the connection ({clean_words(str(fault)) or type(fault).__name__})"
        return FetchTrouble(Meaning.PASSING, f"{self._place.host} {said}.")


def _check(line: bytes) -> bytes:
    if line.startswith(b"+OK"):
        return line
    words = line[4:] if line.startswith(b"-ERR") else line
    raise Refused(clean_words(words.decode("utf-8", "replace")) or "no reason given")


def _blame(words: str) -> Meaning:
    """RFC 2449 section 8, RFC 3206; servers without response codes are read by their words."""
    upper, lower = words.upper(), words.lower()
    if "[SYS/PERM]" in upper:
        return Meaning.TROUBLE
    if "[AUTH]" not in upper and (any(code in upper for code in _PASSING) or any(word in lower for word in _BUSY)):
        return Meaning.PASSING
    return Meaning.LOGIN_REFUSED


def _xoauth2(place: Place, token: str) -> str:
    return f"user={place.acts_for or place.user}\x01auth=Bearer {token}\x01\x01"


def _oauthbearer(place: Place, token: str) -> str:
    """RFC 7628 section 3.1."""
    identity = (place.acts_for or place.user).replace("=", "=3D").replace(",", "=2C")
    return f"n,a={identity},\x01host={place.host}\x01port={place.port}\x01auth=Bearer {token}\x01\x01"


_INITIAL = {"xoauth2": _xoauth2, "oauthbearer": _oauthbearer}


def _connect(place: Place) -> poplib.POP3:
    where = f"{place.host}, port {place.port}"
    context = trust(place)
    made: poplib.POP3 | None = None
    try:
        if place.security == "tls":
            made = poplib.POP3_SSL(place.host, place.port, timeout=min(CONNECT_SECONDS, place.timeout), context=context)
        else:
            made = poplib.POP3(place.host, place.port, timeout=min(CONNECT_SECONDS, place.timeout))
            if place.security == "starttls":
                _encrypt(made, context, place)
        made.sock.settimeout(place.timeout)
        return made
    except FetchTrouble:
        _close(made)
        raise
    except ssl.SSLCertVerificationError as fault:
        _close(made)
        raise FetchTrouble(Meaning.TROUBLE, f"The certificate of {where} is not trusted: {fault.verify_message}.") from None
    except (poplib.error_proto, OSError, ValueError) as fault:
        _close(made)
        raise FetchTrouble(Meaning.PASSING, f"{where} cannot be reached: {clean_words(str(fault)) or type(fault).__name__}.") from None


def _encrypt(pop: poplib.POP3, context: ssl.SSLContext, place: Place) -> None:
    """STLS or nothing (RFC 2595): a server that does not begin TLS gets no password. What it said before TLS is forgotten."""
    pop.sock.sendall(b"STLS\r\n")
    line = pop.file.readline(LONGEST_REPLY)
    if not line.startswith(b"+OK"):
        words = clean_words(line.decode("utf-8", "replace"))
        raise FetchTrouble(Meaning.TROUBLE, f"{place.host} does not begin TLS (STLS), and nothing is sent there unencrypted: {words}")
    pop.file.close()
    pop.sock = context.wrap_socket(pop.sock, server_hostname=place.host)
    pop.file = pop.sock.makefile("rb")


def _close(pop: poplib.POP3 | None) -> None:
    if pop is not None:
        with contextlib.suppress(OSError, poplib.error_proto):
            pop.close()
