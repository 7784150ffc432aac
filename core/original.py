"""The mail that a letter is about: answered, handed on, or neither; what follows from it for recipients, subject and thread.

Its words quoted are `core/quoting.py`; reading it from the database is `gateway/store/originals.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.conversation import Conversation
from core.mail import Address, address_key
from core.refusal import Refused
from core.setup import Setup
from core.wording import clean_line


class LetterKind(StrEnum):
    """How a letter stands to the mails before it."""

    ANSWER = "answer"
    """To the item's primary contact and whoever wrote last; in the thread of the newest mail."""
    NEW = "new"
    """A conversation of its own with the item's primary contact."""
    REPLY = "reply"
    """To whoever wrote the mail it is about."""
    REPLY_ALL = "reply_all"
    """To them and everybody else who was written to."""
    FORWARD = "forward"
    """The mail it is about, handed on to somebody."""


@dataclass(frozen=True, slots=True)
class Manner:
    """What one kind of letter does. `prefix` by language, '' for none; `threaded`: it names the mail it is about in In-Reply-To."""

    needs_original: bool
    threaded: bool
    prefix: tuple[tuple[str, str], ...] = ()


MANNERS: dict[LetterKind, Manner] = {
    LetterKind.ANSWER: Manner(needs_original=False, threaded=True, prefix=(("en", "Re:"), ("fr", "Re:"))),
    LetterKind.NEW: Manner(needs_original=False, threaded=False),
    LetterKind.REPLY: Manner(needs_original=True, threaded=True, prefix=(("en", "Re:"), ("fr", "Re:"))),
    LetterKind.REPLY_ALL: Manner(needs_original=True, threaded=True, prefix=(("en", "Re:"), ("fr", "Re:"))),
    LetterKind.FORWARD: Manner(needs_original=True, threaded=False, prefix=(("en", "Fwd:"), ("fr", "TR:"))),
}
"""A forward begins a thread of its own: whoever gets it never had the mails before it, and is not told their ids; an answer to it finds the item by
our own signed Message-ID."""

_ALREADY = {
    "Re:": re.compile(r"(?:re|ré|aw|sv|antw)\s{0,3}:", re.IGNORECASE),
    "Fwd:": re.compile(r"(?:fwd?|tr|wg)\s{0,3}:", re.IGNORECASE),
    "TR:": re.compile(r"(?:fwd?|tr|wg)\s{0,3}:", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class Original:
    """A mail of the item as a letter about it needs it: `text` whole, `html` sanitised, `at` aware UTC, Message-ID without brackets.

    `had` are the keys of all who are known to have it: who wrote it, and whom it reached.
    """

    id: str
    at: datetime
    message_id: str = ""
    subject: str = ""
    author: Address | None = None
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    text: str = ""
    html: str = ""
    had: frozenset[str] = frozenset()
    ours: bool = False
    """It is one that left here."""
    weak: bool = False
    """It was joined by a reference that anybody can write, and by the name in From."""
    held: bool = False
    """It waits on the item for somebody to decide where it belongs."""


def require_answerable(kind: LetterKind, original: Original | None) -> None:
    """Raises Refused where such a letter cannot be about such a mail."""
    if original is None and MANNERS[kind].needs_original:
        raise Refused("There is no mail on this item that this could be about; write a new one instead.")
    if original is not None and original.held and kind is not LetterKind.FORWARD:
        raise Refused("This mail is held: nobody has decided yet whether it belongs here. Join it or open a new item with it, then answer it there.")


def preset_recipients(kind: LetterKind, original: Original, talk: Conversation, setup: Setup) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    """To and Cc of a reply as mail programs set them; never an address of ours, nobody twice (E-41). A forward goes to whoever is named."""
    if kind is LetterKind.FORWARD:
        return (), ()
    author = original.author.key if original.author is not None else ""
    contacts = frozenset(address_key(contact.address) for contact in talk.contacts)
    answers = tuple(one for one in original.reply_to if one.key in contacts) if original.weak else original.reply_to
    direct = answers or ((original.author,) if original.author is not None else ())
    to, others, cc = (original.to, original.cc[:0], original.cc) if original.ours else (direct, original.to, original.cc)
    if kind is LetterKind.REPLY:
        return _distinct(to, setup), ()
    if original.weak:  # whom a forged mail names is written to only where the item knows them
        others, cc = (tuple(one for one in some if one.key in contacts) for some in (others, cc))
    sender = {author} - {one.key for one in to}
    to = tuple(one for one in _distinct((*to, *others), setup) if one.key not in sender)
    taken = {one.key for one in to} | sender
    return to, tuple(one for one in _distinct(cc, setup) if one.key not in taken)


def subject_about(kind: LetterKind, subject: str, language: str) -> str:
    """The subject with the prefix of its kind, once."""
    subject = clean_line(subject)
    words = dict(MANNERS[kind].prefix)
    prefix = words.get(language.partition("-")[0].lower(), words.get("en", ""))
    if not prefix or _ALREADY[prefix].match(subject):
        return subject
    return f"{prefix} {subject}".rstrip()


def not_on_it(original: Original, recipients: Iterable[Address]) -> tuple[str, ...]:
    """Those of the recipients who are not known to have the mail: to them it is not quoted unless somebody forwards it."""
    return tuple(one.address for one in recipients if one.key not in original.had)


def _distinct(addresses: Iterable[Address], setup: Setup) -> tuple[Address, ...]:
    found: dict[str, Address] = {}
    for one in addresses:
        if not setup.is_ours(one.address):
            found.setdefault(one.key, one)
    return tuple(found.values())
