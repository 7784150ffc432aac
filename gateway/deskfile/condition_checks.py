"""Checks of the conditions of one route: words, patterns, expressions and fields are well-formed, and what they name exists; routes are `route_checks.py`."""

from __future__ import annotations

import re

from core.setup import Conditions, Setup
from gateway.deskfile import forms
from gateway.deskfile.forms import Found
from gateway.routing.conditions import header_entry
from gateway.routing.expressions import refused

LONGEST = 320
MOST = 1_000
"""Entries of one condition."""
LISTS = ("subject_words", "sender", "recipient", "attachment_types", "headers", "folder")
_FIELD_NAME = re.compile(r"[!-9;-~]{1,100}")
"""RFC 5322 section 2.2."""


def conditions(path: str, asked: Conditions, setup: Setup) -> Found:
    """Faults of `when` or `unless`, which stand at `path`."""
    if asked.importance not in ("", "high", "normal", "low"):
        yield f"{path}.importance", f"“{asked.importance[:40]}” is not one of high, normal, low"
    companies = {company.name for company in setup.companies}
    for number, company in enumerate(asked.sender_company, 1):
        if company not in companies:
            yield f"{path}.sender_company[{number}]", forms.unknown("company", company, companies)
    for key in LISTS:
        yield from _list(f"{path}.{key}", key, getattr(asked, key))
    if asked.subject_pattern:
        yield from _expression(f"{path}.subject_pattern", asked.subject_pattern)
    for number, entry in enumerate(asked.header_patterns, 1):
        yield from _field_name(f"{path}.header_patterns[{number}]", entry)
        yield from _expression(f"{path}.header_patterns[{number}]", header_entry(entry)[1])
    if len(asked.header_patterns) > MOST:
        yield f"{path}.header_patterns", f"at most {MOST} entries are expected"


def _list(path: str, key: str, entries: tuple[str, ...]) -> Found:
    if len(entries) > MOST:
        yield path, f"at most {MOST} entries are expected"
    for number, entry in enumerate(entries, 1):
        if not entry.strip() or not entry.isprintable() or len(entry) > LONGEST:
            yield f"{path}[{number}]", f"1 to {LONGEST} printable characters are expected"
        elif key in ("sender", "recipient"):
            yield from forms.pattern(f"{path}[{number}]", entry)
        elif key == "headers":
            yield from _field_name(f"{path}[{number}]", entry)


def _field_name(path: str, entry: str) -> Found:
    if ":" not in entry or _FIELD_NAME.fullmatch(header_entry(entry)[0]) is None:
        yield path, f"“{entry[:80]}” names no header field; something like “X-Priority: urgent” is expected"


def _expression(path: str, expression: str) -> Found:
    because = refused(expression)
    if because:
        yield path, f"“{expression[:80]}” is no expression in RE2 syntax: {because}"
