"""Agents by mail, 4: a signature by a registered key shows whose mail it is; anything else about a signature shows nothing."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ed25519, rsa

from core.by_mail import ByMail
from core.mail import Mail
from core.setup import Role, Setup, User
from gateway.inbound.cms_signers import Signer, made_with, signers
from gateway.inbound.parse import parse
from gateway.inbound.signed_by import SignedBy, signed_by, signer
from gateway.inbound.signing_key import KeyKind, SigningKeyTrouble, described, keys_of, read_key
from tests.by_mail.signing import WORDS, around, certificate, cms, head, multipart, opaque, pem, private_key

ANN = "ann@demo.example"
BOB = "bob@demo.example"


def now() -> datetime:
    """The real moment: the libraries that sign know no other."""
    return datetime.now(UTC).replace(microsecond=0)


def setup_with(*keys: str, others: tuple[str, ...] = ()) -> Setup:
    """Ann with these keys, Bob with others."""
    return Setup(
        users=(
            User("u-1", ANN, "Ann", Role.AGENT, by_mail=ByMail(signing_keys=keys)),
            User("u-2", BOB, "Bob", Role.AGENT, by_mail=ByMail(signing_keys=others)),
        )
    )


def judged(raw: bytes, setup: Setup, **more: Any) -> SignedBy | None:
    return signed_by(raw, parse(raw), setup, **more)


@pytest.fixture(scope="module")
def anns() -> tuple[Any, Any]:
    """Ann's certificate and its private key."""
    key = private_key("rsa-ann")
    return certificate(key, *around(now())), key


@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("detached", [True, False], ids=["detached", "opaque"])
def test_a_good_signature(kind: str, detached: bool) -> None:
    """RSA and ECDSA, detached and opaque: it is Ann's, with the key, the moment, and one fingerprint for the same signed words."""
    key = private_key(kind)
    one = certificate(key, *around(now()))
    blob = cms(WORDS, one, key, detached=detached)
    raw = multipart(head(now()), WORDS, blob) if detached else opaque(head(now()), blob)
    mail = parse(raw)
    found = signed_by(raw, mail, setup_with(pem(one)), received_at=now())
    assert found is not None and (found.person, signer(raw, mail, setup_with(pem(one)))) == (ANN, ANN)
    assert found.key == one.fingerprint(hashes.SHA256()).hex() and abs(found.signed_at - now()) < timedelta(minutes=1)
    assert mail.new_text.startswith("Hello Carl"), "and what is read is what was signed"


@pytest.mark.parametrize(("pss", "digest"), [(True, hashes.SHA256()), (False, hashes.SHA384()), (False, hashes.SHA512())], ids=["pss", "sha384", "sha512"])
def test_other_schemes(anns: tuple[Any, Any], pss: bool, digest: Any) -> None:
    """RSASSA-PSS, and the larger digests."""
    one, key = anns
    assert judged(multipart(head(now()), WORDS, cms(WORDS, one, key, pss=pss, digest=digest)), setup_with(pem(one)))


@pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed")
def test_what_openssl_signs(tmp_path: Path) -> None:
    """Made by another program: `openssl smime` detached and opaque, `cms` with curves and with indefinite lengths; SHA-1 proves nothing."""
    (tmp_path / "words").write_bytes(WORDS)
    for algorithm, made, good in (
        ("rsa:2048", ["smime", "-sign", "-binary"], True),
        ("rsa:2048", ["smime", "-sign", "-binary", "-nodetach"], True),
        ("rsa:2048", ["cms", "-sign", "-binary", "-stream", "-keyid"], True),
        ("ec", ["cms", "-sign", "-binary", "-md", "sha384"], True),
        ("rsa:2048", ["cms", "-sign", "-binary", "-md", "sha1"], False),
        ("rsa:2048", ["cms", "-sign", "-binary", "-noattr"], False),
    ):
        files = ["-keyout", "key.pem", "-out", "cert.pem"]
        names = ["-subj", "/CN=Ann", "-addext", f"subjectAltName=email:{ANN}", "-days", "30"]
        curve = ["-pkeyopt", "ec_paramgen_curve:prime256v1"] if algorithm == "ec" else []
        subprocess.run(["openssl", "req", "-x509", "-newkey", algorithm, *curve, "-nodes", *files, *names], cwd=tmp_path, check=True, capture_output=True)
        sign = ["openssl", *made, "-in", "words", "-signer", "cert.pem", "-inkey", "key.pem", "-outform", "SMIME"]
        body = subprocess.run(sign, cwd=tmp_path, check=True, capture_output=True).stdout
        top = head(now()).replace(b"MIME-Version: 1.0\r\n", b"")
        found = judged(top + body, setup_with((tmp_path / "cert.pem").read_text("ascii")))
        assert (found is not None) is good, made


