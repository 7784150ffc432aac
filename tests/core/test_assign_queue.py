"""Handing an item to a queue."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.conversation import Conversation
from core.deeds import ask_of
from core.on_person import act
from core.refusal import Refused
from core.scene import Scene
from core.setup import Setup
from core.status import Status
from core.work_item import WorkItem

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANN = "ann@demo.example"


def item_in_hand(setup: Setup) -> WorkItem:
    """A ticket that Ann works on, in the first line."""
    return WorkItem(
        "i", "ticket", 101203, "101203-T", "T", "p-support", NOW, NOW, status=Status.IN_PROGRESS, version=3, home_queue="First line", queue="First line", assignee=ANN
    )


@pytest.fixture
def scene(example_setup: Setup) -> Scene:
    """Ann at work."""
    return Scene(example_setup.user_of[ANN], example_setup, NOW)


def test_a_queue_gets_the_item_in_to_do_without_a_name_on_it(scene: Scene) -> None:
    """A-ST-11: sent to another queue, an item is To Do, nobody's, and seen by those who work from that queue."""
    decision = act(item_in_hand(scene.setup), "assign", ask_of({"queue": "Claims"}), scene, Conversation())
    (after,) = decision.items
    assert (after.status, after.assignee, after.owner, after.queue, after.home_queue) == (Status.TO_DO, "", "", "Claims", "Claims")
    assert any("Claims" in entry.text for entry in decision.entries)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [({"queue": "Nowhere"}, "no queue “Nowhere”"), ({"queue": "Claims", "to": ANN}, "not to both"), ({}, "--queue NAME")],
)
def test_what_cannot_be_assigned_is_refused_with_a_sentence(scene: Scene, asked: dict[str, str], sentence: str) -> None:
    """An unknown queue, both a user and a queue, or neither."""
    with pytest.raises(Refused, match=sentence):
        act(item_in_hand(scene.setup), "assign", ask_of(asked), scene, Conversation())


def test_a_closed_item_is_not_sent_on(scene: Scene) -> None:
    """The table has no cell for it."""
    closed = replace(item_in_hand(scene.setup), status=Status.CLOSED)
    with pytest.raises(Exception, match="not possible"):
        act(closed, "assign", ask_of({"queue": "Claims"}), scene, Conversation())
