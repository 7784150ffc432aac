"""Taking back what one mail did: as it was, by the tables, and never a mail that has left."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.absence import present
from core.assignment import place_people
from core.conversation import Conversation
from core.decision import Decision
from core.deeds import ask_of
from core.link_words import LANGUAGES, OCCASIONS, PLACES, WORDS, Impossible, say, spoken
from core.mail import Address
from core.mail_undo import BACK_BY, Undoing, asked_of, outlook, snapshot, undone
from core.on_person import act
from core.outbox import OutboxEvent, OutboxMessage, OutboxState, Outcome, Purpose, Recipient
from core.refusal import Refused
from core.resolving import snapshot as as_before
from core.status import CASE, TABLES, TICKET, Event, Place, Status, WaitType
from core.transitions import IllegalTransition
from core.work_item import WorkItem, move
from core.writing import Letter, write_mail
from tests.core.people import ANN, BOB, NOW, SETUP, came, carl, kinds, line, made, note, scene

LATER = NOW + timedelta(minutes=1)
ANN_KEY, BOB_KEY = "ann@demo.example", "bob@demo.example"
TALK = Conversation(contacts=(carl(),), last_mail=came(), said=(note(),))
KEPT = "status wait_type resolution_method reason home_queue queue assignee owner new_information attention clocks resolution".split()

DEEDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("take", {}),
    ("release", {}),
    ("assign", {"to": BOB_KEY}),
    ("assign", {"to": ANN_KEY}),
    ("assign", {"queue": "Claims"}),
    ("start", {}),
    ("stop", {}),
    ("wait", {"days": 3.0}),
    ("wait", {"days": 1.5, "close_if_no_answer": True}),
    ("wait", {"until": NOW + timedelta(days=2)}),
    ("pause", {}),
    ("resume", {}),
    ("resolve", {}),
    ("reopen", {}),
    ("note", {"note": "Look at the fuse."}),
    ("mark-read", {}),
    ("mark-new", {}),
)


def by_mail(item: WorkItem, deeds: Sequence[tuple[str, dict[str, Any]]], by: Any = ANN, now: Any = NOW) -> WorkItem:
    """The item after these deeds, each on what the one before left; what is not possible is left out."""
    for verb, arguments in deeds:
        try:
            decision = act(item, verb, ask_of(arguments), scene(by, now), TALK)
        except (Refused, IllegalTransition):
            continue
        item = replace(decision.items[-1], version=item.version)
    return item


def stored(item: WorkItem) -> WorkItem:
    return replace(item, version=item.version + 1)


def body_of(was: WorkItem, left: WorkItem, *mails: str, **more: Any) -> dict[str, Any]:
    """As it is read back from the database."""
    said: dict[str, Any] = json.loads(json.dumps(snapshot(was, left, mails, "what it did", **more)))
    return said


def kept(item: WorkItem) -> dict[str, Any]:
    return {name: getattr(item, name) for name in KEPT}


def mail(state: OutboxState = OutboxState.QUEUED, outbox_id: str = "o-9", **more: Any) -> OutboxMessage:
    """An answer to Carl that waits."""
    given: dict[str, Any] = {
        "id": outbox_id, "seq": 1, "item_id": "i-1", "state": state, "due_at": LATER, "created_at": NOW, "author": ANN_KEY, "purpose": Purpose.PERSON,
        "system_generated": False, "connector": "support", "importance": "normal", "message_id": "x@y", "envelope_from": "", "subject": "Re: Printer",
        "recipients": (Recipient(Address("carl@acme.example")),),
    }  # fmt: skip
    return OutboxMessage(**{**given, **more})


def answered(item: WorkItem, **more: Any) -> tuple[WorkItem, Decision]:
    """Ann's answer, as one mail of hers makes it."""
    decision = write_mail(item, Letter(text="Turn it off and on.", **more), scene(), TALK, draft_id="o-9", default_undo=timedelta(minutes=2))
    return decision.items[-1], decision


def back(item: WorkItem, body: dict[str, Any], *messages: OutboxMessage, by: Any = ANN) -> Decision:
    return undone(item, body, {one.id: one for one in messages}, scene(by, LATER))


# ---------------------------------------------------------------- items


