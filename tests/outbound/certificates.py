"""A certificate authority and a server certificate for loopback, made once per run."""

from __future__ import annotations

import functools
import ipaddress
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@functools.cache
def made(kind: str = "good") -> tuple[Path, ssl.SSLContext]:
    """(the authority's certificate as a PEM file, a server context with a certificate of it for 127.0.0.1).

    `kind`: `good`, `expired`, `wrong name`, or `asks` for a server that wants a certificate of that authority from us; the authority's own
    (`ca.pem` with `key.pem` beside it) will do.
    """
    folder = Path(tempfile.mkdtemp(prefix="guichet-tls-"))
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "guichet test")])
    start = datetime.now(UTC) - timedelta(days=60 if kind == "expired" else 1)
    names: list[x509.GeneralName] = [x509.DNSName("other.example")] if kind == "wrong name" else [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    if kind == "asks":
        context.load_verify_locations(folder / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return folder / "ca.pem", context
