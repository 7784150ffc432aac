"""A new item opened by a mail: the item itself, who is put on it and how it is tied to others; whether it is opened is decided before."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from core.acknowledge import language_for
from core.assignment import place_people
from core.decision import ContactOnItem
from core.mail import Address, Mail
from core.mail_facts import MailFacts
from core.refs import reference, without_references
from core.setup import Process, Setup
from core.status import Event, ResolutionMethod
from core.test_mode import is_test_contact
from core.verdict import Verdict
from core.work_item import Moved, Resolution, WorkItem, move

MOST_CC = 50
"""Cc contacts a mail can bring to an item."""
MOST_PEOPLE = 500
"""Participants a mail can bring to an item."""
TITLE = 500
"""Characters of a title."""

REQUESTER_TAGS = ("primary", "original_requester", "requester")
"""B-CO-03."""

LONGEST_PREFIX = 6
"""Characters of a subject that is nothing but `Re:` or the like."""

LONGEST_ADDRESS = 320
"""RFC 3696 errata allow 254; whatever is longer is no address of a person."""
NAME = 300

NO_SUBJECT = "(no subject)"


def item_of_mail(verdict: Verdict, process: Process, mail: Mail, facts: MailFacts, setup: Setup, now: datetime, old: WorkItem | None) -> WorkItem:
    """The item a verdict opens, in To Do (A-ST-07), in the queue of its process; `old` is the closed one whose data is copied, or None."""
    number = facts.numbers[verdict.opens or 0]
    item = WorkItem(
        id=item_id_of(facts, verdict.opens or 0),
        kind=process.kind,
        number=number,
        ref=reference(process.kind, number),
        title=title_of(mail),
        process_id=process.id,
        created_at=now,
        updated_at=now,
        category=verdict.category or (old.category if old and old.process_id == process.id else ""),
        company=_company(verdict.requester, facts, setup) or (old.company if old else ""),
        home_queue=process.queue,
        new_information=False,
        connector=verdict.connector,
        reply_from=verdict.reply_from,
        language=(old.language if old else "") or language_for(mail, setup),
        send_automated_emails=verdict.send_automated_emails,
        test=verdict.test or is_test_contact(setup, facts.sender_key),
        created_by=user.email if (user := setup.user_of.get(verdict.created_by)) is not None else "",
    )
    return place_people(item, people=setup.user_of)


def item_id_of(facts: MailFacts, opens: int) -> str:
    """Derived from the mail, so that the same mail can never open the same item twice."""
    return f"{facts.inbound_id}.{facts.first + opens}"


def title_of(mail: Mail) -> str:
    """The subject without our references (B-CO-08), else the first line of the text."""
    title = without_references(mail.subject)
    if not title or (title.endswith(":") and len(title) <= LONGEST_PREFIX):
        title = next((line.strip() for line in mail.new_text[:5_000].splitlines() if line.strip()), "") or NO_SUBJECT
    return title[:TITLE]


def _company(requester: Address | None, facts: MailFacts, setup: Setup) -> str:
    """The owner of the requester's domain, else the company of the contact we know."""
    owner = setup.company(requester.domain) if requester is not None else None
    if owner is not None:
        return owner.name
    same = requester is not None and requester.key == facts.sender_key
    return next(iter(sorted(facts.sender_companies)), "") if same else ""


def contacts_of_mail(item: WorkItem, requester: Address | None, mail: Mail, setup: Setup) -> tuple[ContactOnItem, ...]:
    """The requester, and as Cc the outsiders that the mail also went to; nobody of ours."""
    found: dict[str, ContactOnItem] = {}
    if requester is not None and _is_person(requester) and not setup.is_ours(requester.address):
        found[requester.key] = ContactOnItem(item.id, requester.address, requester.name[:NAME], REQUESTER_TAGS)
    for address in (*mail.to, *mail.cc):
        if len(found) > MOST_CC:
            break
        if _is_person(address) and not setup.is_ours(address.address) and address.key not in setup.user_of:
            found.setdefault(address.key, ContactOnItem(item.id, address.address, address.name[:NAME], ("cc",)))
    return tuple(found.values())


def copied_contacts(item: WorkItem, old: tuple[ContactOnItem, ...]) -> tuple[ContactOnItem, ...]:
    """The contacts of a followed item; the new one has its own requester, so that the old one's is Cc (E-15)."""
    kept = (tuple(tag for tag in one.tags if tag not in REQUESTER_TAGS) or ("cc",) for one in old)
    return tuple(ContactOnItem(item.id, one.address, one.name, tags) for one, tags in zip(old, kept, strict=True))


def people_of(mail: Mail, setup: Setup) -> tuple[str, ...]:
    """The address keys of everyone a joined mail names, never one of ours (decisions.md, "participant")."""
    named = (*mail.from_, *mail.reply_to, *mail.to, *mail.cc)
    keys = dict.fromkeys(address.key for address in named if _is_person(address))
    return tuple([key for key in keys if not setup.is_ours(key)][:MOST_PEOPLE])


def _is_person(address: Address) -> bool:
    return "@" in address.address and len(address.address) <= LONGEST_ADDRESS and len(address.key) <= LONGEST_ADDRESS


def rejected_as_spam(item: WorkItem, setup: Setup, now: datetime) -> Moved:
    """The new ticket closed at once (A-MG-T3, B-BL-02)."""
    moved = move(item, Event.RESOLVE_FINAL, now, "")
    method = ResolutionMethod.REJECTED_AS_SPAM
    closed = replace(moved.item, resolution_method=method, resolution=Resolution("", now, method), clocks=moved.item.clocks.cleared())
    return replace(moved, item=place_people(closed, people=setup.user_of))

