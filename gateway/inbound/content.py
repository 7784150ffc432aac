"""What is new in a mail's text and what it quotes, line by line in linear time; nothing is deleted, every line lands on one side."""

from __future__ import annotations

from gateway.inbound.line import (
    LONGEST,
    Kind,
    begins_with_date,
    has_opener,
    is_dated_and_addressed,
    is_footer,
    is_forward,
    is_header,
    is_marker,
    is_phone_line,
    is_rule,
    is_separator,
    is_verb_only,
    is_weak_header,
    kind_of,
    label_kind,
    normal,
)

_MOST_LINES = 20_000
"""Lines that are looked at; what is new stands at the top."""
_BACK, _AHEAD = 6, 12
"""Lines a reply header may be wrapped over, and lines in which a header block must be complete."""
_SIGNATURE = 12
"""Lines of the longest signature that is folded."""


def split(text: str, *, forwarded: bool = False) -> tuple[str, str]:
    """(new text, quoted text). Answers written between quoted lines keep their quotes; a forwarded mail is new as a whole.

    `forwarded` is what the subject says (`gateway/routing/forward.py`).
    """
    if forwarded:
        return text.strip("\n"), ""
    *lines, rest = text.split("\n", _MOST_LINES)
    if len(lines) < _MOST_LINES:
        lines, rest = [*lines, rest], ""
    reading = _Reading(lines)
    reading.find_cut()
    reading.fold_end()
    reading.fold_quote_on_top()
    return reading.result(rest)


