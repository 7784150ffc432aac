"""Reads from the database what routing and core must know of one mail, in a few bounded queries; what follows from it is decided by them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from core.brakes import Brakes
from core.decision import KnownId
from core.mail import FREE_MAIL_DOMAINS, Address, Envelope, Mail
from core.mail_facts import MailFacts
from core.outbox import OutboxMessage
from core.refs import references_in_subject
from core.setup import Connector, RouteEffect, Setup
from core.verdict import Resolution
from core.work_item import WorkItem
from gateway.inbound.answered import Person, answered, contact_on, person, seen
from gateway.inbound.mail_returned import mail_returned
from gateway.inbound.signatures import Signatures
from gateway.inbound.signed_by import SignedBy
from gateway.inbound.targets import MOST_ITEMS, targets_of
from gateway.keys import Keys
from gateway.routing.authentication import Authentication
from gateway.routing.classify import is_null_sender
from gateway.routing.facts import Answered, Facts, Outgoing, Sender, Taken, Target
from gateway.routing.match import message_ids
from gateway.routing.own_lists import Author, real_author
from gateway.routing.recipients import Recipient, Strange, recipients
from gateway.routing.vouching import judge
from gateway.store import brakes, contacts, intake_keys, items, outbox_rows

MOST_IDS = 60
"""Ids of one mail that are looked up: In-Reply-To, and the newest of References."""
MOST_PEOPLE = 50
MOST_COPIES = 200


@dataclass(frozen=True, slots=True)
class Read:
    """The facts of routing, and what the core needs besides them."""

    facts: Facts
    mail_facts: MailFacts
    prints: tuple[str, ...] = ()
    """Of a mail that surely is by one of our people."""


@dataclass(frozen=True, slots=True)
class _Named:
    """What a mail names: our recipients, the Message-IDs it points to with what our signatures say of them, and the items found by id and reference."""

    ours: tuple[Recipient, ...]
    strange: tuple[Strange, ...]
    ids: Sequence[str]
    signed: frozenset[str]
    outdated: frozenset[str]
    known: Mapping[str, tuple[KnownId, ...]]
    by_ref: Mapping[str, WorkItem]


class NotYet(Exception):
    """Too early: a report came before our own delivery was settled, or an answer while what it may answer is still being read. Look again in a moment."""


class FactReader:
    """Reads for one installation. Holds nothing but keys and brakes; every method is told its connection."""

    def __init__(self, keys: Keys, limits: Brakes) -> None:
        self._keys = keys
        self._signatures = Signatures(keys, limits)
        self._brakes = limits

    def read(
        self,
        connection: Connection,
        inbound_id: str,
        mail: Mail,
        envelope: Envelope,
        setup: Setup,
        now: datetime,
        *,
        lock: bool = False,
        checked: Authentication | None = None,
        said: str = "",
        signed: SignedBy | None = None,
    ) -> Read:
        """Everything routing asks. Raises NotYet for a report about a mail that is just being sent.

        `checked` is what is known of the author already (`author`), `said` how it was found; without it the servers in front are asked here.
        `signed`: by whose registered key the mail was signed.
        `lock` keeps the items pointed to from changing until the transaction ends, so that two answers at one moment open one follow-up, and
        the mails that wait on them, so that a mail is either overtaken or has left.
        """
        lock = lock and connection.dialect.name != "sqlite"  # there is one writer on SQLite
        received_at = envelope.received_at or now
        named = self._named(connection, mail, envelope, setup, received_at)
        returned, untied = self._returned(connection, mail, named)
        known = checked or judge(mail, envelope, _connectors(named.ours, setup))
        whose = person(mail, envelope, setup, known, signed)
        answers = answered(connection, self._keys, self._brakes, mail, named.ours, received_at, by_user=bool(whose.user))
        pointed = _pointed(named, returned) | ({answers.item_id} if answers is not None and answers.item_id else set())
        targets = targets_of(connection, pointed, {} if lock else {item.id: item for item in named.by_ref.values()}, lock=lock)
        people = _people(connection, mail)
        sender = self._sender(connection, mail, setup, people, known, judged=bool(targets), said=said)
        facts = self._facts(connection, inbound_id, mail, envelope, setup, named, targets, sender, returned, untied, received_at)
        facts = _of_person(connection, facts, mail, envelope, whose, answers)
        copies = _copies(connection, inbound_id, mail, named.known) if mail.message_id in named.known else ()
        mail_facts = self._mail_facts(facts, mail, people, copies, returned)
        return Read(facts, replace(mail_facts, unsent=outbox_rows.unsent_of(connection, targets)) if targets else mail_facts, whose.prints)

    def author(self, mail: Mail, envelope: Envelope, setup: Setup, checked: Authentication | None) -> Author:
        """The mail with its real author, where a list of our own rewrote it, and what is known of them; reads nothing."""
        found, _ = recipients(mail, envelope, setup)
        return real_author(mail, envelope, _connectors(found, setup), setup, checked)

    def for_opening(self, connection: Connection, read: MailFacts, resolution: Resolution, mail: Mail, now: datetime) -> MailFacts:
        """What is only asked when items will be opened: brakes, suppression, and the contacts of what is followed up. Numbers come from the caller.

        Known to us are then only those a person of ours has written to: a forged mail makes contacts of whomever it names (decisions.md 9).
        """
        followed = {verdict.old_id for verdict in resolution.verdicts if verdict.copies}
        copied = [address.key for address in mail.cc[:MOST_PEOPLE] if address.key in read.known_people]
        key = read.sender_key
        lately, suppressed = brakes.lately(connection, self._brakes, None, key, now)
        met = contacts.written_to(connection, ([key] if read.sender_known else []) + copied)
        return replace(
            read,
            sender_known=key in met,
            known_people={one: company for one, company in read.known_people.items() if one in met},
            contacts=items.contacts_of(connection, followed) if followed else {},
            brakes=self._brakes,
            lately=lately,
            suppressed=brakes.suppressed(connection, copied, now) | ({key} if suppressed else frozenset()),
        )

    # ------------------------------------------------------------ pieces

    def _named(self, connection: Connection, mail: Mail, envelope: Envelope, setup: Setup, received_at: datetime) -> _Named:
        """Everything in the mail that may point to an item, and what we know of it."""
        found, strange = recipients(mail, envelope, setup)
        ours = tuple(self._signatures.verified(recipient) for recipient in found)
        ids = [message_id for _, message_id in message_ids(mail)[:MOST_IDS]]
        signed, outdated = self._signatures.ids(connection, ids, received_at)
        known = items.known_ids(connection, (*ids, mail.message_id))
        ours = self._signatures.of_mails(connection, ours, received_at)
        by_ref = items.by_refs(connection, self._refs(mail, ours, setup))
        ours = tuple(self._signatures.aged(recipient, by_ref, received_at) for recipient in ours)
        return _Named(ours, strange, ids, signed, outdated, known, by_ref)

    def _facts(
        self,
        connection: Connection,
        inbound_id: str,
        mail: Mail,
        envelope: Envelope,
        setup: Setup,
        named: _Named,
        targets: Mapping[str, Target],
        sender: Sender,
        returned: OutboxMessage | None,
        untied: str,
        received_at: datetime,
    ) -> Facts:
        own_id = self._keys.verified_message_id(mail.message_id)
        own = outbox_rows.get(connection, own_id) if own_id else None
        return Facts(
            setup=setup,
            inbound_id=inbound_id,
            received_at=received_at,
            recipients=named.ours,
            strange=named.strange,
            sender=sender,
            null_sender=is_null_sender(mail, envelope),
            archive=envelope.archive,
            signed=named.signed,
            outdated=named.outdated,
            known={message_id: tuple(dict.fromkeys(one.item_id for one in found)) for message_id, found in named.known.items()},
            by_ref={ref: item.id for ref, item in named.by_ref.items()},
            targets=targets,
            taken=_taken(connection, mail, named.ours),
            is_own=bool(own_id),
            own=_outgoing(own),
            returned=_outgoing(returned),
            untied=untied,
        )

    def _refs(self, mail: Mail, ours: Iterable[Recipient], setup: Setup) -> list[str]:
        """References in the subject, in plus-tags, and those that appending routes name."""
        connectors = {recipient.connector for recipient in ours}
        appended = [route.item.upper() for route in setup.routes if route.effect is RouteEffect.APPEND and route.connector in connectors]
        tagged = [ref for recipient in ours for ref in (recipient.signed_ref, recipient.outdated_ref, recipient.plain_ref) if ref]
        return [*references_in_subject(mail.subject)[:10], *tagged, *appended][:MOST_ITEMS]

    def _returned(self, connection: Connection, mail: Mail, named: _Named) -> tuple[OutboxMessage | None, str]:
        """What a report speaks of, and why not where it is tied to nothing. Raises NotYet for a mail that is just being sent."""
        message, untied = mail_returned(connection, self._keys, mail, named.ours, named.by_ref)
        if message is not None and message.state.value == "sending":
            raise NotYet(message.id)
        return message, untied

    def _sender(
        self, connection: Connection, mail: Mail, setup: Setup, people: Mapping[str, str], known: Authentication, *, judged: bool, said: str
    ) -> Sender:
        """`judged`: there are items to compare with, so that all addresses of the authors are needed (decisions.md, "participant")."""
        author = mail.author
        if author is None:
            return Sender(authentication=known, said=said)
        company = setup.company(author.domain) if author.domain not in FREE_MAIL_DOMAINS else None
        names = {company.name if company is not None else "", people.get(author.key, "")} - {""}
        return Sender(
            key=author.key,
            authors=tuple(_identity(connection, address, people, judged=judged) for address in mail.from_[:10]),
            ours=setup.is_ours(author.address),
            known=author.key in people,
            companies=frozenset(names),
            domain_company=company.name if company is not None else "",
            authentication=known,
            said=said,
        )

    def _mail_facts(self, facts: Facts, mail: Mail, people: Mapping[str, str], copies: tuple[str, ...], returned: OutboxMessage | None) -> MailFacts:
        sender = facts.sender
        return MailFacts(
            inbound_id=facts.inbound_id,
            received_at=facts.received_at,
            archive=facts.archive,
            sender_key=sender.key,
            sender_known=sender.known,
            sender_companies=sender.companies,
            authenticated=sender.authentication.dmarc.value == "pass",
            dmarc_failed=sender.authentication.dmarc.value == "fail",
            items={item_id: target.item for item_id, target in facts.targets.items()},
            known_people=people,
            same_mail=copies,
            returned=returned,
        )


def _of_person(connection: Connection, facts: Facts, mail: Mail, envelope: Envelope, whose: Person, answers: Answered | None) -> Facts:
    """The facts with what is known of one of our people who may have written it."""
    return replace(
        facts,
        answered=answers,
        user=whose.user,
        proof=whose.proof,
        submitted_by=envelope.submitted_by,
        contact_on=contact_on(connection, whose.user, facts.targets),
        seen=seen(connection, facts.inbound_id, mail, whose),
    )


def _pointed(named: _Named, returned: OutboxMessage | None) -> frozenset[str]:
    """The items that the mail points to by itself, before their links are followed."""
    by_id = {one.item_id for message_id in named.ids for one in named.known.get(message_id, ())}
    back = {returned.item_id} if returned is not None and returned.item_id else set()
    return frozenset(by_id | {item.id for item in named.by_ref.values()} | back)


def _connectors(ours: Iterable[Recipient], setup: Setup) -> tuple[Connector, ...]:
    """The mailboxes that a mail came to; all, where none of ours is named."""
    named = dict.fromkeys(recipient.connector for recipient in ours)
    return tuple(one for name in named if (one := setup.connector_named.get(name)) is not None) or setup.connectors


def _people(connection: Connection, mail: Mail) -> dict[str, str]:
    """Address key → company, of authors and Cc that we know."""
    keys = list(dict.fromkeys(address.key for address in (*mail.from_, *mail.cc) if "@" in address.address))[:MOST_PEOPLE]
    return contacts.companies(connection, keys)


def _copies(connection: Connection, inbound_id: str, mail: Mail, known: Mapping[str, tuple[KnownId, ...]]) -> tuple[str, ...]:
    """The items of other copies of this mail: same id and same content, for anybody may use an id again (decisions.md 7 and 8)."""
    others = [one for one in known[mail.message_id] if one.direction == "in" and one.source_id != inbound_id][:MOST_COPIES]
    alike = intake_keys.alike(connection, mail, [one.source_id for one in others])
    return tuple(dict.fromkeys(one.item_id for one in others if one.source_id in alike))


def _identity(connection: Connection, address: Address, people: Mapping[str, str], *, judged: bool) -> frozenset[str]:
    """All addresses of the person behind an address."""
    if judged and address.key in people:
        return contacts.all_addresses(connection, (address.key,))
    return frozenset({address.key})


def _taken(connection: Connection, mail: Mail, ours: tuple[Recipient, ...]) -> dict[tuple[str, str], tuple[Taken, ...]]:
    """What came in before for these recipients with the same id, or with the same content where there is no id."""
    found: dict[tuple[str, str], tuple[Taken, ...]] = {}
    for row in intake_keys.taken(connection, mail, [(recipient.connector, recipient.key) for recipient in ours]):
        place = (row.connector, row.recipient)
        found[place] = (*found.get(place, ()), Taken(row.inbound_id, row.message_id, row.content_key, row.at))
    return found


def _outgoing(message: OutboxMessage | None) -> Outgoing | None:
    if message is None:
        return None
    keys = frozenset(one.address.key for one in message.recipients)
    return Outgoing(message.id, message.item_id or "", message.connector, keys, message.state.value)
