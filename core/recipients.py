"""To whom a letter goes: addresses as people type them, and those that stand there where nobody is named; who is tied to an item is `core/evidence.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.conversation import Conversation, LastMail
from core.mail import Address, address_key
from core.original import LetterKind, Original, preset_recipients
from core.outbox import Recipient
from core.refusal import Refused
from core.scene import Scene
from core.wording import clean_line

MOST_RECIPIENTS = 100

_ADDRESS = re.compile(r"[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f]{1,64}@[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f]{1,255}")
_DIRECTIONS = dict.fromkeys((0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))


def recipients_of(
    kind: LetterKind, named: Mapping[str, tuple[str, ...]], original: Original | None, scene: Scene, talk: Conversation
) -> tuple[Recipient, ...]:
    """Whom a letter goes to, each once, the first role wins: those `named` by role as typed, or where nobody is, those its kind presets.

    Raises Refused for what is no address, for nobody and for too many.
    """
    people = parsed(named)
    if not any(people.values()):
        people["to"], people["cc"] = _preset(kind, original, scene, talk)
    found: dict[str, Recipient] = {}
    for role, addresses in people.items():
        for address in addresses:
            found.setdefault(address.key, Recipient(address, role))
    if not found and kind is LetterKind.FORWARD:
        raise Refused("A forward needs somebody to go to. Name a recipient.")
    if not found:
        raise Refused("There is nobody to write to: the item has no contact and no mail came in. Name a recipient.")
    if len(found) > MOST_RECIPIENTS:
        raise Refused(f"A mail may have at most {MOST_RECIPIENTS} recipients; this one has {len(found)}. Name those it is for; nothing was sent.")
    return tuple(found.values())


def parsed(named: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[Address, ...]]:
    """Role → addresses as typed. Raises Refused naming the first that is none."""
    return {role: tuple(parse_address(one) for one in some) for role, some in named.items()}


def default_recipients(talk: Conversation, scene: Scene) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    """To and Cc of an answer: the primary contact and whoever wrote last, at their Reply-To (E-41); in Cc the contacts tagged so (C-CO-01). Never ours."""
    last = talk.last_mail if not _by_colleague(talk, scene) else None
    author = last.author.key if last is not None and last.author is not None else ""
    answers = () if last is None or not author else _reply_to(last, talk) or (last.author,)
    primary = tuple(one for one in talk.tagged("primary")[:1] if one.key != author)
    to = _others((*primary, *(one for one in answers if one is not None)), scene)
    taken = {one.key for one in to} | {author}
    return to, tuple(one for one in _others(talk.tagged("cc"), scene) if one.key not in taken)


def _by_colleague(talk: Conversation, scene: Scene) -> bool:
    """Whether the newest mail was handed on or filed by one of our people, who take no part in the item as a customer: an answer is not for them."""
    author = talk.last_mail.author if talk.last_mail is not None else None
    if author is None or author.key not in scene.setup.user_of or not talk.contacts:
        return False
    return author.key not in {address_key(contact.address) for contact in talk.contacts}


def parse_address(text: str) -> Address:
    """`a@b` or `Name <a@b>` as typed by a person. Raises Refused naming what was typed."""
    line = clean_line(text)
    name, bracket, rest = line.rpartition("<")
    address = rest.removesuffix(">").strip() if bracket else line
    if _ADDRESS.fullmatch(address) is None:
        raise Refused(f"“{line}” is not an e-mail address.")
    return Address(address, name.translate(_DIRECTIONS).strip().strip('"').strip())


def _preset(kind: LetterKind, original: Original | None, scene: Scene, talk: Conversation) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    if kind is LetterKind.NEW:
        return _others(talk.tagged("primary")[:1], scene), _others(talk.tagged("cc"), scene)
    if kind is LetterKind.ANSWER or original is None:
        return default_recipients(talk, scene)
    return preset_recipients(kind, original, talk, scene.setup)


def _reply_to(last: LastMail, talk: Conversation) -> tuple[Address, ...]:
    """Where the newest mail wants its answer. One that came by weak evidence may be forged: it leads no answer away from the item's contacts."""
    contacts = {address_key(contact.address) for contact in talk.contacts}
    return tuple(one for one in last.reply_to if one.key in contacts) if last.weak else last.reply_to


def _others(addresses: tuple[Address, ...], scene: Scene) -> tuple[Address, ...]:
    return tuple({one.key: one for one in addresses if not scene.setup.is_ours(one.address)}.values())
