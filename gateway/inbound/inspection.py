"""What is found out about a mail besides reading it, outside any transaction: who really sent it, and whether it carries a virus.

The checks are `mailauth/` and `scanner.py`; they are given by the bootstrap, so that a house without them imports neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.mail import Envelope, Mail
from gateway.routing.authentication import Authentication


class NotInspected(Exception):
    """A check cannot be made just now (the scanner is away): the mail waits, no attempt is counted. `str()` says what it waits for."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """The mail, with what was found marked on it, and the sender as checked by ourselves (None: nobody was asked to check)."""

    mail: Mail
    authentication: Authentication | None = None


Inspect = Callable[[bytes, Mail, Envelope], Inspection]
"""Given the raw mail, the mail as read and its envelope. Raises NotInspected."""


def uninspected(raw: bytes, mail: Mail, envelope: Envelope) -> Inspection:
    """Nothing is checked."""
    return Inspection(mail)
