"""Readable text out of HTML, quotations marked with `> ` so that `content.py` finds them; making HTML safe is `sanitise.py`."""

from __future__ import annotations

import re
from html import unescape

from gateway.inbound.charset import clean

_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [^\s=>"/]++="[^"]*+")*+) ?/?>')
_ATTRIBUTE = re.compile(r'([^\s=>"/]++)="([^"]*+)"')
_ANY_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})[^<>]*+>")
_SPACE = re.compile(r"[ \t\n\f\u00a0]+")
_BLOCKS = frozenset(
    """address article blockquote center dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header hr li main ol p pre section
    table tr ul""".split()
)
_SPACED = frozenset("blockquote h1 h2 h3 h4 h5 h6 ol p pre table ul".split())
_DEEPEST_QUOTE = 10
_HIDDEN = ("style", "script", "title", "head")


class _Text:
    """Lines under construction: the pieces of the present line, the quote depth, and whether an empty line is due."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.pieces: list[str] = []
        self.quote = 0
        self.gap = False
        self.bullet = ""
        self.pre = 0

    def add(self, text: str) -> None:
        if "&" in text:
            text = unescape(text)
        if self.pre:
            first, *more = text.split("\n")
            self.pieces.append(first)
            for line in more:
                self.end_line(kept=True)
                self.pieces.append(line)
        else:
            self.pieces.append(_SPACE.sub(" ", text))

    def end_line(self, *, kept: bool = False) -> None:
        line = "".join(self.pieces)
        line = line.rstrip() if self.pre else _SPACE.sub(" ", line).strip()
        self.pieces = []
        if not line and not kept:
            return
        self.end_gap()
        self.lines.append((self.mark() + self.bullet + line).rstrip())
        self.bullet = ""

    def end_gap(self) -> None:
        """The empty line that is due, if any, at the present depth of quotation."""
        if self.gap and self.lines:
            self.lines.append(self.mark().rstrip())
        self.gap = False

    def mark(self) -> str:
        return "> " * min(self.quote, _DEEPEST_QUOTE)


def text_of(html: str) -> str:
    """The text of sanitised HTML: paragraphs, list items, link targets, quotations by `> `. Linear in its length."""
    out = _Text()
    links: list[tuple[str, int]] = []
    end = 0
    for found in _TAG.finditer(html):
        if found.start() > end:
            out.add(html[end : found.start()])
        end = found.end()
        closing, name, attributes = found.groups()
        if name == "br":
            out.end_line(kept=True)
        elif name in _BLOCKS:
            _block(out, name, bool(closing))
        elif name == "a":
            _link(out, links, bool(closing), attributes)
        elif name in ("td", "th") and not closing:
            out.pieces.append(" ")
        elif name == "img":
            out.add(" ".join(f"[{value}]" for key, value in _ATTRIBUTE.findall(attributes) if key == "alt" and value))
    out.add(html[end:])
    out.end_line()
    return "\n".join(out.lines).strip("\n")


def _block(out: _Text, name: str, closing: bool) -> None:
    out.end_line()
    if name == "pre":
        out.pre = max(0, out.pre + (-1 if closing else 1))
    if name == "blockquote" and closing:
        out.quote = max(0, out.quote - 1)
    if name in _SPACED:
        out.gap = True
    if name == "li" and not closing:
        out.bullet = "- "
    if name == "hr":
        out.pieces.append("________________________________")
        out.end_line()
    if name == "blockquote" and not closing:
        out.end_gap()
        out.quote += 1


def _link(out: _Text, links: list[tuple[str, int]], closing: bool, attributes: str) -> None:
    """The target behind the text, unless the text says it already."""
    if not closing:
        target = next((value for key, value in _ATTRIBUTE.findall(attributes) if key == "href"), "")
        links.append((unescape(target), len(out.pieces)))
        return
    if not links:
        return
    target, since = links.pop()
    shown = "".join(out.pieces[since:]).strip()
    bare = target.removeprefix("mailto:").removeprefix("tel:")
    if target and shown and bare.rstrip("/") not in shown and shown not in target:
        out.pieces.append(f" <{bare}>")


def stripped(html: str) -> str:
    """The text of HTML that was not sanitised, roughly: tags gone, blocks on lines of their own. For what `sanitise` refuses."""
    for name in _HIDDEN:
        html = _without(html, f"<{name}", f"</{name}")
    html = _without(html, "<!--", "-->")
    text = _ANY_TAG.sub(lambda tag: "\n" if tag.group(2).lower() in _BLOCKS or tag.group(2).lower() == "br" else "", html)
    lines = (_SPACE.sub(" ", line).strip() for line in clean(unescape(text)).split("\n"))
    return "\n".join(line for line in lines if line)


def _without(html: str, opening: str, closing: str) -> str:
    """Without everything from each `opening` to the next `closing`; an opening that is never closed is left alone."""
    folded = html.lower()
    if len(folded) != len(html):
        folded = html
    pieces: list[str] = []
    position = 0
    while (at := folded.find(opening, position)) >= 0:
        end = folded.find(closing, at)
        if end < 0:
            break
        pieces.append(html[position:at])
        position = end + len(closing) if closing == "-->" else max(folded.find(">", end) + 1, end + len(closing))
    return "".join(pieces) + html[position:]
