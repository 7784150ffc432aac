"""Forwarded mail: whether a subject says so, and who wrote the mail that an agent forwards to us; quotes are split by `gateway/inbound`."""

from __future__ import annotations

from core.mail import Address

FORWARD_PREFIXES = ("fwd", "fw", "tr", "wg", "rv", "i", "enc", "vs", "vb", "vl", "fs", "ilt", "doorst", "pd", "továbbítás", "转发", "転送")
FROM_LABELS = ("from", "de", "von", "da", "van", "fra", "från", "od", "差出人", "发件人")
MAX_LINES = 300
MAX_LINE = 1_000
_TRIM = " \t\u00a0\u202f*_>|-"


def is_forward(subject: str) -> bool:
    """Whether the first prefix of a subject is that of a forward (`TR :`, `Fwd:`, `Fwd[2]:`); an answer to a forwarded mail begins with `Re:`."""
    head, colon, _ = subject.strip()[:40].replace("：", ":").partition(":")
    name = head.casefold().partition("[")[0].partition("(")[0].strip()
    return bool(colon) and name in FORWARD_PREFIXES


def original_sender(text: str) -> Address | None:
    """The author named by the first forwarded header block in a text (`From: Ann <ann@x.org>`, `De : …`, `Von: …`), or None."""
    for line in text.splitlines()[:MAX_LINES]:
        label, colon, value = line[:MAX_LINE].strip(_TRIM).partition(":")
        if colon and label.strip(_TRIM).casefold() in FROM_LABELS:
            found = _address(value)
            if found is not None:
                return found
    return None


def _address(value: str) -> Address | None:
    """The address in `Ann <ann@x.org>`, `Ann [mailto:ann@x.org]` or `ann@x.org`, with its name."""
    plain = value.replace("[mailto:", "<").replace("<mailto:", "<").replace("]", ">").strip(_TRIM)
    name, bracket, rest = plain.partition("<")
    address = rest.partition(">")[0] if bracket else next((word for word in plain.split() if "@" in word), "")
    address = address.strip(" <>,;()*\"'")
    local, at, domain = address.rpartition("@")
    if not (at and local and "." in domain) or len(address) > 254 or any(char.isspace() for char in address):
        return None
    return Address(address, name.strip(_TRIM + "\"'") if bracket else "")
