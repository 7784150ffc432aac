"""A mail quoted in an answer or handed on in a forward, as text and as HTML; who may be shown it is `core/original.py`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from core.mail import Address
from core.original import Original
from core.wording import clean_line, clean_text

MOST_TEXT = 100_000
"""Characters of an original's text that are quoted."""
MOST_HTML = 500_000
"""Characters of HTML up to which it is quoted as HTML; beyond, its text is."""
MOST_NAMES = 50
"""Addresses named in the block above a forwarded mail."""

_MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),
}
_WORDS = {
    "en": {
        "at": "{day} {month} {year} at {clock} ({zone})",
        "wrote": "On {at}, {who} wrote:",
        "forwarded": "---------- Forwarded message ----------",
        "from": "From: ",
        "date": "Date: ",
        "subject": "Subject: ",
        "to": "To: ",
        "cc": "Cc: ",
        "more": "and {n} others",
        "cut": "[The rest of this mail was left out: it is very long.]",
        "somebody": "somebody",
    },
    "fr": {
        "at": "{day} {month} {year} à {clock} ({zone})",
        "wrote": "Le {at}, {who} a écrit :",
        "forwarded": "---------- Message transféré ----------",
        "from": "De : ",
        "date": "Date : ",
        "subject": "Objet : ",
        "to": "À : ",
        "cc": "Cc : ",
        "more": "et {n} autres",
        "cut": "[La suite de ce message a été omise : il est très long.]",
        "somebody": "quelqu’un",
    },
}
"""The words around a quotation, for the customer, by language; another language has the English ones."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """What stands below the author's own words."""

    text: str
    html: str


def quoted(original: Original, language: str, zone: str) -> Quoted:
    """The original as an answer quotes it: who wrote it and when in `zone` (IANA), `>` before each line, a blockquote."""
    words = _words(language)
    who = clean_line(original.author.name or original.author.address, 200) if original.author is not None else words["somebody"]
    line = words["wrote"].format(at=in_words(original.at, language, zone), who=who)
    text, cut = _text(original, words)
    marked = "\n".join(">" + ("" if not one or one.startswith(">") else " ") + one for one in (*text.split("\n"), *cut))
    body = _html(original, text, cut)
    return Quoted(f"{line}\n{marked}", f'<p>{escape(line)}</p><blockquote type="cite">{body}</blockquote>')


def forwarded(original: Original, language: str, zone: str, *, words_only: bool = False) -> Quoted:
    """The original as a forward hands it on: the lines of its header that matter, then all it says; `words_only` where the mail is attached whole."""
    words = _words(language)
    fields = [
        words["from"] + (clean_line(str(original.author), 400) if original.author is not None else words["somebody"]),
        words["date"] + in_words(original.at, language, zone),
        words["subject"] + clean_line(original.subject),
        *(words[role] + _people(people, words) for role, people in (("to", original.to), ("cc", original.cc)) if people),
    ]
    block = [words["forwarded"], *fields]
    text, cut = ("", ()) if words_only else _text(original, words)
    body = "" if words_only else _html(original, text, cut)
    shown = "<br>".join(map(escape, block))
    return Quoted("\n".join((*block, "", text, *cut)).rstrip(), f"<p>{shown}</p>{body}")


def joined(own: str, below: str, *, html: bool = False) -> str:
    """The author's words and what is quoted below them."""
    return own + below if html else f"{own}\n\n{below}".strip()


def as_html(text: str) -> str:
    """Plain text as HTML that looks like it."""
    return "<p>" + escape(text).replace("\n", "<br>\n") + "</p>"


def _words(language: str) -> dict[str, str]:
    return _WORDS.get(language.partition("-")[0].lower(), _WORDS["en"])


def in_words(at: datetime, language: str, zone: str) -> str:
    """An aware moment as people in `zone` (IANA) read it: `2 March 2026 at 09:00 (UTC)`."""
    there = at.astimezone(ZoneInfo(zone or "UTC"))
    months = _MONTHS.get(language.partition("-")[0].lower(), _MONTHS["en"])
    words = {"day": there.day, "month": months[there.month - 1], "year": there.year, "clock": there.strftime("%H:%M"), "zone": there.strftime("%Z")}
    return _words(language)["at"].format(**words)


def _people(people: Iterable[Address], words: dict[str, str]) -> str:
    named = [clean_line(str(one), 400) for one in people]
    more = (words["more"].format(n=len(named) - MOST_NAMES),) if len(named) > MOST_NAMES else ()
    return ", ".join((*named[:MOST_NAMES], *more))


def _text(original: Original, words: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    text = clean_text(original.text, MOST_TEXT)
    return text, (words["cut"],) if len(original.text) > MOST_TEXT else ()


def _html(original: Original, text: str, cut: tuple[str, ...]) -> str:
    if original.html and len(original.html) <= MOST_HTML:
        return original.html
    return as_html("\n".join((text, *cut)))
