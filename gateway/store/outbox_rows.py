"""Rows of the outbox made values and back; moving them is `outboxes.py` and `outbox_claims.py`, showing them `outbox_shown.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, select, update

from core.conversation import UNSENT
from core.mail import Address, Importance
from core.outbox import Draft, FileRef, OutboxMessage, OutboxState, Outcome, Purpose, Recipient, Sealed
from gateway.store import outbox_texts
from gateway.store.schema import outbox, outbox_recipient, raw_mail, state_change

PLAIN = tuple(
    """id seq item_id due_at created_at author system_generated connector message_id envelope_from subject content scheduled resolves
    starts_clock hold_reason retry_template_id attempts tries_left unknown_repeats sealed marked last_attempt_at last_error
    first_failed_at sent_at lease_until attachment_count queue_id""".split()
)
"""Columns that are the same in the value."""

SELECT = select(outbox)
_ONE = SELECT.where(outbox.c.id == bindparam("wanted"))
_ONE_LOCKED = _ONE.with_for_update()
_SOME = SELECT.where(outbox.c.id.in_(bindparam("ids", expanding=True))).order_by(outbox.c.seq, outbox.c.id)
_OF_ITEM = SELECT.where(outbox.c.item_id == bindparam("wanted_item")).order_by(outbox.c.seq, outbox.c.id)
_MADE_AT = select(outbox.c.id, outbox.c.sent_at, outbox.c.created_at).where(outbox.c.id.in_(bindparam("ids", expanding=True)))
_RECIPIENTS = (
    select(outbox_recipient)
    .where(outbox_recipient.c.outbox_id.in_(bindparam("ids", expanding=True)))
    .order_by(outbox_recipient.c.outbox_id, outbox_recipient.c.address_key)
)
_UNSENT = and_(
    outbox.c.item_id.in_(bindparam("item_ids", expanding=True)),
    outbox.c.state.in_([str(state) for state in sorted(UNSENT)]),
    outbox.c.system_generated.is_(False),
)
_UNSENT_OF = SELECT.where(_UNSENT).order_by(outbox.c.seq, outbox.c.id).limit(bindparam("most"))
_UNSENT_LOCKED = select(outbox.c.id).where(_UNSENT).order_by(outbox.c.id).with_for_update()
_RAW = select(outbox.c.signature, raw_mail.c.bytes).where(raw_mail.c.id == bindparam("wanted"), outbox.c.id == raw_mail.c.id)
INSERT_CHANGE = state_change.insert()
UPDATE_RECIPIENT = (
    update(outbox_recipient)
    .where(outbox_recipient.c.outbox_id == bindparam("its_id"), outbox_recipient.c.address_key == bindparam("its_key"))
    .values(outcome=bindparam("new_outcome"), words=bindparam("new_words"))
)

_ROLES = ("to", "cc", "bcc", "sys")
MOST_UNSENT = 200
"""Mails that one mail can overtake."""


# ---------------------------------------------------------------- reading


def messages(connection: Connection, rows: Iterable[Row[Any]], *, texts: bool = True) -> list[OutboxMessage]:
    """The values of outbox rows with their recipients, in the order of the rows; without long `texts` where nobody reads them."""
    kept = list(rows)
    ids = [row.id for row in kept]
    people = recipients_of(connection, ids)
    apart = outbox_texts.of(connection, ids) if texts else {}
    return [message_of(row, people.get(row.id, ()), apart.get(row.id)) for row in kept]


def get(connection: Connection, outbox_id: str, *, lock: bool = False) -> OutboxMessage | None:
    """One message, or None. `lock` keeps others from changing it until the transaction ends (PostgreSQL; SQLite has one writer)."""
    row = connection.execute(_ONE_LOCKED if lock else _ONE, {"wanted": outbox_id}).first()
    return messages(connection, (row,))[0] if row is not None else None


def load(connection: Connection, ids: Collection[str]) -> dict[str, OutboxMessage]:
    """The messages with these ids, those that exist."""
    if not ids:
        return {}
    return {message.id: message for message in messages(connection, connection.execute(_SOME, {"ids": list(ids)}))}


def made_at(connection: Connection, ids: Iterable[str]) -> dict[str, datetime]:
    """When each of these messages left, or was made where it has not; those that exist."""
    wanted = list(dict.fromkeys(ids))
    return {row.id: row.sent_at or row.created_at for row in connection.execute(_MADE_AT, {"ids": wanted})} if wanted else {}


def of_item(connection: Connection, item_id: str) -> list[OutboxMessage]:
    """The mails of an item, oldest first."""
    return messages(connection, connection.execute(_OF_ITEM, {"wanted_item": item_id}))


def unsent_of(connection: Connection, item_ids: Collection[str]) -> dict[str, tuple[OutboxMessage, ...]]:
    """The mails by people that have not left, by item, the oldest first; items without any are left out."""
    rows = connection.execute(_UNSENT_OF, {"item_ids": list(item_ids), "most": MOST_UNSENT}) if item_ids else ()
    found: dict[str, tuple[OutboxMessage, ...]] = {}
    for message in messages(connection, rows):
        found[message.item_id or ""] = (*found.get(message.item_id or "", ()), message)
    return found


def lock_unsent(connection: Connection, item_ids: Collection[str]) -> None:
    """Keep these mails as they are until the transaction ends. Call it before the items are locked: everybody locks a mail before its item."""
    if item_ids and connection.dialect.name != "sqlite":  # there is one writer on SQLite
        connection.execute(_UNSENT_LOCKED, {"item_ids": sorted(item_ids)}).all()


def listing(
    connection: Connection,
    *,
    states: Collection[OutboxState] = (),
    item_id: str = "",
    author: str = "",
    connector: str = "",
    ids: Collection[str] = (),
    limit: int = 500,
) -> list[OutboxMessage]:
    """Messages that fit every filter given, those due last first; at most `limit`."""
    statement = SELECT
    if states:
        statement = statement.where(outbox.c.state.in_([str(state) for state in states]))
    for column, wanted in ((outbox.c.item_id, item_id), (outbox.c.author, author), (outbox.c.connector, connector)):
        if wanted:
            statement = statement.where(column == wanted)
    if ids:
        statement = statement.where(outbox.c.id.in_(list(ids)))
    return messages(connection, connection.execute(statement.order_by(outbox.c.due_at.desc(), outbox.c.seq.desc()).limit(limit)))


def raw(connection: Connection, outbox_id: str) -> bytes:
    """The mail as it leaves: its signatures, where it has any, and the sealed bytes; b'' if there are none."""
    row = connection.execute(_RAW, {"wanted": outbox_id}).first()
    return row.signature.encode("ascii") + bytes(row.bytes) if row is not None else b""


def recipients_of(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[Recipient, ...]]:
    """Outbox id → its recipients: To, Cc, Bcc, each by address."""
    found: dict[str, list[Recipient]] = {}
    for row in connection.execute(_RECIPIENTS, {"ids": list(ids)}) if ids else ():
        found.setdefault(row.outbox_id, []).append(Recipient(Address(row.address), row.role, Outcome(row.outcome), row.words))
    return {one: tuple(sorted(people, key=lambda person: _ROLES.index(person.role))) for one, people in found.items()}


def message_of(row: Row[Any], recipients: tuple[Recipient, ...], texts: Mapping[str, Any] | None = None) -> OutboxMessage:
    """One row as a value, with the texts that are stored apart; the recipients get back the names they were written with."""
    values: Mapping[str, Any] = dict(row._mapping)
    if texts:
        values = {**values, "content": {**row.content, **texts}}
    names = dict(values["content"].get("names", ()))
    named = tuple(Recipient(Address(one.address.address, names.get(one.address.key, "")), one.role, one.outcome, one.words) for one in recipients)
    return OutboxMessage(
        **{name: values[name] for name in PLAIN},
        state=OutboxState(values["state"]),
        purpose=Purpose(values["purpose"]),
        importance=Importance(values["importance"]),
        lease_by=values["lease_by"] or "",
        recipients=named,
    )


# ---------------------------------------------------------------- what a mail is sealed from


def content_of(draft: Draft, ref: str) -> dict[str, Any]:
    """What a mail is sealed from, as plain JSON: everything of the draft that has no column of its own."""
    return {
        "from": [draft.from_.name, draft.from_.address],
        "names": {one.address.key: one.address.name for one in draft.recipients if one.address.name},
        "subject": draft.subject,
        "text": draft.text,
        "html": draft.html,
        "in_reply_to": draft.in_reply_to,
        "references": list(draft.references),
        "language": draft.language,
        "facts": dict(draft.facts),
        "ref": ref,
        **({"cancel_if_answered": True} if draft.cancel_if_answered else {}),
        **({"files": [asdict(one) for one in draft.files]} if draft.files else {}),
    }


def draft_of(message: OutboxMessage) -> tuple[Draft, str]:
    """The draft a stored message is sealed from, and the reference of its item."""
    content: Mapping[str, Any] = message.content
    name, address = content["from"]
    draft = Draft(
        id=message.id,
        item_id=message.item_id or "",
        purpose=message.purpose,
        connector=message.connector,
        from_=Address(address, name),
        recipients=message.recipients,
        due_at=message.due_at,
        author=message.author,
        subject=content["subject"],
        text=content["text"],
        html=content["html"],
        in_reply_to=content["in_reply_to"],
        references=tuple(content["references"]),
        language=content["language"],
        importance=message.importance,
        scheduled=message.scheduled,
        resolves=message.resolves,
        starts_clock=message.starts_clock,
        hold_reason=message.hold_reason,
        cancel_if_answered=message.cancel_if_answered,
        files=tuple(FileRef(**one) for one in content.get("files", ())),
        facts=content["facts"],
    )
    return draft, content["ref"]


def sealed_values(draft: Draft, sealed: Sealed, ref: str) -> dict[str, Any]:
    """The columns that sealing decides."""
    content = content_of(draft, ref)
    if draft.system_generated:
        content["shown"] = {"text": sealed.text, "html": sealed.html}
    return {
        "message_id": sealed.message_id,
        "envelope_from": sealed.envelope_from,
        "subject": sealed.subject,
        "content": content,
        "attachment_count": sealed.attachment_count,
        "sealed": True,
    }


def recipient_rows(outbox_id: str, recipients: Sequence[Recipient]) -> list[dict[str, Any]]:
    """One row for each address, the first role wins."""
    rows: dict[str, dict[str, Any]] = {}
    for one in recipients:
        row = {"outbox_id": outbox_id, "address_key": one.address.key, "address": one.address.address, "role": one.role, "outcome": str(one.outcome), "words": one.words}
        rows.setdefault(one.address.key, row)
    return list(rows.values())


def to_text(recipients: Sequence[Recipient]) -> str:
    """The To addresses as one line, for lists and searches."""
    return ", ".join(one.address.address for one in recipients if one.role == "to")[:4000]


def change_row(outbox_id: str, now: datetime, was: str, became: str, by: str, reason: str) -> dict[str, Any]:
    """One line of the history."""
    return {"what": "outbox", "row_id": outbox_id, "at": now, "was": str(was), "became": str(became), "by": by, "reason": reason[:2000]}
