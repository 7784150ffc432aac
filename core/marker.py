"""The visible lines of a mail to our own people by which their answers are cut, and by which a piece of it is known wherever it turns up."""

from __future__ import annotations

import re

LINES = {"en": "Write your answer above this line", "fr": "Écrivez votre réponse au-dessus de cette ligne"}
"""Language → the words between the marks; other languages have the English ones."""

_OPEN, _CLOSE = "##-", "-##"
_BETWEEN = re.compile(r"##\s*-[^#]{0,200}-\s*##")
"""Whatever a mail program puts between the marks: a line break, quote marks, blanks that are none."""
_BLANKS = re.compile(r"[\s\u00a0\u202f\u2007\u200b\u2060\ufeff]+")


def line(language: str) -> str:
    """The line above which an answer is written: `##- Write your answer above this line -##`."""
    return marked(LINES.get(language.partition("-")[0].lower(), LINES["en"]))


def marked(words: str) -> str:
    """Words between marks: for every heading of a mail to our people, so that no part of it goes unknown."""
    return f"{_OPEN} {words} {_CLOSE}"


def place(text: str) -> int:
    """Where the first mark in a text begins, -1 for none. The line itself may be quoted; what stands before it on the line is not skipped here."""
    found = _BETWEEN.search(_plain_blanks(text))
    return found.start() if found else -1


def above(text: str) -> str:
    """What stands above the line with the first mark; the whole text where there is none."""
    at = place(text)
    return text if at < 0 else text[: text.rfind("\n", 0, at) + 1]


def survives(text: str) -> bool:
    """Whether a mark, or half of one, stands anywhere in the text."""
    plain = _plain_blanks(text)
    return _OPEN in plain or _CLOSE in plain or place(text) >= 0 or any(_squeezed(words) in _squeezed(plain) for words in LINES.values())


def _plain_blanks(text: str) -> str:
    """The same length: every odd blank made a plain one."""
    return re.sub(r"[\u00a0\u202f\u2007\u200b\u2060\ufeff]", " ", text)


def _squeezed(text: str) -> str:
    return _BLANKS.sub("", text.replace(">", "")).casefold()
