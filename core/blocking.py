"""The block list: patterns of addresses as administrators write them, and what is done with mail from and to whom they fit; nothing here reads a mail."""

from __future__ import annotations

from functools import lru_cache

from core.mail import address_key, domain_key
from core.setup import BlockEffect, Setup


def blocked(setup: Setup, key: str) -> BlockEffect | None:
    """What the block list says of an address key; *reject as spam* wins over the milder effect (B-BL-01)."""
    effects = {entry.effect for entry in setup.blocked_addresses if matches_address(entry.address, key)}
    if BlockEffect.REJECT_AS_SPAM in effects:
        return BlockEffect.REJECT_AS_SPAM
    return BlockEffect.NO_AUTOMATED_EMAILS if effects else None


def matches_address(pattern: str, key: str) -> bool:
    """Whether an address key fits a pattern (E-19).

    `a@b.com` this address · `*@b.com`, `@b.com` or `b.com` exactly this domain · `*.b.com` its subdomains · `*b.com` any ending in it.
    """
    kind, wanted = _read(pattern)
    if kind == "address":
        return key == wanted
    domain = key.rpartition("@")[2] if "@" in key else ""
    if kind == "domain":
        return bool(domain) and domain == wanted
    return bool(domain and wanted) and (domain.endswith(wanted) if kind == "domain suffix" else key.endswith(wanted))


@lru_cache(maxsize=4096)
def _read(pattern: str) -> tuple[str, str]:
    text = pattern.strip()
    if text.startswith(("*@", "@")):
        return "domain", domain_key(text.lstrip("*").lstrip("@"))
    if text.startswith("*."):
        return "domain suffix", "." + domain_key(text[2:])
    if text.startswith("*"):
        return "suffix", address_key(text[1:]) if "@" in text else domain_key(text[1:])
    return ("address", address_key(text)) if "@" in text else ("domain", domain_key(text))
