"""What the desk adds to a mail by itself: the line that says how to answer (B-MT-07); a person's signature is in their text already (`core/signature.py`)."""

from __future__ import annotations

import re
from html import escape

from core.connector import PlusMode
from core.outbox import Draft, Purpose
from core.setup import Connector, Setup
from core.signature import DELIMITER, HTML_BEGINS
from gateway.outbound.template_values import OF_ITEM, REPLY_INSTRUCTIONS

HTML_LINE = '<p class="reply-instructions">'

_ABOVE_HTML = re.compile(rf'{re.escape(HTML_BEGINS)}|(?:<p>[^<]{{0,1000}}</p>\s*)?<blockquote type="cite">|<p>-{{5,20}} ')
"""Where the author's own words end: at the signature, or at what is quoted or handed on (`core/quoting.py`)."""
_BODY = re.compile(r"<body\b[^>]{0,2000}>", re.IGNORECASE)


def with_instructions(draft: Draft, connector: Connector, setup: Setup, ref: str, text: str, html: str, *, language: str) -> tuple[str, str]:
    """Text and HTML with the line how to answer, where the mailbox has `plus_addressing = "only"` and the mail is to a customer about an item.

    Automatic mails have it at the very top, those by people above the signature, else below their words; what is quoted says it no second time.
    """
    if connector.plus_mode is not PlusMode.ONLY or not ref or draft.purpose not in (Purpose.PERSON, *OF_ITEM):
        return text, html
    from gateway.outbound.bodies import clean_text
    from gateway.outbound.templates import render  # Jinja2 is imported only where there is something to render

    words = render(setup, REPLY_INSTRUCTIONS, language, ref, {})
    line = clean_text(words.text).strip()
    line_html = clean_text(words.html).strip() or escape(line).replace("\n", "<br>\n")
    if not line:
        return text, html
    text, html = _without(text, line), _without_html(html, line)
    if draft.purpose is Purpose.PERSON:
        return _above_closing(text, line), _above_closing_html(html, line_html)
    return f"{line}\n\n{text}", _at_top(html, line_html)


def _above_closing(text: str, line: str) -> str:
    lines = text.split("\n")
    place = _end_of_own(lines)
    own, below = "\n".join(lines[:place]).rstrip("\n"), "\n".join(lines[place:])
    return "\n\n".join(filter(None, (own, line, below))) if own or below else line


def _end_of_own(lines: list[str]) -> int:
    """The line at which the signature begins, or what is quoted below, or the end."""
    quote = _start_of_quote(lines)
    signature = next((place for place, one in enumerate(lines[:quote]) if one == DELIMITER), None)
    return quote if signature is None else signature


def _start_of_quote(lines: list[str]) -> int:
    """Where the quoted original begins: the block of `>` at the end with the line above it that says who wrote, or the line above a forwarded mail."""
    forwarded = next((place for place, one in enumerate(lines) if re.match(r"-{5,20} ", one)), len(lines))
    place = len(lines)
    while place and (lines[place - 1].startswith(">") or not lines[place - 1].strip()):
        place -= 1
    if not any(one.startswith(">") for one in lines[place:]):
        return forwarded
    while place and lines[place - 1].strip() and lines[place - 1].rstrip().endswith(":"):
        place -= 1
    return min(place, forwarded)


def _above_closing_html(html: str, line: str) -> str:
    if not html:
        return ""
    found = _ABOVE_HTML.search(html)
    place = found.start() if found else len(html)
    return f"{html[:place]}{HTML_LINE}{line}</p>{html[place:]}"


def _at_top(html: str, line: str) -> str:
    if not html:
        return ""
    found = _BODY.search(html)
    place = found.end() if found else 0
    return f"{html[:place]}{HTML_LINE}{line}</p>{html[place:]}"


def _without(text: str, line: str) -> str:
    """The text without copies of the line, however they are marked and wrapped: of mails before, and of this one where it is sealed again."""
    words = line.split()
    if words[0] not in text:
        return text
    wrapped = r"[\s>|]+".join(map(re.escape, words))
    return re.sub(rf"(?m)^[ >|]*{wrapped}[ \t]*$\n{{0,2}}", "", text)


def _without_html(html: str, line: str) -> str:
    """The HTML without copies of the line: mail programs drop our class and wrap the line as they like."""
    words = line.split()
    if not html or escape(words[0]) not in html:
        return html
    wrapped = r"(?:\s|<br\s?/?>)+".join(re.escape(escape(word)) for word in words)
    return re.sub(rf"{re.escape(HTML_LINE)}\s*{wrapped}\s*</p>|{wrapped}", "", html)
