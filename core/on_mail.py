"""What a mail changes: from the verdicts of routing and the facts to one Decision; who is meant is decided in `gateway/routing`, nothing is written here.

One handler for each action. The same item reached by several addresses is changed once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from core.absence import handed_on, present
from core.acknowledge import STEP, Asked, acknowledgement
from core.assignment import place_people
from core.automatic import line_of
from core.decision import ContactOnItem, Decision, Entry, EntryKind, Link
from core.mail import Mail, Report
from core.mail_facts import MailFacts
from core.mail_item import NAME, contacts_of_mail, copied_contacts, item_of_mail, rejected_as_spam
from core.mail_work import MailWork
from core.notice import notice
from core.on_result import bounce, complaint, returned_to_author
from core.outbox import TO_AGENTS, OutboxMessage
from core.overtaken import Kind, Overtaking, overtaken
from core.setup import Setup
from core.status import TABLES, Event
from core.timeline import allocation_entry, change_entries
from core.verdict import Action, Resolution, TraceStep, Verdict
from core.wait import UNSEEN
from core.wording import clean_line
from core.work_item import Moved, WorkItem, move


@dataclass(frozen=True, slots=True)
class OnMail:
    """The decision, the verdicts with the ids of the items they opened, and what the trace gains."""

    decision: Decision
    verdicts: tuple[Verdict, ...]
    trace: tuple[TraceStep, ...] = ()


def on_mail(resolution: Resolution, mail: Mail, facts: MailFacts, setup: Setup, now: datetime) -> OnMail:
    """Everything the mail changes. `now` (aware UTC) is the moment of the commit; what came in stands at its receipt."""
    work = MailWork(resolution, mail, facts, setup, now)
    verdicts = tuple(_HANDLERS[verdict.action](work, verdict) for verdict in resolution.verdicts)
    work.released()
    work.linked()
    return OnMail(work.decision(), verdicts, tuple(work.trace))


# ---------------------------------------------------------------- onto an item that is there


def _join(work: MailWork, verdict: Verdict) -> Verdict:
    """B-EF-01…06: appended and marked; a mail that counts may wake or reopen the item."""
    if work.first_time(verdict):
        was = work.items[verdict.item_id]
        work.arrived(verdict, was)
        if verdict.outbox_id and work.facts.returned is not None and work.mail.feedback is not None:
            work.others.append(complaint(work.facts.returned, work.mail.feedback, was, work.now))
        if verdict.action is Action.JOIN:
            work.joins(was)
        if verdict.adds_cc and (author := work.mail.author) is not None:
            work.contacts.append(ContactOnItem(was.id, author.address, author.name[:NAME], ("cc",)))
        if not verdict.quiet:
            _wake(work, verdict, was)
            if verdict.counts:
                _overtake(work, was.id)
    return verdict


def _overtake(work: MailWork, item_id: str) -> None:
    """decisions.md 16: what people wrote and has not left is warned of, or cancels itself."""
    unsent = work.facts.unsent.get(item_id, ())
    if unsent:
        who = clean_line(str(work.mail.author or "The customer"), NAME)
        by = Overtaking(Kind.CUSTOMER_WROTE, who, work.facts.received_at, inbound_id=work.facts.inbound_id)
        work.includes(overtaken(work.items[item_id], unsent, by, work.now, people=present(work.setup, work.now)))


def _wake(work: MailWork, verdict: Verdict, was: WorkItem) -> None:
    """Marks the item; where the mail counts, the table says what it wakes, and clocks that waited for it are over."""
    wakes = verdict.counts and Event.MAIL in TABLES[was.kind].get(was.place, {})
    moved = move(was, Event.MAIL, work.now, "") if wakes else None
    after = moved.item if moved is not None else was
    if moved is not None and moved.changed:
        after = replace(after, clocks=was.clocks.cleared(), resolution_method=None, before=None)
    clocks = after.clocks.go(work.facts.inbound_id, work.now)
    if verdict.doubtful:
        clocks = clocks.stop(f"{UNSEEN}{work.facts.inbound_id}", work.facts.received_at)
    after = replace(after, clocks=clocks, new_information=True, updated_at=work.now)
    people = present(work.setup, work.now) if verdict.counts or verdict.doubtful else work.setup.user_of  # what nobody has to look at hands nothing on
    after = place_people(after, people=people)
    work.save(after)
    if moved is not None:
        work.entries.extend(change_entries(was, replace(moved, item=after), work.now, "", event=Event.MAIL))
    elif after != was:
        work.entries.extend(_quiet_entries(was, after, work.now))
    work.entries.extend(handed_on(was, after, work.now, people))


def _quiet_entries(was: WorkItem, after: WorkItem, now: datetime) -> tuple[Entry, ...]:
    """The lines where the status stayed but people were placed by the marks."""
    line = allocation_entry(was, after, now, "")
    return () if line is None else (line,)


def _hold(work: MailWork, verdict: Verdict) -> Verdict:
    """Shown on the item for a person to decide: it marks the item and stops its countdowns, wakes nothing, ties nobody (decisions.md)."""
    if work.first_time(verdict):
        was = work.items[verdict.item_id]
        work.arrived(verdict, was, EntryKind.MAIL_HELD)
        held = replace(was, new_information=True, clocks=was.clocks.stop(work.facts.inbound_id, work.facts.received_at), updated_at=work.now)
        people = present(work.setup, work.now)
        held = place_people(held, people=people)
        work.save(held)
        work.entries.extend((*_quiet_entries(was, held, work.now), *handed_on(was, held, work.now, people)))
        work.trace.append(TraceStep(STEP, was.ref, "none", "a held mail is never acknowledged"))
    return verdict


def _bounce(work: MailWork, verdict: Verdict) -> Verdict:
    """A mail of ours came back (decisions.md 3)."""
    message, report = work.facts.returned, work.mail.report
    if message is None or report is None or not verdict.outbox_id:
        return verdict
    item = work.items.get(verdict.item_id)
    decision = bounce(message, report, item, work.now, people=present(work.setup, work.now))
    work.others.append(decision)
    _tell_author(work, message, report, decision)
    if item is not None and message.purpose not in TO_AGENTS:
        work.touched.add(item.id)
        work.arrived(verdict, item)
    return verdict


def _tell_author(work: MailWork, message: OutboxMessage, report: Report, decision: Decision) -> None:
    """The author of a person's mail learns of each recipient once (decisions.md 3)."""
    failures = returned_to_author(message, report)
    if failures and work.facts.draft_ids and not work.facts.archive:
        told = notice(message, failures, decision, work.setup, work.facts.draft_ids[0], work.now)
        work.drafts.extend([told] if told is not None else [])


