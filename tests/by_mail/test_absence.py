"""Absence: what wakes goes to the deputy or the queue and says why; what rests, and what is given by hand, stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from core import on_result, overtaken, resolving, undoing
from core.absence import present, warning
from core.decision import Decision, EntryKind
from core.mail import Address, FailedRecipient, Mail, Report
from core.mail_facts import MailFacts
from core.on_held import give_back, join
from core.on_mail import on_mail
from core.on_time import alarm
from core.outbox import OutboxMessage, Outcome
from core.settling import Rules
from core.setup import Setup, UnknownPolicy, User
from core.status import RESOLVED, TO_DO, WAIT_INFORMATION, WAIT_PAUSE, WAIT_UNTIL, Place
from core.verdict import Action, Classification, Resolution, Verdict
from core.wait import Clocks
from core.work_item import Resolution as Resolved
from core.work_item import WorkItem
from tests.core.people import ANN, BOB, LEA, NOW, ROOT, SETUP, after, do, line, made, scene
from tests.outbound.drafts import delivery, make_message

ANN_KEY, BOB_KEY, LEA_KEY = "ann@demo.example", "bob@demo.example", "lea@demo.example"
BACK = NOW + timedelta(days=3)
AWAY = replace(ANN, absent_until=BACK, deputy="Bob@Demo.example")


def with_people(*people: User) -> Setup:
    return replace(SETUP, users=(*people, *(user for user in SETUP.users if user.id not in {one.id for one in people})))


DEPUTY = with_people(AWAY)
NO_DEPUTY = with_people(replace(AWAY, deputy=""))


@pytest.mark.parametrize(
    ("people", "has"),
    [
        ((ANN,), ANN_KEY),
        ((AWAY,), BOB_KEY),
        ((replace(AWAY, absent_until=NOW),), ANN_KEY),
        ((replace(AWAY, deputy=""),), ""),
        ((replace(AWAY, deputy="gone@demo.example"),), ""),
        ((AWAY, replace(BOB, absent_until=BACK, deputy=LEA_KEY)), LEA_KEY),
        ((AWAY, replace(BOB, absent_until=BACK)), ""),
        ((AWAY, replace(BOB, absent_until=BACK, deputy=ANN_KEY)), ""),
        ((AWAY, replace(BOB, absent_until=BACK, deputy=LEA_KEY), replace(LEA, absent_until=BACK, deputy=BOB_KEY)), ""),
        ((replace(AWAY, deputy=ANN_KEY),), ""),
    ],
)
def test_who_stands_in(people: tuple[User, ...], has: str) -> None:
    """The deputy, the deputy's deputy, or nobody: one who left, who is away too, a circle; an absence is over by itself when its moment has come."""
    assert present(with_people(*people), NOW).stand_in(ANN_KEY) == has


def test_whoever_acts_is_there() -> None:
    """A person who writes although they are away keeps what they work on."""
    assert present(DEPUTY, NOW, acting=ANN_KEY).stand_in(ANN_KEY) == ANN_KEY


# ---------------------------------------------------------------- every way in which an item wakes

MAIL = Mail(message_id="n@acme.example", from_=(Address("carl@acme.example", "Carl"),), subject="Re: Printer", new_text="Still broken.")
REPORT = Report((FailedRecipient("carl@acme.example", "failed", "5.1.1", "unknown"),), "o-1@demo.example")


def resting(place: Place = WAIT_INFORMATION, **more: object) -> WorkItem:
    """An item that Ann owns while it rests."""
    return made(place=place, **{"owner": ANN_KEY, "queue": "", **more})  # type: ignore[arg-type]


def facts(*items: WorkItem) -> MailFacts:
    return MailFacts(inbound_id="in-2", received_at=NOW, sender_key="carl@acme.example", sender_known=True, items={item.id: item for item in items})


def came(item: WorkItem, setup: Setup, **verdict: object) -> Decision:
    values = {"counts": True, **verdict}
    action = values.pop("action", Action.JOIN)
    found = Verdict("support@demo.example", action, "thread", connector="support", item_id=item.id, **values)  # type: ignore[arg-type]
    return on_mail(Resolution(Classification(), (found,), ()), MAIL, facts(item), setup, NOW).decision


