"""What one line of a mail's text is: empty, written, quoted, the header of a quotation, a separator; `content.py` draws the conclusions."""

from __future__ import annotations

import re
from enum import IntEnum
from itertools import islice

from gateway.inbound import quoting
from gateway.inbound.label import LONGEST, ODD_SPACES, label_kind


class Kind(IntEnum):
    """The four kinds of lines."""

    EMPTY = 0
    TEXT = 1
    QUOTE = 2
    HEADER = 3
    """Of a reply header above quoted lines: `On …, X wrote:`."""


def _either(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(word) for word in sorted(set(words), key=len, reverse=True))


_VERB = re.compile(rf"(?:^|[\s\d>\"'),.\]年月日는은がはさん、])(?:{_either(quoting.VERBS)})(?=[\s:]|$)")
_VERB_ONLY = re.compile(rf"^>? ?(?:{_either(quoting.VERBS)}) ?:$")
_OPENER = re.compile(rf"^(?:{_either(quoting.OPENERS)}),? ")
_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2}[:.h]\d{2}|\b(?:19|20)\d\d\b")
_CLOCK = re.compile(r"\d{1,2}[:.h]\d{2}(?!\d|\.)")
_DATE_FIRST = re.compile(r"^\S{0,20},? ?\d{1,4}[./ -]")
_DATE_END = re.compile(
    r"(?::\d\d)?(?: ?[AaPp]\.?[Mm]\b\.?)?(?: ?(?:GMT|UTC)(?:[+-]\d{1,2}(?::?\d\d)?)?| ?\(?(?:[A-Z]{2,5}|[+-]\d{4})\)?(?=,))?[ ,.:)]*"
)
"""What may stand behind the hour: seconds, half of the day, zone."""
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,64}")
_SUPERCITED = re.compile(r"^[A-Z]{1,3}> ?")
_RULE = re.compile(r"^(?:_{5,}|-{5,}|={5,})$")
_BESIDE = quoting.LINKS | {word for words in (*quoting.VERBS, *quoting.OPENERS) for word in words.split()}
_LINE_WORDS = ("line", "ligne", "linie", "zeile", "línea", "riga", "regel", "linha")
_SHARED = re.compile(r"(?<=[^\s-])[ -]++(?=(?:On|Le|Am|El|Il|Op|Em) )")
_MOST_SHARED = 5
_WIDTH = (75, 80)
"""Between these two a mail program wraps its lines."""
_PHONE_LINE = 160
"""Characters of the longest line that a phone sets below a mail: the program's excuses for its owner's brevity stand in it."""
_LEGAL = 60
"""Characters of the shortest footer that lawyers made."""
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
    return line[:LONGEST].translate(ODD_SPACES).strip(" *")


def is_header(joined: str, quoted_next: bool) -> bool:
    """Whether these words are a reply header: a verb of writing, and the date or the address of a mail, or quoted lines right below."""
    lowered = joined.lower().removeprefix("- ")
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
    return bool(_OPENER.match(joined.lower().removeprefix("- ")))


def without_opener(joined: str) -> str:
    """The words after On, Le, Am …"""
    found = _OPENER.match(joined.lower())
    return joined[found.end() :] if found else joined


def parted_by_date(words: str) -> tuple[str, str]:
    """The words up to the end of the last hour in them, or else of the last date, and those behind it; ('', the words) where there is none."""
    ends = [found.end() for found in _CLOCK.finditer(words)] or [found.end() for found in _DATE.finditer(words)]
    if not ends:
        return "", words
    behind = _DATE_END.match(words, ends[-1])
    end = behind.end() if behind else ends[-1]
    return words[:end].rstrip(" ,:"), words[end:]


def shared_from(line: str) -> tuple[str, str] | None:
    """What somebody wrote and the reply header that follows in the same line, None for any other line; the header has its date and its hour."""
    if len(line) > LONGEST or has_opener(normal(line)):
        return None
    for found in islice(_SHARED.finditer(line), _MOST_SHARED):
        header = normal(line[found.end() :])
        if _DATE.search(header) and _CLOCK.search(header) and is_header(header, True):
            return line[: found.start()], line[found.end() :]
    return None


