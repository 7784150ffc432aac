"""The tree of MIME parts as offsets into the raw mail (RFC 2046), broken boundaries mended; no body is copied or decoded here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.inbound.budget import Budget
from gateway.inbound.header import header_start, read_block
from gateway.inbound.parameter import value_of
from gateway.inbound.transfer import encoding_named

_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]{1,80}/[!#$%&'*+.^_`|~0-9a-z-]{1,120}")
_GUESSES, _NEAR = 5, 200_000
"""Lines tried as a boundary, and how far on each is looked for: a mail made to be guessed at must not cost more than others."""
_PART_HEADER = "The header of a part is longer than what is read."
_MISSES = 12
"""Hyphens looked at one by one before the whole mark is searched for: what is encoded has none, and a single octet is found ten times as fast."""
_CONTENT_FIELD = re.compile(rb"content-[a-z]", re.IGNORECASE)


@dataclass(slots=True, eq=False)
class Part:
    """One part: its header from `start`, its body from `body` to `end`; children only where it is multipart and could be split."""

    start: int
    end: int
    body: int = 0
    content_type: str = "text/plain"
    parameters: dict[str, str] = field(default_factory=dict)
    disposition: str = ""
    disposition_parameters: dict[str, str] = field(default_factory=dict)
    encoding: str = ""
    content_id: bytes = b""
    content_location: bytes = b""
    inside: str = ""
    """Content type of the multipart it stands in, '' for the mail itself."""
    depth: int = 0
    children: list[Part] = field(default_factory=list)


@dataclass(slots=True)
class Tree:
    """The mail as parts, with the fields of its own header, what had to be mended, and what was left out for the budget."""

    root: Part
    fields: list[tuple[str, bytes]]
    defects: list[str] = field(default_factory=list)
    excess: list[str] = field(default_factory=list)

    def leaves(self) -> Iterator[Part]:
        """All parts that are not split, in the order of the mail."""
        stack = [self.root]
        while stack:
            part = stack.pop()
            if part.children:
                stack.extend(reversed(part.children))
            else:
                yield part


def scan(raw: bytes, budget: Budget) -> Tree:
    """The tree of a raw mail. Never raises; linear in the size of the mail for each level of nesting."""
    root = Part(header_start(raw), len(raw))
    block = read_block(raw, root.start, root.end, budget.header_bytes, budget.fields_seen)
    root.body = block.body
    tree = Tree(root, block.fields)
    tree.excess.extend(block.defects)
    _describe(root, block.fields, "text/plain")
    _split_all(raw, tree, budget)
    return tree


def _split_all(raw: bytes, tree: Tree, budget: Budget) -> None:
    """Split multiparts level by level with a stack of our own: nesting is bounded by the budget, not by Python's recursion."""
    stack, parts = [tree.root], 1
    while stack:
        part = stack.pop()
        if not part.content_type.startswith("multipart/"):
            continue
        if part.depth >= budget.depth:
            tree.excess.append(f"Parts nested deeper than {budget.depth} levels were not opened.")
            continue
        spans = _spans(raw, part, tree, budget.parts - parts + 1)
        parts += len(spans)
        if parts > budget.parts:
            tree.excess.append(f"The mail has more than {budget.parts} parts; the rest were not read.")
            spans = spans[: budget.parts - parts]
            parts = budget.parts
        part.children = [_read_part(raw, part, start, end, tree, budget) for start, end in spans]
        stack.extend(reversed(part.children))


def _read_part(raw: bytes, parent: Part, start: int, end: int, tree: Tree, budget: Budget) -> Part:
    part = Part(start, end, inside=parent.content_type, depth=parent.depth + 1)
    block = read_block(raw, start, end, budget.part_header_bytes, budget.fields)
    part.body = min(block.body, end)
    if block.defects and _PART_HEADER not in tree.excess:
        tree.excess.append(_PART_HEADER)
    _describe(part, block.fields, "message/rfc822" if parent.content_type == "multipart/digest" else "text/plain")
    return part


