"""The mail that a forward hands on, read from the header its program wrote above it; whether the text stays whole is `content.py`."""

from __future__ import annotations

from core.mail import Address, Forwarded
from gateway.inbound.content import split
from gateway.inbound.label import field_in, label_kind, labels_within
from gateway.inbound.line import (
    Kind,
    address_in,
    is_announced,
    is_header,
    is_separator,
    kind_of,
    normal,
    parted_by_date,
    without_links,
    without_opener,
)
from gateway.inbound.loose_address import addresses, one_address
from gateway.routing.forward import without_prefixes

_MOST_LINES = 5_000
"""Lines among which the header is looked for."""
_HEADER_LINES = 40
_MOST_ANNOUNCED = 50
"""Announcements behind which a header is looked for."""
_GAP = 4
"""Lines between the announcement and the header."""
_AHEAD = 14
"""Lines in which a header must be complete."""
_BACK = 3
"""Lines over which `On …, X wrote:` may be wrapped."""
_LONGEST_LINE = 4_000
_LONGEST_TEXT = 50_000
"""Characters of the original's text that are kept apart; all of it stands in the mail's own text."""
_QUOTES = "\"'“”„«»"
_AROUND = " \t\u00a0\u202f*\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"
"""Around a value: odd spaces, bold, and the marks that turn the direction of writing."""
_MARKS = "> \t|\u00a0\ufeff"


def forwarded_in(lines: list[str], *, subject: str, sure: bool, answer: bool) -> Forwarded | None:
    """The first mail that the text hands on: the outermost, where forwards are nested. None where it hands on none.

    `sure`: the subject says so, then any header will do. In an answer only what is announced as forwarded counts, above all quotations.
    """
    looked = lines[:_MOST_LINES]
    lone, announced = -1, 0
    for number, line in enumerate(looked):
        bare = line[:_LONGEST_LINE].lstrip(_MARKS)
        if not bare:
            continue
        plain = normal(bare)
        if announced < _MOST_ANNOUNCED and (is_announced(plain) or (is_separator(plain) and (sure or not answer))):
            announced += 1
            found = _announced(lines, number, bare)
            if found is not None:
                return _result(lines, *found, subject if sure else "")
        elif not plain[:1].isdigit() and label_kind(bare) is not None and (sure or not answer) and _is_block(looked, number):
            return _result(lines, *_header(lines, number), subject if sure else "")
        elif sure and lone < 0 and label_kind(bare) == "from" and address_in(bare):
            lone = number
        elif plain[-1:] == ":" and (header := _wrote(looked, number)):
            if sure or (not answer and _opens(looked, number)):
                return _from_header(lines, header, number + 1, subject)
            if answer:
                return None
        elif answer and not sure and kind_of(line) is Kind.QUOTE:
            return None
    return _result(lines, *_header(lines, lone), subject) if lone >= 0 else None


def _announced(lines: list[str], number: int, bare: str) -> tuple[dict[str, str], int] | None:
    """The header below an announcement, or in the same line (Yahoo), and the line after it."""
    within = labels_within(bare)
    if "from" in within:
        return within, number + 1
    for start in range(number + 1, min(number + 1 + _GAP, len(lines))):
        if field_in(lines[start].lstrip(_MARKS)) is not None:
            fields, end = _header(lines, start)
            return (fields, end) if "from" in fields else None
        if lines[start].strip(_MARKS):
            break
    return None


def _is_block(lines: list[str], number: int) -> bool:
    """Whether a header begins here: From, and two of date, recipient and subject."""
    fields, _ = _header(lines[number : number + _AHEAD], 0)
    return "from" in fields and len({"date", "to", "subject"} & fields.keys()) >= 2


