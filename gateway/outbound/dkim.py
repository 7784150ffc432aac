"""DKIM signatures for mail that leaves (RFC 6376, 8301, 8463): which keys sign it, and the fields; making and publishing keys is `dkim_key.py`.

A key that cannot be used never stops a mail: it leaves without that signature, the log says so as an error, and an alarm is raised. Holding it would
stop the whole domain over a missing secret, while most unsigned mail still passes by SPF.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import getaddresses
from functools import cache
from typing import Any

from core.alarms import Alarm, AlarmKind
from core.mail import domain_key
from core.outbox import OutboxMessage
from core.setup import DkimKey, Setup
from gateway.clock import Clock
from gateway.outbound.alarms import Alarms, Apply
from gateway.outbound.dkim_key import DkimTrouble, PrivateKey
from gateway.secrets import SecretTrouble
from gateway.store.engine import Database
from gateway.store.setups import Setups

log = logging.getLogger("guichet.outbound")

KEY_FRESH_SECONDS = 30.0
"""How long a key is used, or one that cannot be used is left alone, before the secret store is asked again."""

ONCE_ONLY = (
    b"from", b"subject", b"to", b"cc", b"date", b"message-id", b"in-reply-to", b"references", b"reply-to",
    b"mime-version", b"content-type", b"content-transfer-encoding",
)  # fmt: skip
"""Fields that may stand once: signed once more than they are there, so that none can be put in."""
WHERE_PRESENT = (
    b"list-id", b"list-help", b"list-unsubscribe", b"list-unsubscribe-post", b"list-post", b"list-archive", b"auto-submitted",
)  # fmt: skip
"""Signed as they are; that a mailing list adds its own is no fraud."""

_BLANKS = re.compile(rb"[\t ]{2,}|\t")
_SILENT = logging.getLogger("guichet.dkim.signing")
_SILENT.disabled = True  # the library would log what it hashes

Tell = Callable[[str, str], None]
"""Hears of a domain what keeps its mail from being signed, or '' when nothing does any more."""


def _nobody(domain: str, trouble: str) -> None:
    """Then the log alone says it."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A key as it was read at a moment of the monotonic clock; without `key`, why not."""

    at: float
    key: PrivateKey | None
    trouble: str = ""


