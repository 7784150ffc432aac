"""By what a mail of one of our people is known again, though somebody who got hold of it sends it once more; where prints are kept is `gateway/store/prints.py`.

Fields that nobody signed can be changed: the Message-ID, often the recipients. What a DKIM signature covers cannot, nor the signature itself.
"""

from __future__ import annotations

from hashlib import sha256

from core.mail import Mail
from gateway.routing.dkim_fields import of_author


def prints(mail: Mail, signature: str = "") -> tuple[str, ...]:
    """All prints of a mail, the one for the audit list first: author, date and text; then each DKIM signature. `signature`: the print of an
    S/MIME or PGP signature that was verified, '' for none."""
    text = ("".join(mail.text.split()), *(one.sha256 for one in mail.attachments))  # white space is free (RFC 6376 section 3.4.4)
    date = mail.date.isoformat() if mail.date is not None else mail.header("Date")
    found = [_print("mail", *(one.key for one in mail.from_), date, *text), *(_print("dkim", one.domain, one.value.hex()) for one in of_author(mail))]
    return tuple(dict.fromkeys((*found, signature) if signature else found))


def _print(*pieces: str) -> str:
    digest = sha256()
    for piece in pieces:
        digest.update(piece.encode("utf-8", "replace") + b"\0")
    return digest.hexdigest()
