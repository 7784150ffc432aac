"""Whom of our people a decision concerns: one table, walked with decisions as the house makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from core.by_mail import AT_ONCE, ByMail, Occasion
from core.conversation import Conversation
from core.decision import Decision, Entry, EntryKind
from core.deeds import Ask
from core.mail import Address
from core.notice import notice
from core.notifications import Notification, What, arising, due_for, items_told_of, why_dropped
from core.on_person import act
from core.on_result import left, result
from core.on_time import alarm
from core.outbox import Draft, Outcome, Purpose, Recipient
from core.overtaken import TOLD, Kind
from core.settling import Rules
from core.setup import Setup, User
from core.status import IN_PROGRESS, WAIT_UNTIL, Status
from core.wait import Clocks
from core.work_item import WorkItem
from tests.core.people import ANN, BOB, LEA, NOW, SETUP, made, scene
from tests.outbound.drafts import delivery, make_item, make_message

A, B, L = "ann@demo.example", "bob@demo.example", "lea@demo.example"
QUEUE = ByMail(at_once=(*AT_ONCE, Occasion.IN_QUEUE))


def with_users(*users: User, setup: Setup = SETUP) -> Setup:
    """The desk, these people in the place of those with the same address."""
    kept = tuple(next((new for new in users if new.id == one.id), one) for one in setup.users)
    return replace(setup, users=kept)


def told(decision: Decision, item: WorkItem, setup: Setup = SETUP, authors: Mapping[str, str] | None = None) -> list[tuple[str, str, str]]:
    """(who, occasion, what) of a decision about one item."""
    items = {item.id: item} | {one.id: one for one in decision.items}
    return [(one.user_key, str(one.occasion), str(one.what)) for one in arising(decision, items, authors or {}, setup, NOW)]


def said(item: WorkItem, kind: EntryKind, by: str = "", text: str = "x", **facts: object) -> Decision:
    """One line on the timeline of an item that is as it is."""
    return Decision(items=(item,), entries=(Entry(item.id, NOW, kind, by=by, text=text, system=not by, facts=facts, inbound_id="in-1", outbox_id="out-1"),))


HERS = made(assignee=A)
QUEUED = made(queue="First line")


def test_who_gets_an_item_is_told() -> None:
    """Given by somebody else: told; taken by oneself: not; what comes back to whoever had it, as owner or assignee, was theirs all the time."""
    given = act(QUEUED, "assign", Ask(to=A), scene(LEA), Conversation())
    assert told(given, QUEUED) == [(A, "assigned", "given")]
    assert told(act(QUEUED, "take", Ask(), scene(ANN), Conversation()), QUEUED) == []
    rests = made(place=WAIT_UNTIL, owner=A)
    woken = Decision(
        items=(replace(rests, owner="", assignee=A),),
        entries=(Entry(rests.id, NOW, EntryKind.ALLOCATION, facts={"assignee": ["", A], "owner": [A, ""]}),),
    )
    assert told(woken, rests) == []


def test_a_note_with_the_assignment_is_told_with_it() -> None:
    """What was said with it is told as well, as the note that it is."""
    given = act(QUEUED, "assign", Ask(to=A, note="Please call him."), scene(LEA), Conversation())
    assert told(given, QUEUED) == [(A, "assigned", "given"), (A, "new_information", "note")]


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (said(HERS, EntryKind.MAIL_IN, "carl@acme.example", action="join"), [(A, "new_information", "mail")]),
        (said(HERS, EntryKind.MAIL_IN, "carl@acme.example", action="join", counts=False), []),
        (said(HERS, EntryKind.MAIL_IN, "mailer-daemon@acme.example", action="bounce"), []),
        (said(HERS, EntryKind.MAIL_IN, "carl@acme.example", action="join", decided_by=A), []),
        (said(HERS, EntryKind.MAIL_HELD, "eve@evil.example", action="hold"), [(A, "new_information", "held")]),
        (said(HERS, EntryKind.NOTE, B), [(A, "new_information", "note")]),
        (said(HERS, EntryKind.NOTE, A), []),
        (said(HERS, EntryKind.ATTENTION), [(A, "new_information", "attention")]),
        (said(HERS, EntryKind.ATTENTION, B), []),
        (said(HERS, EntryKind.MAIL_OUT, B), []),
        (said(HERS, EntryKind.AGENT_MAIL, ""), []),
        (said(QUEUED, EntryKind.MAIL_IN, "carl@acme.example", action="join"), []),
        (replace(said(HERS, EntryKind.MAIL_IN, "carl@acme.example", action="join"), tells_nobody=True), []),
    ],
)
def test_what_is_new_on_an_item(decision: Decision, expected: list[tuple[str, str, str]]) -> None:
    """Whoever has the item hears of mails that count, held mails, notes by others and what calls attention; nobody of their own deeds, of reports, of archives."""
    assert told(decision, decision.items[0]) == expected


def test_a_wait_that_ended_is_told() -> None:
    """The date has come: whoever owns the item hears of it, once."""
    waits = made(place=WAIT_UNTIL, owner=A, clocks=Clocks(wait_until=NOW))
    assert told(alarm(waits, NOW, behind=False), waits) == [(A, "new_information", "attention")]


def test_a_colleague_who_reopens_is_told_of() -> None:
    """Reopened by somebody else: told; by oneself: not."""
    resolved = made(place=None, status=Status.RESOLVED, owner=A)
    assert (A, "new_information", "reopened") in told(act(resolved, "reopen", Ask(), scene(BOB), Conversation()), resolved)
    assert told(act(resolved, "reopen", Ask(), scene(ANN), Conversation()), resolved) == []


def test_failed_mail_is_told_to_author_and_holder() -> None:
    """A mail that failed or came back concerns its author and whoever has the item; automatic mail and what was sent concern nobody."""
    failed = Decision(items=(HERS,), entries=(Entry(HERS.id, NOW, EntryKind.DELIVERY, text="No.", facts={"state": "failed"}, outbox_id="o"),))
    assert told(failed, HERS, authors={"o": B}) == [(B, "failed", "delivery"), (A, "failed", "delivery")]
    partly = replace(failed, entries=(replace(failed.entries[0], facts={"state": "sent", "recipients": [{"outcome": "permanent"}]}),))
    assert told(partly, HERS, authors={"o": A}) == [(A, "failed", "delivery")]
    for quiet in (replace(failed.entries[0], system=True), replace(failed.entries[0], facts={"state": "sent", "recipients": [{"outcome": "accepted"}]})):
        assert items_told_of(Decision(entries=(quiet,))) == ()


def test_the_notice_of_a_failure_is_not_doubled() -> None:
    """decisions.md 15: the author who gets the notice in the same decision gets no second mail about it."""
    entry = Entry(HERS.id, NOW, EntryKind.DELIVERY, text="No.", facts={"state": "failed"}, outbox_id="o")
    notice = Draft("n", HERS.id, Purpose.SEND_FAILED, "support", Address("x@demo.example"), (Recipient(Address(B)),), NOW)
    assert told(Decision(items=(HERS,), entries=(entry,), mails=(notice,)), HERS, authors={"o": B}) == [(A, "failed", "delivery")]


def test_overtaken_mail_is_told_to_its_author() -> None:
    """decisions.md 16: the author of a mail that waits hears that somebody wrote since, not the colleague who did."""
    by = Entry(HERS.id, NOW, EntryKind.MAIL_OUT, by=A, outbox_id="new")
    warned = Entry(HERS.id, NOW, EntryKind.ATTENTION, text="ann answered", facts={TOLD: str(Kind.COLLEAGUE_ANSWERED)}, outbox_id="o")
    assert told(Decision(items=(HERS,), entries=(by, warned)), HERS, authors={"o": B}) == [(B, "new_information", "attention")]


def test_new_in_a_queue() -> None:
    """Off by default; for those who want it: what was opened or given back and nobody has, of their own queues, never what they opened themselves."""
    opened = Decision(items=(QUEUED,), entries=(Entry(QUEUED.id, NOW, EntryKind.CREATED, inbound_id="in-1"), Entry(QUEUED.id, NOW, EntryKind.MAIL_IN, inbound_id="in-1")))
    assert told(opened, QUEUED) == []
    wanting = with_users(replace(ANN, by_mail=QUEUE), replace(BOB, by_mail=QUEUE))
    assert told(opened, QUEUED, wanting) == [(A, "in_queue", "new")]
    own = replace(opened, items=(replace(QUEUED, created_by=A),))
    assert told(own, QUEUED, wanting) == []
    released = act(replace(QUEUED, assignee=L), "release", Ask(), scene(LEA), Conversation())
    assert told(released, QUEUED, wanting) == [(A, "in_queue", "released")]
    assert told(act(HERS, "release", Ask(), scene(ANN), Conversation()), HERS, wanting) == []


def test_a_digest_is_a_choice() -> None:
    """What is in the digest and not at once waits for it; in both it is told at once."""
    news = said(HERS, EntryKind.MAIL_IN, "carl@acme.example", action="join")
    for choice, together in ((ByMail(at_once=(), digest=(Occasion.NEW_INFORMATION,)), True), (ByMail(digest=(Occasion.NEW_INFORMATION,)), False)):
        (one,) = arising(news, {HERS.id: HERS}, {}, with_users(replace(ANN, by_mail=choice)), NOW)
        assert one.digest is together


@pytest.mark.parametrize(
    "user",
    [
        replace(ANN, active=False),
        replace(ANN, absent_until=NOW + timedelta(days=1)),
        replace(ANN, by_mail=ByMail(at_once=(Occasion.ASSIGNED,))),
        replace(ANN, email="support@demo.example"),
    ],
)
def test_who_is_not_told(user: User) -> None:
    """Nobody who left, is away, does not want it, or whose address is one of ours."""
    item = replace(HERS, assignee=user.email)
    news = said(item, EntryKind.MAIL_IN, "carl@acme.example", action="join")
    assert told(news, item, with_users(user)) == []


def test_a_test_item_tells_test_contacts_only() -> None:
    """E-47: not even our own people hear of a test item, unless they are test contacts."""
    item = replace(HERS, test=True)
    news = said(item, EntryKind.MAIL_IN, "carl@acme.example", action="join")
    assert told(news, item) == []
    assert told(news, item, replace(SETUP, test_contacts=(A,))) == [(A, "new_information", "mail")]


@pytest.mark.parametrize(
    ("changes", "minutes", "expected"),
    [
        ({}, -31, None),
        ({}, -30, Occasion.AT_RISK),
        ({}, 0, Occasion.OVERDUE),
        ({"assignee": ""}, 0, None),
        ({"status": Status.RESOLVED}, 0, None),
        ({"status": Status.DRAFT}, 0, None),
    ],
)
def test_due_dates(changes: dict[str, object], minutes: int, expected: Occasion | None) -> None:
    """behaviour.md D3: at risk 30 minutes before, overdue from the moment on; for whoever has an open item."""
    item = replace(HERS, due_at=NOW, **changes)  # type: ignore[arg-type]
    found = due_for(item, SETUP, NOW + timedelta(minutes=minutes))
    assert (found.occasion if found is not None else None) == expected
    assert found is None or (found.user_key, found.words) == (A, NOW.isoformat())


ONE = Notification(A, Occasion.NEW_INFORMATION, HERS.id, What.MAIL)


@pytest.mark.parametrize(
    ("one", "user", "item", "because"),
    [
        (ONE, ANN, HERS, ""),
        (ONE, None, HERS, "no active user"),
        (ONE, ANN, None, "no such item"),
        (ONE, replace(ANN, absent_until=NOW + timedelta(hours=1)), HERS, "absent"),
        (ONE, replace(ANN, by_mail=ByMail(at_once=())), HERS, "do not want"),
        (ONE, ANN, replace(HERS, assignee=B), "somebody else has it"),
        (ONE, ANN, replace(HERS, assignee=""), "nobody has it"),
        (ONE, ANN, replace(HERS, status=Status.CLOSED, assignee="", updated_by=A), "closed the item themselves"),
        (ONE, ANN, replace(HERS, status=Status.CLOSED, assignee=""), ""),
        (replace(ONE, occasion=Occasion.FAILED), replace(ANN, queues=()), replace(HERS, assignee=B, home_queue="Claims", queue=""), "may not see"),
        (replace(ONE, occasion=Occasion.IN_QUEUE), replace(ANN, by_mail=QUEUE), HERS, "somebody has it now"),
        (replace(ONE, occasion=Occasion.IN_QUEUE), replace(ANN, by_mail=QUEUE), QUEUED, ""),
        (replace(ONE, occasion=Occasion.OVERDUE), ANN, replace(HERS, assignee=B), "somebody else has it"),
    ],
)
def test_everything_is_asked_once_more(one: Notification, user: User | None, item: WorkItem | None, because: str) -> None:
    """Between what happened and the mail lies time: rights, absence, wishes and whose item it is count as they are then."""
    found = why_dropped(one, user, item, SETUP, (), NOW)
    assert because in found and bool(because) == bool(found)


def test_an_address_that_bounces_is_not_written_to() -> None:
    """decisions.md 3: a suppressed address gets nothing."""
    assert "came back" in why_dropped(ONE, ANN, HERS, SETUP, {A}, NOW)


def test_work_under_way_is_not_at_risk() -> None:
    """In progress: whoever works on it is told when it is overdue, not before."""
    item = made(place=IN_PROGRESS, assignee=A, due_at=NOW)
    assert due_for(item, SETUP, NOW - timedelta(minutes=5)) is None
    assert due_for(item, SETUP, NOW) is not None


def test_the_notice_keeps_to_what_people_chose() -> None:
    """decisions.md 15: an author who is away, or wants to hear of failures otherwise or not at all, gets no notice at once."""
    message = make_message()
    assert notice(message, "No.", Decision(), SETUP, "n", NOW) is not None
    for changes in ({"absent_until": NOW + timedelta(days=1)}, {"by_mail": ByMail(at_once=(Occasion.ASSIGNED,))}):
        assert notice(message, "No.", Decision(), with_users(replace(ANN, **changes)), "n", NOW) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(("words", "gone"), [("550 5.1.1 User unknown", True), ("550 5.7.1 Not from you", False)])
def test_a_notification_that_is_refused(words: str, gone: bool) -> None:
    """decisions.md 3: a server that calls our person's address dead ends mail to it; the item neither moves nor shows anything, whatever the answer."""
    item = make_item(assignee=A)
    message = replace(make_message(), purpose=Purpose.NOTIFICATION, system_generated=True, author="")
    answer = delivery(carl=Outcome.PERMANENT)
    refused = replace(answer, recipients={key: (outcome, words) for key, (outcome, _) in answer.recipients.items()})
    decision = result(message, refused, Rules(), item, NOW).decision
    assert (decision.items, decision.entries, bool(decision.suppressions)) == ((), (), gone)
    assert left(message, delivery(carl=Outcome.ACCEPTED), NOW).decision == Decision()
