"""Message-IDs out of header fields (RFC 5322 section 3.6.4), however folded or damaged; what they point to is routing's affair."""

from __future__ import annotations

import re

_BRACKETED = re.compile(r"<([^<>]*+)>")
_LONGEST = 998
"""Octets, as of any line (RFC 5322 section 2.1.1); counted so because no index of PostgreSQL takes more than 2,700."""
_FIRST = _LAST = 50


def message_ids(text: str) -> tuple[str, ...]:
    """The ids of a field without their angle brackets, each once; of very many the first 50 and the last 50."""
    if not text:
        return ()
    found = [_joined(inner) for inner in _BRACKETED.findall(text)] or [_unbracketed(text)]
    ids = list(dict.fromkeys(one for one in found if one and len(one.encode("utf-8", "replace")) <= _LONGEST))
    return tuple(ids) if len(ids) <= _FIRST + _LAST else tuple(ids[:_FIRST] + ids[-_LAST:])


def message_id(text: str) -> str:
    """The id of a Message-ID field; one that was not closed or not bracketed is taken as it stands."""
    ids = message_ids(text)
    return ids[0] if ids else ""


def _joined(inner: str) -> str:
    """Old mailers fold inside an id: white space in it is none of it."""
    return "".join(inner.split())


def _unbracketed(text: str) -> str:
    """The first word with an @ in it, for ids whose brackets are missing or not closed."""
    words = [word.strip("<>,;\"'") for word in text[:2_000].split()]
    return next((word for word in words if "@" in word), words[0] if len(words) == 1 else "")
