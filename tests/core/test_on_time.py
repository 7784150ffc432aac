"""What time does to an item, case by case and over random lives of items."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.assignment import PLACING, place_people, situation
from core.conversation import Conversation, Said
from core.decision import Decision
from core.deeds import Ask
from core.on_person import act
from core.on_time import POSTPONED_BY, alarm, due_alarm, received_before
from core.outbox import OutboxState
from core.refusal import Refused
from core.resolving import mail_taken_back, resolved_when_sent
from core.setup import User
from core.status import (
    CLOSED,
    IN_PROGRESS,
    RESOLVED,
    TABLES,
    TO_DO,
    WAIT_INFORMATION,
    WAIT_UNTIL,
    Event,
    Place,
    Reason,
    ResolutionMethod,
    Status,
    WaitType,
)
from core.transitions import IllegalTransition
from core.wait import Clocks
from core.work_item import Resolution, WorkItem, move
from core.writing import Letter, write_mail
from tests.core.people import ANN, BOB, NOW, SETUP, after, came, carl, kinds, line, made, scene

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PEOPLE = SETUP.user_of
ANN_KEY = "ann@demo.example"

RINGS = [
    ("ticket", WAIT_UNTIL, Clocks(wait_until=NOW), TO_DO, Reason.DATE_REACHED, None, True),
    ("case", WAIT_UNTIL, Clocks(wait_until=NOW), TO_DO, Reason.DATE_REACHED, None, True),
    ("ticket", WAIT_INFORMATION, Clocks(answer_within=DAY, answer_due=NOW), TO_DO, Reason.TIMEOUT, None, True),
    (
        "ticket",
        WAIT_INFORMATION,
        Clocks(answer_within=DAY, answer_due=NOW, close_if_no_answer=True),
        CLOSED,
        Reason.TIMEOUT,
        ResolutionMethod.NO_CUSTOMER_RESPONSE,
        False,
    ),
    ("ticket", RESOLVED, Clocks(feedback_window=DAY, feedback_until=NOW), CLOSED, Reason.FEEDBACK_WINDOW_PASSED, ResolutionMethod.REJECTED, False),
    ("case", RESOLVED, Clocks(feedback_window=DAY, feedback_until=NOW), CLOSED, Reason.FEEDBACK_WINDOW_PASSED, ResolutionMethod.REJECTED, False),
]


@pytest.mark.parametrize(("kind", "place", "clocks", "to", "reason", "method", "calls"), RINGS, ids=str)
def test_each_alarm_does_its_work(
    kind: str, place: Place, clocks: Clocks, to: Place, reason: Reason, method: ResolutionMethod | None, calls: bool
) -> None:
    """A-TK-11…13, A-TK-23, A-CS-13, A-CS-23, decisions.md 6: where it leads, why, with which method, and whether it calls somebody."""
    kept = method if place == RESOLVED else None
    item = made(kind, place, owner=ANN_KEY, queue="", clocks=clocks, resolution_method=kept)
    assert alarm(item, NOW - timedelta(microseconds=1), behind=False) == Decision()
    decision = alarm(item, NOW, behind=False, people=PEOPLE)
    done = after(decision)
    assert (done.place, done.reason, done.resolution_method, done.updated_by) == (to, reason, method, "")
    assert done.clocks == Clocks()
    assert bool(done.attention) == calls
    assert line(decision, "status").system
    assert ("attention" in kinds(decision)) == calls
    assert done.assignee == (ANN_KEY if calls else "")


@pytest.mark.parametrize("row", [one for one in RINGS if not one[-1]], ids=str)
def test_closing_is_put_off_while_mail_may_be_unread(row: tuple[object, ...]) -> None:
    """decisions.md 1: behind, only the alarm moves, by a minute, and nothing is told; caught up, it closes."""
    kind, place, clocks = row[:3]
    item = made(str(kind), place, clocks=clocks)  # type: ignore[arg-type]
    put_off = alarm(item, NOW, behind=True)
    assert after(put_off) == replace(item, clocks=replace(item.clocks, not_before=NOW + POSTPONED_BY))
    assert put_off.entries == ()
    later = after(put_off)
    assert later.clocks.alarm_at == NOW + POSTPONED_BY
    assert due_alarm(later, NOW + POSTPONED_BY - timedelta(microseconds=1)) is None
    assert after(alarm(later, NOW + POSTPONED_BY, behind=False)).status is Status.CLOSED
    assert received_before(later) == NOW


@pytest.mark.parametrize("row", [one for one in RINGS if one[-1]], ids=str)
def test_what_only_comes_back_is_not_put_off(row: tuple[object, ...]) -> None:
    """decisions.md 1 is about closing."""
    kind, place, clocks = row[:3]
    item = made(str(kind), place, clocks=clocks)  # type: ignore[arg-type]
    assert after(alarm(item, NOW, behind=True)).status is Status.TO_DO
    assert received_before(item) is None


@pytest.mark.parametrize("clocks", [one[2] for one in RINGS if one[1] != WAIT_UNTIL], ids=str)
def test_nothing_rings_while_something_is_unseen(clocks: Clocks) -> None:
    """decisions.md 1: held, quarantined, bounced and doubtful mail stop the no-answer countdown and the window, and what was left runs on after."""
    stopped = clocks.stop("in-1", NOW - HOUR).stop("in-2", NOW)
    assert stopped.alarm_at is None
    half = stopped.go("in-1", NOW + DAY)
    assert half.alarm_at is None
    assert half.go("in-2", NOW + 2 * DAY).alarm_at == NOW + 2 * DAY + HOUR
    assert stopped.go("in-3", NOW) == stopped
    assert stopped.stop("in-1", NOW + DAY) == stopped


def test_a_date_is_kept_whatever_is_held() -> None:
    """decisions.md 1 names the countdown and the window; a wait until a date ends at its date."""
    assert Clocks(wait_until=NOW).stop("in-1", NOW - HOUR).alarm_at == NOW


def test_closing_without_an_answer_keeps_the_earlier_resolution() -> None:
    """A-ST-16, A-TK-12: the system resolves, and who resolved it before is still known."""
    before = Resolution(ANN_KEY, NOW - DAY, ResolutionMethod.REJECTED)
    item = made(place=WAIT_INFORMATION, clocks=Clocks(answer_due=NOW, close_if_no_answer=True), resolution=before)
    resolution = after(alarm(item, NOW, behind=False)).resolution
    assert resolution is not None
    assert (resolution.by, resolution.method, resolution.earlier) == ("", ResolutionMethod.NO_CUSTOMER_RESPONSE, (before,))


def test_a_clock_where_no_clock_can_be_is_stopped() -> None:
    """An impossible row does not ring for ever and moves nothing."""
    item = made(place=IN_PROGRESS, clocks=Clocks(feedback_until=NOW))
    assert after(alarm(item, NOW, behind=False)) == replace(item, clocks=Clocks())


moments = st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 1, 1), timezones=st.just(NOW.tzinfo))  # type: ignore[arg-type]  # noqa: DTZ001
spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400))


@given(window=spans, stops=st.lists(st.tuples(spans, spans), max_size=6))
@settings(max_examples=200, deadline=None)
def test_a_countdown_runs_exactly_its_length_of_seen_time(window: timedelta, stops: list[tuple[timedelta, timedelta]]) -> None:
    """decisions.md 1: however often it stood still, the window lasts its length, not counting the times it stood."""
    now = NOW
    clocks = Clocks(feedback_window=window).begin(now)
    lost = timedelta(0)
    for n, (running, standing) in enumerate(stops):
        now += running
        clocks = clocks.stop(f"in-{n}", now)
        now += standing
        lost += standing
        clocks = clocks.go(f"in-{n}", now)
    assert clocks.feedback_until == NOW + window + lost


class Life(RuleBasedStateMachine):
    """The life of one item under everything that people, mails, time and deliveries can do to it, in any order."""

    item: WorkItem
    now: datetime
    said: tuple[Said, ...]
    seq: int
    ever_closed: bool

    @initialize(kind=st.sampled_from(["ticket", "case"]), process=st.sampled_from(["p-t", "p-l", "p-c"]), draft=st.booleans())
    def born(self, kind: str, process: str, draft: bool) -> None:
        """A draft, or what a mail opened."""
        self.now, self.said, self.seq, self.ever_closed = NOW, (), 100, False
        place = Place(Status.DRAFT) if draft else TO_DO
        item = made(kind, place, process_id=process, version=1, description="x", category="Question")
        self.item = place_people(item, people=PEOPLE, by=ANN_KEY)

    def talk(self) -> Conversation:
        return Conversation(contacts=(carl(),), last_mail=came(), said=self.said, working_since=100)

    def applied(self, decision: Decision) -> None:
        """Saved as the store saves it; what was said is remembered."""
        for item in decision.items:
            assert item.version == self.item.version
            self.check_move(self.item, item, decision)
            self.item = replace(item, version=item.version + 1)
        for entry in decision.entries:
            self.seq += 1
            if entry.kind == "note":
                self.said = (Said(self.seq, entry.at, entry.by), *self.said)
        for draft in decision.mails:
            self.seq += 1
            self.said = (Said(self.seq, self.now, ANN_KEY, draft.id, OutboxState.QUEUED, draft.scheduled, draft.resolves), *self.said)

    def check_move(self, was: WorkItem, item: WorkItem, decision: Decision) -> None:
        """Every change of status is told, and a closed item never changes its status."""
        if was.place != item.place:
            assert "status" in kinds(decision)
            assert was.status is not Status.CLOSED

    @rule(
        verb=st.sampled_from(["submit", "take", "release", "assign", "start", "stop", "pause", "resume", "resolve", "resolve-again", "reopen", "cancel", "edit"]),
        user=st.sampled_from([ANN, BOB]),
        method=st.sampled_from([None, "with_customer_response", "rejected", "rejected_as_spam"]),
    )
    def person(self, verb: str, user: User, method: str | None) -> None:
        ask = Ask(
            method=ResolutionMethod(method) if method and verb == "resolve" else None,
            note="words" if verb == "resolve" else "",
            to="bob@demo.example" if verb == "assign" else "",
            title="Other" if verb == "edit" else "",
        )
        self.deed(user, verb, ask)

    @rule(days=st.floats(min_value=0.001, max_value=30), close=st.booleans(), user=st.sampled_from([ANN, BOB]))
    def waits_for_an_answer(self, days: float, close: bool, user: User) -> None:
        ticket = self.item.kind == "ticket"
        self.deed(user, "wait", Ask(days=days if ticket else None, close_if_no_answer=close and ticket, wait_type=WaitType.MORE_INFORMATION))

    @rule(span=st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=30)))
    def waits_until(self, span: timedelta) -> None:
        self.deed(ANN, "wait", Ask(until=self.now + span))

    def deed(self, user: User, verb: str, ask: Ask) -> None:
        try:
            self.applied(act(self.item, verb, ask, scene(user, self.now), self.talk()))
        except (IllegalTransition, Refused) as sentence:
            assert str(sentence)

    @rule(resolve=st.booleans(), scheduled=st.booleans(), user=st.sampled_from([ANN, BOB]))
    def writes(self, resolve: bool, scheduled: bool, user: User) -> None:
        self.seq += 1
        letter = Letter("Hello.", resolve=resolve, send_at=self.now + HOUR if scheduled else None)
        try:
            self.applied(write_mail(self.item, letter, scene(user, self.now), self.talk(), draft_id=f"o-{self.seq}"))
        except (IllegalTransition, Refused) as sentence:
            assert str(sentence)

    @precondition(lambda self: any(said.unsent for said in self.said))
    @rule(outcome=st.sampled_from([OutboxState.SENT, OutboxState.CANCELLED]), data=st.data())
    def mail_ends(self, outcome: OutboxState, data: st.DataObject) -> None:
        mail = data.draw(st.sampled_from([said for said in self.said if said.unsent]))
        self.said = tuple(replace(said, state=outcome) if said is mail else said for said in self.said)
        if outcome is OutboxState.CANCELLED:
            self.applied(mail_taken_back(self.item, mail.outbox_id, by=ANN_KEY, now=self.now, people=PEOPLE))
        elif mail.resolves and mail.scheduled:
            done = resolved_when_sent(self.item, by=ANN_KEY, outbox_id=mail.outbox_id, window=DAY, now=self.now, people=PEOPLE)
            if done is not None:
                self.applied(Decision(items=(done[0],), entries=done[1]))
        elif self.item.clocks.after_mail == mail.outbox_id:
            self.applied(Decision(items=(replace(self.item, clocks=self.item.clocks.begin(self.now)),)))

    @rule(counts=st.booleans())
    def mail_comes(self, counts: bool) -> None:
        if self.item.status is Status.CLOSED:
            return
        item = replace(self.item, new_information=True)
        if counts:
            moved = move(item, Event.MAIL, self.now, "")
            clocks = item.clocks.cleared() if moved.changed else item.clocks
            item = replace(moved.item, clocks=clocks, before=None, resolution_method=None if moved.changed else item.resolution_method)
        self.item = replace(place_people(item, people=PEOPLE), version=item.version + 1)

    @rule(stop=st.booleans(), cause=st.sampled_from(["in-1", "in-2"]))
    def mail_is_held_or_dealt_with(self, stop: bool, cause: str) -> None:
        clocks = self.item.clocks.stop(cause, self.now) if stop else self.item.clocks.go(cause, self.now)
        self.item = replace(self.item, clocks=clocks, version=self.item.version + 1)

    @rule(span=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=12)), behind=st.booleans())
    def time_passes(self, span: timedelta, behind: bool) -> None:
        self.now += span
        decision = alarm(self.item, self.now, behind=behind, people=PEOPLE)
        if behind:
            assert all(item.status is not Status.CLOSED or self.item.status is Status.CLOSED for item in decision.items)
        self.applied(decision)
        rings = self.item.clocks.alarm_at
        assert rings is None or rings > self.now, "what rang does not ring again at once"

    @invariant()
    def stands_in_the_table(self) -> None:
        """A-ST-01: never an illegal state; the wait type goes with waiting, the method with the end."""
        item = self.item
        assert item.place in TABLES[item.kind]
        assert (item.status in (Status.RESOLVED, Status.CLOSED)) == (item.resolution_method is not None)
        self.ever_closed = self.ever_closed or item.status is Status.CLOSED
        assert not self.ever_closed or item.status is Status.CLOSED

    @invariant()
    def clocks_fit_the_place(self) -> None:
        """The alarm is the earliest running clock, and each clock runs only in its own status."""
        clocks, place = self.item.clocks, self.item.place
        assert clocks.wait_until is None or place == WAIT_UNTIL
        assert (clocks.answer_due or clocks.answer_within) is None or place == WAIT_INFORMATION
        assert (clocks.feedback_until or clocks.feedback_window) is None or place == RESOLVED
        assert not clocks.after_mail or place in (RESOLVED, WAIT_INFORMATION)
        assert not (clocks.after_mail and (clocks.answer_due or clocks.feedback_until))
        if place == WAIT_UNTIL:
            assert clocks.alarm_at == clocks.wait_until
        if place == RESOLVED and not clocks.stopped_by:
            assert clocks.alarm_at is not None or clocks.after_mail
        if clocks.stopped_by:
            assert clocks.alarm_at == clocks.wait_until

    @invariant()
    def people_fit_the_situation(self) -> None:
        """D2: assignee and owner never both; nobody outside the row's columns; open items are always somewhere."""
        item = self.item
        rule_ = PLACING[situation(item)]
        assert not (item.assignee and item.owner)
        assert rule_.assignee or not item.assignee
        assert rule_.owner or not item.owner
        assert item.status is Status.CLOSED or item.assignee or item.owner or item.queue
        assert place_people(item, people=PEOPLE) == item


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)


def test_a_mail_that_does_not_count_then_an_undone_send_and_resolve() -> None:
    """An example that the life once found: a case with new information, resolved with a mail that is taken back, has its people where D2 has them."""
    life = Life()
    life.born(kind="case", process="p-t", draft=False)
    life.mail_comes(counts=False)
    life.writes(resolve=True, scheduled=False, user=ANN)
    (mail,) = [said for said in life.said if said.is_mail]
    life.applied(mail_taken_back(life.item, mail.outbox_id, by=ANN_KEY, now=life.now, people=PEOPLE))
    life.people_fit_the_situation()
    assert (life.item.assignee, life.item.owner, life.item.new_information) == (ANN_KEY, "", True)
