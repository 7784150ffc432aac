"""A mail written by a person: to whom, from where, in which thread, when; sealing it is `gateway/outbound/compose.py`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from core.assignment import holder
from core.conversation import Conversation, LastMail
from core.decision import Decision, Entry, EntryKind
from core.deeds import choice
from core.mail import Address, Importance, address_key
from core.outbox import Draft, FileRef, OutboxMessage, Purpose, Recipient
from core.overtaken import Kind, Overtaking, overtaken
from core.refusal import Refused
from core.resolving import resolve, snapshot
from core.scene import Scene, person_moves, placed, placed_quietly, seen
from core.setup import Connector
from core.status import Event, ResolutionMethod, Status
from core.test_mode import why_not_written
from core.wording import LINE, TEXT, clean_line, clean_text
from core.work_item import WorkItem, possible

DEFAULT_UNDO = timedelta(seconds=10)
"""decisions.md 14: on the page; answers by mail ask for more."""
LONGEST_UNDO = timedelta(hours=1)
MOST_RECIPIENTS = 100
LONGEST_HTML = 4 * TEXT
MOST_REFERENCES = 40
UNDO_CHOICES = tuple(timedelta(seconds=seconds) for seconds in (0, 5, 10, 15, 20, 30, 60, 120))
"""What a page offers (decisions.md 14)."""

_ADDRESS = re.compile(r"[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f]{1,64}@[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f]{1,255}")
_ANSWER = re.compile(r"(?:re|aw|sv|antw)\s{0,3}:\s{0,3}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person wants sent. Empty recipients and subject: as an answer has them. `send_at` aware; `undo` None: the person's own delay."""

    text: str
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: str = ""
    html: str = ""
    importance: Importance = Importance.NORMAL
    send_at: datetime | None = None
    undo: timedelta | None = None
    resolve: bool = False
    method: ResolutionMethod | None = None
    cancel_if_answered: bool = False
    """With `send_at` only (decisions.md 16)."""
    files: tuple[FileRef, ...] = ()
    """What goes with it; stored before, by the desk."""


def letter_of(arguments: Mapping[str, Any]) -> Letter:
    """A letter from arguments as they come from the outside: lists of addresses, choices as texts, None is not given. Raises Refused."""
    given: dict[str, Any] = {name: tuple(value) if name in ("to", "cc", "bcc", "files") else value for name, value in arguments.items() if value is not None}
    if given.get("send_at") is not None and given["send_at"].tzinfo is None:
        raise Refused("A time needs a zone.")
    if "method" in given:
        given["method"] = choice(ResolutionMethod, given["method"], "resolution method")
    if "importance" in given:
        given["importance"] = choice(Importance, given["importance"], "importance") or Importance.NORMAL
    return Letter(**given)


def write_mail(
    item: WorkItem,
    letter: Letter,
    scene: Scene,
    talk: Conversation,
    *,
    draft_id: str,
    default_undo: timedelta = DEFAULT_UNDO,
    unsent: Iterable[OutboxMessage] = (),
) -> Decision:
    """The mail in the outbox, and what writing it does to the item: an unassigned To Do item is taken (decisions.md 10), a draft gets title
    and description from it (A-TK-05), and with `resolve` the item is resolved, or will be when a scheduled mail has left (decisions.md 15).
    `unsent` are the mails by people on the item that have not left: those of colleagues are overtaken by this one (decisions.md 16).

    Raises Refused for an empty text, bad or missing recipients, a past time, no connector to send by, others than test contacts
    for a test item (E-47); IllegalTransition.
    """
    draft = _draft(item, letter, scene, talk, draft_id, default_undo)
    worked, entries = _begun(_described(item, draft), scene)
    entries = (*entries, _mail_line(draft, scene))
    if letter.resolve and not draft.scheduled:
        done = resolve(worked, scene, talk, method=letter.method or ResolutionMethod.WITH_CUSTOMER_RESPONSE, mail=draft_id)
        worked = replace(done.items[0], before=snapshot(item, draft_id)) if done.items[0].status is Status.RESOLVED else done.items[0]
        entries = (*entries, *done.entries)
    elif not letter.resolve:
        worked = replace(worked, before=None)
    by = Overtaking(Kind.COLLEAGUE_ANSWERED, scene.by, scene.now, person=scene.by, outbox_id=draft_id)
    written = Decision(items=(worked,), entries=entries, mails=(draft,), participants=_tied(draft, scene))
    return written + overtaken(worked, unsent, by, scene.now, people=scene.setup.user_of)


