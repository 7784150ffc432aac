"""What shows that a mail is by one of our own people, THE table of what that is worth, and why a mail is not carried out, in their words.

What is found in a mail is told by `gateway/routing/agent.py`; what is done with one that is believed is `core/on_agent_mail.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from core.command_words import Said


class Proof(StrEnum):
    """What shows that a mail with the registered address of one of our people in From is theirs; the strongest that is there counts."""

    SUBMISSION = "submission"
    """They logged in at the submission door to hand it in."""
    INTERNAL = "internal"
    """The provider says that it was written inside our own tenant."""
    DMARC = "dmarc"
    """DMARC passed for the domain in From, says a trusted server or our own check."""
    SIGNATURE = "signature"
    """An S/MIME or PGP signature by a key that is registered for them; it speaks of the text, not of the recipients."""


class Situation(StrEnum):
    """What a mail with an address of our people in From is; THE words of the documentation."""

    ANSWER = "answers a mail that we sent to them"
    LOOSE = "the same, but nothing that is signed says which mail it answers"
    ON_ITEM = "belongs to an item by an id or a reference, and they are no contact of it"
    LOOSE_ON_ITEM = "the same, but nothing that is signed says to which item it belongs"
    STARTS = "hands on a customer's mail, or begins with `#case` or `#ticket`"
    COMMANDS = "commands something, and answers no mail of ours"
    OUTSIDE = "goes to people outside"
    ANYTHING = "anything else, or an item that they are a contact of"


class Distrust(StrEnum):
    """Why a mail is not carried out."""

    AUTOMATIC = "automatic"
    COPY = "copy"
    SPAM = "spam"
    LEFT = "left"
    SEVERAL_AUTHORS = "several_authors"
    NOT_THEIRS = "not_theirs"
    NOT_PROVED = "not_proved"
    REPLAYED = "replayed"
    NOT_ADDRESSED = "not_addressed"
    TOO_OLD = "too_old"
    UNREADABLE = "unreadable"
    NO_ITEM = "no_item"
    NOT_AN_ANSWER = "not_an_answer"
    UNKNOWN_PROCESS = "unknown_process"
    TOO_MANY = "too_many"
    NOT_OURS = "not_ours"


SILENT = frozenset({Distrust.AUTOMATIC, Distrust.COPY, Distrust.NOT_OURS})
"""Written down, and answered by nobody: programs would answer again, what was done is done, and a customer's words are words."""

THEIRS = frozenset(
    {
        Distrust.TOO_OLD,
        Distrust.UNREADABLE,
        Distrust.NO_ITEM,
        Distrust.NOT_AN_ANSWER,
        Distrust.UNKNOWN_PROCESS,
        Distrust.TOO_MANY,
    }
)
"""Reasons against mails that are theirs beyond doubt: their own words may go back to them. With any other reason the words may be somebody else's."""

REFUSED = "refused"
"""The reason on the audit list of a mail that is theirs, and asks for what the page would refuse as well."""