class _Reading:
    """The lines of one text, what kind each is, and which of them are folded away so far."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.kinds = [kind_of(line) for line in lines]
        self.end = len(lines)
        """Lines from here on are quoted."""
        self.own = -1
        """The first line that is neither quoted nor a reply header, -1 as long as there is none."""
        self.reply = False
        """Whether anything says that this is an answer."""
        self.forward = False
        self.folded: set[int] = set()

    def find_cut(self) -> None:
        """Look for the first line from which on everything is quoted, and mark the reply headers above quoted lines."""
        for number, kind in enumerate(self.kinds):
            if kind == Kind.EMPTY:
                continue
            line = normal(self.lines[number])
            if kind == Kind.QUOTE and not is_verb_only(line):
                self.forward = self.own < 0 and not self.reply and is_forward(line.lstrip("> "))
                if self.forward:
                    return
            elif self._ends_search(number, line):
                return

    def _ends_search(self, number: int, line: str) -> bool:
        if is_forward(line):
            self.forward = True
            return True
        if is_marker(line) or is_separator(line) or self._is_block(number):
            if self.own >= 0:
                self._cut(number)
            return True
        start = self._reply_header(number, line)
        if start is not None:
            return self._header_found(start, number)
        if self.own < 0 and self.kinds[number] == Kind.TEXT:
            self.own = number
        return False

    def _cut(self, number: int) -> None:
        """Everything from here is quoted, with a rule drawn right above it."""
        above = number - 1
        while above > 0 and self.kinds[above] == Kind.EMPTY:
            above -= 1
        self.end = above if above >= 0 and is_rule(self.lines[above]) else number
        self.reply = True

    def _header_found(self, start: int, number: int) -> bool:
        """Deal with the reply header in these lines; True if all that follows is quoted."""
        self.reply = True
        if self._next_kind(number) != Kind.QUOTE and 0 <= self.own < start:
            self._cut(start)
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
        """The line at which the reply header begins that ends here, or None if none ends here."""
        if line[-1:] != ":":
            right_above = self.kinds[number + 1 : number + 2] in ([Kind.QUOTE], [Kind.EMPTY]) and self._next_kind(number) == Kind.QUOTE
            return number if right_above and is_dated_and_addressed(line) else None
        quoted_next = self._next_kind(number) == Kind.QUOTE
        found = number if quoted_next and is_weak_header(line) else None
        joined, start = line, number
        for _ in range(_BACK):
            if is_header(joined, quoted_next):
                found = start
                if has_opener(joined):
                    break
            elif quoted_next and joined.endswith(">:") and begins_with_date(joined) and is_dated_and_addressed(joined):
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
        """Whether a block of header lines begins here: From, and two of date, recipient and subject in the lines below."""
        if label_kind(self.lines[number]) is None:
            return False
        found: set[str] = set()
        for line in self.lines[number : number + _AHEAD]:
            kind = label_kind(line)
            if kind is not None:
                found.add(kind)
            elif line.strip() and not line.startswith((" ", "\t")) and not found & {"to", "cc"}:
                break
        return "from" in found and len(found & {"date", "to", "subject"}) >= 2

    def fold_end(self) -> None:
        """Fold what stands at the end of the new text: quotations with their header, phone signatures, footers, and an answer's signature."""
        if self.forward:
            return
        self.reply = self.reply or Kind.QUOTE in self.kinds
        before = -1
        while before != self.end:
            before = self.end
            self._drop_empty()
            self._fold_trailing_quote()
            self._fold_phone_line()
            self._fold_footer()
        self._fold_signature()

    def _drop_empty(self) -> None:
        while self.end and self.kinds[self.end - 1] == Kind.EMPTY:
            self.end -= 1

    def _fold_trailing_quote(self) -> None:
        start = self.end
        while start and self.kinds[start - 1] in (Kind.QUOTE, Kind.EMPTY):
            start -= 1
        if start == self.end:
            return
        while start and self.kinds[start - 1] in (Kind.HEADER, Kind.EMPTY):
            start -= 1
        if start or self._quotes_a_mail():
            self.end = start

    def _quotes_a_mail(self) -> bool:
        """Whether a text of nothing but quotations begins with a reply header: an empty answer."""
        if Kind.HEADER in self.kinds:
            return True
        first = next((line for line, kind in zip(self.lines, self.kinds, strict=True) if kind == Kind.QUOTE), "")
        return is_header(normal(first.lstrip("> ")), True)

    def _fold_phone_line(self) -> None:
        if self.end > 1 and self.kinds[self.end - 1] == Kind.TEXT and is_phone_line(normal(self.lines[self.end - 1])):
            self.end -= 1

    def _fold_footer(self) -> None:
        """The last paragraph of an answer, if it is one that servers append."""
        start = self.end
        while start and self.kinds[start - 1] == Kind.TEXT:
            start -= 1
        if self.reply and 0 < start < self.end and is_footer(normal(self.lines[start])):
            self.end = start

    def _fold_signature(self) -> None:
        """An answer's signature, from its `-- ` or its rule, if it is short and nothing quoted stands in it; a first mail keeps its own."""
        if not self.reply:
            return
        for number in range(self.end - 1, max(self.end - _SIGNATURE, 0), -1):
            line = self.lines[number].strip()
            if self.kinds[number] == Kind.QUOTE:
                return
            if line == "--" or (is_rule(line) and line[0] == "_"):
                self.end = number
                self._drop_empty()
                self._fold_trailing_quote()
                return

    def fold_quote_on_top(self) -> None:
        """An answer below the whole quotation: fold the quotation, unless answers stand between quoted lines or it has no header."""
        kinds = [kind for kind in self.kinds[: self.end] if kind != Kind.EMPTY]
        if not kinds or kinds[0] != Kind.HEADER or Kind.TEXT not in kinds:
            return
        first_text = kinds.index(Kind.TEXT)
        above, below = kinds[:first_text], kinds[first_text:]
        if Kind.QUOTE in above and Kind.QUOTE not in below and Kind.HEADER not in below:
            self.folded.update(number for number, kind in enumerate(self.kinds[: self.end]) if kind == Kind.QUOTE)

    def result(self, rest: str) -> tuple[str, str]:
        """New and quoted text; the `rest`, not looked at, follows what the last line that was looked at is."""
        new: list[str] = []
        quoted: list[str] = []
        for number, line in enumerate(self.lines):
            away = number >= self.end or number in self.folded or (self.kinds[number] == Kind.HEADER and not self.forward)
            (quoted if away else new).append(line)
        if rest:
            (quoted if self.end < len(self.lines) else new).append(rest)
        return "\n".join(new).strip("\n"), "\n".join(quoted).strip("\n")