def default_recipients(talk: Conversation, scene: Scene) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    """To and Cc of an answer: the primary contact and whoever wrote last, at their Reply-To (E-41); in Cc the contacts tagged so (C-CO-01). Never ours."""
    last = talk.last_mail
    author = last.author.key if last is not None and last.author is not None else ""
    answers = () if last is None or not author else _reply_to(last, talk) or (last.author,)
    primary = tuple(one for one in talk.tagged("primary")[:1] if one.key != author)
    to = _others((*primary, *(one for one in answers if one is not None)), scene)
    taken = {one.key for one in to} | {author}
    return to, tuple(one for one in _others(talk.tagged("cc"), scene) if one.key not in taken)


def _reply_to(last: LastMail, talk: Conversation) -> tuple[Address, ...]:
    """Where the newest mail wants its answer. One that came by weak evidence may be forged: it leads no answer away from the item's contacts."""
    contacts = {address_key(contact.address) for contact in talk.contacts}
    return tuple(one for one in last.reply_to if one.key in contacts) if last.weak else last.reply_to


def sending_connector(item: WorkItem, scene: Scene) -> tuple[Connector, str]:
    """The connector and the From address: the address the customer wrote to if it may send, else the item's connector, else the desk's (C-GW-02, E-36)."""
    setup = scene.setup
    wrote_to = setup.connector_of.get(item.reply_from) if item.reply_from else None
    if wrote_to is not None and wrote_to.sends:
        return wrote_to, item.reply_from
    connector = setup.speaker(item.connector)
    if connector is not None:
        return connector, connector.address
    raise Refused("There is no connector that may send this mail; an administrator must configure one for outgoing mail.")


def _draft(item: WorkItem, letter: Letter, scene: Scene, talk: Conversation, draft_id: str, default_undo: timedelta) -> Draft:
    connector, sender = sending_connector(item, scene)
    text = clean_text(letter.text, TEXT)
    html = clean_text(letter.html, LONGEST_HTML)
    if not text and not html:
        raise Refused("The mail has no text.")
    if letter.cancel_if_answered and letter.send_at is None:
        raise Refused("Only a mail that is scheduled can cancel itself; say when it is to be sent.")
    recipients = _recipients(letter, scene, talk)
    refused = why_not_written(item.ref, scene.setup, (one.address for one in recipients)) if item.test else ""
    if refused:
        raise Refused(refused)
    last = talk.last_mail
    answers = (last.message_id,) if last is not None and last.message_id else ()
    thread = tuple(dict.fromkeys((*(one for one in talk.references if one not in answers), *answers)))
    return Draft(
        id=draft_id,
        item_id=item.id,
        purpose=Purpose.PERSON,
        connector=connector.name,
        from_=Address(sender, scene.user.name or scene.setup.name),
        recipients=recipients,
        due_at=_due(letter, scene, default_undo),
        author=scene.by,
        subject=clean_line(letter.subject, LINE) or _answer_subject(item, talk),
        text=text,
        html=html,
        in_reply_to=answers[0] if answers else "",
        references=thread[:1] + thread[1:][-(MOST_REFERENCES - 1) :],
        language=item.language or scene.setup.language,
        importance=letter.importance,
        scheduled=letter.send_at is not None,
        resolves=letter.resolve,
        starts_clock=letter.resolve,
        cancel_if_answered=letter.cancel_if_answered,
        files=letter.files,
    )


def _recipients(letter: Letter, scene: Scene, talk: Conversation) -> tuple[Recipient, ...]:
    named = {role: tuple(parse_address(one) for one in some) for role, some in (("to", letter.to), ("cc", letter.cc), ("bcc", letter.bcc))}
    if not any(named.values()):
        named["to"], named["cc"] = default_recipients(talk, scene)
    found: dict[str, Recipient] = {}
    for role, addresses in named.items():
        for address in addresses:
            found.setdefault(address.key, Recipient(address, role))
    if not found:
        raise Refused("There is nobody to write to: the item has no contact and no mail came in. Name a recipient.")
    if len(found) > MOST_RECIPIENTS:
        raise Refused(f"A mail may have at most {MOST_RECIPIENTS} recipients; this one has {len(found)}.")
    return tuple(found.values())


