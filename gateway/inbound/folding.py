"""What is folded at the end of a new text: quotations with their header, phone lines, footers, an answer's signature; the cut is found by `content.py`."""

from __future__ import annotations

from gateway.inbound.line import Kind, is_footer, is_header, is_legal, is_list_footer, is_phone_line, is_request, is_rule, is_strong_header, normal

_SIGNATURE = 12
"""Lines of the longest signature that is folded."""

_ROUNDS = 12
"""Layers of quotations, phone lines and footers that are taken off the end; each looks at the last paragraph once."""


class Folding:
    """The lines of one text, what kind each is, and which of them are folded away so far."""

    def __init__(self, lines: list[str], kinds: list[Kind], answer: bool | None) -> None:
        self.lines = lines
        self.kinds = kinds
        self.answer = answer
        """What the mail's header says, None where there is none to ask."""
        self.first = answer is False
        """Nothing says that it is an answer: then nothing is folded on a guess."""
        self.end = len(lines)
        """Lines from here on are quoted."""
        self.reply = False
        """Whether anything says that this is an answer."""
        self.forward = False
        self.footed = False
        """Whether a footer was folded."""
        self.folded: set[int] = set()

    def fold_end(self) -> None:
        """Fold what stands at the end of the new text: quotations with their header, phone signatures, footers, and an answer's signature."""
        if self.forward:
            return
        self.reply = self.reply or (not self.first and Kind.QUOTE in self.kinds)
        for _ in range(_ROUNDS):
            before = self.end
            self._drop_empty()
            self._fold_trailing_quote()
            self._fold_phone_line()
            self._fold_footer()
            if before == self.end:
                break
        self._fold_signature()

    def _drop_empty(self) -> None:
        while self.end and self.kinds[self.end - 1] == Kind.EMPTY:
            self.end -= 1

    def _fold_trailing_quote(self) -> None:
        start = self.end
        while start and self.kinds[start - 1] in (Kind.QUOTE, Kind.EMPTY):
            start -= 1
        if start == self.end or (self.first and not self.reply and not self._begins_as_answer(start)):
            return
        while start and self.kinds[start - 1] in (Kind.HEADER, Kind.EMPTY):
            start -= 1
        if start or self._quotes_a_mail():
            self.end = start

    def _begins_as_answer(self, start: int) -> bool:
        """Whether the quoted lines from here begin with a reply header that only a program writes (phones set it in quote marks too)."""
        first = normal(next((line for line in self.lines[start : start + 3] if line.strip()), "").lstrip("> "))
        return is_header(first, True) and is_strong_header(first, False)

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
        if not 0 < start < self.end:
            return
        first = normal(self.lines[start])
        asked = is_request(first) and Kind.QUOTE not in self.kinds[:start]
        said = (is_footer(first) and not asked) or (self.reply and is_list_footer(self.lines[start : self.end]))
        if said and (self.reply or (self.answer and (self.footed or is_legal(self.lines[start : self.end])))):
            self.end = start
            self.footed = True

    def _fold_signature(self) -> None:
        """An answer's signature, from its `-- ` or its rule, if it is short and nothing quoted stands in it; a first mail keeps its own."""
        if not (self.reply or self.answer):
            return
        for number in range(self.end - 1, max(self.end - _SIGNATURE, 0), -1):
            line = self.lines[number].strip()
            if self.kinds[number] == Kind.QUOTE:
                return
            if line == "--" or (self.reply and is_rule(line) and line[0] == "_" and self.kinds[number + 1 : number + 2] == [Kind.TEXT]):
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