@given(kind=st.sampled_from(["ticket", "case"]), before=st.lists(st.sampled_from(DEEDS), max_size=4), deeds=st.lists(st.sampled_from(DEEDS), min_size=1, max_size=3))
def test_whatever_it_did_is_as_before(kind: str, before: list[Any], deeds: list[Any]) -> None:
    """Agents by mail, 3: after any deeds, any deeds of one mail undone leave the item as it was, whoever placed it; only what is closed stays closed."""
    was = by_mail(made(kind), before, by=BOB, now=NOW - timedelta(days=1))
    left = by_mail(was, deeds)
    try:
        decision = back(stored(left), body_of(was, left))
    except Impossible as why:
        assert why.key == "no_way_back"
        assert left.status is Status.CLOSED or Place(was.status, was.wait_type) == Place(Status.RESOLVED)
        return
    after = decision.items[-1]
    assert kept(after) == kept(place_people(was, people=present(SETUP, LATER, acting=ANN_KEY)))
    assert after.version == left.version + 1
    assert line(decision, "attention").facts == {"undone": "what it did"}
    assert not any(entry.kind == "note" for entry in decision.entries), "nothing is taken off the timeline, and nothing is said that a person did not say"


@given(
    deeds=st.lists(st.sampled_from(DEEDS), min_size=1, max_size=3),
    since=st.lists(st.sampled_from(DEEDS), min_size=1, max_size=2),
    kind=st.sampled_from(["ticket", "case"]),
)
def test_what_others_did_since_is_never_undone(kind: str, deeds: list[Any], since: list[Any]) -> None:
    """Where a colleague changed the item since, an undo leaves it as the colleague left it, and says so."""
    was = made(kind)
    left = by_mail(was, deeds)
    now = by_mail(stored(left), since, by=BOB, now=LATER)
    try:
        after = back(now, body_of(was, left)).items[-1]
    except Impossible as why:
        assert why.key in ("changed", "no_way_back")
        return
    untouched = [name for name in KEPT if name not in ("clocks", "new_information", "attention", "queue", "assignee", "owner")]
    changed = [name for name in untouched if getattr(now, name) != getattr(left, name)]
    assert [name for name in changed if getattr(after, name) != getattr(now, name)] == []


def test_every_way_back_is_in_the_tables() -> None:
    """Law 6: each cell that undoing asks for leads where it must, for tickets and for cases."""
    for place, events in BACK_BY.items():
        for table in (TICKET, CASE):
            cells = [row[event].to for row in table.values() for event in events if event in row]
            assert set(cells) <= {place}
    assert all(Event.UNDO_RESOLVE in table[Place(Status.RESOLVED)] for table in TABLES.values())


def test_the_customer_wrote_since() -> None:
    """A mark that came since stays when the item goes back, in a case as well, whose people a mark moves (behaviour.md D2)."""
    for kind in ("ticket", "case"):
        was = by_mail(made(kind), [("take", {})])
        left = by_mail(was, [("assign", {"to": BOB_KEY})])
        woken = move(stored(left), Event.MAIL, LATER, "")
        now = place_people(replace(woken.item, new_information=True), people=SETUP.user_of)
        after = back(now, body_of(was, left)).items[-1]
        assert (after.status, after.assignee, after.new_information) == (Status.IN_PROGRESS, ANN_KEY, True)


def test_a_wait_that_the_customer_ended_stays_ended() -> None:
    """An answer that woke the item is news: nothing goes back behind it."""
    was = by_mail(made(), [("take", {})])
    left = by_mail(was, [("wait", {"days": 3.0})])
    woken = move(stored(left), Event.MAIL, LATER, "")
    now = replace(woken.item, new_information=True, clocks=woken.item.clocks.cleared())
    with pytest.raises(Impossible, match="has changed since"):
        back(now, body_of(was, left))


