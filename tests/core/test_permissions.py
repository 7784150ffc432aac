"""Who sees which items, and who may touch another's mail."""

from __future__ import annotations

import pytest

from core.permissions import Claim, Sight, claims, leads, may_change_mail, sees, visible_to
from core.setup import Role, Setup, Team, User
from core.work_item import WorkItem
from tests.core.people import ANN, BOB, LEA, ROOT, SETUP, made

STRANGER = User("u-x", "x@demo.example", "X", Role.AGENT, "Others", ("Elsewhere",))
ITEMS = {
    "ann's queue": made(),
    "ann's queue by process": made(queue=""),
    "assigned to bob": made(home_queue="Far", queue="Far", assignee="bob@demo.example"),
    "owned by bob": made(home_queue="Far", queue="", owner="bob@demo.example"),
    "far": made(home_queue="Far", queue="Far"),
    "nobody's, no queue": made(home_queue="", queue=""),
}
SEEN = [
    (ANN, {"ann's queue", "ann's queue by process"}),
    (BOB, {"assigned to bob", "owned by bob"}),
    (LEA, {"ann's queue", "ann's queue by process", "assigned to bob", "owned by bob"}),
    (ROOT, set(ITEMS)),
    (STRANGER, set()),
]


@pytest.mark.parametrize(("user", "names"), SEEN, ids=lambda value: getattr(value, "name", ""))
def test_each_role_sees_its_items(user: User, names: set[str]) -> None:
    """decisions.md 21: an agent their queues and their own items, a leader their team's, an administrator everything."""
    assert {name for name, item in ITEMS.items() if sees(visible_to(user, SETUP), item)} == names


def test_an_empty_queue_ties_nobody() -> None:
    """A user without queues does not see the items that stand in none."""
    nobody = User("u-n", "n@demo.example", "N", Role.AGENT)
    assert visible_to(nobody, SETUP) == Sight(people=frozenset({"n@demo.example"}))
    assert not sees(visible_to(nobody, SETUP), ITEMS["nobody's, no queue"])


def test_a_leader_leads_the_team_that_names_them_or_their_own() -> None:
    """A team names its leader; a user with the role leads their own team."""
    named = Setup(teams=(Team("A", "Ann@Demo.example"),), users=(ANN,))
    assert leads(ANN, named) == {"A"}
    assert leads(LEA, Setup()) == {"Support"}
    assert leads(BOB, SETUP) == frozenset()


MAIL_CLAIMS = [
    (ANN, "ann@demo.example", made(), {Claim.AUTHOR}),
    (LEA, "bob@demo.example", made(), {Claim.LEADER}),
    (ANN, "bob@demo.example", made(assignee="ann@demo.example"), {Claim.ASSIGNEE}),
    (ANN, "", made(owner="ann@demo.example"), {Claim.ASSIGNEE}),
    (LEA, "", made(assignee="bob@demo.example"), {Claim.LEADER}),
    (LEA, "", made(), set()),
    (ROOT, "", None, {Claim.ADMIN}),
    (ANN, "bob@demo.example", made(), set()),
    (ANN, "", made(), set()),
    (BOB, "ann@demo.example", None, set()),
]


@pytest.mark.parametrize(("user", "author", "item", "found"), MAIL_CLAIMS)
def test_who_may_touch_a_mail(user: User, author: str, item: WorkItem | None, found: set[Claim]) -> None:
    """E-33: the author, the leader of the author's team (of an automatic mail: of whoever has its item), whoever has the item, an administrator; nobody else."""
    assert claims(user, author, item, SETUP) == found
    assert may_change_mail(user, author, item, SETUP) == bool(found)
