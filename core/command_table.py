"""THE table of commands by mail: what each means for each kind of item, as data, drawn into docs/commands-by-mail.md; several together are `core/command_plan.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core import command_words as words
from core.command_words import Name, Said, folded, is_again
from core.deeds import Ask
from core.methods import METHODS
from core.refusal import Refused
from core.setup import Setup, User
from core.status import ResolutionMethod, WaitType
from core.typed_times import NotTyped, typed_moment
from core.work_item import WorkItem

KINDS = ("ticket", "case", "action")
SILENT = Said("", "")


@dataclass(frozen=True, slots=True)
class Ground:
    """What a command is read upon: the item, who wrote, and the moment (aware)."""

    item: WorkItem
    user: User
    setup: Setup
    now: datetime

    @property
    def language(self) -> str:
        """In which the person is answered."""
        return self.user.language or self.setup.language or "en"

    @property
    def zone(self) -> str:
        """In which the person's times are meant."""
        return self.user.timezone or self.setup.timezone

    def refused(self, sentence: Said, **more: object) -> Refused:
        """The sentence for the person, to be raised."""
        return Refused(sentence.filled(ref=self.item.ref, **more).in_language(self.language))

    def moment(self, argument: str, *, needs_clock: bool) -> datetime:
        """A time as typed. Raises Refused."""
        try:
            return typed_moment(argument, self.zone, self.language, self.now, needs_clock=needs_clock)
        except NotTyped as not_typed:
            raise Refused(not_typed.said.in_language(self.language)) from None


@dataclass(frozen=True, slots=True)
class Part:
    """What one command comes to: a verb with what it asks, or changes to the letter; and how the confirmation says it."""

    verb: str = ""
    ask: Ask = field(default_factory=Ask)
    letter: tuple[tuple[str, Any], ...] = ()
    said: Said = SILENT
    words: tuple[tuple[str, object], ...] = ()

    def sentence(self, ground: Ground) -> str:
        """For the confirmation; '' where nothing is to be said."""
        return self.said.filled(ref=ground.item.ref, **dict(self.words)).in_language(ground.language)


@dataclass(frozen=True, slots=True)
class Cell:
    """What a command does to one kind of item. `part` raises Refused with a sentence in the person's language."""

    does: Said
    part: Callable[[str, Ground], Part]


# ---------------------------------------------------------------- people


def _take(argument: str, ground: Ground) -> Part:
    return Part("take", said=Said("{ref} is yours.", "{ref} est à vous."))


def _release(argument: str, ground: Ground) -> Part:
    return Part("release", said=Said("{ref} is back in its queue.", "{ref} est de retour dans sa file."))


NOBODY = Said("There is no colleague and no queue “{name}”. Possible: {known}.", "Il n’y a ni collègue ni file « {name} ». Possible : {known}.")
SEVERAL = Said("“{name}” fits several: {known}. Write more of it.", "« {name} » convient à plusieurs : {known}. Précisez.")
MOST_NAMED = 20


def _assign(argument: str, ground: Ground) -> Part:
    """A colleague or a queue: the whole name or address first, then a beginning that only one has."""
    wanted = folded(argument).removeprefix("to ").removeprefix("a ").strip("\"' @")
    if wanted in words.folded_set(words.MINE):
        return _to_person(ground.user)
    named = _named(ground.setup)
    exact = {key: part for key, (part, calls) in named.items() if wanted in calls}
    found = exact or {key: part for key, (part, calls) in named.items() if wanted and any(call.startswith(wanted) for call in calls)}
    if len(found) == 1:
        return next(iter(found.values()))
    shown = ", ".join(sorted(found or named)[:MOST_NAMED])
    raise ground.refused(SEVERAL if found else NOBODY, name=argument[:60], known=shown)


def _named(setup: Setup) -> dict[str, tuple[Part, tuple[str, ...]]]:
    """Whom and what an item can be given to, by how they are shown, with what they may be called."""
    people = {f"{user.name or user.email} <{user.email}>": (_to_person(user), _calls(user)) for user in setup.user_of.values()}
    return {**people, **{queue: (_to_queue(queue), (folded(queue),)) for queue in setup.queues}}