def test_ed25519() -> None:
    """RFC 8419: the signature is over the attributes themselves."""
    key = ed25519.Ed25519PrivateKey.generate()
    made = Signer(b"attributes", bytes.fromhex("2b6570"), "sha512", key.sign(b"attributes"), now())
    assert made_with(made, key.public_key())
    assert not made_with(replace(made, attributes=b"others"), key.public_key()) and not made_with(made, private_key("rsa").public_key())


# ---------------------------------------------------------------- what proves nothing


def test_tampered(anns: tuple[Any, Any]) -> None:
    """One letter of the words, of the signed attributes or of the signature, and it is nobody's."""
    one, key = anns
    blob = cms(WORDS, one, key)
    setup = setup_with(pem(one))
    assert judged(multipart(head(now()), WORDS, blob), setup)
    assert judged(multipart(head(now()), WORDS.replace(b"on its way", b"on its  way"), blob), setup) is None
    (found,) = signers(blob, WORDS)
    assert signers(blob, WORDS + b"x") == ()
    for piece in (found.attributes[-20:], found.signature[:20]):
        at = blob.index(piece)
        assert judged(multipart(head(now()), WORDS, blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]), setup) is None


def test_another_key(anns: tuple[Any, Any]) -> None:
    """A certificate in Ann's name that is not registered, a key that is Bob's, an old one of hers that was removed: nothing, whatever the mail brings along."""
    one, key = anns
    other = private_key("rsa-other")
    forged = certificate(other, *around(now()))
    raw = multipart(head(now()), WORDS, cms(WORDS, forged, other))
    assert judged(raw, setup_with(pem(one))) is None
    assert judged(raw, setup_with(others=(pem(forged),))) is None
    assert judged(raw, setup_with(pem(one), pem(forged))), "and once it is registered it counts"
    both = multipart(head(now()), WORDS, cms(WORDS, one, key, extra=((forged, other),)))
    assert judged(both, setup_with(pem(one))), "signed by two: one known key is enough"


def test_from_somebody_else(anns: tuple[Any, Any]) -> None:
    """From decides whose keys are tried: Ann's signed mail sent on in Bob's name, a stranger's or several, is nobody's."""
    one, key = anns
    raw = multipart(head(now()), WORDS, cms(WORDS, one, key))
    setup = setup_with(pem(one))
    for author in (b"Bob <bob@demo.example>", b"Ann <ann@demo.example.evil.example>", b"ann@demo.example, bob@demo.example"):
        assert judged(raw.replace(b"Ann Agent <ann@demo.example>", author), setup) is None
    gone = replace(setup, users=tuple(replace(user, active=False) for user in setup.users))
    assert judged(raw, gone) is None, "nor is that of a person who left"


@pytest.mark.parametrize("days", [(-60, -30), (30, 60)], ids=["expired", "not yet"])
def test_out_of_its_time(days: tuple[int, int]) -> None:
    """A certificate that is over, or has not begun."""
    key = private_key("rsa-ann")
    one = certificate(key, now() + timedelta(days=days[0]), now() + timedelta(days=days[1]))
    assert judged(multipart(head(now()), WORDS, cms(WORDS, one, key)), setup_with(pem(one))) is None


def test_more_than_was_signed(anns: tuple[Any, Any]) -> None:
    """Parts put beside the signed one, around it or instead of it, an ending that was cut, text before and after that nobody reads: only the whole counts."""
    one, key = anns
    blob, setup = cms(WORDS, one, key), setup_with(pem(one))
    beside = b"\r\n--b1\r\nContent-Type: text/plain\r\n\r\n#resolve\r\n"
    assert judged(multipart(head(now()), WORDS, blob, more=beside), setup) is None
    signed = multipart(b"", WORDS, blob)
    around_it = b'Content-Type: multipart/mixed; boundary="b2"\r\n\r\n--b2\r\nContent-Type: text/plain\r\n\r\n#resolve\r\n--b2\r\n' + signed + b"\r\n--b2--\r\n"
    assert judged(head(now()) + around_it, setup) is None
    attached = b"--b1\r\nContent-Type: text/plain\r\n\r\n#resolve\r\n--b1\r\nContent-Type: message/rfc822\r\n\r\n" + head(now()) + signed + b"\r\n--b1--\r\n"
    assert judged(head(now()) + b'Content-Type: multipart/signed; boundary="b1"\r\n\r\n' + attached, setup) is None
    cut = multipart(head(now()), WORDS, blob)
    assert judged(cut[: cut.rindex(b"\r\n--b1--")].replace(b'boundary="b1"', b'boundary="b9"'), setup) is None
    whole = multipart(head(now()), WORDS, blob).replace(b"This is signed.", b"#resolve")
    assert judged(whole, setup) and "#resolve" not in parse(whole).text, "what stands between the parts is read by nobody"


