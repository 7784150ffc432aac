"""Who signed a CMS message: its signer infos as values (RFC 5652 section 5.3) and whether one was made with a given public key over given octets.

The certificates that a message brings are not looked at: who signs is found by trying keys that are registered (`signing_key.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gateway.inbound.cms import EXPLICIT, OCTETS, OID, SEQUENCE, SET, SIGNED, Malformed, after, head, opened

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

MOST_SIGNERS = 4
"""Signer infos of one message that are looked at."""
MOST_ATTRIBUTES = 40
_LONGEST = 20_000
"""Octets of the signed attributes and of a signature; real ones have some hundreds."""

_CONTEXT_1 = 0xA1
_UTC_TIME, _GENERAL_TIME = 0x17, 0x18
_CONTENT_TYPE = bytes.fromhex("2a864886f70d010903")
_DIGEST = bytes.fromhex("2a864886f70d010904")
_TIME = bytes.fromhex("2a864886f70d010905")
_DATA = bytes.fromhex("2a864886f70d010701")
_PSS = bytes.fromhex("2a864886f70d01010a")
_ED25519 = bytes.fromhex("2b6570")

HASHES: dict[bytes, str] = {
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
"""What may be a digest: nothing older than SHA-256."""
_RSA: dict[bytes, str] = {
    bytes.fromhex("2a864886f70d010101"): "",
    bytes.fromhex("2a864886f70d01010b"): "sha256",
    bytes.fromhex("2a864886f70d01010c"): "sha384",
    bytes.fromhex("2a864886f70d01010d"): "sha512",
}
_ECDSA: dict[bytes, str] = {
    bytes.fromhex("2a8648ce3d0201"): "",
    bytes.fromhex("2a8648ce3d040302"): "sha256",
    bytes.fromhex("2a8648ce3d040303"): "sha384",
    bytes.fromhex("2a8648ce3d040304"): "sha512",
}
"""Signature algorithm → its digest; '' where that of the signer info counts."""


@dataclass(frozen=True, slots=True)
class Signer:
    """One signer info whose digest fits the content. `attributes` are what was signed, as DER; `signed_at` is what the signer claims."""

    attributes: bytes
    algorithm: bytes
    digest: str
    signature: bytes
    signed_at: datetime


def signers(data: bytes, content: bytes) -> tuple[Signer, ...]:
    """The signer infos of a SignedData that sign this content with attributes, digest and time; anything else about it gives none."""
    try:
        return tuple(_read_all(data, content))
    except Malformed:
        return ()


def made_with(signer: Signer, key: Any) -> bool:
    """Whether a public key (of `cryptography`) made the signature."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

    try:
        if isinstance(key, rsa.RSAPublicKey) and signer.algorithm in _RSA:
            key.verify(signer.signature, signer.attributes, padding.PKCS1v15(), _hash(_RSA[signer.algorithm] or signer.digest))
        elif isinstance(key, rsa.RSAPublicKey) and signer.algorithm == _PSS:
            chosen = _hash(signer.digest)
            key.verify(signer.signature, signer.attributes, padding.PSS(padding.MGF1(chosen), padding.PSS.AUTO), chosen)
        elif isinstance(key, ec.EllipticCurvePublicKey) and signer.algorithm in _ECDSA:
            key.verify(signer.signature, signer.attributes, ec.ECDSA(_hash(_ECDSA[signer.algorithm] or signer.digest)))
        elif isinstance(key, ed25519.Ed25519PublicKey) and signer.algorithm == _ED25519:
            key.verify(signer.signature, signer.attributes)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _read_all(data: bytes, content: bytes) -> Iterator[Signer]:
    inside, _ = opened(data, 0, SEQUENCE)
    start, end = opened(data, inside, OID)
    if data[start:end] != SIGNED:
        raise Malformed
    inside, _ = opened(data, end, EXPLICIT)
    inside, _ = opened(data, inside, SEQUENCE)
    at = after(data, after(data, after(data, inside)))  # version, digest algorithms, content
    for optional in (EXPLICIT, _CONTEXT_1):  # certificates, revocation lists
        if head(data, at)[0] == optional:
            at = after(data, at)
    start, end = opened(data, at, SET)
    for number, (tag, _, begin, close) in enumerate(_elements(data, start, end)):
        if number >= MOST_SIGNERS or tag != SEQUENCE:
            raise Malformed
        found = _read_one(data, begin, close, content)
        if found is not None:
            yield found


