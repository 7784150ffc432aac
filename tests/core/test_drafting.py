"""Who may work on a draft, and for how long."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.drafting import OPEN_FOR, Content, begun, closed, from_json, opened, other_editor, saved, to_json
from core.outbox import FileRef
from core.refusal import Refused
from core.setup import Team
from tests.core.people import ANN, BOB, LEA, NOW, ROOT, SETUP, scene

FIRST = Content(text="Dear Carl,")
DRAFT = begun("d-1", "i-1", FIRST, scene(ANN))
OTHERS = replace(SETUP, teams=(Team("Support"), Team("Others", "lea@demo.example")), users=(ANN, BOB, replace(LEA, team="Others"), ROOT))


def test_one_person_at_a_time() -> None:
    """C-DR-01: another is told who has it and until when, in their own zone; after ten minutes it is free."""
    with pytest.raises(Refused, match=r"ann@demo\.example has this draft open until 09:10 UTC"):
        opened(DRAFT, scene(BOB))
    with pytest.raises(Refused, match=r"open until 10:10 CET"):
        opened(DRAFT, scene(replace(BOB, timezone="Europe/Paris")))
    with pytest.raises(Refused, match="ann@demo"):
        saved(DRAFT, FIRST, scene(BOB))
    later = scene(BOB, NOW + OPEN_FOR)
    assert opened(DRAFT, later).editor == "bob@demo.example"
    assert other_editor(DRAFT, scene(ANN)) == ""


def test_saving_renews_the_place() -> None:
    """Ten minutes more from each save, a new version each time."""
    again = saved(DRAFT, Content(text="More."), scene(ANN, NOW + timedelta(minutes=9)))
    assert (again.version, again.editor_until, again.updated_at, again.content.text) == (2, NOW + timedelta(minutes=19), NOW + timedelta(minutes=9), "More.")
    with pytest.raises(Refused, match="was changed by"):
        saved(again, FIRST, scene(ANN), version=1)


def test_closing_gives_it_free_for_others_only_by_its_editor() -> None:
    """Somebody else's closing takes nobody's place."""
    assert opened(closed(DRAFT, scene(ANN)), scene(BOB)).editor == "bob@demo.example"
    assert closed(DRAFT, scene(BOB)) == DRAFT


def test_who_may_take_over() -> None:
    """The leader of whoever has it, and administrators; a colleague, and the leader of another team, may not."""
    for user in (LEA, ROOT):
        assert opened(DRAFT, scene(user), take_over=True).editor == user.email
    with pytest.raises(Refused, match="Only the leader of their team"):
        opened(DRAFT, scene(BOB), take_over=True)
    with pytest.raises(Refused, match="Only the leader of their team"):
        opened(DRAFT, scene(replace(LEA, team="Others"), setup=OTHERS), take_over=True)


FILES = st.lists(st.builds(FileRef, st.text(), st.text(), st.text(), st.integers())).map(tuple)


@given(st.builds(Content, to=st.lists(st.text()).map(tuple), text=st.text(), quote=st.booleans(), files=FILES))
def test_contents_come_back(content: Content) -> None:
    """As stored, whatever is in it; what is not filled in is not stored."""
    assert from_json(to_json(content)) == content
    assert to_json(Content()) == {}


def test_contents_of_another_version_are_read() -> None:
    """A field that is not known here is passed over."""
    assert from_json({"text": "x", "colour": "red"}) == Content(text="x")