def _calls(user: User) -> tuple[str, ...]:
    name = folded(user.name)
    return tuple(filter(None, (folded(user.email), folded(user.email.partition("@")[0]), name, *name.split()[1:])))


def _to_person(user: User) -> Part:
    return Part("assign", Ask(to=user.email), said=Said("{ref} is assigned to {to}.", "{ref} est attribué à {to}."), words=(("to", user.name or user.email),))


def _to_queue(queue: str) -> Part:
    return Part("assign", Ask(queue=queue), said=Said("{ref} is in the queue {to}.", "{ref} est dans la file {to}."), words=(("to", queue),))


# ---------------------------------------------------------------- resolving

RESOLVED = Said("{ref} is resolved ({method}).", "{ref} est résolu ({method}).")
RESOLVED_AGAIN = Said("{ref} is resolved again, as before.", "{ref} est de nouveau résolu, comme avant.")
NOT_BY = Said("{ref} cannot be resolved as “{method}”. Possible: {known}.", "{ref} ne peut pas être résolu comme « {method} ». Possible : {known}.")
WHICH = Said(
    "{ref} is an action: say how it ended, “#resolve complete” or “#resolve unable” (with “#note” and the reason).",
    "{ref} est une action : dites comment elle s’est terminée, « #résoudre terminé » ou « #résoudre impossible » (avec « #note » et la raison).",
)
_OF_ACTIONS = (ResolutionMethod.COMPLETED, ResolutionMethod.UNABLE_TO_COMPLETE)
"""A-AC-04."""


def _resolve(argument: str, ground: Ground) -> Part:
    if is_again(argument):
        return Part("resolve-again", said=RESOLVED_AGAIN)
    possible = tuple(method for method, one in METHODS.items() if ground.item.kind in one.kinds)
    return _by_method(argument, possible, ground)


def _resolve_action(argument: str, ground: Ground) -> Part:
    """A-AC-04: complete or unable; nothing is guessed, for neither can be taken back."""
    if not argument or is_again(argument):
        raise ground.refused(WHICH)
    return _by_method(argument, _OF_ACTIONS, ground)


def _by_method(argument: str, possible: Iterable[ResolutionMethod], ground: Ground) -> Part:
    method = words.method_words()[folded(argument)] if argument else None
    if method is not None and method not in possible:
        raise ground.refused(NOT_BY, method=argument[:60], known=", ".join(method_said(one).in_language(ground.language) for one in possible))
    default = ResolutionMethod.COMPLETED if ground.item.kind == "case" else ResolutionMethod.WITH_CUSTOMER_RESPONSE
    return Part("resolve", Ask(method=method), said=RESOLVED, words=(("method", method_said(method or default).in_language(ground.language)),))


def method_said(method: ResolutionMethod) -> Said:
    """The word that is taught for a method."""
    return Said(words.METHODS[method].en[0], words.METHODS[method].fr[0])


# ---------------------------------------------------------------- waiting

HOW_LONG = Said(
    "Say how long {ref} waits for the answer: “#wait 3d”, “#wait 2 weeks close”, or “#until 2026-12-01 09:00”.",
    "Dites combien de temps {ref} attend la réponse : « #attendre 3j », « #attendre 2 semaines fermer » ou « #jusqu'au 01/12/2026 9h00 ».",
)
NO_DAYS = Said(
    "{ref} is a case, and a case waits for no number of days. Possible: “#wait” (until the answer comes), “#until 2026-12-01 09:00”, “#wait pause”.",
    "{ref} est un dossier, et un dossier n’attend pas un nombre de jours. Possible : « #attendre » (jusqu’à la réponse), "
    "« #jusqu'au 01/12/2026 9h00 », « #attendre pause ».",
)
NO_PAUSE = Said(
    "Only cases can be paused; {ref} can wait: “#wait 3d” or “#until 2026-12-01 09:00”.",
    "Seuls les dossiers ont une pause ; {ref} peut attendre : « #attendre 3j » ou « #jusqu'au 01/12/2026 9h00 ».",
)
ACTION_WAITS = Said(
    "{ref} is an action, and an action waits for no number of days and has no pause. Possible: “#wait” (until the answer comes), “#until 2026-12-01 09:00”.",
    "{ref} est une action, et une action n’attend pas un nombre de jours et n’a pas de pause. Possible : « #attendre » (jusqu’à la réponse), "
    "« #jusqu'au 01/12/2026 9h00 ».",
)
WAITS = Said("{ref} waits for an answer for {days} days.", "{ref} attend une réponse pendant {days} jours.")
WAITS_CLOSE = Said(
    "{ref} waits for an answer for {days} days, and is closed if none comes.", "{ref} attend une réponse pendant {days} jours, et sera clos si aucune ne vient."
)
WAITS_OPEN = Said("{ref} waits until an answer comes.", "{ref} attend qu’une réponse arrive.")
PAUSED = Said("{ref} is paused.", "{ref} est en pause.")
UNTIL = Said("{ref} waits until {until}.", "{ref} attend jusqu’au {until}.")


