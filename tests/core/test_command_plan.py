"""What commands and text of one mail come to together, for tickets, cases and actions (Agents by mail, 3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.command_plan import ORDER, Plan, planned
from core.command_table import KINDS, TABLE
from core.command_words import Name
from core.commands import parse
from core.conversation import Conversation
from core.deeds import Ask, check_asked
from core.on_person import act
from core.refusal import Refused
from core.setup import User
from core.status import IN_PROGRESS, ResolutionMethod, Status, WaitType
from core.work_item import WorkItem
from core.writing import Letter, write_mail
from tests.core.people import ANN, NOW, SETUP, after, came, carl, made, scene

PARIS = replace(SETUP, timezone="Europe/Paris")
FRENCH = replace(ANN, language="fr")
ACTION = replace(made("case"), kind="action")


def _plan(text: str, item: WorkItem | None = None, *, user: User = ANN, internal: bool = False) -> Plan:
    return planned(parse("", text), item or made(), user, PARIS, NOW, internal=internal)


def _refusal(text: str, item: WorkItem | None = None, *, user: User = ANN, internal: bool = False) -> str:
    with pytest.raises(Refused) as refused:
        _plan(text, item, user=user, internal=internal)
    return str(refused.value)


def test_the_table_is_whole() -> None:
    """Every command has a meaning for every kind of item, and a place in the order or none."""
    assert set(TABLE) == set(Name)
    assert all(set(cells) == set(KINDS) for cells in TABLE.values())
    assert {what for what, _ in ORDER} - {"the answer"} <= set(Name)


def test_plain_words_are_an_answer() -> None:
    """No command: a letter, nothing else."""
    assert _plan("Hello Carl") == Plan(Letter(text="Hello Carl"))


def test_an_answer_to_a_note_stays_internal() -> None:
    """Its words are a note, whatever commands stand above; nothing of it can be sent."""
    assert _plan("I know him.", internal=True) == Plan(note="I know him.")
    plan = _plan("#assign bob\nYours.", internal=True)
    assert (plan.note, plan.letter, plan.deeds) == ("Yours.", None, (("assign", Ask(to="Bob@Demo.example")),))
    assert "internal note" in _refusal("#send 17:00\nx", internal=True)


def test_a_note_is_not_sent() -> None:
    """`#note`: what stands behind and below it."""
    plan = _plan("#note Called him.\nHe is fine.")
    assert (plan.note, plan.letter, plan.steps) == ("Called him.\nHe is fine.", None, (("note", Ask(note="Called him.\nHe is fine.")),))
    assert "empty" in _refusal("#note")


def test_resolve_with_words_is_send_and_resolve() -> None:
    """decisions.md 15: the letter resolves, with the method that is said."""
    assert _plan("#resolve\nDone.").letter == Letter(text="Done.", resolve=True)
    letter = _plan("#resolve rejected\nNo.").letter
    assert letter is not None
    assert letter.method is ResolutionMethod.REJECTED
    assert "sends nothing" in _refusal("#resolve spam\nGo away")


def test_resolve_without_words_is_the_verb() -> None:
    """A-TK-15, A-TK-16: by the rules of the page; a note with it is the resolution."""
    assert _plan("#resolve").steps == (("resolve", Ask()),)
    assert _plan("#resolve unanswered").steps == (("resolve", Ask(method=ResolutionMethod.NO_CUSTOMER_RESPONSE)),)
    assert _plan("#note Fixed by phone.\n#resolve").steps == (("resolve", Ask(note="Fixed by phone.")),)
    assert _plan("#resolve again").steps == (("resolve-again", Ask()),)
    assert "Possible: complete" not in _refusal("#resolve complete")


def test_an_action_asks_how_it_ended() -> None:
    """A-AC-04, A-AC-05: complete or unable, and unable with its reason; a case has its own methods."""
    assert "#resolve complete" in _refusal("#resolve", ACTION)
    assert _plan("#resolve complete", ACTION).steps == (("resolve", Ask(method=ResolutionMethod.COMPLETED)),)
    assert "reason" in _refusal("#resolve unable", ACTION)
    assert _plan("#resolve unable\n#note No parts.", ACTION).steps == (("resolve", Ask(method=ResolutionMethod.UNABLE_TO_COMPLETE, note="No parts.")),)
    assert _plan("#resolve done", made("case")).steps == (("resolve", Ask(method=ResolutionMethod.COMPLETED)),)
    assert "Possible: answered, unanswered, complete" in _refusal("#resolve rejected", made("case"))


def test_a_ticket_waits_some_days() -> None:
    """A-TK-10, A-TK-12: so many days, closed without an answer if that is said; without a number it says what is possible."""
    assert _plan("#wait 3d").steps == (("wait", Ask(days=3.0, close_if_no_answer=False, wait_type=WaitType.MORE_INFORMATION)),)
    assert _plan("#attendre 2 semaines fermer").steps == (("wait", Ask(days=14.0, close_if_no_answer=True, wait_type=WaitType.MORE_INFORMATION)),)
    assert "#wait 3d" in _refusal("#wait")
    assert "cases" in _refusal("#wait pause")


def test_a_case_has_no_days() -> None:
    """A-CS-12…14: it waits for the answer, until a date, or in pause."""
    case = made("case")
    assert "#until" in (said := _refusal("#wait 3d", case))
    assert "pause" in said
    assert "jusqu'au" in _refusal("#attendre 3j", case, user=FRENCH)
    assert _plan("#wait", case).steps == (("wait", Ask(wait_type=WaitType.MORE_INFORMATION)),)
    assert _plan("#wait pause", case).steps == (("wait", Ask(wait_type=WaitType.PAUSE)),)
    assert "no pause" in _refusal("#wait 3d", ACTION)


def test_times_are_in_the_agents_zone() -> None:
    """decisions.md 23; a past one is refused in the agent's language."""
    until = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
    assert _plan("#until 17:00").steps == (("wait", Ask(until=until, wait_type=WaitType.UNTIL)),)
    assert _plan("#until 17:00", user=replace(ANN, timezone="UTC")).after[0][1].until == until + timedelta(hours=1)
    assert "est passé" in _refusal("#jusqu'au 01/03/2026 9h", user=FRENCH)
    letter = _plan("#send tomorrow 9:00\nHello").letter
    assert letter is not None
    assert letter.send_at == datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
    assert "hour" in _refusal("#send tomorrow\nHello")


