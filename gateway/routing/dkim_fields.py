"""What the DKIM signatures of a mail cover (RFC 6376 section 3.5), as written: nothing is verified here, and a bogus one can only make us stricter."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache

from core.mail import Mail, domain_key

HEADER = "DKIM-Signature"
MOST = 10
"""Signatures of one mail that are looked at; who writes more has something to hide."""
MUST = frozenset({"from", "subject", "date"})
"""Fields that have to be signed: commands stand in the subject, and the date tells a new mail from an old one."""
ONCE = ("From", "Subject", "Date", "To", "Cc", "In-Reply-To", "References", "MIME-Version", "Content-Type", "Content-Transfer-Encoding")
"""Fields that stand once: a signature covers the lowest of several (section 5.4.2), and another one can be put above it; here the first counts."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature: whose, which fields (lower case) it covers, whether all of the text, and its bytes."""

    domain: str
    fields: frozenset[str]
    whole: bool
    value: bytes


def of_author(mail: Mail) -> tuple[Signature, ...]:
    """The signatures that may stand for the author's domain, those of its sister domains included."""
    author = mail.author.domain if mail.author is not None else ""
    return tuple(one for one in map(_read, mail.header_all(HEADER)[: MOST + 1]) if _organization(one.domain) == _organization(author))


def why_weak(mail: Mail) -> str:
    """Why they prove less than who wrote what, '' if they do not, or if there is none."""
    signed = of_author(mail)
    if len(signed) > MOST:
        return f"it has more than {MOST} DKIM signatures"
    for one in signed:
        if not one.whole:
            return f"the DKIM signature of {one.domain} covers a part of the text only (l=)"
        if MUST - one.fields:
            return f"the DKIM signature of {one.domain} leaves out {', '.join(sorted(MUST - one.fields))}"
    twice = next((name for name in ONCE if len(mail.header_all(name)) > 1), "") if signed else ""
    return f"it has {twice} more than once, and a DKIM signature covers only one of them" if twice else ""


def names_recipients(mail: Mail) -> bool:
    """Whether nobody can have changed To behind the signatures; without any there is nothing that could be sent on."""
    return all("to" in one.fields for one in of_author(mail))


@lru_cache(maxsize=64)
def _read(value: str) -> Signature:
    pairs = (piece.partition("=") for piece in value[:16_000].split(";"))
    tags = {name.strip().lower(): "".join(content.split()) for name, equals, content in pairs if equals}
    return Signature(domain_key(tags.get("d", "")), frozenset(tags.get("h", "").lower().split(":")), "l" not in tags, _bytes(tags.get("b", "")))


def _bytes(text: str) -> bytes:
    """As a verifier reads it: how base64 is written does not make another signature."""
    letters = "".join(char for char in text if char.isascii() and (char.isalnum() or char in "+/"))
    try:
        return base64.b64decode(letters + "=" * (-len(letters) % 4))
    except ValueError:
        return letters.encode()


def _organization(domain: str) -> tuple[str, ...]:
    """More domains are taken for one organization than are one, never fewer."""
    return tuple(domain.split(".")[-2:])
