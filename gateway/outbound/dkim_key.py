"""One DKIM key: made, read, and as the DNS record that belongs to it; what is signed with it is `dkim.py`."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

RSA, ED25519 = "rsa", "ed25519"
KINDS = (RSA, ED25519)
BITS = 2_048
LEAST_BITS, MOST_BITS = 1_024, 4_096
"""RFC 8301 section 3.2; our own keys have BITS."""
ALGORITHMS = {RSA: b"rsa-sha256", ED25519: b"ed25519-sha256"}
PIECE = 255
"""Bytes of one string of a TXT record."""


class DkimTrouble(Exception):
    """A key cannot be used; `str()` is the sentence for the administrator and holds nothing of the key."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What the library wants to get from a key."""

    signature: bytes


class PrivateKey:
    """A private key that signs digests; `kind` is RSA or ED25519."""

    def __init__(self, pem: str) -> None:
        """Raises DkimTrouble for what is no private key in PEM (PKCS#8 or PKCS#1, not encrypted) that receivers accept."""
        self._key = _read(pem)
        self.kind = RSA if hasattr(self._key, "key_size") else ED25519

    @property
    def algorithm(self) -> bytes:
        return ALGORITHMS[self.kind]

    def sign(self, digest: bytes) -> Signed:
        """The signature over a SHA-256 digest: RSASSA-PKCS1-v1_5 (RFC 6376), or Ed25519 over the digest itself (RFC 8463)."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
        from cryptography.hazmat.primitives.hashes import SHA256

        if isinstance(self._key, RSAPrivateKey):
            return Signed(self._key.sign(digest, PKCS1v15(), Prehashed(SHA256())))
        return Signed(self._key.sign(digest))

    @property
    def public(self) -> str:
        """The public key in base64, as `p=` has it: SubjectPublicKeyInfo for RSA, the bare 32 bytes for Ed25519."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        encoding, form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo) if self.kind == RSA else (Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(self._key.public_key().public_bytes(encoding, form)).decode("ascii")

    @property
    def record(self) -> str:
        """The TXT record, in one piece."""
        return f"v=DKIM1; k={self.kind}; p={self.public}"


def new_key(kind: str = RSA) -> str:
    """A new private key in PEM (PKCS#8)."""
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65_537, BITS) if kind == RSA else ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def pieces(record: str) -> tuple[str, ...]:
    """A TXT record cut into the strings that a zone file has."""
    return tuple(record[start : start + PIECE] for start in range(0, len(record), PIECE))


def zone_line(name: str, record: str) -> str:
    """The record as a line of a zone file."""
    return f"{name}. IN TXT ( {' '.join(chr(34) + piece + chr(34) for piece in pieces(record))} )"


def difference(published: str, key: PrivateKey) -> str:
    """Why a published record does not verify what the key signs, as part of a sentence; '' if it does."""
    tags = _tags(published)
    if "".join(tags.get("p", "").split()) != key.public:
        return "it holds no key (p= is empty: revoked)" if not tags.get("p") else "it holds another key"
    if tags.get("v", "DKIM1") != "DKIM1":
        return "it is no record of version DKIM1"
    if tags.get("k", RSA) != key.kind:
        return f"it says that the key is of the kind {tags.get('k', RSA)[:20]}, and it is {key.kind}"
    if tags.get("s", "*") != "*" and "email" not in tags["s"].split(":"):
        return "it is not for e-mail (s=)"
    if "h" in tags and "sha256" not in [one.strip() for one in tags["h"].split(":")]:
        return "it does not allow sha256 (h=)"
    return ""


def in_test_mode(published: str) -> bool:
    """Whether the record asks receivers to ignore failures (`t=y`)."""
    return "y" in _tags(published).get("t", "").split(":")


def _tags(record: str) -> Mapping[str, str]:
    parts = (part.partition("=") for part in record.split(";") if "=" in part)
    return {name.strip(): value.strip() for name, _, value in parts}


def _read(pem: str) -> RSAPrivateKey | Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.strip().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # the library's words could quote what it read
        raise DkimTrouble("it is no private key in PEM without a password") from None
    if isinstance(key, Ed25519PrivateKey):
        return key
    if not isinstance(key, RSAPrivateKey):
        raise DkimTrouble("it is neither an RSA nor an Ed25519 key")
    if not LEAST_BITS <= key.key_size <= MOST_BITS:
        raise DkimTrouble(f"it is an RSA key of {key.key_size} bits, and receivers take {LEAST_BITS} to {MOST_BITS}")
    return key
