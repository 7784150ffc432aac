"""A mail that one of us handed in at the submission door, as what it is on the page: who gets it, and the new item of one that belongs to none; pure.

From where they may write is `core/submitting.py`, what a mail does to its item `core/writing.py`; reading the facts is `gateway/submitted.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from core.command_words import Said
from core.decision import Decision
from core.mail import Address, Mail, address_key
from core.new_item import NewItem, make_item
from core.refs import without_references
from core.scene import Scene, person_moves, placed
from core.senders import owner_of
from core.setup import Connector, Route, RouteEffect, RouteKind, Setup
from core.status import Event
from core.verdict import Kind
from core.wording import clean_line

NO_TITLE = "(no subject)"
AUTOMATIC = frozenset({Kind.BOUNCE, Kind.FEEDBACK_REPORT, Kind.READ_RECEIPT, Kind.OUT_OF_OFFICE, Kind.AUTO_REPLY})
"""What mail programs hand in by themselves: it is nobody's letter, does not leave, and nobody is told."""
PERHAPS_AUTOMATIC = frozenset({Kind.LOOP, Kind.AUTO_GENERATED})
"""It does not leave either; but a person may have written it, who is told."""

NOT_SEEN = Said(
    "It belongs to an item that you may not see. Nothing was sent: ask somebody who works on it.",
    "Il appartient à un élément que vous ne pouvez pas voir. Rien n’a été envoyé : demandez à quelqu’un qui y travaille.",
)
NOT_YOURS = Said(
    "Its From is no mailbox that you may send from. Nothing was sent: choose another one in your mail program, or ask an administrator.",
    "Son expéditeur n’est pas une boîte depuis laquelle vous pouvez écrire. Rien n’a été envoyé : choisissez-en une autre, ou demandez à un administrateur.",
)
NOBODY = Said(
    "It names nobody but the mailbox that it is from. Nothing was sent: name somebody in To.",
    "Il ne nomme personne d’autre que la boîte qui l’envoie. Rien n’a été envoyé : nommez quelqu’un dans À.",
)
TOO_LONG = Said(
    "Its text has {count} characters, and {most} are possible. Nothing was sent: attach the text as a file.",
    "Son texte compte {count} caractères, et {most} sont possibles. Rien n’a été envoyé : joignez le texte en fichier.",
)
NO_ROUTE = Said(
    "It belongs to no item, and the mailbox {address} has no route that opens one. Nothing was sent: answer a mail of an item, or ask an administrator.",
    "Il n’appartient à aucun élément, et la boîte {address} n’a aucune route qui en ouvre. Rien n’a été envoyé : répondez à un message d’un élément, ou "
    "demandez à un administrateur.",
)
ONLY_COMMANDS = Said(
    "It has commands and no words for whom it is addressed to. Nothing was sent, and nothing was carried out: answer a notification to do without a mail.",
    "Il contient des commandes et aucun mot pour ses destinataires. Rien n’a été envoyé ni exécuté : répondez à une notification pour vous passer de message.",
)
COMMAND_IN_SUBJECT = Said(
    "Its subject holds a command, which its recipients would read. Nothing was sent: write commands into the first lines of the text.",
    "Son objet contient une commande, que ses destinataires liraient. Rien n’a été envoyé : écrivez les commandes dans les premières lignes du texte.",
)
SURVIVED = Said(
    "It holds a piece of what we told you by mail, which may be internal.",
    "Il contient une partie de ce que nous vous avons dit par courriel, qui peut être interne.",
)
"""Why it is held."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """Whom it goes to, as people type addresses; the mailbox that sends it is left out, for what it gets is what was handed in."""

    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()

    @property
    def people(self) -> tuple[str, ...]:
        return (*self.to, *self.cc, *self.bcc)


def addressed(mail: Mail, envelope: Sequence[str], sender: str, setup: Setup) -> Addressed:
    """To and Cc as in the header, as far as the envelope names them; blind copies are the rest of the envelope."""
    mailbox = owner_of(setup, sender)
    wanted = {address_key(one): one for one in envelope if mailbox is None or owner_of(setup, one) is not mailbox}
    to = _of(mail.to, wanted)
    cc = _of(mail.cc, wanted)
    return Addressed(to, cc, tuple(wanted.values()))


def _of(people: Iterable[Address], wanted: dict[str, str]) -> tuple[str, ...]:
    """Those that are wanted still, each once."""
    return tuple([str(one) for one in people if wanted.pop(one.key, "")])


def default_route(setup: Setup, address: str) -> Route | None:
    """The route that opens items for an address of ours where nothing else is known of a mail: of that address first, fallbacks before others."""
    mailbox, key = owner_of(setup, address), address_key(address)
    if mailbox is None:
        return None
    routes = [one for one in setup.routes if one.connector == mailbox.name and one.enabled and one.effect is RouteEffect.OPEN and not one.test]
    opening = [one for one in routes if one.process in setup.process_named]
    return min(opening, key=lambda one: (one.kind is not RouteKind.FALLBACK, one.address != key), default=None)


def begun(mail: Mail, people: Addressed, route: Route, mailbox: Connector, scene: Scene, *, item_id: str, number: int) -> Decision:
    """The new item of somebody who writes first: made by them, in the process of the mailbox, its first recipient the requester, and submitted.

    As a person makes one on the page; only that it needs neither a category nor a description, as it does not where a customer writes first.
    """
    process = scene.setup.process_named[route.process]
    known = route.category in process.categories
    title = clean_line(without_references(mail.subject)) or NO_TITLE
    new = NewItem(route.process, title, category=route.category if known else "", contacts=_contacts(people, scene.setup))
    made = make_item(new, scene, item_id=item_id, number=number)
    author = mail.author.address if mail.author is not None else mailbox.address
    draft = replace(made.items[0], connector=mailbox.name, reply_from=address_key(author))
    moved = person_moves(draft, Event.SUBMIT, scene)
    nobody = replace(moved, item=replace(moved.item, assignee="", owner=scene.by if draft.kind == "case" else ""))
    after, entries = placed(draft, nobody, scene, event=Event.SUBMIT)
    return replace(made, items=(after,), entries=(*made.entries, *entries))


def _contacts(people: Addressed, setup: Setup) -> tuple[str, ...]:
    """The requester first. A blind recipient is one only where there is nobody else: who was written to in secret is not shown to others."""
    named = (*people.to, *people.cc) or (people.bcc if len(people.bcc) == 1 else ())
    return tuple(one for one in named if not setup.is_ours(one.rpartition("<")[2].removesuffix(">")))
