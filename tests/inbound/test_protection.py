"""Signed and encrypted mail: said, kept byte by byte, and readable where it can be read without a key."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from core.mail import Mail
from gateway.inbound.attachments import Contents
from gateway.inbound.cms import cms_kind, signed_content
from gateway.inbound.parse import parse
from gateway.inbound.protection import signed_entity
from tests.inbound.mails import HEAD, TEXT, multipart, part, typed

ENTITY = multipart(
    b"mixed", part(b"text/plain; charset=utf-8", "signed words, grüße \r\n".encode()), part(b"application/pdf; name=a.pdf", b"%PDF-1.7 x"), boundary=b"inner"
)[len(HEAD) :]
"""What is signed: a part with its header, blanks at a line end, no line end behind it that is not its own."""


@pytest.fixture(scope="module")
def signer() -> pkcs7.PKCS7SignatureBuilder:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ann@x.org")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    now = datetime(2026, 3, 2, tzinfo=UTC)
    certificate = made.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    return pkcs7.PKCS7SignatureBuilder().set_data(ENTITY).add_signer(certificate, key, hashes.SHA256())


def coded(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def opaque(data: bytes, kind: bytes = b"; smime-type=signed-data") -> bytes:
    return typed(b"application/pkcs7-mime; name=smime.p7m" + kind, coded(data), b"base64")


def test_a_signed_mail_keeps_what_was_signed(signer: pkcs7.PKCS7SignatureBuilder) -> None:
    """The signed part can be had byte by byte, with the signature; both its words and its file are read."""
    signature = signer.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary])
    raw = multipart(
        b"signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256",
        ENTITY,
        part(b"application/pkcs7-signature; name=smime.p7s", coded(signature), b"Content-Transfer-Encoding: base64"),
    )
    found = parse(raw)
    assert found.protection == ("smime_signed",)
    assert found.text.startswith("signed words, grüße")
    assert [one.name for one in found.attachments] == ["a.pdf", "smime.p7s"]
    assert signed_entity(raw) == (ENTITY, signature)


def test_an_opaque_signature_is_opened(signer: pkcs7.PKCS7SignatureBuilder) -> None:
    """The mail inside the signature is the mail: its text, its files with their bytes; the whole stays an attachment."""
    raw = opaque(signer.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary]))
    found = parse(raw)
    assert found.protection == ("smime_signed",)
    assert found.text.startswith("signed words, grüße")
    assert [(one.name, one.within) for one in found.attachments] == [("smime.p7m", ""), ("a.pdf", "cms:2")]
    assert Contents.in_mail(raw).of(found.attachments[1]) == b"%PDF-1.7 x"


def ber(tag: int, *content: bytes) -> bytes:
    """Indefinite length, as old programs write it."""
    return bytes([tag, 0x80]) + b"".join(content) + b"\0\0"


def der(tag: int, content: bytes) -> bytes:
    length = len(content)
    return bytes([tag]) + (bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2, "big")) + content


SIGNED_OID = der(0x06, bytes.fromhex("2a864886f70d010702"))
DATA_OID = der(0x06, bytes.fromhex("2a864886f70d010701"))
ENVELOPED_OID = der(0x06, bytes.fromhex("2a864886f70d010703"))


def test_indefinite_lengths() -> None:
    """Content in pieces with lengths that are told at the end."""
    octets = ber(0x24, der(0x04, ENTITY[:50]), der(0x04, ENTITY[50:]))
    message = ber(0x30, SIGNED_OID, ber(0xA0, ber(0x30, b"\x02\x01\x01", der(0x31, b""), ber(0x30, DATA_OID, ber(0xA0, octets)))))
    assert signed_content(message) == ENTITY
    assert parse(opaque(message)).text.startswith("signed words")


def test_a_signature_that_cannot_be_opened() -> None:
    """The mail says where its content is."""
    found = parse(opaque(der(0x30, SIGNED_OID + b"garbage")))
    assert found.protection == ("smime_signed",)
    assert [one.name for one in found.attachments] == ["smime.p7m"]
    assert any("in the attachment" in defect for defect in found.defects)


ENCRYPTED: dict[str, tuple[bytes, str]] = {
    "S/MIME": (opaque(der(0x30, ENVELOPED_OID + b"x"), b""), "smime_encrypted"),
    "S/MIME by its parameter": (opaque(b"x", b"; smime-type=enveloped-data"), "smime_encrypted"),
    "S/MIME by its name": (multipart(b"mixed", TEXT, part(b"application/octet-stream; name=smime.p7m", der(0x30, ENVELOPED_OID))), "smime_encrypted"),
    "PGP/MIME": (
        multipart(
            b'encrypted; protocol="application/pgp-encrypted"',
            part(b"application/pgp-encrypted", b"Version: 1"),
            part(b"application/octet-stream", b"-----BEGIN PGP MESSAGE-----"),
        ),
        "pgp_encrypted",
    ),
    "PGP inline": (typed(b"text/plain", b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQ==\r\n-----END PGP MESSAGE-----\r\n"), "pgp_encrypted"),
}


@pytest.mark.parametrize("name", ENCRYPTED)
def test_encrypted_mail_says_so(name: str) -> None:
    """What it is, that it is kept, and the part itself."""
    raw, word = ENCRYPTED[name]
    found: Mail = parse(raw)
    assert found.protection == (word,)
    assert any("cannot be read here" in defect for defect in found.defects)
    assert found.attachments or "BEGIN PGP" in found.text
    assert not found.partial


def test_pgp_signatures() -> None:
    """PGP/MIME and inline."""
    raw = multipart(b"signed; protocol=\"application/pgp-signature\"", TEXT, part(b"application/pgp-signature; name=signature.asc", b"-----BEGIN PGP SIGNATURE-----"))
    found = parse(raw)
    assert (found.protection, [one.name for one in found.attachments]) == (("pgp_signed",), ["signature.asc"])
    assert signed_entity(raw) == (TEXT, b"-----BEGIN PGP SIGNATURE-----")
    assert parse(typed(b"text/plain", b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nhello\r\n")).protection == ("pgp_signed",)
    assert parse(multipart(b"mixed", TEXT)).protection == ()
    assert signed_entity(multipart(b"mixed", TEXT)) is None


def test_certificates_alone_are_no_signature() -> None:
    """A part that only hands over certificates signs nothing."""
    assert parse(opaque(der(0x30, SIGNED_OID), b"; smime-type=certs-only")).protection == ()


@given(st.binary(max_size=300), st.integers(0, 200))
def test_garbage_never_raises(data: bytes, cut: int) -> None:
    """Whatever stands there, also nested without end."""
    message = ber(0x30, SIGNED_OID, ber(0xA0, ber(0x30, b"\x02\x01\x01", der(0x31, b""), ber(0x30, DATA_OID, ber(0xA0, data)))))
    for one in (data, message[:cut], message, b"\x30\x80" * 5_000, SIGNED_OID + b"\x24\x80" * 5_000):
        signed_content(one)
        cms_kind(one)


def test_pieces_that_reach_beyond_what_they_stand_in() -> None:
    """A hundred thousand pieces that each say that they are all of the rest give no octet twice: nothing is multiplied."""
    head = bytes.fromhex("308006092a864886f70d010702a0803080020101310030800609") + bytes.fromhex("2a864886f70d010701a0802480")
    for piece in (bytes.fromhex("240604847fffffff"), bytes.fromhex("2402248004847fffffff0000")):
        data = head + piece * 100_000 + b"\0\0"
        content = signed_content(data)
        assert content is None or len(content) <= len(data)
