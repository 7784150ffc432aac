"""What screens, API and command line show of items, as JSON with the fields of the contract, section 3; moments are ISO 8601 in UTC.

Who may see which is `sight.py`, timelines are `timelines.py`, changing items is `items.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, or_, select

from core.decision import ContactOnItem
from core.permissions import Sight, sees
from core.setup import Setup
from core.work_item import Resolution, WorkItem
from gateway.store.item_rows import item_of
from gateway.store.items import contacts_of, links_of, load
from gateway.store.moments import moment_json
from gateway.store.schema import item, item_contact, timeline
from gateway.store.sight import visible
from gateway.store.timelines import MOST_LINES, timeline_of

MOST_ITEMS = 500


# ---------------------------------------------------------------- lists


def list_items(
    connection: Connection,
    setup: Setup,
    sight: Sight,
    *,
    status: Sequence[str] = (),
    queue: str = "",
    assignee: str = "",
    text: str = "",
    limit: int = MOST_ITEMS,
) -> list[dict[str, Any]]:
    """The items within sight that fit every filter, the last changed first; `text` is looked for in reference, title, contacts and timeline."""
    wanted = [visible(sight)]
    if status:
        wanted.append(item.c.status.in_(list(status)))
    if queue:
        wanted.append(or_(item.c.queue == queue, item.c.home_queue == queue))
    if assignee:
        wanted.append(or_(item.c.assignee == assignee, item.c.owner == assignee))
    if text:
        wanted.append(_contains(text))
    rows = connection.execute(select(item).where(*wanted).order_by(item.c.updated_at.desc(), item.c.number.desc()).limit(limit)).all()
    found = [item_of(row) for row in rows]
    contacts = contacts_of(connection, [one.id for one in found])
    return [item_json(one, setup, contacts[one.id]) for one in found]


def _contains(text: str) -> ColumnElement[bool]:
    """Whether an item says `text` somewhere, in any case of letters; `%` and `_` mean themselves."""
    pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    in_contacts = exists().where(
        item_contact.c.item_id == item.c.id, or_(item_contact.c.address.ilike(pattern, escape="\\"), item_contact.c.name.ilike(pattern, escape="\\"))
    )
    in_timeline = exists().where(timeline.c.item_id == item.c.id, timeline.c.text.ilike(pattern, escape="\\"))
    own = (column.ilike(pattern, escape="\\") for column in (item.c.ref, item.c.title, item.c.description))
    return or_(*own, in_contacts, in_timeline)


# ---------------------------------------------------------------- one item


def show_item(connection: Connection, setup: Setup, work_item: WorkItem, sight: Sight, *, lines: int = MOST_LINES) -> dict[str, Any]:
    """An item with its links and its timeline, newest first. Of linked items out of sight only the reference is told (decisions.md 7 and 21)."""
    contacts = contacts_of(connection, (work_item.id,))[work_item.id]
    shown = item_json(work_item, setup, contacts)
    shown |= {
        "description": work_item.description,
        "resolution": resolution_json(work_item.resolution),
        "links": _links(connection, work_item.id, sight),
        "timeline": timeline_of(connection, work_item, most=lines),
    }
    return shown


def item_json(work_item: WorkItem, setup: Setup, contacts: Sequence[ContactOnItem]) -> dict[str, Any]:
    """An item as the contract names its fields, and a few more."""
    process = setup.process_by_id.get(work_item.process_id)
    return {
        "ref": work_item.ref,
        "kind": work_item.kind,
        "title": work_item.title,
        "status": work_item.status.value,
        "wait_type": work_item.wait_type.value if work_item.wait_type else None,
        "resolution_method": work_item.resolution_method.value if work_item.resolution_method else None,
        "reason": work_item.reason.value,
        "process": process.name if process is not None else "",
        "category": work_item.category,
        "queue": work_item.queue,
        "assignee": work_item.assignee,
        "owner": work_item.owner,
        "due_at": moment_json(work_item.due_at),
        "alarm_at": moment_json(work_item.clocks.alarm_at),
        "new_information": work_item.new_information,
        "created_at": moment_json(work_item.created_at),
        "updated_at": moment_json(work_item.updated_at),
        "contacts": [{"address": one.address, "name": one.name, "tags": list(one.tags)} for one in contacts],
        "attention": work_item.attention,
        "test": work_item.test,
        "company": work_item.company,
        "home_queue": work_item.home_queue,
        "created_by": work_item.created_by,
        "updated_by": work_item.updated_by,
        "version": work_item.version,
    }


def resolution_json(resolution: Resolution | None) -> dict[str, Any] | None:
    """Who resolved, when and with what, with the earlier resolutions (A-ST-16)."""
    if resolution is None:
        return None
    return {
        "by": resolution.by,
        "at": moment_json(resolution.at),
        "method": resolution.method.value,
        "outbox_id": resolution.outbox_id or None,
        "earlier": [{"by": one.by, "at": moment_json(one.at), "method": one.method.value, "outbox_id": one.outbox_id or None} for one in resolution.earlier],
    }


def _links(connection: Connection, item_id: str, sight: Sight) -> list[dict[str, Any]]:
    links = links_of(connection, (item_id,))[item_id]
    others = load(connection, [link.other_id for link in links])
    return [{"kind": link.kind, **_linked(others[link.other_id], sight)} for link in links if link.other_id in others]


def _linked(other: WorkItem, sight: Sight) -> dict[str, str]:
    seen = sees(sight, other)
    return {"ref": other.ref, "title": other.title if seen else "", "status": other.status.value if seen else ""}