SENTENCES: dict[Distrust, Said] = {
    Distrust.AUTOMATIC: Said(
        "It is an automatic mail, and nothing was done with it. It is kept; nobody has to do anything.",
        "C’est un message automatique, et rien n’en a été fait. Il est conservé ; personne n’a rien à faire.",
    ),
    Distrust.COPY: Said(
        "The same mail came before, and is done once. This copy is kept; nobody has to do anything.",
        "Le même message est déjà arrivé et n’est exécuté qu’une fois. Cette copie est conservée ; personne n’a rien à faire.",
    ),
    Distrust.SPAM: Said(
        "A spam filter marked this mail, so nothing in it was carried out. If it is yours, send it again in other words, and tell your administrator.",
        "Un filtre antispam a marqué ce message : rien n’en a été exécuté. S’il est de vous, renvoyez-le autrement et prévenez votre administrateur.",
    ),
    Distrust.LEFT: Said(
        "It answers a mail to somebody who no longer works here, so nothing was carried out. An administrator can read it on the list of such mails.",
        "Il répond à un message adressé à quelqu’un qui ne travaille plus ici : rien n’a été exécuté. Un administrateur peut le lire dans la liste.",
    ),
    Distrust.SEVERAL_AUTHORS: Said(
        "It names several authors in From, so it is not clear whose it is; nothing was carried out. Send it again with your address alone in From.",
        "Il nomme plusieurs auteurs dans De : on ne sait pas de qui il est, et rien n’a été exécuté. Renvoyez-le avec votre seule adresse dans De.",
    ),
    Distrust.NOT_THEIRS: Said(
        "It came to your personal address for answers, but not from your registered address; nothing was carried out. If you wrote it, send it again from "
        "your registered address. If not, somebody else has a mail that we sent to you: tell your administrator.",
        "Il est arrivé à votre adresse personnelle de réponse, mais pas depuis votre adresse enregistrée ; rien n’a été exécuté. Si vous l’avez écrit, "
        "renvoyez-le depuis votre adresse enregistrée. Sinon, quelqu’un d’autre possède un message qui vous était destiné : prévenez votre administrateur.",
    ),
    Distrust.NOT_PROVED: Said(
        "Nothing shows that it is yours: no server that we trust vouches for it, and it has no signature of yours; nothing was carried out. If you wrote "
        "it, send it by your usual mail server, or sign it. If you did not, somebody writes in your name: tell your administrator.",
        "Rien ne montre qu’il est de vous : aucun serveur de confiance ne s’en porte garant et il n’a pas votre signature ; rien n’a été exécuté. Si vous "
        "l’avez écrit, envoyez-le par votre serveur habituel, ou signez-le. Sinon, quelqu’un écrit en votre nom : prévenez votre "
        "administrateur.",
    ),
    Distrust.REPLAYED: Said(
        "It is a mail of yours that came before, or that is older than what it answers; nothing was carried out a second time. If you want it done "
        "again, write a new mail. If you did not send it again, somebody else has that mail: tell your administrator.",
        "C’est un message de vous déjà arrivé, ou plus ancien que celui auquel il répond ; rien n’a été exécuté une seconde fois. Pour le refaire, écrivez "
        "un nouveau message. Si vous ne l’avez pas renvoyé, quelqu’un d’autre le possède : prévenez votre administrateur.",
    ),
    Distrust.NOT_ADDRESSED: Said(
        "Nothing in it that is protected against change says that it answers our mail; nothing was carried out. Answer the notification itself, leave "
        "its reference in the subject or the quoted mail below your words, and leave the address for answers in To.",
        "Rien de ce qui y est protégé ne dit qu’il répond à notre message ; rien n’a été exécuté. Répondez à la notification elle-même, laissez sa "
        "référence dans l’objet ou le message cité sous vos mots, et l’adresse de réponse dans À.",
    ),
    Distrust.TOO_OLD: Said(
        "It answers a mail of ours that is too old to be answered; nothing was carried out. Answer a newer one.",
        "Il répond à un message trop ancien pour qu’on y réponde ; rien n’a été exécuté. Répondez à un plus récent.",
    ),
    Distrust.UNREADABLE: Said(
        "It is encrypted, or too large to be read whole; nothing was carried out. Send it again unencrypted, and shorter.",
        "Il est chiffré, ou trop gros pour être lu en entier ; rien n’a été exécuté. Renvoyez-le non chiffré et plus court.",
    ),
    Distrust.NO_ITEM: Said(
        "The mail that it answers is about no item, or about one that is gone; nothing was carried out. Answer a mail about one item.",
        "Le message auquel il répond ne concerne aucun élément, ou un élément disparu ; rien n’a été exécuté. Répondez à un message qui en concerne un.",
    ),
    Distrust.NOT_AN_ANSWER: Said(
        "Its commands were not carried out: they are understood only in an answer to a notification about the item. Answer the newest one.",
        "Ses commandes n’ont pas été exécutées : elles ne sont comprises que dans une réponse à une notification. Répondez à la dernière.",
    ),
    Distrust.UNKNOWN_PROCESS: Said(
        "It asks for a process that there is not; it went where such mail goes. Forward it once more with the right name.",
        "Il demande un processus qui n’existe pas ; il est allé où va ce genre de message. Transférez-le encore une fois avec le bon nom.",
    ),
    Distrust.TOO_MANY: Said(
        "More mails of yours came within an hour than are carried out; nothing was done with this one. Send it again later.",
        "Il est arrivé en une heure plus de messages de vous qu’on n’en exécute ; celui-ci ne l’a pas été. Renvoyez-le plus tard.",
    ),
    Distrust.NOT_OURS: Said(
        "A command stands in a mail, or in a part of it, that is a customer's; it is text like any other. The mail went where such mail goes.",
        "Une commande se trouve dans un message, ou une partie de message, d’un client ; c’est un texte comme un autre. Le message est allé où va ce "
        "genre de message.",
    ),
}
"""What happened, what was kept, what to do."""

_POSSIBLE = Said("Possible: {names}.", "Possibles : {names}.")