def parse_address(text: str) -> Address:
    """`a@b` or `Name <a@b>` as typed by a person. Raises Refused naming what was typed."""
    line = clean_line(text)
    name, bracket, rest = line.rpartition("<")
    address = rest.removesuffix(">").strip() if bracket else line
    if _ADDRESS.fullmatch(address) is None:
        raise Refused(f"“{line}” is not an e-mail address.")
    return Address(address, name.strip().strip('"').strip())


def _due(letter: Letter, scene: Scene, default_undo: timedelta) -> datetime:
    """A scheduled mail leaves at its time and is not delayed again (E-29); the others wait for an undo."""
    if letter.send_at is not None:
        return future(letter.send_at, scene.now, "A mail can only be scheduled for a time to come")
    undo = letter.undo if letter.undo is not None else scene.user.undo_send
    undo = default_undo if undo is None else undo
    if not timedelta(0) <= undo <= LONGEST_UNDO:
        raise Refused("The delay for undoing a send is between 0 seconds and 1 hour.")
    return scene.now + undo


def future(moment: datetime, now: datetime, sentence: str) -> datetime:
    """`moment` if it is to come. Raises Refused with the sentence and both times (decisions.md 23)."""
    if moment <= now:
        raise Refused(f"{sentence}; {moment.isoformat(timespec='minutes')} is past.")
    return moment


def _answer_subject(item: WorkItem, talk: Conversation) -> str:
    subject = clean_line((talk.last_mail.subject if talk.last_mail is not None else "") or item.title)
    return subject if _ANSWER.match(subject) or talk.last_mail is None else f"Re: {subject}"


def _described(item: WorkItem, draft: Draft) -> WorkItem:
    """A-TK-05: a draft without title and description takes them from the mail."""
    if item.status is not Status.DRAFT or item.title or item.description:
        return item
    return replace(item, title=draft.subject, description=draft.text)


def _begun(item: WorkItem, scene: Scene) -> tuple[WorkItem, tuple[Entry, ...]]:
    """A-ST-09, decisions.md 10: answering takes what nobody has, and what is one's own gets under way; a colleague's stays as it is."""
    mine = holder(item) in ("", scene.by)
    if not mine or Event.UPDATE not in possible(item):
        return placed_quietly(item, seen(scene.touched(item), scene.now) if mine else scene.touched(item), scene)
    moved = person_moves(item, Event.UPDATE, scene)
    taken = replace(moved.item, assignee=scene.by, owner="")
    return placed(item, replace(moved, item=taken), scene, event=Event.UPDATE)


def _mail_line(draft: Draft, scene: Scene) -> Entry:
    facts: dict[str, object] = {
        "subject": draft.subject,
        "from": str(draft.from_),
        "to": [str(one.address) for one in draft.recipients if one.role == "to"],
        "cc": [str(one.address) for one in draft.recipients if one.role == "cc"],
    }
    if draft.scheduled:
        facts["scheduled_for"] = draft.due_at.isoformat()
    if draft.cancel_if_answered:
        facts["cancel_if_answered"] = True
    return Entry(draft.item_id, scene.now, EntryKind.MAIL_OUT, by=scene.by, text=draft.text, facts=facts, outbox_id=draft.id)


def _tied(draft: Draft, scene: Scene) -> tuple[tuple[str, str], ...]:
    """Who becomes a participant by being written to: To and Cc, never one of us (decisions.md)."""
    open_ones = (one.address for one in draft.recipients if one.role != "bcc")
    return tuple((draft.item_id, one.key) for one in open_ones if not scene.setup.is_ours(one.address))


def _others(addresses: tuple[Address, ...], scene: Scene) -> tuple[Address, ...]:
    return tuple({one.key: one for one in addresses if not scene.setup.is_ours(one.address)}.values())

