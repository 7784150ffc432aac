"""Whom of our people a decision concerns, and why one of them is not told after all; the mail that tells it is `core/notification_letter.py`.

Nobody is told of what they did themselves. Who is away, has switched an occasion off or may not see an item is asked when something happens
and once more when it is told: in between lie seconds, or the night before a digest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from core.assignment import holder
from core.automatic import writable
from core.by_mail import Occasion
from core.decision import Decision, Entry, EntryKind
from core.mail import address_key
from core.on_result import NEWS
from core.outbox import OutboxState, Outcome, Purpose
from core.overtaken import TOLD
from core.permissions import sees, visible_to
from core.setup import Setup, User
from core.status import Event, Status
from core.test_mode import is_test_contact
from core.verdict import Action
from core.wording import clean_text
from core.work_item import WorkItem

SOON = timedelta(minutes=30)
"""How long before it is due an item is at risk (behaviour.md D3)."""
MOST_WORDS = 20_000
"""Characters of a note or a sentence that are told."""


class What(StrEnum):
    """What is told of: it decides which words of it are shown, and what an answer does."""

    MAIL = "mail"
    HELD = "held"
    NOTE = "note"
    ATTENTION = "attention"
    REOPENED = "reopened"
    GIVEN = "given"
    DELIVERY = "delivery"
    NEW = "new"
    RELEASED = "released"
    DUE = "due"


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing that one person is to hear of. `by` is the address key of who caused it, '' = the system; `digest`: told with others, once a day.

    `words` is a note or a sentence of ours; for what is given the address key of an absent person for whom they stand in; for a due date that date.
    `inbound_id` and `outbox_id`: the mail it is about.
    """

    user_key: str
    occasion: Occasion
    item_id: str
    what: What
    by: str = ""
    inbound_id: str = ""
    outbox_id: str = ""
    words: str = ""
    digest: bool = False


@dataclass(frozen=True, slots=True)
class _Case:
    """One item of a decision: its lines, the item after it, who acted."""

    item: WorkItem
    entries: tuple[Entry, ...]
    actors: frozenset[str]
    authors: Mapping[str, str]
    decision: Decision

    @property
    def opened(self) -> bool:
        return any(entry.kind is EntryKind.CREATED for entry in self.entries)


_TELLING = frozenset({EntryKind.CREATED, EntryKind.ALLOCATION, EntryKind.MAIL_IN, EntryKind.MAIL_HELD, EntryKind.NOTE, EntryKind.ATTENTION, EntryKind.STATUS})
_NOT_THERE = frozenset({OutboxState.FAILED.value, OutboxState.BOUNCED.value, OutboxState.UNKNOWN.value})
_LOST = frozenset({Outcome.PERMANENT.value, Outcome.BOUNCED.value})


def items_told_of(decision: Decision) -> tuple[str, ...]:
    """The items that somebody may have to hear of; none for most decisions, and then nothing more is asked."""
    return () if decision.tells_nobody else tuple(dict.fromkeys(entry.item_id for entry in decision.entries if _tells(entry)))


def mails_told_of(decision: Decision) -> tuple[str, ...]:
    """The outgoing mails whose author may have to hear of something."""
    return tuple(dict.fromkeys(entry.outbox_id for entry in decision.entries if entry.outbox_id and (_is_failure(entry) or TOLD in entry.facts)))


def arising(decision: Decision, items: Mapping[str, WorkItem], authors: Mapping[str, str], setup: Setup, now: datetime) -> tuple[Notification, ...]:
    """What has to be told because of a decision, each person's own choices kept. `items`: those told of as they are after it; `authors`: outbox id → address key.

    `now` aware UTC.
    """
    found: dict[Notification, None] = {}
    for item_id in items_told_of(decision):
        item = items.get(item_id)
        if item is None:
            continue
        entries = tuple(entry for entry in decision.entries if entry.item_id == item_id)
        case = _Case(item, entries, _actors(entries), authors, decision)
        for one in (*_given(case), *_news(case), *_failed(case), *_waiting_in_queue(case, setup)):
            user = setup.user_of.get(one.user_key)
            if user is None or one.user_key in case.actors or why_untold(user, one.occasion, item, setup, now):
                continue
            found[replace(one, digest=one.occasion not in user.by_mail.at_once)] = None
    return tuple(found)


