"""Who sees which items and who may do what to another's mail, as rules over values (decisions.md 21, E-33); turned into SQL by `gateway/store/sight.py`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.mail import address_key
from core.setup import Role, Setup, User
from core.work_item import WorkItem


@dataclass(frozen=True, slots=True)
class Sight:
    """What a user sees: everything, or the items of these queues and those assigned to or owned by these people (address keys)."""

    everything: bool = False
    queues: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()


def visible_to(user: User, setup: Setup) -> Sight:
    """The one rule of sight: an agent sees their queues and their own items, a leader their team's, an administrator all (decisions.md 21)."""
    if user.role is Role.ADMIN:
        return Sight(everything=True)
    seen = (user, *team_of(user, setup))
    return Sight(
        queues=frozenset(queue for one in seen for queue in one.queues),
        people=frozenset(address_key(one.email) for one in seen),
    )


def sees(sight: Sight, item: WorkItem) -> bool:
    """Whether an item is within sight. A queue counts as where the item stands now or as that of its process."""
    if sight.everything:
        return True
    return bool(sight.queues & {item.home_queue, item.queue}) or bool(sight.people & {item.assignee, item.owner} - {""})


def leads(user: User, setup: Setup) -> frozenset[str]:
    """The names of the teams a user leads: those that name them, and their own where they have the role."""
    named = {team.name for team in setup.teams if team.leader and address_key(team.leader) == address_key(user.email)}
    own = {user.team} if user.role is Role.LEADER and user.team else set()
    return frozenset(named | own)


def team_of(user: User, setup: Setup) -> tuple[User, ...]:
    """Everyone in the teams a user leads, also those who left: what they had must stay visible (decisions.md 16)."""
    teams = leads(user, setup)
    return tuple(other for other in setup.users if other.team in teams) if teams else ()


def teammates(user: User, setup: Setup) -> frozenset[str]:
    """Address keys of everybody in the teams a person leads or belongs to, themselves included; whose mails are "my team's" (A-OB-10)."""
    teams = leads(user, setup) | ({user.team} if user.team else frozenset())
    return frozenset(address_key(other.email) for other in setup.users if other.team in teams) | {address_key(user.email)}


class Claim(StrEnum):
    """What a person can be to a mail in the outbox; an automatic mail has no author (E-33)."""

    AUTHOR = "author"
    LEADER = "leader of the author's team, or of whoever has the item of an automatic mail"
    ASSIGNEE = "has the item"
    ADMIN = "administrator"


def claims(user: User, author: str, item: WorkItem | None, setup: Setup) -> frozenset[Claim]:
    """What a user is to a mail by `author` ('' = the system) about `item`."""
    found = set()
    key = address_key(user.email)
    if author and address_key(author) == key:
        found.add(Claim.AUTHOR)
    led = {address_key(other.email) for other in team_of(user, setup)}
    written_for = {address_key(author)} if author else {item.assignee, item.owner} - {""} if item is not None else set()
    if written_for & led:  # an automatic mail has no author: whoever has its item stands in that place
        found.add(Claim.LEADER)
    if item is not None and key in (item.assignee, item.owner):
        found.add(Claim.ASSIGNEE)
    if user.role is Role.ADMIN:
        found.add(Claim.ADMIN)
    return frozenset(found)


def may_change_mail(user: User, author: str, item: WorkItem | None, setup: Setup) -> bool:
    """Whether a user may cancel, edit, hold, release or retry a mail in the outbox: any claim will do (E-33)."""
    return bool(claims(user, author, item, setup))
