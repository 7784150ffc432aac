"""Timelines as JSON, newest first: mails with what the contract names, the resolution marked; writing lines is `items.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, bindparam, select

from core.decision import EntryKind
from core.outbox import OutboxState
from core.work_item import Resolution, WorkItem
from gateway.store.inbound_more import more_json
from gateway.store.moments import moment_json
from gateway.store.schema import inbound, inbound_body, outbox, outbox_recipient, outbox_text, timeline

MOST_LINES = 2_000
MOMENT_FACTS = ("until", "scheduled_for")
"""Facts that are moments, besides those that end in `_at`."""
UNSHOWN = frozenset({"undo"})
"""Facts that only an undo asks for."""
WAITING = (OutboxState.QUEUED.value, OutboxState.HELD.value)
"""States in which a scheduled mail is still to leave at the time that it has now, whatever it had when it was written."""
MAILS = (EntryKind.MAIL_IN.value, EntryKind.MAIL_OUT.value, EntryKind.MAIL_HELD.value)

_TIMELINE = (
    select(
        timeline,
        outbox.c.subject.label("out_subject"),
        outbox.c.message_id.label("out_message_id"),
        outbox.c.state.label("out_state"),
        outbox.c.content.label("out_content"),
        outbox_text.c.texts.label("out_texts"),
        outbox.c.due_at.label("out_due_at"),
        outbox.c.scheduled.label("out_scheduled"),
        outbox.c.attempts.label("out_attempts"),
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
        inbound_body.c.more.label("in_more"),
    )
    .select_from(
        timeline.outerjoin(outbox, and_(timeline.c.outbox_id == outbox.c.id, timeline.c.kind.in_(MAILS)))
        .outerjoin(outbox_text, outbox_text.c.outbox_id == outbox.c.id)
        .outerjoin(inbound, and_(timeline.c.inbound_id == inbound.c.id, timeline.c.kind.in_(MAILS)))
        .outerjoin(inbound_body, inbound_body.c.inbound_id == inbound.c.id)
    )
    .where(timeline.c.item_id == bindparam("item_id"))
    .order_by(timeline.c.seq.desc())
    .limit(bindparam("most"))
)
_RECIPIENTS = select(outbox_recipient).where(outbox_recipient.c.outbox_id.in_(bindparam("ids", expanding=True))).order_by(outbox_recipient.c.address_key)


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
    line |= {name: _fact(name, value) for name, value in (row.facts or {}).items() if name not in line and name not in UNSHOWN}
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


def _fact(name: str, value: Any) -> Any:
    """A fact as stored; moments as everywhere in JSON, with Z."""
    return value.replace("+00:00", "Z") if isinstance(value, str) and (name in MOMENT_FACTS or name.endswith("_at")) else value


def _mail_out(row: Any, people: Sequence[RowMapping]) -> dict[str, Any]:
    content = {**(row.out_content or {}), **(row.out_texts or {})}
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
        **({"scheduled_for": moment_json(row.out_due_at)} if row.out_scheduled and not row.out_attempts and row.out_state in WAITING else {}),
        "last_error": row.out_last_error,
        "system": bool(row.out_system),
        "recipients": [{"address": one["address"], "outcome": one["outcome"], "words": one["words"]} for one in people],
        "attachments": [{name: one[name] for name in ("id", "name", "content_type", "size")} for one in content.get("files") or () if not one["inline_id"]],
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
        **more_json(row.in_more),
    }


def _is_resolution(row: Any, resolution: Resolution | None) -> bool:
    """Whether this note or mail is what resolved the item (A-TK-19)."""
    if resolution is None or row.kind not in (EntryKind.NOTE.value, EntryKind.MAIL_OUT.value):
        return False
    if row.kind == EntryKind.MAIL_OUT.value and row.outbox_id:
        return bool(resolution.outbox_id) and row.outbox_id == resolution.outbox_id
    return row.seq == resolution.note_seq or bool((row.facts or {}).get("resolution"))


def _person(address: str, name: str) -> str:
    return f"{name} <{address}>" if name else address
