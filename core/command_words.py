"""The words of commands by mail, in English and French, and what is said where they are not understood; how they are read is `core/commands.py`."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from core.status import ResolutionMethod


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence in both languages. `str()` is the English one."""

    en: str
    fr: str

    def in_language(self, language: str) -> str:
        """The sentence in French where that is spoken, else in English."""
        return self.fr if language.partition("-")[0].lower() == "fr" else self.en

    def filled(self, **words: object) -> Said:
        """The sentence with its `{places}` filled."""
        return Said(self.en.format(**words), self.fr.format(**words))

    def __str__(self) -> str:
        return self.en


class Name(StrEnum):
    """The commands."""

    RESOLVE = "resolve"
    NOTE = "note"
    WAIT = "wait"
    UNTIL = "until"
    ASSIGN = "assign"
    TAKE = "take"
    RELEASE = "release"
    SEND = "send"
    DISCARD = "discard"
    HELP = "help"
    CASE = "case"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Word:
    """How a command is written. The first of each language is the one that is taught; `takes` shows its argument."""

    en: tuple[str, ...]
    fr: tuple[str, ...]
    takes: Said = Said("", "")
    needs: bool = False
    """Without an argument it is not understood."""


WORDS: dict[Name, Word] = {
    Name.RESOLVE: Word(("resolve", "resolved"), ("résoudre", "résolu"), Said("[method]", "[méthode]")),
    Name.NOTE: Word(("note",), ("note",)),
    Name.WAIT: Word(("wait",), ("attendre",), Said("3d [close]", "3j [fermer]")),
    Name.UNTIL: Word(("until",), ("jusqu'au", "jusqu'à"), Said("2026-12-01 09:00", "01/12/2026 9h00"), needs=True),
    Name.ASSIGN: Word(("assign",), ("assigner", "attribuer"), Said("ann", "ann"), needs=True),
    Name.TAKE: Word(("take",), ("prendre",)),
    Name.RELEASE: Word(("release",), ("rendre", "libérer")),
    Name.SEND: Word(("send",), ("envoyer",), Said("17:00", "17h00")),
    Name.DISCARD: Word(("discard",), ("jeter",)),
    Name.HELP: Word(("help",), ("aide",)),
    Name.CASE: Word(("case",), ("dossier",), Said("[process]", "[processus]")),
    Name.TICKET: Word(("ticket",), ("ticket",), Said("[process]", "[processus]")),
}
"""Case, accents and the kind of apostrophe do not count."""

METHODS: dict[ResolutionMethod, Word] = {
    ResolutionMethod.WITH_CUSTOMER_RESPONSE: Word(("answered", "with customer response", "with response"), ("répondu", "avec réponse")),
    ResolutionMethod.NO_CUSTOMER_RESPONSE: Word(("unanswered", "no customer response", "no response", "without answer"), ("sans réponse",)),
    ResolutionMethod.REJECTED: Word(("rejected", "reject"), ("rejeté", "rejetée", "rejeter")),
    ResolutionMethod.REJECTED_AS_SPAM: Word(("spam", "rejected as spam"), ("spam", "indésirable")),
    ResolutionMethod.COMPLETED: Word(("complete", "completed", "done"), ("terminé", "terminée", "fait")),
    ResolutionMethod.UNABLE_TO_COMPLETE: Word(("unable", "unable to complete"), ("impossible", "incapable")),
}
"""What may stand behind `#resolve`; `again` besides. Which of them fit an item is said by `core/command_plan.py`."""

AGAIN = ("again", "à nouveau", "de nouveau", "encore")
CLOSE = ("close", "and close", "then close", "fermer", "clore", "clôturer", "et fermer", "puis fermer", "et clore", "puis clore")
PAUSE = ("pause", "paused", "en pause")
AT_ONCE = ("now", "at once", "maintenant", "tout de suite")
MINE = ("me", "myself", "moi")

UNITS: dict[str, float] = {
    **dict.fromkeys("d day days j jour jours".split(), 1.0),
    **dict.fromkeys("w week weeks sem semaine semaines".split(), 7.0),
    **dict.fromkeys("h hour hours heure heures".split(), 1 / 24),
}
"""Unit of a wait → 24-hour days (decisions.md 6)."""

AGAINST: tuple[tuple[Name, Name], ...] = (
    (Name.RESOLVE, Name.WAIT),
    (Name.RESOLVE, Name.UNTIL),
    (Name.RESOLVE, Name.ASSIGN),
    (Name.RESOLVE, Name.RELEASE),
    (Name.WAIT, Name.UNTIL),
    (Name.TAKE, Name.RELEASE),
    (Name.TAKE, Name.ASSIGN),
    (Name.ASSIGN, Name.RELEASE),
    (Name.NOTE, Name.SEND),
    (Name.SEND, Name.DISCARD),
)
"""Two that cannot be meant by one mail."""

ALONE = frozenset({Name.HELP, Name.DISCARD})
"""Those beside which nothing else may stand."""

