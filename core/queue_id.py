"""The name that a server gives a mail it took, read from its last words; what those words mean for the mail is `core/delivery.py`."""

from __future__ import annotations

import re

MAX_QUEUE_ID = 120
"""Characters kept of it."""

_ID = r"([A-Za-z0-9][A-Za-z0-9._:@/=+-]{2,119})"

PATTERNS: tuple[tuple[str, str], ...] = (
    ("Postfix, Guichet, MailEnable", rf"\bqueued as <?{_ID}"),
    ("Exim", rf"\bOK,? id={_ID}"),
    ("Exchange", rf"^250 2\.6\.0 <{_ID}> \[InternalId="),
    ("Gmail", rf"^250 2\.0\.0 OK +[0-9]+ {_ID} - gsmtp"),
    ("Sendmail", rf"^250 2\.0\.0 {_ID} Message accepted for delivery"),
    ("Sendmail, old", rf"^250 {_ID} Message accepted for delivery"),
    ("Amazon SES", r"^250 Ok ([0-9a-f-]{20,119})$"),
    ("OpenSMTPD", r"^250 2\.0\.0:? ([0-9a-f]{8}) Message accepted for delivery"),
    ("qmail", r"^250 ok [0-9]{6,12} (qp [0-9]{1,10})\b"),
)
"""(server, expression with the id as its one group); the first that fits counts."""

_PATTERNS = tuple(re.compile(pattern, re.IGNORECASE) for _, pattern in PATTERNS)


def queue_id(words: str) -> str:
    """The id in `words` (code first, on one line), '' if there is none that we know. Never longer than MAX_QUEUE_ID, never with blanks at its ends."""
    found = next((match for pattern in _PATTERNS if (match := pattern.search(words))), None)
    return found[1].rstrip(".,;:")[:MAX_QUEUE_ID] if found else ""
