"""Resolving with its methods, its mail or note and its window; reopening, resolving again, and taking a Send & Resolve back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.assignment import place_people
from core.conversation import Conversation, Said
from core.deeds import ask_of
from core.on_person import act
from core.outbox import OutboxState
from core.refusal import Refused
from core.resolving import MOST_EARLIER, mail_taken_back, resolved_when_sent, snapshot
from core.status import CLOSED, IN_PROGRESS, RESOLVED, TO_DO, WAIT_INFORMATION, WAIT_SPLIT, Reason, ResolutionMethod, Status
from core.transitions import IllegalTransition
from core.wait import Clocks
from core.work_item import Resolution, WorkItem
from core.writing import Letter, write_mail
from tests.core.people import ANN, BOB, NOW, SETUP, after, came, carl, do, kinds, line, made, note, scene, sent

ANN_KEY, BOB_KEY = "ann@demo.example", "bob@demo.example"
QUIET = Conversation()
WEEK = timedelta(days=7)

# ---------------------------------------------------------------- methods

METHODS = [
    ("ticket", None, ResolutionMethod.WITH_CUSTOMER_RESPONSE, Status.RESOLVED),
    ("ticket", "with_customer_response", ResolutionMethod.WITH_CUSTOMER_RESPONSE, Status.RESOLVED),
    ("ticket", "no_customer_response", ResolutionMethod.NO_CUSTOMER_RESPONSE, Status.RESOLVED),
    ("ticket", "rejected", ResolutionMethod.REJECTED, Status.RESOLVED),
    ("ticket", "rejected_as_spam", ResolutionMethod.REJECTED_AS_SPAM, Status.CLOSED),
    ("case", None, ResolutionMethod.COMPLETED, Status.RESOLVED),
    ("case", "with_customer_response", ResolutionMethod.WITH_CUSTOMER_RESPONSE, Status.RESOLVED),
]


@pytest.mark.parametrize(("kind", "method", "kept", "status"), METHODS, ids=str)
def test_each_method_ends_where_it_should(kind: str, method: str | None, kept: ResolutionMethod, status: Status) -> None:
    """A-TK-15, A-MG-T2, A-MG-T3, A-CS-21: four methods for tickets; spam skips Resolved and with it the feedback window."""
    decision = do(made(kind, IN_PROGRESS, assignee=ANN_KEY), "resolve", method=method)
    item = after(decision)
    assert (item.status, item.resolution_method) == (status, kept)
    assert item.resolution is not None and (item.resolution.by, item.resolution.at, item.resolution.method) == (ANN_KEY, NOW, kept)
    assert line(decision, "status").facts["resolution_method"] == kept


@pytest.mark.parametrize(("kind", "method"), [("ticket", "merged"), ("ticket", "cancelled"), ("ticket", "completed"), ("case", "rejected"), ("case", "merged")])
def test_methods_of_the_system_are_not_for_people(kind: str, method: str) -> None:
    """A-TK-15: what a person may choose is a list, and the sentence names it."""
    with pytest.raises(Refused, match=r"cannot be resolved by hand.*Possible: "):
        do(made(kind, IN_PROGRESS), "resolve", method=method)


# ---------------------------------------------------------------- the mail or note

COUNTING = [
    ("nothing", (), False),
    ("a note", (note(),), True),
    ("a note by somebody else", (note(by=BOB_KEY),), False),
    ("a note before the item was last put to To Do", (note(seq=4),), False),
    ("a sent mail", (sent(),), True),
    ("a mail in its undo delay", (sent(OutboxState.QUEUED),), True),
    ("a mail that is tried again", (sent(OutboxState.PENDING_RETRY),), True),
    ("a mail of unknown outcome", (sent(OutboxState.UNKNOWN),), True),
    ("a cancelled mail", (sent(OutboxState.CANCELLED),), False),
    ("a failed mail", (sent(OutboxState.FAILED),), False),
    ("a bounced mail", (sent(OutboxState.BOUNCED),), False),
    ("a held mail", (sent(OutboxState.HELD),), False),
    ("a scheduled mail that has not left", (sent(OutboxState.QUEUED, scheduled=True),), False),
    ("a scheduled mail that has left", (sent(OutboxState.SENT, scheduled=True),), True),
    ("a mail by somebody else", (sent(by=BOB_KEY),), False),
    ("a failed mail after a note", (sent(OutboxState.FAILED, seq=12), note(seq=11)), True),
]


@pytest.mark.parametrize(("said", "counts"), [one[1:] for one in COUNTING], ids=[one[0] for one in COUNTING])
def test_what_counts_as_a_resolution(said: tuple[Said, ...], counts: bool) -> None:
    """A-TK-16, A-TK-18, E-31: the latest mail or note by the same user since the item was last put to To Do or In Progress."""
    talk = Conversation(said=said, working_since=5)
    item = made(place=IN_PROGRESS, assignee=ANN_KEY)
    if not counts:
        with pytest.raises(Refused, match="needs a resolution"):
            do(item, "resolve", talk=talk)
        return
    chosen = next(one for one in said if one.counts)
    resolution = after(do(item, "resolve", talk=talk)).resolution
    assert resolution is not None
    assert (resolution.outbox_id, resolution.note_seq) == (chosen.outbox_id, None if chosen.is_mail else chosen.seq)


SESSIONS = [("no log-in", None, True), ("logged in before", NOW - timedelta(hours=1), True), ("logged in since", NOW + timedelta(minutes=1), False)]


@pytest.mark.parametrize(("since", "counts"), [one[1:] for one in SESSIONS], ids=[one[0] for one in SESSIONS])
def test_what_was_said_in_another_session_does_not_count(since: Any, counts: bool) -> None:
    """E-31: of the stretch of work and the log-in session, the shorter counts."""
    item, now = made(place=IN_PROGRESS, assignee=ANN_KEY), NOW + timedelta(hours=1)
    acting = replace(scene(now=now), session_since=since)
    if counts:
        assert after(act(item, "resolve", ask_of({}), acting, Conversation(said=(note(),)))).status is Status.RESOLVED
        return
    with pytest.raises(Refused, match="needs a resolution"):
        act(item, "resolve", ask_of({}), acting, Conversation(said=(note(),)))


def test_a_note_with_the_resolution_is_the_resolution() -> None:
    """A-TK-16, A-TK-19: `--note` is enough, and is marked; it comes before the change of status."""
    decision = do(made(place=IN_PROGRESS), "resolve", note="Replaced the fuse.", talk=QUIET)
    assert kinds(decision)[:2] == ["note", "status"]
    assert line(decision, "note").facts == {"resolution": True}


FREE = [
    ("ticket", {"process_id": "p-l"}, {}),
    ("case", {}, {}),
    ("ticket", {}, {"method": "rejected_as_spam"}),
    ("ticket", {"process_id": "unknown"}, {}),
]


@pytest.mark.parametrize(("kind", "more", "arguments"), FREE, ids=str)
def test_where_no_word_is_asked_for(kind: str, more: dict[str, Any], arguments: dict[str, Any]) -> None:
    """A-TK-16 only where the process says so, A-CS-25 only advises it for cases, and nobody writes to a spammer."""
    assert after(do(made(kind, IN_PROGRESS, **more), "resolve", talk=QUIET, **arguments)).resolution is not None


def test_what_the_table_forbids_is_said_before_the_reminder() -> None:
    """A resolved item is not asked for a resolution mail first."""
    with pytest.raises(IllegalTransition):
        do(made(place=RESOLVED), "resolve", talk=QUIET)


# ---------------------------------------------------------------- the window


def test_the_window_runs_from_the_click_without_a_mail() -> None:
    """A-TK-22, A-CS-22, decisions.md 1 and 5."""
    assert after(do(made(place=IN_PROGRESS), "resolve")).clocks.alarm_at == NOW + timedelta(days=5)
    assert after(do(made("case", IN_PROGRESS), "resolve")).clocks.alarm_at == NOW + timedelta(days=10)


def test_the_window_runs_from_when_the_mail_has_left() -> None:
    """decisions.md 1: no window begins before our mail has left, also where the note is the resolution."""
    talk = Conversation(said=(sent(OutboxState.QUEUED),))
    item = after(do(made(place=IN_PROGRESS), "resolve", talk=talk))
    assert (item.clocks.after_mail, item.clocks.alarm_at, item.status) == ("o-1", None, Status.RESOLVED)
    assert item.clocks.begin(NOW + timedelta(hours=1)).alarm_at == NOW + timedelta(days=5, hours=1)


def test_without_a_window_it_closes_at_once_or_when_the_mail_has_left() -> None:
    """D-TK-02, decisions.md 5: a window of zero closes at once; with a mail to leave, when that has left."""
    closed = after(do(made(place=IN_PROGRESS, process_id="p-l"), "resolve", talk=QUIET))
    assert (closed.status, closed.clocks, closed.resolution_method) == (Status.CLOSED, Clocks(), ResolutionMethod.WITH_CUSTOMER_RESPONSE)
    waits = after(do(made(place=IN_PROGRESS, process_id="p-l"), "resolve", talk=Conversation(said=(sent(OutboxState.QUEUED),))))
    assert (waits.status, waits.clocks.alarm_at) == (Status.RESOLVED, None)
    assert waits.clocks.begin(NOW).alarm_at == NOW


# ---------------------------------------------------------------- reopening and resolving again


def resolved(**more: Any) -> WorkItem:
    """A ticket that Bob resolved yesterday."""
    before = NOW - timedelta(days=1)
    resolution = Resolution(BOB_KEY, before, ResolutionMethod.WITH_CUSTOMER_RESPONSE, outbox_id="o-1")
    clocks = Clocks(feedback_window=timedelta(days=5), feedback_until=before + timedelta(days=5))
    shape: dict[str, Any] = {"owner": BOB_KEY, "queue": "", "resolution": resolution, "resolution_method": resolution.method, "clocks": clocks}
    return made(place=RESOLVED, **{**shape, **more})


def test_reopening_keeps_who_resolved_it() -> None:
    """A-ST-16, A-TK-22: back in To Do with its owner, no window runs, and the resolution is kept."""
    item = after(do(resolved(), "reopen"))
    assert (item.status, item.assignee, item.reason) == (Status.TO_DO, BOB_KEY, Reason.REOPENED_BY_RESOURCE)
    assert (item.clocks, item.resolution, item.resolution_method) == (Clocks(), resolved().resolution, None)


def test_a_second_resolution_does_not_overwrite_the_first() -> None:
    """A-ST-16: the earlier one is kept with who and when."""
    again = after(do(after(do(resolved(), "reopen")), "resolve", method="rejected", now=NOW + WEEK))
    assert again.resolution is not None
    assert (again.resolution.by, again.resolution.at) == (ANN_KEY, NOW + WEEK)
    assert again.resolution.earlier == (resolved().resolution,)


def test_the_first_of_many_resolutions_is_never_dropped() -> None:
    """A-ST-16, with a bound on what one item can collect."""
    item = resolved()
    for n in range(MOST_EARLIER + 20):
        item = after(do(after(do(item, "reopen")), "resolve", now=NOW + n * WEEK))
    assert item.resolution is not None
    assert len(item.resolution.earlier) == MOST_EARLIER
    assert item.resolution.earlier[0] == resolved().resolution


def test_resolve_again_uses_the_kept_resolution() -> None:
    """decisions.md 5: one click after a "thanks", no new mail or note asked for, and a new window."""
    reopened = after(do(resolved(), "reopen"))
    item = after(do(reopened, "resolve-again", talk=Conversation(said=(sent(OutboxState.SENT),))))
    assert (item.status, item.resolution_method, item.clocks.alarm_at) == (Status.RESOLVED, ResolutionMethod.WITH_CUSTOMER_RESPONSE, NOW + timedelta(days=5))
    assert item.resolution is not None and (item.resolution.by, item.resolution.outbox_id) == (ANN_KEY, "o-1")
    closed = after(do(replace(reopened, process_id="p-l"), "resolve-again", talk=QUIET))
    assert closed.status is Status.CLOSED


@pytest.mark.parametrize("state", [OutboxState.FAILED, OutboxState.BOUNCED, OutboxState.CANCELLED])
def test_a_resolution_that_did_not_arrive_is_not_used_again(state: OutboxState) -> None:
    """E-30: never resolved without an answer."""
    with pytest.raises(Refused, match="did not arrive"):
        do(after(do(resolved(), "reopen")), "resolve-again", talk=Conversation(said=(sent(state),)))


def test_nothing_to_use_again() -> None:
    """An item that was never resolved has no resolution to use again."""
    with pytest.raises(Refused, match="not resolved before"):
        do(made(place=IN_PROGRESS), "resolve-again")


# ---------------------------------------------------------------- Send & Resolve


def send_and_resolve(item: WorkItem, **more: Any) -> WorkItem:
    """The item as it is stored after the click."""
    talk = Conversation(contacts=(carl(),), last_mail=came())
    decision = write_mail(item, Letter("Solved.", resolve=True, **more), scene(), talk, draft_id="o-9")
    return replace(after(decision), version=item.version + 1)


@pytest.mark.parametrize("place", [TO_DO, IN_PROGRESS, WAIT_INFORMATION], ids=str)
def test_an_undone_send_and_resolve_gives_everything_back(place: Any) -> None:
    """decisions.md 15, E-30: status, reason, people, clocks and resolution are as before the click."""
    clocks = Clocks(answer_within=WEEK, answer_due=NOW + WEEK) if place == WAIT_INFORMATION else Clocks()
    item = made(place=place, owner=BOB_KEY if place == WAIT_INFORMATION else "", clocks=clocks, reason=Reason.NEW_INFORMATION)
    item = place_people(item, people=SETUP.user_of)
    resolved_now = send_and_resolve(item)
    assert (resolved_now.status, resolved_now.clocks.after_mail) == (Status.RESOLVED, "o-9")
    decision = mail_taken_back(resolved_now, "o-9", by=ANN_KEY, now=NOW + timedelta(seconds=5))
    back = after(decision)
    same = ("status", "wait_type", "reason", "assignee", "owner", "queue", "clocks", "resolution", "resolution_method", "before")
    assert {name: getattr(back, name) for name in same} == {name: getattr(item, name) for name in same}
    assert kinds(decision)[:2] == ["delivery", "status"]


@pytest.mark.parametrize("kind", ["ticket", "case"])
@pytest.mark.parametrize("marks", [{"new_information": True}, {"attention": "The mail could not be delivered."}, {}], ids=str)
@pytest.mark.parametrize("holder", ["assignee", "owner"])
def test_an_undone_send_and_resolve_gives_the_marks_back(kind: str, marks: dict[str, Any], holder: str) -> None:
    """decisions.md 15, behaviour.md D2: what called somebody before the click calls again, and whoever has the item stands in the column of its row."""
    item = place_people(made(kind, TO_DO, **{holder: ANN_KEY}, **marks), people=SETUP.user_of)
    back = after(mail_taken_back(send_and_resolve(item), "o-9", by=ANN_KEY, now=NOW, people=SETUP.user_of))
    assert (back.new_information, back.attention) == (item.new_information, item.attention)
    assert (back.assignee, back.owner, back.queue) == (item.assignee, item.owner, item.queue)
    assert place_people(back, people=SETUP.user_of) == back


def test_an_undo_gives_the_item_to_nobody_who_has_left() -> None:
    """Whoever had it before the click and is no longer active does not get it back: it stands in its queue."""
    resolved_now = send_and_resolve(made(place=IN_PROGRESS, assignee=ANN_KEY))
    back = after(mail_taken_back(resolved_now, "o-9", by=BOB_KEY, now=NOW, people={BOB_KEY}))
    assert (back.assignee, back.owner, back.queue) == ("", "", "First line")


def test_an_undo_after_something_else_happened_only_calls_attention() -> None:
    """decisions.md 15, E-30: the status stays, but never silently without an answer."""
    noted = replace(send_and_resolve(made()), version=9)
    decision = mail_taken_back(noted, "o-9", by=ANN_KEY, now=NOW, people=SETUP.user_of)
    item = after(decision)
    assert item.status is Status.RESOLVED
    assert "cancelled" in item.attention
    assert (item.assignee, item.queue) == (ANN_KEY, "First line")
    assert item.clocks.alarm_at == NOW + timedelta(days=5)


def test_an_undo_after_the_customer_reopened_changes_nothing() -> None:
    """The item is back in To Do already; the timeline tells of the mail."""
    decision = mail_taken_back(replace(send_and_resolve(made()), status=Status.TO_DO, clocks=Clocks(), version=9), "o-9", by=ANN_KEY, now=NOW)
    assert (decision.items, kinds(decision)) == ((), ["delivery"])


def test_a_clock_that_waited_for_a_cancelled_mail_begins() -> None:
    """decisions.md 1: the mail will not leave any more, so the wait runs from now."""
    waiting = after(do(made(place=IN_PROGRESS), "wait", days=2, talk=Conversation(said=(sent(OutboxState.QUEUED),))))
    assert after(mail_taken_back(waiting, "o-1", by=ANN_KEY, now=NOW)).clocks.answer_due == NOW + timedelta(days=2)
    assert mail_taken_back(waiting, "o-2", by=ANN_KEY, now=NOW).items == ()


def test_a_mail_that_came_during_the_undo_keeps_its_hold() -> None:
    """A held mail that arrived since the click stays noted on the clocks that come back."""
    stopped = send_and_resolve(made())
    stopped = replace(stopped, clocks=stopped.clocks.stop("in-2", NOW))
    assert after(mail_taken_back(stopped, "o-9", by=ANN_KEY, now=NOW)).clocks.stopped_by == ("in-2",)


def test_the_snapshot_is_of_the_version_that_is_stored() -> None:
    """Saving counts the version up by one; the undo compares with that."""
    assert snapshot(made(), "o-9").version == made().version + 1


def test_a_scheduled_send_and_resolve_resolves_when_sent() -> None:
    """decisions.md 15: nothing at the click; when the mail has left, resolved by its author, and the window runs."""
    item = send_and_resolve(made(), send_at=NOW + WEEK)
    assert (item.status, item.before) == (Status.IN_PROGRESS, None)
    done = resolved_when_sent(item, by=ANN_KEY, outbox_id="o-9", window=WEEK, now=NOW + WEEK, people=SETUP.user_of)
    assert done is not None
    assert (done[0].status, done[0].clocks.alarm_at, done[0].owner) == (Status.RESOLVED, NOW + 2 * WEEK, ANN_KEY)
    assert done[0].resolution is not None and done[0].resolution.outbox_id == "o-9"
    closed = resolved_when_sent(item, by=ANN_KEY, outbox_id="o-9", window=timedelta(0), now=NOW, people=SETUP.user_of)
    assert closed is not None and (closed[0].status, closed[0].clocks) == (Status.CLOSED, Clocks())


@pytest.mark.parametrize("place", [RESOLVED, CLOSED, WAIT_SPLIT], ids=str)
def test_a_scheduled_mail_resolves_only_what_can_be_resolved(place: Any) -> None:
    """The table decides: an item resolved, closed or split in the meantime stays as it is."""
    assert resolved_when_sent(made(place=place), by=ANN_KEY, outbox_id="o-9", window=WEEK, now=NOW) is None


def test_who_resolves_is_who_acts() -> None:
    """A-ST-16: the resolver is named, also on a colleague's item, which stays the colleague's."""
    item = after(do(made(place=IN_PROGRESS, assignee=ANN_KEY), "resolve", by=BOB, note="x"))
    assert item.resolution is not None and (item.resolution.by, item.owner) == (BOB_KEY, ANN_KEY)
    assert ANN.email == ANN_KEY
