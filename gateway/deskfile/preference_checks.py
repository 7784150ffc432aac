"""What must hold of people's own choices (absence, deputy, what is told by mail, signing keys), in a desk file and wherever they are set."""

from __future__ import annotations

import re
from datetime import timedelta

from core.mail import address_key
from core.setup import Setup, User
from gateway.deskfile.forms import Found

LONGEST_UNDO = timedelta(hours=1)
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")


def preferences(setup: Setup) -> Found:
    """Of everybody."""
    for place, user in enumerate(setup.users, 1):
        if user.active:
            yield from of_user(user, setup, f"users[{place}]")


def of_user(user: User, setup: Setup, path: str = "") -> Found:
    """Of one."""
    users = setup.user_of
    if user.deputy and address_key(user.deputy) not in users:
        yield f"{path}.deputy", f"“{user.deputy[:80]}” is the e-mail of no user"
    elif user.deputy and address_key(user.deputy) == address_key(user.email):
        yield f"{path}.deputy", "nobody is their own deputy"
    chosen = user.by_mail
    path = f"{path}.by_mail"
    if not _TIME.fullmatch(chosen.digest_at):
        yield f"{path}.digest_at", f"“{chosen.digest_at[:20]}” is no time of day; something like 08:00 is expected"
    if not timedelta(0) <= chosen.undo <= LONGEST_UNDO:
        yield f"{path}.undo", "PT0S to PT1H is expected"
    for key in ("at_once", "digest"):
        occasions = getattr(chosen, key)
        if len(set(occasions)) < len(occasions):
            yield f"{path}.{key}", "an occasion is there twice"
    both = [one for one in chosen.digest if one in chosen.at_once]
    if both:
        yield f"{path}.digest", f"“{both[0]}” is told at once already; an occasion stands in one of the two lists"
    yield from _keys(f"{path}.signing_keys", chosen.signing_keys)


def _keys(path: str, keys: tuple[str, ...]) -> Found:
    if not keys:
        return
    from gateway.inbound.signing_key import MOST_KEYS, NoLibrary, SigningKeyTrouble, read_key  # cryptography is loaded only where somebody has a key

    if len(keys) > MOST_KEYS:
        yield path, f"at most {MOST_KEYS} keys are expected"
    for number, armour in enumerate(keys, 1):
        try:
            read_key(armour.encode())
        except NoLibrary:
            continue  # it is another machine that reads mail with it, or none
        except SigningKeyTrouble as trouble:
            yield f"{path}[{number}]", str(trouble)
