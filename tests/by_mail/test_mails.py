"""Answers and commands as real mail programs write them: all understood, and nothing of a notification in what would leave (Agents by mail, c)."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import marker
from core.agent_text import AgentText
from core.commands import Parsed, parse
from gateway.inbound.agent_html import html_saying, words_of
from gateway.inbound.parse import parse as read
from gateway.inbound.plain import text_of
from tests.by_mail.make_mails import CASES, FOLDER, Case
from tests.by_mail.told import ADDRESS, TOKEN

FILES = sorted(FOLDER.glob("*.eml"))


def _understood(path: Path, case: Case) -> tuple[AgentText, Parsed, str]:
    mail = read(path.read_bytes())
    words = words_of(mail, case.told.text, theirs=case.told.customer)
    parsed = parse(mail.subject, words.text, told_subject=case.told.subject)
    return words, parsed, html_saying(words.html, parsed.rest)


@pytest.mark.parametrize(("path", "case"), list(zip(FILES, CASES, strict=True)), ids=lambda one: one.stem if isinstance(one, Path) else "")
def test_each_mail_is_understood(path: Path, case: Case) -> None:
    """The commands, the words that are left for the customer, and whether the agent is asked first."""
    words, parsed, html = _understood(path, case)
    assert tuple(f"{one.name} {one.argument}".strip() for one in parsed.commands) == case.commands
    assert bool(words.survived) is case.held, words.survived
    assert len(parsed.faults) == case.faults, parsed.faults
    if case.rest != "*":
        assert _even(parsed.rest) == _even(case.rest)
    if case.html is not None:
        assert bool(html) is case.html
        assert _letters(text_of(html)) == _letters(case.rest)


@pytest.mark.parametrize(("path", "case"), list(zip(FILES, CASES, strict=True)), ids=lambda one: one.stem if isinstance(one, Path) else "")
def test_nothing_of_a_notification_reaches_a_customer(path: Path, case: Case) -> None:
    """No mark, no line of ours, no link and no reply address is in the text or HTML that leaves unasked."""
    words, parsed, html = _understood(path, case)
    if words.survived:
        return
    theirs = _letters(case.told.customer)
    ours = [_letters(line) for line in case.told.text.split("\n") if len(_letters(line)) >= 12 and _letters(line) not in theirs]
    assert ours
    for left in (parsed.rest, html, text_of(html)):
        assert not marker.survives(left)
        assert not [line for line in ours if line in _letters(left)]
        assert TOKEN not in left
        assert ADDRESS not in left


def test_there_are_forty_of_them() -> None:
    """As many as were asked for, and a file for each."""
    assert len(FILES) == len(CASES) >= 40
    assert [path.stem.partition("-")[2] for path in FILES] == [case.name for case in CASES]


def _even(text: str) -> str:
    """Without empty lines: some programs double them."""
    return "\n".join(line.rstrip().replace("\u00a0", " ") for line in text.split("\n") if line.strip())


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()
