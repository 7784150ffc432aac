"""Where the tree of sanitised HTML says that something is quoted, and the folds put around it; the words are weighed by `content.py`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum

TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [^\s=>"/]++="[^"]*+")*+) ?/?>')
"""One tag as the sanitiser writes it: nothing else in its HTML begins so."""
VOID = frozenset(("br", "hr", "img", "wbr", "col"))
FOLD = '<div class="guichet-quote">'
"""Ours alone: the sanitiser lets no foreign mail use the class."""


class Drawn(IntEnum):
    """What an element is by what its mail program called it."""

    HEADER = 1
    """`On …, X wrote:`, in an element of its own."""
    QUOTE = 2
    """All of it is quoted."""
    CUT = 3
    """From here on all is quoted, or forwarded."""


_BY_CLASS = {
    "gmail_attr": Drawn.HEADER,
    "moz-cite-prefix": Drawn.HEADER,
    "yahoo_quoted": Drawn.QUOTE,
    "protonmail_quote": Drawn.QUOTE,
    "ms-outlook-mobile-reference-message": Drawn.CUT,
}
_BY_ID = {"divRplyFwdMsg": Drawn.CUT, "appendonsend": Drawn.CUT, "zwchr": Drawn.CUT}
_OUTLOOK_RULE = re.compile(r"border-top: ?solid (?:#e1e1e1|#b5c4df|rgb\(225, ?225, ?225\)|rgb\(181, ?196, ?223\))", re.IGNORECASE)
"""The thin line above the header block of desktop Outlook; people draw their own in other colours."""
_ATTRIBUTE = re.compile(r' ([^\s=>"/]++)="([^"]*+)"')
_MAY = ("<blockquote", "moz-cite-prefix", "ms-outlook-mobile-reference-message", "divRplyFwdMsg", "appendonsend", "zwchr", 'name="quote"', "border-top", "<hr")
_MAY_CLASSES = ("gmail_attr", "yahoo_quoted", "protonmail_quote")
_NO_FOLD_IN = frozenset("p h1 h2 h3 h4 h5 h6 table thead tbody tfoot tr colgroup ul ol dl a".split())
"""Elements in which a reader of HTML would move or break a division."""
QUOTED, NEW = 1, 2
"""What a leaf belongs to; one of neither (white space, a break) goes with its neighbours."""


def may_quote(html: str) -> bool:
    """Whether anything in it is drawn the way quotations are."""
    return any(words in html for words in _MAY) or ("_" in html and any(words in html for words in _MAY_CLASSES))


def drawn(name: str, attributes: str) -> Drawn | None:
    """What an element's class, id, name or style makes of it."""
    values = dict(_ATTRIBUTE.findall(attributes))
    for one in values.get("class", "").split():
        if one in _BY_CLASS and not (name == "blockquote" and _BY_CLASS[one] is Drawn.QUOTE):
            return _BY_CLASS[one]
    if values.get("id") in _BY_ID:
        return _BY_ID[values["id"]]
    if name == "div" and values.get("name") == "quote":
        return Drawn.QUOTE
    return Drawn.CUT if "border-top" in values.get("style", "") and _OUTLOOK_RULE.search(values["style"]) else None


def is_indent(attributes: str) -> bool:
    """Whether a blockquote is what editors make of *indent*: a margin, no line at its side, no name of a quotation."""
    values = dict(_ATTRIBUTE.findall(attributes))
    style = values.get("style", "").replace(" ", "")
    named = values.get("type") or values.get("class")
    return not named and "margin" in style and "40px" in style and ("border:none" in style or "border" not in style)


def folded(html: str, leaves: Sequence[int]) -> str:
    """The HTML with a fold around each stretch of quoted leaves (texts, breaks and pictures in their order, `QUOTED` or `NEW` each)."""
    if not any(mark & QUOTED for mark in leaves):
        return html
    return _Folder(html, leaves, _summaries(html, leaves)).result()


def _summaries(html: str, leaves: Sequence[int]) -> list[int]:
    """For each element in the order of their opening tags: what its leaves are, joined."""
    sums: list[int] = []
    path: list[int] = []
    leaf = end = 0

    def count() -> None:
        nonlocal leaf
        if path and leaf < len(leaves):
            sums[path[-1]] |= leaves[leaf]
        leaf += 1

    for tag in TAG.finditer(html):
        if tag.start() > end:
            count()
        end = tag.end()
        closing, name, _ = tag.groups()
        if name in VOID:
            count()
        elif not closing:
            path.append(len(sums))
            sums.append(0)
        elif path:
            below = path.pop()
            if path:
                sums[path[-1]] |= sums[below]
    while len(path) > 1:
        below = path.pop()
        sums[path[-1]] |= sums[below]
    return sums


class _Frame:
    """One open element: whether folds may stand in it, whether it lies in one, and whether one is open in it."""

    __slots__ = ("inside", "may", "open")

    def __init__(self, may: bool, inside: bool) -> None:
        self.may = may
        self.inside = inside
        self.open = False


class _Folder:
    """Writes the HTML again, opening a fold before what is quoted and closing it before what is new and where its element ends."""

    def __init__(self, html: str, leaves: Sequence[int], sums: Sequence[int]) -> None:
        self.html, self.leaves, self.sums = html, leaves, sums
        self.out: list[str] = []
        self.path = [_Frame(True, False)]

    def result(self) -> str:
        """The folded HTML."""
        leaf = element = end = 0
        for tag in TAG.finditer(self.html):
            if tag.start() > end:
                self._node(self._mark(leaf))
                self.out.append(self.html[end : tag.start()])
                leaf += 1
            end = tag.end()
            closing, name, _ = tag.groups()
            if name in VOID:
                self._node(self._mark(leaf))
                leaf += 1
            elif not closing:
                self._node(self.sums[element])
                above = self.path[-1]
                self.path.append(_Frame(name not in _NO_FOLD_IN, above.inside or above.open))
                element += 1
            elif len(self.path) > 1:
                self._shut(self.path.pop())
            self.out.append(tag.group())
        if end < len(self.html):
            self._node(self._mark(leaf))
            self.out.append(self.html[end:])
        while self.path:
            self._shut(self.path.pop())
        return "".join(self.out)

    def _mark(self, leaf: int) -> int:
        return self.leaves[leaf] if leaf < len(self.leaves) else 0

    def _node(self, mark: int) -> None:
        """Before a leaf or an element of this mark."""
        frame = self.path[-1]
        if frame.inside or not frame.may:
            return
        if mark == QUOTED and not frame.open:
            self.out.append(FOLD)
            frame.open = True
        elif mark & NEW and frame.open:
            self.out.append("</div>")
            frame.open = False

    def _shut(self, frame: _Frame) -> None:
        if frame.open:
            self.out.append("</div>")