def _header(lines: list[str], start: int) -> tuple[dict[str, str], int]:
    """The fields of the header that begins in this line, and the line after it. A field runs on while its list or its value is not complete.

    A line between known labels is one of the header in whatever language its label is; the first with an address names the writer if no other does.
    """
    fields: dict[str, str] = {}
    last = stranger = ""
    number = start
    for number in range(start, min(start + _HEADER_LINES, len(lines))):
        bare = lines[number][:_LONGEST_LINE].lstrip(_MARKS)
        kind = label_kind(bare)
        if kind is not None and kind not in fields:
            last = kind
            fields[kind] = bare.replace("：", ":").partition(":")[2].strip(_AROUND)
        elif not bare.strip():
            if not _goes_on(lines, number + 1, fields):
                break
        elif last and (not fields[last] or fields[last].endswith((",", ";")) or lines[number][:1] in " \t") and kind is None:
            fields[last] = f"{fields[last]} {bare.strip()}".strip()
        elif kind is None:
            said = field_in(bare)
            if said is None or not _goes_on(lines, number + 1, fields):
                number -= 1
                break
            last = ""
            stranger = stranger or (said if "@" in said else "")
    if stranger and len({"date", "to", "subject"} & fields.keys()) >= 2:
        fields.setdefault("from", stranger)
    return fields, min(number + 1, len(lines))


def _goes_on(lines: list[str], number: int, fields: dict[str, str]) -> bool:
    """Whether an empty line stands inside the header: HTML paragraphs, one field each."""
    kind = label_kind(lines[number].lstrip(_MARKS)) if number < len(lines) else None
    return kind is not None and kind not in fields


def _wrote(lines: list[str], number: int) -> str:
    """`On …, X <x@y.org> wrote:`, wrapped or not, that ends in this line; '' if none does."""
    joined = ""
    for start in range(number, max(number - _BACK, -1), -1):
        joined = f"{normal(lines[start].lstrip(_MARKS))} {joined}".strip()
        if is_header(joined, False) and address_in(joined):
            return joined
        if not lines[start - 1].strip():
            break
    return ""


def _opens(lines: list[str], number: int) -> bool:
    """Whether a mail begins with this line and goes on with what is not set in quote marks: desktop Outlook on a Mac forwards so."""
    following = next((line for line in lines[number + 1 :] if line.strip()), "")
    return not any(line.strip() for line in lines[max(0, number - _BACK) : number]) and number < 5 and kind_of(following) is Kind.TEXT


def _from_header(lines: list[str], header: str, end: int, subject: str) -> Forwarded:
    """What `On 3/6/2024 10:22, "Ann" <ann@x.org> wrote:` says of the original, in the order of any language."""
    said = address_in(header)
    before, _, after = header.partition(said)
    before = before.rstrip(" <([").removesuffix("mailto:").rstrip(" <([")
    if before[-1:] in tuple(_QUOTES):
        opened = max(before.rfind(mark, 0, len(before) - 1) for mark in _QUOTES)
        date, name = before[: max(opened, 0)], before[opened + 1 :]
    else:
        date, name = parted_by_date(before)
        if not date and before != without_opener(before):
            date, _, name = before.rpartition(",")
    if not date:
        date = parted_by_date(after)[0].lstrip(" >)],")
    author = Address(said, without_links(name.strip(_QUOTES + " ,"))[:200])
    return Forwarded(
        from_=author, subject=without_prefixes(subject), date=without_links(without_opener(date.strip(" ,")))[:200], text=_text(lines[end:])
    )


def _result(lines: list[str], fields: dict[str, str], end: int, subject: str) -> Forwarded:
    return Forwarded(
        from_=one_address(fields.get("from", "")),
        to=addresses(fields.get("to", "")),
        cc=addresses(fields.get("cc", "")),
        subject=(fields.get("subject") or without_prefixes(subject))[:1_000],
        date=fields.get("date", "")[:200],
        text=_text(lines[end:]),
    )


def _text(lines: list[str]) -> str:
    """The original's own new text: one level of quotation taken off where the program set it in quote marks."""
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip()[:1] == ">":
        lines = [line.lstrip()[1:].removeprefix(" ") if line.lstrip()[:1] == ">" else line for line in lines]
    return split("\n".join(lines)[: 2 * _LONGEST_TEXT])[0].strip().lstrip("\ufeff").strip()[:_LONGEST_TEXT]
