"""What each verb does to an item: status, clocks, people, marks and the lines of the timeline."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from core.contact import ADDED_FIRST
from core.conversation import Conversation
from core.deeds import VERBS, Ask, ask_of, check_asked
from core.on_person import DEEDS, act
from core.outbox import OutboxState
from core.refusal import Refused
from core.status import (
    CLOSED,
    DRAFT,
    IN_PROGRESS,
    RESOLVED,
    TO_DO,
    WAIT_INFORMATION,
    WAIT_PAUSE,
    WAIT_UNTIL,
    Event,
    Place,
    Reason,
    ResolutionMethod,
    Status,
)
from core.transitions import IllegalTransition
from core.wait import UNSEEN, Clocks
from core.work_item import Resolution, possible
from tests.core.people import ANN, BOB, NOW, SETUP, after, carl, do, kinds, line, made, scene, sent

ANN_KEY, BOB_KEY = "ann@demo.example", "bob@demo.example"
TOMORROW = NOW + timedelta(days=1)
READY: dict[str, Any] = {"description": "It burns.", "category": "Question"}


def test_every_verb_has_a_deed_and_the_other_way_round() -> None:
    """The table of verbs that is shown to people is the table that is done."""
    assert set(VERBS) == set(DEEDS)


# ---------------------------------------------------------------- the table of what a verb leads to

LEADS = [
    ("take", "ticket", TO_DO, {}, IN_PROGRESS, (ANN_KEY, "", "First line"), Reason.UPDATED_BY_RESOURCE),
    ("take", "case", TO_DO, {}, IN_PROGRESS, ("", ANN_KEY, ""), Reason.UPDATED_BY_RESOURCE),
    ("start", "ticket", TO_DO, {}, IN_PROGRESS, (ANN_KEY, "", "First line"), Reason.UPDATED_BY_RESOURCE),
    ("start", "case", TO_DO, {}, IN_PROGRESS, ("", ANN_KEY, ""), Reason.UPDATED_BY_RESOURCE),
    ("assign", "ticket", TO_DO, {"to": "BOB@demo.example"}, TO_DO, (BOB_KEY, "", "First line"), None),
    ("assign", "ticket", IN_PROGRESS, {"to": "bob@demo.example"}, TO_DO, (BOB_KEY, "", "First line"), Reason.ASSIGNED_BY_RESOURCE),
    ("assign", "case", IN_PROGRESS, {"to": "bob@demo.example"}, TO_DO, ("", BOB_KEY, ""), Reason.ASSIGNED_BY_RESOURCE),
    ("release", "ticket", IN_PROGRESS, {}, TO_DO, ("", "", "First line"), Reason.RELEASED_BY_RESOURCE),
    ("release", "case", IN_PROGRESS, {}, TO_DO, ("", "", "Claims"), Reason.RELEASED_BY_RESOURCE),
    ("wait", "ticket", IN_PROGRESS, {"days": 2}, WAIT_INFORMATION, ("", ANN_KEY, ""), Reason.UPDATED_BY_RESOURCE),
    ("wait", "ticket", TO_DO, {"until": TOMORROW}, WAIT_UNTIL, ("", ANN_KEY, ""), Reason.UPDATED_BY_RESOURCE),
    ("wait", "case", IN_PROGRESS, {"wait_type": "more_information", "note": "the police report"}, WAIT_INFORMATION, ("", ANN_KEY, ""), None),
    ("wait", "case", IN_PROGRESS, {"wait_type": "pause"}, WAIT_PAUSE, ("", ANN_KEY, ""), None),
    ("pause", "case", TO_DO, {}, WAIT_PAUSE, ("", ANN_KEY, ""), Reason.UPDATED_BY_RESOURCE),
    ("resume", "ticket", WAIT_UNTIL, {}, TO_DO, ("", "", "First line"), Reason.UPDATED_BY_RESOURCE),
    ("resume", "case", WAIT_PAUSE, {}, TO_DO, ("", ANN_KEY, ""), Reason.UPDATED_BY_RESOURCE),
    ("start", "ticket", WAIT_INFORMATION, {}, IN_PROGRESS, (ANN_KEY, "", "First line"), Reason.UPDATED_BY_RESOURCE),
    ("resolve", "ticket", TO_DO, {"note": "Done."}, RESOLVED, ("", ANN_KEY, ""), Reason.RESOLVED_BY_RESOURCE),
    ("resolve", "case", IN_PROGRESS, {}, RESOLVED, ("", ANN_KEY, ""), Reason.RESOLVED_BY_RESOURCE),
    ("resolve", "ticket", DRAFT, {"note": "Told on the phone."}, RESOLVED, ("", ANN_KEY, ""), Reason.RESOLVED_BY_RESOURCE),
    ("resolve", "ticket", IN_PROGRESS, {"method": "rejected_as_spam"}, CLOSED, ("", "", ""), Reason.RESOLVED_BY_RESOURCE),
    ("reopen", "ticket", RESOLVED, {}, TO_DO, ("", "", "First line"), Reason.REOPENED_BY_RESOURCE),
    ("cancel", "case", IN_PROGRESS, {}, CLOSED, ("", "", ""), Reason.CANCELLED),
]


@pytest.mark.parametrize(("verb", "kind", "place", "arguments", "to", "people", "reason"), LEADS, ids=lambda value: str(value)[:24])
def test_where_a_verb_leads(
    verb: str, kind: str, place: Place, arguments: dict[str, Any], to: Place, people: tuple[str, str, str], reason: Reason | None
) -> None:
    """A-ST-04…15, A-TK-08…14, A-TK-22, A-CS-07…24, D2: status, people and reason after each verb, told on the timeline by who did it."""
    item = after(decision := do(made(kind, place), verb, **arguments))
    assert item.place == to
    assert (item.assignee, item.owner, item.queue) == people
    assert reason is None or item.reason is reason
    assert (item.updated_at, item.updated_by) == (NOW, ANN_KEY)
    assert all(entry.by == ANN_KEY and entry.at == NOW and not entry.system for entry in decision.entries)
    if to != place:
        told = line(decision, "status").facts
        assert (told["from"], told["to"], told["wait_type"]) == (place.status, to.status, str(to.wait_type or ""))


@pytest.mark.parametrize("kind", ["ticket", "case"])
@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"note", "edit", "mark-read", "mark-new"}))
def test_no_verb_moves_a_closed_item(kind: str, verb: str) -> None:
    """A-ST-01, A-CS-24: closed is closed; every verb that moves a status is refused with a sentence."""
    arguments = {"assign": {"to": BOB_KEY}, "wait": {"days": 1} if kind == "ticket" else {"until": TOMORROW}}.get(verb, {})
    item = made(kind, CLOSED, resolution=Resolution(ANN_KEY, NOW, ResolutionMethod.COMPLETED))
    with pytest.raises(IllegalTransition, match=item.ref):
        do(item, verb, **arguments)


ILLEGAL = [
    ("take", "ticket", WAIT_UNTIL, {}),
    ("stop", "ticket", TO_DO, {}),
    ("resume", "ticket", IN_PROGRESS, {}),
    ("reopen", "ticket", IN_PROGRESS, {}),
    ("resolve", "ticket", RESOLVED, {"note": "again"}),
    ("submit", "ticket", TO_DO, {}),
    ("pause", "ticket", IN_PROGRESS, {}),
    ("wait", "ticket", IN_PROGRESS, {"wait_type": "pause"}),
    ("cancel", "ticket", IN_PROGRESS, {}),
    ("wait", "ticket", DRAFT, {"days": 1}),
    ("take", "ticket", DRAFT, {}),
]


@pytest.mark.parametrize(("verb", "kind", "place", "arguments"), ILLEGAL, ids=str)
def test_what_the_table_forbids_is_refused(verb: str, kind: str, place: Place, arguments: dict[str, Any]) -> None:
    """A-ST-21, A-TK-08: a ticket cannot be paused or cancelled, and no verb leads out of a status that does not offer it."""
    with pytest.raises(IllegalTransition):
        do(made(kind, place), verb, **arguments)


# ---------------------------------------------------------------- taking, handing on

EVERY_DURATION = [timedelta(seconds=10), timedelta(minutes=30), timedelta(days=3)]


@pytest.mark.parametrize("worked", EVERY_DURATION, ids=str)
@pytest.mark.parametrize(("verb", "arguments"), [("assign", {"to": BOB_KEY}), ("release", {})], ids=["assign", "release"])
def test_whoever_gets_it_finds_it_in_to_do(verb: str, arguments: dict[str, Any], worked: timedelta) -> None:
    """A-ST-11: handing over and giving back reset to To Do, no matter how long it had been In Progress."""
    taken = after(do(made(), "take"))
    assert taken.status is Status.IN_PROGRESS
    assert after(do(taken, verb, now=NOW + worked, **arguments)).status is Status.TO_DO


def test_taking_takes_from_a_colleague_as_well() -> None:
    """D4: *take* is the explicit way to get what a colleague has; the timeline says from whom."""
    decision = do(made(place=IN_PROGRESS, assignee=BOB_KEY), "take")
    assert after(decision).assignee == ANN_KEY
    assert line(decision, "allocation").facts == {"assignee": [BOB_KEY, ANN_KEY]}


def test_a_mistaken_start_is_taken_back() -> None:
    """A-ST-12: In Progress goes back to To Do by hand and stays with whoever had it."""
    item = after(do(made(place=IN_PROGRESS, assignee=BOB_KEY), "stop"))
    assert (item.status, item.assignee) == (Status.TO_DO, BOB_KEY)


def test_starting_what_a_colleague_has_leaves_it_with_them() -> None:
    """Starting takes what nobody has, not what a colleague has; a case stays with its owner."""
    assert after(do(made(assignee=BOB_KEY), "start")).assignee == BOB_KEY
    assert after(do(made("case", owner=BOB_KEY), "start")).owner == BOB_KEY


ASSIGN_REFUSED = [("", "Say who"), ("nobody@demo.example", "no active user"), ("gone@demo.example", "no active user")]


@pytest.mark.parametrize(("to", "sentence"), ASSIGN_REFUSED)
def test_only_active_users_get_items(to: str, sentence: str) -> None:
    """An item is not handed to nobody, a stranger or somebody who left."""
    with pytest.raises(Refused, match=sentence):
        do(made(), "assign", to=to)


# ---------------------------------------------------------------- submitting

LACKING = [
    ("ticket", {"title": ""}, (carl(),), "a title"),
    ("ticket", {"description": ""}, (carl(),), "a description"),
    ("ticket", {"category": ""}, (carl(),), "a category"),
    ("ticket", {}, (carl("requester"),), "a primary contact"),
    ("ticket", {}, (carl("primary"),), "a requester"),
    ("ticket", {"title": "", "description": "", "category": ""}, (), "a title, a description, a category, a primary contact, a requester"),
    ("case", {"title": ""}, (), "a title"),
]


@pytest.mark.parametrize(("kind", "more", "contacts", "missing"), LACKING)
def test_a_draft_is_not_submitted_before_it_is_complete(kind: str, more: dict[str, str], contacts: tuple[Any, ...], missing: str) -> None:
    """A-TK-02, A-TK-04, A-CS-03: a message names what is missing, and the draft stays a draft."""
    item = made(kind, DRAFT, **{**READY, **more})
    with pytest.raises(Refused, match=f"Missing: {missing}\\.$"):
        do(item, "submit", talk=Conversation(contacts=contacts))


def test_a_submitted_ticket_is_in_its_queue_with_its_description_as_a_note() -> None:
    """A-ST-02, A-ST-03, A-ST-07, A-TK-01, A-TK-03: To Do, nobody's yet, and the text of the box appears as the initial note."""
    decision = do(made(place=DRAFT, assignee=ANN_KEY, **READY), "submit", talk=Conversation(contacts=(carl(),)))
    item = after(decision)
    assert (item.status, item.reason, item.assignee, item.queue) == (Status.TO_DO, Reason.SUBMITTED, "", "First line")
    assert line(decision, "description").text == "It burns."
    assert kinds(decision)[0] == "description"


