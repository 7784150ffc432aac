"""The forms of single values (addresses, patterns, zones, languages) and the sentences for wrong ones; which value stands where is known to the checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.mail import domain_key

Found = Iterator[tuple[str, str]]
"""(path in the desk file, sentence)."""

LONGEST_NAME = 200
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}@[^\s@<>()\[\],;:\\\"]{1,255}")
_DOMAIN = re.compile(r"[^\W_](?:[\w-]{0,62})(?:\.[\w-]{1,63}){1,10}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Z]{2})?")


def domain(path: str, name: str) -> Found:
    """A domain with at least one dot, such as acme.example."""
    if not _DOMAIN.fullmatch(domain_key(name)):
        yield path, f"“{name[:80]}” is no domain; something like acme.example is expected"


def address(path: str, written: str) -> Found:
    """One e-mail address without a display name."""
    if len(written) > 320 or not written.isprintable() or not _ADDRESS.fullmatch(written):
        yield path, f"“{written[:80]}” is no e-mail address"
    elif not _DOMAIN.fullmatch(domain_key(written.rpartition("@")[2])):
        yield path, f"“{written[:80]}” has no valid domain"


def pattern(path: str, written: str) -> Found:
    """E-19: an address, a domain, `*@domain`, `*.domain`."""
    core = written.strip().removeprefix("*").removeprefix("@").removeprefix(".")
    if "*" in core or not (_ADDRESS.fullmatch(core) or _DOMAIN.fullmatch(domain_key(core))):
        yield path, f"“{written[:80]}” is no address (a@b.example), domain (b.example, *@b.example) or group of subdomains (*.b.example)"


def zone(path: str, name: str) -> Found:
    """A name of the time zone database."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield path, f"“{name[:60]}” is no time zone; something like Europe/Paris is expected"


def language(path: str, written: str) -> Found:
    """A language tag such as fr or fr-CA."""
    if not _LANGUAGE.fullmatch(written):
        yield path, f"“{written[:20]}” is no language; something like en or fr is expected"


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that is not there, with those that are."""
    listed = ", ".join(f"“{other}”" for other in list(known)[:20])
    return f"there is no {what} “{name[:80]}”" + (f"; there is {listed}" if listed else "")