def test_signed_at_another_time(anns: tuple[Any, Any]) -> None:
    """Replay: a Date or a receipt more than a day from the signing, and the same signed words in another header have the same fingerprint."""
    one, key = anns
    blob, setup = cms(WORDS, one, key), setup_with(pem(one))
    raw = multipart(head(now()), WORDS, blob)
    assert judged(raw, setup, received_at=now() + timedelta(hours=23))
    assert judged(raw, setup, received_at=now() + timedelta(hours=25)) is None
    assert judged(multipart(head(now() - timedelta(days=2)), WORDS, blob), setup) is None
    again = raw.replace(b"support+a.1@", b"support+a.2@").replace(b"<reply@", b"<another@")
    first, second = judged(raw, setup), judged(again, setup)
    assert first is not None and second is not None and first.fingerprint == second.fingerprint
    other = multipart(head(now()), WORDS + b"More.\r\n", cms(WORDS + b"More.\r\n", one, key))
    third = judged(other, setup)
    assert third is not None and third.fingerprint != first.fingerprint


def test_the_header_is_not_signed(anns: tuple[Any, Any]) -> None:
    """A command in a subject that nobody signed makes the signature worth nothing; fields that the signed part repeats must agree, and then it counts."""
    one, key = anns
    setup = setup_with(pem(one))
    top = head(now(), "#resolve")
    for subject in ("#resolve", "Re: Printer #resolve", "Re: Printer - # wait 3d", "=?utf-8?q?=EF=BC=83resolve?="):
        assert judged(multipart(head(now(), subject), WORDS, cms(WORDS, one, key)), setup) is None, subject
    assert judged(multipart(head(now(), "Re: order #4711"), WORDS, cms(WORDS, one, key)), setup), "a number is no command"
    repeated = b"Subject: #resolve\r\nTo: support+a.1@demo.example\r\n" + WORDS
    assert judged(multipart(top, repeated, cms(repeated, one, key)), setup)
    assert judged(multipart(head(now(), "Re: Printer"), repeated, cms(repeated, one, key)), setup) is None
    elsewhere = multipart(top.replace(b"support+a.1@", b"support+a.2@"), repeated, cms(repeated, one, key))
    assert judged(elsewhere, setup) is None


def test_bare_line_feeds(anns: tuple[Any, Any]) -> None:
    """A mail out of a Maildir ends its lines otherwise than it was signed; that is no tampering."""
    one, key = anns
    raw = multipart(head(now()), WORDS, cms(WORDS, one, key)).replace(b"\r\n", b"\n")
    assert judged(raw, setup_with(pem(one)))


def test_hostile_bytes_raise_nothing(anns: tuple[Any, Any]) -> None:
    """Any cut and many a flipped octet of a signature: read or not, never an error, and never good where the signature itself changed."""
    one, key = anns
    blob, setup = cms(WORDS, one, key, detached=False), setup_with(pem(one))
    for at in range(0, len(blob), 29):
        judged(opaque(head(now()), blob[:at]), setup)
        judged(opaque(head(now()), blob[:at] + bytes([blob[at] ^ 0x55]) + blob[at + 1 :]), setup)
    for junk in (b"", b"0", b"0\x80", b"0\x84\xff\xff\xff\xff", b"0\x80" * 5_000):
        assert judged(multipart(head(now()), WORDS, junk), setup) is None
    assert signed_by(b"", Mail(), setup) is None


def test_nobody_registered_nothing_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Customers and people without a key cost nothing: their mail is not taken apart again."""
    monkeypatch.setattr("gateway.inbound.signed_by.scan", lambda *_: pytest.fail("it was read"))
    key = private_key("rsa-ann")
    raw = multipart(head(now()), WORDS, cms(WORDS, certificate(key, *around(now())), key))
    assert judged(raw, setup_with()) is None and judged(raw.replace(b"ann@demo", b"carl@acme"), setup_with()) is None


# ---------------------------------------------------------------- OpenPGP


@pytest.fixture(scope="module")
def pgp() -> Any:
    """Ann's OpenPGP key."""
    sequoia = pytest.importorskip("pysequoia", reason="the extra “pgp” is not installed")
    return sequoia.Tsk.generate("Ann Agent <ann@demo.example>")


def pgp_signed(content: bytes, key: Any) -> bytes:
    from pysequoia import SignatureMode, sign

    return bytes(sign(key.signer(), content, mode=SignatureMode.DETACHED))


def armoured(key: Any) -> str:
    return read_key(str(key.extract_certificate()).encode()).armour