def test_a_submitted_case_belongs_to_who_started_it() -> None:
    """A-CS-02, D2: the starter of a case is its owner."""
    item = after(do(made("case", DRAFT, assignee=ANN_KEY), "submit", talk=Conversation()))
    assert (item.status, item.owner, item.assignee) == (Status.TO_DO, ANN_KEY, "")


def test_a_process_without_categories_asks_for_none() -> None:
    """A-TK-02 asks for a category where there are any."""
    item = made(place=DRAFT, description="x", process_id="p-l")
    assert after(do(item, "submit", talk=Conversation(contacts=(carl(),)))).status is Status.TO_DO


# ---------------------------------------------------------------- waiting


@pytest.mark.parametrize("days", [3, 0.5, 1 / 86_400, 0.000001])
def test_the_days_to_wait_run_from_the_click(days: float) -> None:
    """A-TK-10, decisions.md 1 and 6: 24-hour days and parts of them, from the click where no mail waits to leave."""
    item = after(do(made(place=IN_PROGRESS), "wait", days=days, close_if_no_answer=True))
    assert item.clocks.answer_due == NOW + max(timedelta(days=days), timedelta(microseconds=1))
    assert item.clocks.close_if_no_answer
    assert item.clocks.alarm_at == item.clocks.answer_due


