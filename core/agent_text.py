"""What an agent wrote in an answer to what we told them: their words without anything of the notification; cutting HTML is `gateway/inbound/agent_html.py`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from urllib.parse import unquote

from core import marker
from core.command_words import Said, plain
from core.mail import Mail
from core.wording import clean_text

MOST = 200_000
"""Characters of a notification, and of the customers' words in it, that are compared."""
MOST_LINES = 3_000
"""Lines of an answer that are compared with it; a longer answer is held."""
LEAST = 20
"""Characters without blanks from which on a line is known for one of the notification."""
CUTS = 25
"""Lines that may stand below the delimiter of a signature."""

MARK = Said("a mark of the notification is left in it", "il y reste un repère de la notification")
LINE = Said("a line of the notification is left in it: “{line}”", "il y reste une ligne de la notification : « {line} »")
LINK = Said("a link or an address of the notification is left in it", "il y reste un lien ou une adresse de la notification")
HANDS_ON = Said("it hands another mail on", "il transfère un autre message")
LONG = Said("it is too long to be compared with the notification", "il est trop long pour être comparé à la notification")
BELOW = Said("your words stand below the notification, and nothing marks its end", "vos mots se trouvent sous la notification, dont rien ne marque la fin")
BETWEEN = Said("words stand between lines of the notification that are not marked as quoted", "des mots se trouvent entre des lignes de la notification")

_LAST_WORDS = tuple(words.rpartition(" ")[2].casefold() for words in marker.LINES.values())
_BEGIN = 10
"""Letters by which a line is told at a glance to be none of a text."""
_QUOTE = re.compile(r"\s*(?:[>»|]|&gt;)")
_NO_LETTER = re.compile(r"[\W_]+")
_PLACEHOLDER = re.compile(r"\[(?:cid:[^\]\n]{1,300}|(?:inline )?image:?[^\]\n]{0,300}|[^\]\[\n]{1,200}\.(?:png|jpe?g|gif|heic|webp|bmp))\]", re.IGNORECASE)
"""What programs write into the text where a picture stands."""
_PHONE = re.compile(
    r"(?:sent (?:from|via|using|with) (?:my |the |a )?\S|get outlook for|envoye (?:de|depuis|avec|via|a partir) |envoyé (?:de|depuis|avec|via|à partir) "
    r"|télécharger outlook|obtenez outlook|obtenir outlook|provenance : courrier)",
    re.IGNORECASE,
)
_SHORT = 160
_LABEL = re.compile(r"[\s*_]*[^\W\d_][^:@<>]{0,24}[*_]*\s?[:：]")
_RULE = re.compile(r"\s*[-_=*]{3,}[^-_=]{0,60}[-_=]{3,}\s*|\s*[-_=*]{3,}\s*")
_URL = re.compile(r"https?://[^\s<>\"']{8,2000}")
_TAG = re.compile(r"\+a\.[a-z0-9]{8,40}\.[a-z0-9_-]{4,64}@", re.IGNORECASE)
"""The reply address of a notification: whoever has it can try to answer in the agent's place."""

Cut = Callable[[str, str], str]
"""(HTML, text) → the part of the HTML that says the text and nothing else, '' where it cannot be had."""


@dataclass(frozen=True, slots=True)
class AgentText:
    """The agent's own words. `html` says the same as `text`, or is ''; `survived`: why they must not leave unasked, '' if they may."""

    text: str
    html: str = ""
    survived: str = ""


class _Searched:
    """The letters of a text in which many lines are looked for: most of those that are not there are told by how they begin."""

    def __init__(self, text: str) -> None:
        self.letters = letters(text)
        self._begins = frozenset(self.letters[at : at + _BEGIN] for at in range(max(0, len(self.letters) - _BEGIN + 1)))

    def __contains__(self, said: str) -> bool:
        return bool(said) and (len(said) < _BEGIN or said[:_BEGIN] in self._begins) and said in self.letters


