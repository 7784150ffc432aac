"""Makes the mail that tells one of our people something: from rows, the item and its mails to a draft with its links; its words are `core/notification_letter.py`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select

from core.assignment import holder
from core.mail import Address, address_key
from core.mail_links import LinkDeed, MailLink, url
from core.notification_letter import About, Happening, digest, digest_subject, notification, said, subject_of, translated
from core.notifications import What
from core.on_result import failures_in
from core.outbox import Draft, FileRef, Purpose, Recipient
from core.senders import Sender, main_address, nobody
from core.setup import Setup, User
from core.status import Event
from core.wording import clean_line
from core.work_item import WorkItem, possible, possible_verbs
from gateway.clock import Clock
from gateway.keys import Keys
from gateway.local_time import said_moment
from gateway.notified_files import Room, carried
from gateway.outbound.compose import LIST, UNSUBSCRIBE
from gateway.outbound.sealing import from_shelf
from gateway.store import conversations, items, outbox_rows
from gateway.store.notifications import Group, Waiting, main_occasion, thread
from gateway.store.schema import inbound, inbound_body

UNSUBSCRIBES_FOR = timedelta(days=400)
"""How long the link works that ends such mails: it does no harm, and people find old mails (RFC 8058)."""
log = logging.getLogger("guichet.notifier")

MOST_ITEMS = 50
"""Items that a digest names."""
MOST_FAILURES = 4_000
"""Characters about who did not get a mail."""
IN_DIGEST = "digest"
"""What the link of a digest ends: all that is told so."""

_SHOWS_MAIL = frozenset({What.MAIL, What.HELD, What.GIVEN, What.NEW, What.RELEASED})
_BRINGS_NEWEST = frozenset({What.GIVEN, What.RELEASED})
"""What was said before, the newest of it is new to whoever gets the item."""
_MAIL = (
    select(inbound.c.received_at, inbound.c.from_name, inbound.c.from_address, inbound.c.subject, inbound_body.c.new_text)
    .select_from(inbound.outerjoin(inbound_body, inbound_body.c.inbound_id == inbound.c.id))
    .where(inbound.c.id == bindparam("its_id"))
)


@dataclass(frozen=True, slots=True)
class Means:
    """What such a mail is made with besides the database; `attachments_up_to` in bytes."""

    keys: Keys
    clock: Clock
    public_url: str
    link_days: int
    attachments_up_to: int


@dataclass(frozen=True, slots=True)
class Made:
    """A mail, the links in it, and row id → the mail that came in whose words it shows."""

    draft: Draft
    links: tuple[MailLink, ...]
    shown: dict[str, str]


@dataclass
class Reader:
    """One person as they are written to: language, zone, and the moment (aware UTC) at which their mail is made."""

    connection: Connection
    user: User
    setup: Setup
    now: datetime
    links: list[MailLink] = field(default_factory=list)

    @property
    def language(self) -> str:
        return self.user.language or self.setup.language

    @property
    def address(self) -> Address:
        return Address(self.user.email, self.user.name)

    def at(self, moment: datetime) -> str:
        return said_moment(moment, self.user.timezone or self.setup.timezone, self.language)

    def name_of(self, key: str) -> str:
        """A person of ours by name, others by their address."""
        user = self.setup.user_of.get(key)
        return user.name if user is not None else key

    def link(self, means: Means, deed: LinkDeed, item_id: str = "", **body: object) -> str:
        """The URL of a new link, '' where the installation has no public address."""
        if not means.public_url:
            return ""
        lasts = UNSUBSCRIBES_FOR if deed is LinkDeed.UNSUBSCRIBE else timedelta(days=means.link_days)
        made = MailLink(means.clock.new_id(), address_key(self.user.email), deed, self.now, self.now + lasts, item_id, body)
        self.links.append(made)
        return url(means.public_url, means.keys.link_token(made.id))


def of_item(reader: Reader, item: WorkItem, rows: Sequence[Waiting], means: Means) -> Made | None:
    """One notification about one item; None where no connector sends."""
    sender = sender_of(reader.setup, item)
    if sender is None:
        return None
    told = _Telling(reader, item, means, Room(means.attachments_up_to))
    happenings = told.happenings(rows)
    occasion = main_occasion({row.told.occasion for row in rows})
    ends = reader.link(means, LinkDeed.UNSUBSCRIBE, occasion=str(occasion))
    text, html = notification(reader.language, _about(reader, item), happenings, _links(reader, item, means, ends))
    before = thread(reader.connection, Group(address_key(reader.user.email), item.id))
    draft = Draft(
        id=means.clock.new_id(),
        item_id=item.id,
        purpose=Purpose.NOTIFICATION,
        connector=sender.connector.name,
        from_=sender.named(_from_name(happenings, reader.setup)),
        recipients=(Recipient(reader.address),),
        due_at=reader.now,
        subject=subject_of(item),
        text=text,
        html=html,
        in_reply_to=before[-1] if before else "",
        references=before,
        language=reader.language,
        files=tuple(told.files),
        facts={"occasion": str(occasion), LIST: str(occasion).replace("_", "-"), **({UNSUBSCRIBE: ends} if ends else {})},
    )
    return Made(draft, tuple(reader.links), told.shown)


def of_digest(reader: Reader, told: Sequence[tuple[WorkItem, Sequence[Waiting]]], means: Means) -> Made | None:
    """What is told together; None where no connector sends."""
    sender = nobody(reader.setup)
    if sender is None:
        return None
    limited = any(row.put_off for _, rows in told for row in rows)
    chosen = any(not row.put_off for _, rows in told for row in rows)
    ends = reader.link(means, LinkDeed.UNSUBSCRIBE, occasion=IN_DIGEST) if chosen else ""
    links = [(said("link.unsubscribe", reader.language), ends)] if ends else []
    shown = [(_about(reader, item), _Telling(reader, item, means, None).happenings(rows)) for item, rows in told[:MOST_ITEMS]]
    text, html = digest(reader.language, shown, limited=limited, more=max(len(told) - MOST_ITEMS, 0), links=links)
    draft = Draft(
        id=means.clock.new_id(),
        item_id="",
        purpose=Purpose.DIGEST,
        connector=sender.connector.name,
        from_=sender.named(reader.setup.name),
        recipients=(Recipient(reader.address),),
        due_at=reader.now,
        subject=digest_subject(reader.language, len(told)),
        text=text,
        html=html,
        language=reader.language,
        facts={LIST: IN_DIGEST, **({UNSUBSCRIBE: ends} if ends else {})},
    )
    return Made(draft, tuple(reader.links), {})


def sender_of(setup: Setup, item: WorkItem) -> Sender | None:
    """The mailbox of the item; its main address where that is the one whose plus-addresses were proved, so that answers come to a signed one."""
    return main_address(setup, item.connector, item.reply_from)


class _Telling:
    """The rows about one item as things to tell; `files` and `shown` are what they bring along. Without `room` no file goes with it."""

    def __init__(self, reader: Reader, item: WorkItem, means: Means, room: Room | None) -> None:
        self._reader = reader
        self._item = item
        self._means = means
        self._room = room
        self.files: list[FileRef] = []
        self.shown: dict[str, str] = {}

    def happenings(self, rows: Iterable[Waiting]) -> tuple[Happening, ...]:
        """The newest words of a mail stand once, where it is told as a mail if it is."""
        told = list(rows)
        mails = {row.told.inbound_id for row in told if row.told.what in (What.MAIL, What.HELD)}
        return tuple(dict.fromkeys(self._happening(row, mails) for row in told))

    def _happening(self, row: Waiting, mails: set[str]) -> Happening:
        one, reader = row.told, self._reader
        what, at = one.what, reader.at(row.at)
        if what in _SHOWS_MAIL:
            return self._with_mail(row, mails)
        by = reader.name_of(one.by) if one.by else ""
        if what is What.DELIVERY and self._room is not None:
            return self._not_arrived(row)
        if what is What.DUE and self._item.due_at is not None:
            return Happening(what, one.occasion, at, due=reader.at(self._item.due_at))
        return Happening(what, one.occasion, at, who=by, writer=by if what is What.NOTE else "", text=one.words)

    def _not_arrived(self, row: Waiting) -> Happening:
        """To the author in the desk's own words, which are a template (C-TP-01); to others as the timeline says it."""
        from gateway.outbound.templates import chosen, render  # Jinja2 is imported with the first automatic mail only

        one, reader = row.told, self._reader
        plain = Happening(one.what, one.occasion, reader.at(row.at), text=one.words)
        message = outbox_rows.get(reader.connection, one.outbox_id) if one.outbox_id else None
        known, failures = failures_in(one.words)
        if message is None or not failures or address_key(message.author) != one.user_key:
            return plain
        facts = {"subject": message.subject, "failures": failures[:MOST_FAILURES]}
        files, missing = from_shelf(reader.connection, chosen(reader.setup, Purpose.SEND_FAILED, reader.language).files)
        self.files += [ref for ref in files if ref.id not in {one.id for one in self.files}]
        words = render(reader.setup, Purpose.SEND_FAILED, reader.language, self._item.ref, facts)
        if words.note or missing:
            log.warning("template_broken", extra={"note": words.note, "missing": list(missing)})
        text = "\n\n".join(filter(None, (translated(known, reader.language), words.text.strip())))
        return replace(plain, subject=clean_line(words.subject, 200), text=text)

    def _with_mail(self, row: Waiting, mails: set[str]) -> Happening:
        one, reader = row.told, self._reader
        inbound_id = one.inbound_id or self._newest(one.what)
        mail = reader.connection.execute(_MAIL, {"its_id": inbound_id}).first() if inbound_id else None
        by = reader.name_of(one.by) if one.by and one.what is not What.HELD else ""  # a stranger's name does not stand in From
        absent = reader.name_of(one.words) if one.what is What.GIVEN and one.words else ""
        if inbound_id:
            self.shown[row.id] = inbound_id
        told_already = inbound_id in mails and one.what not in (What.MAIL, What.HELD)
        if told_already or mail is None:
            own = "" if told_already or one.what in (What.MAIL, What.HELD) else self._item.description
            author = self._item.created_by
            writer = (reader.name_of(author) if author else reader.setup.name) if own else ""
            who = by or (_name(mail) if mail is not None and one.what is not What.GIVEN else "")  # who wrote gave nobody anything
            return Happening(one.what, one.occasion, reader.at(row.at), who=who, writer=writer, text=own, absent=absent)
        attached, left = self._carry(inbound_id) if one.what is not What.HELD else ((), ())
        return Happening(
            what=one.what,
            occasion=one.occasion,
            at=reader.at(mail.received_at),
            who=_name(mail) if one.what in (What.MAIL, What.NEW) else by,
            writer=_writer(mail),
            text=(mail.new_text or "") if one.what is not What.HELD else "",
            subject=clean_line(mail.subject, 300),
            absent=absent,
            inbound_id=inbound_id,
            attached=attached,
            left=left,
        )

    def _newest(self, what: What) -> str:
        last = conversations.last_mail(self._reader.connection, self._item.id) if what in _BRINGS_NEWEST else None
        return last.inbound_id if last is not None else ""

    def _carry(self, inbound_id: str) -> tuple[tuple[str, ...], Any]:
        if self._room is None:
            return (), ()
        reader = self._reader
        refs, left = carried(reader.connection, inbound_id, reader.setup, self._means.clock, reader.now, self._room, reader.language)
        self.files += [ref for ref in refs if ref.id not in {one.id for one in self.files}]
        return tuple(ref.name for ref in refs), left