def test_the_days_to_wait_run_from_when_the_mail_has_left() -> None:
    """decisions.md 1: with a mail of this item still to leave, the clock does not run before it has."""
    talk = Conversation(said=(sent(OutboxState.QUEUED),))
    item = after(do(made(place=IN_PROGRESS), "wait", days=2, talk=talk))
    assert (item.clocks.after_mail, item.clocks.alarm_at) == ("o-1", None)
    left = item.clocks.begin(NOW + timedelta(hours=5))
    assert left.alarm_at == NOW + timedelta(days=2, hours=5)


@pytest.mark.parametrize("state", [OutboxState.SENT, OutboxState.FAILED, OutboxState.CANCELLED, OutboxState.UNKNOWN, OutboxState.BOUNCED])
def test_a_mail_that_will_not_leave_any_more_holds_no_clock(state: OutboxState) -> None:
    """decisions.md 1: only a mail that may still leave is waited for."""
    item = after(do(made(place=IN_PROGRESS), "wait", days=2, talk=Conversation(said=(sent(state),))))
    assert item.clocks.answer_due == NOW + timedelta(days=2)


WAITS_REFUSED = [
    ("ticket", {}, "Say what to wait for"),
    ("case", {}, "Say what to wait for"),
    ("ticket", {"wait_type": "more_information"}, "how many days"),
    ("ticket", {"wait_type": "until"}, "until when"),
    ("ticket", {"days": 0}, "more than 0"),
    ("ticket", {"days": -1}, "more than 0"),
    ("ticket", {"days": 4000}, "at most 3650"),
    ("ticket", {"days": float("nan")}, "more than 0"),
    ("ticket", {"until": NOW}, "past"),
    ("ticket", {"until": NOW - timedelta(seconds=1)}, "past"),
    ("ticket", {"until": NOW + timedelta(days=4000)}, "at most 3650"),
    ("ticket", {"until": TOMORROW, "days": 2}, "more_information"),
    ("ticket", {"until": TOMORROW, "wait_type": "more_information", "days": 1}, "“until” only"),
    ("ticket", {"until": TOMORROW, "close_if_no_answer": True}, "more_information"),
    ("ticket", {"close_if_no_answer": True}, "Say what to wait for"),
    ("case", {"days": 2}, "tickets only"),
    ("case", {"wait_type": "more_information", "close_if_no_answer": True}, "tickets only"),
    ("case", {"wait_type": "pause", "until": TOMORROW}, "“until” only"),
    ("ticket", {"wait_type": "split"}, "Say what to wait for"),
]


