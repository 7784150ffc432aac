"""What a delivery means for its item: clocks, status, marks, lines, for every kind of end; and what a bounce means."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.decision import Decision, EntryKind
from core.mail import Address, FailedRecipient, Feedback, Report
from core.notice import notice
from core.on_result import bounce, complaint, died, is_dead, leaves_item_alone, left, marked_sent, result, returned_to_author
from core.outbox import COPY, OutboxEvent, OutboxState, Outcome, Purpose, Recipient
from core.settling import Rules
from core.setup import Setup, UnknownPolicy
from core.status import TABLES, Event, Place, Reason, Status, WaitType
from core.wait import Clocks
from core.work_item import Resolution, WorkItem
from tests.outbound.drafts import NOW, delivery, make_item, make_message

PEOPLE = {"ann@demo.example", "bob@demo.example"}
RULES = Rules(people=PEOPLE)
CARL = "carl@acme.example"


def after(decision: Decision, was: WorkItem) -> WorkItem:
    return decision.items[0] if decision.items else was


@pytest.mark.parametrize(("kind", "place"), [(kind, place) for kind, table in TABLES.items() for place in table], ids=str)
def test_a_failed_mail_of_a_person_in_every_place(kind: str, place: Place) -> None:
    """decisions.md 3 and 15: back to To Do where the table says so, marked everywhere, countdown off; what is closed stays closed."""
    clocks = Clocks(answer_within=timedelta(days=1), answer_due=NOW + timedelta(days=1), stopped_by=("in1",), stopped_at=NOW)
    was = make_item(kind=kind, status=place.status, wait_type=place.wait_type, owner="ann@demo.example", assignee="", clocks=clocks)
    found = result(make_message(), delivery(carl=Outcome.PERMANENT), RULES, was, NOW)
    now = after(found.decision, was)
    cell = TABLES[kind][place].get(Event.DELIVERY_FAILED)
    assert now.place == (cell.to if cell else place)
    assert CARL in now.attention and "words for carl" in now.attention
    if cell:
        assert now.reason is Reason.DELIVERY_FAILED
        assert now.clocks == Clocks(stopped_by=("in1",), stopped_at=NOW), "what nobody has seen stays noted"
    else:
        assert now.clocks == clocks
    assert found.failures == f"{CARL}: words for carl"
    assert found.decision.entries[0].kind is EntryKind.DELIVERY and "words for carl" in found.decision.entries[0].text
    assert [entry.kind for entry in found.decision.entries].count(EntryKind.STATUS) == (now.place != place)


def test_who_worked_on_it_gets_it_back() -> None:
    """D2: a waiting item's owner is its assignee again when the mail failed; one who left is not, and then the queue has it."""
    was = make_item(status=Status.WAIT, wait_type=WaitType.UNTIL, owner="ann@demo.example", assignee="", queue="", clocks=Clocks(wait_until=NOW + timedelta(days=9)))
    now = after(result(make_message(), delivery(carl=Outcome.PERMANENT), RULES, was, NOW).decision, was)
    assert (now.assignee, now.owner, now.queue, now.clocks.alarm_at) == ("ann@demo.example", "", "First line", None)
    gone = after(result(make_message(), delivery(carl=Outcome.PERMANENT), Rules(people={"bob@demo.example"}), was, NOW).decision, was)
    assert (gone.assignee, gone.queue) == ("", "First line")


def test_a_resolution_whose_mail_failed_is_open_again() -> None:
    """decisions.md 15, E-30: never silently resolved without an answer; the resolution itself is kept (A-ST-16)."""
    from core.status import ResolutionMethod

    kept = Resolution("ann@demo.example", NOW, ResolutionMethod.WITH_CUSTOMER_RESPONSE, "d1")
    was = make_item(status=Status.RESOLVED, resolution=kept, resolution_method=kept.method, owner="ann@demo.example", assignee="", clocks=Clocks(after_mail="d1"))
    now = after(result(make_message(resolves=True), delivery(carl=Outcome.PERMANENT), RULES, was, NOW).decision, was)
    assert (now.status, now.resolution, now.resolution_method, now.clocks) == (Status.TO_DO, kept, None, Clocks())