def message(**more: object) -> OutboxMessage:
    return replace(make_message(), item_id="i-1", author=ANN_KEY, **more)  # type: ignore[arg-type]


def failed(item: WorkItem, setup: Setup, outcome: Outcome) -> Decision:
    return on_result.result(message(), delivery(carl=outcome), Rules(people=present(setup, NOW), unknown=UnknownPolicy.HOLD), item, NOW).decision


def rang(item: WorkItem, setup: Setup) -> Decision:
    return alarm(item, NOW, behind=False, people=present(setup, NOW))


def cancelled(item: WorkItem, setup: Setup) -> Decision:
    return resolving.mail_taken_back(item, "o-1", by=LEA_KEY, now=NOW, people=present(setup, NOW, acting=LEA_KEY))


LATE = NOW - timedelta(minutes=1)
WAKES: dict[str, Callable[[Setup], tuple[WorkItem, Decision]]] = {
    "the answer came": lambda setup: (item := resting(), came(item, setup)),
    "a mail reopened it": lambda setup: (item := resting(RESOLVED), came(item, setup)),
    "a mail marked what waits on": lambda setup: (item := resting(WAIT_PAUSE), came(item, setup)),
    "a mail came on what is worked on": lambda setup: (item := made(place=TO_DO, assignee=ANN_KEY), came(item, setup)),
    "a mail came on a case": lambda setup: (item := made("case", TO_DO, owner=ANN_KEY, queue=""), came(item, setup)),
    "a mail of doubtful nature": lambda setup: (item := resting(), came(item, setup, counts=False, doubtful=True)),
    "a mail was held": lambda setup: (item := resting(), came(item, setup, action=Action.HOLD)),
    "a held mail was joined": lambda setup: (item := resting(), join(item, MAIL, facts(item), scene(LEA, setup=setup)).decision),
    "a discarded mail is held again": lambda setup: (item := resting(), give_back([item], "in-2", scene(LEA, setup=setup))),
    "the date came": lambda setup: (item := resting(WAIT_UNTIL, clocks=Clocks(wait_until=LATE)), rang(item, setup)),
    "no answer came": lambda setup: (item := resting(clocks=Clocks(answer_within=timedelta(days=1), answer_due=LATE)), rang(item, setup)),
    "a mail failed": lambda setup: (item := resting(RESOLVED), failed(item, setup, Outcome.PERMANENT)),
    "a case's mail failed": lambda setup: (item := made("case", TO_DO, owner=ANN_KEY, queue=""), failed(item, setup, Outcome.PERMANENT)),
    "nobody knows what became of a mail": lambda setup: (item := resting(), failed(item, setup, Outcome.UNKNOWN)),
    "a mail came back": lambda setup: (item := resting(), on_result.bounce(message(), REPORT, item, NOW, people=present(setup, NOW))),
    "a mail cancelled itself": lambda setup: (item := resting(), overtaken.cancelled_late(item, message(), NOW, people=present(setup, NOW))),
    "what resolved it was cancelled": lambda setup: (
        item := resting(RESOLVED, resolution=Resolved(ANN_KEY, NOW, resolving.ResolutionMethod.WITH_CUSTOMER_RESPONSE, "o-1")),
        cancelled(item, setup),
    ),
    "a colleague resumed it": lambda setup: (item := resting(WAIT_UNTIL), do(item, "resume", by=ROOT, setup=setup)),
    "a colleague reopened it": lambda setup: (item := resting(RESOLVED), do(item, "reopen", by=ROOT, setup=setup)),
    "a colleague marked it": lambda setup: (item := resting(), do(item, "mark-new", by=ROOT, setup=setup)),
    "a decision was undone": lambda setup: (
        was := replace(resting(), new_information=True),
        undoing.undo_join(replace(was, version=4), was, [], scene(LEA, setup=setup), inbound_id="in-2", decided_at=LATE),
    ),
}


