"""What a person may ask for now: the table's events as verbs of the contract."""

from __future__ import annotations

import pytest

from core.deeds import VERBS
from core.refusal import Refused
from core.status import CLOSED, DRAFT, IN_PROGRESS, RESOLVED, TABLES, TO_DO, VERBS_OF, WAIT_INFORMATION, WAIT_PAUSE, Event, Place, ResolutionMethod
from core.transitions import IllegalTransition
from core.work_item import Resolution, WorkItem, move, possible_verbs
from tests.core.people import ANN, NOW, do, made

POSSIBLE = [
    ("ticket", DRAFT, "submit resolve"),
    ("ticket", TO_DO, "take assign release start wait resolve"),
    ("ticket", IN_PROGRESS, "take assign release stop wait resolve"),
    ("ticket", WAIT_INFORMATION, "start stop resume wait resolve"),
    ("ticket", RESOLVED, "reopen"),
    ("ticket", CLOSED, ""),
    ("case", TO_DO, "take assign release start wait pause resolve cancel"),
    ("case", WAIT_PAUSE, "start stop resume wait resolve cancel"),
]


@pytest.mark.parametrize(("kind", "place", "verbs"), POSSIBLE, ids=str)
def test_what_is_possible(kind: str, place: Place, verbs: str) -> None:
    """A-ST-21: what may be done to the status now, nothing that only mail, time or a delivery brings."""
    assert sorted(possible_verbs(made(kind, place))) == sorted(verbs.split())


def test_resolving_again_needs_a_resolution() -> None:
    """decisions.md 5: offered where there is one to use again."""
    kept = Resolution("ann@demo.example", NOW, ResolutionMethod.NO_CUSTOMER_RESPONSE)
    assert "resolve-again" in possible_verbs(made(resolution=kept))
    assert "resolve-again" not in possible_verbs(made())


def test_every_event_a_person_brings_has_its_verb() -> None:
    """The table of verbs names real verbs, and no event of the world."""
    assert {verb for verbs in VERBS_OF.values() for verb in verbs} <= set(VERBS)
    world = {Event.MAIL, Event.DELIVERY_FAILED, Event.FEEDBACK_OVER, Event.NO_ANSWER, Event.NO_ANSWER_CLOSE, Event.DATE_REACHED, Event.RELATED_DONE}
    assert not world & set(VERBS_OF)


EVERYWHERE = [(kind, place) for kind, table in TABLES.items() for place in table]


@pytest.mark.parametrize(("kind", "place"), EVERYWHERE, ids=str)
def test_what_is_not_offered_is_refused(kind: str, place: Place) -> None:
    """A-ST-21 the other way round: a verb that is not offered is refused by the table; one that is offered is refused for other reasons at most."""
    item: WorkItem = made(kind, place)
    asked = {"assign": {"to": "bob@demo.example"}, "wait": {"days": 1} if kind == "ticket" else {"wait_type": "more_information"}, "resolve": {"note": "x"}}
    for verb in {verb for verbs in VERBS_OF.values() for verb in verbs} - {"resolve-again"}:
        try:
            do(item, verb, by=ANN, **asked.get(verb, {}))
            allowed = True
        except IllegalTransition:
            allowed = False
        except Refused:
            continue
        assert allowed == (verb in possible_verbs(item)), verb


def test_a_refusal_names_verbs_to_people_only() -> None:
    """Whoever asks is told what they can ask for; the system is told its own events."""
    with pytest.raises(IllegalTransition) as person:
        move(made(), Event.REOPEN, NOW, "ann@demo.example")
    assert str(person.value) == "101203-T: “reopen” is not possible while it is “to_do”. Possible now: assign, release, resolve, start, take, wait."
    with pytest.raises(IllegalTransition, match="delivery_failed"):
        move(made(), Event.FEEDBACK_OVER, NOW, "")