@dataclass(frozen=True)
class _Told:
    """A notification and the customers' words in it, as they are compared: letters and digits alone."""

    text: str
    customers: str
    whole: str = ""
    """The notification, however long: its links stand at the end."""

    @cached_property
    def all(self) -> _Searched:
        return _Searched(self.text)

    @cached_property
    def theirs(self) -> _Searched:
        return _Searched(self.customers)

    @cached_property
    def ours(self) -> tuple[str, ...]:
        """Its long lines that no customer wrote, each once."""
        lines = dict.fromkeys(letters(line) for line in self.text.split("\n") if len("".join(line.split())) >= LEAST)
        return tuple(line for line in lines if len(line) >= LEAST // 2 and line not in self.theirs)

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """What names its links, whatever a program made of the address around it."""
        return tuple(dict.fromkeys(part for url in _URL.findall(self.whole) if len(part := url.rstrip("/.,;)").rpartition("/")[2]) >= 16))

    def has(self, line: str) -> bool:
        """Whether a line with letters stands in it."""
        return letters(line) in self.all

    def is_theirs(self, line: str) -> bool:
        """Whether customers wrote the line."""
        return letters(line) in self.theirs


def letters(text: str) -> str:
    """Letters and digits alone, in small letters: what is left of a text whatever mail programs do to it."""
    return _NO_LETTER.sub("", text).casefold()


def own_words(
    mail: Mail, told: str, *, theirs: str = "", cut: Cut | None = None, footer: Callable[[str], bool] | None = None, language: str = "en"
) -> AgentText:
    """The agent's words in `mail`, which answers the notification `told` (its text).

    `theirs` are the customers' words that it told: quoted lines of them stay between the agent's own, all other quoted ones go. Their
    program's signature goes, from its `-- ` on: the desk has one of its own. `footer` knows the first line of what servers append
    below everything. `language` is that of `survived`.
    """
    notice = _Told(clean_text(told, MOST), clean_text(theirs, MOST), told)
    lines, doubt = _own_lines(mail, notice, footer or _no_footer)
    lines = _without_placeholders(_without_phone_line(_without_signature(lines)))
    text = clean_text("\n".join(line.rstrip() for line in lines))
    html = cut(mail.html, text) if cut is not None and mail.html and text else ""
    if html and _leaks(html, notice):
        html = ""
    why = doubt or _survivor(text, notice)
    return AgentText(text, html, why.in_language(language) if why is not None and text else "")


# ---------------------------------------------------------------- the cut


def _no_footer(line: str) -> bool:
    return False


def _own_lines(mail: Mail, notice: _Told, footer: Callable[[str], bool]) -> tuple[list[str], Said | None]:
    lines = mail.new_text.split("\n")
    marked = _marked_line(lines)
    if marked >= 0:
        lines = _without_header(lines[:marked])
    lines = _without_quotes(lines, notice)
    if _says(lines):
        return lines, HANDS_ON if mail.forwarded is not None and marked < 0 else None
    return _below(mail.text.split("\n"), notice, footer)


def _marked_line(lines: Sequence[str]) -> int:
    """The first line that begins with a mark of ours and is not set in quote marks, -1 for none; a program may have broken the mark in two.

    A mark behind words stays where it is: somebody put it there, and is asked.
    """
    looks = MOST_LINES
    for number, line in enumerate(lines):
        if not _may_mark(line) or _QUOTE.match(line):
            continue
        looks -= 1
        if looks < 0:
            return -1
        joined = f"{line} {lines[number + 1]}" if number + 1 < len(lines) else line
        if (marker.survives(line) or marker.place(joined) >= 0) and _begins_with_mark(line):
            return number
    return -1


def _begins_with_mark(line: str) -> bool:
    """Whether nothing is said before the mark, its sign or its words."""
    before, sign, _ = line.partition("#")
    return not letters(before) if sign else letters(line).startswith(tuple(letters(words) for words in marker.LINES.values()))


def _may_mark(line: str) -> bool:
    """Whether a closer look is worth its time: every mark has its sign, or the last word of what stands in it."""
    return "#" in line or any(word in line.casefold() for word in _LAST_WORDS)


def _without_quotes(lines: Sequence[str], notice: _Told) -> list[str]:
    """Without quoted lines, but for those of customers' words, and without the reply headers right above what goes."""
    kept: list[str] = []
    looks = MOST_LINES
    gone = False
    for line in lines:
        if not _QUOTE.match(line):
            if gone and not line.strip() and (not kept or not kept[-1].strip()):
                continue
            kept.append(line)
            gone = False
            continue
        looks -= 1
        bare = line.strip(" >»|\t")
        if looks >= 0 and notice.is_theirs(bare) and not marker.survives(line):
            kept.append(line)
        elif not gone:
            kept = _without_header(kept)
            gone = True
    return kept if _says([line for line in kept if not _QUOTE.match(line)]) else []


def _without_header(lines: Sequence[str]) -> list[str]:
    """Without what programs write above what they quote: a rule, a line that ends in a colon and names day and writer, a block of header lines."""
    left = list(lines)
    while True:
        while left and not left[-1].strip():
            left.pop()
        if left and _RULE.fullmatch(left[-1]):
            left.pop()
        elif (size := _header_size(left)) > 0:
            del left[-size:]
        else:
            return left


def _header_size(lines: Sequence[str]) -> int:
    """How many of the last lines are the header of a quotation."""
    for size in (1, 2, 3):
        said = plain(" ".join(lines[-size:])).strip()
        if len(lines) >= size and said.endswith((":", "：")) and "@" in said and any(map(str.isdigit, said)) and len(said) < 400:
            return size
    size = 0
    while size < min(len(lines), 14) and lines[-1 - size].strip():
        size += 1
    while size and not _LABEL.match(lines[-size]):
        size -= 1
    block = lines[len(lines) - size :]
    labels = sum(1 for line in block if _LABEL.match(line))
    return size if labels >= 3 and any("@" in line for line in block) else 0


def _below(lines: Sequence[str], notice: _Told, footer: Callable[[str], bool]) -> tuple[list[str], Said | None]:
    """What stands below the whole notification, where nothing of the agent's stands above it; it may be what a server appended, and is asked for."""
    last = -1
    between: list[str] = []
    pending: list[str] = []
    for number, line in enumerate(lines[:MOST_LINES]):
        if _QUOTE.match(line) or notice.has(line) or (_may_mark(line) and marker.survives(line)):
            if last >= 0:
                between += pending
            pending = []
            last = number
        elif line.strip():
            pending.append(line)
    if last < 0:
        return [], None
    own = list(takewhile(lambda line: not footer(line), lines[last + 1 :]))
    if _says(own):
        return own, BELOW
    doubtful = [line for line in between if not _URL.search(line) and not _LABEL.match(line) and "#" not in plain(line)]
    return doubtful, BETWEEN if doubtful else None


def _without_signature(lines: Sequence[str]) -> list[str]:
    """Without what follows the delimiter of RFC 3676, section 4.3."""
    for number, line in enumerate(lines):
        if plain(line).strip() == "--" and len([below for below in lines[number + 1 :] if below.strip()]) <= CUTS:
            return list(lines[:number])
    return list(lines)


def _without_phone_line(lines: Sequence[str]) -> list[str]:
    """Without `Sent from my phone` at the end."""
    left = list(lines)
    while left and (not left[-1].strip() or (_PHONE.match(plain(left[-1]).strip(" <([*_")) and len(left[-1]) < _SHORT)):
        left.pop()
    return left


def _without_placeholders(lines: Iterable[str]) -> list[str]:
    kept = []
    for line in lines:
        bare = _PLACEHOLDER.sub("", line)
        if bare.strip() or not line.strip():
            kept.append(bare)
    return kept


def _says(lines: Iterable[str]) -> bool:
    """Whether anybody says anything in these lines."""
    return any(line.strip() for line in _without_phone_line(_without_signature(list(lines))))


# ---------------------------------------------------------------- what is left of it


def _survivor(text: str, notice: _Told) -> Said | None:
    """Why the words must not leave unasked, None if nothing of the notification is in them."""
    if marker.survives(text):
        return MARK
    if _leaks(text, notice):
        return LINK
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        return LONG
    said = _Searched(text)
    if any(line in said for line in notice.ours):
        return LINE.filled(line="…")
    for line in lines:
        long = len("".join(line.split())) >= LEAST and len(letters(line)) >= LEAST // 2
        if long and notice.has(line) and not notice.is_theirs(line):
            return LINE.filled(line=line.strip()[:60])
    return None


def _leaks(words: str, notice: _Told) -> bool:
    """Whether a signed link or reply address stands in text or HTML, as it is or wrapped by a program that watches links."""
    opened = unquote(words)
    return bool(_TAG.search(words) or _TAG.search(opened)) or any(one in words or one in opened for one in notice.secrets)