def test_one_recipient_of_several_who_did_not_get_it() -> None:
    """The message is sent, but somebody is missing: the item is marked as for a bounce, naming who."""
    people = (Recipient(Address(CARL)), Recipient(Address("dora@acme.example"), "cc"))
    was = make_item(status=Status.WAIT, wait_type=WaitType.MORE_INFORMATION, clocks=Clocks(answer_within=timedelta(days=1), after_mail="d1"))
    found = result(make_message(recipients=people), delivery(carl=Outcome.ACCEPTED, dora=Outcome.PERMANENT), RULES, was, NOW)
    assert found.settlement.state is OutboxState.SENT
    now = after(found.decision, was)
    assert now.status is Status.TO_DO and "did not reach everybody" in now.attention and "dora" in now.attention and CARL not in now.attention


def test_a_mail_that_left_starts_only_its_own_clock() -> None:
    """decisions.md 1: the clock that waits for this mail begins; one that waits for another mail goes on waiting."""
    waiting = Clocks(answer_within=timedelta(days=2), after_mail="d1")
    was = make_item(status=Status.WAIT, wait_type=WaitType.MORE_INFORMATION, clocks=waiting)
    mine = result(make_message(), delivery(carl=Outcome.ACCEPTED), RULES, was, NOW).decision
    assert after(mine, was).clocks.answer_due == NOW + timedelta(days=2)
    other = replace(was, clocks=replace(waiting, after_mail="d2"))
    assert result(make_message(), delivery(carl=Outcome.ACCEPTED), RULES, other, NOW).decision.items == ()


def test_nothing_closes_over_a_mail_nobody_has_seen() -> None:
    """decisions.md 1: with a held mail the window of zero does not close at the sending; its clock stands still."""
    clocks = Clocks(feedback_window=timedelta(0), after_mail="d1", stopped_by=("in1",), stopped_at=NOW)
    was = make_item(status=Status.RESOLVED, clocks=clocks)
    now = after(result(make_message(), delivery(carl=Outcome.ACCEPTED), RULES, was, NOW).decision, was)
    assert (now.status, now.clocks.alarm_at) == (Status.RESOLVED, None)


@pytest.mark.parametrize(
    ("status", "window", "becomes"),
    [
        (Status.IN_PROGRESS, 5, Status.RESOLVED),
        (Status.WAIT, 5, Status.RESOLVED),
        (Status.TO_DO, 0, Status.CLOSED),
        (Status.CLOSED, 5, Status.CLOSED),
        (Status.RESOLVED, 5, Status.RESOLVED),
    ],
)
def test_a_scheduled_send_and_resolve(status: Status, window: int, becomes: Status) -> None:
    """decisions.md 15: resolved when sent; without a window closed at once (D-TK-02); an item that ended meanwhile is left as it is."""
    was = make_item(status=status, wait_type=WaitType.MORE_INFORMATION if status is Status.WAIT else None)
    rules = replace(RULES, feedback_window=timedelta(days=window))
    now = after(result(make_message(resolves=True, scheduled=True), delivery(carl=Outcome.ACCEPTED), rules, was, NOW).decision, was)
    assert now.status is becomes and not now.attention


def test_a_scheduled_send_and_resolve_that_cannot_resolve() -> None:
    """E-30: where the table has no way to Resolved (a split ticket), the mail is sent and somebody is told that the item is not resolved."""
    was = make_item(status=Status.WAIT, wait_type=WaitType.SPLIT)
    now = after(result(make_message(resolves=True, scheduled=True), delivery(carl=Outcome.ACCEPTED), RULES, was, NOW).decision, was)
    assert now.status is Status.WAIT and "could not be resolved" in now.attention


@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.PERMANENT, Outcome.UNKNOWN])
def test_automatic_mail_never_touches_its_item(outcome: Outcome) -> None:
    """decisions.md 3: mark only; one line in the timeline, shown as the system's."""
    automatic = make_message(purpose=Purpose.ACKNOWLEDGEMENT, system_generated=True, author="")
    found = result(automatic, delivery(carl=outcome), replace(RULES, unknown=UnknownPolicy.HOLD), make_item(), NOW)
    assert found.decision.items == () and not found.failures
    assert [(entry.kind, entry.system) for entry in found.decision.entries] == [(EntryKind.DELIVERY, True)]


