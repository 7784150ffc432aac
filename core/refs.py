"""Work-item references, made and recognised: `101203-T`, `101204-C`, `101204-C-A1.2`, `101204-C-S1` (behaviour.md E-46, B-MT-06)."""

from __future__ import annotations

import re

KINDS = {"ticket": "T", "case": "C"}
FIRST_NUMBER = 101_001

_REFERENCE = r"\d{4,12}-(?:T|C(?:-S\d{1,4})*(?:-A\d{1,4}\.\d{1,4})?)"
_WHOLE = re.compile(_REFERENCE, re.ASCII | re.IGNORECASE)
_IN_SUBJECT = re.compile(rf"\[({_REFERENCE})\]", re.ASCII | re.IGNORECASE)


def reference(kind: str, number: int) -> str:
    """The reference of a ticket or case: `reference("ticket", 101203)` → `101203-T`."""
    return f"{number}-{KINDS[kind]}"


def is_reference(text: str) -> bool:
    """Whether a whole text is a reference, in any case of letters."""
    return len(text) <= 60 and _WHOLE.fullmatch(text) is not None


def references_in_subject(subject: str) -> tuple[str, ...]:
    """References in square brackets, upper-cased, first to last, each once."""
    return tuple(dict.fromkeys(found.upper() for found in _IN_SUBJECT.findall(subject[:2000])))


def without_references(subject: str) -> str:
    """A subject (at most 2,000 characters of it) without the references in square brackets, blanks put right."""
    return " ".join(_IN_SUBJECT.sub(" ", subject[:2000]).split())
