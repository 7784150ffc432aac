"""What one line of a mail's text is: empty, written, quoted, the header of a quotation, a separator; `content.py` draws the conclusions."""

from __future__ import annotations

import re
from enum import IntEnum

from gateway.inbound import quoting

LONGEST = 300
"""Characters of a line that are looked at: no mail program writes a longer header line."""


class Kind(IntEnum):
    """The four kinds of lines."""

    EMPTY = 0
    TEXT = 1
    QUOTE = 2
    HEADER = 3
    """Of a reply header above quoted lines: `On …, X wrote:`."""


_ODD = {"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\t": " ", "’": "'", "：": ":", "\ufeff": "", "\u200b": "", "\u200e": "", "\u200f": ""}
_ODD_SPACES = str.maketrans(_ODD)


def _either(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(word) for word in sorted(set(words), key=len, reverse=True))


_VERB = re.compile(rf"(?:^|[\s>\"'),.\]年月日는은がはさん、])(?:{_either(quoting.VERBS)})(?=[\s:]|$)")
_VERB_ONLY = re.compile(rf"^>? ?(?:{_either(quoting.VERBS)}) ?:$")
_OPENER = re.compile(rf"^(?:{_either(quoting.OPENERS)}),? ")
_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2}[:.h]\d{2}|\b(?:19|20)\d\d\b")
_CLOCK = re.compile(r"\d{1,2}[:.h]\d{2}(?!\d|\.)")
_DATE_FIRST = re.compile(r"^\S{0,20},? ?\d{1,4}[./ -]")
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,64}")
_SUPERCITED = re.compile(r"^[A-Z]{1,3}> ?")
_RULE = re.compile(r"^(?:_{5,}|-{5,}|={5,})$")
_LABEL_KINDS = {word.replace("_", " "): kind for kind, words in quoting.LABELS.items() for word in words.split()}
_LINE_WORDS = ("line", "ligne", "linie", "zeile", "línea", "riga", "regel", "linha")
_MOST_COLONS = 100
"""Of one line that are looked at: a header in one line has ten."""
_LIST_FOOTER = 12
"""Lines of the longest footer of a list."""
_FORWARD_BY = ("forwarded by ", "transféré par ", "weitergeleitet von ")


def kind_of(line: str) -> Kind:
    """Empty, text or quoted (`>`, `|` that is no table, initials as in `JD>`)."""
    if line[:1] not in "> \t|\u00a0\ufeff" and ">" not in line[1:4]:
        return Kind.TEXT if line else Kind.EMPTY
    stripped = line[:LONGEST].strip(" \t\u00a0\ufeff")
    if not stripped:
        return Kind.TEXT if len(line) > LONGEST and line.strip() else Kind.EMPTY
    if stripped[0] == ">" or _SUPERCITED.match(stripped):
        return Kind.QUOTE
    return Kind.QUOTE if stripped[0] == "|" and (stripped == "|" or not line.rstrip().endswith("|")) else Kind.TEXT


def normal(line: str) -> str:
    """The beginning of a line with its odd spaces (NBSP before a French colon) and apostrophes made plain."""
    return line[:LONGEST].translate(_ODD_SPACES).strip(" *")


def is_header(joined: str, quoted_next: bool) -> bool:
    """Whether these words are a reply header: a verb of writing, and the date or the address of a mail, or quoted lines right below."""
    lowered = joined.lower()
    if not _VERB.search(lowered):
        return False
    dated = bool(_DATE.search(lowered))
    if _OPENER.match(lowered):
        return quoted_next or "@" in lowered or bool(dated and _CLOCK.search(lowered))
    if _ADDRESS.search(lowered):
        return not _VERB_ONLY.match(lowered) and (dated or quoted_next or not lowered.startswith("<"))
    return dated and quoted_next and bool(_DATE_FIRST.match(lowered))


def is_strong_header(joined: str, quoted_next: bool) -> bool:
    """Whether a program must have written it: a date, and an address or quoted lines right below."""
    return bool(_DATE.search(joined)) and (quoted_next or bool(_ADDRESS.search(joined)))


def is_weak_header(line: str) -> bool:
    """For the line right above quoted lines, ending with a colon: it has a verb of writing, a date or an address."""
    return bool(_VERB.search(line.lower())) or is_dated_or_addressed(line)


def is_dated_or_addressed(line: str) -> bool:
    """Whether a date or a mail address stands in it."""
    return bool(_DATE.search(line) or _ADDRESS.search(line))


def is_dated_and_addressed(line: str) -> bool:
    """Whether a date and a mail address stand in it."""
    return bool(_DATE.search(line) and _ADDRESS.search(line))


def is_header_without_colon(line: str) -> bool:
    """For the line right above quoted lines: `Am 3.6.26 um 10:22 schrieb Ann`."""
    return is_dated_and_addressed(line) or (has_opener(line) and bool(_DATE.search(line)) and is_header(line, False))