@pytest.mark.parametrize("outcome", [Outcome.TEMPORARY, Outcome.UNKNOWN])
def test_what_is_tried_again_is_not_in_the_timeline(outcome: Outcome) -> None:
    """The Outbox shows it; the item hears of the end."""
    found = result(make_message(), delivery(carl=outcome), RULES, make_item(), NOW)
    assert found.settlement.state is OutboxState.PENDING_RETRY and found.decision == Decision()


def test_an_unknown_outcome_marks_a_persons_item() -> None:
    """decisions.md 18: nothing moves and no clock begins, but somebody must look."""
    was = make_item(status=Status.RESOLVED, clocks=Clocks(feedback_window=timedelta(days=1), after_mail="d1"))
    now = after(result(make_message(), delivery(carl=Outcome.UNKNOWN), replace(RULES, unknown=UnknownPolicy.HOLD), was, NOW).decision, was)
    assert now.status is Status.RESOLVED and now.clocks == was.clocks and CARL in now.attention


def test_an_unknown_outcome_beside_a_refusal() -> None:
    """decisions.md 3, 15, 18: who did not get it stands in the mark, and the author is told; marked as sent, the mail has still not reached everybody."""
    people = (Recipient(Address(CARL), outcome=Outcome.UNKNOWN), Recipient(Address("gone@acme.example"), outcome=Outcome.PERMANENT, words="550 5.1.1 no"))
    message, item = make_message(recipients=people, resolves=True), make_item(status=Status.RESOLVED, clocks=Clocks(after_mail="d1"))
    found = result(message, delivery(carl=Outcome.UNKNOWN), replace(RULES, unknown=UnknownPolicy.HOLD), item, NOW)
    assert found.settlement.state is OutboxState.UNKNOWN and found.failures == "gone@acme.example: 550 5.1.1 no"
    marked = after(found.decision, item)
    assert marked.attention.startswith("It is not known whether the mail to carl@") and "550 5.1.1 no" in marked.attention
    known = replace(message, state=OutboxState.SENT, recipients=(replace(people[0], outcome=Outcome.ACCEPTED), people[1]))
    done = after(marked_sent(known, RULES, marked, NOW), marked)
    assert (done.status, done.clocks.feedback_until) == (Status.TO_DO, None) and done.attention.startswith("The mail did not reach everybody.")
    everybody = after(marked_sent(replace(known, recipients=known.recipients[:1]), RULES, marked, NOW), marked)
    assert (everybody.status, everybody.attention) == (Status.RESOLVED, "")


def test_the_end_of_a_sender() -> None:
    """Architecture section 5: unmarked safe to send again at once, marked unknown; what was accepted before stays accepted."""
    people = (Recipient(Address(CARL)), Recipient(Address("dora@acme.example"), outcome=Outcome.ACCEPTED))
    safe = died(make_message(recipients=people), RULES, make_item(), NOW).settlement
    assert (safe.event, safe.state, safe.due_at, safe.tries_left, safe.first_failed_at) == (OutboxEvent.LEASE_OVER, OutboxState.PENDING_RETRY, NOW, 3, None)
    for repeats, policy, event in (
        (0, UnknownPolicy.REPEAT, OutboxEvent.REPEAT),
        (1, UnknownPolicy.REPEAT, OutboxEvent.LEASE_OVER_MARKED),
        (0, UnknownPolicy.HOLD, OutboxEvent.LEASE_OVER_MARKED),
    ):
        found = died(make_message(recipients=people, marked=True, unknown_repeats=repeats), replace(RULES, unknown=policy), make_item(), NOW)
        assert found.settlement.event is event
        assert set(found.settlement.recipients) == {CARL}
        assert "unknown" in found.settlement.because


# ---------------------------------------------------------------- bounces


def report(action: str = "failed", address: str = CARL, status: str = "5.1.1") -> Report:
    return Report((FailedRecipient(address, action, status, "550 no such user"),), "d1.mac@demo.example")


