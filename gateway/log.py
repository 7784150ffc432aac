"""How log records are written: JSON lines for machines, one readable line for people, always on stderr; what is logged is said where it happens.

Plain `logging` with two formatters: it costs 20 ms at start where structlog costs 140, and every library speaks it already. A record is
an event name and facts (`log.info("mail_stored", extra={"inbound": id})`), never a body, a password or a token.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET = ("password", "secret", "token", "authorization")
LONGEST_FACT = 500
QUIET = ("mail.log", "aiosmtpd", "imapclient", "mailparser", "dramatiq", "uvicorn", "alembic", "sqlalchemy", "asyncio", "pika")
"""Libraries that say more than a log needs, or more than it may hold (imapclient's debug level writes passwords)."""


def facts(record: logging.LogRecord) -> dict[str, Any]:
    """The facts given with `extra=`, cut to a sane length, secrets dotted."""
    return {name: _safe(name, value) for name, value in vars(record).items() if name not in _STANDARD}


def _safe(name: str, value: object) -> Any:
    if any(word in name.lower() for word in _SECRET):
        return "••••••"
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = str(value)
    return text if len(text) <= LONGEST_FACT else f"{text[:LONGEST_FACT]}…"


class JsonLines(logging.Formatter):
    """One JSON object a line: at (UTC), level, logger, event, facts, fault."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **facts(record),
        }
        if record.exc_info:
            line["fault"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True, default=str)


class ForPeople(logging.Formatter):
    """`09:03:02 warning guichet.worker  broker_away  fault=…`, the time in the zone of the machine; control characters are shown, not obeyed."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        said = "  ".join([record.getMessage(), *(f"{name}={value}" for name, value in facts(record).items())])
        line = f"{at} {record.levelname.lower():7} {record.name}  {_printable(said)}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _printable(text: str) -> str:
    """Hostile mail must not write to the operator's terminal."""
    return text if text.isprintable() else "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def configure(level: str = "info", form: str = "auto", stream: TextIO | None = None) -> None:
    """Send everything to stderr (or `stream`), once per process; `form` is `auto`, `json` or `human`."""
    stream = stream or sys.stderr
    for_people = form == "human" or (form == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ForPeople() if for_people else JsonLines())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
