"""The people on an item and what they are to it: tags as data (A-CX-13…18, B-CO-03); writing them is `gateway/store/items.py`."""

from __future__ import annotations

from collections.abc import Iterable

from core.decision import ContactOnItem
from core.mail import Address

PRIMARY, REQUESTER, ORIGINAL_REQUESTER, SUBJECT, CC = TAGS = ("primary", "requester", "original_requester", "subject", "cc")

ADDED_FIRST = (PRIMARY, REQUESTER, SUBJECT)
"""What somebody added by hand becomes where nobody is it yet (A-CX-18)."""


def added_by_hand(item_id: str, person: Address, there: Iterable[ContactOnItem]) -> ContactOnItem:
    """A person put on an item by hand: primary contact, requester and subject as far as nobody is that yet, else Cc (A-CX-18)."""
    taken = {tag for contact in there for tag in contact.tags}
    free = tuple(tag for tag in ADDED_FIRST if tag not in taken)
    return ContactOnItem(item_id, person.address, person.name, free or (CC,))