def test_clocks_that_waited_for_a_mail_begin_when_it_left() -> None:
    """decisions.md 1: the earlier wait began with a mail that has left meanwhile; given back, it runs from then."""
    was = made(place=Place(Status.WAIT, WaitType.MORE_INFORMATION), owner=ANN_KEY)
    was = replace(was, clocks=replace(was.clocks, answer_within=timedelta(days=3), after_mail="o-1"))
    left = by_mail(was, [("start", {})])
    body = body_of(was, left)
    assert asked_of(body) == ("o-1",)
    waits = back(stored(left), body, mail(outbox_id="o-1")).items[-1]
    assert (waits.clocks.after_mail, waits.clocks.answer_due) == ("o-1", None)
    began = back(stored(left), body, mail(OutboxState.SENT, "o-1", sent_at=NOW)).items[-1]
    assert (began.clocks.after_mail, began.clocks.answer_due) == ("", NOW + timedelta(days=3))


def test_what_held_it_up_holds_it_up_again() -> None:
    """Mail of doubtful nature that the deed counted as seen stops the countdown again; what was dealt with since does not, what came since does."""
    was = made(place=Place(Status.WAIT, WaitType.MORE_INFORMATION), owner=ANN_KEY, new_information=True)
    clocks = replace(was.clocks, answer_within=timedelta(days=3), answer_due=NOW + timedelta(days=2)).stop("unseen:in-7", NOW).stop("in-8", NOW)
    was = replace(was, clocks=clocks)
    left = by_mail(was, [("start", {})])
    now = stored(left)
    assert back(now, body_of(was, left)).items[-1].clocks.stopped_by == ("unseen:in-7", "in-8")
    more = replace(now, clocks=now.clocks.stop("in-9", LATER))
    assert back(more, body_of(was, left)).items[-1].clocks.stopped_by == ("unseen:in-7", "in-8", "in-9")


def test_a_note_stays() -> None:
    """Agents by mail, 3: nothing is deleted; the timeline says that it was undone."""
    was = made()
    left = by_mail(was, [("note", {"note": "Look at the fuse."})])
    decision = back(stored(left), body_of(was, left))
    assert kinds(decision) == ["attention"]
    assert line(decision, "attention").text == "Undone: what it did"
    assert kept(decision.items[-1]) == kept(was)


# ---------------------------------------------------------------- mails


@pytest.mark.parametrize("kind", ["ticket", "case"])
def test_an_answer_that_resolved(kind: str) -> None:
    """decisions.md 15: the mail is cancelled, and the item nobody had is nobody's again; the lines are those of the page."""
    was = made(kind, new_information=True)
    left, _ = answered(was, resolve=True)
    assert left.status is Status.RESOLVED
    decision = back(stored(left), body_of(was, left, "o-9"), mail())
    assert kept(decision.items[-1]) == kept(place_people(was, people=SETUP.user_of))
    assert [(one.outbox_id, one.event, one.by, one.again_if_late) for one in decision.outbox] == [("o-9", OutboxEvent.CANCEL, ANN_KEY, True)]
    assert kinds(decision)[:2] == ["delivery", "status"]
    assert line(decision, "status").facts["event"] == "undo_resolve"


@pytest.mark.parametrize("state", [one for one in OutboxState if one not in (OutboxState.QUEUED, OutboxState.HELD, OutboxState.PENDING_RETRY, OutboxState.CANCELLED)])
def test_a_mail_that_left_is_not_taken_back(state: OutboxState) -> None:
    """Nothing is undone then, and the sentence says what to do instead."""
    was = made()
    left, _ = answered(was, resolve=True)
    with pytest.raises(Impossible) as why:
        back(stored(left), body_of(was, left, "o-9"), mail(state))
    assert why.value.key == ("sending" if state is OutboxState.SENDING else "left")


def test_a_mail_that_somebody_has_counts_as_left() -> None:
    """Tried again for one recipient while another has it, or repeated after an unknown outcome: it is no longer ours alone."""
    was = made()
    left, _ = answered(was)
    theirs = (Recipient(Address("carl@acme.example"), outcome=Outcome.ACCEPTED), Recipient(Address("b@acme.example")))
    for message in (mail(OutboxState.PENDING_RETRY, recipients=theirs), mail(OutboxState.PENDING_RETRY, unknown_repeats=1)):
        with pytest.raises(Impossible):
            back(stored(left), body_of(was, left, "o-9"), message)
    assert back(stored(left), body_of(was, left, "o-9"), mail(OutboxState.PENDING_RETRY)).outbox


