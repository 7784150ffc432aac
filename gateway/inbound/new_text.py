"""A mail's text and HTML brought together: what is new, what is quoted, where pages fold it, and the mail it forwards."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from core.mail import Forwarded
from gateway.inbound.content import Split, lines_of, sides, split_lines
from gateway.inbound.forwarded import forwarded_in
from gateway.inbound.html_quotes import NEW, QUOTED, folded, may_quote
from gateway.inbound.plain import Page, page_of
from gateway.routing.forward import is_answer, is_forward


@dataclass(frozen=True, slots=True)
class Content:
    """What a person wrote and what a program added; `html` has its folds."""

    new_text: str
    quoted_text: str
    html: str
    forwarded: Forwarded | None = None


def read_content(text: str, html: str, page: Page | None, subject: str, *, replies: bool, recipients: Collection[str] = ()) -> Content:
    """Decide on the lines of the text, or of the HTML (`page`) where it is the text.

    `replies`: the header names a mail that this one answers. A mail that answers nothing by its header nor by its subject loses nothing to a guess;
    but it is an answer, too, if what it quotes was written by one of its `recipients` (address keys).
    """
    sure = is_forward(subject)
    answer = not sure and (replies or is_answer(subject))
    lines = page.lines if page is not None else lines_of(text)
    drawn = page.drawn if page is not None else None
    found = Split([False] * len(lines), True) if sure else split_lines(lines, answer=answer, drawn=drawn)
    original = forwarded_in(lines, subject=subject, sure=sure, answer=answer) if found.forward else None
    if original is not None and not sure and not answer and original.from_ is not None and original.from_.key in recipients:
        answer = True
        found = split_lines(lines, answer=True, drawn=drawn)
        original = original if found.forward else None
    if html and not found.forward:
        if page is not None:
            html = _folded(html, page, found)
        elif answer or may_quote(html):
            found, html = _by_html(lines, found, html, answer=answer)
    return Content(*sides(lines, found.quoted), html, original)


def _by_html(lines: list[str], found: Split, html: str, *, answer: bool) -> tuple[Split, str]:
    """Fold the HTML by its own tree; where the text has nothing that could be told, cut it where the HTML is cut."""
    page = page_of(html)
    drawn = split_lines(page.lines, answer=answer, drawn=page.drawn)
    if drawn.forward or True not in drawn.quoted:
        return found, html
    if True not in found.quoted:
        found = _cut_like(lines, page.lines, drawn.quoted) or found
    return found, _folded(html, page, drawn)


def _cut_like(lines: list[str], shown: list[str], quoted: list[bool]) -> Split | None:
    """The text cut after the words that are new in the HTML, if they are the text's first words and all that follows them is quoted."""
    cut = quoted.index(True)
    if any(line.strip() and not away for line, away in zip(shown[cut:], quoted[cut:], strict=True)):
        return None
    wanted = _letters("".join(shown[:cut]))
    have = 0
    for number, line in enumerate(lines):
        if have == len(wanted):
            return Split([False] * number + [True] * (len(lines) - number)) if wanted else None
        piece = _letters(line)
        if not wanted.startswith(piece, have):
            return None
        have += len(piece)
    return None


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


def _folded(html: str, page: Page, found: Split) -> str:
    if True not in found.quoted:
        return html
    marks = bytearray(page.count)
    for (first, end), away, line in zip(page.leaves, found.quoted, page.lines, strict=True):
        if line:
            for leaf in range(first, end):
                marks[leaf] |= QUOTED if away else NEW
    return folded(html, marks)
