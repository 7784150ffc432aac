"""What one of us may hand in at the submission door: from which address, to whom; who they are was proved before, what becomes of it is `core/on_submitted.py`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from core.mail import Address, address_key
from core.senders import open_to
from core.setup import Setup, User


class NotTaken(StrEnum):
    """Why a mail is not taken."""

    RETURN_PATH = "MAIL FROM is neither theirs nor a mailbox that they may send from"
    UNREADABLE = "From does not name exactly one address"
    NOT_THEIRS = "From is no mailbox that they may send from"
    TO_US_ONLY = "From is their own address, and somebody outside is addressed"


def refused_return_path(sender: str, user: User, setup: Setup) -> NotTaken | None:
    """Why MAIL FROM is not taken; None where it is."""
    return None if address_key(sender) in {address_key(user.email), *_own(user, setup)} else NotTaken.RETURN_PATH


def refused_author(authors: tuple[Address, ...], recipients: Iterable[str], user: User, setup: Setup) -> NotTaken | None:
    """Why a mail of these From addresses for these recipients is not taken; None where it is.

    From a mailbox of theirs people write to anybody; from their own registered address only to us, which is how they answer what we told them.
    """
    if len(authors) != 1:
        return NotTaken.UNREADABLE
    author = authors[0].key
    if author in _own(user, setup):
        return None
    if author != address_key(user.email):
        return NotTaken.NOT_THEIRS
    return None if all(setup.receiver(one) is not None for one in recipients) else NotTaken.TO_US_ONLY


def _own(user: User, setup: Setup) -> frozenset[str]:
    return frozenset(address_key(one.address) for one in open_to(setup, user))
