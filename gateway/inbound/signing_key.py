"""Certificates (S/MIME) and public keys (OpenPGP) that are registered for people, read and judged; verifying with them is `signed_by.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from core.wording import clean_line

LARGEST = 100_000
"""Bytes of a file with a key."""
MOST_KEYS = 5
"""Of one person; all of them are tried on each signed mail of theirs."""
SMALLEST_RSA, LARGEST_RSA = 2048, 8192
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_CERTIFICATE = re.compile(r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----")
_PRIVATE = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_NOT_PRIVATE = "this is a private key, which belongs to its owner alone and was not kept; give the certificate or the public key"
NO_PGP = "OpenPGP keys need the extra “pgp” (pip install guichet[pgp]), which is not installed here"


class KeyKind(StrEnum):
    """What kind of signature a key is for."""

    SMIME = "smime"
    PGP = "openpgp"


class SigningKeyTrouble(Exception):
    """A key that is not taken; `str()` is a sentence without its full stop."""


class NoLibrary(SigningKeyTrouble):
    """An OpenPGP key where the library for them is not installed."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One registered key. Moments are aware UTC; None: it has no such end. `key` is what verifies: of `cryptography`, or of `pysequoia`."""

    kind: KeyKind
    fingerprint: str
    armour: str
    names: tuple[str, ...]
    valid_from: datetime | None
    valid_until: datetime | None
    key: Any

    def holds_at(self, moment: datetime) -> bool:
        """Whether it is in force at an aware moment."""
        return (self.valid_from is None or self.valid_from <= moment) and (self.valid_until is None or moment <= self.valid_until)


def read_key(content: bytes) -> SigningKey:
    """The one key in a file, armoured or not. Raises SigningKeyTrouble for a private key, for several, and for what is too weak to prove anything."""
    if len(content) > LARGEST:
        raise SigningKeyTrouble(f"the file is larger than {LARGEST} bytes")
    if _PRIVATE.search(content):
        raise SigningKeyTrouble(_NOT_PRIVATE)
    text = content.decode("ascii", "replace")
    if len(_CERTIFICATE.findall(text)) > 1:
        raise SigningKeyTrouble("there are several certificates in it; give only that of the person, without the authority's")
    return _read(content)


def keys_of(armoured: tuple[str, ...]) -> tuple[SigningKey, ...]:
    """The keys of a person as they are kept; what cannot be read any more, or not here, proves nothing."""
    found = []
    for one in armoured[:MOST_KEYS]:
        try:
            found.append(_kept(one))
        except SigningKeyTrouble:
            continue
    return tuple(found)


def described(armour: str, address: str, now: datetime) -> dict[str, Any]:
    """What people are shown of a registered key: `kind`, `fingerprint`, `names`, `valid_from`, `valid_until`, and `warnings` about it."""
    try:
        key = _kept(armour)
    except SigningKeyTrouble as trouble:
        return {"kind": "", "fingerprint": "", "names": [], "valid_from": None, "valid_until": None, "warnings": [f"It proves nothing here: {trouble}."]}
    said = []
    if not any(address.lower() in name.lower() for name in key.names):
        said.append(f"It was issued for {', '.join(key.names)}, not for {address}.")
    if not key.holds_at(now):
        said.append("It is not in force now, and what it signs proves nothing.")
    return {
        "kind": str(key.kind),
        "fingerprint": key.fingerprint,
        "names": list(key.names),
        "valid_from": key.valid_from.isoformat() if key.valid_from else None,
        "valid_until": key.valid_until.isoformat() if key.valid_until else None,
        "warnings": said,
    }


@lru_cache(maxsize=256)
def _kept(armour: str) -> SigningKey:
    return _read(armour.encode("utf-8", "replace"))


def _read(content: bytes) -> SigningKey:
    text = content.decode("ascii", "replace")
    if _CERTIFICATE.search(text):
        return _certificate(content, pem=True)
    if content[:1] == b"\x30":
        return _certificate(content, pem=False)
    return _pgp(content)


def _certificate(content: bytes, *, pem: bool) -> SigningKey:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization

    try:
        found = x509.load_pem_x509_certificate(content) if pem else x509.load_der_x509_certificate(content)
        key = found.public_key()
        names = _names(found)
        _require_signs(found)
        armour = found.public_bytes(serialization.Encoding.PEM).decode("ascii").strip()
        valid = (found.not_valid_before_utc, found.not_valid_after_utc)
        fingerprint = found.fingerprint(hashes.SHA256()).hex()
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as fault:
        raise SigningKeyTrouble("this is no certificate that can be read (PEM or DER, X.509)") from fault
    _require_strong(key)
    return SigningKey(KeyKind.SMIME, fingerprint, armour, names, *valid, key)


def _names(certificate: Any) -> tuple[str, ...]:
    """The addresses it was issued for, else the name."""
    from cryptography import x509

    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = [str(one) for one in alternative.get_values_for_type(x509.RFC822Name)]
    except x509.ExtensionNotFound:
        found = []
    found += [str(one.value) for one in certificate.subject.get_attributes_for_oid(x509.NameOID.EMAIL_ADDRESS)]
    shown = [clean_line(one, 200) for one in found[:20]] or [clean_line(certificate.subject.rfc4514_string(), 200)]
    return tuple(dict.fromkeys(shown))


def _require_signs(certificate: Any) -> None:
    from cryptography import x509

    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not (usage.digital_signature or usage.content_commitment):
        raise SigningKeyTrouble("this certificate is not for signing (its key usage says for what it is)")


def _require_strong(key: object) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, rsa.RSAPublicKey) and SMALLEST_RSA <= key.key_size <= LARGEST_RSA:
        return
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES or isinstance(key, ed25519.Ed25519PublicKey):
        return
    raise SigningKeyTrouble(f"its key is none of RSA ({SMALLEST_RSA} to {LARGEST_RSA} bits), ECDSA (P-256, P-384, P-521) and Ed25519")


def _pgp(content: bytes) -> SigningKey:
    if b"-----BEGIN PGP PUBLIC KEY BLOCK-----" not in content and not content[:1] > b"\x7f":
        raise SigningKeyTrouble("this is neither a certificate (X.509) nor an OpenPGP public key")
    try:
        from pysequoia import Cert, Tsk
    except ImportError:
        raise NoLibrary(NO_PGP) from None
    from gateway.inbound.pgp import FAULTS, Panic, calmly

    try:
        if "PRIVATE KEY" in calmly(lambda: str(Tsk.from_bytes(content)))[:60]:
            raise SigningKeyTrouble(_NOT_PRIVATE)
        found = calmly(lambda: Cert.from_bytes(content))
        revoked, until = found.is_revoked, found.expiration
        names = tuple(clean_line(str(one), 200) for one in found.user_ids[:20])
        armour = "\n".join(line for line in str(found).strip().splitlines() if not line.startswith("Comment:"))
        fingerprint = str(found.fingerprint).lower()
    except (Panic, *FAULTS) as fault:
        raise SigningKeyTrouble("this is no OpenPGP public key that can be read") from fault
    if revoked:
        raise SigningKeyTrouble("this key was revoked by its owner")
    return SigningKey(KeyKind.PGP, fingerprint, armour, names, None, until.astimezone(UTC) if until is not None else None, found)

