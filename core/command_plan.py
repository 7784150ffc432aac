"""What the commands and the text of one mail come to together, in which order, all or nothing; the meaning of each is `core/command_table.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from core.command_table import TABLE, Ground, Part
from core.command_words import Name, Said, list_of_commands
from core.commands import Command, Parsed
from core.deeds import Ask
from core.refusal import Refused
from core.setup import Setup, User
from core.status import ResolutionMethod
from core.work_item import WorkItem
from core.writing import Letter

ANSWER = "the answer"

ORDER: tuple[tuple[Name | str, Said], ...] = (
    (Name.NOTE, Said("written while the item is as the agent saw it", "écrite pendant que l’élément est tel que l’agent l’a vu")),
    (Name.TAKE, Said("the answer is then that of whoever has the item", "la réponse est alors celle de qui a l’élément")),
    (Name.ASSIGN, Said("the colleague gets the item with its marks, and the answer takes it from nobody", "le collègue reçoit l’élément avec ses marques")),
    (ANSWER, Said("leaves before the clocks of a wait begin, and is the resolution", "part avant que l’attente ne commence, et vaut résolution")),
    (Name.RELEASE, Said("an answer takes what nobody has, so giving back comes after it", "une réponse prend ce que personne n’a : rendre vient après")),
    (Name.WAIT, Said("the days run from when the answer has left", "les jours courent à partir du départ de la réponse")),
    (Name.UNTIL, Said("an answer would end the wait", "une réponse mettrait fin à l’attente")),
    (Name.RESOLVE, Said("last: nothing can be done to what is resolved", "en dernier : rien ne se fait sur ce qui est résolu")),
)
"""In which order things are done, whatever the order they are written in, and why."""

_PLACE = {what: number for number, (what, _) in enumerate(ORDER)}

EMPTY = Said(
    "Your mail has no text of its own and no command, so nothing was done. Commands: {known}.",
    "Votre message n’a ni texte ni commande ; rien n’a été fait. Commandes : {known}.",
)
NO_NOTE = Said("The note is empty: write its text below “#note”.", "La note est vide : écrivez son texte sous « #note ».")
NOTHING_TO_SEND = Said("“#send” needs an answer, and your mail has no text.", "« #envoyer » demande une réponse, et votre message n’a pas de texte.")
STAYS_INTERNAL = Said(
    "This answers an internal note, so nothing is sent; leave “#send” out, or answer the customer's mail.",
    "Ce message répond à une note interne : rien n’est envoyé ; enlevez « #envoyer », ou répondez au message du client.",
)
NO_WORDS_TO_SPAM = Said(
    "“#resolve spam” sends nothing to whoever wrote it. Leave the text out, or make it a “#note”.",
    "« #résoudre spam » n’envoie rien à l’expéditeur. Enlevez le texte, ou faites-en une « #note ».",
)
WHY_UNABLE = Said(
    "An action that could not be completed needs the reason: “#note” and the reason below “#resolve unable”.",
    "Une action impossible demande une raison : « #note » et la raison sous « #résoudre impossible ».",
)
NOTHING_DONE = Said("Nothing was done.", "Rien n’a été fait.")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with one mail, in this order: `note`, `deeds`, `letter`, `after`; or nothing but `help`.

    The letter has text, resolving, method and time; recipients, files, signature and HTML are added by whoever sends it. `said`: one
    sentence for each thing done, in the person's language.
    """

    letter: Letter | None = None
    deeds: tuple[tuple[str, Ask], ...] = ()
    """Verbs before the letter."""
    note: str = ""
    """An internal note, written first; a note that is the resolution stands in its `resolve` instead."""
    help: bool = False
    said: tuple[str, ...] = ()
    after: tuple[tuple[str, Ask], ...] = ()
    """Verbs after the letter."""

    @property
    def steps(self) -> tuple[tuple[str, Ask] | Letter, ...]:
        """Everything in its order, the note as a verb."""
        note = (("note", Ask(note=self.note)),) if self.note else ()
        return (*note, *self.deeds, *((self.letter,) if self.letter is not None else ()), *self.after)


def planned(parsed: Parsed, item: WorkItem, user: User, setup: Setup, now: datetime, *, internal: bool) -> Plan:
    """What the mail of `user` comes to for `item`; `internal`: it answers an internal note, and its text stays one.

    Raises Refused with all that is wrong, in the person's language.
    """
    ground = Ground(item, user, setup, now)
    if parsed.faults:
        raise Refused(" ".join(fault.in_language(ground.language) for fault in (*parsed.faults, NOTHING_DONE)))
    if parsed.has(Name.HELP):
        return Plan(help=True)
    note, text = _text(parsed, ground, internal=internal)
    if not (parsed.commands or text or note):
        raise Refused(_empty(ground.language))
    commands = sorted(parsed.commands, key=lambda one: _PLACE.get(one.name, -1))
    parts = {one.name: _part(one, ground) for one in commands}
    _check(parts, ground, text=text, note=note)
    return _together(parts, ground, text=text, note=note)


def _empty(language: str) -> str:
    known = list_of_commands()
    return Said(EMPTY.en.format(known=known.en), EMPTY.fr.format(known=known.fr)).in_language(language)


def _text(parsed: Parsed, ground: Ground, *, internal: bool) -> tuple[str, str]:
    """The note and the answer: the text is one or the other."""
    if internal and parsed.has(Name.SEND):
        raise ground.refused(STAYS_INTERNAL)
    if not (internal or parsed.has(Name.NOTE)):
        return "", parsed.rest
    note = "\n".join(filter(None, (parsed.argument(Name.NOTE), parsed.rest)))
    if parsed.has(Name.NOTE) and not note:
        raise ground.refused(NO_NOTE)
    return note, ""


def _part(command: Command, ground: Ground) -> Part:
    return TABLE[command.name][ground.item.kind].part(command.argument, ground)


def _check(parts: dict[Name, Part], ground: Ground, *, text: str, note: str) -> None:
    """What single commands cannot know of each other."""
    if Name.SEND in parts and not text:
        raise ground.refused(NOTHING_TO_SEND)
    method = parts[Name.RESOLVE].ask.method if Name.RESOLVE in parts else None
    if method is ResolutionMethod.REJECTED_AS_SPAM and text:
        raise ground.refused(NO_WORDS_TO_SPAM)
    if method is ResolutionMethod.UNABLE_TO_COMPLETE and not note:
        raise ground.refused(WHY_UNABLE)


def _together(parts: dict[Name, Part], ground: Ground, *, text: str, note: str) -> Plan:
    letter = Letter(text=text) if text else None
    if letter is not None:
        changes = dict(change for part in parts.values() for change in part.letter)
        letter = replace(letter, **changes)
    deeds: list[tuple[str, Ask]] = []
    after: list[tuple[str, Ask]] = []
    for name, part in parts.items():
        if part.verb == "resolve" and letter is not None:
            letter = replace(letter, resolve=True, method=part.ask.method)
        elif part.verb == "resolve" and note:
            after.append((part.verb, replace(part.ask, note=note)))
            note = ""
        elif part.verb:
            (deeds if _PLACE[name] < _PLACE[ANSWER] else after).append((part.verb, part.ask))
    return Plan(letter, tuple(deeds), note, said=_said(parts, ground), after=tuple(after))


def _said(parts: dict[Name, Part], ground: Ground) -> tuple[str, ...]:
    return tuple(filter(None, (part.sentence(ground) for part in parts.values())))