@pytest.mark.parametrize(("kind", "arguments", "sentence"), WAITS_REFUSED, ids=str)
def test_a_wait_that_makes_no_sense_is_refused(kind: str, arguments: dict[str, Any], sentence: str) -> None:
    """A-ST-14, A-TK-08…13, A-CS-12, decisions.md 23: the wait type is chosen, its data given, the date is to come, days are for tickets."""
    with pytest.raises(Refused, match=sentence):
        do(made(kind, IN_PROGRESS), "wait", **arguments)


def test_a_case_waits_without_a_limit() -> None:
    """A-CS-12, A-CS-14: neither the wait for information nor the pause of a case has an alarm."""
    for wait_type in ("more_information", "pause"):
        assert after(do(made("case", IN_PROGRESS), "wait", wait_type=wait_type)).clocks.alarm_at is None


def test_the_reason_of_a_wait_is_kept() -> None:
    """A-CS-10: what a case waits for is told on the timeline."""
    assert line(do(made("case", IN_PROGRESS), "wait", wait_type="more_information", note="police report"), "note").text == "police report"


def test_a_wait_can_be_set_anew() -> None:
    """A wait until another date replaces the date and is told, though the status stays."""
    first = after(do(made(place=IN_PROGRESS), "wait", until=TOMORROW))
    decision = do(first, "wait", until=TOMORROW + timedelta(days=1))
    assert after(decision).clocks.alarm_at == TOMORROW + timedelta(days=1)
    assert "status" in kinds(decision)
    assert after(do(first, "wait", days=1)).clocks == Clocks(answer_within=timedelta(days=1), answer_due=TOMORROW)


