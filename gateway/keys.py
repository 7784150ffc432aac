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
BOUNCE_MAC_LENGTH = 16
"""80 bits for bounce addresses: a local part has 64 characters at the most, and an outbox id takes 26 of them (RFC 5321 section 4.5.3.1.1)."""

PURPOSES = ("message-id", "reply-address", "bounce-address", "session", "at-rest", "agent-address", "mail-link")


class KeyTrouble(Exception):
    """The key file is missing, unreadable or readable by others; `str()` is the sentence for the operator (exit 78)."""


def _derive(secret: bytes, purpose: str) -> bytes:
    """HKDF-SHA256 (RFC 5869) with an empty salt and one output block: a key for one purpose only."""
    pseudo_random = hmac.digest(b"\0" * 32, secret, sha256)
    return hmac.digest(pseudo_random, f"guichet/{purpose}".encode() + b"\x01", sha256)


class Keys:
    """The newest secret signs and encrypts; older ones still verify and decrypt.

    Keys from a file look into it again where something was made with a key they do not know: a running process learns of a rotation.
    """

    def __init__(self, secrets: tuple[bytes, ...], path: Path | None = None, stamp: tuple[int, ...] = ()) -> None:
        if not secrets:
            raise KeyTrouble("There is no secret key.")
        self._path = path
        self._stamp = stamp
        self._derived = _derived(secrets)

    @classmethod
    def load(cls, path: Path) -> Keys:
        """Read the key file: one base64 secret a line, newest first. Raises KeyTrouble with a sentence."""
        secrets, stamp = cls._read(path)
        return cls(secrets, path, stamp)

    @staticmethod
    def _read(path: Path) -> tuple[tuple[bytes, ...], tuple[int, ...]]:
        """The secrets, and what tells whether the file is still the same."""
        try:
            found = path.stat()
            lines = path.read_text("ascii").split()
        except FileNotFoundError:
            raise KeyTrouble(f"The key file {path} does not exist. `guichet init` makes one; if there was one, bring it back from your backup.") from None
        except (OSError, UnicodeDecodeError) as fault:
            raise KeyTrouble(f"The key file {path} cannot be read: {fault}.") from None
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyTrouble(f"The key file {path} can be read by others. Allow only its owner: chmod 600 {path}")
        try:
            secrets = tuple(base64.b64decode(line, validate=True) for line in lines)
        except ValueError:
            raise KeyTrouble(f"The key file {path} holds a line that is not base64; one secret of 32 bytes a line is expected.") from None
        if not secrets or any(len(secret) < 32 for secret in secrets):
            raise KeyTrouble(f"The key file {path} must hold one secret of at least 32 bytes a line, in base64.")
        return secrets, _stamp(found)

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

    @classmethod
    def rotate(cls, path: Path) -> Keys:
        """Put a new secret before the others, which go on verifying and decrypting; the file is replaced as a whole (mode and owner as before).

        Raises KeyTrouble: the file is not fit to be read, or cannot be replaced; it is then as it was.
        """
        path = path.resolve()
        cls._read(path)
        fresh = path.with_name(f"{path.name}.new")
        try:
            _write_before(path, fresh, base64.b64encode(new_secret()))
        except FileExistsError:
            raise KeyTrouble(f"{fresh} is there: another rotation is under way, or was broken off. If none is running, delete it and try again.") from None
        except OSError as fault:
            fresh.unlink(missing_ok=True)
            raise KeyTrouble(f"The key file {path} was not replaced and is as it was: {fault}.") from None
        return cls.load(path)

    def _learned(self) -> bool:
        """Whether the key file has become another since it was read; its secrets are then the ones in use."""
        if self._path is None:
            return False
        try:
            if _stamp(self._path.stat()) == self._stamp:
                return False
            secrets, stamp = self._read(self._path)
        except (OSError, KeyTrouble):
            return False  # what is in use goes on working
        self._derived, self._stamp = _derived(secrets), stamp
        return True

    def sign(self, purpose: str, text: str) -> str:
        """The 128-bit MAC of `text` for one purpose: 26 characters, lower case."""
        return _mac(self._derived[purpose][0], text)

    def verify(self, purpose: str, text: str, mac: str, length: int = MAC_LENGTH) -> bool:
        """Whether one of our keys made this MAC, of which `length` characters are kept; compared in constant time."""
        return self._made(purpose, text, mac, length) or (self._learned() and self._made(purpose, text, mac, length))

    def _made(self, purpose: str, text: str, mac: str, length: int) -> bool:
        return any(hmac.compare_digest(_mac(key, text)[:length].encode(), mac.encode("utf-8", "replace")) for key in self._derived[purpose])

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

    def bounce_tag(self, outbox_id: str) -> str:
        """The plus-tag of the address that reports about one mail come back to: `b.id.mac`, lower case."""
        return f"b.{outbox_id}.{self.sign('bounce-address', outbox_id)[:BOUNCE_MAC_LENGTH]}"

    def verified_bounce_tag(self, tag: str) -> str:
        """The outbox id inside a bounce tag that we signed, or ''."""
        kind, _, rest = tag.strip().lower().partition(".")
        outbox_id, _, mac = rest.rpartition(".")
        signed = kind == "b" and outbox_id and self.verify("bounce-address", outbox_id, mac, BOUNCE_MAC_LENGTH)
        return outbox_id if signed else ""

    def agent_tag(self, outbox_id: str) -> str:
        """The plus-tag of the address for answers to a mail to one of our people: `a.id.mac`, lower case. The mail names person, item and age."""
        return f"a.{outbox_id}.{self.sign('agent-address', outbox_id)[:BOUNCE_MAC_LENGTH]}"

    def verified_agent_tag(self, tag: str) -> str:
        """The outbox id inside such a tag that we signed, or ''."""
        kind, _, rest = tag.strip().lower().partition(".")
        outbox_id, _, mac = rest.rpartition(".")
        signed = kind == "a" and outbox_id and self.verify("agent-address", outbox_id, mac, BOUNCE_MAC_LENGTH)
        return outbox_id if signed else ""

    def link_token(self, link_id: str) -> str:
        """What stands in the URL of a link in a mail: `id.mac`."""
        return f"{link_id}.{self.sign('mail-link', link_id)}"

    def verified_link(self, token: str) -> str:
        """The id of the link that we signed, or ''."""
        link_id, _, mac = token.strip().rpartition(".")
        return link_id if link_id and len(mac) == MAC_LENGTH and self.verify("mail-link", link_id, mac) else ""

    def encrypt(self, text: str) -> str:
        """A secret for storage, encrypted with the newest key (Fernet)."""
        return self._fernet().encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """The secret again. Raises KeyTrouble if none of our keys made it."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet().decrypt(token.encode()).decode()
        except InvalidToken:
            if self._learned():
                return self.decrypt(token)
            raise KeyTrouble("A stored secret was encrypted with a key that is not in the key file; add that key or enter the secret again.") from None

    def renewed(self, token: str) -> str:
        """The same secret, encrypted with the newest key. Raises KeyTrouble if none of our keys made it."""
        return self.encrypt(self.decrypt(token))

    def _fernet(self) -> MultiFernet:
        # cryptography is imported only when a secret is stored
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in self._derived["at-rest"]])


def _derived(secrets: tuple[bytes, ...]) -> dict[str, tuple[bytes, ...]]:
    return {purpose: tuple(_derive(secret, purpose) for secret in secrets) for purpose in PURPOSES}


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def _write_before(path: Path, fresh: Path, line: bytes) -> None:
    """A new line before those of a file, durable before it takes the file's place. Raises FileExistsError and OSError."""
    was = path.stat()
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        if (was.st_uid, was.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(file.fileno(), was.st_uid, was.st_gid)
        file.write(line + b"\n" + path.read_bytes())
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _mac(key: bytes, text: str) -> str:
    digest = hmac.digest(key, text.encode("utf-8", "replace"), sha256)[:MAC_BYTES]
    return base64.b32encode(digest).decode("ascii").rstrip("=").lower()
