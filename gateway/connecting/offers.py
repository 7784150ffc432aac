"""What a sending server offers and for how long its certificate is good, in sentences for the connection test; the steps before are `smtp.py`."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.pace import pace_of
from core.setup import Connector

EXTENSIONS = ("PIPELINING", "DSN", "SMTPUTF8", "8BITMIME", "CHUNKING")
"""Those worth knowing of, as far as they are there or not."""
SOON = 14
"""Days before a certificate ends from which on somebody should renew it."""
MOST_LOG_INS = 12

_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


def offered(features: Mapping[str, str], connector: Connector) -> str:
    """One sentence from the answer to EHLO (names in small letters → what stood behind), and how fast we send."""
    there = [name for name in EXTENSIONS if name.lower() in features]
    absent = [name for name in EXTENSIONS[:2] if name not in there]
    parts = [_size(features.get("size")), f"offers {', '.join(there)}" if there else "", f"no {' and no '.join(absent)}" if absent else "", _log_ins(features)]
    said = "; ".join(part for part in parts if part)
    if "DSN" in absent and connector.outgoing.get("dsn", True):
        said += "; so nobody reports a delay to us"
    return f"{said}; {_rate(connector)}"


def _size(size: str | None) -> str:
    number = _NUMBER.fullmatch((size or "").strip())
    return f"mails up to {int(number.group()):,} bytes" if number and int(number.group()) else "mails of any size, as far as it says"


def _log_ins(features: Mapping[str, str]) -> str:
    named = [word for word in dict.fromkeys(features.get("auth", "").upper().split()) if _MECHANISM.fullmatch(word)]
    return f"log-ins {', '.join(named[:MOST_LOG_INS])}" if named else "no log-in"


def _rate(connector: Connector) -> str:
    pace = pace_of(connector.outgoing)
    return f"we send at most {pace.rate} within {connector.outgoing.get('rate_per') or 'PT1M'}" if pace is not None else "we send as fast as it takes"


def certificate(sock: Any, now: datetime) -> str:
    """For how many days the server's certificate is still good, as the end of a sentence; '' without TLS or where it does not say."""
    ends = (sock.getpeercert() or {}).get("notAfter") if isinstance(sock, ssl.SSLSocket) else None
    if not ends:
        return ""
    days = (datetime.fromtimestamp(ssl.cert_time_to_seconds(str(ends)), UTC) - now).days
    return f", for {days} more days" + ("; it must be renewed soon" if days < SOON else "")