def test_a_bounce_of_a_persons_mail() -> None:
    """decisions.md 3: recipient marked with the server's words, item to To Do with reason delivery failed, countdown off, address suppressed 60 days."""
    was = make_item(status=Status.RESOLVED, owner="ann@demo.example", assignee="", clocks=Clocks(feedback_until=NOW + timedelta(days=3)))
    decision = bounce(make_message(state=OutboxState.SENT), report(), was, NOW, people=PEOPLE)
    (change,) = decision.outbox
    assert (change.outbox_id, change.event, change.recipients) == ("d1", OutboxEvent.BOUNCE, {CARL: ("bounced", "5.1.1 550 no such user")})
    now = after(decision, was)
    assert (now.status, now.reason, now.clocks, now.assignee) == (Status.TO_DO, Reason.DELIVERY_FAILED, Clocks(), "ann@demo.example")
    (suppression,) = decision.suppressions
    assert (suppression.address_key, suppression.until) == (CARL, NOW + timedelta(days=60))


@pytest.mark.parametrize(
    ("status", "words", "said"),
    [
        ("5.1.1", "550 no such user", "5.1.1 550 no such user"),
        ("5.1.1", "550 5.1.1 no such user", "550 5.1.1 no such user"),
        ("5.1.1", "", "5.1.1"),
        ("", "", "returned without a reason"),
    ],
)
def test_a_status_is_said_once(status: str, words: str, said: str) -> None:
    """The server's words, with the status before them unless they name it already."""
    returned = Report((FailedRecipient(CARL, "failed", status, words),), "d1.mac@demo.example")
    (change,) = bounce(make_message(state=OutboxState.SENT), returned, None, NOW).outbox
    assert change.recipients == {CARL: ("bounced", said)}


def test_a_bounce_of_an_automatic_mail_marks_only() -> None:
    """decisions.md 3."""
    decision = bounce(make_message(state=OutboxState.SENT, purpose=Purpose.ACKNOWLEDGEMENT, system_generated=True), report(), make_item(), NOW)
    assert decision.items == () and len(decision.outbox) == 1 and len(decision.entries) == 1


@pytest.mark.parametrize(("status", "suppressed"), [("5.1.1", True), ("4.4.7", False), ("", False)])
def test_only_hard_bounces_suppress(status: str, suppressed: bool) -> None:
    """RFC 3463: class 5 is for good; a server that gave up after days of 4xx says nothing about the address."""
    assert bool(bounce(make_message(state=OutboxState.SENT), report(status=status), None, NOW).suppressions) is suppressed


@pytest.mark.parametrize(("hard", "status", "dead"), [(True, "", True), (False, "5.1.1", False), (None, "5.1.10", True), (None, "5.7.1", False), (None, "", False)])
def test_what_the_report_was_judged_to_mean(hard: bool | None, status: str, dead: bool) -> None:
    """decisions.md 3: the judgement counts, not the class of the code; without one only codes about the address itself do."""
    assert is_dead(FailedRecipient(CARL, "failed", status, "", hard)) is dead


def test_a_mail_that_was_handed_on() -> None:
    """What failed at the address that Carl's mail was handed on to has failed for Carl; a copy that was sent there directly has arrived."""
    told = FailedRecipient(CARL, "failed", "5.1.1", "550 no such user", True)
    there = replace(told, address="dora@acme.example", handed_on_from=CARL)
    both = make_message(state=OutboxState.SENT, recipients=(Recipient(Address(CARL)), Recipient(Address("dora@acme.example"))))
    decision = bounce(both, Report((told, there)), None, NOW)
    assert (set(decision.outbox[0].recipients), [one.address_key for one in decision.suppressions]) == ({CARL}, [CARL])


def test_what_the_author_is_told() -> None:
    """decisions.md 3: who did not get the mail and why, of a person's mail, once for each recipient."""
    sent = make_message(state=OutboxState.SENT)
    assert returned_to_author(sent, report()) == f"{CARL}: 5.1.1 550 no such user"
    assert returned_to_author(replace(sent, recipients=(replace(sent.recipients[0], outcome=Outcome.BOUNCED),)), report()) == ""
    assert returned_to_author(sent, report("delayed")) == ""
    assert returned_to_author(make_message(state=OutboxState.SENT, purpose=Purpose.ACKNOWLEDGEMENT, system_generated=True), report()) == ""


