"""Readable text out of HTML, quotations marked with `> ` so that `content.py` finds them; making HTML safe is `sanitise.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape

from gateway.inbound.charset import clean
from gateway.inbound.html_quotes import TAG, VOID, Drawn, drawn, is_indent

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


@dataclass(slots=True)
class Page:
    """The text of HTML line by line, what its tree draws at some of the lines, and which leaves (texts, breaks, pictures) each line comes from."""

    lines: list[str] = field(default_factory=list)
    drawn: dict[int, Drawn] = field(default_factory=dict)
    leaves: list[tuple[int, int]] = field(default_factory=list)
    """For each line its first leaf and the one after its last."""
    count: int = 0
    """Leaves in all."""

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip("\n")


class _Text:
    """Lines under construction: the pieces of the present line, the quote depth, and whether an empty line is due."""

    def __init__(self) -> None:
        self.page = Page()
        self.lines = self.page.lines
        self.pieces: list[str] = []
        self.quote = 0
        self.gap = False
        self.bullet = ""
        self.pre = 0
        self.since = 0
        """The first leaf of the present line."""
        self.inside: list[tuple[int, Drawn]] = []
        """The open elements that draw something, with their depth in the tree."""
        self.cut = False

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
        self._append((self.mark() + self.bullet + line).rstrip(), self.since)
        if line:
            self._draw()
        self.since = max(self.since, self.page.count - 1) if self.pre else self.page.count
        self.bullet = ""

    def _append(self, line: str, since: int) -> None:
        self.lines.append(line)
        self.page.leaves.append((since, self.page.count))

    def _draw(self) -> None:
        number = len(self.lines) - 1
        if self.cut:
            self.page.drawn[number] = Drawn.CUT
            self.cut = False
        elif self.inside:
            self.page.drawn[number] = self.inside[-1][1]

    def end_gap(self) -> None:
        """The empty line that is due, if any, at the present depth of quotation."""
        if self.gap and self.lines:
            self._append(self.mark().rstrip(), self.page.count)
        self.gap = False

    def mark(self) -> str:
        return "> " * min(self.quote, _DEEPEST_QUOTE)

    def open(self, name: str, attributes: str, depth: int) -> None:
        """Note what an element draws."""
        said = drawn(name, attributes)
        if said is Drawn.CUT:
            self.end_line()
            self.cut = True
        elif said is not None and name not in VOID:
            self.end_line()
            self.inside.append((depth, said))


def text_of(html: str) -> str:
    """The text of sanitised HTML: paragraphs, list items, link targets, quotations by `> `. Linear in its length."""
    return page_of(html).text


def page_of(html: str) -> Page:
    """The same line by line, with what the tree says of each line."""
    out = _Text()
    links: list[tuple[str, int]] = []
    indents: list[bool] = []
    depth = end = 0
    for found in TAG.finditer(html):
        if found.start() > end:
            out.page.count += 1
            out.add(html[end : found.start()])
        end = found.end()
        closing, name, attributes = found.groups()
        if name in VOID:
            out.page.count += 1
        elif closing:
            depth -= 1
        if name == "br":
            out.end_line(kept=True)
        elif name in _BLOCKS:
            quotes = name == "blockquote"
            if quotes and not closing:
                indents.append(is_indent(attributes))
            indented = quotes and bool(indents) and (indents.pop() if closing else indents[-1])
            _block(out, "div" if indented else name, bool(closing))
        elif name == "a":
            _link(out, links, bool(closing), attributes)
        elif name in ("td", "th") and not closing:
            out.pieces.append(" ")
        elif name == "img":
            out.add(" ".join(f"[{value}]" for key, value in _ATTRIBUTE.findall(attributes) if key == "alt" and value))
        if closing:
            while out.inside and out.inside[-1][0] >= depth:
                out.end_line()
                out.inside.pop()
        else:
            if attributes and name != "a":
                out.open(name, attributes, depth)
            depth += name not in VOID
    if end < len(html):
        out.page.count += 1
    out.add(html[end:])
    out.end_line()
    return out.page


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
