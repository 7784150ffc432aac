"""Durations in ISO 8601 (`P5D`, `PT10S`, `PT0.5S`, `P1DT2H`, `P2W`), read and written; months and years are refused because their length is not fixed."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

_NUMBER = r"(\d{1,9}(?:[.,]\d{1,9})?)"
_FORM = re.compile(rf"P(?:{_NUMBER}W|(?:{_NUMBER}D)?(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?)", re.ASCII)
_MICROSECONDS = tuple(Decimal(seconds) * 1_000_000 for seconds in (604_800, 86_400, 3_600, 60, 1))
LONGEST = timedelta(days=36_500)
EXPECTED = "a duration in ISO 8601 such as P5D, PT2H, PT10S or P1DT2H"


def parse_duration(text: str) -> timedelta:
    """The length of time a text stands for, to the microsecond, at most 100 years. Raises ValueError with what was expected."""
    found = _FORM.fullmatch(text) if len(text) <= 64 else None
    parts = found.groups() if found else ()
    given = [part for part in parts if part is not None]
    # ISO 8601 allows a fraction only in the smallest part, and at least one part must be there after P and after T.
    if not given or text.endswith("T") or any("." in part or "," in part for part in given[:-1]):
        raise ValueError(f"“{text[:64]}” is not {EXPECTED}")
    micro = sum(Decimal(part.replace(",", ".")) * size for part, size in zip(parts, _MICROSECONDS, strict=True) if part is not None)
    if micro > LONGEST // timedelta(microseconds=1):
        raise ValueError(f"“{text}” is longer than 100 years")
    return timedelta(microseconds=int(micro))


def write_duration(length: timedelta) -> str:
    """The canonical text: `timedelta(hours=26)` → `P1DT2H`. Raises ValueError for a negative length."""
    if length < timedelta(0):
        raise ValueError("a duration cannot be negative")
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    rest = f"{seconds}.{length.microseconds:06d}".rstrip("0").rstrip(".") if length.microseconds else str(seconds)
    clock = "".join(f"{amount}{letter}" for amount, letter in ((hours, "H"), (minutes, "M"), (rest, "S")) if amount not in (0, "0"))
    days = f"{length.days}D" if length.days else ""
    return f"P{days}T{clock}" if clock else f"P{days}" if days else "PT0S"