def is_wrapped_off(quoted: str, line: str) -> bool:
    """Whether the line is the end of a quoted one that grew too long by its quote mark: in the middle of a sentence, at a mail's usual width."""
    if not _WIDTH[0] <= len(quoted) + 1 + len(line.partition(" ")[0]) or len(quoted) > _WIDTH[1] or len(line) > _WIDTH[1]:
        return False
    return line[:1].islower() and quoted.rstrip()[-1:] not in ".!?:;>"


def is_verb_only(line: str) -> bool:
    """`wrote:` alone, the last line of a header that was wrapped."""
    return line[-1:] == ":" and bool(_VERB_ONLY.match(line))


def is_rule(line: str) -> bool:
    """A line drawn of underscores, dashes or equals signs."""
    return bool(_RULE.match(line.strip()))


def is_framed(line: str) -> bool:
    """Words between dashes, whatever they say."""
    words = line[:LONGEST].strip()
    return words.startswith("----") and words.endswith("----")


def has_clock(line: str) -> bool:
    """Whether an hour stands in it."""
    return bool(_CLOCK.search(line))


def is_separator(line: str) -> bool:
    """`-----Original Message-----` in its languages, and a reply header between dashes."""
    if not line.startswith(("--", "__", "==")):
        return False
    words = line.strip("-_= ").rstrip(" :")
    return words.lower() in quoting.SEPARATORS or (line[-1] in "-_=" and has_opener(words) and is_header(words, False))


def is_forward(line: str) -> bool:
    """`---------- Forwarded message ---------`, `Begin forwarded message:` in their languages."""
    if line.startswith(("--", "__", "==")):
        said = _lower(line.strip("-_= ").rstrip(" :"))
        return bool(said) and (any(words in said for words in quoting.FORWARDS) or said.startswith(_FORWARD_BY) or _is_headed(line))
    return line[-1:] == ":" and _lower(line.rstrip(" :")) in quoting.FORWARDS


def _is_headed(line: str) -> bool:
    """Whether the writer of a mail is named behind words between dashes, whatever they say (Yahoo in any language)."""
    _, dashes, header = line.lstrip("-_= ").partition("--")
    return bool(dashes) and "@" in header and label_kind(header.lstrip("- ")) == "from"


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
    lowered = line.lower().strip("<>()[] ") if line[:1] in "<([" else line.lower()
    if len(lowered) >= _PHONE_LINE:
        return False
    ends = lowered.endswith((".", "?", "!", ":")) and not any(word in lowered for word in quoting.MOBILE_WORDS)
    return (lowered.startswith(quoting.MOBILE) and not ends) or lowered.endswith(quoting.MOBILE_ENDS)


def is_footer(line: str) -> bool:
    """The beginning of what servers append."""
    return line.lower().lstrip("*[ ").startswith(quoting.FOOTERS)


def is_request(line: str) -> bool:
    """Whether a footer's first words may be those of somebody who wants to be taken off a list."""
    return line.lower().lstrip("*[ ").startswith(quoting.REQUESTS)


def is_legal(lines: list[str]) -> bool:
    """Whether a footer is so long and speaks so that nobody wrote it: it is told without a quotation above it, too."""
    said = " ".join(line[:LONGEST] for line in lines[:_LIST_FOOTER]).lower()
    return len(said) > _LEGAL and any(word in said for word in quoting.LEGAL)


def is_list_footer(lines: list[str]) -> bool:
    """A rule, and below it how to leave the list."""
    if not 1 < len(lines) <= _LIST_FOOTER or not (is_rule(lines[0]) or lines[0].strip() == "--"):
        return False
    said = " ".join(line[:LONGEST] for line in lines[1:]).lower()
    return any(word in said for word in quoting.LISTS)


def without_links(words: str) -> str:
    """The words without those that reply headers put around dates and names (`heeft`, `tarihinde`, `schrieb`)."""
    kept = words.split()
    while kept and kept[0] in _BESIDE:
        del kept[0]
    while kept and kept[-1] in _BESIDE:
        kept.pop()
    return " ".join(kept)


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