def _wait_ticket(argument: str, ground: Ground) -> Part:
    wait = words.wait_of(argument)
    if wait is not None and wait.pause:
        raise ground.refused(NO_PAUSE)
    if wait is None or wait.days is None:
        raise ground.refused(HOW_LONG)
    ask = Ask(days=wait.days, close_if_no_answer=wait.close, wait_type=WaitType.MORE_INFORMATION)
    return Part("wait", ask, said=WAITS_CLOSE if wait.close else WAITS, words=(("days", f"{wait.days:.4g}"),))


def _wait_case(argument: str, ground: Ground) -> Part:
    """A-CS-12, A-CS-14."""
    wait = words.wait_of(argument)
    if wait is None or wait.days is not None or wait.close:
        raise ground.refused(NO_DAYS)
    return Part("wait", Ask(wait_type=WaitType.PAUSE), said=PAUSED) if wait.pause else Part("wait", Ask(wait_type=WaitType.MORE_INFORMATION), said=WAITS_OPEN)


def _wait_action(argument: str, ground: Ground) -> Part:
    """A-AC-01."""
    if argument:
        raise ground.refused(ACTION_WAITS)
    return Part("wait", Ask(wait_type=WaitType.MORE_INFORMATION), said=WAITS_OPEN)


def _until(argument: str, ground: Ground) -> Part:
    until = ground.moment(argument, needs_clock=False)
    return Part("wait", Ask(until=until, wait_type=WaitType.UNTIL), said=UNTIL, words=(("until", shown(until, ground)),))


def shown(moment: datetime, ground: Ground) -> str:
    """A moment as the person reads it."""
    return moment.astimezone(ZoneInfo(ground.zone or "UTC")).strftime("%Y-%m-%d %H:%M (%Z)")


# ---------------------------------------------------------------- the letter, and what is no deed

LEAVES = Said("Your answer leaves at {at}.", "Votre réponse part le {at}.")
AT_ONCE = Said("Your answer leaves at once.", "Votre réponse part tout de suite.")
NOTHING_HELD = Said("No answer of yours is held by this mail, so nothing can be discarded.", "Aucune réponse n’est retenue par ce message : il n’y a rien à jeter.")
NEW_WORK = Said(
    "“#{word}” starts new work: forward the customer's mail to the mailbox with “#{word}” in the first line. {ref} stays what it is.",
    "« #{word} » commence un nouveau travail : transférez le message du client à la boîte avec « #{word} » en première ligne. {ref} reste ce qu’il est.",
)


def _send(argument: str, ground: Ground) -> Part:
    if not argument or folded(argument) in words.folded_set(words.AT_ONCE):
        return Part(letter=(("undo", timedelta(0)),), said=AT_ONCE)
    moment = ground.moment(argument, needs_clock=True)
    return Part(letter=(("send_at", moment),), said=LEAVES, words=(("at", shown(moment, ground)),))


def _note(argument: str, ground: Ground) -> Part:
    return Part(said=Said("Your note is on {ref}; nothing was sent.", "Votre note est sur {ref} ; rien n’a été envoyé."))


def _nothing(argument: str, ground: Ground) -> Part:
    return Part()


def _nothing_held(argument: str, ground: Ground) -> Part:
    raise ground.refused(NOTHING_HELD)


def _new_work(name: Name) -> Callable[[str, Ground], Part]:
    def refused(argument: str, ground: Ground) -> Part:
        raise ground.refused(NEW_WORK, word=words.taught(name).in_language(ground.language))

    return refused