class Signer:
    """Signs for one installation; any thread may call it. `secrets` opens a secret by its name and raises SecretTrouble; `tell` is for alarms."""

    def __init__(self, secrets: Callable[[str], str], tell: Tell = _nobody, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._secrets = secrets
        self._tell = tell
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: dict[str, _Read] = {}
        self._told: dict[str, str] = {}

    def __call__(self, setup: Setup, message: OutboxMessage, raw: bytes) -> str:
        """The DKIM-Signature fields for exactly these bytes, one for each enabled key of the domain in From, each ending with CRLF; '' where there is none.

        The same bytes and keys give the same fields. Raises what the database raises.
        """
        if not any(key.enabled for key in setup.dkim_keys):
            return ""
        domain = domain_of_author(raw)
        found = [(key, self._key(key)) for key in keys_for(setup, domain)]
        if not found:
            return ""
        self._say(domain, " ".join(read.trouble for _, read in found if read.trouble))
        usable = [(key, read.key) for key, read in found if read.key is not None]
        try:
            return signed(raw, usable) if usable else ""
        except Exception as fault:  # the edge to the library: whatever it trips over in this mail, the mail leaves
            log.exception("dkim_failed", extra={"outbox_id": message.id, "domain": domain, "fault": type(fault).__name__})
            return ""

    def _key(self, key: DkimKey) -> _Read:
        """The private key, read again every half a minute, also one that could not be used."""
        name = key.secret
        with self._lock:
            kept = self._kept.get(name)
        if kept is not None and self._monotonic() - kept.at < KEY_FRESH_SECONDS:
            return kept
        found = self._read(key)
        with self._lock:
            self._kept[name] = found
        return found

    def _read(self, key: DkimKey) -> _Read:
        try:
            return _Read(self._monotonic(), PrivateKey(self._secrets(key.secret)))
        except (SecretTrouble, DkimTrouble) as trouble:
            log.error("dkim_key_unusable", extra={"domain": key.domain, "selector": key.selector, "secret": key.secret, "fault": str(trouble)})
            return _Read(self._monotonic(), None, f"The key {key.selector} (secret “{key.secret}”) cannot be used: {str(trouble).rstrip('.')}.")

    def _say(self, domain: str, trouble: str) -> None:
        """Once for each change, and once after a start: what was wrong then may be mended."""
        with self._lock:
            if self._told.get(domain) == trouble:
                return
            self._told[domain] = trouble
        try:
            self._tell(domain, trouble)
        except Exception as fault:  # the edge to alarms: the log has said it, and the mail is to leave
            log.warning("dkim_alarm_failed", extra={"domain": domain, "fault": type(fault).__name__})


class SigningAlarm:
    """What a Signer tells, made an alarm for administrators in a transaction of its own."""

    def __init__(self, database: Database, setups: Setups, apply: Apply, clock: Clock) -> None:
        self._database = database
        self._setups = setups
        self._clock = clock
        self._alarms = Alarms(apply, clock)

    def __call__(self, domain: str, trouble: str) -> None:
        """Raise the alarm about a domain, or end it where `trouble` is ''."""
        alarm = Alarm(AlarmKind.DKIM, domain, trouble)
        with self._database.durable() as connection:
            setup, now = self._setups.current(connection), self._clock.now()
            if trouble:
                self._alarms.raise_(connection, alarm, setup, now)
            else:
                self._alarms.over(connection, alarm, setup, now)


def keys_for(setup: Setup, domain: str) -> Iterator[DkimKey]:
    """The enabled keys of a domain, in the order of the desk."""
    return (key for key in setup.dkim_keys if key.enabled and domain and domain_key(key.domain) == domain)


def signed(raw: bytes, keys: Sequence[tuple[DkimKey, PrivateKey]]) -> str:
    """The fields for these bytes (CRLF), one for each key."""
    signing = _library()(raw)
    return "".join(signing.field(key, private) for key, private in keys)


def domain_of_author(raw: bytes) -> str:
    """The domain key of the one address in From; '' where there is not one."""
    head = raw[: raw.find(b"\r\n\r\n") + 2]
    fields = re.findall(rb"(?im)^from:((?:[^\r]|\r\n[ \t])*)\r\n", head)
    if len(fields) != 1:
        return ""
    try:
        found = getaddresses([" ".join(fields[0].decode("utf-8", "replace").split())])
    except RecursionError:  # comments within comments without end, in a mail that was imported
        return ""
    return domain_key(found[0][1].rpartition("@")[2]) if len(found) == 1 and "@" in found[0][1] else ""


def relaxed(body: bytes) -> bytes:
    """The body in its relaxed canonical form (RFC 6376 section 3.4.4)."""
    if body.count(b"\n") != body.count(b"\r\n"):
        body = re.sub(rb"\r?\n", b"\r\n", body)
    body = _BLANKS.sub(b" ", body).replace(b" \r\n", b"\r\n").removesuffix(b" ")
    end, block = len(body), b"\r\n" * 1024
    while body.endswith(block, 0, end):
        end -= len(block)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    return body[:end] + b"\r\n" if end else b""


@cache
def _library() -> Any:
    """Our way to sign with dkimpy, which is imported with the first mail that is signed."""
    import dkim

    class Signing(dkim.DKIM):  # type: ignore[misc]  # the library has no types
        """Signs by OpenSSL (ten times as fast as the library's own RSA), and without `t=`, so that the same mail always gets the same signature.

        The body is made canonical here, once for all keys and in linear time: the library's way is quadratic in a line of blanks.
        """

        def __init__(self, raw: bytes) -> None:
            head, _, body = raw.partition(b"\r\n\r\n")
            super().__init__(head + b"\r\n\r\n", logger=_SILENT)
            self.body: bytes = relaxed(body)
            there = [name.lower() for name, _ in self.headers]
            self._names = [name for name in ONCE_ONLY for _ in range(there.count(name) + 1)]
            self._names += [name for name in WHERE_PRESENT for _ in range(there.count(name))]
            self._private: PrivateKey | None = None

        def field(self, key: DkimKey, private: PrivateKey) -> str:
            self._private = private
            made: bytes = self.sign(
                key.selector.encode("ascii"),
                domain_key(key.domain).encode("ascii"),
                _NO_KEY,
                signature_algorithm=b"ed25519-sha256",  # the way on which the library asks the key object to sign a digest
                canonicalize=(b"relaxed", b"simple" if self.body else b"relaxed"),  # of a body that is canonical, but for an empty one, simple leaves all
                include_headers=self._names,
            )
            return made.decode("ascii")

        def gen_header(self, fields: list[tuple[bytes, bytes]], include_headers: Any, canon_policy: Any, header_name: bytes, pk: Any, standardize: bool = False) -> Any:
            assert self._private is not None
            ours = {b"a": self._private.algorithm, b"c": b"relaxed/relaxed"}
            named = [(tag, ours.get(tag, value)) for tag, value in fields if tag not in (b"t", b"i", b"q")]
            return super().gen_header(named, include_headers, canon_policy, header_name, self._private, standardize)

    return Signing


_NO_KEY = b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
"""32 bytes in the place of the key that the library reads and we then do not use."""
