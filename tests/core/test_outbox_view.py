"""The Outbox on the screen: statuses, default view, columns; as values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.outbox import OutboxState as S
from core.outbox_view import (
    COLUMNS,
    IN_OUTBOX,
    ROWS,
    STATUS,
    WORDS,
    Choice,
    Shown,
    View,
    Way,
    chosen,
    default_view,
    last_failure,
    rows_wanted,
    status_of,
    status_words,
    with_compulsory,
)
from core.permissions import teammates
from core.refusal import Refused
from core.setup import Role, Setup, Team, User

SHOWN: list[tuple[S, str, str, str]] = [
    (S.QUEUED, "queued", "queued", "connector_disabled"),
    (S.HELD, "queued", "queued", "queued"),
    (S.SENDING, "queued", "queued", "queued"),
    (S.PENDING_RETRY, "pending_retry", "pending_retry", "connector_disabled"),
    (S.FAILED, "failed", "failed", "failed"),
    (S.UNKNOWN, "failed", "failed", "failed"),
    (S.BOUNCED, "failed", "failed", "failed"),
]


@pytest.mark.parametrize(("state", "open_", "suspended", "off"), SHOWN)
def test_the_status_of_each_state_with_each_connector(state: S, open_: str, suspended: str, off: str) -> None:
    """A-OB-22, A-OB-23, A-OB-24, A-OB-25, A-OB-26, C-OB-01, decisions.md 17: four statuses; *Connector disabled* for what a switched-off connector keeps back."""
    assert [status_of(state, way) for way in Way] == [open_, suspended, off]


def test_nothing_else_is_in_the_outbox() -> None:
    """A-OB-05: mails to be sent later or whose sending failed; what was sent or cancelled has left it."""
    assert set(IN_OUTBOX) == {state for state, *_ in SHOWN} == set(STATUS)
    assert [status_of(state, Way.OPEN) for state in (S.SENT, S.CANCELLED)] == [None, None]
    assert {shown for row in STATUS.values() for shown in row.values()} == set(Shown)


def test_what_people_read() -> None:
    """decisions.md 17: unknown, returned and held have their own words, held its reason; English and French, other languages English."""
    assert status_words(S.UNKNOWN, Way.OPEN) == "Outcome unknown"
    assert status_words(S.BOUNCED, Way.OFF, "fr-FR") == "Revenu"
    assert status_words(S.HELD, Way.OFF, hold_reason="look at it") == "Held: look at it"
    assert status_words(S.QUEUED, Way.OFF, "de") == "Connector disabled"
    assert set(WORDS) == {*S, "connector_disabled"} and all(set(words) == {"en", "fr"} for words in WORDS.values())


def test_the_last_failure_says_what_to_do() -> None:
    """A-OB-20: "connector disabled: enable and retry" for what waits; otherwise what was answered last."""
    assert "enable it" in last_failure(S.PENDING_RETRY, Way.OFF, "support", "450 later")
    assert "réactivez-le" in last_failure(S.QUEUED, Way.OFF, "support", "", "fr")
    assert last_failure(S.FAILED, Way.OFF, "support", "550 no") == "550 no"
    assert last_failure(S.QUEUED, Way.SUSPENDED, "support", "") == "The connector support rests after trouble and is tried again by itself."
    assert last_failure(S.QUEUED, Way.OPEN, "support", "") == ""


def test_the_view_of_the_first_login(example_setup: Setup) -> None:
    """A-OB-07: a team's leader sees the team's mails, everybody else their own; whoever is named as leader counts, whatever the role."""
    views = {user.name: default_view(user, example_setup) for user in example_setup.users}
    assert views == {"Ann Agent": View.MINE, "Bob Agent": View.MINE, "Lea Leader": View.TEAM, "Root": View.MINE}
    named = replace(example_setup, teams=(*example_setup.teams, Team("Claims", "bob@demo.example")))
    assert default_view(named.user_of["bob@demo.example"], named) is View.TEAM


def test_who_is_in_ones_team(example_setup: Setup) -> None:
    """A-OB-10: everybody of the teams one leads or belongs to, those who left as well, and oneself."""
    gone = User("u-g", "Gone@demo.example", "Gone", Role.AGENT, "Support", active=False)
    setup = replace(example_setup, users=(*example_setup.users, gone))
    team = {"ann@demo.example", "bob@demo.example", "lea@demo.example", "gone@demo.example"}
    assert teammates(setup.user_of["ann@demo.example"], setup) == team
    assert teammates(setup.user_of["root@demo.example"], setup) == {"root@demo.example"}


def test_the_columns() -> None:
    """A-OB-19, A-OB-20, E-26: all columns of the specification, To and Subject compulsory; no id twice, titles in two languages."""
    asked = """connector importance system_generated last_attempt last_failure logged next_attempt item item_type attempts attempts_at_most status
    attachments to subject created scheduled_for author suspended_until"""
    assert set(asked.split()) <= {column.id for column in COLUMNS}
    assert len({column.id for column in COLUMNS}) == len(COLUMNS) and all(column.en and column.fr for column in COLUMNS)
    assert [column.id for column in COLUMNS if column.compulsory] == ["to", "subject"]
    assert (COLUMNS[1].title("fr"), COLUMNS[1].title("de")) == ("État", "Status")


def test_columns_a_person_may_choose() -> None:
    """A-OB-19: in the person's order, each once, the compulsory ones added; an unknown one is refused with those there are."""
    assert with_compulsory(["subject", "author", "author"]) == ("subject", "author", "to")
    with pytest.raises(Refused, match="no column “x”"):
        with_compulsory(["x"])


def test_rows_a_person_may_choose() -> None:
    """A-OB-06: a number within reason."""
    assert rows_wanted(100) == 100
    for wrong in (0, 4, 501, -1):
        with pytest.raises(Refused, match="between 5 and 500"):
            rows_wanted(wrong)


KEPT: list[tuple[dict[str, object], Choice]] = [
    ({}, Choice(View.MINE)),
    ({"view": "all", "rows": 10, "columns": ["to", "subject"]}, Choice(View.ALL, ("to", "subject"), 10)),
    ({"view": "theirs", "rows": 9_999, "columns": "to"}, Choice(View.MINE)),
    ({"columns": ["was_once", "author"]}, Choice(View.MINE, ("author", "to", "subject"), ROWS)),
]


@pytest.mark.parametrize(("kept", "choice"), KEPT)
def test_a_kept_choice(kept: dict[str, object], choice: Choice, example_setup: Setup) -> None:
    """A-OB-08, A-OB-19: what was kept, and as at first where it is missing or can no longer be chosen."""
    assert chosen(kept, example_setup.user_of["ann@demo.example"], example_setup) == choice
