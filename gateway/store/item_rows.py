"""Work items as database rows and back: clocks, resolutions and what an undo gives back become plain JSON; statements are in `items.py`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from core.status import Place, Reason, ResolutionMethod, Status, WaitType
from core.wait import Clocks
from core.work_item import Before, Resolution, WorkItem

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NO_CLOCKS = Clocks()
_STATUS = {str(status): status for status in Status}
_WAIT = {str(wait): wait for wait in WaitType}
_METHOD = {str(method): method for method in ResolutionMethod}
_REASON = {str(reason): reason for reason in Reason}


def item_row(item: WorkItem) -> dict[str, Any]:
    """All columns of an item except `id` and `version`; `alarm_at` is the earliest moment of its clocks."""
    return {
        "kind": item.kind,
        "number": item.number,
        "ref": item.ref,
        "title": item.title,
        "description": item.description,
        "status": item.status.value,
        "wait_type": item.wait_type.value if item.wait_type else None,
        "resolution_method": item.resolution_method.value if item.resolution_method else None,
        "reason": item.reason.value,
        "process_id": item.process_id,
        "category": item.category,
        "company": item.company,
        "home_queue": item.home_queue,
        "queue": item.queue,
        "assignee": item.assignee,
        "owner": item.owner,
        "new_information": item.new_information,
        "attention": item.attention,
        "created_at": item.created_at,
        "created_by": item.created_by,
        "updated_at": item.updated_at,
        "updated_by": item.updated_by,
        "alarm_at": item.clocks.alarm_at,
        "clock": clocks_json(item.clocks),
        "resolution": resolution_json(item.resolution),
        "before": _before_json(item.before),
        "connector": item.connector,
        "reply_from": item.reply_from,
        "language": item.language,
        "send_automated_emails": item.send_automated_emails,
        "due_at": item.due_at,
        "test": item.test,
    }


def item_of(row: Any) -> WorkItem:
    """The work item of one row with all columns of the table."""
    return WorkItem(
        id=row.id,
        kind=row.kind,
        number=row.number,
        ref=row.ref,
        title=row.title,
        process_id=row.process_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        status=_STATUS[row.status],
        wait_type=_WAIT[row.wait_type] if row.wait_type else None,
        resolution_method=_METHOD[row.resolution_method] if row.resolution_method else None,
        reason=_REASON[row.reason],
        version=row.version,
        description=row.description,
        category=row.category,
        company=row.company,
        home_queue=row.home_queue,
        queue=row.queue,
        assignee=row.assignee,
        owner=row.owner,
        new_information=row.new_information,
        attention=row.attention,
        created_by=row.created_by,
        updated_by=row.updated_by,
        clocks=clocks_of(row.clock),
        resolution=resolution_of(row.resolution),
        before=_before_of(row.before),
        connector=row.connector,
        reply_from=row.reply_from,
        language=row.language,
        send_automated_emails=row.send_automated_emails,
        due_at=row.due_at,
        test=bool(row.test),
    )


def clocks_json(clocks: Clocks) -> dict[str, Any]:
    """Clocks as JSON: moments and durations in microseconds, only what is set."""
    if clocks == _NO_CLOCKS:
        return {}
    said: dict[str, Any] = {
        "wait_until": _micro(clocks.wait_until),
        "answer_within": _span(clocks.answer_within),
        "answer_due": _micro(clocks.answer_due),
        "close_if_no_answer": clocks.close_if_no_answer or None,
        "feedback_window": _span(clocks.feedback_window),
        "feedback_until": _micro(clocks.feedback_until),
        "not_before": _micro(clocks.not_before),
        "after_mail": clocks.after_mail or None,
        "stopped_by": list(clocks.stopped_by) or None,
        "stopped_at": _micro(clocks.stopped_at),
    }
    return {name: value for name, value in said.items() if value is not None}


def clocks_of(said: Mapping[str, Any] | None) -> Clocks:
    """The clocks that `clocks_json` wrote."""
    if not said:
        return _NO_CLOCKS
    return Clocks(
        wait_until=_moment(said.get("wait_until")),
        answer_within=_duration(said.get("answer_within")),
        answer_due=_moment(said.get("answer_due")),
        close_if_no_answer=bool(said.get("close_if_no_answer")),
        feedback_window=_duration(said.get("feedback_window")),
        feedback_until=_moment(said.get("feedback_until")),
        not_before=_moment(said.get("not_before")),
        after_mail=said.get("after_mail", ""),
        stopped_by=tuple(said.get("stopped_by", ())),
        stopped_at=_moment(said.get("stopped_at")),
    )


def resolution_json(resolution: Resolution | None) -> dict[str, Any] | None:
    """A resolution with the earlier ones it follows."""
    if resolution is None:
        return None
    return {
        "by": resolution.by,
        "at": _micro(resolution.at),
        "method": resolution.method.value,
        "outbox_id": resolution.outbox_id,
        "note_seq": resolution.note_seq,
        "earlier": [resolution_json(earlier) for earlier in resolution.earlier],
    }


def resolution_of(said: Mapping[str, Any] | None) -> Resolution | None:
    """The resolution that `resolution_json` wrote."""
    return None if said is None else _resolution(said)


def _resolution(said: Mapping[str, Any]) -> Resolution:
    return Resolution(
        by=said["by"],
        at=_at(said["at"]),
        method=_METHOD[said["method"]],
        outbox_id=said["outbox_id"],
        note_seq=said["note_seq"],
        earlier=tuple(_resolution(earlier) for earlier in said.get("earlier", ())),
    )


def _before_json(before: Before | None) -> dict[str, Any] | None:
    if before is None:
        return None
    return {
        "version": before.version,
        "status": before.place.status.value,
        "wait_type": before.place.wait_type.value if before.place.wait_type else None,
        "reason": before.reason.value,
        "assignee": before.assignee,
        "owner": before.owner,
        "queue": before.queue,
        "clock": clocks_json(before.clocks),
        "resolution": resolution_json(before.resolution),
        "outbox_id": before.outbox_id,
        "new_information": before.new_information,
        "attention": before.attention,
    }


def _before_of(said: Mapping[str, Any] | None) -> Before | None:
    if said is None:
        return None
    return Before(
        version=said["version"],
        place=Place(_STATUS[said["status"]], _WAIT[said["wait_type"]] if said["wait_type"] else None),
        reason=_REASON[said["reason"]],
        assignee=said["assignee"],
        owner=said["owner"],
        queue=said["queue"],
        clocks=clocks_of(said["clock"]),
        resolution=resolution_of(said["resolution"]),
        outbox_id=said["outbox_id"],
        new_information=said.get("new_information", False),
        attention=said.get("attention", ""),
    )


def _micro(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def _at(said: int) -> datetime:
    return _EPOCH + timedelta(microseconds=said)


def _moment(said: int | None) -> datetime | None:
    return None if said is None else _at(said)


def _span(duration: timedelta | None) -> int | None:
    return None if duration is None else duration // _MICROSECOND


def _duration(said: int | None) -> timedelta | None:
    return None if said is None else timedelta(microseconds=said)
