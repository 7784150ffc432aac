"""What people type, made fit to be kept: no NUL, controls or lone surrogates, and a bound on length; mails are cleaned where they are read."""

from __future__ import annotations

LINE = 1_000
"""The most characters of a title, a category, a name."""
TEXT = 200_000
"""The most characters of a note, a description, a mail."""

_DROPPED = dict.fromkeys((*range(32), *range(127, 160), *range(55296, 57344), 65534, 65535, *range(8234, 8239), *range(8294, 8298)))
_IN_TEXT = {code: None for code in _DROPPED if chr(code) not in "\n\t"}
_IN_LINE = {**_DROPPED, **dict.fromkeys(map(ord, "\t\n\r\v\f\x85"), " ")}


def clean_text(text: str, most: int = TEXT) -> str:
    """Several lines: line ends are `\\n`, controls and direction overrides are gone, at most `most` characters."""
    return text[: 2 * most].replace("\r\n", "\n").replace("\r", "\n").translate(_IN_TEXT).strip()[:most]


def clean_line(text: str, most: int = LINE) -> str:
    """One line: as `clean_text`, and white space is one space."""
    return " ".join(text[: 4 * most].translate(_IN_LINE).split())[:most]