# ---------------------------------------------------------------- a new item


def _open(work: MailWork, verdict: Verdict) -> Verdict:
    """A new item with its requester, its first mail, its links and perhaps its acknowledgement."""
    number = verdict.opens or 0
    if number in work.opened:
        return replace(verdict, item_id=work.opened[number].id)
    process = work.setup.process_by_id[verdict.process_id]
    old = work.items.get(verdict.old_id)
    item = item_of_mail(verdict, process, work.mail, work.facts, work.setup, work.now, old if verdict.copies else None)
    work.opened[number] = item
    work.save(item)
    work.contacts.extend(contacts_of_mail(item, verdict.requester, work.mail, work.setup))
    if verdict.copies:
        work.contacts.extend(copied_contacts(item, work.facts.contacts.get(verdict.old_id, ())))
    work.joins(item, but=verdict.created_by)
    work.entries.append(_created(work, verdict, item, old))
    work.arrived(replace(verdict, counts=True), item)
    if old is not None and verdict.link:
        work.links.append(Link(item.id, old.id, verdict.link))
        work.entries.append(_followed(work, verdict, item, old))
    if verdict.action is Action.REJECT_AS_SPAM:
        _close_as_spam(work, item)
    else:
        _acknowledge(work, verdict, item)
    return replace(verdict, item_id=item.id)


def _created(work: MailWork, verdict: Verdict, item: WorkItem, old: WorkItem | None) -> Entry:
    text = "Created by a mail."
    facts: dict[str, object] = {"started_by": "mail", "recipient": verdict.recipient, "because": verdict.because}
    if work.resolution.classification.spam:
        facts["spam"] = True
        text = "Created by a mail that a filter in front marked as spam."
    by = verdict.created_by
    if by:
        user = work.setup.user_of.get(by)
        text = f"Created by a mail that {clean_line(user.name if user is not None and user.name else by, NAME)} handed on."
    if old is not None and verdict.link:
        facts[verdict.link] = old.ref
    return Entry(item.id, work.now, EntryKind.CREATED, by=by, text=text, system=not by, facts=facts, inbound_id=work.facts.inbound_id)


def _followed(work: MailWork, verdict: Verdict, item: WorkItem, old: WorkItem) -> Entry:
    said = {"follow_up_of": f"{item.ref} follows this up.", "may_belong_to": f"A mail that may belong here opened {item.ref}."}
    text = said.get(verdict.link, f"{item.ref} is linked to this.")
    return Entry(old.id, work.now, EntryKind.LINK, text=text, facts={"ref": item.ref, "link": verdict.link}, inbound_id=work.facts.inbound_id)


def _close_as_spam(work: MailWork, item: WorkItem) -> None:
    closed: Moved = rejected_as_spam(item, work.setup, work.now)
    work.save(closed.item)
    work.entries.extend(change_entries(item, closed, work.now, "", event=Event.RESOLVE_FINAL))


def _acknowledge(work: MailWork, verdict: Verdict, item: WorkItem) -> None:
    number = verdict.opens or 0
    asked = Asked(item, verdict, work.resolution.classification, work.mail, work.facts, work.setup, already=len(work.drafts))
    draft, step = acknowledgement(asked, work.facts.draft_ids[number], work.now)
    work.trace.append(step)
    if draft is not None:
        work.drafts.append(draft)
        work.entries.append(line_of(draft, work.now))


# ---------------------------------------------------------------- nothing


def _nothing(work: MailWork, verdict: Verdict) -> Verdict:
    return verdict


_HANDLERS: dict[Action, Callable[[MailWork, Verdict], Verdict]] = {
    Action.JOIN: _join,
    Action.APPEND: _join,
    Action.HOLD: _hold,
    Action.OPEN: _open,
    Action.FOLLOW_UP: _open,
    Action.REJECT_AS_SPAM: _open,
    Action.BOUNCE: _bounce,
    Action.UNHANDLED: _nothing,
    Action.DUPLICATE: _nothing,
    Action.IGNORE: _nothing,
    Action.AGENT: _nothing,
    Action.FILE: _nothing,
    Action.SEND: _nothing,
}
