"""Mails that answer a mail by one of our own people: done, refused, or held until they say so; what is answered how is decided in `core/on_agent_mail.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.agent_letters import letter, spoken
from core.mail import Address
from core.outbox import Draft, Purpose, Recipient
from core.quoting import in_words
from core.senders import main_address
from core.setup import Setup, User
from core.wording import clean_line
from core.work_item import WorkItem

MOST_LINES = 20
MOST_NAMES = 5
MOST_OWN_WORDS = 20_000
"""Characters of an agent's own words that go back to them."""

TOLD = "told"
"""The fact that names the notification at the beginning of a chain of answers: an outbox id."""
HELD = "held"
"""The fact of a mail that asks: what is done when the answer is let go, as JSON."""

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "done": "Done on {ref}.",
        "done_heading": "What your mail did",
        "leaves": "Your answer to {to} leaves on {at}.",
        "not_sent": "Nothing was sent to the customer.",
        "undo": "Take this back",
        "done_says": "An answer to this mail carries out commands; other words are not sent to the customer",
        "help_heading": "Commands",
        "help": "What you can write above the line when you answer a notification.",
        "refused": "Your mail was not carried out: nothing was changed, and nothing was sent.",
        "partly": "Your mail came in, but what it commands was not carried out.",
        "why": "Why, and what to do",
        "kept": "The mail is kept on {ref}. Answer #help for the list of commands.",
        "kept_there": "The mail is kept on {ref}.",
        "kept_list": "The mail is kept among those that came in.",
        "came": "It came on {at}, from {sender}.",
        "no_sender": "an address that cannot be read",
        "your_words": "What you wrote",
        "refused_says": "An answer to this mail goes to the customer; commands are carried out",
        "refused_says_note": "An answer to this mail stays internal, as a note; commands are carried out",
        "once_more_says": "Send your mail once more rather than answering this one",
        "distrust_says": "Answer the notification rather than this mail, from your own mail program",
        "held": "Your answer on {ref} has not left. Shall it? Answer #send to let it leave, or #discard.",
        "held_customer": "{who} wrote since the mail that you answered.",
        "held_colleague": "{who} answered since the mail that you answered.",
        "held_heading": "Why it waits",
        "held_since": "{who}, {at}",
        "held_words": "Your answer to {to}",
        "held_more": "When it leaves",
        "send": "Send it",
        "discard": "Do not send it",
        "held_says": "Other words than a command are a new answer, which goes instead of the one that waits",
        "nobody": "nobody",
        "somebody": "Somebody",
        "about": "your mail",
    },
    "fr": {
        "done": "C’est fait sur {ref}.",
        "done_heading": "Ce que votre message a fait",
        "leaves": "Votre réponse à {to} part le {at}.",
        "not_sent": "Rien n’a été envoyé au client.",
        "undo": "Annuler",
        "done_says": "Une réponse à ce message exécute des commandes ; d’autres mots ne vont pas au client",
        "help_heading": "Commandes",
        "help": "Ce que vous pouvez écrire au-dessus de la ligne en répondant à une notification.",
        "refused": "Votre message n’a pas été exécuté : rien n’a changé et rien n’a été envoyé.",
        "partly": "Votre message est arrivé, mais ce qu’il commande n’a pas été exécuté.",
        "why": "Pourquoi, et que faire",
        "kept": "Le message est conservé sur {ref}. Répondez #aide pour la liste des commandes.",
        "kept_there": "Le message est conservé sur {ref}.",
        "kept_list": "Le message est conservé parmi ceux qui sont arrivés.",
        "came": "Il est arrivé le {at}, de {sender}.",
        "no_sender": "une adresse illisible",
        "your_words": "Ce que vous avez écrit",
        "refused_says": "Une réponse à ce message ira au client ; les commandes sont exécutées",
        "refused_says_note": "Une réponse à ce message reste interne, comme note ; les commandes sont exécutées",
        "once_more_says": "Envoyez votre message encore une fois plutôt que de répondre à celui-ci",
        "distrust_says": "Répondez à la notification plutôt qu’à ce message, depuis votre propre messagerie",
        "held": "Votre réponse sur {ref} n’est pas partie. Doit-elle partir ? Répondez #envoyer pour la laisser partir, ou #jeter.",
        "held_customer": "{who} a écrit depuis le message auquel vous répondez.",
        "held_colleague": "{who} a répondu depuis le message auquel vous répondez.",
        "held_heading": "Pourquoi elle attend",
        "held_since": "{who}, {at}",
        "held_words": "Votre réponse à {to}",
        "held_more": "Quand elle partira",
        "send": "L’envoyer",
        "discard": "Ne pas l’envoyer",
        "held_says": "D’autres mots qu’une commande sont une nouvelle réponse, qui part à la place de celle qui attend",
        "nobody": "personne",
        "somebody": "Quelqu’un",
        "about": "votre message",
    },
}
"""Language → what these mails say."""


@dataclass(frozen=True, slots=True)
class Paper:
    """What every answer to one of our people needs: its id, to whom, about what, in which thread. `told`: the notification at the beginning."""

    id: str
    user: User
    setup: Setup
    now: datetime
    item: WorkItem | None = None
    message_id: str = ""
    """Of their mail, without brackets."""
    references: tuple[str, ...] = ()
    told: str = ""
    facts: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def language(self) -> str:
        return spoken(self.user.language or self.setup.language)

    @property
    def ref(self) -> str:
        return self.item.ref if self.item is not None else self.say("about")

    def say(self, key: str, **facts: str) -> str:
        """A sentence in the person's language."""
        return WORDS[self.language][key].format(**facts)

    def at(self, moment: datetime) -> str:
        """A moment as the person reads it."""
        return in_words(moment, self.language, self.user.timezone or self.setup.timezone)