def _same(does: Said, part: Callable[[str, Ground], Part]) -> dict[str, Cell]:
    return dict.fromkeys(KINDS, Cell(does, part))


TABLE: dict[Name, dict[str, Cell]] = {
    Name.RESOLVE: {
        "ticket": Cell(
            Said(
                "With text: the answer is sent and the ticket resolved (Send & Resolve). Without: resolved by the rules of its process; with `#note` the note is "
                "the resolution. Methods: answered (default), unanswered, rejected, spam. `#resolve again`: with the resolution it had.",
                "Avec du texte : la réponse part et le ticket est résolu. Sans texte : résolu selon les règles de son processus ; avec « #note », la note est la "
                "résolution. Méthodes : répondu (par défaut), sans réponse, rejeté, spam. « #résoudre à nouveau » : avec la résolution d’avant.",
            ),
            _resolve,
        ),
        "case": Cell(
            Said("As a ticket. Methods: complete (default without text), answered (default with text), unanswered.",
                 "Comme un ticket. Méthodes : terminé (par défaut sans texte), répondu (par défaut avec texte), sans réponse."),
            _resolve,
        ),
        "action": Cell(
            Said("Asks how it ended: `#resolve complete` or `#resolve unable`; unable needs `#note` with the reason.",
                 "Demande comment elle s’est terminée : « #résoudre terminé » ou « #résoudre impossible » ; impossible demande « #note » avec la raison."),
            _resolve_action,
        ),
    },
    Name.NOTE: _same(
        Said("The text is an internal note; nothing is sent, nobody takes anything.", "Le texte est une note interne ; rien n’est envoyé, rien n’est pris."), _note
    ),
    Name.WAIT: {
        "ticket": Cell(
            Said("Waits so many 24-hour days for an answer (`d`, `w`, `h`); with `close` it is closed if none comes.",
                 "Attend une réponse tant de jours de 24 heures (j, sem, h) ; avec « fermer », le ticket se ferme si aucune ne vient."),
            _wait_ticket,
        ),
        "case": Cell(
            Said("Waits until an answer comes; there is no number of days. `#wait pause` pauses it.",
                 "Attend qu’une réponse arrive, sans nombre de jours. « #attendre pause » met le dossier en pause."),
            _wait_case,
        ),
        "action": Cell(Said("Waits until an answer comes; no number of days, no pause.", "Attend qu’une réponse arrive ; ni nombre de jours, ni pause."), _wait_action),
    },
    Name.UNTIL: _same(Said("Waits until that date and time, in your zone; past times are refused.",
                           "Attend jusqu’à cette date et cette heure, dans votre fuseau ; une heure passée est refusée."), _until),
    Name.ASSIGN: _same(Said("Gives it to a colleague (name, e-mail, or a beginning only one has) or to a queue.",
                            "Confie l’élément à un collègue (nom, adresse, ou un début que lui seul a) ou à une file."), _assign),
    Name.TAKE: _same(Said("It is yours, also from a colleague.", "L’élément est à vous, même si un collègue l’avait."), _take),
    Name.RELEASE: _same(Said("Gives it back to its queue, after your answer.", "Le rend à sa file, après votre réponse."), _release),
    Name.SEND: _same(Said("Your answer leaves at that time; without a time at once. On an answer that is held: it is let go.",
                          "Votre réponse part à cette heure ; sans heure, tout de suite. Si une réponse est retenue : elle part."), _send),
    Name.DISCARD: _same(Said("Only for an answer that is held: it is thrown away.", "Seulement pour une réponse retenue : elle est jetée."), _nothing_held),
    Name.HELP: _same(Said("Nothing is done; you get the list.", "Rien n’est fait ; vous recevez la liste."), _nothing),
    Name.CASE: _same(Said("Only with a forwarded mail of a customer: begins a case.", "Seulement avec un message transféré d’un client : commence un dossier."),
                     _new_work(Name.CASE)),
    Name.TICKET: _same(Said("Only with a forwarded mail of a customer: begins a ticket.", "Seulement avec un message transféré d’un client : commence un ticket."),
                       _new_work(Name.TICKET)),
}  # fmt: skip
"""Command × kind of item → what it means."""

