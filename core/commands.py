"""Commands in a mail by one of our people: found in its first lines or its subject and read; what they mean for an item is `core/command_plan.py`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from core import command_words as words
from core.command_help import help_text as help_text
from core.command_words import Name, Said, folded, is_again, names, plain
from core.refs import without_references
from core.wording import TEXT, clean_line, clean_text

MOST = 10
"""Commands in one mail."""
LONGEST = 300
"""Characters of a line with commands; only a note may go on for longer."""
LONGEST_SUBJECT = 2_000

_COMMAND = re.compile(r"[ ]*(?:[-–—•·*] +|[-–—•·])?[*_~]{0,3}#([^\W\d_][\w'-]{0,40})")
"""At the beginning of a line: as lists, bold letters and phones decorate it, but never quoted."""
_NEXT = re.compile(r" +[*_]{0,3}(?=#[^\W\d_])")
_LINKED = re.compile(r" ?<(?:https?|mailto):[^<>\s]{0,500}>|\((?:https?|mailto):[^()\s]{0,500}\)", re.IGNORECASE)
"""The target that programs put behind a `#tag` or an address that they made a link."""
_ENDS = " .,;:!…*_~"
_ELSEWHERE = re.compile(r"[ ]*(?:[-–—•·*] +)?[*_~]{0,3}#( ?)([^\W\d_][\w'-]{0,40})(.{0,60})")
_PREFIXES = "fwd fw tr wg rv i enc vb transf transféré".split()
_PREFIX = re.compile(rf"(?:re|aw|antw|antwort|sv|vs|r|rif|ris|res|resp|ref|réf|rép|réponse|odp|{'|'.join(_PREFIXES)})(?:\[\d{{1,3}}\])? ?: ?", re.IGNORECASE)
_LAST_PREFIX = re.compile(rf"(?: |^){_PREFIX.pattern}$", re.IGNORECASE)
_FORWARDED = re.compile(rf"(?:^|[ (\[])(?:{'|'.join(_PREFIXES)}) ?:", re.IGNORECASE)
_TIME_LIKE = re.compile(r"\d|^(?:today|tomorrow|demain|aujourd'hui|apres-demain|monday|tuesday|wednesday|thursday|friday|lundi|mardi|mercredi|jeudi|vendredi)\b")


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its argument as written, '' for none, and the whole of it as it stood there."""

    name: Name
    argument: str = ""
    written: str = ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a mail says: commands in their order, the text without them, and why nothing may be carried out (`Said` in both languages)."""

    commands: tuple[Command, ...] = ()
    rest: str = ""
    faults: tuple[Said, ...] = ()

    def has(self, name: Name) -> bool:
        """Whether it is among the commands."""
        return any(one.name is name for one in self.commands)

    def argument(self, name: Name) -> str:
        """What stands behind it, '' for none."""
        return next((one.argument for one in self.commands if one.name is name), "")


@dataclass(frozen=True, slots=True)
class Start:
    """New work by mail: `kind` is `ticket` or `case`, `process` a name as written or '', `rest` the text without the command."""

    kind: str
    process: str
    rest: str


def parse(subject: str, text: str, *, told_subject: str | None = None) -> Parsed:
    """The commands in the first lines of `text` (own words only) and in the subject; never raises.

    `told_subject` is the subject of the mail that is answered: what stands there was written by a customer and commands nothing. Without
    it (None) the subject is not read.
    """
    found: list[Command] = []
    faults: list[Said] = []
    if told_subject is not None:
        _read_line(_own_subject(subject, told_subject), found, faults)
    lines = clean_text(text, TEXT).split("\n")
    first = _read_first(lines, found, faults)
    rest = "\n".join(lines[first:]).strip()
    faults += (*_faults_between(found), *_below(lines[first:]))
    return Parsed(tuple(found[:MOST]), rest, tuple(dict.fromkeys(faults)))


def starts(subject: str, text: str) -> Start | None:
    """What new work a mail begins that hands a customer's mail on, None where it says nothing of it.

    In the first lines of the text, or in the subject before the prefix of the forward: what stands behind it is the customer's.
    """
    found: list[Command] = []
    faults: list[Said] = []
    said = plain(clean_line(subject, LONGEST_SUBJECT))
    handed_on = _FORWARDED.search(said)
    _read_line(said[: handed_on.start()] if handed_on else said, found, faults)
    lines = clean_text(text, TEXT).split("\n")
    first = _read_first(lines, found, faults)
    wanted = [one for one in found if one.name in _STARTS]
    if not wanted or faults:
        return None
    return Start(_STARTS[wanted[0].name], clean_line(wanted[0].argument, 200), "\n".join(lines[first:]).strip())


_STARTS = {Name.CASE: "case", Name.TICKET: "ticket"}
_HEADINGS = frozenset({Name.NOTE, Name.HELP, Name.CASE, Name.TICKET, Name.SEND, Name.DISCARD})
"""With a blank behind the number sign these are headings as people write them."""


# ---------------------------------------------------------------- where they stand


def _read_first(lines: list[str], found: list[Command], faults: list[Said]) -> int:
    """Read the lines with commands that come first; the number of the line after them."""
    for number, line in enumerate(lines):
        if not plain(line).strip(" *_~"):
            continue
        if len(found) > MOST or len(faults) > MOST or not _read_line(line, found, faults):
            return number
    return len(lines)


def _read_line(line: str, found: list[Command], faults: list[Said]) -> bool:
    """Whether the line begins with a command, known or not; what it says is added."""
    at = _COMMAND.match(plain(line[: 2 * LONGEST]))
    if at is None or line.lstrip().startswith(">"):
        return False
    _read(plain(line), at, found, faults)
    return True


def _read(line: str, at: re.Match[str], found: list[Command], faults: list[Said]) -> None:
    """The command that begins here, and those behind it in the same line."""
    while True:
        name = names().get(_bare(at.group(1)))
        rest = line[at.end() :]
        if name is Name.NOTE:
            _add(Command(name, rest.strip(" :*_~"), line.strip()), found, faults)
            return
        next_one = _NEXT.search(rest[:LONGEST])
        piece, line = (rest[: next_one.start()], rest[next_one.end() :]) if next_one else (rest, "")
        if name is None:
            faults.append(_unknown(at.group(1)))
        elif len(piece) > LONGEST:
            faults.append(_of(words.TOO_LONG, name))
        else:
            _add(Command(name, _argument(piece), clean_line(f"#{at.group(1)}{piece}", LONGEST)), found, faults)
        following = _COMMAND.match(line) if next_one else None
        if following is None:
            return
        at = following


def _unknown(word: str) -> Said:
    known = words.list_of_commands()
    shown = clean_line(word, 60)
    return Said(words.UNKNOWN.en.format(word=shown, known=known.en), words.UNKNOWN.fr.format(word=shown, known=known.fr))


def _bare(word: str) -> str:
    return folded(word).strip(" '-_")


def _argument(piece: str) -> str:
    """What stands behind a command, without links, quotes and the signs at its ends."""
    return clean_line(_LINKED.sub("", piece)).strip(_ENDS + "=").strip("\"'").strip(_ENDS)


def _own_subject(subject: str, told: str) -> str:
    """What the agent wrote into the subject of an answer; '' where it is the told one, whole or cut short."""
    own, theirs = _base(subject), _base(told)
    if folded(own).rstrip(".… ") in folded(theirs):
        return ""
    if not theirs:
        return own
    for piece, rest in ((own[: len(theirs)], own[len(theirs) :]), (own[-len(theirs) :], own[: -len(theirs)])):
        if folded(piece) == folded(theirs):
            return _LAST_PREFIX.sub("", rest.strip()).strip()
    return "" if folded(theirs) in folded(own) else own


def _base(subject: str) -> str:
    """The subject without references and prefixes."""
    base = unicodedata.normalize("NFC", plain(without_references(clean_line(subject, LONGEST_SUBJECT)))).strip()
    for _ in range(20):
        found = _PREFIX.match(base)
        if found is None:
            break
        base = base[found.end() :].strip()
    return base


# ---------------------------------------------------------------- what is wrong with them


def _add(command: Command, found: list[Command], faults: list[Said]) -> None:
    if len(found) >= MOST:
        faults.append(words.TOO_MANY.filled(most=MOST))
        return
    fault = _fault_of(command)
    if fault is not None:
        faults.append(fault)
    if any(one.name is command.name for one in found):
        faults.append(_of(words.TWICE, command.name))
        return
    found.append(command)


def _fault_of(command: Command) -> Said | None:
    """Why the argument cannot be understood by itself; times and names need more than the mail, and are read when it is planned."""
    taught, takes, argument = words.taught(command.name), words.WORDS[command.name], command.argument
    if takes.needs and not argument:
        return Said(
            words.NEEDS.en.format(word=taught.en, example=takes.takes.en),
            words.NEEDS.fr.format(word=taught.fr, example=takes.takes.fr),
        )
    if argument and command.name is not Name.NOTE and not takes.takes.en:
        return _of(words.TAKES_NOTHING, command.name, argument=argument[:60])
    if command.name is Name.RESOLVE and argument and not is_again(argument) and folded(argument) not in words.method_words():
        known = words.list_of_methods()
        return Said(words.NO_METHOD.en.format(argument=argument[:60], known=known.en), words.NO_METHOD.fr.format(argument=argument[:60], known=known.fr))
    if command.name is Name.WAIT and words.wait_of(argument) is None:
        return words.NO_WAIT.filled(argument=argument[:60])
    return None


def _faults_between(found: Iterable[Command]) -> list[Said]:
    there = {one.name for one in found}
    faults = [_pair(one, other) for one, other in words.AGAINST if one in there and other in there]
    return faults + [_of(words.NOT_ALONE, name) for name in sorted(words.ALONE & there) if len(there) > 1]


def _below(lines: list[str]) -> list[Said]:
    """Lines of the text that are nothing but a command: the agent wants it done, and the customer must not read it."""
    stray = (line for line in lines if "#" in plain(line.lstrip()[:8]))
    return [words.BELOW.filled(line=clean_line(line, 80)) for line in islice(filter(_is_command, stray), 3)]


def _is_command(line: str) -> bool:
    found = _ELSEWHERE.fullmatch(_LINKED.sub("", plain(line[: 2 * LONGEST])).rstrip(_ENDS))
    name = names().get(_bare(found.group(2))) if found else None
    if found is None or name is None or (found.group(1) and name in _HEADINGS):
        return False
    argument = _argument(found.group(3))
    if name in (Name.UNTIL, Name.SEND) and argument:
        return bool(_TIME_LIKE.search(folded(argument)))
    if name is Name.ASSIGN:
        return 0 < len(argument.split()) <= 3
    if name in _STARTS or name is Name.NOTE:
        return not argument
    return _fault_of(Command(name, argument)) is None


def _of(sentence: Said, name: Name, **more: object) -> Said:
    taught = words.taught(name)
    return Said(sentence.en.format(word=taught.en, **more), sentence.fr.format(word=taught.fr, **more))


def _pair(one: Name, other: Name) -> Said:
    first, second = words.taught(one), words.taught(other)
    return Said(words.CONTRADICTION.en.format(one=first.en, other=second.en), words.CONTRADICTION.fr.format(one=first.fr, other=second.fr))