@pytest.mark.parametrize("how", WAKES)
def test_what_wakes_goes_to_the_deputy(how: str) -> None:
    """Agents by mail, 1: the deputy is its assignee, or a case's owner, and the timeline says who is away until when and who stands in."""
    _, decision = WAKES[how](DEPUTY)
    item = decision.items[-1]
    assert (item.assignee or item.owner) == BOB_KEY
    said = [entry for entry in decision.entries if entry.facts.get("stands_in") == BOB_KEY]
    assert [entry.text for entry in said] == ["Ann Agent is absent until 2026-03-05 09:00+00:00. Bob Agent stands in."]
    assert said[0].kind is EntryKind.ALLOCATION
    moved = [entry for entry in decision.entries if entry.kind is EntryKind.ALLOCATION and "stands_in" not in entry.facts]
    assert len(moved) == 1 or how == "a decision was undone", "and the change itself is there, once"


@pytest.mark.parametrize("how", WAKES)
def test_without_a_deputy_it_is_the_queues(how: str) -> None:
    """Agents by mail, 1: nobody has it, its queue shows it, and the timeline says why."""
    was, decision = WAKES[how](NO_DEPUTY)
    item = decision.items[-1]
    assert (item.assignee, item.owner, item.queue) == ("", "", was.home_queue)
    (said,) = [entry for entry in decision.entries if "stands_in" in entry.facts]
    assert said.text == "Ann Agent is absent until 2026-03-05 09:00+00:00. Nobody stands in, so it went back to its queue."


@pytest.mark.parametrize("how", WAKES)
def test_with_everybody_there_it_is_as_ever(how: str) -> None:
    """Whoever had it gets it back, and no line speaks of absence."""
    _, decision = WAKES[how](SETUP)
    item = decision.items[-1]
    assert (item.assignee or item.owner) == ANN_KEY
    assert not [entry for entry in decision.entries if "stands_in" in entry.facts]


# ---------------------------------------------------------------- what stays


def test_what_nobody_has_to_look_at_stays() -> None:
    """An auto-reply (decisions.md 2) hands nothing on, nor does a window that passes, nor a mail that left."""
    assert came(resting(), DEPUTY, counts=False).items[-1].assignee == ANN_KEY
    over = rang(resting(RESOLVED, clocks=Clocks(feedback_window=timedelta(days=1), feedback_until=LATE)), DEPUTY)
    assert after(over).place.status == "closed" and not [entry for entry in over.entries if "stands_in" in entry.facts]
    begun = on_result.result(message(), delivery(carl=Outcome.ACCEPTED), Rules(people=present(DEPUTY, NOW)), resting(clocks=Clocks(after_mail=message().id)), NOW)
    assert after(begun.decision).owner == ANN_KEY


def test_given_by_hand_it_is_theirs() -> None:
    """Assigning to a person who is away is possible, with a warning; only what comes next goes on to the deputy."""
    given = after(do(made(), "assign", by=LEA, to=ANN_KEY, setup=DEPUTY))
    assert given.assignee == ANN_KEY
    assert warning(DEPUTY, ANN_KEY, NOW) == (
        "Ann Agent is absent until 2026-03-05 09:00+00:00. The item is theirs all the same, until something new comes: then Bob Agent gets it."
    )
    assert warning(NO_DEPUTY, ANN_KEY, NOW).endswith("then it goes back to its queue.")
    assert "absence jusqu’au" in warning(DEPUTY, ANN_KEY, NOW, "fr-CH") and "retournera dans sa file" in warning(NO_DEPUTY, ANN_KEY, NOW, "fr")
    assert warning(SETUP, ANN_KEY, NOW) == "" and warning(DEPUTY, BOB_KEY, NOW) == ""
    next_mail = came(given, DEPUTY)
    assert next_mail.items[-1].assignee == BOB_KEY and line(Decision(entries=next_mail.entries[-1:]), "allocation").facts["absent"] == ANN_KEY


def test_an_absent_person_works_on() -> None:
    """Whoever takes, answers, waits or resumes although they are away keeps what they have."""
    assert after(do(made(), "take", setup=DEPUTY)).assignee == ANN_KEY
    assert after(do(made(assignee=ANN_KEY), "wait", days=2, setup=DEPUTY)).owner == ANN_KEY
    assert after(do(made(place=WAIT_UNTIL, owner=ANN_KEY), "resume", setup=DEPUTY)).assignee == ANN_KEY
