"""DKIM (RFC 6376, 8301, 8463) for one mail: which domains signed exactly these bytes; dkimpy reads and verifies, hostile signatures are kept from it.

Only signatures of domains that are asked for are verified, so that a mail with hundreds of them costs no more than five.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from core.mail import Address, domain_key
from gateway.inbound.address import read_addresses
from gateway.inbound.mailauth.dns import DnsTrouble, Lookups
from gateway.inbound.words import raw_text

MOST_SIGNATURES = 5
LEAST_BITS = 1_024
"""RFC 8301 section 3.2."""
MOST_BITS = 4_096
LARGEST_EXPONENT = 2**32
LONGEST_SIGNATURE = 4_096
"""Bytes of one DKIM-Signature field."""
LONGEST_HEADER = 128 * 1024
MOST_FIELDS = 1_000
MOST_SIGNED_FIELDS = 100
MOST_LINES = 1_000_000
ALGORITHMS = (b"rsa-sha256", b"ed25519-sha256")
"""RFC 8301 section 3.1: rsa-sha1 proves nothing."""

_SILENT = logging.getLogger("guichet.dkim")
_SILENT.disabled = True  # the library logs every signature that does not verify, with what hostile mail wrote in it
_BLANKS = re.compile(rb"[\t ]+")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature that was looked at: whose, whether it verifies (None: the DNS did not answer), and why not."""

    domain: str
    passed: bool | None
    because: str = ""

    def __str__(self) -> str:
        said = {True: "pass", False: "fail", None: "temperror"}[self.passed]
        return f"DKIM {said} for {self.domain}{f' ({self.because})' if self.because else ''}"


class Unreadable(Exception):
    """The mail is beyond what is verified (too many lines or fields); `str()` says why. None of its signatures counts."""


def signatures(raw: bytes, authors: Collection[Address], lookups: Lookups, wanted: Callable[[str], bool]) -> tuple[Signature, ...]:
    """The signatures of the wanted domains (told as domain keys), verified until one passes. Raises Unreadable and DnsTrouble.

    `authors` are whom we read in From: what the library verifies must be the same field.
    """
    import dkim

    if not _is_signed(raw):
        return ()
    _require_bounded(raw)
    try:
        message = dkim.DKIM(raw, logger=_SILENT, minkey=LEAST_BITS)
    except (dkim.DKIMException, IndexError, ValueError) as fault:
        raise Unreadable(f"its header cannot be read for DKIM ({type(fault).__name__})") from None
    if len(message.headers) > MOST_FIELDS:
        raise Unreadable(f"it has more than {MOST_FIELDS} header fields")
    _require_same_author(message, authors)
    fields = [value for name, value in message.headers if name.lower() == b"dkim-signature"]
    found: list[Signature] = []
    bodies = _Bodies(message.body)
    for number, field in enumerate(fields):
        domain = _domain(field)
        if len(found) >= MOST_SIGNATURES or any(one.passed for one in found):
            break
        if not lookups.left:
            raise DnsTrouble("the time for checking the sender is over")
        if domain and wanted(domain):
            found.append(_verified(message, number, field, domain, bodies, lookups))
    return tuple(found)


def _header_end(raw: bytes) -> int:
    ends = [place for place in (raw.find(b"\r\n\r\n"), raw.find(b"\n\n")) if place >= 0]
    return min(ends, default=len(raw))


def _is_signed(raw: bytes) -> bool:
    return b"dkim-signature" in raw[: min(_header_end(raw), LONGEST_HEADER + 1)].lower()


def _require_bounded(raw: bytes) -> None:
    if _header_end(raw) > LONGEST_HEADER:
        raise Unreadable(f"its header is longer than {LONGEST_HEADER // 1024} KB")
    if raw.count(b"\n") > MOST_LINES:
        raise Unreadable(f"it has more than {MOST_LINES} lines")


def _require_same_author(message: Any, authors: Collection[Address]) -> None:
    """A header can be written so that two readers find different fields in it: then one is shown, and the other was signed."""
    written = [value for name, value in message.headers if name.lower() == b"from"]
    read = read_addresses(raw_text(written[0]), len(authors) + 1)[0] if len(written) == 1 else ()
    if not read or [one.key for one in read] != [one.key for one in authors]:
        raise Unreadable("its From is not the same to everybody who reads it")


