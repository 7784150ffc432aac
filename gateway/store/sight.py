"""The rule of sight as SQL: the same as `core.permissions.sees`, for lists, counts and searches (decisions.md 21)."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, false, or_, true

from core.permissions import Sight
from core.setup import Setup
from gateway.store.schema import agent_mail, inbound, inbound_verdict, item, outbox


def visible(sight: Sight) -> ColumnElement[bool]:
    """The rule of sight as a condition on `item`: the same as `core.permissions.sees` (decisions.md 21)."""
    if sight.everything:
        return true()
    if not sight.queues and not sight.people:
        return false()
    queues, people = sorted(sight.queues - {""}), sorted(sight.people - {""})
    return or_(item.c.home_queue.in_(queues), item.c.queue.in_(queues), item.c.assignee.in_(people), item.c.owner.in_(people))


def visible_outbox(sight: Sight) -> ColumnElement[bool]:
    """Which mails of the outbox are seen: one's own and one's team's, and those about items within sight (A-OB-09…12, E-33)."""
    if sight.everything:
        return true()
    about = exists().where(item.c.id == outbox.c.item_id, visible(sight))
    return or_(outbox.c.author.in_(sorted(sight.people)), about)


def visible_agent_mail(sight: Sight) -> ColumnElement[bool]:
    """Which lines of the audit list are seen: one's own and one's team's, and those about items within sight."""
    if sight.everything:
        return true()
    about = exists().where(item.c.id == agent_mail.c.item_id, visible(sight)).correlate(agent_mail)
    return or_(agent_mail.c.user_key.in_(sorted(sight.people)), about)


def visible_inbound(sight: Sight, setup: Setup) -> ColumnElement[bool]:
    """Which inbound messages are seen: those tied to items within sight, and those of connectors with a route to a queue within sight (B-UH-03)."""
    if sight.everything:
        return true()
    connectors = sorted(mailboxes(setup, sight.queues))
    tied = exists().where(inbound_verdict.c.inbound_id == inbound.c.id, inbound_verdict.c.item_id == item.c.id, visible(sight))
    came = exists().where(inbound_verdict.c.inbound_id == inbound.c.id, inbound_verdict.c.item_id.is_(None), inbound_verdict.c.connector.in_(connectors))
    undecided = and_(inbound.c.connector.in_(connectors), ~exists().where(inbound_verdict.c.inbound_id == inbound.c.id))
    return or_(tied, came, undecided)


def mailboxes(setup: Setup, queues: frozenset[str]) -> frozenset[str]:
    """The connectors with a route to a process of one of these queues."""
    of = {process.name: process.queue for process in setup.processes}
    return frozenset(route.connector for route in setup.routes if of.get(route.process) in queues)
