"""Whether a mail was signed by a key that is registered for its author: S/MIME (RFC 8551) and OpenPGP/MIME (RFC 3156); what a proof is worth is `core/agent_trust.py`.

What is accepted, and why. The whole body is what was signed, and what is read is exactly what was signed: the signature stands at the top, nothing
is mended, nothing beside it. The header is not signed. So From names whose keys are tried; fields that the signed part repeats must agree
with the header; a subject with commands that is not repeated there makes the signature worth nothing; and as nothing ties a signed body
to the mail it answers, the moment of signing must be within a day of the mail's Date and its receipt, and `SignedBy.fingerprint` tells a
second use. Chains, certificates brought along and revocation lists are not looked at: the keys that are registered count, and no others.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.mail import Mail
from core.setup import Setup
from gateway.inbound.budget import DEFAULT
from gateway.inbound.cms import signed_content
from gateway.inbound.cms_signers import made_with, signers
from gateway.inbound.parse import header_only, lone_cr_mended
from gateway.inbound.protection import is_opaque
from gateway.inbound.signing_key import KeyKind, SigningKey, keys_of
from gateway.inbound.structure import Part, scan
from gateway.inbound.transfer import decode_octets

MOST_APART = timedelta(days=1)
"""How far the moment of signing may be from the mail's Date and from its receipt: what was signed long ago may be meant for another."""
LARGEST_SIGNATURE = 200_000
"""Encoded bytes of a detached signature, with the certificates it brings."""

_SMIME = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
_PGP = "application/pgp-signature"
_COMMAND = re.compile(r"#\s?[^\W\d_]")


@dataclass(frozen=True, slots=True)
class SignedBy:
    """Who signed a mail: address key, which key of theirs, and when (aware UTC, as they claim).

    `fingerprint` (SHA-256, hex) is that of the words and the moment: whoever sends the same signed body a second time, in whatever header, has the same.
    """

    person: str
    key: str
    signed_at: datetime
    fingerprint: str


@dataclass(frozen=True, slots=True)
class _Signed:
    """What was signed, octet by octet, and what signs it. Opaque: the content stands inside the signature."""

    kind: KeyKind
    content: bytes
    signature: bytes


def signer(raw: bytes, mail: Mail, setup: Setup, *, received_at: datetime | None = None) -> str:
    """Address key of the user whose registered key signed the mail, '' where there is none. `mail` is `raw` as it was parsed."""
    found = signed_by(raw, mail, setup, received_at=received_at)
    return found.person if found is not None else ""


def signed_by(raw: bytes, mail: Mail, setup: Setup, *, received_at: datetime | None = None) -> SignedBy | None:
    """The signature of the mail's author, if it holds for all that is read of the body; None for everything else. Never raises on content.

    `received_at` aware; without it only the mail's own Date is compared. Only a person with a registered key costs anything.
    """
    author = mail.author
    user = setup.user_of.get(author.key) if author is not None and len(mail.from_) == 1 else None
    keys = keys_of(user.by_mail.signing_keys) if user is not None else ()
    if user is None or author is None or not keys or mail.partial or not mail.protection:
        return None
    signed = _signed(lone_cr_mended(raw))
    if signed is None or not _agrees(signed.content, mail):
        return None
    for key, moment in _VERIFY[signed.kind](signed, [one for one in keys if one.kind is signed.kind]):
        near = [one for one in (mail.date, received_at) if one is not None]
        if key.holds_at(moment) and all(abs(one - moment) <= MOST_APART and key.holds_at(one) for one in near):
            words = hashlib.sha256(signed.content).hexdigest()
            fingerprint = hashlib.sha256(f"{author.key}\n{words}\n{moment.astimezone(UTC).isoformat()}".encode()).hexdigest()
            return SignedBy(author.key, key.fingerprint, moment, fingerprint)
    return None


def _signed(raw: bytes) -> _Signed | None:
    """The signed part where it is the whole body and the mail is built as its program built it."""
    tree = scan(raw, DEFAULT)
    if tree.defects or tree.excess:
        return None
    root = tree.root
    if root.content_type == "multipart/signed" and len(root.children) == 2:
        return _detached(raw, *root.children)
    if not root.children and is_opaque(root):
        octets = _decoded(raw, root)
        content = signed_content(octets)
        return _Signed(KeyKind.SMIME, content, octets) if content else None
    return None


def _detached(raw: bytes, content: Part, signature: Part) -> _Signed | None:
    if signature.end - signature.body > LARGEST_SIGNATURE:
        return None
    octets = _with_crlf(raw[content.start : content.end])
    if signature.content_type in _SMIME:
        return _Signed(KeyKind.SMIME, octets, _decoded(raw, signature))
    return _Signed(KeyKind.PGP, octets, _decoded(raw, signature)) if signature.content_type == _PGP else None


def _decoded(raw: bytes, part: Part) -> bytes:
    return decode_octets(raw[part.body : part.end], part.encoding)


def _with_crlf(octets: bytes) -> bytes:
    """The line ends that were signed (RFC 1847 section 2.1), also where a mailbox stored bare line feeds."""
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _agrees(content: bytes, mail: Mail) -> bool:
    """Whether the fields that the signed part repeats are those of the mail, and its subject asks for nothing unless it is repeated."""
    inner = header_only(content, "")
    repeated = {name.lower() for name, _ in inner.headers}
    same = {
        "from": [one.key for one in inner.from_] == [one.key for one in mail.from_],
        "to": {one.key for one in inner.to} == {one.key for one in mail.to},
        "cc": {one.key for one in inner.cc} == {one.key for one in mail.cc},
        "subject": inner.subject == mail.subject,
        "date": inner.date == mail.date,
        "message-id": inner.message_id == mail.message_id,
        "in-reply-to": inner.in_reply_to == mail.in_reply_to,
    }
    return all(holds for name, holds in same.items() if name in repeated) and ("subject" in repeated or not _asks(mail.subject))


def _asks(subject: str) -> bool:
    """Whether a subject may hold a command, wherever in it: what of it the mail that is answered said already is not known here."""
    return _COMMAND.search(unicodedata.normalize("NFKC", subject)) is not None


def _smime(signed: _Signed, keys: list[SigningKey]) -> Iterator[tuple[SigningKey, datetime]]:
    for one in signers(signed.signature, signed.content):
        yield from ((key, one.signed_at) for key in keys if made_with(one, key.key))


def _pgp(signed: _Signed, keys: list[SigningKey]) -> Iterator[tuple[SigningKey, datetime]]:
    if keys:
        from gateway.inbound.pgp import signed_at

        for key in keys:
            moment = signed_at(signed.content, signed.signature, [key.key])
            if moment is not None:
                yield key, moment


_VERIFY: dict[KeyKind, Callable[[_Signed, list[SigningKey]], Iterator[tuple[SigningKey, datetime]]]] = {KeyKind.SMIME: _smime, KeyKind.PGP: _pgp}
