"""What people choose for themselves and a desk file need not name: a file that is silent about it leaves it as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.by_mail import ByMail
from core.mail import address_key
from core.setup import Setup, User

OWN = ("signature", "signature_html", "absent_until", "deputy")
"""Keys of a user that the person sets; those of `by_mail` stand beside them, each for itself."""
BY_MAIL = "by_mail"

Named = Mapping[str, frozenset[str]]
"""Address key of a user → the keys of their own that a file names, those of `by_mail` as `by_mail.undo`."""


def named_in(tables: Mapping[str, Any]) -> Named:
    """What the parsed tables of a file name. They have the form of a desk already."""
    return {address_key(entry["email"]): _named(entry) for entry in tables.get("users", ())}


def keeping(new: Setup, current: Setup, named: Named) -> Setup:
    """The setup of a file as it becomes the desk: whatever is people's own and not named there stays as it is now.

    A deputy who is no longer there is not kept. What the file names wins over what would contradict it.
    """
    there = {address_key(user.email) for user in new.users}
    return replace(new, users=tuple(_kept(user, current, named, there) for user in new.users))


def _named(entry: Mapping[str, Any]) -> frozenset[str]:
    own = (key for key in OWN if key in entry)
    return frozenset((*own, *(f"{BY_MAIL}.{key}" for key in entry.get(BY_MAIL, ()))))


def _kept(user: User, current: Setup, named: Named, there: set[str]) -> User:
    key = address_key(user.email)
    was = current.user_of.get(key)
    if was is None:
        return user
    said = named.get(key, frozenset())
    own: dict[str, Any] = {name: getattr(was, name) for name in OWN if name not in said}
    if own.get("deputy") and address_key(own["deputy"]) not in there:
        del own["deputy"]
    return replace(user, **own, by_mail=_chosen(user.by_mail, was.by_mail, said))


def _chosen(file: ByMail, was: ByMail, said: frozenset[str]) -> ByMail:
    kept = {name: getattr(was, name) for name in ByMail.__dataclass_fields__ if f"{BY_MAIL}.{name}" not in said}
    for mine, other in (("at_once", "digest"), ("digest", "at_once")):  # told once: a list that the file names takes from the other
        if mine in kept and other not in kept:
            kept[mine] = tuple(one for one in kept[mine] if one not in getattr(file, other))
    return replace(file, **kept)
