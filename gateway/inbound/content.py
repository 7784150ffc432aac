"""What is new in a mail's text and what it quotes, line by line in linear time; nothing is deleted, every line lands on one side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.inbound.folding import Folding
from gateway.inbound.html_quotes import Drawn
from gateway.inbound.label import LONGEST, field_in, label_kind, labels_within
from gateway.inbound.line import (
    Kind,
    begins_with_date,
    has_clock,
    has_opener,
    is_dated_and_addressed,
    is_forward,
    is_framed,
    is_header,
    is_header_without_colon,
    is_marker,
    is_rule,
    is_separator,
    is_strong_header,
    is_verb_only,
    is_weak_header,
    is_wrapped_off,
    kind_of,
    may_mark,
    normal,
    shared_from,
)

_MOST_LINES = 20_000
"""Lines that are looked at; what is new stands at the top."""
_BACK, _AHEAD = 6, 14
"""Lines a reply header may be wrapped over, and lines in which a header block must be complete."""
_ABOVE = 4
"""Lines in which a header must begin that is set in quote marks as a whole."""
_DEAR = 10
"""What it costs of those below to look for a whole header block in one line."""
_LOOKS = 2_000
"""Lines that might end a reply header and are read together with those above; of further ones only the line itself is."""


@dataclass(frozen=True, slots=True)
class Split:
    """For each line whether it is quoted; `forward`: the mail hands another one on and is new as a whole."""

    quoted: list[bool]
    forward: bool = False


def split(text: str, *, forwarded: bool = False, answer: bool | None = None) -> tuple[str, str]:
    """(new text, quoted text). Answers written between quoted lines keep their quotes; a forwarded mail is new as a whole.

    `forwarded` is what the subject says (`gateway/routing/forward.py`); `answer` what the header says, None where there is none to ask:
    a first mail loses nothing to a guess.
    """
    if forwarded:
        return text.strip("\n"), ""
    lines = lines_of(text)
    return sides(lines, split_lines(lines, answer=answer).quoted)


def lines_of(text: str) -> list[str]:
    """The lines of a text; a reply header that a program put behind somebody's last words, in one line with them, gets a line of its own."""
    lines = text.split("\n")
    parted: dict[int, tuple[str, str]] = {}
    for number, line in enumerate(lines[:_MOST_LINES]):
        if line.rstrip()[-1:] == ":" and _quoted_below(lines, number):
            pieces = shared_from(line)
            if pieces is not None:
                parted[number] = pieces
    if not parted:
        return lines
    return [piece for number, line in enumerate(lines) for piece in parted.get(number, (line,))]


def split_lines(lines: list[str], *, answer: bool | None = None, drawn: Mapping[int, Drawn] | None = None) -> Split:
    """The same for lines; `drawn` is what the tree of the HTML they come from says of some of them."""
    reading = _Reading(lines[:_MOST_LINES], drawn or {}, answer)
    reading.find_cut()
    reading.fold_end()
    reading.fold_quote_on_top()
    quoted = reading.away()
    if len(lines) > _MOST_LINES:
        quoted += [reading.end < _MOST_LINES] * (len(lines) - _MOST_LINES)
    return Split(quoted, reading.forward)


def sides(lines: list[str], quoted: list[bool]) -> tuple[str, str]:
    """New and quoted text, each line on one of the two sides."""
    if True not in quoted:
        return "\n".join(lines).strip("\n"), ""
    new = [line for line, away in zip(lines, quoted, strict=True) if not away]
    old = [line for line, away in zip(lines, quoted, strict=True) if away]
    return "\n".join(new).strip("\n"), "\n".join(old).strip("\n")


def _quoted_below(lines: list[str], number: int) -> bool:
    below = next((line for line in lines[number + 1 : number + 4] if line.strip()), "")
    return kind_of(below) == Kind.QUOTE and kind_of(lines[number]) == Kind.TEXT


