"""What the demo's people need to answer by mail: a certificate for the submission door and a small mail program; the rest of the demo is `demo.py`."""

from __future__ import annotations

import hashlib
import ipaddress
import os
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CERTIFICATE = "tls.pem"
PROGRAM = "answer.py"
VALID = timedelta(days=730)


def write_private(file: Path, content: bytes) -> None:
    """A file that nobody else can read at any moment. Raises OSError."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        handle.write(content)


def furnish(folder: Path, samples: Path, now: datetime) -> None:
    """The certificate with its key, and the program, where they are not there yet. Raises OSError."""
    if not (folder / CERTIFICATE).exists():
        write_private(folder / f"{CERTIFICATE}.part", certificate(now))
        (folder / f"{CERTIFICATE}.part").rename(folder / CERTIFICATE)
    if not (folder / PROGRAM).exists():
        (folder / PROGRAM).write_text((samples / PROGRAM).read_text("utf-8"), "utf-8")


def certificate(now: datetime) -> bytes:
    """A certificate for this machine alone, signed by itself, and its key, as PEM; `now` is aware."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Guichet demo on this machine")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(hashlib.sha256(public).digest()[:15], "big") + 1)  # mail programs refuse two certificates with one number
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    hidden = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(serialization.Encoding.PEM) + hidden