def _describe(part: Part, fields: list[tuple[str, bytes]], default: str) -> None:
    """What the Content-* fields say; the first of each name counts."""
    part.content_type = default
    seen: set[str] = set()
    for name, value in fields:
        key = name.lower()
        if key[:8] != "content-" or key in seen:
            continue
        seen.add(key)
        if key == "content-type":
            content_type, part.parameters = value_of(value[:16_000])
            part.content_type = _sound_type(content_type, default)
        elif key == "content-transfer-encoding":
            part.encoding = encoding_named(value[:200].strip().decode("latin-1").lower())
        elif key == "content-disposition":
            disposition, part.disposition_parameters = value_of(value[:16_000])
            part.disposition = disposition.split(" ")[0]
        elif key == "content-id":
            part.content_id = value[:1_000]
        elif key == "content-location":
            part.content_location = value[:1_000]


def _sound_type(value: str, default: str) -> str:
    """`type/subtype`, or plain text for what is no type (RFC 2045 section 5.2)."""
    found = _TYPE.match(value)
    if found:
        return found.group()
    return "text/html" if value == "html" else default


def _spans(raw: bytes, part: Part, tree: Tree, most: int) -> list[tuple[int, int]]:
    """Offsets of the parts of a multipart, one more than `most` at the utmost.

    A boundary that is missing or never appears is guessed from the first line that looks like one; without such a line the whole is text.
    """
    boundary = (part.parameters.get("boundary") or part.parameters.get("boundary*") or "").encode("latin-1", "replace").rstrip(b" ")
    spans = _delimited(raw, part.body, part.end, boundary, most) if boundary else []
    if spans:
        return spans
    guessed = _guess_boundary(raw, part.body, part.end)
    spans = _delimited(raw, part.body, part.end, guessed, most) if guessed else []
    if part.end - part.body > 2 or spans:
        tree.defects.append("The boundary between the parts is missing or wrong" + ("; it was guessed." if spans else ", so they are shown as text."))
    if not spans:
        part.content_type = "text/plain"
    return spans


def _delimited(raw: bytes, start: int, end: int, boundary: bytes, most: int) -> list[tuple[int, int]]:
    """Spans between delimiter lines (RFC 2046 section 5.1.1); a missing last delimiter ends with the enclosing part."""
    mark = b"\n--" + boundary
    spans: list[tuple[int, int]] = []
    opened = -1
    at = start - 1 if raw.startswith(mark[1:], start) else _next_mark(raw, mark, start, end)
    while at >= 0 and len(spans) <= most:
        after = at + len(mark)
        closing = raw.startswith(b"--", after)
        line_end = raw.find(b"\n", after, end)
        if _only_blanks(raw, after + 2 if closing else after, line_end if line_end >= 0 else end):
            if opened >= 0:
                spans.append((opened, _before_line_end(raw, opened, at)))
            opened = -1 if closing or line_end < 0 else line_end + 1
            if closing:
                break
        at = _next_mark(raw, mark, after if line_end < 0 else line_end, end)
    if opened >= 0 and len(spans) <= most:
        spans.append((opened, end))
    return spans


def _next_mark(raw: bytes, mark: bytes, start: int, end: int) -> int:
    """What `raw.find(mark, start, end)` gives, for a mark that begins with a line feed and a hyphen."""
    hyphen = start
    for _ in range(_MISSES):
        hyphen = raw.find(b"-", hyphen + 1, end)
        if hyphen < 0:
            return -1
        if raw.startswith(mark, hyphen - 1, end):
            return hyphen - 1
    return raw.find(mark, hyphen, end)


def _only_blanks(raw: bytes, start: int, end: int) -> bool:
    return start >= end or (end - start < 200 and not raw[start:end].strip())


def _before_line_end(raw: bytes, start: int, at: int) -> int:
    """The line end before a delimiter belongs to the delimiter."""
    end = at - 1 if at > start and raw[at - 1] == 13 else at
    return max(start, end)


def _guess_boundary(raw: bytes, start: int, end: int) -> bytes:
    """What follows `--` in the first line of that shape that is followed by a Content field or appears again."""
    at = start - 1 if raw.startswith(b"--", start) else raw.find(b"\n--", start, end)
    for _ in range(_GUESSES):
        if at < 0:
            break
        line_end = raw.find(b"\n", at + 1, end)
        if line_end < 0:
            break
        boundary = raw[at + 3 : min(line_end, at + 300)].rstrip()
        if boundary and b" " not in boundary:
            if _CONTENT_FIELD.match(raw, line_end + 1) or raw.find(b"\n--" + boundary, line_end, min(end, line_end + _NEAR)) >= 0:
                return boundary
        at = raw.find(b"\n--", line_end, end)
    return b""