def _read_one(data: bytes, start: int, end: int, content: bytes) -> Signer | None:
    """RFC 5652 section 5.3. Without signed attributes there is no time, and a signature over one kind of octets could pass for the other: none."""
    parts = list(_elements(data, start, end))
    if len(parts) not in (6, 7) or parts[3][0] != EXPLICIT:
        return None
    digest = HASHES.get(_algorithm(data, *parts[2][2:]), "")
    _, at, begin, close = parts[3]
    if not digest or not 0 < close - begin < _LONGEST or parts[5][0] != OCTETS or not 0 < parts[5][3] - parts[5][2] < _LONGEST:
        return None
    told = _attributes(data, begin, close)
    moment = _moment(told.get(_TIME))
    if told.get(_CONTENT_TYPE) != (OID, _DATA) or told.get(_DIGEST) != (OCTETS, hashlib.new(digest, content).digest()) or moment is None:
        return None
    algorithm = _algorithm(data, *parts[4][2:])
    if algorithm == _PSS and _pss_digest(data, *parts[4][2:]) != digest:
        return None
    return Signer(bytes([SET]) + data[at + 1 : close], algorithm, digest, data[parts[5][2] : parts[5][3]], moment)


def _elements(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(tag, where it begins, its content from, to) of each element; what is signed has definite lengths (DER)."""
    at = start
    for _ in range(MOST_ATTRIBUTES):
        if at == end or (end < 0 and data[at : at + 2] == b"\0\0"):
            return
        tag, begin, close = head(data, at)
        if close < 0 or close > len(data) or 0 <= end < close:
            raise Malformed
        yield tag, at, begin, close
        at = close
    raise Malformed


def _algorithm(data: bytes, start: int, end: int) -> bytes:
    for tag, _, begin, close in _elements(data, start, end):
        return data[begin:close] if tag == OID else b""
    return b""


def _attributes(data: bytes, start: int, end: int) -> dict[bytes, tuple[int, bytes]]:
    """Attribute → its one value; one that is there twice, or has several values, makes the whole void."""
    found: dict[bytes, tuple[int, bytes]] = {}
    for _, _, begin, close in _elements(data, start, end):
        parts = list(_elements(data, begin, close))
        if len(parts) != 2 or parts[0][0] != OID or parts[1][0] != SET:
            raise Malformed
        name = data[parts[0][2] : parts[0][3]]
        values = list(_elements(data, parts[1][2], parts[1][3]))
        if name in found or (len(values) != 1 and name in (_CONTENT_TYPE, _DIGEST, _TIME)):
            raise Malformed
        if values:
            tag, _, begin, close = values[0]
            found[name] = (tag, data[begin:close])
    return found


def _moment(value: tuple[int, bytes] | None) -> datetime | None:
    """RFC 5652 section 11.3: UTCTime up to 2049, GeneralizedTime from then on, both with seconds and `Z`."""
    if value is None or not value[1].isascii():
        return None
    form = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERAL_TIME: "%Y%m%d%H%M%SZ"}.get(value[0])
    try:
        return datetime.strptime(value[1].decode("ascii"), form).replace(tzinfo=UTC) if form else None
    except ValueError:
        return None


def _pss_digest(data: bytes, start: int, end: int) -> str:
    """The digest that RSASSA-PSS names (RFC 4055 section 3.1); without one SHA-1 would be meant, which does not count."""
    parts = list(_elements(data, start, end))
    if len(parts) < 2 or parts[1][0] != SEQUENCE:
        return ""
    for tag, _, begin, close in _elements(data, parts[1][2], parts[1][3]):
        if tag == EXPLICIT:
            inside = list(_elements(data, begin, close))
            return HASHES.get(_algorithm(data, *inside[0][2:]), "") if inside and inside[0][0] == SEQUENCE else ""
    return ""


def _hash(name: str) -> HashAlgorithm:
    from cryptography.hazmat.primitives import hashes

    kinds: dict[str, type[HashAlgorithm]] = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}
    return kinds[name]()
