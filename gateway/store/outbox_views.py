"""The Outbox by views, filters, order and pages, and its counts; what a row says is `core/outbox_view.py`, what is within sight `sight.py`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, func, literal, or_, select, true, union_all

from core.mail import address_key
from core.outbox import OutboxState
from core.outbox_view import IN_OUTBOX, OLDEST_FIRST, SORTS, WAITS, Shown, View, Way, status_of
from core.refusal import Refused
from gateway.store.moments import moment_json
from gateway.store.outbox_rows import messages
from gateway.store.page_marks import page_mark, read_mark
from gateway.store.schema import item, outbox, outbox_recipient

MOST_COUNTED = 10_000
"""Mails of one view that are counted; beyond it the answer is "at least"."""
DUE_LAST = "-due"
"""The order of the record: what is due last first."""

_O = outbox.c
_item = item.alias("about")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Who:
    """The person who looks, and everybody in their teams, as address keys."""

    me: str
    team: frozenset[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Filters; an empty one asks nothing. Moments (of creation) are aware UTC, `before` is not in the range any more.

    `view` None: the whole record, sent and cancelled mails as well. `states` are those of contract section 3, with `connector_disabled`.
    """

    view: View | None = None
    states: tuple[str, ...] = ()
    connector: str = ""
    item_id: str = ""
    author: str = ""
    text: str = ""
    after: datetime | None = None
    before: datetime | None = None
    off: frozenset[str] = field(default=frozenset())
    """Connectors that are switched off, told by the caller."""

    def conditions(self, who: Who) -> list[ColumnElement[bool]]:
        """As conditions on `outbox`."""
        made = [] if self.view is None else [_O.state.in_([state.value for state in IN_OUTBOX]), in_view(self.view, who)]
        if self.states:
            made.append(or_(*(self._in_state(state) for state in self.states)))
        for column, value in ((_O.connector, self.connector), (_O.item_id, self.item_id), (_O.author, address_key(self.author))):
            if value:
                made.append(column == value)
        if self.text:
            made.append(holds(self.text, _O.subject, _O.to_text, _O.author, _O.last_error))
        if self.after is not None:
            made.append(_O.created_at >= self.after)
        if self.before is not None:
            made.append(_O.created_at < self.before)
        return made

    def _in_state(self, state: str) -> ColumnElement[bool]:
        if state == Shown.CONNECTOR_DISABLED:
            return and_(_O.state.in_([one.value for one in WAITS]), _O.connector.in_(sorted(self.off)))
        return _O.state == state


def in_view(view: View, who: Who) -> ColumnElement[bool]:
    """Whose mails a view shows (A-OB-09…12, E-34); sight comes on top."""
    if view is View.MINE:
        return and_(_O.author == who.me, _O.system_generated.is_(False))
    if view is View.TEAM:
        return or_(and_(_O.author.in_(sorted(who.team)), _O.system_generated.is_(False)), had_by(who.team))
    return _O.system_generated.is_(True) if view is View.SYSTEM else true()


def had_by(people: Collection[str]) -> ColumnElement[bool]:
    """About an item that one of them is assigned to or owns now."""
    keys = sorted(people)
    return exists().where(item.c.id == _O.item_id, or_(item.c.assignee.in_(keys), item.c.owner.in_(keys)))


def holds(text: str, *columns: Any) -> ColumnElement[bool]:
    """Whether a column says `text` somewhere, in any case of letters; `%` and `_` mean themselves. Addresses of recipients are looked through as well."""
    pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    people = exists().where(outbox_recipient.c.outbox_id == _O.id, outbox_recipient.c.role.in_(("to", "cc")), outbox_recipient.c.address.ilike(pattern, escape="\\"))
    return or_(*(column.ilike(pattern, escape="\\") for column in columns), people)


# ---------------------------------------------------------------- lists


def _moment(column: Any) -> ColumnElement[Any]:
    return func.coalesce(column, literal(_NEVER, column.type))


ORDERS: Mapping[str, ColumnElement[Any]] = {
    "state": _O.state,
    "item": func.coalesce(_item.c.number, 0),
    "item_type": func.coalesce(_item.c.kind, ""),
    "to": _O.to_text,
    "subject": _O.subject,
    "author": _O.author,
    "connector": _O.connector,
    "importance": case((_O.importance == "high", 0), (_O.importance == "normal", 1), else_=2),
    "system_generated": case((_O.system_generated.is_(True), 1), else_=0),
    "created": _O.created_at,
    "scheduled_for": case((_O.scheduled.is_(True), _O.due_at), else_=literal(_NEVER, _O.due_at.type)),
    "due": _O.due_at,
    "last_attempt": _moment(_O.last_attempt_at),
    "logged": _moment(_O.first_failed_at),
    "attempts": _O.attempts,
    "attachments": _O.attachment_count,
}
"""What each order of `core.outbox_view.COLUMNS` compares; never NULL, so that a page can go on where the last one ended."""


