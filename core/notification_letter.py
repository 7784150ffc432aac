"""What a notification says, in English and French, from values that are already in the reader's words; how it looks is `core/agent_letters.py`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.agent_letters import letter, spoken
from core.by_mail import Occasion
from core.link_words import place_words
from core.notifications import What
from core.wording import clean_line
from core.work_item import WorkItem

MOST_LEADS = 12
MOST_NAMED_FILES = 30
EXCERPT = 300
"""Characters of a text that a digest shows."""

WORDS: dict[str, tuple[str, str]] = {
    # ------------------------------------------------------------ what happened, one line each
    "lead.given": ("{who} gave you {ref}.", "{who} vous a confié {ref}."),
    "lead.given.system": ("{ref} is yours now.", "{ref} est à vous maintenant."),
    "lead.given.stands_in": ("{ref} is yours now: you stand in for {absent}.", "{ref} est à vous maintenant : vous remplacez {absent}."),
    "lead.mail": ("{who} wrote on {ref}.", "{who} a écrit au sujet de {ref}."),
    "lead.held": (
        "A mail is held on {ref}: somebody has to decide whether it belongs there.",
        "Un message est retenu sur {ref} : quelqu’un doit décider s’il en fait partie.",
    ),
    "lead.note": ("{who} left a note on {ref}.", "{who} a laissé une note sur {ref}."),
    "lead.attention": ("{ref} calls for your attention.", "{ref} demande votre attention."),
    "lead.reopened": ("{who} reopened {ref}.", "{who} a rouvert {ref}."),
    "lead.delivery": ("A mail on {ref} did not arrive.", "Un message de {ref} n’est pas arrivé."),
    "lead.new": ("{ref} is new in your queue “{queue}”.", "{ref} est nouveau dans votre file « {queue} »."),
    "lead.released": ("{ref} is back in your queue “{queue}”.", "{ref} est de retour dans votre file « {queue} »."),
    "lead.at_risk": ("{ref} is due soon: {due}.", "{ref} arrive bientôt à échéance : {due}."),
    "lead.overdue": ("{ref} has been due since {due}.", "L’échéance de {ref} est passée depuis le {due}."),
    # ------------------------------------------------------------ above each text
    "text.mail": ("{who}, {at}", "{who}, {at}"),
    "text.held": ("Held, not a part of {ref}: {who}, {at}", "Retenu, pas encore dans {ref} : {who}, {at}"),
    "text.note": ("Internal note by {who}, {at}", "Note interne de {who}, {at}"),
    "text.attention": ("What happened, {at}", "Ce qui s’est passé, {at}"),
    "text.none": ("(no text)", "(sans texte)"),
    "held.subject": ("Subject: {subject}", "Objet : {subject}"),
    "files.attached": ("Attached: {files}", "En pièce jointe : {files}"),
    "files.left": ("Not attached, to be seen on {ref}: {files}", "Sans pièce jointe, à voir sur {ref} : {files}"),
    "file.large": ("“{name}” ({size}, too large)", "« {name} » ({size}, trop volumineux)"),
    "file.danger": ("“{name}” ({size}, may be dangerous)", "« {name} » ({size}, peut être dangereux)"),
    # ------------------------------------------------------------ the item
    "item.heading": ("About {ref}", "À propos de {ref}"),
    "item.status": ("Status: {status}", "État : {status}"),
    "item.process": ("Process: {process}", "Processus : {process}"),
    "item.customer": ("Customer: {customer}", "Client : {customer}"),
    "item.due": ("Due: {due}", "Échéance : {due}"),
    "item.commands": (
        "Commands stand in the first lines of your answer; #help alone lists them.",
        "Les commandes s’écrivent dans les premières lignes de votre réponse ; #aide seul en donne la liste.",
    ),
    # ------------------------------------------------------------ what an answer does
    "says.customer": ("Your answer goes to the customer ({customer})", "Votre réponse ira au client ({customer})"),
    "says.nobody": ("Your answer goes to the customer of {ref}", "Votre réponse ira au client de {ref}"),
    "says.internal": ("Your answer stays internal: it becomes a note on {ref}", "Votre réponse reste interne : elle devient une note sur {ref}"),
    "says.digest": ("An answer to this mail does nothing: nobody reads it", "Une réponse à ce message ne fait rien : personne ne la lit"),
    # ------------------------------------------------------------ links
    "link.take": ("Take it", "Le prendre"),
    "link.resolve": ("Resolve it", "Le résoudre"),
    "link.unsubscribe": ("No more mails of this kind", "Ne plus recevoir ce genre de message"),
    # ------------------------------------------------------------ the digest
    "digest.subject": ("{n} with news", "Du nouveau sur {n}"),
    "digest.items": ("{n} items", "{n} dossiers"),
    "digest.item": ("1 item", "1 dossier"),
    "digest.choice": ("What you wanted to hear of once a day.", "Ce que vous vouliez apprendre une fois par jour."),
    "digest.limit": (
        "There was more to tell you within an hour than is told one by one, so here it is together.",
        "Il y avait plus à vous dire en une heure qu’on ne le fait message par message ; voici donc le tout.",
    ),
    "digest.and_more": ("… and {n} more", "… et {n} de plus"),
}
"""Key → English, French."""

FRENCH: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"^The date it waited for has come\.$", "La date attendue est arrivée."),
        (r"^No answer came in the days given\.$", "Aucune réponse n’est venue dans le délai donné."),
        (r"^The mail could not be delivered\. ", "Le message n’a pas pu être remis. "),
        (r"^The mail did not reach everybody\. ", "Le message n’a pas été remis à tous. "),
        (r"^It is not known whether the mail to ([^\n]{1,500}?) arrived\.[^\n]*", r"On ne sait pas si le message pour \1 est arrivé."),
        (
            r"^([^\n]{1,400}) wrote while the mail “([^\n]{0,300})” by (\S{1,320}) (?:waits to be sent|was being sent)\.$",
            r"\1 a écrit alors que le message « \2 » de \3 n’était pas encore parti.",
        ),
        (
            r"^([^\n]{1,400}) answered while the mail “([^\n]{0,300})” by (\S{1,320}) (?:waits to be sent|was being sent)\.$",
            r"\1 a répondu alors que le message « \2 » de \3 n’était pas encore parti.",
        ),
        (r"^The mail “([^\n]{0,300})” by (\S{1,320}) cancelled itself: ([^\n]{1,400}) wrote\.$", r"Le message « \1 » de \2 s’est annulé : \3 a écrit."),
        (r"^The mail “([^\n]{0,300})” by (\S{1,320}) cancelled itself: ([^\n]{1,400}) answered\.$", r"Le message « \1 » de \2 s’est annulé : \3 a répondu."),
    )
)
"""Sentences of the timeline, which speaks English, as French people read them."""

_COMMAND = re.compile(r"[#\uff03\ufe5f](?=[ ]?[^\W\d_])")
"""What could be taken for a command where a subject comes back in an answer."""
_INTERNAL = frozenset({What.NOTE})
_WITH_TEXT = {What.MAIL: "text.mail", What.GIVEN: "text.mail", What.NEW: "text.mail", What.RELEASED: "text.mail", What.HELD: "text.held", What.NOTE: "text.note"}


@dataclass(frozen=True, slots=True)
class FileLeft:
    """A file that does not go with the mail, and why: too large, or dangerous."""

    name: str
    size: str
    dangerous: bool = False


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing to tell, once. `who` did it; `at` and `due` are in the reader's words and zone.

    `text` is new on the item and is shown once; `writer` is whose text it is. `absent`: for whom the reader stands in. `subject`: of a mail that is
    held, or what stands above the desk's own words about a mail of the reader's that did not arrive.
    """

    what: What
    occasion: Occasion
    at: str
    who: str = ""
    writer: str = ""
    text: str = ""
    subject: str = ""
    due: str = ""
    absent: str = ""
    inbound_id: str = ""
    attached: tuple[str, ...] = ()
    left: tuple[FileLeft, ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """The item as the reader sees it. `customer` is the name and address of its primary contact, '' without one."""

    item: WorkItem
    process: str = ""
    customer: str = ""
    due: str = ""


def said(key: str, language: str, **facts: str) -> str:
    """One sentence of the table, filled in."""
    return WORDS[key][("en", "fr").index(spoken(language))].format(**facts)


def subject_of(item: WorkItem) -> str:
    """The title; nothing in it can be taken for a command where it comes back in the subject of an answer."""
    return _COMMAND.sub("", clean_line(item.title, 300))


def stays_internal(happenings: Sequence[Happening]) -> bool:
    """Whether an answer becomes a note: the mail tells of one."""
    return any(one.what in _INTERNAL for one in happenings)


def notification(language: str, about: About, happenings: Sequence[Happening], links: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """(text, HTML) of one notification about one item."""
    leads = dict.fromkeys(_lead(one, about, language) for one in happenings)
    sections = [section for one in happenings if (section := _section(one, about, language)) is not None]
    return letter(
        language,
        lead="\n".join(list(leads)[:MOST_LEADS]),
        sections=(*dict.fromkeys(sections), (said("item.heading", language, ref=about.item.ref), _facts(about, language))),
        links=links,
        says=_says(about, happenings, language),
    )


def digest(language: str, items: Sequence[tuple[About, Sequence[Happening]]], *, limited: bool, more: int, links: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """(text, HTML) of what is told together. `more` items are only counted; `limited`: told so because it was too much."""
    sections = [(f"{about.item.ref} {subject_of(about.item)}", "\n".join(_brief(happenings, about, language))) for about, happenings in items]
    if more:
        sections.append((said("digest.and_more", language, n=str(more)), ""))
    lead = said("digest.limit" if limited else "digest.choice", language)
    return letter(language, lead=lead, sections=sections, links=links, says=said("says.digest", language))


def digest_subject(language: str, items: int) -> str:
    """`3 items with news`."""
    return said("digest.subject", language, n=said("digest.item" if items == 1 else "digest.items", language, n=str(items)))


# ---------------------------------------------------------------- parts


def _lead(one: Happening, about: About, language: str) -> str:
    queue = about.item.queue or about.item.home_queue
    return said(_lead_key(one), language, who=one.who, ref=about.item.ref, queue=queue, due=one.due, absent=one.absent)


def _lead_key(one: Happening) -> str:
    if one.what is What.DUE:
        return f"lead.{one.occasion}"
    if one.what is What.GIVEN and (one.absent or not one.who):
        return "lead.given.stands_in" if one.absent else "lead.given.system"
    return f"lead.{one.what}"


def _section(one: Happening, about: About, language: str) -> tuple[str, str] | None:
    """The words that are new, under who wrote them when; None for what has none."""
    if one.what in (What.ATTENTION, What.DELIVERY):
        return one.subject or said("text.attention", language, at=one.at), translated(one.text, language)
    key = _WITH_TEXT.get(one.what)
    if key is None or not one.writer:
        return None
    heading = said(key, language, who=one.writer, at=one.at, ref=about.item.ref)
    body = one.text.strip() or said("text.none", language)
    if one.what is What.HELD:
        body = said("held.subject", language, subject=one.subject)
    return heading, "\n\n".join(filter(None, (body, _files(one, about, language))))


def translated(sentence: str, language: str) -> str:
    """A sentence of the timeline for the reader; what is not known stays as it is."""
    if spoken(language) != "fr":
        return sentence
    for pattern, words in FRENCH:
        found, n = pattern.subn(words, sentence, count=1)
        if n:
            return found
    return sentence


def _files(one: Happening, about: About, language: str) -> str:
    lines = []
    if one.attached:
        lines.append(said("files.attached", language, files=", ".join(f"“{clean_line(name, 200)}”" for name in one.attached[:MOST_NAMED_FILES])))
    if one.left:
        named = (
            said("file.danger" if file.dangerous else "file.large", language, name=clean_line(file.name, 200), size=file.size) for file in one.left[:MOST_NAMED_FILES]
        )
        lines.append(said("files.left", language, ref=about.item.ref, files=", ".join(named)))
    return "\n".join(lines)


def _facts(about: About, language: str) -> str:
    lines = [subject_of(about.item), said("item.status", language, status=place_words(about.item, language))]
    named = (("process", about.process), ("customer", about.customer), ("due", about.due))
    lines += [said(f"item.{name}", language, **{name: clean_line(value, 300)}) for name, value in named if value]
    return "\n".join((*lines, said("item.commands", language)))


def _says(about: About, happenings: Sequence[Happening], language: str) -> str:
    if stays_internal(happenings):
        return said("says.internal", language, ref=about.item.ref)
    if not about.customer:
        return said("says.nobody", language, ref=about.item.ref)
    return said("says.customer", language, customer=clean_line(about.customer, 80))


def _brief(happenings: Sequence[Happening], about: About, language: str) -> list[str]:
    """A line for each thing, and the beginning of what was written."""
    lines: list[str] = []
    for one in dict.fromkeys(replace(one, inbound_id="") for one in happenings):
        lines.append(f"• {_lead(one, about, language)} ({one.at})")
        words = translated(one.text, language) if one.what is not What.HELD else one.subject
        excerpt = clean_line(words, EXCERPT + 1)
        if excerpt:
            lines.append(f"  {excerpt[:EXCERPT].rstrip()}{'…' if len(excerpt) > EXCERPT else ''}")
    return lines[:MOST_LEADS * 2]
