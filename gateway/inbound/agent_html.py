"""An agent's own words as HTML: the part of a mail's HTML that says a given text and nothing else; which text that is, is `core/agent_text.py`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from core.agent_text import AgentText, letters, own_words
from core.mail import Mail
from gateway.inbound.content import split
from gateway.inbound.html_quotes import TAG, VOID
from gateway.inbound.line import is_footer, normal
from gateway.inbound.plain import Page, page_of, text_of
from gateway.routing.forward import is_answer

LONGEST = 800_000
"""Characters of HTML beyond which the text is taken."""

_UNSEEN = re.compile(r' (?:class|id|name|title|lang)="[^"]*+"')
_NAMED = re.compile(r' alt="[^"]*+"')
"""Attributes that show nothing, and may say what is not in the text."""
_TARGET = re.compile(r' href="[^"]*+"')
_INSIDE = ' src="cid:'
"""Of a picture that came with the mail; any other is fetched, and goes."""


def words_of(mail: Mail, told: str, *, theirs: str = "", language: str = "en") -> AgentText:
    """The agent's own words in text and HTML; see `core.agent_text.own_words`. A mail that answers us is an answer, whatever its header says."""
    if not (mail.in_reply_to or mail.references or is_answer(mail.subject)) and mail.forwarded is None:
        mail = replace(mail, new_text=split(mail.text, answer=True)[0])
    return own_words(mail, told, theirs=theirs, cut=html_saying, footer=_is_footer, language=language)


def _is_footer(line: str) -> bool:
    return is_footer(normal(line))


def html_saying(html: str, text: str) -> str:
    """The part of sanitised HTML whose words are those of `text`, in their order; '' where it cannot be cut out so that nothing else is in it.

    Pictures that came with the mail and stand between the words, or right below them, stay.
    """
    wanted = letters(text)
    html = _NAMED.sub("", html)
    if not wanted or len(html) > LONGEST:
        return ""
    return _cut_to(html, wanted, html) or (_cut_to(html, wanted, _TARGET.sub("", html)) if _TARGET.search(html) else "")


def _cut_to(html: str, wanted: str, shown: str) -> str:
    """The part with the wanted letters; `shown` is the same HTML, with or without the targets of links: texts name them or not."""
    page = page_of(shown)
    kept = _kept_lines(page.lines, wanted)
    leaves = _leaves(page, kept, _spoken(html, page.count)) if kept else None
    if leaves is None:
        return ""
    cut = _cut(html, leaves)
    return cut if letters(text_of(cut if shown is html else _TARGET.sub("", cut))) == wanted else ""


def _kept_lines(lines: Sequence[str], wanted: str) -> list[bool]:
    """For each line whether it is of the text, an empty one whether it stands between such; [] where the text is not all there."""
    kept: list[bool | None] = []
    at = 0
    for line in lines:
        said = letters(line)
        fits = bool(said) and wanted.startswith(said, at)
        kept.append(fits if said else None)
        at += len(said) if fits else 0
    return _with_gaps(kept) if at == len(wanted) else []


def _with_gaps(kept: Sequence[bool | None]) -> list[bool]:
    above, below = _last_known(kept), _last_known(kept[::-1])[::-1]
    return [bool(one) if one is not None else above[number] and below[number] for number, one in enumerate(kept)]


def _last_known(kept: Sequence[bool | None]) -> list[bool]:
    known, last = [], False
    for one in kept:
        last = last if one is None else one
        known.append(last)
    return known


def _leaves(page: Page, kept: Sequence[bool], spoken: bytearray) -> bytearray | None:
    """For each leaf whether it is kept; None where one leaf stands in a line that is and in one that is not."""
    marks, gone = bytearray(page.count), bytearray(page.count)
    above = False
    for (first, end), keeps, line in zip(page.leaves, kept, page.lines, strict=True):
        start = first
        while above and not keeps and line.strip() and start < end and not spoken[start]:
            marks[start] = 1  # a picture in no line of its own is counted to the line below it
            start += 1
        for leaf in range(start, end):
            if keeps:
                marks[leaf] = 1
            elif line.strip():
                gone[leaf] = 1
        above = keeps or (above and not line.strip())
    return None if any(one and other for one, other in zip(marks, gone, strict=True)) else marks


def _spoken(html: str, count: int) -> bytearray:
    """For each leaf whether it is a text that says something."""
    spoken = bytearray(count)
    leaf = end = 0
    for tag in TAG.finditer(html):
        if tag.start() > end:
            spoken[leaf] = bool(html[end : tag.start()].strip())
            leaf += 1
        end = tag.end()
        leaf += tag.group(2) in VOID
    if end < len(html) and leaf < count:
        spoken[leaf] = bool(html[end:].strip())
    return spoken


def _cut(html: str, leaves: bytearray) -> str:
    """The HTML without the other leaves, without elements that have none left, without pictures."""
    filled = _filled(html, leaves)
    out: list[str] = []
    path: list[bool] = []
    leaf = element = end = 0
    for tag in TAG.finditer(html):
        if tag.start() > end:
            if leaves[leaf]:
                out.append(html[end : tag.start()])
            leaf += 1
        end = tag.end()
        closing, name, _ = tag.groups()
        shown = _UNSEEN.sub("", tag.group())
        if name in VOID:
            if leaves[leaf] and (name != "img" or _INSIDE in shown):
                out.append(shown)
            leaf += 1
        elif not closing:
            path.append(filled[element])
            element += 1
            if path[-1]:
                out.append(shown)
        elif path and path.pop():
            out.append(shown)
    if end < len(html) and leaves[leaf]:
        out.append(html[end:])
    return "".join(out).strip()


def _filled(html: str, leaves: bytearray) -> list[bool]:
    """For each element in the order of their opening tags whether a kept leaf stands in it."""
    filled: list[bool] = []
    path: list[int] = []
    leaf = end = 0

    def count() -> None:
        nonlocal leaf
        if path and leaves[leaf]:
            filled[path[-1]] = True
        leaf += 1

    for tag in TAG.finditer(html):
        if tag.start() > end:
            count()
        end = tag.end()
        closing, name, _ = tag.groups()
        if name in VOID:
            count()
        elif not closing:
            path.append(len(filled))
            filled.append(False)
        elif path:
            below = path.pop()
            if path and filled[below]:
                filled[path[-1]] = True
    for below, above in zip(reversed(path[1:]), reversed(path[:-1]), strict=True):
        filled[above] = filled[above] or filled[below]
    return filled
