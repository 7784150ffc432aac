"""One line of the report of `guichet check`; what is looked at is `checkup.py` and `checkup_connectors.py`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    FINE = "fine"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, and a sentence about it."""

    level: Level
    check: str
    sentence: str


def fine(check: str, sentence: str) -> Finding:
    return Finding(Level.FINE, check, sentence)


def warning(check: str, sentence: str) -> Finding:
    return Finding(Level.WARNING, check, sentence)


def error(check: str, sentence: str) -> Finding:
    return Finding(Level.ERROR, check, sentence)
