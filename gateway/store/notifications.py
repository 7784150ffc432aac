"""What our people are to be told, as rows: written, claimed, told or dropped; whom something concerns is `core/notifications.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from core.by_mail import Occasion
from core.notifications import Notification, What
from core.outbox import Purpose
from core.status import Status
from core.work_item import WorkItem
from gateway.store.item_rows import item_of
from gateway.store.schema import item, notification, outbox

WAITING, DIGEST, TOLD, DROPPED = "waiting", "digest", "told", "dropped"
"""States of a row: told with a mail of its own, told with others, told, and not told after all."""

BY_WEIGHT = (Occasion.FAILED, Occasion.ASSIGNED, Occasion.NEW_INFORMATION, Occasion.OVERDUE, Occasion.AT_RISK, Occasion.IN_QUEUE)
"""Of several occasions in one mail the first is what the mail is about."""
MOST_ROWS = 500
"""Rows that are claimed for one mail; what there is more is told with the next."""
MOST_THREAD = 40

_N = notification.c
_OPEN_STATES = (WAITING, DIGEST)
_INSERT = insert(notification).on_conflict_do_nothing(index_elements=[_N.id])
_DUE = (
    select(_N.state, _N.user_key, _N.item_id, func.min(_N.due_at).label("first"))
    .where(_N.state.in_(_OPEN_STATES), _N.due_at <= bindparam("now"))
    .group_by(_N.state, _N.user_key, _N.item_id)
    .order_by(func.min(_N.due_at), _N.user_key, _N.item_id)
    .limit(bindparam("most"))
)
_RANK = {what: rank for rank, what in enumerate(What)}
"""Of one moment a mail is told before what came of it."""
_OF_ITEM = select(notification).where(_N.state == WAITING, _N.user_key == bindparam("whose"), _N.item_id == bindparam("its_item"))
_OF_DIGEST = select(notification).where(_N.state == DIGEST, _N.user_key == bindparam("whose"), _N.due_at <= bindparam("now"))
_CLAIM_ITEM, _CLAIM_DIGEST = (
    wanted.order_by(_N.at, _N.id).limit(MOST_ROWS).with_for_update(skip_locked=True) for wanted in (_OF_ITEM, _OF_DIGEST)
)
_LATELY = (
    select(func.max(_N.told_at))
    .where(_N.user_key == bindparam("whose"), _N.told_at > bindparam("since"), _N.state == TOLD)
    .group_by(_N.mail_id)
    .order_by(func.max(_N.told_at).desc())
    .limit(bindparam("most"))
)
_SETTLE = update(notification).where(_N.id == bindparam("its_id"), or_(_N.state == WAITING, _N.state == DIGEST))
_TOLD = _SETTLE.values(state=TOLD, told_at=bindparam("now"), mail_id=bindparam("its_mail"), inbound_id=bindparam("shown"))
_DROP = _SETTLE.values(state=DROPPED, because=bindparam("why"))
_PUT_OFF = _SETTLE.values(state=DIGEST, due_at=bindparam("until"), because=bindparam("why"))
_PRUNE = delete(notification).where(
    _N.state.in_((TOLD, DROPPED)), _N.due_at < bindparam("before"), or_(_N.told_at.is_(None), _N.told_at < bindparam("before"))
)
_THREAD = (
    select(outbox.c.message_id, outbox.c.seq)
    .where(
        outbox.c.purpose == Purpose.NOTIFICATION.value,
        outbox.c.id.in_(select(_N.mail_id).where(_N.item_id == bindparam("its_item"), _N.user_key == bindparam("whose"), _N.state == TOLD)),
    )
    .order_by(outbox.c.seq.desc())
    .limit(MOST_THREAD)
)
_ABOUT = select(notification, outbox.c.created_at.label("made_at")).select_from(notification.join(outbox, outbox.c.id == _N.mail_id)).where(
    _N.mail_id == bindparam("its_mail"), outbox.c.purpose == Purpose.NOTIFICATION.value
).order_by(_N.at, _N.id)  # fmt: skip


def _untold(occasion: Occasion) -> Any:
    """A row of a due date has that date as its moment."""
    return ~exists().where(_N.item_id == item.c.id, _N.occasion == occasion.value, _N.at == item.c.due_at)


_NEAR = (
    select(item)
    .where(
        item.c.due_at <= bindparam("soon", type_=item.c.due_at.type),
        item.c.due_at > bindparam("since", type_=item.c.due_at.type),
        item.c.status.not_in((Status.RESOLVED.value, Status.CLOSED.value, Status.DRAFT.value)),
        or_(item.c.assignee != "", item.c.owner != ""),
        or_(
            and_(item.c.due_at <= bindparam("now", type_=item.c.due_at.type), _untold(Occasion.OVERDUE)),
            and_(item.c.due_at > bindparam("now", type_=item.c.due_at.type), item.c.status != Status.IN_PROGRESS.value, _untold(Occasion.AT_RISK)),
        ),
    )
    .order_by(item.c.due_at)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notification that is to be told. Moments are aware UTC; `put_off`: it waits because too much was told within an hour."""

    id: str
    told: Notification
    at: datetime
    put_off: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """What is told with one mail: everything about an item to one person, or with `item_id` '' their digest."""

    user_key: str
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a notification told of: ids of mails in and out, the occasion it is about, whether of an internal note; `at` (aware UTC) is when it was made."""

    item_id: str
    inbound_ids: tuple[str, ...]
    outbox_ids: tuple[str, ...]
    occasion: Occasion
    internal: bool
    at: datetime


def add(connection: Connection, rows: Iterable[tuple[str, Notification, datetime]], at: datetime, *, because: str = "") -> None:
    """Write (id, notification, when it is told); an id that is there stays as it is. `because` not empty: it is not told, and why."""
    values = [
        {
            "id": row_id, "user_key": one.user_key[:320], "occasion": str(one.occasion), "what": str(one.what), "item_id": one.item_id, "at": at,
            "by": one.by[:320], "inbound_id": one.inbound_id, "outbox_id": one.outbox_id, "words": one.words,
            "state": DROPPED if because else DIGEST if one.digest else WAITING, "due_at": due_at, "told_at": None, "mail_id": "", "because": because,
        }
        for row_id, one, due_at in rows
    ]  # fmt: skip
    if values:
        connection.execute(_INSERT, values)


def due(connection: Connection, now: datetime, most: int) -> tuple[Group, ...]:
    """What is to be told at `now`, the longest due first."""
    rows = connection.execute(_DUE, {"now": now, "most": most})
    return tuple(dict.fromkeys(Group(row.user_key, row.item_id if row.state == WAITING else "") for row in rows))


def claim(connection: Connection, group: Group, now: datetime) -> tuple[Waiting, ...]:
    """The rows of a group, the oldest first, also those that came a moment ago. Nobody else gets them until the transaction ends; what somebody else has is left out."""
    if group.item_id:
        rows = connection.execute(_CLAIM_ITEM, {"whose": group.user_key, "its_item": group.item_id})
    else:
        rows = connection.execute(_CLAIM_DIGEST, {"whose": group.user_key, "now": now})
    made = (Waiting(row.id, _notification(row), row.at, bool(row.because)) for row in rows)
    return tuple(sorted(made, key=lambda one: (one.at, _RANK[one.told.what], one.id)))


def lately(connection: Connection, user_key: str, since: datetime, most: int) -> tuple[datetime, ...]:
    """When the newest `most` mails were made that told somebody something since then, the newest first."""
    return tuple(connection.execute(_LATELY, {"whose": user_key, "since": since, "most": most}).scalars())


def settle_told(connection: Connection, rows: Sequence[Waiting], mail_id: str, now: datetime, shown: dict[str, str]) -> None:
    """These were told with this mail. `shown`: row id → the mail that came in whose words it showed."""
    values = [{"its_id": one.id, "its_mail": mail_id, "now": now, "shown": shown.get(one.id, one.told.inbound_id)} for one in rows]
    if values:
        connection.execute(_TOLD, values)


def settle_dropped(connection: Connection, rows: Collection[tuple[Waiting, str]]) -> None:
    """These are not told, and why."""
    if rows:
        connection.execute(_DROP, [{"its_id": one.id, "why": because} for one, because in rows])


def put_off(connection: Connection, rows: Sequence[Waiting], until: datetime, because: str) -> None:
    """These are told later, with others."""
    if rows:
        connection.execute(_PUT_OFF, [{"its_id": one.id, "until": until, "why": because} for one in rows])


def thread(connection: Connection, group: Group) -> tuple[str, ...]:
    """Message-IDs of what a person was told of an item before, the oldest first."""
    return tuple(row.message_id for row in connection.execute(_THREAD, {"whose": group.user_key, "its_item": group.item_id}))[::-1]


def told_about(connection: Connection, outbox_id: str) -> Told | None:
    """What a mail of purpose NOTIFICATION told of; None for every other mail."""
    rows = connection.execute(_ABOUT, {"its_mail": outbox_id}).all() if outbox_id else []
    if not rows:
        return None
    occasions = {Occasion(row.occasion) for row in rows}
    return Told(
        item_id=rows[0].item_id,
        inbound_ids=tuple(dict.fromkeys(row.inbound_id for row in rows if row.inbound_id)),
        outbox_ids=tuple(dict.fromkeys(row.outbox_id for row in rows if row.outbox_id)),
        occasion=main_occasion(occasions),
        internal=any(row.what == What.NOTE for row in rows),
        at=rows[0].made_at,
    )


def prune(connection: Connection, before: datetime) -> int:
    """Forget what was told, or dropped, before then; returns how many rows. An answer to it cannot be carried out any more."""
    return connection.execute(_PRUNE, {"before": before}).rowcount


def main_occasion(occasions: Collection[Occasion]) -> Occasion:
    """What a mail is about that tells of several."""
    return next(one for one in BY_WEIGHT if one in occasions)


def near_due(connection: Connection, now: datetime, soon: datetime, since: datetime, most: int) -> tuple[WorkItem, ...]:
    """Items that somebody has and that are due by `soon`, or were since `since`, of which nobody was told; the longest due first."""
    return tuple(item_of(row) for row in connection.execute(_NEAR, {"now": now, "soon": soon, "since": since, "most": most}))


def _notification(row: Any) -> Notification:
    return Notification(
        user_key=row.user_key,
        occasion=Occasion(row.occasion),
        item_id=row.item_id,
        what=What(row.what),
        by=row.by,
        inbound_id=row.inbound_id,
        outbox_id=row.outbox_id,
        words=row.words,
        digest=row.state == DIGEST,
    )