UNKNOWN = Said(
    "There is no command “#{word}”. There are: {known}. A text whose first word begins with # needs a line above it.",
    "Il n’y a pas de commande « #{word} ». Il y a : {known}. Un texte dont le premier mot commence par # a besoin d’une ligne au-dessus.",
)
TWICE = Said("“#{word}” stands there twice; say it once.", "« #{word} » est écrit deux fois ; écrivez-le une seule fois.")
CONTRADICTION = Said("“#{one}” and “#{other}” contradict each other; keep one of them.", "« #{one} » et « #{other} » se contredisent ; gardez l’un des deux.")
NOT_ALONE = Said("“#{word}” stands alone: send it without other commands.", "« #{word} » s’emploie seul : envoyez-le sans autre commande.")
TOO_MANY = Said("There are more than {most} commands in this mail.", "Il y a plus de {most} commandes dans ce message.")
NEEDS = Said("“#{word}” needs to know more, for example “#{word} {example}”.", "« #{word} » attend une précision, par exemple « #{word} {example} ».")
TAKES_NOTHING = Said(
    "“#{word}” takes nothing behind it; “{argument}” belongs on a line of its own.",
    "« #{word} » s’écrit seul ; « {argument} » a sa place sur une autre ligne.",
)
NO_METHOD = Said(
    "“{argument}” is not a way to resolve. There are: {known}. Text for the customer belongs on a line of its own.",
    "« {argument} » n’est pas une manière de résoudre. Il y a : {known}. Le texte pour le client a sa place sur une autre ligne.",
)
NO_WAIT = Said(
    "“{argument}” is not how long to wait. Write for example “#wait 3d”, “#wait 2 weeks close”, or “#until 2026-12-01 09:00”.",
    "« {argument} » n’est pas une durée d’attente. Écrivez par exemple « #attendre 3j », « #attendre 2 semaines fermer » ou « #jusqu'au 01/12/2026 9h00 ».",
)
TOO_LONG = Said("What stands behind “#{word}” is longer than a command can be.", "Ce qui suit « #{word} » est trop long pour une commande.")
BELOW = Said(
    "“{line}” in your text looks like a command. Commands stand in the first lines or in the subject, with no blank behind the #.",
    "« {line} » dans votre texte ressemble à une commande. Les commandes s’écrivent dans les premières lignes ou dans l’objet, sans espace après #.",
)

_BLANKS = dict.fromkeys((0x00A0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000, 0x0009), " ")
_NOTHING = dict.fromkeys((0x00AD, 0x034F, 0x061C, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0xFE0E, 0xFE0F), "")
_SIGNS = {**dict.fromkeys(map(ord, "＃﹟"), "#"), **dict.fromkeys(map(ord, "’‘‛ʼ´`′＇"), "'"), **dict.fromkeys(map(ord, "“”„«»″＂"), '"'), ord("："): ":"}
_PLAIN = {**_BLANKS, **_NOTHING, **_SIGNS}


def plain(text: str) -> str:
    """The text with odd blanks, signs that are not seen, and the apostrophes, quotes and number signs of phones made plain ones."""
    return unicodedata.normalize("NFC", text).translate(_PLAIN)


def folded(text: str) -> str:
    """Plain, lower case, without accents, one blank between words: as words of commands are compared."""
    bare = "".join(char for char in unicodedata.normalize("NFKD", plain(text).casefold()) if not unicodedata.combining(char))
    return " ".join(bare.split())


@cache
def names() -> dict[str, Name]:
    """Folded word → command."""
    return {folded(word): name for name, words in WORDS.items() for word in (*words.en, *words.fr, name.value)}


@cache
def method_words() -> dict[str, ResolutionMethod]:
    """Folded word → method; the identifiers too."""
    found = {folded(word): method for method, words in METHODS.items() for word in (*words.en, *words.fr)}
    return {**found, **{method.value.replace("_", " "): method for method in METHODS}}


@cache
def folded_set(words: tuple[str, ...]) -> frozenset[str]:
    """The words folded."""
    return frozenset(map(folded, words))


def taught(name: Name) -> Said:
    """The word that is taught, without its number sign."""
    return Said(WORDS[name].en[0], WORDS[name].fr[0])


def list_of_commands() -> Said:
    """All of them, in a row, with their arguments."""
    rows = [(f"#{word.en[0]} {word.takes.en}".strip(), f"#{word.fr[0]} {word.takes.fr}".strip()) for word in WORDS.values()]
    return Said(", ".join(en for en, _ in rows), ", ".join(fr for _, fr in rows))


def list_of_methods() -> Said:
    """What may stand behind `#resolve`."""
    return Said(", ".join((*(word.en[0] for word in METHODS.values()), AGAIN[0])), ", ".join((*(word.fr[0] for word in METHODS.values()), AGAIN[1])))


def is_again(argument: str) -> bool:
    """Whether `#resolve` is to use the resolution that there was before."""
    return folded(argument) in folded_set(AGAIN)


_DURATION = re.compile(r"(\d{1,4}(?:[.,]\d{1,2})?) ?([a-z]{0,9})\.?(?: |$)(.*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wait:
    """What stands behind `#wait`: 24-hour days or None, whether to close without an answer, whether to pause."""

    days: float | None = None
    close: bool = False
    pause: bool = False


def wait_of(argument: str) -> Wait | None:
    """How long `3d`, `2 semaines puis fermer`, `close` or `pause` mean; None where it is not understood."""
    said = folded(argument).rstrip(".!").replace(",", ".") if argument else ""
    if not said:
        return Wait()
    if said in folded_set(PAUSE):
        return Wait(pause=True)
    found = _DURATION.fullmatch(said.removeprefix("for ").removeprefix("pendant "))
    if found is None:
        return None
    amount, unit, rest = found.groups()
    if unit in folded_set(CLOSE):
        unit, rest = "", f"{unit} {rest}".strip()
    rest = rest.strip(" .")
    if (unit and unit not in UNITS) or (rest and rest not in folded_set(CLOSE)):
        return None
    return Wait(float(amount) * UNITS.get(unit, 1.0), bool(rest))
