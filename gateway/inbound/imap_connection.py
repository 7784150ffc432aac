"""Connecting to an IMAP server: TLS and log-in; how its answers are read is `imap_gauge.py`, what is said afterwards is `imap_mailbox.py`."""

from __future__ import annotations

import contextlib
import imaplib
import logging
import ssl
from collections.abc import Callable

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import LoginError

from core.delivery import Meaning, clean_words
from gateway.inbound.fetching import FetchTrouble
from gateway.inbound.imap_gauge import Client, Gauge
from gateway.inbound.imap_place import LOCAL, Place, trust

MISREAD = (ValueError, TypeError, LookupError, AttributeError, RecursionError, AssertionError)
"""What the parser of answers raises when a server says something that is no IMAP."""

GONE = (imaplib.IMAP4.abort, OSError)
"""The connection cannot be used any more."""

_BUSY = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "TOO MANY", "TRY AGAIN", "TEMPORAR", "INTERNAL ERROR")
"""Words of a refused log-in that do not blame the password (RFC 5530 section 3)."""

logging.getLogger("imapclient").setLevel(logging.WARNING)  # at DEBUG it writes passwords and bodies


def open_connection(place: Place) -> tuple[IMAPClient, Gauge]:
    """Connected, encrypted as asked, logged in. Raises FetchTrouble."""
    if place.security == "none" and place.host not in LOCAL:
        raise FetchTrouble(Meaning.TROUBLE, f"The secret of {place.user} would travel to {place.host} unencrypted; set security to tls or starttls.")
    gauge = Gauge(place.timeout)
    client = _connect(place, gauge)
    try:
        client.normalise_times = False
        client._imap.debug = 0  # imapclient sets it to 5, which formats every line, passwords too
        gauge.allow()
        if place.security == "starttls":
            _encrypt(client, place)
        _log_in(client, place)
    except BaseException:
        close_connection(client, politely=False)
        raise
    return client, gauge


def close_connection(client: IMAPClient, *, politely: bool = True) -> None:
    """Let go, whatever state it is in. Never raises."""
    if politely:
        with contextlib.suppress(imaplib.IMAP4.error, OSError, *MISREAD):
            client.socket().settimeout(2.0)
            client.logout()
            return
    with contextlib.suppress(imaplib.IMAP4.error, OSError, *MISREAD):
        client.shutdown()


def words_of(fault: BaseException) -> str:
    """A server's words out of an exception of imaplib, which shows bytes as Python writes them."""
    text = str(fault)
    if text.startswith(("b'", 'b"')) and text.endswith(text[1]):
        text = text[2:-1]
    return clean_words(text) or type(fault).__name__


def _connect(place: Place, gauge: Gauge) -> IMAPClient:
    where = f"{place.host}, port {place.port}"
    at_once = place.security == "tls"
    context = trust(place) if at_once else None
    timeout = SocketTimeout(min(30.0, place.timeout), place.timeout)
    try:
        return Client(gauge, place.host, port=place.port, ssl=at_once, ssl_context=context, timeout=timeout)
    except ssl.SSLCertVerificationError as fault:
        raise FetchTrouble(Meaning.TROUBLE, f"The certificate of {where} is not trusted: {fault.verify_message}.") from None
    except (imaplib.IMAP4.error, OSError, *MISREAD) as fault:
        raise FetchTrouble(Meaning.PASSING, f"{where} cannot be reached: {words_of(fault)}.") from None


def _encrypt(client: IMAPClient, place: Place) -> None:
    """STARTTLS or nothing: a server that does not offer it gets no password."""
    if not client.has_capability("STARTTLS"):
        raise FetchTrouble(Meaning.TROUBLE, f"{place.host} offers no STARTTLS, and nothing is sent there unencrypted.")
    context = trust(place)
    try:
        client.starttls(context)
    except ssl.SSLCertVerificationError as fault:
        raise FetchTrouble(Meaning.TROUBLE, f"The certificate of {place.host} is not trusted: {fault.verify_message}.") from None
    except (imaplib.IMAP4.error, OSError, *MISREAD) as fault:
        raise FetchTrouble(Meaning.PASSING, f"No encrypted connection to {place.host} could be made: {words_of(fault)}.") from None


def _log_in(client: IMAPClient, place: Place) -> None:
    secret = place.secret()
    if any(char in secret + place.user + place.acts_for for char in "\0\r\n"):
        raise FetchTrouble(Meaning.TROUBLE, "The user name or the password holds a line end or a NUL, which no server takes.")
    refusal = _Refusal()
    try:
        _LOGINS[place.auth](client, place, secret, refusal)
    except LoginError as fault:
        words = _without(secret, refusal.words or words_of(fault))
        raise FetchTrouble(_blame(fault, words), f"{place.host} refused the log-in of {place.user}: {words}") from None
    except (imaplib.IMAP4.error, OSError, *MISREAD) as fault:
        raise FetchTrouble(Meaning.PASSING, f"{place.host} did not answer the log-in: {_without(secret, words_of(fault))}.") from None


def _blame(fault: LoginError, words: str) -> Meaning:
    if isinstance(fault.__context__, imaplib.IMAP4.abort) or any(word in words.upper() for word in _BUSY):
        return Meaning.PASSING
    return Meaning.LOGIN_REFUSED


def _without(secret: str, words: str) -> str:
    return words.replace(secret, "…") if secret else words


class _Refusal:
    """The reason a server gives in its last challenge (RFC 7628 section 3.2.2)."""

    def __init__(self) -> None:
        self.words = ""


def _once(first: str, refusal: _Refusal) -> Callable[[bytes], bytes]:
    """Answers the first challenge; to a second one, which is the reason of a refusal, nothing but an empty line: the token is not said again."""
    said: list[bytes] = []

    def answer(challenge: bytes) -> bytes:
        said.append(challenge)
        if len(said) == 1:
            return first.encode()
        refusal.words = clean_words(challenge.decode("utf-8", "replace"))
        return b""

    return answer


def _password(client: IMAPClient, place: Place, secret: str, refusal: _Refusal) -> None:
    if client.has_capability("AUTH=PLAIN"):
        client.sasl_login("PLAIN", _once(f"{place.acts_for}\0{place.user}\0{secret}", refusal))
    elif client.has_capability("LOGINDISABLED"):
        raise FetchTrouble(Meaning.TROUBLE, f'{place.host} takes no password on this connection; use security = "tls" or "starttls".')
    else:
        client.login(client._imap._quote(place.user), secret)  # imaplib quotes the password and not the name


def _xoauth2(client: IMAPClient, place: Place, secret: str, refusal: _Refusal) -> None:
    client.sasl_login("XOAUTH2", _once(f"user={place.acts_for or place.user}\x01auth=Bearer {secret}\x01\x01", refusal))


def _oauthbearer(client: IMAPClient, place: Place, secret: str, refusal: _Refusal) -> None:
    """RFC 7628 section 3.1; the mailbox is the authorization identity."""
    identity = (place.acts_for or place.user).replace("=", "=3D").replace(",", "=2C")
    client.sasl_login("OAUTHBEARER", _once(f"n,a={identity},\x01host={place.host}\x01port={place.port}\x01auth=Bearer {secret}\x01\x01", refusal))


_LOGINS: dict[str, Callable[[IMAPClient, Place, str, _Refusal], None]] = {"password": _password, "xoauth2": _xoauth2, "oauthbearer": _oauthbearer}