def sentence(distrust: Distrust | str, language: str, *, possible: Sequence[str] = ()) -> str:
    """Why, in one of our languages (English where that is not ours). `possible` are names that could have been written instead."""
    said = SENTENCES[Distrust(distrust)].in_language(language)
    return " ".join((said, _POSSIBLE.filled(names=", ".join(possible[:20])).in_language(language))) if possible else said


class Belief(StrEnum):
    """What is done with a mail that nothing speaks against."""

    CARRIED_OUT = "carried out"
    FILED = "filed on the item as ours"
    STARTED = "opened for the customer, in the process that was named, as started by them"
    SENT = "sent as the shared mailbox"
    HELD = "as a stranger's mail on that item"
    ANYBODYS = "as anybody's mail"


_P, _S, _B, _D = Proof, Situation, Belief, Distrust


def _alike(for_all: Belief | Distrust, without: Belief | Distrust, **other: Belief | Distrust) -> dict[str, Belief | Distrust]:
    """A row: the same for every proof but those named, and what holds without any."""
    return {**dict.fromkeys(map(str, Proof), for_all), **other, "": without}


TABLE: dict[Situation, dict[str, Belief | Distrust]] = {
    _S.ANSWER: _alike(_B.CARRIED_OUT, _D.NOT_PROVED),
    _S.LOOSE: _alike(_B.CARRIED_OUT, _D.NOT_PROVED, dmarc=_D.NOT_ADDRESSED, signature=_D.NOT_ADDRESSED),
    _S.ON_ITEM: _alike(_B.FILED, _B.HELD, signature=_B.HELD),
    _S.LOOSE_ON_ITEM: _alike(_B.FILED, _B.HELD, dmarc=_B.HELD, signature=_B.HELD),
    _S.STARTS: _alike(_B.STARTED, _B.ANYBODYS),
    _S.COMMANDS: _alike(_D.NOT_AN_ANSWER, _B.ANYBODYS),
    _S.OUTSIDE: _alike(_B.ANYBODYS, _B.ANYBODYS, submission=_B.SENT),
    _S.ANYTHING: _alike(_B.ANYBODYS, _B.ANYBODYS),
}
"""Situation × proof ('' = none) → what is done, or why it is not."""


def weighed(situation: Situation, proof: str) -> Belief | Distrust:
    """The cell of the table."""
    return TABLE[situation][proof]


# ---------------------------------------------------------------- drawn

_INTRODUCTION = """
Who may act by mail, and what becomes of mail that has an address of our people in From. Each reason is a word of the audit list
(`guichet agent-mail list`); the sentences are what the person is told.

"""

_ABOUT = """
An answer to a mail of ours is looked at in the order of the reasons below; the first that holds decides, whatever the table says. What *proof* means:

* **submission**: they logged in to hand the mail in. **internal**: Microsoft 365 says that it was written inside the tenant named in the profile.
* **dmarc**: a pass that names the domain in From, by a server trusted for that mailbox (the topmost field of each), or by our own check; the mail has one
  From field with one address. Weaker words are good enough for a customer and not for this: ARC seals, `compauth` of Microsoft 365, a list that rewrote
  From. A DKIM signature of the author's domain that leaves out the subject or the date, or signs only a part of the text, proves nothing, nor
  does any where Subject, Date, To or the like stands there twice: it covers the lower one. Of several trusted servers none may contradict. One that
  leaves out To and Cc proves who wrote but not to whom: then the item's reference must stand in the subject or the text.
* **signature**: S/MIME or PGP over the whole text, by a key that is registered for them, made within a day of the mail. It covers the text alone: the
  reference must stand there, and a signed mail with a command in a subject that is not signed proves nothing.

A mail is *replayed* if another one with the same DKIM signature, or by the same author with the same date and text, came before, or if its date is more
than a day before that of the mail it answers. An exact copy of a mail that came before is a *copy*.

"""


def draw() -> str:
    """The table and the reasons as Markdown, for docs/agent-trust.md."""
    columns = (*map(str, Proof), "")
    lines = [_INTRODUCTION, _row("the mail", *(f"**{one}**" if one else "no proof" for one in columns)), _rule(1 + len(columns))]
    lines += [_row(str(situation), *(_cell(row[one]) for one in columns)) for situation, row in TABLE.items()]
    lines += [_ABOUT, _row("reason", "in English", "in French", "answered"), _rule(4)]
    lines += [_row(f"`{one}`", said.en, said.fr, "no" if one in SILENT or one is Distrust.LEFT else "yes") for one, said in SENTENCES.items()]
    return "".join(lines)


def _cell(found: Belief | Distrust) -> str:
    return f"refused: `{found}`" if isinstance(found, Distrust) else str(found)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _rule(columns: int) -> str:
    return "|" + "---|" * columns + "\n"
