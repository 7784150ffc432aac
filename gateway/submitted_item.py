"""To which item a mail belongs that one of our people handed in, and which mail on it it answers; what is done with it is `submitted.py`."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from core.decision import KnownId
from core.mail import Envelope, Mail, address_key, split_tag
from core.outbox import TO_AGENTS
from core.refs import references_in_subject
from gateway.keys import Keys
from gateway.routing.match import MAX_HOPS, REPLACING_LINKS, message_ids
from gateway.store import items, originals, outboxes

MOST_IDS, MOST_REFS = 60, 10


@dataclass(frozen=True, slots=True)
class Pointed:
    """The item that a mail belongs to ('' = none), and the mail on it that it answers ('' = not known)."""

    item_id: str = ""
    about: str = ""


def pointed_to(connection: Connection, keys: Keys, mail: Mail, envelope: Envelope) -> Pointed:
    """By what it answers, newest first; else by the address for answers that a reply to all carries along; else by the reference in its subject."""
    ids = [one for _, one in message_ids(mail)[:MOST_IDS]]
    known = items.known_ids(connection, ids)
    for one in ids:
        if one in known:
            return _followed(connection, known[one][0])
        told = _told(connection, keys, one)
        if told:
            return Pointed(told)
    tags = (keys.verified_reply_tag(split_tag(address_key(one))[1]) for one in envelope.recipients)
    refs = [*filter(None, tags), *references_in_subject(mail.subject)[:MOST_REFS]]
    found = items.by_refs(connection, refs)
    item = next((found[ref.upper()] for ref in refs if ref.upper() in found), None)
    return Pointed(_end(connection, item.id)) if item is not None else Pointed()


def _told(connection: Connection, keys: Keys, message_id: str) -> str:
    """The item of a mail to our people, which makes no id that is known: one they turned into a mail to somebody else."""
    outbox_id = keys.verified_message_id(message_id)
    message = outboxes.get(connection, outbox_id) if outbox_id else None
    return (message.item_id or "") if message is not None and message.purpose in TO_AGENTS else ""


def _followed(connection: Connection, known: KnownId) -> Pointed:
    end = _end(connection, known.item_id)
    about = known.source_id if end == known.item_id else ""
    return Pointed(end, about if about and originals.original_of(connection, end, about) is not None else "")


def _end(connection: Connection, item_id: str) -> str:
    """The item that has taken its place, where it was merged or made another."""
    walked = [item_id]
    while len(walked) <= MAX_HOPS:
        links = items.links_of(connection, walked[-1:])[walked[-1]]
        other = next((one.other_id for one in links if one.kind in REPLACING_LINKS and one.other_id not in walked), "")
        if not other:
            break
        walked.append(other)
    return walked[-1]
