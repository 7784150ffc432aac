"""People's keys and signed mails for tests: made here, with `cryptography` and Sequoia, never kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7


@cache
def private_key(kind: str, number: int = 0) -> Any:
    """A private key; the same name is the same key for the whole run."""
    return rsa.generate_private_key(65537, 2048) if kind.startswith("rsa") else ec.generate_private_key(ec.SECP256R1())


def certificate(key: Any, begins: datetime, ends: datetime, address: str = "ann@demo.example", *, signs: bool = True) -> x509.Certificate:
    """A certificate of its own for that address."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Ann Agent")])
    usage = x509.KeyUsage(signs, False, not signs, False, False, False, False, False, False)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    builder = builder.not_valid_before(begins).not_valid_after(ends).add_extension(usage, critical=True)
    return builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(address)]), critical=False).sign(key, hashes.SHA256())


def pem(one: x509.Certificate) -> str:
    """As it is registered."""
    return one.public_bytes(serialization.Encoding.PEM).decode("ascii").strip()


def around(moment: datetime) -> tuple[datetime, datetime]:
    """A month before and after."""
    return moment - timedelta(days=30), moment + timedelta(days=30)


HEAD = (
    "From: Ann Agent <ann@demo.example>\r\nTo: support+a.1@demo.example\r\nSubject: {subject}\r\n"
    "Message-ID: <reply@demo.example>\r\nDate: {date}\r\nMIME-Version: 1.0\r\n"
)
WORDS = "Content-Type: text/plain; charset=utf-8\r\n\r\nHello Carl, it is on its way – ici.\r\n".encode()


def head(date: datetime, subject: str = "Re: Printer") -> bytes:
    """The header that nobody signs."""
    return HEAD.format(subject=subject, date=date.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")).encode()


def multipart(top: bytes, content: bytes, signature: bytes, *, pgp: bool = False, more: bytes = b"") -> bytes:
    """A multipart/signed mail; `more` are further parts that somebody put beside."""
    kind = b"application/pgp-signature" if pgp else b"application/pkcs7-signature"
    encoded = signature if pgp else _base64(signature)
    field = b"" if pgp else b"Content-Transfer-Encoding: base64\r\n"
    return b"".join(
        [
            top,
            b'Content-Type: multipart/signed; protocol="' + kind + b'"; micalg=sha-256; boundary="b1"\r\n\r\nThis is signed.\r\n--b1\r\n',
            content,
            b"\r\n--b1\r\nContent-Type: " + kind + b"; name=signature\r\n" + field + b"\r\n" + encoded,
            more,
            b"\r\n--b1--\r\n",
        ]
    )


def opaque(top: bytes, cms: bytes) -> bytes:
    """The same as one part."""
    fields = b'Content-Type: application/pkcs7-mime; smime-type=signed-data; name="smime.p7m"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    return top + fields + _base64(cms) + b"\r\n"


def cms(content: bytes, one: x509.Certificate, key: Any, *, detached: bool = True, pss: bool = False, digest: Any = None, extra: Any = ()) -> bytes:
    """A SignedData by the certificate; `extra` are further (certificate, key) that sign as well."""
    from cryptography.hazmat.primitives.asymmetric import padding

    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH) if pss else None
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    for certificate_, key_ in (*extra, (one, key)):
        builder = builder.add_signer(certificate_, key_, digest or hashes.SHA256(), rsa_padding=scheme)
    options = [pkcs7.PKCS7Options.Binary, *([pkcs7.PKCS7Options.DetachedSignature] if detached else [])]
    return builder.sign(serialization.Encoding.DER, options)


def _base64(octets: bytes) -> bytes:
    from base64 import encodebytes

    return encodebytes(octets).replace(b"\n", b"\r\n")