def test_a_wait_ends_by_hand_with_all_its_clocks() -> None:
    """A-TK-14, A-CS-15: after *resume* or *start* no clock of the wait runs on."""
    for verb in ("resume", "start", "stop"):
        waiting = after(do(made(place=IN_PROGRESS), "wait", days=3, close_if_no_answer=True))
        assert after(do(waiting, verb)).clocks == Clocks()


def test_a_held_mail_keeps_the_countdown_still_from_the_first_moment() -> None:
    """decisions.md 1: a wait begun while a mail is held does not run."""
    item = made(place=IN_PROGRESS, clocks=Clocks().stop("in-9", NOW - timedelta(hours=1)))
    waiting = after(do(item, "wait", days=1))
    assert waiting.clocks.alarm_at is None
    freed = waiting.clocks.go("in-9", NOW + timedelta(hours=6))
    assert freed.alarm_at == NOW + timedelta(days=1, hours=6)


# ---------------------------------------------------------------- words and marks

EVERYWHERE = [DRAFT, TO_DO, IN_PROGRESS, WAIT_INFORMATION, WAIT_UNTIL, RESOLVED, CLOSED]


@pytest.mark.parametrize("place", EVERYWHERE, ids=str)
def test_a_note_takes_nothing_and_moves_nothing(place: Place) -> None:
    """decisions.md 10, D-TK-04: status, people and marks stay."""
    item = made(place=place, new_information=True)
    noted = after(decision := do(item, "note", note="Called\x00 back.\r\nNobody \ud800there."))
    assert replace(noted, updated_at=item.updated_at, updated_by=item.updated_by) == item
    assert kinds(decision) == ["note"]
    assert line(decision, "note").text == "Called back.\nNobody there."


@pytest.mark.parametrize("note", ["", "   ", "\x00"])
def test_an_empty_note_is_refused(note: str) -> None:
    """A note says something."""
    with pytest.raises(Refused, match="empty"):
        do(made(), "note", note=note)


