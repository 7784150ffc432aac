"""The installation's secret keys: one file, a derived key per purpose, signed Message-IDs and reply addresses; nothing here decides what a signature is worth."""

from __future__ import annotations

import base64
import hmac
import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.clock import new_secret

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

MAC_BYTES = 16
MAC_LENGTH = 26
"""128 bits in lower-case base32 without padding."""

PURPOSES = ("message-id", "reply-address", "session", "at-rest")


class KeyTrouble(Exception):
    """The key file is missing, unreadable or readable by others; `str()` is the sentence for the operator (exit 78)."""


def _derive(secret: bytes, purpose: str) -> bytes:
    """HKDF-SHA256 (RFC 5869) with an empty salt and one output block: a key for one purpose only."""
    pseudo_random = hmac.digest(b"\0" * 32, secret, sha256)
    return hmac.digest(pseudo_random, f"guichet/{purpose}".encode() + b"\x01", sha256)


class Keys:
    """The newest secret signs and encrypts; older ones still verify and decrypt."""

    def __init__(self, secrets: tuple[bytes, ...]) -> None:
        if not secrets:
            raise KeyTrouble("There is no secret key.")
        self._derived = {purpose: tuple(_derive(secret, purpose) for secret in secrets) for purpose in PURPOSES}

    @classmethod
    def load(cls, path: Path) -> Keys:
        """Read the key file: one base64 secret a line, newest first. Raises KeyTrouble with a sentence."""
        try:
            mode = path.stat().st_mode
            lines = path.read_text("ascii").split()
        except FileNotFoundError:
            raise KeyTrouble(f"The key file {path} does not exist. `guichet init` makes one; if there was one, bring it back from your backup.") from None
        except (OSError, UnicodeDecodeError) as fault:
            raise KeyTrouble(f"The key file {path} cannot be read: {fault}.") from None
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyTrouble(f"The key file {path} can be read by others. Allow only its owner: chmod 600 {path}")
        try:
            secrets = tuple(base64.b64decode(line, validate=True) for line in lines)
        except ValueError:
            raise KeyTrouble(f"The key file {path} holds a line that is not base64; one secret of 32 bytes a line is expected.") from None
        if not secrets or any(len(secret) < 32 for secret in secrets):
            raise KeyTrouble(f"The key file {path} must hold one secret of at least 32 bytes a line, in base64.")
        return cls(secrets)

    @classmethod
    def create(cls, path: Path) -> Keys:
        """Write a new key file (mode 0600); an existing one is left as it is and read."""
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return cls.load(path)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(new_secret()) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return cls.load(path)

    def sign(self, purpose: str, text: str) -> str:
        """The 128-bit MAC of `text` for one purpose: 26 characters, lower case."""
        return _mac(self._derived[purpose][0], text)

    def verify(self, purpose: str, text: str, mac: str) -> bool:
        """Whether one of our keys made this MAC; compared in constant time."""
        return any(hmac.compare_digest(_mac(key, text).encode(), mac.encode("utf-8", "replace")) for key in self._derived[purpose])

    def message_id(self, outbox_id: str, domain: str) -> str:
        """Our signed Message-ID without brackets: `id.mac@domain` (decisions.md, evidence "strong")."""
        return f"{outbox_id}.{self.sign('message-id', f'{outbox_id}@{domain}')}@{domain}"

    def verified_message_id(self, message_id: str) -> str:
        """The outbox id inside a Message-ID that we signed, or ''. The letter case of the whole is forgiven."""
        local, _, domain = message_id.strip().lower().rpartition("@")
        outbox_id, _, mac = local.rpartition(".")
        if not outbox_id or len(mac) != MAC_LENGTH or not self.verify("message-id", f"{outbox_id}@{domain}", mac):
            return ""
        return outbox_id

    def reply_tag(self, ref: str) -> str:
        """The plus-tag of a signed reply address: `101203-t.mac`, lower case."""
        return f"{ref.lower()}.{self.sign('reply-address', ref.upper())}"

    def verified_reply_tag(self, tag: str) -> str:
        """The reference inside a plus-tag that we signed, upper case, or ''."""
        ref, _, mac = tag.strip().lower().rpartition(".")
        return ref.upper() if ref and len(mac) == MAC_LENGTH and self.verify("reply-address", ref.upper(), mac) else ""

    def encrypt(self, text: str) -> str:
        """A secret for storage, encrypted with the newest key (Fernet)."""
        return self._fernet().encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """The secret again. Raises KeyTrouble if none of our keys made it."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet().decrypt(token.encode()).decode()
        except InvalidToken:
            raise KeyTrouble("A stored secret was encrypted with a key that is not in the key file; add that key or enter the secret again.") from None

    def _fernet(self) -> MultiFernet:
        # cryptography is imported only when a secret is stored
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in self._derived["at-rest"]])


def _mac(key: bytes, text: str) -> str:
    digest = hmac.digest(key, text.encode("utf-8", "replace"), sha256)[:MAC_BYTES]
    return base64.b32encode(digest).decode("ascii").rstrip("=").lower()
