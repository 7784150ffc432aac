"""Log records as JSON lines and for people."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from gateway import log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """A stream that the whole log goes to; the handlers of before are put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in log.QUIET}
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def test_machines_get_one_json_object_a_line(stream: io.StringIO) -> None:
    """Event, facts, level and an aware time."""
    log.configure("info", "auto", stream)
    logging.getLogger("guichet.test").info("mail_stored", extra={"inbound_id": "7", "size": 12, "subject": "a\nb\x1b[31m é"})
    (line,) = stream.getvalue().splitlines()
    record = json.loads(line)
    assert record.pop("at").endswith("+00:00")
    assert record == {"level": "info", "logger": "guichet.test", "event": "mail_stored", "inbound_id": "7", "size": 12, "subject": "a\nb\x1b[31m é"}


def test_people_get_a_line_that_their_terminal_does_not_obey(stream: io.StringIO) -> None:
    """Escape sequences out of hostile mail are shown, not obeyed; no line break is let through."""
    log.configure("info", "human", stream)
    logging.getLogger("guichet.test").info("mail_stored", extra={"subject": "a\nb\x1b[31m\u202e"})
    (line,) = stream.getvalue().splitlines()
    assert line.endswith(r"info    guichet.test  mail_stored  subject=a\x0ab\x1b[31m\x202e")


@pytest.mark.parametrize("form", ["json", "human"])
def test_secrets_are_dotted(stream: io.StringIO, form: str) -> None:
    """A fact whose name says that it is a secret is never written."""
    log.configure("info", form, stream)
    logging.getLogger("guichet.test").info("x", extra={"password": "geheim", "api_token": "geheim", "client_secret": "geheim"})
    assert "geheim" not in stream.getvalue()


def test_long_facts_are_cut(stream: io.StringIO) -> None:
    """A log line is no place for a body."""
    log.configure("info", "json", stream)
    logging.getLogger("guichet.test").info("x", extra={"subject": "a" * 5_000})
    assert len(json.loads(stream.getvalue())["subject"]) == log.LONGEST_FACT + 1


def test_a_fault_comes_with_its_traceback(stream: io.StringIO) -> None:
    """In both forms."""
    for form in ("json", "human"):
        log.configure("info", form, stream)
        try:
            raise ValueError("because")
        except ValueError:
            logging.getLogger("guichet.test").exception("turn_failed")
    first, *rest = stream.getvalue().splitlines()
    assert "ValueError: because" in json.loads(first)["fault"]
    assert rest[-1] == "ValueError: because"


def test_the_level_counts_and_libraries_are_quiet(stream: io.StringIO) -> None:
    """Below the level nothing is written; imapclient's debug level, which holds passwords, never is unless asked for by itself."""
    log.configure("debug", "json", stream)
    logging.getLogger("imapclient").debug("LOGIN user password")
    logging.getLogger("guichet.x").debug("seen")
    log.configure("warning", "json", stream)
    logging.getLogger("guichet.x").info("unseen")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["seen"]
