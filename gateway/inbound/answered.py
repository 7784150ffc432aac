"""Reads what is known of a mail that may be by one of our people: which mail of ours it answers, whose address it is from, what proves it.

What follows from it is decided by `gateway/routing/agent.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from core.agent_trust import Distrust, Proof
from core.brakes import Brakes
from core.mail import Envelope, Mail, address_key
from core.outbox import TO_AGENTS, OutboxMessage
from core.setup import Setup
from gateway.inbound.signed_by import SignedBy
from gateway.keys import Keys
from gateway.routing.authentication import Authentication, has_one_author
from gateway.routing.facts import Answered, Target
from gateway.routing.match import message_ids
from gateway.routing.prints import prints
from gateway.routing.recipients import Recipient
from gateway.store import intake_keys, items, outbox_rows
from gateway.store import prints as kept

MOST_IDS = 30
"""Ids of one mail that are looked at; those of a long thread with our people are the newest."""


@dataclass(frozen=True, slots=True)
class Person:
    """Our active user whose registered address a mail is from ('' = nobody's), and what shows that it is theirs (a `core.agent_trust.Proof` or '').

    `prints` are those of a mail that has both.
    """

    user: str = ""
    proof: str = ""
    prints: tuple[str, ...] = ()


def person(mail: Mail, envelope: Envelope, setup: Setup, known: Authentication, signed: SignedBy | None) -> Person:
    """The strongest proof that is there. With several authors a mail is nobody's, and so is one from a mailbox of ours."""
    author = mail.author
    if author is None or not has_one_author(mail) or author.key not in setup.user_of or setup.is_ours(author.address):
        return Person()
    theirs = signed is not None and signed.person == author.key
    believed = "" if envelope.submitted_by else known.proof  # no server stands between the submission door and whoever writes the header
    found = (
        (Proof.SUBMISSION, envelope.submitted_by == author.key),
        (Proof.INTERNAL, believed == Proof.INTERNAL),
        (Proof.DMARC, believed == Proof.DMARC),
        (Proof.SIGNATURE, theirs),
    )
    proof = next((str(one) for one, holds in found if holds), "")
    return Person(author.key, proof, prints(mail, signed.fingerprint if signed is not None and theirs else "") if proof else ())


def answered(
    connection: Connection, keys: Keys, brakes: Brakes, mail: Mail, ours: Iterable[Recipient], received_at: datetime, *, by_user: bool
) -> Answered | None:
    """The mail to one of our people that this one answers: by its signed address, else by its signed Message-ID, In-Reply-To first.

    A mail that is not `by_user` answers only what it names last: a customer to whom a notification was handed on has its id among the References.
    """
    tags = list(dict.fromkeys(one.agent_of for one in ours if one.agent_of))
    named = [message_id for _, message_id in message_ids(mail)[: MOST_IDS if by_user else 1]]
    ids = list(dict.fromkeys(filter(None, map(keys.verified_message_id, named))))
    messages = outbox_rows.load(connection, [*tags, *ids]) if tags or ids else {}
    chosen = _first(messages, tags) or _first(messages, ids)
    if chosen is None or not chosen.recipients:
        return None
    return Answered(
        outbox_id=chosen.id,
        user_key=chosen.recipients[0].address.key,
        item_id=chosen.item_id or "",
        at=chosen.created_at,
        purpose=str(chosen.purpose),
        by_address=chosen.id in tags,
        subject=chosen.subject,
        outdated=chosen.created_at + brakes.answered_for < received_at,
    )


def _first(messages: Mapping[str, OutboxMessage], ids: Iterable[str]) -> OutboxMessage | None:
    return next((messages[one] for one in ids if one in messages and messages[one].purpose in TO_AGENTS), None)


def contact_on(connection: Connection, user: str, targets: Mapping[str, Target]) -> frozenset[str]:
    """The items that a user is a contact of: there they are a customer like any other."""
    if not user or not targets:
        return frozenset()
    listed = items.contacts_of(connection, targets)
    return frozenset(item_id for item_id, contacts in listed.items() if any(address_key(one.address) == user for one in contacts))


def seen(connection: Connection, inbound_id: str, mail: Mail, found: Person) -> str:
    """`copy` where the very same mail came before, `replayed` where one with its prints did, else ''."""
    before = kept.seen(connection, found.prints, inbound_id)
    if not before:
        return ""
    same = kept.is_among(connection, mail.message_id, intake_keys.alike(connection, mail, before))
    return Distrust.COPY if same else Distrust.REPLAYED
