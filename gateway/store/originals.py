"""The mails of an item as originals that a letter may be about, in either direction; what a letter does with one is `core/original.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from core.decision import EntryKind
from core.evidence import Evidence
from core.mail import Address, address_key
from core.original import Original
from core.outbox import INTERNAL, FileRef, OutboxMessage, OutboxState, Outcome
from gateway.store.mail_on_item import GONE
from gateway.store.outbox_rows import draft_of, get
from gateway.store.schema import inbound, inbound_body, outbox, raw_mail, timeline

HELD = EntryKind.MAIL_HELD.value
_IN = (
    select(
        timeline.c.kind,
        timeline.c.facts,
        inbound.c.id,
        inbound.c.received_at,
        inbound.c.message_id,
        inbound.c.subject,
        inbound.c.from_address,
        inbound.c.from_name,
        inbound_body.c.people,
        inbound_body.c.new_text,
        inbound_body.c.quoted_text,
        inbound_body.c.html,
    )
    .select_from(timeline.join(inbound, timeline.c.inbound_id == inbound.c.id).outerjoin(inbound_body, inbound_body.c.inbound_id == inbound.c.id))
    .where(timeline.c.item_id == bindparam("its_item"), timeline.c.inbound_id == bindparam("its_mail"), timeline.c.kind.in_((EntryKind.MAIL_IN.value, HELD)))
    .order_by(timeline.c.seq.desc())
)
_NEWEST = (
    select(timeline.c.inbound_id, timeline.c.outbox_id, timeline.c.facts, outbox.c.system_generated)
    .select_from(timeline.outerjoin(outbox, timeline.c.outbox_id == outbox.c.id))
    .where(
        timeline.c.item_id == bindparam("its_item"),
        timeline.c.kind.in_((EntryKind.MAIL_IN.value, EntryKind.MAIL_OUT.value)),
        func.coalesce(outbox.c.state, "") != OutboxState.CANCELLED.value,
    )
    .order_by(timeline.c.seq.desc())
    .limit(200)
)
_RAW = select(raw_mail.c.bytes).where(raw_mail.c.id == bindparam("its_mail"))
_REACHED = frozenset({Outcome.ACCEPTED, Outcome.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Found:
    """An original, which way it went, and the stored files that an outgoing one carries."""

    original: Original
    inbound: bool
    files: tuple[FileRef, ...] = ()


def original_of(connection: Connection, item_id: str, mail_id: str) -> Found | None:
    """The mail of the item with this id, an inbound message's or an outgoing one's; None where the item has no such mail, or has it no more."""
    rows = [row for row in connection.execute(_IN, {"its_item": item_id, "its_mail": mail_id}) if (row.facts or {}).get("action") not in GONE]
    if rows:
        stands = next((row for row in rows if row.kind != HELD), rows[0])
        return Found(_of_inbound(stands), inbound=True)
    message = get(connection, mail_id)
    if message is None or message.item_id != item_id or message.purpose in INTERNAL:
        return None
    return Found(_of_outbox(message), inbound=False, files=draft_of(message)[0].files)


def newest(connection: Connection, item_id: str, *, either_way: bool) -> str:
    """Id of the newest mail that stands on the item and came in, or with `either_way` also one by a person that was not cancelled; '' for none."""
    for row in connection.execute(_NEWEST, {"its_item": item_id}):
        if row.inbound_id and (row.facts or {}).get("action") not in GONE:
            return str(row.inbound_id)
        if either_way and row.outbox_id and row.system_generated is False:
            return str(row.outbox_id)
    return ""


def raw_of(connection: Connection, mail_id: str) -> bytes:
    """The bytes of a mail as it came or left; b'' if they are not there."""
    found: bytes | None = connection.execute(_RAW, {"its_mail": mail_id}).scalar()
    return bytes(found) if found is not None else b""


def _of_inbound(row: Any) -> Original:
    author = Address(row.from_address, row.from_name) if row.from_address else None
    to, cc, reply_to = (tuple(Address(address, name) for name, address in (row.people or {}).get(role, ())) for role in ("to", "cc", "reply_to"))
    everybody = (*to, *cc, *reply_to, *((author,) if author is not None else ()))
    return Original(
        id=row.id,
        at=row.received_at,
        message_id=row.message_id,
        subject=row.subject,
        author=author,
        text="\n\n".join(filter(None, (row.new_text, row.quoted_text))),
        html=row.html or "",
        had=frozenset(one.key for one in everybody),
        weak=(row.facts or {}).get("evidence") == Evidence.WEAK.value,
        held=row.kind == HELD,
        to=to,
        cc=cc,
        reply_to=reply_to,
    )


def _of_outbox(message: OutboxMessage) -> Original:
    draft, _ = draft_of(message)
    address = draft.from_.address
    return Original(
        id=message.id,
        at=message.sent_at or message.created_at,
        message_id=message.message_id,
        subject=message.subject,
        author=draft.from_,
        to=tuple(one.address for one in message.recipients if one.role == "to"),
        cc=tuple(one.address for one in message.recipients if one.role == "cc"),
        text=draft.text,
        html=draft.html,
        had=frozenset({address_key(address), *(one.address.key for one in message.recipients if one.outcome in _REACHED)}),
        ours=True,
    )