def test_all_mails_or_none() -> None:
    """Of two mails one has left: neither is cancelled, and the item stays."""
    was = made()
    left, _ = answered(was)
    with pytest.raises(Impossible, match="has left already"):
        back(stored(left), body_of(was, left, "o-9", "o-8"), mail(), mail(OutboxState.SENT, "o-8"))


def test_the_item_changed_and_the_mail_still_waits() -> None:
    """As on the page (decisions.md 15, E-30): the mail can always be stopped; the item stays, marked where it is resolved without its answer."""
    was = made()
    left, _ = answered(was, resolve=True)
    now = replace(stored(stored(left)), title="Printer, first floor", new_information=False, owner=BOB_KEY)
    body = body_of(was, left, "o-9")
    plan = outlook(now, body, {"o-9": mail()}, scene(ANN, LATER))
    assert (plan.back, plan.changed, len(plan.cancels)) == (None, True, 1)
    decision = back(now, body, mail())
    assert decision.items[-1].status is Status.RESOLVED
    assert "was cancelled" in decision.items[-1].attention
    assert [one.outbox_id for one in decision.outbox] == ["o-9"]


def test_a_wait_set_later_on_the_page_begins_when_its_mail_is_undone() -> None:
    """decisions.md 1: the answer changed nothing of the item; a clock that a person then tied to it does not wait for ever."""
    was = by_mail(made(), [("take", {})])
    left, _ = answered(was)
    body = body_of(was, left, "o-9")
    waits = replace(stored(left), status=Status.WAIT, wait_type=WaitType.MORE_INFORMATION)
    waits = replace(waits, clocks=replace(waits.clocks, answer_within=timedelta(days=3), after_mail="o-9"))
    assert back(waits, body, mail()).items[-1].clocks.answer_due == LATER + timedelta(days=3)


def test_a_mail_cancelled_already_is_no_obstacle() -> None:
    """Cancelled in the outbox before: the rest goes back, and the mail is not touched twice."""
    was = made()
    left, _ = answered(was)
    decision = back(stored(left), body_of(was, left, "o-9"), mail(OutboxState.CANCELLED))
    assert decision.outbox == ()
    assert decision.items[-1].status is Status.TO_DO


def test_a_send_and_resolve_before_it_can_still_be_undone() -> None:
    """decisions.md 15: a note by mail, undone, leaves the undo of the earlier Send & Resolve possible."""
    first = made()
    resolved, _ = answered(first, resolve=True)
    assert resolved.before == as_before(first, "o-9")
    was = stored(resolved)
    left = by_mail(was, [("mark-new", {})])
    after = back(stored(left), body_of(was, left)).items[-1]
    assert after.before is not None and after.before.version == stored(after).version


@pytest.mark.parametrize("spoil", [{}, {"was": None, "left": None}, {"was": {"status": "gone"}, "left": {}}, {"was": {"status": "to_do", "more": 1}, "left": {}}])
def test_a_snapshot_that_cannot_be_read_is_a_sentence(spoil: dict[str, Any]) -> None:
    """Written by another version, or damaged: nothing is done, and nothing fails."""
    with pytest.raises(Impossible) as why:
        undone(made(), spoil, {}, scene())
    assert why.value.key == "broken"


def test_a_snapshot_is_bounded() -> None:
    """What comes from a mail is cut: words and the number of mails."""
    body = snapshot(made(), made(), [str(n) for n in range(100)], "x" * 5_000)
    assert (len(str(body["what"])), len(asked_of(body))) == (500, 20)
    assert Undoing() == outlook(stored(made()), json.loads(json.dumps(body)), {}, scene())


# ---------------------------------------------------------------- words


def test_every_sentence_is_there_in_both_languages() -> None:
    """decisions.md 24: English and French, with the same facts in braces; another language is answered in English."""
    for key, (english, french) in {**WORDS, **PLACES, **OCCASIONS}.items():
        assert english and french, key
        assert {part.partition("}")[0] for part in english.split("{")[1:]} == {part.partition("}")[0] for part in french.split("{")[1:]}, key
    assert set(PLACES) == set(Status)
    assert (spoken("fr-CA"), spoken("de"), spoken("de", "fr"), spoken("")) == ("fr", "en", "fr", "en")
    assert say("fr", "take.did", ref="101001-T") == "101001-T est à vous."
    assert LANGUAGES == ("en", "fr")
