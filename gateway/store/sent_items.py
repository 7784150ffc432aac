"""Mails that have left, the newest first, by the filters of C-SE-01; what is still in the Outbox is `outbox_views.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select

from core.mail import address_key
from core.setup import Setup
from gateway.store.outbox_rows import messages
from gateway.store.outbox_views import Who, had_by, holds
from gateway.store.page_marks import page_mark, read_mark
from gateway.store.schema import item, outbox

_O = outbox.c
_item = item.alias("about")

ORDER = "sent"
"""What marks of its pages name."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Filters; an empty one asks nothing. `since` (in the range) and `until` (not in it) are aware UTC and about when the mail left.

    `customer`, `contract`, `service` and `process` are those of the item's process, whichever version of it; None of a yes-or-no asks nothing.
    """

    since: datetime
    until: datetime
    team: bool = False
    customer: str = ""
    contract: str = ""
    service: str = ""
    process: str = ""
    queue: str = ""
    to: str = ""
    item_status: str = ""
    attachments: bool | None = None
    system_generated: bool | None = None
    assignee: str = ""
    sent_by: str = ""

    def processes(self, setup: Setup) -> list[str] | None:
        """Ids of the processes that fit, None where no filter asks."""
        asked = {"customer": self.customer, "contract": self.contract, "service": self.service, "name": self.process}
        given = {name: value for name, value in asked.items() if value}
        if not given:
            return None
        return [id for id, process in setup.process_by_id.items() if all(getattr(process, name) == value for name, value in given.items())]


def listing(
    connection: Connection, wanted: Wanted, who: Who, seen: ColumnElement[bool], setup: Setup, *, rows: int, cursor: str = ""
) -> list[tuple[Any, dict[str, Any]]]:
    """At most `rows` messages with `item`, `item_status` and the `cursor` after which the next page begins. Raises Refused for a cursor that is none."""
    found = connection.execute(statement(wanted, who, seen, setup, rows=rows, cursor=cursor)).all()
    return [
        (message, {"item": row.about_ref, "item_status": row.about_status, "cursor": page_mark(ORDER, row.sent_at, row.id)})
        for message, row in zip(messages(connection, found), found, strict=True)
    ]


def statement(wanted: Wanted, who: Who, seen: ColumnElement[bool], setup: Setup, *, rows: int, cursor: str = "") -> Select[Any]:
    """The query, which walks the index of the moments of sending from the newest on, for a list and for the test of its plan."""
    found = select(outbox, _item.c.ref.label("about_ref"), _item.c.status.label("about_status"))
    found = found.select_from(outbox.outerjoin(_item, _item.c.id == _O.item_id)).where(_O.sent_at >= wanted.since, _O.sent_at < wanted.until)
    if cursor:
        at, last = read_mark(cursor, ORDER, _O.sent_at.type)
        found = found.where(_O.sent_at <= at, or_(_O.sent_at < at, _O.id < last))
    people = who.team if wanted.team else frozenset({who.me})
    theirs = or_(and_(_O.author.in_(sorted(people)), _O.system_generated.is_(False)), and_(_O.system_generated.is_(True), had_by(people)))
    return found.where(seen, theirs, *_filters(wanted, setup)).order_by(_O.sent_at.desc(), _O.id.desc()).limit(rows)


def _filters(wanted: Wanted, setup: Setup) -> list[ColumnElement[bool]]:
    made: list[ColumnElement[bool]] = []
    processes = wanted.processes(setup)
    if processes is not None:
        made.append(_item.c.process_id.in_(processes))
    if wanted.queue:
        made.append(or_(_item.c.queue == wanted.queue, _item.c.home_queue == wanted.queue))
    if wanted.to:
        made.append(holds(wanted.to, _O.to_text))
    if wanted.item_status:
        made.append(_item.c.status == wanted.item_status)
    if wanted.attachments is not None:
        made.append(_O.attachment_count > 0 if wanted.attachments else _O.attachment_count == 0)
    if wanted.system_generated is not None:
        made.append(_O.system_generated.is_(wanted.system_generated))
    if wanted.assignee:
        made.append(or_(_item.c.assignee == address_key(wanted.assignee), _item.c.owner == address_key(wanted.assignee)))
    if wanted.sent_by:
        made.append(_O.author == address_key(wanted.sent_by))
    return made