def begins_with_date(line: str) -> bool:
    return bool(_DATE_FIRST.match(line))


def has_opener(joined: str) -> bool:
    """Whether the words begin as a reply header does: On, Le, Am …"""
    return bool(_OPENER.match(joined.lower()))


def without_opener(joined: str) -> str:
    """The words after On, Le, Am …"""
    found = _OPENER.match(joined.lower())
    return joined[found.end() :] if found else joined


def is_verb_only(line: str) -> bool:
    """`wrote:` alone, the last line of a header that was wrapped."""
    return line[-1:] == ":" and bool(_VERB_ONLY.match(line))


def is_rule(line: str) -> bool:
    """A line drawn of underscores, dashes or equals signs."""
    return bool(_RULE.match(line.strip()))


def is_separator(line: str) -> bool:
    """`-----Original Message-----` in its languages."""
    return line.startswith(("--", "__", "==")) and line.strip("-_= ").rstrip(" :").lower() in quoting.SEPARATORS


def is_forward(line: str) -> bool:
    """`---------- Forwarded message ---------`, `Begin forwarded message:` in their languages."""
    if line.startswith(("--", "__", "==")):
        said = _lower(line.strip("-_= ").rstrip(" :"))
        return bool(said) and (any(words in said for words in quoting.FORWARDS) or said.startswith(_FORWARD_BY))
    return line[-1:] == ":" and _lower(line.rstrip(" :")) in quoting.FORWARDS


def _lower(words: str) -> str:
    """Lower case, the Turkish dotted capital I as a plain i."""
    return words.lower().replace("i\u0307", "i")


def is_marker(line: str) -> bool:
    """The line of a service desk below which nothing new stands."""
    lowered = line.lower()
    return any(word in lowered for word in _LINE_WORDS) and any(words in lowered for words in quoting.REPLY_ABOVE)


def may_mark(lines: list[str]) -> bool:
    """Whether any of the lines may be such a one."""
    lowered = "\n".join(lines).lower()
    return any(words in lowered for words in quoting.REPLY_ABOVE)


def is_phone_line(line: str) -> bool:
    """`Sent from my phone` and the like, which a program wrote and nobody else."""
    lowered = line.lower()
    ends = lowered.endswith((".", "?", "!", ":")) and not ("proton" in lowered and lowered[-1] == ".")
    return len(lowered) < 120 and lowered.startswith(quoting.MOBILE) and not ends


def is_footer(line: str) -> bool:
    """The beginning of what servers append."""
    return line.lower().lstrip("*[ ").startswith(quoting.FOOTERS)


def is_list_footer(lines: list[str]) -> bool:
    """A rule, and below it how to leave the list."""
    if not 1 < len(lines) <= _LIST_FOOTER or not (is_rule(lines[0]) or lines[0].strip() == "--"):
        return False
    said = " ".join(line[:LONGEST] for line in lines[1:]).lower()
    return any(word in said for word in quoting.LISTS)


def label_kind(line: str) -> str | None:
    """What a header line of a quoted mail names (`from`, `date`, …), or None."""
    head, colon, _ = line[:40].replace("：", ":").partition(":")
    if not colon or len(head) > 24:
        return None
    return _LABEL_KINDS.get(head.translate(_ODD_SPACES).strip(" *").lower())


def labels_within(line: str) -> dict[str, str]:
    """The fields of a header that stands in one line (`From: Ann <a@x.org>To: Bob`), its labels glued to what stands before; the first of each kind."""
    line = line[: 10 * LONGEST]
    found: list[tuple[int, int, str]] = []
    seen: set[str] = set()
    colon = line.find(":")
    for _ in range(_MOST_COLONS):
        if colon < 0:
            break
        for start in range(max(0, colon - 24), colon):
            kind = _LABEL_KINDS.get(line[start:colon].translate(_ODD_SPACES).rstrip().lower()) if line[start].isupper() else None
            if kind is not None and kind not in seen:
                seen.add(kind)
                found.append((start, colon + 1, kind))
                break
        colon = line.find(":", colon + 1)
    ends = [start for start, _, _ in found[1:]] + [len(line)]
    return {kind: line[begin:end].strip() for (_, begin, kind), end in zip(found, ends, strict=False)}


def address_in(line: str) -> str:
    """The first mail address in the line, '' for none."""
    found = _ADDRESS.search(line[: 10 * LONGEST])
    return found.group().rstrip(".") if found else ""


def is_announced(line: str) -> bool:
    """A forward announced in a line that may go on with its header (Yahoo)."""
    if is_forward(line):
        return True
    if not line.startswith(("--", "__", "==")):
        return False
    said, dashes, _ = line.lstrip("-_= ").partition("--")
    return bool(dashes) and _lower(said.strip()) in quoting.FORWARDS