@pytest.mark.parametrize("place", EVERYWHERE, ids=str)
def test_marking_read_and_new_again(place: Place) -> None:
    """A-CX-24, A-NI-01: the icon lights up and goes out by hand, in every status; the status stays."""
    marked = after(do(made(place=place), "mark-new"))
    assert marked.new_information and marked.place == place
    read = after(do(replace(marked, attention="look"), "mark-read"))
    assert (read.new_information, read.attention, read.place) == (False, "", place)


def test_new_information_brings_a_case_before_its_owner() -> None:
    """D2, D-CS-03: the owner is assigned on new information and is owner again once it is read."""
    case = made("case", WAIT_PAUSE, owner=ANN_KEY, queue="")
    called = after(do(case, "mark-new"))
    assert (called.assignee, called.owner, called.queue) == (ANN_KEY, "", "Claims")
    read = after(do(called, "mark-read"))
    assert (read.assignee, read.owner, read.queue) == ("", ANN_KEY, "")


CLEARS = [("start", {}), ("wait", {"days": 1}), ("wait", {"until": TOMORROW}), ("resolve", {"note": "x"}), ("edit", {"title": "Better"})]
KEEPS = [("take", {}), ("assign", {"to": BOB_KEY}), ("release", {}), ("note", {"note": "x"})]


@pytest.mark.parametrize(("verb", "arguments", "stays"), [(*one, False) for one in CLEARS] + [(*one, True) for one in KEEPS], ids=str)
def test_explicit_work_puts_the_marks_out(verb: str, arguments: dict[str, Any], stays: bool) -> None:
    """B-CO-11: marks clear on explicit work, never by looking, taking, noting or passing on."""
    item = after(do(made(new_information=True, attention="look"), verb, **arguments))
    assert (item.new_information, bool(item.attention)) == (stays, stays)


DOUBTFUL = Clocks(feedback_window=timedelta(days=5), feedback_until=TOMORROW).stop(f"{UNSEEN}in-7", NOW - timedelta(hours=2))


def test_a_doubtful_mail_holds_the_window_until_somebody_looked() -> None:
    """decisions.md 1: mail of doubtful automatic nature stops the countdown; read, the rest of it runs; a held mail still holds it."""
    item = made(place=RESOLVED, new_information=True, clocks=DOUBTFUL)
    assert item.clocks.alarm_at is None
    assert after(do(item, "note", note="x")).clocks == DOUBTFUL
    assert after(do(item, "mark-read")).clocks.alarm_at == TOMORROW + timedelta(hours=2)
    held = replace(item, clocks=DOUBTFUL.stop("in-8", NOW))
    assert after(do(held, "mark-read")).clocks.stopped_by == ("in-8",)


# ---------------------------------------------------------------- editing


def test_editing_takes_what_nobody_has() -> None:
    """A-ST-09: beginning to update a To Do item assigns it to the user and sets it In Progress."""
    decision = do(made(), "edit", title="  Printer\nburns ", category="incident/network")
    item = after(decision)
    assert (item.status, item.assignee, item.title, item.category) == (Status.IN_PROGRESS, ANN_KEY, "Printer burns", "Incident/Network")
    assert line(decision, "description").facts == {"title": "Printer burns", "category": "Incident/Network"}


def test_editing_leaves_a_colleagues_item_where_it_is() -> None:
    """decisions.md 10: nothing is taken from a colleague by the way."""
    item = after(do(made(assignee=BOB_KEY), "edit", description="More."))
    assert (item.status, item.assignee, item.description) == (Status.TO_DO, BOB_KEY, "More.")


def test_editing_a_waiting_item_leaves_it_waiting() -> None:
    """Data may be completed during a wait."""
    item = made(place=WAIT_UNTIL, owner=ANN_KEY, clocks=Clocks(wait_until=TOMORROW))
    assert after(do(item, "edit", title="New")).clocks == item.clocks


def test_a_closed_item_is_not_edited() -> None:
    """A-CS-24: it can no longer be processed."""
    with pytest.raises(Refused, match="closed"):
        do(made(place=CLOSED), "edit", title="New")