def _tags(field: bytes) -> dict[bytes, bytes]:
    """The tags of a signature field or key record, {} where it is none."""
    import dkim.util

    try:
        tags: dict[bytes, bytes] = dkim.util.parse_tag_value(field) if len(field) <= LONGEST_SIGNATURE else {}
    except dkim.util.InvalidTagValueList:
        return {}
    return tags


def _domain(field: bytes) -> str:
    return domain_key(_tags(field).get(b"d", b"").decode("utf-8", "replace"))


class _Bodies:
    """The body, made ready for each canonicalization in linear time: the library's own way can be made quadratic by a line of blanks."""

    def __init__(self, body: bytes) -> None:
        self._body = _without_empty_end(body)
        self._relaxed: bytes | None = None

    def of(self, canonicalization: bytes) -> bytes:
        if canonicalization.partition(b"/")[2] != b"relaxed":
            return self._body
        if self._relaxed is None:
            self._relaxed = _BLANKS.sub(b" ", self._body)
        return self._relaxed


def _without_empty_end(body: bytes) -> bytes:
    """All but one of the empty lines at the end are gone; they belong to no canonical form."""
    end, block = len(body), b"\r\n" * 1024
    while body.endswith(block, 0, end):
        end -= len(block) - 2
    return body[:end]


def _verified(message: Any, number: int, field: bytes, domain: str, bodies: _Bodies, lookups: Lookups) -> Signature:
    import dkim

    tags = _tags(field)
    refused = _refused(tags)
    if refused:
        return Signature(domain, False, refused)
    message.body = bodies.of(re.sub(rb"\s", b"", tags.get(b"c", b"simple/simple")))
    troubles: list[str] = []

    def key(name: bytes, timeout: float = 0) -> bytes:
        try:
            return _key_record(lookups, name)
        except DnsTrouble as trouble:
            troubles.append(str(trouble))
            raise dkim.DnsTimeoutError(str(trouble)) from None

    try:
        passed = bool(message.verify(number, dnsfunc=key))
        because = "" if passed else "the signature does not verify"
        if passed and b"l" in tags and not _signs_all(message, tags):
            passed, because = False, "only a part of the text is signed"
    except (dkim.DKIMException, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError) as fault:
        passed, because = False, type(fault).__name__  # the library trips over what is no signature
    return Signature(domain, None, troubles[0]) if troubles else Signature(domain, passed, because)


def _refused(tags: dict[bytes, bytes]) -> str:
    """Why a signature is not even verified, or ''."""
    if tags.get(b"a") not in ALGORITHMS:
        return "its algorithm proves nothing (RFC 8301)"
    names = [name.strip().lower() for name in tags.get(b"h", b"").split(b":")]
    if b"from" not in names:
        return "it does not sign From"
    return f"it names more than {MOST_SIGNED_FIELDS} fields" if len(names) > MOST_SIGNED_FIELDS else ""


def _signs_all(message: Any, tags: dict[bytes, bytes]) -> bool:
    """Text behind the signed length (`l=`) may be anybody's (RFC 6376 section 8.2)."""
    from dkim.canonicalization import CanonicalizationPolicy

    policy = CanonicalizationPolicy.from_c_value(tags.get(b"c", b"simple/simple"))
    return int(tags[b"l"] or b"0") >= len(policy.canonicalize_body(message.body))


def _key_record(lookups: Lookups, name: bytes) -> bytes:
    """The key record, b'' where there is none, several, or one that would take long to calculate with. Raises DnsTrouble."""
    records = [text for text in lookups.texts(name.decode("utf-8", "replace")) if b"p=" in text]
    return records[0] if len(records) == 1 and _is_sane(records[0]) else b""


def _is_sane(record: bytes) -> bool:
    """Large moduli and exponents make verifying slow; who publishes them means no good."""
    import base64

    from dkim.crypto import UnparsableKeyError, parse_public_key

    tags = _tags(record)
    if tags.get(b"k", b"rsa") != b"rsa":
        return True
    try:
        key = parse_public_key(base64.b64decode(tags.get(b"p", b"")))
    except (UnparsableKeyError, ValueError, TypeError, LookupError):
        return False
    modulus, exponent = int(key["modulus"]), int(key["publicExponent"])
    return LEAST_BITS <= modulus.bit_length() <= MOST_BITS and 1 < exponent <= LARGEST_EXPONENT
