"""Addresses as mail programs write them for people, in the header they put above a mail they hand on; real header fields are `address.py`."""

from __future__ import annotations

import re

from core.mail import Address

MOST = 50
"""Addresses read from one list."""
_LONGEST = 10_000
"""Characters of a list that are looked at."""
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"'*|]{1,64}@[^\s<>()\[\],;:\"'*|@]{1,190}")
_FOR = re.compile(r" (?:on behalf of|au nom de|de la part de|im auftrag von|en nombre de|per conto di|namens|em nome de) ", re.IGNORECASE)
_TRIM = " \t\u00a0\u202f\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069\ufeff*_|,;"


def one_address(value: str) -> Address | None:
    """`Ann <ann@x.org>`, `Ann [mailto:ann@x.org]`, `ann@x.org<mailto:ann@x.org>`, or a name alone (its address is ''); None for nothing."""
    value = _FOR.split(value[:1_000], maxsplit=1)[0].replace("mailto:", " ")
    found = _ADDRESS.search(value)
    address = found.group().strip(".") if found else ""
    name = re.split(r"[<\[(]", value, maxsplit=1)[0].strip(_TRIM).strip("\"'“”„«»").strip(_TRIM)
    if "@" in name:
        name = ""
    return Address(address, name[:200]) if address or name else None


def addresses(value: str) -> tuple[Address, ...]:
    """A list of them, parted by semicolons, or by commas where there is no semicolon (`Doe, Ann <ann@x.org>` is one)."""
    pieces: list[str] = []
    for piece in _parted(value[:_LONGEST]):
        if pieces and "@" in piece and "@" not in pieces[-1] and "<" in piece:
            pieces[-1] += "," + piece
        else:
            pieces.append(piece)
    return tuple(one for one in map(one_address, pieces[:MOST]) if one is not None)


def _parted(value: str) -> list[str]:
    """The list at its separators, those inside quotation marks and angle brackets left alone."""
    places: dict[str, list[int]] = {",": [], ";": []}
    quoted = False
    depth = 0
    for place, char in enumerate(value):
        if char == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif char in "<[(":
            depth += 1
        elif char in ">])":
            depth = max(0, depth - 1)
        elif char in places and not depth:
            places[char].append(place)
    cuts = places[";"] or places[","]
    return [value[start + 1 : end] for start, end in zip([-1, *cuts], [*cuts, len(value)], strict=True)]
