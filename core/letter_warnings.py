"""What the author of a letter should know of it before it leaves, as sentences: nothing here keeps it from being sent (C-CO-03, C-CO-12)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from core.mail import Address
from core.setup import Setup

MANY = 20
"""From so many recipients on, the author is told how many there are."""
MOST_NAMED = 5
_READ = 20_000
"""Characters of the author's own words that are looked at."""

ATTACHED = {
    "en": r"\b(?:attached|attachment|attachments|enclosed|find attached|i attach|i(?:'|’)ve attached|i have attached)\b",
    "fr": r"\b(?:ci-joint|ci-jointe|ci-joints|ci-jointes|pi[èe]ces? jointes?|en pi[èe]ce jointe|je joins|en annexe|joint à ce (?:mail|message|courriel))\b",
}
"""Words that announce a file, by language."""
_ANNOUNCES = re.compile("|".join(ATTACHED.values()), re.IGNORECASE)
_NOT_ATTACHED = re.compile(r"\b(?:no|without|not|sans|pas de|aucune?)\s+(?:an\s+|any\s+)?(?:attach\w*|pi[èe]ces? jointes?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the people around an item: address keys of its participants and contacts, and of those to whom mail came back."""

    tied: frozenset[str] = frozenset()
    suppressed: frozenset[str] = frozenset()


def recipient_warnings(recipients: Iterable[Address], known: Known, setup: Setup) -> tuple[str, ...]:
    """Sentences about the recipients: strangers to the item, addresses that mail came back from, our own mailboxes, very many."""
    people = tuple({one.key: one for one in recipients}.values())
    ours = tuple(one for one in people if setup.is_ours(one.address))
    strangers = tuple(one for one in people if one.key not in known.tied and one not in ours)
    dead = tuple(one for one in people if one.key in known.suppressed)
    found = []
    if strangers:
        found.append(f"Not on this item until now: {_named(strangers)}.")
    if dead:
        found.append(f"Mail to this address came back lately: {_named(dead)}.")
    if ours:
        found.append(f"A mailbox of this desk: {_named(ours)}; what arrives there opens or joins an item of its own.")
    if len(people) >= MANY:
        found.append(f"This mail goes to {len(people)} people.")
    return tuple(found)


def missing_file(text: str, *, files: int) -> tuple[str, ...]:
    """A sentence where the author's own words (English or French) announce a file and none goes with the mail."""
    words = _NOT_ATTACHED.sub(" ", text[:_READ])
    found = None if files else _ANNOUNCES.search(words)
    return (f"The text says “{found.group()}”, but nothing is attached.",) if found is not None else ()


def waiting_drafts(authors: Collection[str]) -> tuple[str, ...]:
    """A sentence where somebody has begun a mail on the item already (C-DR-02)."""
    if not authors:
        return ()
    who = ", ".join(dict.fromkeys(authors))
    return (f"{len(authors)} draft{'s' if len(authors) > 1 else ''} wait{'' if len(authors) > 1 else 's'} on this item, last changed by {who}.",)


def _named(people: Collection[Address]) -> str:
    named = [one.address for one in people][:MOST_NAMED]
    return ", ".join(named) + (f" and {len(people) - MOST_NAMED} more" if len(people) > MOST_NAMED else "")