def test_send_without_a_time_leaves_at_once() -> None:
    """The delay of answers by mail is skipped; without words there is nothing to send."""
    letter = _plan("#send\nHello").letter
    assert letter is not None
    assert letter.undo == timedelta(0)
    assert "needs an answer" in _refusal("#send 17:00")


@pytest.mark.parametrize(
    ("to", "ask"),
    [
        ("bob", Ask(to="Bob@Demo.example")),
        ("Bob Agent", Ask(to="Bob@Demo.example")),
        ("bob@demo.example", Ask(to="Bob@Demo.example")),
        ("lead", Ask(to="lea@demo.example")),
        ("me", Ask(to="ann@demo.example")),
        ("claims", Ask(queue="Claims")),
        ("first", Ask(queue="First line")),
    ],
)
def test_colleagues_and_queues_are_named_as_people_do(to: str, ask: Ask) -> None:
    """By name, e-mail, or a beginning that only one has."""
    assert _plan(f"#assign {to}").deeds == (("assign", ask),)


def test_who_is_not_known_or_not_sure_is_asked() -> None:
    """Nobody of that name, several of it, or somebody who left: the sentence lists who is possible."""
    assert "Bob Agent" in _refusal("#assign zoe")
    assert "several" in _refusal("#assign agent")
    assert "no colleague" in _refusal("#assign gone@demo.example")


def test_the_order_is_that_of_the_table() -> None:
    """Whatever it is written in: take, the letter, then the wait."""
    plan = _plan("#wait 3d\n#take\nHello")
    assert [step if isinstance(step, Letter) else step[0] for step in plan.steps] == ["take", Letter(text="Hello"), "wait"]
    plan = _plan("#release\nHello")
    assert [step if isinstance(step, Letter) else step[0] for step in plan.steps] == [Letter(text="Hello"), "release"]


def test_faults_and_empty_mails_are_refused() -> None:
    """With what is wrong and what there is, in the agent's language."""
    assert "#resolve" in _refusal("")
    assert "Rien n’a été fait" in _refusal("#foo", user=FRENCH)
    assert "forward" in _refusal("#case Claim")
    assert "held" in _refusal("#discard")


def test_help_does_nothing_else() -> None:
    """Also with words below it."""
    assert _plan("#help\nHow does it work?") == Plan(help=True)


def test_every_deed_is_said_in_the_agents_language() -> None:
    """For the confirmation, in the order it was done."""
    assert _plan("#wait 3d\n#take").said == ("101203-T is yours.", "101203-T waits for an answer for 3 days.")
    assert _plan("#prendre #jusqu'au 03/03/2026 9h", user=FRENCH).said == ("101203-T est à vous.", "101203-T attend jusqu’au 2026-03-03 09:00 (CET).")


@pytest.mark.parametrize("kind", ["ticket", "case"])
@pytest.mark.parametrize(
    "text",
    [
        "#take", "#release", "#assign bob", "#assign claims", "#note x", "#until 2026-03-05 09:00", "Hello", "#resolve\nHello", "#note y\n#resolve", "#take\nHello",
        "#assign bob\nHello", "#release\nHello", "#until tomorrow 9:00\nHello", "#send 17:00\n#resolve\nHello", "#take #note z",
    ],
)  # fmt: skip
def test_plans_can_be_carried_out(kind: str, text: str) -> None:
    """Every step is one of the page's verbs with arguments it takes, and legal by the tables after the step before it."""
    item = made(kind, IN_PROGRESS, assignee="ann@demo.example", queue="")
    talk = Conversation(contacts=(carl(),), last_mail=came())
    for step in _plan(text, item).steps:
        if isinstance(step, Letter):
            item = after(write_mail(item, step, scene(setup=PARIS), talk, draft_id="o-9"))
        else:
            check_asked(*step)
            item = after(act(item, *step, scene(setup=PARIS), talk))
    assert item.status is not Status.DRAFT