def due_for(item: WorkItem, setup: Setup, now: datetime) -> Notification | None:
    """What whoever has an open item hears of its due date now, None for nothing; `words` is that date, so that each is told once. `now` aware UTC."""
    user = setup.user_of.get(holder(item))
    if item.due_at is None or not item.is_open or item.status is Status.DRAFT or user is None or now < item.due_at - SOON:
        return None
    occasion = Occasion.OVERDUE if now >= item.due_at else Occasion.AT_RISK
    if occasion is Occasion.AT_RISK and item.status is Status.IN_PROGRESS:  # somebody is at it
        return None
    digest = occasion not in user.by_mail.at_once
    return Notification(address_key(user.email), occasion, item.id, What.DUE, words=item.due_at.isoformat(), digest=digest)


# ---------------------------------------------------------------- why not


def why_untold(user: User, occasion: Occasion, item: WorkItem, setup: Setup, now: datetime) -> str:
    """Why a person is not told of something, '' if they are."""
    if occasion not in (*user.by_mail.at_once, *user.by_mail.digest):
        return f"they do not want to hear of “{occasion}”"
    if user.is_absent(now):
        return "they are absent"
    if setup.is_ours(user.email) or not writable(user.email):
        return "their address is one of ours, or none"
    if item.test and not is_test_contact(setup, user.email):
        return "a test item: only test contacts are told"
    return ""


def why_dropped(one: Notification, user: User | None, item: WorkItem | None, setup: Setup, suppressed: Collection[str], now: datetime) -> str:
    """Why a notification is not told now, '' if it is: everything is asked once more."""
    if user is None or item is None:
        return "there is no active user any more" if user is None else "there is no such item"
    because = why_untold(user, one.occasion, item, setup, now)
    if because:
        return because
    if one.user_key in suppressed:
        return "mail to their address came back"
    if not sees(visible_to(user, setup), item):
        return "they may not see the item"
    if item.status is Status.CLOSED and item.updated_by == one.user_key and one.occasion is not Occasion.FAILED:
        return "they closed the item themselves"
    has = holder(item)
    if one.occasion is Occasion.IN_QUEUE:
        return "somebody has it now" if has else "" if item.is_open else "it is over"
    if one.occasion is Occasion.FAILED or item.status is Status.CLOSED or has == one.user_key:
        return ""
    return "" if one.outbox_id else "somebody else has it now" if has else "nobody has it now"


# ---------------------------------------------------------------- occasions


def _given(case: _Case) -> Iterator[Notification]:
    """Somebody has the item who did not have it before."""
    lines = [entry for entry in case.entries if entry.kind is EntryKind.ALLOCATION]
    has = holder(case.item)
    if lines and has and has not in _held_before(lines):
        away = next((str(line.facts["absent"]) for line in lines if "absent" in line.facts), "")
        yield Notification(has, Occasion.ASSIGNED, case.item.id, What.GIVEN, by=lines[0].by, words=away)


def _news(case: _Case) -> Iterator[Notification]:
    """Something came to an item that somebody has."""
    has = holder(case.item)
    for entry in case.entries:
        what = _NEWS[entry.kind](case, entry) if entry.kind in _NEWS else None
        to = case.authors.get(entry.outbox_id, "") if TOLD in entry.facts else has
        if what is None or not to:
            continue
        words = clean_text(entry.text, MOST_WORDS) if what in (What.NOTE, What.ATTENTION) else ""
        yield Notification(to, Occasion.NEW_INFORMATION, case.item.id, what, entry.by, entry.inbound_id, entry.outbox_id, words)


def _failed(case: _Case) -> Iterator[Notification]:
    """A mail by a person did not arrive. Whoever gets the notice of it in the same decision is not told twice, and nobody of a recipient they know of."""
    noticed = {one.address.key for draft in case.decision.mails if draft.purpose is Purpose.SEND_FAILED for one in draft.recipients}
    for entry in case.entries:
        sentence = str(entry.facts.get(NEWS, entry.text))
        if not _is_failure(entry) or not sentence:
            continue
        for to in dict.fromkeys((case.authors.get(entry.outbox_id, ""), holder(case.item))):
            if to and to not in noticed:
                yield Notification(to, Occasion.FAILED, case.item.id, What.DELIVERY, outbox_id=entry.outbox_id, words=clean_text(sentence, MOST_WORDS))