def test_an_openpgp_signature(pgp: Any) -> None:
    """PGP/MIME by a registered key is Ann's; tampered, by another key, beside other parts, too late or a broken block it is nobody's."""
    from pysequoia import Tsk

    setup = setup_with(armoured(pgp))
    signature = pgp_signed(WORDS, pgp)
    raw = multipart(head(now()), WORDS, signature, pgp=True)
    found = judged(raw, setup, received_at=now())
    assert found is not None and found.person == ANN and found.key == str(pgp.extract_certificate().fingerprint).lower()
    assert judged(raw.replace(b"on its way", b"on our way"), setup) is None
    assert judged(raw, setup, received_at=now() + timedelta(days=2)) is None
    assert judged(multipart(head(now()), WORDS, signature, pgp=True, more=b"\r\n--b1\r\n\r\n#resolve\r\n"), setup) is None
    other = Tsk.generate("Ann Agent <ann@demo.example>")
    assert judged(multipart(head(now()), WORDS, pgp_signed(WORDS, other), pgp=True), setup) is None
    for junk in (b"", b"x" * 70_000, b"-----BEGIN PGP SIGNATURE-----\r\n\r\nxx\r\n-----END PGP SIGNATURE-----\r\n", signature[: len(signature) // 2]):
        assert judged(multipart(head(now()), WORDS, junk, pgp=True), setup) is None


@pytest.mark.skipif(which("gpg") is None, reason="gpg is not installed")
def test_what_gnupg_signs(tmp_path: Path) -> None:
    """Made by another program: `gpg --detach-sign`, with its default key."""
    pytest.importorskip("pysequoia", reason="the extra “pgp” is not installed")
    (tmp_path / "home").mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(tmp_path / "home"), "--batch", "--pinentry-mode", "loopback", "--passphrase", ""]
    subprocess.run([*gpg, "--quick-gen-key", f"Ann <{ANN}>", "ed25519", "sign", "1y"], check=True, capture_output=True)
    public = subprocess.run([*gpg, "--armor", "--export", ANN], check=True, capture_output=True).stdout
    signature = subprocess.run([*gpg, "--armor", "--detach-sign"], input=WORDS, check=True, capture_output=True).stdout
    subprocess.run(["gpgconf", "--homedir", str(tmp_path / "home"), "--kill", "all"], check=False, capture_output=True)
    key = read_key(public)
    assert key.valid_until is not None and key.kind is KeyKind.PGP
    assert judged(multipart(head(now()), WORDS, signature, pgp=True), setup_with(key.armour))


def test_without_the_library(pgp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is not installed an OpenPGP key is refused with a sentence, and one that is kept proves nothing."""
    armour = armoured(pgp)
    monkeypatch.setitem(__import__("sys").modules, "pysequoia", None)
    with pytest.raises(SigningKeyTrouble, match="extra “pgp”"):
        read_key(armour.encode())
    assert keys_of((armour + "\n",)) == () and described(armour + "\n", ANN, now())["warnings"] != []


# ---------------------------------------------------------------- keys


def test_keys_that_are_not_taken(anns: tuple[Any, Any], pgp: Any) -> None:
    """Private keys of every kind, several certificates, weak or foreign algorithms, a certificate for something else, and what is no key at all."""
    one, key = anns
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    weak, odd = rsa.generate_private_key(65537, 1024), dsa.generate_private_key(1024)
    for content, said in (
        (key.private_bytes(*form) + pem(one).encode(), "private key"),
        (str(pgp).encode(), "private key"),
        (bytes(pgp), "private key"),
        (pem(one).encode() * 2, "several certificates"),
        (pem(certificate(weak, *around(now()))).encode(), "2048"),
        (pem(certificate(odd, *around(now()))).encode(), "2048"),
        (pem(certificate(key, *around(now()), signs=False)).encode(), "not for signing"),
        (b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n", "no certificate"),
        (b"hello", "neither"),
        (b"", "neither"),
        (b"x" * 200_000, "larger"),
    ):
        with pytest.raises(SigningKeyTrouble, match=said):
            read_key(content)


def test_what_is_shown_of_a_key(anns: tuple[Any, Any]) -> None:
    """Fingerprint, names and validity, from PEM and DER alike; a certificate for another address or out of its time is taken with a warning."""
    one, key = anns
    found = read_key(one.public_bytes(serialization.Encoding.DER))
    assert found == read_key(pem(one).encode()) or found.fingerprint == read_key(pem(one).encode()).fingerprint
    shown = described(found.armour, ANN, now())
    assert (shown["kind"], shown["names"], shown["warnings"]) == ("smime", [ANN], [])
    assert "issued for ann@demo.example" in described(found.armour, BOB, now())["warnings"][0]
    assert "not in force" in described(found.armour, ANN, now() + timedelta(days=90))["warnings"][0]
