"""Which parts of a mail are signed or encrypted (RFC 1847, 3156, 8551), and the signed bytes as they came; nothing is verified or decrypted here."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.inbound.budget import DEFAULT
from gateway.inbound.cms import cms_kind
from gateway.inbound.structure import Part, Tree, scan
from gateway.inbound.transfer import decode_octets

_SIGNATURES = {"application/pkcs7-signature": "smime_signed", "application/x-pkcs7-signature": "smime_signed", "application/pgp-signature": "pgp_signed"}
_OPAQUE = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SMIME_TYPES = {"signed-data": "smime_signed", "enveloped-data": "smime_encrypted", "authenveloped-data": "smime_encrypted"}
_BLOCKS = {"-----BEGIN PGP MESSAGE-----": "pgp_encrypted", "-----BEGIN PGP SIGNED MESSAGE-----": "pgp_signed"}
_ANY_BLOCK = "-----BEGIN PGP "
_BLOCK = re.compile(r"^-----BEGIN PGP (?:SIGNED )?MESSAGE-----", re.MULTILINE)
_HEAD = 400
"""Encoded octets that tell what kind of CMS message it is."""

SENTENCES = {
    "smime_encrypted": "The mail is encrypted (S/MIME) and cannot be read here; the encrypted part is kept and can be saved.",
    "pgp_encrypted": "The mail is encrypted (PGP) and cannot be read here; the encrypted part is kept and can be saved.",
}
"""What a person is told who finds no text."""
CLOSED = "The mail is signed in a form that could not be opened (S/MIME); its content is in the attachment."


def is_opaque(part: Part) -> bool:
    """An S/MIME message in one part, signed or encrypted."""
    if part.content_type in _OPAQUE:
        return part.parameters.get("smime-type", "").lower() != "certs-only"
    return part.content_type == "application/octet-stream" and _name(part).endswith(".p7m")


def protections(raw: bytes, tree: Tree, text: str) -> tuple[str, ...]:
    """The words of `Mail.protection`, each once, outermost first."""
    found = dict.fromkeys(word for part in _all(tree.root) if (word := _of_part(raw, part)))
    if _ANY_BLOCK in text:
        found.update(dict.fromkeys(_BLOCKS[line] for line in _BLOCK.findall(text)))
    return tuple(found)


def _of_part(raw: bytes, part: Part) -> str:
    if part.content_type == "multipart/signed":
        protocol = part.parameters.get("protocol", "").lower()
        return _SIGNATURES.get(protocol) or next((_SIGNATURES[child.content_type] for child in part.children if child.content_type in _SIGNATURES), "")
    if part.content_type == "multipart/encrypted":
        return "pgp_encrypted"
    return opaque_kind(raw, part) if is_opaque(part) else ""


def opaque_kind(raw: bytes, part: Part) -> str:
    """What its own octets say, else what its parameter says."""
    head = decode_octets(raw[part.body : min(part.end, part.body + _HEAD)], part.encoding)
    return cms_kind(head) or _SMIME_TYPES.get(part.parameters.get("smime-type", "").lower(), "")


def signed_entity(raw: bytes) -> tuple[bytes, bytes] | None:
    """(the signed part with its header, byte by byte as it came; the decoded signature) of the outermost multipart/signed, None without one.

    Lines end as they do in `raw`: a mail that came over SMTP has the CRLF that was signed.
    """
    for part in _all(scan(raw, DEFAULT).root):
        if part.content_type == "multipart/signed" and len(part.children) == 2:
            signed, signature = part.children
            return raw[signed.start : signed.end], decode_octets(raw[signature.body : signature.end], signature.encoding)
    return None


def _all(root: Part) -> Iterator[Part]:
    stack = [root]
    while stack:
        part = stack.pop()
        yield part
        stack.extend(reversed(part.children))


def _name(part: Part) -> str:
    return (part.disposition_parameters.get("filename") or part.parameters.get("name") or "").lower()
