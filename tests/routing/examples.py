"""Mails, senders, items and facts for the tests of routing, made by hand; no bytes are read and no database is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from core.decision import Link
from core.mail import Address, Envelope, Mail
from core.refs import is_reference, reference
from core.setup import Setup
from core.status import Status
from core.verdict import Resolution
from core.work_item import WorkItem
from gateway.routing.authentication import Authentication, Dmarc, authentication
from gateway.routing.classify import is_null_sender
from gateway.routing.facts import Facts, Outgoing, Sender, Taken, Target
from gateway.routing.recipients import recipients
from gateway.routing.resolve import resolve
from tests.conftest import example_setup

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PASS = Authentication(Dmarc.PASS, "mx.demo.example says that DMARC passed")
FAIL = Authentication(Dmarc.FAIL, "mx.demo.example says that DMARC failed")

SUPPORT = "support@demo.example"
HELP = "help@demo.example"
CLAIMS = "claims@demo.example"
JO = "jo@acme.example"
"""A participant of every example item."""
COLLEAGUE = "kim@acme.example"
STRANGER = "stranger@elsewhere.example"


def demo_setup() -> Setup:
    """The example setup where no fixture can be had (property tests, tables)."""
    made: Setup = example_setup.__wrapped__()
    return made


def a_mail(*, from_: str | tuple[str, ...] = JO, to: Iterable[str] = (SUPPORT,), cc: Iterable[str] = (), headers: Iterable[tuple[str, str]] = (), **more: object) -> Mail:
    """An ordinary mail by Jo to support; anything else by name."""
    authors = (from_,) if isinstance(from_, str) else from_
    values: dict[str, object] = {"message_id": "new@acme.example", "subject": "Printer", "text": "It does not print.", "content_key": "c" * 64, **more}
    return Mail(
        from_=tuple(Address(one) for one in authors if one),
        to=tuple(Address(one) for one in to),
        cc=tuple(Address(one) for one in cc),
        headers=tuple(headers),
        **values,  # type: ignore[arg-type]
    )


def an_item(number: int = 101_203, **more: object) -> WorkItem:
    """A ticket of Acme in To Do, written to support."""
    kind = str(more.pop("kind", "ticket"))
    values: dict[str, object] = {"company": "Acme", "connector": "support", "reply_from": SUPPORT, "home_queue": "First line", "queue": "First line", **more}
    return WorkItem(f"i{number}", kind, number, reference(kind, number), "Printer", "p-support", NOW, NOW, version=1, **values)  # type: ignore[arg-type]


def a_target(item: WorkItem | None = None, *links: Link, people: Iterable[str] = (JO,)) -> Target:
    """An item with its participants."""
    return Target(item or an_item(), frozenset(people), links)


def closed(number: int = 101_203) -> WorkItem:
    return an_item(number, status=Status.CLOSED)


def over_smtp(*to: str, sender: str = JO) -> Envelope:
    return Envelope("smtp", sender, to or (SUPPORT,), NOW)


def fetched(connector: str = "support") -> Envelope:
    return Envelope("imap", "", (), NOW, connector=connector)


def some_facts(
    setup: Setup,
    mail: Mail,
    envelope: Envelope | None = None,
    *targets: Target,
    sender_authentication: Authentication | None = None,
    also_known_as: Iterable[str] = (),
    signed: Iterable[str] = (),
    known: dict[str, tuple[str, ...]] | None = None,
    signed_tags: dict[str, str] | None = None,
    taken: dict[tuple[str, str], tuple[Taken, ...]] | None = None,
    own: Outgoing | None = None,
    returned: Outgoing | None = None,
    **more: object,
) -> Facts:
    """What the reader of facts would say of a mail, given these items. `known` maps ids to item numbers' ids; signed ids are known as well."""
    envelope = envelope or over_smtp()
    found, strange = recipients(mail, envelope, setup)
    found = tuple(replace(one, signed_ref=(signed_tags or {}).get(one.key, "")) for one in found)
    author = mail.author
    company = setup.company(author.domain) if author else None
    trusted = {server for connector in setup.connectors for server in connector.trusted_authserv_ids}
    sender = Sender(
        key=author.key if author else "",
        authors=tuple(frozenset({one.key, *also_known_as}) for one in mail.from_),
        ours=setup.is_ours(author.address) if author else False,
        companies=frozenset({company.name} if company else ()),
        domain_company=company.name if company else "",
        authentication=sender_authentication or authentication(mail, trusted),
    )
    values: dict[str, object] = {"archive": envelope.archive, "null_sender": is_null_sender(mail, envelope), **more}
    return Facts(
        setup=setup,
        inbound_id="in1",
        received_at=NOW,
        recipients=found,
        strange=strange,
        sender=sender,
        signed=frozenset(signed),
        known=known or {},
        by_ref={target.item.ref: target.item.id for target in targets if is_reference(target.item.ref)},
        targets={target.item.id: target for target in targets},
        taken=taken or {},
        is_own=own is not None,
        own=own,
        returned=returned,
        **values,  # type: ignore[arg-type]
    )


def resolved(setup: Setup, mail: Mail, envelope: Envelope | None = None, *targets: Target, **more: object) -> Resolution:
    """The resolution of a mail, given these items."""
    envelope = envelope or over_smtp()
    return resolve(mail, envelope, some_facts(setup, mail, envelope, *targets, **more))  # type: ignore[arg-type]


def actions(resolution: Resolution) -> list[str]:
    return [str(verdict.action) for verdict in resolution.verdicts]
