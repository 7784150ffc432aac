"""What is shown of outgoing messages, with the field names of contract section 3; reading their rows is `outbox_rows.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from core.conversation import UNSENT
from core.decision import EntryKind
from core.mail import Address
from core.outbox import OutboxMessage, OutboxState
from core.overtaken import TOLD, WROTE_AT, Kind
from gateway.store import sent_copies
from gateway.store.moments import moment_json
from gateway.store.schema import item, outbox_attempt, state_change, timeline

_REFS = select(item.c.id, item.c.ref).where(item.c.id.in_(bindparam("ids", expanding=True)))
_ATTEMPTS = select(outbox_attempt).where(outbox_attempt.c.outbox_id == bindparam("wanted")).order_by(outbox_attempt.c.n)
_ATTEMPT_WORDS = ("outcome", "words", "queue_id")
_HISTORY = select(state_change).where(state_change.c.what == "outbox", state_change.c.row_id == bindparam("wanted")).order_by(state_change.c.seq)
_WARNINGS = (
    select(timeline.c.outbox_id, timeline.c.text, timeline.c.facts)
    .where(
        timeline.c.item_id.in_(bindparam("item_ids", expanding=True)),
        timeline.c.outbox_id.in_(bindparam("ids", expanding=True)),
        timeline.c.kind == EntryKind.ATTENTION.value,
    )
    .order_by(timeline.c.seq)
)


@dataclass(frozen=True, slots=True)
class Warned:
    """What the author of a mail should know, as sentences, and when the customer wrote last since (ISO 8601 in UTC, or None)."""

    sentences: tuple[str, ...] = ()
    customer_wrote_at: str | None = None


QUIET = Warned()


def warnings_of(connection: Connection, found: Iterable[OutboxMessage]) -> dict[str, Warned]:
    """Outbox id → what overtook the mail while it waited, of the mails that have not left (decisions.md 16); read from the timelines."""
    waiting = {message.id: message.item_id for message in found if message.item_id and not message.system_generated and message.state in UNSENT}
    if not waiting:
        return {}
    warned: dict[str, Warned] = {}
    for row in connection.execute(_WARNINGS, {"ids": list(waiting), "item_ids": list(dict.fromkeys(waiting.values()))}):
        facts: Mapping[str, Any] = row.facts or {}
        if TOLD in facts:
            so_far = warned.get(row.outbox_id, QUIET)
            wrote_at = facts[WROTE_AT].replace("+00:00", "Z") if facts[TOLD] == Kind.CUSTOMER_WROTE else so_far.customer_wrote_at
            warned[row.outbox_id] = Warned((*so_far.sentences, row.text), wrote_at)
    return warned


def warnings_on(connection: Connection, message: OutboxMessage) -> Warned:
    """The same for one mail."""
    return warnings_of(connection, (message,)).get(message.id, QUIET)


def refs_of(connection: Connection, item_ids: Iterable[str]) -> dict[str, str]:
    """Item id → reference, for lists."""
    wanted = list(dict.fromkeys(one for one in item_ids if one))
    return {row.id: row.ref for row in connection.execute(_REFS, {"ids": wanted})} if wanted else {}


def as_json(message: OutboxMessage, ref: str = "", *, disabled: Collection[str] = (), warned: Warned = QUIET) -> dict[str, Any]:
    """A message with the fields of contract section 3; `disabled` are the connectors that were switched off, `warned` is what overtook it."""
    waits = message.state in (OutboxState.QUEUED, OutboxState.PENDING_RETRY)
    content: Mapping[str, Any] = message.content
    name, address = content.get("from", ("", ""))
    return {
        "id": message.id,
        "item": ref or content.get("ref") or None,
        "subject": message.subject,
        "from": str(Address(address, name)),
        "to": [str(one.address) for one in message.recipients if one.role == "to"],
        "cc": [str(one.address) for one in message.recipients if one.role == "cc"],
        "state": "connector_disabled" if waits and message.connector in disabled else str(message.state),
        "due_at": moment_json(message.due_at),
        "attempts": message.attempts,
        "next_attempt_at": moment_json(message.due_at) if waits else None,
        "last_attempt_at": moment_json(message.last_attempt_at),
        "last_error": message.last_error,
        "connector": message.connector,
        "importance": str(message.importance),
        "system_generated": message.system_generated,
        "message_id": message.message_id,
        "queue_id": message.queue_id,
        "recipients": [{"address": one.address.address, "outcome": str(one.outcome), "words": one.words} for one in message.recipients],
        "author": message.author,
        "created_at": moment_json(message.created_at),
        "first_failed_at": moment_json(message.first_failed_at),
        "sent_at": moment_json(message.sent_at),
        "hold_reason": message.hold_reason,
        "scheduled": message.scheduled,
        "resolves": message.resolves,
        "attachment_count": message.attachment_count,
        "cancel_if_answered": message.cancel_if_answered,
        "warnings": list(warned.sentences),
        "customer_wrote_at": warned.customer_wrote_at,
    }


def detail(connection: Connection, message: OutboxMessage, *, disabled: Collection[str] = ()) -> dict[str, Any]:
    """A message with its text, its attempts and its history, for `outbox show`."""
    shown: Any = message.content.get("shown") or message.content
    return {
        **as_json(
            message,
            refs_of(connection, (message.item_id or "",)).get(message.item_id or "", ""),
            disabled=disabled,
            warned=warnings_on(connection, message),
        ),
        "bcc": [str(one.address) for one in message.recipients if one.role == "bcc"],
        "text": shown["text"],
        "files": [{name: one[name] for name in ("id", "name", "content_type", "size")} for one in draft_files(message) if not one["inline_id"]],
        "tries_left": message.tries_left,
        "log": [
            {"n": row.n, "began_at": moment_json(row.began_at), "ended_at": moment_json(row.ended_at), **{name: getattr(row, name) for name in _ATTEMPT_WORDS}}
            for row in connection.execute(_ATTEMPTS, {"wanted": message.id})
        ],
        "history": history(connection, message.id),
        **_sent_copy(connection, message.id),
    }


def draft_files(message: OutboxMessage) -> list[dict[str, Any]]:
    """The files that a message carries, as it is sealed from them."""
    stored: Any = message.content.get("files")
    return list(stored or ())


def _sent_copy(connection: Connection, outbox_id: str) -> dict[str, Any]:
    """How the copy for the folder Sent fares, while it is not there; {} for most mails."""
    copy = sent_copies.of(connection, outbox_id)
    if copy is None:
        return {}
    said = {"tries": copy.attempts, "next_at": None if copy.given_up_at else moment_json(copy.due_at), "last_error": copy.last_error}
    return {"sent_copy": {"state": "given up" if copy.given_up_at else "waiting", **said}}


def history(connection: Connection, outbox_id: str) -> list[dict[str, Any]]:
    """Every change of state of a message, oldest first."""
    rows = connection.execute(_HISTORY, {"wanted": outbox_id})
    return [{"at": moment_json(row.at), "was": row.was, "became": row.became, "by": row.by, "reason": row.reason} for row in rows]
