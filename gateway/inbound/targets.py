"""Reads the items that a mail points to and those their links lead to; who points where is read in `facts.py`, what follows is decided by routing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from core.work_item import WorkItem
from gateway.routing.facts import Target
from gateway.routing.match import REPLACING_LINKS, SPLIT_LINK
from gateway.store import items, outbox_rows

FOLLOWED_LINKS = frozenset({*REPLACING_LINKS, SPLIT_LINK, "followed_by"})
MOST_ITEMS = 200
MOST_ROUNDS = 5
"""Steps from item to item that are read; a longer chain ends where reading ends."""


def targets_of(connection: Connection, pointed: Iterable[str], loaded: Mapping[str, WorkItem], *, lock: bool) -> dict[str, Target]:
    """The items pointed to and those their links lead to, each with its people and links as they are once it is locked."""
    found: dict[str, Target] = {}
    wanted = list(dict.fromkeys(pointed))
    for _ in range(MOST_ROUNDS):
        wanted = [item_id for item_id in wanted if item_id not in found][: MOST_ITEMS - len(found)]
        if not wanted:
            break
        if lock:
            outbox_rows.lock_unsent(connection, wanted)
        there = {item_id: loaded[item_id] for item_id in wanted if item_id in loaded}
        there.update(items.load(connection, [item_id for item_id in wanted if item_id not in there], lock=lock))
        tied = items.participants_of(connection, there)
        links = items.links_of(connection, there)
        found.update({item_id: Target(item, tied[item_id], links[item_id]) for item_id, item in there.items()})
        wanted = [link.other_id for item_id in there for link in links[item_id] if link.kind in FOLLOWED_LINKS]
    return found
