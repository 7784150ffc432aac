"""Forwarded mail: whether a subject says so, and who wrote the mail that an agent forwards to us; quotes are split by `gateway/inbound`."""

from __future__ import annotations

from core.mail import Address

FORWARD_PREFIXES = ("fwd", "fw", "tr", "wg", "rv", "rif", "i", "enc", "vs", "vb", "doorst", "pd", "转发", "転送")
REPLY_PREFIXES = ("re", "aw", "sv", "antw", "ref", "réf", "odp", "res", "回复", "返信")
FROM_LABELS = ("from", "de", "von", "da", "van", "fra", "från", "od", "差出人", "发件人")
MAX_LINES = 300
MAX_LINE = 1_000
_TRIM = " \t\u00a0\u202f*_>|-"


def strip_prefixes(subject: str) -> str:
    """A subject without reply and forward prefixes at its head (`Re:`, `RE :`, `TR :`, `Re[2]:`)."""
    rest = subject.strip()
    for _ in range(20):
        prefix, after = _prefix(rest)
        if prefix not in REPLY_PREFIXES and prefix not in FORWARD_PREFIXES:
            return rest
        rest = after
    return rest


def is_forward(subject: str) -> bool:
    """Whether the first prefix of a subject is that of a forward."""
    return _prefix(subject.strip())[0] in FORWARD_PREFIXES


def _prefix(subject: str) -> tuple[str, str]:
    head, colon, _ = subject[:40].partition(":")
    if not colon:
        head, colon, _ = subject[:40].partition("：")
    name = head.strip(" \u00a0\u202f").casefold().partition("[")[0].partition("(")[0].strip()
    return (name, subject[len(head) + 1 :].strip()) if colon else ("", subject)


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
