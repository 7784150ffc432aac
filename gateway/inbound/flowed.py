"""Paragraphs out of text whose lines a mail program broke for the journey (format=flowed, RFC 3676); what such text says is for others."""

from __future__ import annotations

from gateway.inbound.structure import Part

_SIGNATURE = "-- "
"""Ends with a space and is never flowed (RFC 3676 section 4.3)."""
_DEEPEST = 100
"""Quote marks that are counted; a line with more belongs to its sender's joke, not to a paragraph."""


def is_flowed(part: Part) -> bool:
    """Whether the part says so: `text/plain; format=flowed`."""
    return part.content_type == "text/plain" and part.parameters.get("format", "").strip().lower() == "flowed"


def is_delsp(part: Part) -> bool:
    """Whether the space that marks a soft break is not part of the text: `delsp=yes`, for scripts without spaces."""
    return part.parameters.get("delsp", "").strip().lower() == "yes"


def unflowed(text: str, *, delsp: bool = False) -> str:
    """The text with one line per paragraph, quoted ones marked `> `, stuffed spaces gone. Linear in its length."""
    lines: list[str] = []
    paragraph: list[str] = []
    depth = 0
    open_ = False
    for raw in text.split("\n"):
        if not open_ and raw[:1] not in (">", " ") and raw[-1:] != " ":
            lines.append(raw)
            continue
        level, line = _unquoted(raw)
        fixed = line == _SIGNATURE or not line.strip()
        if open_ and (level != depth or line == _SIGNATURE):
            lines.append(_closed(paragraph, depth))
            open_ = False
        if not open_:
            paragraph, depth = [], level
        open_ = line.endswith(" ") and not fixed
        paragraph.append(line[:-1] if open_ and delsp else line)
        if not open_:
            lines.append(_closed(paragraph, depth))
    if open_:
        lines.append(_closed(paragraph, depth))
    return "\n".join(lines)


def _unquoted(line: str) -> tuple[int, str]:
    """The depth of quotation, and the line without its marks and its stuffed space (RFC 3676 sections 4.4, 4.5)."""
    bare = line.lstrip(">") if line[:1] == ">" else line
    depth = len(line) - len(bare)
    if depth > _DEEPEST:
        return 0, line
    return depth, bare[1:] if bare[:1] == " " else bare


def _closed(paragraph: list[str], depth: int) -> str:
    line = "".join(paragraph)
    if line != _SIGNATURE:
        line = line.rstrip(" ")
    return f"{'> ' * depth}{line}" if depth and line else ">" + " >" * (depth - 1) if depth else line
