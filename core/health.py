"""How a connector fares: pauses after trouble, suspension after refused log-ins and the way back; storing it is `gateway/store/connector_status.py`.

Not the same as *disabled*, which an administrator says (decisions.md 19).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.delivery import Meaning
from core.retry import spread

LOGINS = 3
"""Refused log-ins in a row that suspend a connector."""

PROBES = tuple(timedelta(minutes=minutes) for minutes in (5, 10, 20, 40, 60))
"""Waits between log-ins while it is suspended; the last repeats."""

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 10, 20, 40, 80, 160, 300))
"""Waits after any other trouble in a row, so that a server that is away is not knocked at by every mail."""


@dataclass(frozen=True, slots=True)
class Health:
    """The way a connector fares. Until `suspended_until` no mail is claimed for it; then one mail tries whether it works again."""

    name: str
    refused_logins: int = 0
    suspended_until: datetime | None = None
    probes: int = 0
    last_error: str = ""
    last_success_at: datetime | None = None
    last_error_at: datetime | None = None
    troubled_since: datetime | None = None
    """The first trouble of those in a row."""

    @property
    def suspended(self) -> bool:
        """Log-ins are refused: somebody must look."""
        return self.refused_logins >= LOGINS

    @property
    def troubled(self) -> bool:
        """The last attempt met trouble; one mail at a time tries again."""
        return self.suspended_until is not None

    def rests(self, now: datetime) -> bool:
        """Whether nothing is to be tried just now."""
        return self.suspended_until is not None and self.suspended_until > now

    def fine(self, now: datetime) -> Health:
        """After an attempt in which the connector did its part."""
        return Health(self.name, last_success_at=now, last_error=self.last_error, last_error_at=self.last_error_at)

    def met(self, trouble: Meaning, words: str, now: datetime, jitter: float) -> Health:
        """After an attempt that met trouble with the connector."""
        refused = self.refused_logins + 1 if trouble is Meaning.LOGIN_REFUSED else self.refused_logins
        just_suspended = refused >= LOGINS and not self.suspended
        probes = 1 if just_suspended else self.probes + 1
        waits = PROBES if refused >= LOGINS else PAUSES
        until = now + spread(waits[min(probes, len(waits)) - 1], jitter)
        return replace(self, refused_logins=refused, suspended_until=until, probes=probes, last_error=words, last_error_at=now, troubled_since=self.troubled_since or now)

    def probing(self, until: datetime) -> Health:
        """One mail is trying; the others wait until it has an answer, or `until`."""
        return replace(self, suspended_until=until)