def _about(reader: Reader, item: WorkItem) -> About:
    process = reader.setup.process_by_id.get(item.process_id)
    people = items.contacts_of(reader.connection, (item.id,))[item.id]
    primary = next((one for one in people if "primary" in one.tags), None)
    customer = clean_line(str(Address(primary.address, primary.name)), 300) if primary is not None else ""
    return About(item, process.name if process is not None else "", customer, reader.at(item.due_at) if item.due_at is not None else "")


def _links(reader: Reader, item: WorkItem, means: Means, ends: str) -> list[tuple[str, str]]:
    """What can be done with one click and a confirmation, as far as the table allows it now."""
    if not means.public_url:
        return []
    own = holder(item) == address_key(reader.user.email)
    found = []
    if not own and Event.TAKE in possible(item):
        found.append((said("link.take", reader.language), reader.link(means, LinkDeed.TAKE, item.id)))
    if own and "resolve" in possible_verbs(item):
        found.append((said("link.resolve", reader.language), reader.link(means, LinkDeed.RESOLVE, item.id)))
    return [*found, (said("link.unsubscribe", reader.language), ends)]


def _from_name(happenings: Sequence[Happening], setup: Setup) -> str:
    """`Carl Customer (Demo desk)`: who wrote or did it, at which desk."""
    who = next((one.who for one in happenings if one.who), "")
    return f"{clean_line(who, 100)} ({setup.name})" if who else setup.name


def _name(mail: Any) -> str:
    return clean_line(mail.from_name, 100) or clean_line(mail.from_address, 100)


def _writer(mail: Any) -> str:
    return clean_line(str(Address(mail.from_address, mail.from_name)), 200) if mail is not None else ""

