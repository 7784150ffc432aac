"""The layout of every mail to our own people, in text and HTML, and the words all of them share; what one of them tells is said by whoever makes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from core.marker import line, marked
from core.wording import clean_line, clean_text

MOST_SECTION = 20_000
"""Characters of one section; what is longer is cut, with a sentence that says so."""
MOST_HEADING = 160
"""Characters between two marks: more would not be found by them again (`core/marker.py`)."""
MOST_LEAD = 2_000
MOST_SECTIONS = 60
MOST_LINKS = 20

WORDS: dict[str, dict[str, str]] = {
    "en": {"colon": ":", "links": "What you can do here", "cut": "[… cut here: the rest is on the item.]"},
    "fr": {"colon": " :", "links": "Ce que vous pouvez faire ici", "cut": "[… coupé ici : la suite se trouve sur l’élément.]"},
}
"""Language → what the layout itself says."""

_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:15px;line-height:1.5"
_FAINT = "opacity:0.75;font-size:13px"
_HEADING = "opacity:0.75;font-size:13px;margin:20px 0 4px"
_SAID = "margin:0 0 8px;padding:2px 0 2px 12px;border-left:3px solid #9a9a9a;overflow-wrap:anywhere"
_LINK = "color:#2f7fd1"
"""Paler than the reader's own ink, and a blue that can be read on white and on black: no background is set, so that a dark mail program keeps its own."""

_ANY_BLANK = r"[\s\u00a0\u202f\u2007\u200b\u2060\ufeff]*"
_MARK = re.compile(rf"##({_ANY_BLANK}-)|(-{_ANY_BLANK})##")
"""Both ends of a mark, however `core/marker.py` would find it again."""


def spoken(language: str) -> str:
    """The language of ours in which somebody is written to: `fr` for `fr-CH`, English for what we do not speak."""
    found = language.partition("-")[0].lower()
    return found if found in WORDS else "en"


def letter(language: str, *, lead: str, sections: Sequence[tuple[str, str]] = (), links: Sequence[tuple[str, str]] = (), says: str = "") -> tuple[str, str]:
    """(text, HTML) of a mail to one of our people, for any words in it.

    First line: the one above which an answer is written. Then the `lead`, each section under its heading, the links (label, URL), and
    last what an answer does. Headings and the last line stand between marks, so that no part of it goes unknown; marks that others wrote are
    broken, so that they cannot pass for ours.
    """
    kept = [(heading_of(heading), _section(text, language)) for heading, text in sections[:MOST_SECTIONS]]
    named = [(clean_line(label, 200), url) for label, url in links[:MOST_LINKS] if url.startswith(("https://", "http://")) and not _blank(url)]
    opening, closing = _unmarked(clean_text(lead, MOST_LEAD)), heading_of(says)
    return _text(language, opening, kept, named, closing), _html(language, opening, kept, named, closing)


def heading_of(words: str) -> str:
    """One line that can stand between marks: no mark of its own, never too long."""
    return clean_line(clean_line(words, 2 * MOST_HEADING).replace("#", " "), MOST_HEADING)


def _text(language: str, lead: str, sections: Sequence[tuple[str, str]], links: Sequence[tuple[str, str]], says: str) -> str:
    parts = [line(language), lead]
    parts += [f"{marked(heading)}\n{text}".rstrip() for heading, text in sections]
    if links:
        parts.append("\n".join((marked(WORDS[spoken(language)]["links"]), *(f"{label}{WORDS[spoken(language)]['colon']} {url}" for label, url in links))))
    if says:
        parts.append(marked(says))
    return "\n\n".join(filter(None, parts)) + "\n"


def _html(language: str, lead: str, sections: Sequence[tuple[str, str]], links: Sequence[tuple[str, str]], says: str) -> str:
    parts = [f'<p style="{_FAINT};margin:0 0 16px">{escape(line(language))}</p>']
    if lead:
        parts.append(f'<p style="margin:0 0 8px">{_lines(lead)}</p>')
    for heading, text in sections:
        parts.append(_heading(heading))
        if text:
            parts.append(f'<div style="{_SAID}">{_lines(text)}</div>')
    if links:
        parts.append(_heading(WORDS[spoken(language)]["links"]))
        anchors = (f'<a style="{_LINK}" href="{escape(url)}">{escape(label)}</a>' for label, url in links)
        parts.append(f'<p style="margin:0 0 8px">{"<br>".join(anchors)}</p>')
    if says:
        parts.append(f'<p style="{_FAINT};margin:24px 0 0">{escape(marked(says))}</p>')
    return "\n".join(
        (
            "<!DOCTYPE html>",
            f'<html lang="{spoken(language)}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark"></head>',
            f'<body style="margin:0;padding:16px"><div style="max-width:640px;{_FONT}">',
            *parts,
            "</div></body></html>\n",
        )
    )


def _heading(words: str) -> str:
    return f'<p style="{_HEADING}">{escape(marked(words))}</p>'


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>\n")


def _section(text: str, language: str) -> str:
    kept = clean_text(text, MOST_SECTION + 1)
    return _unmarked(kept if len(kept) <= MOST_SECTION else f"{kept[:MOST_SECTION].rstrip()}\n{WORDS[spoken(language)]['cut']}")


def _unmarked(text: str) -> str:
    """The text with every mark in it broken: it was not ours."""
    return _MARK.sub(lambda found: f"# #{found[1]}" if found[1] else f"{found[2]}# #", text)


def _blank(url: str) -> bool:
    return any(char.isspace() or char in '<>"' or not char.isprintable() for char in url)