@dataclass(frozen=True, slots=True)
class Since:
    """Something that was said on the item after the mail that is answered: by the customer (`text` their words) or by a colleague."""

    who: str
    at: datetime
    text: str = ""
    colleague: bool = False


def confirmation(paper: Paper, said: Sequence[str], draft: Draft | None = None, undo: str = "") -> Draft | None:
    """What their mail did, a line for each deed, when the answer leaves, and how to take it back (`undo` is a URL). None: nothing can be sent to them."""
    lines = [f"– {clean_line(one)}" for one in said[:MOST_LINES]]
    if draft is not None:
        lines.append(f"– {paper.say('leaves', to=names(paper, draft), at=paper.at(draft.due_at))}")
    else:
        lines.append(paper.say("not_sent"))
    sections = [(paper.say("done_heading"), "\n".join(lines))]
    links = [(paper.say("undo"), undo)] if undo else []
    return _draft(paper, Purpose.CONFIRMATION, paper.say("done", ref=paper.ref), sections, links, paper.say("done_says"))


def helped(paper: Paper, text: str) -> Draft | None:
    """The list of commands."""
    return _draft(paper, Purpose.CONFIRMATION, paper.say("help"), [(paper.say("help_heading"), text)], [], paper.say("done_says"))


def refusal(paper: Paper, why: str, *, own_words: str = "", internal: bool = False, partly: bool = False) -> Draft | None:
    """Why a mail that is theirs was not carried out and what to do, with what they wrote, so that nothing is lost. `partly`: it came in all the same."""
    kept = paper.say("kept_there" if partly else "kept", ref=paper.ref) if paper.item is not None else "" if partly else paper.say("kept_list")
    sections = [(paper.say("why"), f"{why.strip()}\n{kept}".rstrip())]
    if own_words:
        sections.append((paper.say("your_words"), own_words[:MOST_OWN_WORDS]))
    nowhere = "distrust_says" if paper.item is not None else "once_more_says"
    says = paper.say(nowhere if partly else "refused_says_note" if internal else "refused_says")
    return _draft(paper, Purpose.REFUSAL, paper.say("partly" if partly else "refused"), sections, [], says)


def distrusted(paper: Paper, why: str, *, sender: str, came_at: datetime) -> Draft | None:
    """The same for a mail that nothing shows to be theirs: facts only, for the words may be those of somebody else. It begins no thread with that mail."""
    kept = paper.say("kept_there", ref=paper.ref) if paper.item is not None else paper.say("kept_list")
    came = paper.say("came", at=paper.at(came_at), sender=clean_line(sender, 320) or paper.say("no_sender"))
    return _draft(paper, Purpose.REFUSAL, paper.say("refused"), [(paper.say("why"), f"{why.strip()}\n{came}\n{kept}")], [], paper.say("distrust_says"))


def question(paper: Paper, why: str, since: Sequence[Since], draft: Draft, *, more: Sequence[str] = (), send: str = "", discard: str = "") -> Draft | None:
    """An answer waits: why, what was said meanwhile, what would leave, and what is done besides when it does. `send` and `discard` are URLs."""
    happened = [paper.say("held_colleague" if one.colleague else "held_customer", who=one.who or paper.say("somebody")) for one in since[:MOST_NAMES]]
    sections = [(paper.say("held_heading"), "\n".join(filter(None, (why, *dict.fromkeys(happened)))))]
    sections += [(paper.say("held_since", who=one.who or paper.say("somebody"), at=paper.at(one.at)), one.text) for one in since[:MOST_NAMES] if one.text]
    sections.append((paper.say("held_words", to=names(paper, draft)), draft.text))
    if more:
        sections.append((paper.say("held_more"), "\n".join(f"– {clean_line(one)}" for one in more[:MOST_LINES])))
    links = [(paper.say(key), url) for key, url in (("send", send), ("discard", discard)) if url]
    return _draft(paper, Purpose.HELD_REPLY, paper.say("held", ref=paper.ref), sections, links, paper.say("held_says"))


def names(paper: Paper, draft: Draft) -> str:
    """To whom a mail goes, for a sentence: the first few of To and Cc."""
    people = [one.address.address for one in draft.recipients if not one.is_copy and one.role != "bcc"]
    return ", ".join(people[:MOST_NAMES]) + ("…" if len(people) > MOST_NAMES else "") or paper.say("nobody")


def _draft(paper: Paper, purpose: Purpose, lead: str, sections: Sequence[tuple[str, str]], links: Sequence[tuple[str, str]], says: str) -> Draft | None:
    """None where nothing sends, or where their address is one of ours: a mail to it would come back in."""
    item, setup = paper.item, paper.setup
    sender = main_address(setup, item.connector if item is not None else "", item.reply_from if item is not None else "")
    if sender is None or setup.is_ours(paper.user.email) or setup.user_of.get(Address(paper.user.email).key) is None:
        return None
    text, html = letter(paper.language, lead=lead, sections=sections, links=links, says=says)
    return Draft(
        id=paper.id,
        item_id=item.id if item is not None else "",
        purpose=purpose,
        connector=sender.connector.name,
        from_=sender.named(setup.name),
        recipients=(Recipient(Address(paper.user.email, paper.user.name)),),
        due_at=paper.now,
        subject=f"Re: {item.title}" if item is not None else f"Re: {setup.name}",
        text=text,
        html=html,
        in_reply_to=paper.message_id,
        references=(*paper.references, *((paper.message_id,) if paper.message_id else ())),
        language=paper.language,
        facts={**paper.facts, **({TOLD: paper.told} if paper.told else {})},
    )