@pytest.mark.parametrize(("about", "stopped"), [((CARL,), [CARL]), ((), [CARL]), (("victim@globex.example",), [CARL])])
def test_a_complaint(about: tuple[str, ...], stopped: list[str]) -> None:
    """RFC 5965: whoever complained gets no automatic mail for now, and the item says so; never an address that we did not write to."""
    decision = complaint(make_message(state=OutboxState.SENT), Feedback("d1.mac@demo.example", complaint="abuse", about=about), make_item(), NOW)
    assert [one.address_key for one in decision.suppressions] == stopped
    assert (decision.items, decision.outbox, len(decision.entries)) == ((), (), 1)


@pytest.mark.parametrize(("about", "stopped"), [((), [CARL]), (("copies@archive.example",), [CARL]), ((CARL, "copies@archive.example"), [CARL])])
def test_a_complaint_is_never_about_our_own_copy(about: tuple[str, ...], stopped: list[str]) -> None:
    """C-GW-05: the desk's own blind copy decides nothing; a complaint that names nobody still means the one person the mail was for."""
    people = (Recipient(Address(CARL)), Recipient(Address("copies@archive.example"), COPY))
    sent = make_message(state=OutboxState.SENT, recipients=people)
    decision = complaint(sent, Feedback("d1.mac@demo.example", complaint="abuse", about=about), make_item(), NOW)
    assert [one.address_key for one in decision.suppressions] == stopped
    assert "archive" not in decision.entries[0].text


@pytest.mark.parametrize("action", ["delayed", "relayed", "delivered", "expanded"])
def test_reports_that_are_no_bounce_change_nothing(action: str) -> None:
    """A delay is written down; state, item and addresses stay."""
    decision = bounce(make_message(state=OutboxState.SENT), report(action), make_item(), NOW)
    assert (decision.outbox, decision.items, decision.suppressions) == ((), (), ())
    assert [entry.kind for entry in decision.entries] == [EntryKind.DELIVERY]


def test_whom_a_bounce_speaks_of() -> None:
    """By address in any case of letters; an address we never wrote to (a forward) means our only recipient, of several nobody."""
    two = (Recipient(Address(CARL)), Recipient(Address("dora@acme.example")))
    sent: dict[str, Any] = {"state": OutboxState.SENT}
    assert set(bounce(make_message(recipients=two, **sent), report(address="Dora@ACME.example"), None, NOW).outbox[0].recipients) == {"dora@acme.example"}
    assert set(bounce(make_message(**sent), report(address="else@where.example"), None, NOW).outbox[0].recipients) == {CARL}
    assert bounce(make_message(recipients=two, **sent), report(address="else@where.example"), None, NOW).outbox[0].recipients == {}


def test_the_notice_to_the_author(example_setup: Setup) -> None:
    """decisions.md 15: to the author in the author's language; nobody is told who has left, and nothing goes to an address of ours."""
    told = notice(make_message(author="bob@demo.example"), "a@b: 550 no", Decision(), example_setup, "n1", NOW)
    assert told is not None
    assert (told.purpose, told.language, [one.address.address for one in told.recipients]) == (Purpose.SEND_FAILED, "fr", ["bob@demo.example"])
    assert told.facts == {"subject": "Re: Printer", "failures": "a@b: 550 no"} and told.due_at == NOW
    assert notice(make_message(author="gone@demo.example"), "x", Decision(), example_setup, "n1", NOW) is None
    ours = replace(example_setup, users=(replace(example_setup.users[0], email="support@demo.example"),))
    assert notice(make_message(author="support@demo.example"), "x", Decision(), ours, "n1", NOW) is None


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("status", [Status.TO_DO, Status.IN_PROGRESS, Status.RESOLVED, Status.CLOSED])
def test_the_short_way_says_what_the_long_one_says(outcome: Outcome, status: Status) -> None:
    """A mail that leaves its item alone is settled without reading the item; the settlement and the timeline are the same as with it."""
    message = make_message()
    answer = delivery(carl=outcome)
    item = make_item(status=status)
    rules = Rules()
    whole = result(message, answer, rules, item, NOW)
    if leaves_item_alone(message, answer):
        assert left(message, answer, NOW) == whole and not whole.decision.items
    else:
        assert outcome is not Outcome.ACCEPTED


def test_a_mail_for_nobody_takes_the_long_way() -> None:
    """It has failed, and somebody must look: no recipient is not everybody."""
    assert not leaves_item_alone(make_message(recipients=()), delivery())