def test_a_contact_is_added_by_hand() -> None:
    """A-CX-17, A-CX-18: the first is primary contact, requester and subject, as far as nobody is that yet; the next one is Cc."""
    first = do(made(), "edit", contact="Carl <carl@acme.example>", talk=Conversation())
    assert [(one.address, one.name, one.tags) for one in first.contacts] == [("carl@acme.example", "Carl", ("primary", "requester", "subject"))]
    assert line(first, "description").facts == {"contact": "carl@acme.example"}
    second = do(made(), "edit", contact="b@acme.example", talk=Conversation(contacts=(carl("primary", "requester"),)))
    assert second.contacts[0].tags == ("subject",)
    third = do(made(), "edit", contact="b@acme.example", talk=Conversation(contacts=(carl(*ADDED_FIRST),)))
    assert third.contacts[0].tags == ("cc",)
    with pytest.raises(Refused, match="not an e-mail address"):
        do(made(), "edit", contact="nobody")


def test_an_unknown_category_is_refused_with_those_there_are() -> None:
    """The sentence names the categories of the process."""
    with pytest.raises(Refused, match="Possible: Question, Incident/Network"):
        do(made(), "edit", category="Coffee")


# ---------------------------------------------------------------- what is asked

ASKED_WRONG = [
    ("jump", {}, "is not a verb. Possible: submit"),
    ("take", {"days": 2.0}, "takes no --days"),
    ("take", {"method": "rejected"}, "takes no --method"),
    ("resume", {"close_if_no_answer": True}, "takes no --close-if-no-answer"),
    ("mark-read", {"note": "x"}, "takes no --note"),
]


@pytest.mark.parametrize(("verb", "arguments", "sentence"), ASKED_WRONG, ids=str)
def test_arguments_that_a_verb_does_not_take_are_refused(verb: str, arguments: dict[str, Any], sentence: str) -> None:
    """Nothing that was said is silently forgotten."""
    with pytest.raises(Refused, match=sentence):
        check_asked(verb, ask_of(arguments))


NOT_UNDERSTOOD = [
    ({"method": "magic"}, "not a resolution method. Possible: with_customer_response"),
    ({"wait_type": "godot"}, "not a wait type. Possible: more_information"),
    ({"color": "red"}, "not an argument"),
    ({"until": datetime(2030, 1, 1)}, "needs a zone"),  # noqa: DTZ001  # a naive moment is what is refused
]


@pytest.mark.parametrize(("arguments", "sentence"), NOT_UNDERSTOOD, ids=str)
def test_arguments_that_mean_nothing_are_refused(arguments: dict[str, Any], sentence: str) -> None:
    """What comes from the outside as text is understood or refused with a sentence."""
    with pytest.raises(Refused, match=sentence):
        ask_of(arguments)
    assert ask_of({"method": "", "wait_type": "", "note": None}) == Ask()


def test_a_verb_with_a_note_writes_the_note_too() -> None:
    """`--note` goes with a verb and is told after what the verb did."""
    assert kinds(do(made(), "release", note="too hot")) == ["note"]
    assert kinds(do(made(place=IN_PROGRESS, assignee=ANN_KEY), "release", note="too hot")) == ["status", "allocation", "note"]


def test_the_events_offered_are_those_of_the_table() -> None:
    """A-ST-21: what may be chosen now is the row of the table."""
    assert Event.REOPEN in possible(made(place=RESOLVED)) and Event.RESOLVE not in possible(made(place=RESOLVED))


def test_a_deed_changes_no_other_item_and_sends_nothing() -> None:
    """A verb yields one item with its id, reference and version, and no mail."""
    decision = act(made(), "take", Ask(), scene(BOB, setup=SETUP), Conversation())
    assert (decision.mails, decision.outbox, decision.links) == ((), (), ())
    assert (after(decision).id, after(decision).version) == ("i-1", 3)
    assert decision.entries[0].by == BOB_KEY != ANN.email