def page(
    connection: Connection, wanted: Wanted, who: Who, seen: ColumnElement[bool], *, sort: str = OLDEST_FIRST, rows: int = 50, cursor: str = ""
) -> list[tuple[Any, dict[str, Any]]]:
    """At most `rows` messages with what the list needs beside them: `item`, `item_type`, and the `cursor` after which the next page begins.

    `sort` is a column, with `-` before it downwards. A mail that changes between two pages is shown twice or not at all only if what it
    is sorted by changed. Raises Refused for an unknown order and for a cursor that is none, or of another order.
    """
    name, down = sort.removeprefix("-"), sort.startswith("-")
    order = ORDERS.get(SORTS.get(name, name))
    if order is None:
        raise Refused(f"The Outbox cannot be sorted by “{name[:40]}”; it can by {', '.join(SORTS)}.")
    statement: Select[Any] = select(outbox, _item.c.ref.label("about_ref"), _item.c.kind.label("about_kind"), order.label("sorted_by"))
    statement = statement.select_from(outbox.outerjoin(_item, _item.c.id == _O.item_id)).where(seen, *wanted.conditions(who))
    if cursor:
        value, last = read_mark(cursor, sort, order.type)
        bound = literal(value, order.type)
        beyond, later = (order < bound, _O.id < last) if down else (order > bound, _O.id > last)
        statement = statement.where(or_(beyond, and_(order == bound, later)))
    statement = statement.order_by(order.desc() if down else order, _O.id.desc() if down else _O.id).limit(rows)
    found = connection.execute(statement).all()
    return [
        (message, {"item": row.about_ref, "item_type": (row.about_kind or "")[:1].upper() or None, "cursor": page_mark(sort, row.sorted_by, row.id)})
        for message, row in zip(messages(connection, found), found, strict=True)
    ]


def ids_of(connection: Connection, wanted: Wanted, who: Who, seen: ColumnElement[bool], limit: int) -> list[str]:
    """The mails that fit, the oldest first, for deeds with many."""
    statement = select(_O.id).where(seen, *wanted.conditions(who)).order_by(_O.created_at, _O.id).limit(limit)
    return list(connection.execute(statement).scalars())


# ---------------------------------------------------------------- counts


def counts(connection: Connection, who: Who, seen: ColumnElement[bool], now: datetime, off: Collection[str]) -> dict[str, dict[str, Any]]:
    """View → `total`, `at_least` (it was not counted to the end), how many show each status (`statuses`), `oldest_at` with its age in seconds,
    `next_attempt_at` of what no disabled connector keeps back, and `last_answer`. One statement."""
    parts = [_counting(view, who, seen) for view in View]
    made: dict[str, dict[str, Any]] = {view.value: _nothing() for view in View}
    oldest: dict[str, datetime] = {}
    following: dict[str, datetime] = {}
    for row in connection.execute(union_all(*parts)):
        found, state = made[row.view], OutboxState(row.state)
        shown = _status(state, row.connector in off)
        found["total"] += row.n
        found["statuses"][shown] += row.n
        found["last_answer"] = row.last_answer or found["last_answer"]
        oldest[row.view] = min(oldest.get(row.view, row.oldest), row.oldest)
        if state in WAITS and row.connector not in off:
            following[row.view] = min(following.get(row.view, row.next), row.next)
    for view, found in made.items():
        found["at_least"] = found["total"] >= MOST_COUNTED
        found |= {"oldest_at": moment_json(oldest.get(view)), "next_attempt_at": moment_json(following.get(view))}
        found["oldest_age_seconds"] = int((now - oldest[view]).total_seconds()) if view in oldest else None
    return made


def _counting(view: View, who: Who, seen: ColumnElement[bool]) -> Select[Any]:
    some = select(_O.state, _O.connector, _O.created_at, _O.due_at, _O.last_attempt_at, _O.last_error).where(seen, *Wanted(view).conditions(who))
    part = some.limit(MOST_COUNTED).subquery()
    newest = func.first_value(part.c.last_error).over(order_by=(case((part.c.last_error != "", 0), else_=1), _moment(part.c.last_attempt_at).desc()))
    told = select(part, newest.label("newest")).subquery()
    sums = (func.count().label("n"), func.min(told.c.created_at).label("oldest"), func.min(told.c.due_at).label("next"), func.max(told.c.newest).label("last_answer"))
    return select(literal(view.value).label("view"), told.c.state, told.c.connector, *sums).group_by(told.c.state, told.c.connector)


def _nothing() -> dict[str, Any]:
    return {"total": 0, "at_least": False, "statuses": {shown.value: 0 for shown in Shown}, "last_answer": ""}


def _status(state: OutboxState, off: bool) -> str:
    shown = status_of(state, Way.OFF if off else Way.OPEN)
    assert shown is not None, "only what is in the Outbox is counted"
    return shown.value


def states_of(wanted: Sequence[str]) -> tuple[str, ...]:
    """Names of states as a person gave them. Raises Refused for one that does not exist."""
    known = {*(state.value for state in OutboxState), Shown.CONNECTOR_DISABLED.value}
    for one in wanted:
        if one not in known:
            raise Refused(f"There is no state “{one[:40]}”; there are {', '.join(sorted(known))}.")
    return tuple(wanted)
