"""What stands below a person's mail where they ask for it (C-CO-08); the lines that the desk adds by itself are `gateway/outbound/closing.py`."""

from __future__ import annotations

from html import escape

from core.refusal import Refused
from core.setup import User

DELIMITER = "-- "
"""The line above a signature by which mail programs know it (RFC 3676 section 4.3)."""

HTML_BEGINS = '<div class="moz-signature">'
"""A mark that mail programs know, ours included; nothing a person writes in HTML keeps its classes."""

RECOMMENDED = 200 * 1024
"""Octets beyond which there is a warning; the mail is sent all the same (C-CO-08)."""
LONGEST_TEXT = 20_000
LONGEST_HTML = 1_000_000


def signed(text: str, html: str, user: User) -> tuple[str, str]:
    """The person's words with their signature below, `html` only where the mail has HTML. Raises Refused where they have none."""
    if not user.signature and not user.signature_html:
        raise Refused(f"You have no signature, and nothing was sent. Make one: guichet user signature {user.email} --text FILE.")
    own = user.signature.strip("\n")
    shown = user.signature_html or escape(own).replace("\n", "<br>\n")
    below = f"{HTML_BEGINS}{DELIMITER}<br>\n{shown}</div>"
    return f"{text}\n\n{DELIMITER}\n{own}".lstrip("\n"), f"{html}{below}" if html else ""


def warning(signature: str, signature_html: str) -> str:
    """The sentence about a signature that makes every mail large, '' for others."""
    size = max(len(signature.encode("utf-8", "replace")), len(signature_html.encode("utf-8", "replace")))
    if size <= RECOMMENDED:
        return ""
    return f"the signature has {size // 1024} kB, and every mail with it grows by so much; less than {RECOMMENDED // 1024} kB is recommended (C-CO-08)"