def _waiting_in_queue(case: _Case, setup: Setup) -> Iterator[Notification]:
    """Something new waits in a queue and nobody has it; it was opened, or somebody had it until now."""
    item = case.item
    if holder(item) or not item.is_open or item.status is Status.DRAFT:
        return
    lines = [entry for entry in case.entries if entry.kind is EntryKind.ALLOCATION]
    submitted = any(entry.facts.get("event") == Event.SUBMIT for entry in case.entries)
    if not case.opened and not submitted and not (lines and _held_before(lines)):
        return
    what = What.NEW if case.opened or submitted else What.RELEASED
    mail = next((entry.inbound_id for entry in case.entries if entry.kind is EntryKind.CREATED), "")
    for user in setup.users:
        wants = user.active and Occasion.IN_QUEUE in (*user.by_mail.at_once, *user.by_mail.digest)
        if wants and (item.queue or item.home_queue) in user.queues and address_key(user.email) != address_key(item.created_by):
            yield Notification(address_key(user.email), Occasion.IN_QUEUE, item.id, what, lines[-1].by if lines else "", mail)


# ---------------------------------------------------------------- lines


def _mail_in(case: _Case, entry: Entry) -> What | None:
    """The mail that opens an item is told with the item; what does not count, and reports, wake nobody."""
    unseen = entry.facts.get("counts") is False or entry.facts.get("action") == Action.BOUNCE
    return None if case.opened or unseen else What.MAIL


def _held(case: _Case, entry: Entry) -> What | None:
    return What.HELD


def _note(case: _Case, entry: Entry) -> What | None:
    return What.NOTE if entry.by else None


def _attention(case: _Case, entry: Entry) -> What | None:
    """What time and mails bring; a person's own lines are about mails that they decided on."""
    return What.ATTENTION if not entry.by else None


def _delivery(case: _Case, entry: Entry) -> What | None:
    """A mail that cancelled itself, or left without resolving the item; failures are told apart."""
    return What.ATTENTION if not entry.by and entry.facts.get("attention") and not _is_failure(entry) else None


def _status(case: _Case, entry: Entry) -> What | None:
    return What.REOPENED if entry.facts.get("event") == Event.REOPEN else None


_NEWS = {
    EntryKind.MAIL_IN: _mail_in,
    EntryKind.MAIL_HELD: _held,
    EntryKind.NOTE: _note,
    EntryKind.ATTENTION: _attention,
    EntryKind.DELIVERY: _delivery,
    EntryKind.STATUS: _status,
}
"""Kind of a line → what is news in it for whoever has the item, None for nothing."""


def _tells(entry: Entry) -> bool:
    return entry.kind in _TELLING or (entry.kind is EntryKind.DELIVERY and (_is_failure(entry) or bool(entry.facts.get("attention"))))


def _is_failure(entry: Entry) -> bool:
    """A mail by a person that somebody did not get, or perhaps not."""
    if entry.kind is not EntryKind.DELIVERY or entry.system:
        return False
    recipients: Any = entry.facts.get("recipients") or ()
    return entry.facts.get("state") in _NOT_THERE or any(one.get("outcome") in _LOST for one in recipients)


def _actors(entries: Iterable[Entry]) -> frozenset[str]:
    """Whoever did it: they know."""
    named = (name for entry in entries for name in (entry.by, entry.facts.get("decided_by")) if name)
    return frozenset(address_key(str(name)) for name in named)


def _held_before(lines: Iterable[Entry]) -> frozenset[str]:
    """Who had the item before the first of these lines, in either column."""
    first: dict[str, str] = {}
    for line in lines:
        for column in ("assignee", "owner"):
            change: Any = line.facts.get(column)
            if change:
                first.setdefault(column, change[0])
        if "absent" in line.facts:
            first.setdefault("absent", str(line.facts["absent"]))
    return frozenset(first.values()) - {""}
