"""Regular expressions that administrators write into routes: RE2, whose time is linear in the text whatever the expression; compiled once, bounded in memory."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

MAX_MEMORY = 1 << 20
"""Bytes that one expression may take; RE2 refuses what needs more."""
LONGEST = 1_000
"""Characters of an expression."""
LONGEST_TEXT = 8_000
"""Characters of a subject or header field that are looked at."""


class BadExpression(ValueError):
    """RE2 refuses it; `str()` is its reason."""


@lru_cache(maxsize=1024)
def compiled(expression: str) -> Any:
    """The expression, without regard to case. Raises BadExpression."""
    import re2  # loaded with the first expression only

    if len(expression) > LONGEST:
        raise BadExpression(f"it is longer than {LONGEST} characters")
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    try:
        return re2.compile(expression, options)
    except re2.error as refused:
        said = refused.args[0] if refused.args else "it is no expression"
        raise BadExpression(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)) from None


def found_in(expression: str, text: str) -> bool:
    """Whether the text holds a match somewhere. An expression that is none matches nothing: the desk file refuses it before."""
    try:
        pattern = compiled(expression)
    except BadExpression:
        return False
    return pattern.search(text[:LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")) is not None


def refused(expression: str) -> str:
    """Why an expression cannot be used, '' if it can."""
    if not expression:
        return "it is empty"
    try:
        compiled(expression)
    except BadExpression as bad:
        return str(bad)
    return ""