class _Reading(Folding):
    """Finds the line from which on everything is quoted."""

    def __init__(self, lines: list[str], drawn: Mapping[int, Drawn], answer: bool | None) -> None:
        super().__init__(lines, [kind_of(line) for line in lines], answer)
        self.drawn = drawn
        self.looks = _LOOKS
        self.own = -1
        """The first line that is neither quoted nor a reply header, -1 as long as there is none."""
        if not self.first and Kind.QUOTE in self.kinds:
            self._mend_quotes()
        for number, said in drawn.items():
            if number < len(lines) and said is Drawn.QUOTE:
                self.kinds[number] = Kind.QUOTE

    def _mend_quotes(self) -> None:
        """A single line between quoted ones that the program wrapped off the one above without quoting it is quoted, too."""
        for number, kind in enumerate(self.kinds[1:-1], 1):
            if kind == Kind.TEXT and self.kinds[number - 1] == Kind.QUOTE == self.kinds[number + 1]:
                if is_wrapped_off(self.lines[number - 1], self.lines[number]):
                    self.kinds[number] = Kind.QUOTE

    def find_cut(self) -> None:
        """Look for the first line from which on everything is quoted, and mark the reply headers above quoted lines."""
        marked = may_mark(self.lines)
        for number, kind in enumerate(self.kinds):
            if kind == Kind.EMPTY or (kind == Kind.TEXT and not marked and self._is_prose(number)):
                continue
            line = normal(self.lines[number])
            if kind == Kind.QUOTE and not is_verb_only(line):
                if self._forwards(number, line):
                    return
            elif self._ends_search(number, line):
                return

    def _is_prose(self, number: int) -> bool:
        """Whether a line cannot be anything but what somebody wrote: most lines, told at a glance."""
        line = self.lines[number]
        if ":" in line or "：" in line or line.lstrip(" *\t\u00a0\ufeff")[:1] in ("-", "_", "=") or number in self.drawn:
            return False
        if Kind.QUOTE in self.kinds[number + 1 : number + 4]:
            return False
        if self.own < 0:
            self.own = number
        return True

    def _forwards(self, number: int, line: str) -> bool:
        """Whether a quotation that nothing announces begins with the words of a forward, or with the header of a mail."""
        opens = not self.reply and (self.own < 0 or (number > 0 and self.kinds[number - 1] != Kind.QUOTE))
        words = line.lstrip("> ")
        self.forward = opens and (is_forward(words) or (self.first and (is_separator(words) or self._opens_with_header(number))))
        return self.forward

    def _opens_with_header(self, number: int) -> bool:
        """Whether the first lines of the quotation that begins here are the header of a mail, below words in any language (Apple Mail)."""
        if self.kinds[number - 1 : number] == [Kind.QUOTE]:
            return False
        said = [line[:LONGEST].lstrip("> \t\u00a0") for line in self.lines[number : number + _ABOVE + _AHEAD]]
        return any(_is_block(said[start:]) for start in range(_ABOVE))

    def _ends_search(self, number: int, line: str) -> bool:
        if is_forward(line):
            self.forward = True
            return True
        if is_marker(line):
            if self.own >= 0:
                self._cut(number)
            return True
        said = self.drawn.get(number)
        if said is Drawn.CUT or is_separator(line) or self._is_block(number):
            if self.first:
                self.forward = True
            elif self.own >= 0:
                self._cut(number)
            return True
        if said is Drawn.HEADER:
            self.kinds[number] = Kind.HEADER
            self.reply = True
            return False
        start = self._reply_header(number, line)
        if start is not None:
            return self._header_found(start, number)
        if self.own < 0 and self.kinds[number] == Kind.TEXT:
            self.own = number
        return False

    def _cut(self, number: int) -> None:
        """Everything from here is quoted, with a rule drawn right above it, or words between dashes in any language."""
        above = number - 1
        while above > 0 and self.kinds[above] == Kind.EMPTY:
            above -= 1
        self.end = above if above >= 0 and (is_rule(self.lines[above]) or is_framed(self.lines[above])) else number
        self.reply = True

    def _header_found(self, start: int, number: int) -> bool:
        """Deal with the reply header in these lines; True if all that follows is quoted."""
        self.reply = True
        if self._next_kind(number) != Kind.QUOTE and 0 <= self.own < start:
            self._cut(start)
            return True
        if self.first and self.own in (-1, start) and self._next_kind(number) == Kind.TEXT:
            self.forward = True  # desktop Outlook on a Mac forwards so
            return True
        if self.own >= start:
            self.own = -1
        for line in range(start, number + 1):
            if self.kinds[line] != Kind.EMPTY:
                self.kinds[line] = Kind.HEADER
        return False

    def _next_kind(self, number: int) -> Kind:
        following = number + 1
        while following < len(self.kinds) and self.kinds[following] == Kind.EMPTY:
            following += 1
        return self.kinds[following] if following < len(self.kinds) else Kind.EMPTY

    def _reply_header(self, number: int, line: str) -> int | None:
        """The line at which the reply header begins that ends here, or None if none ends here; in a first mail it must leave no doubt."""
        start = self._weak_start(number, line)
        if start is None or not self.first:
            return start
        return start if is_strong_header(" ".join(map(normal, self.lines[start : number + 1])), self._next_kind(number) == Kind.QUOTE) else None

    def _weak_start(self, number: int, line: str) -> int | None:
        if line[-1:] != ":":
            right_above = self.kinds[number + 1 : number + 2] in ([Kind.QUOTE], [Kind.EMPTY]) and self._next_kind(number) == Kind.QUOTE
            return number if right_above and is_header_without_colon(line) else None
        quoted_next = self._next_kind(number) == Kind.QUOTE
        found = number if quoted_next and is_weak_header(line) else None
        joined, start = line, number
        self.looks -= 1
        for _ in range(_BACK if self.looks > 0 else 1):
            if is_header(joined, quoted_next):
                found = start
                if has_opener(joined):
                    break
            elif (
                joined.endswith(">:")
                and begins_with_date(joined)
                and is_dated_and_addressed(joined)
                and (quoted_next or (not self.first and has_clock(joined)))
            ):
                return start
            if not self._continues(start, joined):
                break
            start -= 1
            joined = f"{normal(self.lines[start])} {joined}".strip()
        return found

    def _continues(self, start: int, joined: str) -> bool:
        """Whether the line above may belong to the same reply header; some mailers tear the address off with an empty line."""
        if start == 0 or len(joined) > LONGEST or self.kinds[start - 1] == Kind.QUOTE:
            return False
        return self.kinds[start - 1] != Kind.EMPTY or (joined.startswith(("<", ">")) and start > 1)

    def _is_block(self, number: int) -> bool:
        """Whether a block of header lines begins here."""
        line = self.lines[number]
        return label_kind(line) is not None and (self._is_block_in_a_line(line) or _is_block(self.lines[number : number + _AHEAD]))

    def _is_block_in_a_line(self, line: str) -> bool:
        """Whether all of it stands in one line, as where a page was made a text."""
        if line.count(":", 0, LONGEST) < 4 or self.looks <= 0:
            return False
        self.looks -= _DEAR
        return labels_within(line[:LONGEST]).keys() >= {"from", "date", "to", "subject"}

    def away(self) -> list[bool]:
        """For each line that was looked at whether it is quoted."""
        if self.end == len(self.lines) and not self.folded and Kind.HEADER not in self.kinds:
            return [False] * self.end
        headers = not self.forward
        end, folded = self.end, self.folded
        return [number >= end or number in folded or (headers and kind == Kind.HEADER) for number, kind in enumerate(self.kinds)]


def _is_block(lines: list[str]) -> bool:
    """Whether the first of these lines begins a block of header lines: From, and two of date, recipient and subject in the lines below."""
    if not lines or label_kind(lines[0]) is None:
        return False
    found: set[str] = set()
    for line in lines[:_AHEAD]:
        kind = label_kind(line)
        if kind is not None:
            found.add(kind)
        elif line.strip() and not line.startswith((" ", "\t", "<")) and not found & {"to", "cc"} and field_in(line) is None:
            break
    return "from" in found and len(found & {"date", "to", "subject"}) >= 2
