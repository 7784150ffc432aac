"""What screens, API and command line show of items: lists, details and timelines as JSON, and the rule of sight as SQL; changing items is `items.py`.

Fields as in the contract, section 3; moments are ISO 8601 in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, bindparam, exists, false, or_, select, true

from core.decision import ContactOnItem, EntryKind
from core.permissions import Sight
from core.setup import Setup
from core.work_item import Resolution, WorkItem
from gateway.store.item_rows import item_of
from gateway.store.items import contacts_of, links_of
from gateway.store.schema import inbound, inbound_body, inbound_verdict, item, item_contact, outbox, outbox_recipient, timeline

MOST_ITEMS = 500
MOST_LINES = 2_000
MAILS = (EntryKind.MAIL_IN.value, EntryKind.MAIL_OUT.value, EntryKind.MAIL_HELD.value)

_TIMELINE = (
    select(
        timeline,
        outbox.c.subject.label("out_subject"),
        outbox.c.message_id.label("out_message_id"),
        outbox.c.state.label("out_state"),
        outbox.c.content.label("out_content"),
        outbox.c.due_at.label("out_due_at"),
        outbox.c.last_error.label("out_last_error"),
        outbox.c.system_generated.label("out_system"),
        inbound.c.subject.label("in_subject"),
        inbound.c.message_id.label("in_message_id"),
        inbound.c.state.label("in_state"),
        inbound.c.from_address.label("in_address"),
        inbound.c.from_name.label("in_name"),
        inbound_body.c.people.label("in_people"),
        inbound_body.c.new_text.label("in_text"),
        inbound_body.c.attachments.label("in_attachments"),
    )
    .select_from(
        timeline.outerjoin(outbox, and_(timeline.c.outbox_id == outbox.c.id, timeline.c.kind.in_(MAILS)))
        .outerjoin(inbound, and_(timeline.c.inbound_id == inbound.c.id, timeline.c.kind.in_(MAILS)))
        .outerjoin(inbound_body, inbound_body.c.inbound_id == inbound.c.id)
    )
    .where(timeline.c.item_id == bindparam("item_id"))
    .order_by(timeline.c.seq.desc())
    .limit(bindparam("most"))
)
_RECIPIENTS = select(outbox_recipient).where(outbox_recipient.c.outbox_id.in_(bindparam("ids", expanding=True))).order_by(outbox_recipient.c.address_key)
_REFS = select(item.c.id, item.c.ref, item.c.title, item.c.status).where(item.c.id.in_(bindparam("ids", expanding=True)))


# ---------------------------------------------------------------- sight


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


def outbox_ids(connection: Connection, sight: Sight, *, states: Sequence[str] = (), item_id: str = "", limit: int = MOST_ITEMS) -> list[str]:
    """Ids of the mails of the outbox within sight, those due last first."""
    wanted = [visible_outbox(sight)]
    if states:
        wanted.append(outbox.c.state.in_(list(states)))
    if item_id:
        wanted.append(outbox.c.item_id == item_id)
    return list(connection.execute(select(outbox.c.id).where(*wanted).order_by(outbox.c.due_at.desc(), outbox.c.seq.desc()).limit(limit)).scalars())


def visible_inbound(sight: Sight, setup: Setup) -> ColumnElement[bool]:
    """Which inbound messages are seen: those tied to items within sight, and those of connectors with a route to a queue within sight (B-UH-03)."""
    if sight.everything:
        return true()
    queues = {process.name: process.queue for process in setup.processes}
    connectors = sorted({route.connector for route in setup.routes if queues.get(route.process) in sight.queues})
    tied = exists().where(inbound_verdict.c.inbound_id == inbound.c.id, inbound_verdict.c.item_id == item.c.id, visible(sight))
    came = exists().where(inbound_verdict.c.inbound_id == inbound.c.id, inbound_verdict.c.item_id.is_(None), inbound_verdict.c.connector.in_(connectors))
    return or_(tied, came)


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


def show_item(connection: Connection, setup: Setup, work_item: WorkItem, *, lines: int = MOST_LINES) -> dict[str, Any]:
    """An item with its links and its timeline, newest first."""
    contacts = contacts_of(connection, (work_item.id,))[work_item.id]
    shown = item_json(work_item, setup, contacts)
    shown |= {
        "description": work_item.description,
        "resolution": resolution_json(work_item.resolution),
        "links": _links(connection, work_item.id),
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


def moment_json(moment: datetime | None) -> str | None:
    """ISO 8601 with Z, or None."""
    return moment.isoformat().replace("+00:00", "Z") if moment is not None else None


def _links(connection: Connection, item_id: str) -> list[dict[str, Any]]:
    links = links_of(connection, (item_id,))[item_id]
    refs = {row.id: row for row in connection.execute(_REFS, {"ids": [link.other_id for link in links]})} if links else {}
    return [
        {"kind": link.kind, "ref": refs[link.other_id].ref, "title": refs[link.other_id].title, "status": refs[link.other_id].status}
        for link in links
        if link.other_id in refs
    ]


# ---------------------------------------------------------------- timeline


def timeline_of(connection: Connection, work_item: WorkItem, *, most: int = MOST_LINES) -> list[dict[str, Any]]:
    """The timeline of an item, newest first (A-TL-01); mails carry what the contract names, the resolution is marked (A-TK-19)."""
    rows = connection.execute(_TIMELINE, {"item_id": work_item.id, "most": most}).all()
    out_ids = [row.outbox_id for row in rows if row.kind == EntryKind.MAIL_OUT.value and row.outbox_id]
    people = _recipients(connection, out_ids)
    return [_line(row, people, work_item.resolution) for row in rows]


def _recipients(connection: Connection, ids: Sequence[str]) -> dict[str, list[RowMapping]]:
    found: dict[str, list[RowMapping]] = {}
    for row in connection.execute(_RECIPIENTS, {"ids": list(ids)}).mappings() if ids else ():
        found.setdefault(row["outbox_id"], []).append(row)
    return found


def _line(row: Any, people: Mapping[str, Sequence[RowMapping]], resolution: Resolution | None) -> dict[str, Any]:
    line: dict[str, Any] = {"seq": row.seq, "at": moment_json(row.at), "kind": row.kind, "by": row.by, "text": row.text, "system": row.system}
    line |= {name: value for name, value in (row.facts or {}).items() if name not in line}
    if row.kind == EntryKind.MAIL_OUT.value and row.out_state is not None:
        line |= _mail_out(row, people.get(row.outbox_id, ()))
    elif row.kind in MAILS and row.in_state is not None:
        line |= _mail_in(row)
    if row.outbox_id:
        line["outbox_id"] = row.outbox_id
    if row.inbound_id:
        line["inbound_id"] = row.inbound_id
    line["resolution"] = _is_resolution(row, resolution)
    return line


def _mail_out(row: Any, people: Sequence[RowMapping]) -> dict[str, Any]:
    content = row.out_content or {}
    shown = content.get("shown") or content
    names = content.get("names") or {}
    name, address = content.get("from") or ("", "")
    listed = {role: [_person(one["address"], names.get(one["address_key"], "")) for one in people if one["role"] == role] for role in ("to", "cc")}
    return {
        "text": str(shown.get("text") or row.text),
        "subject": row.out_subject,
        "from": _person(address, name),
        "to": listed["to"],
        "cc": listed["cc"],
        "message_id": row.out_message_id,
        "state": row.out_state,
        "due_at": moment_json(row.out_due_at),
        "last_error": row.out_last_error,
        "system": bool(row.out_system),
        "recipients": [{"address": one["address"], "outcome": one["outcome"], "words": one["words"]} for one in people],
    }


def _mail_in(row: Any) -> dict[str, Any]:
    people = row.in_people or {}
    return {
        "text": row.text or row.in_text or "",
        "subject": row.in_subject,
        "from": _person(row.in_address, row.in_name),
        "to": [_person(address, name) for name, address in people.get("to", ())],
        "cc": [_person(address, name) for name, address in people.get("cc", ())],
        "message_id": row.in_message_id,
        "state": row.in_state,
        "attachments": [
            {"name": one.get("name", ""), "content_type": one.get("content_type", ""), "size": one.get("size", 0)} for one in row.in_attachments or ()
        ],
    }


def _is_resolution(row: Any, resolution: Resolution | None) -> bool:
    """Whether this note or mail is what resolved the item (A-TK-19)."""
    if resolution is None or row.kind not in (EntryKind.NOTE.value, EntryKind.MAIL_OUT.value):
        return False
    if row.kind == EntryKind.MAIL_OUT.value:
        return bool(resolution.outbox_id) and row.outbox_id == resolution.outbox_id
    return row.seq == resolution.note_seq or bool((row.facts or {}).get("resolution"))


def _person(address: str, name: str) -> str:
    return f"{name} <{address}>" if name else address
