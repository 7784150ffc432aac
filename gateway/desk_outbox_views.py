"""The Outbox and the sent mails as people look at them: views, counts, what each keeps for their screen; doing something with a mail is `desk_outbox.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from core.conversation import UNSENT
from core.health import Health
from core.outbox import OutboxMessage, OutboxState
from core.outbox_view import (
    MOST_ROWS,
    OLDEST_FIRST,
    WAITS,
    Choice,
    View,
    Way,
    chosen,
    last_failure,
    rows_wanted,
    status_of,
    status_words,
    with_compulsory,
)
from core.permissions import sees, teammates
from core.refusal import NotFound, Refused
from core.retry import DEFAULT, next_tries
from core.scene import Scene
from core.setup import Setup
from core.wording import clean_line
from core.work_item import WorkItem
from gateway.desk_base import DeskBase, Json
from gateway.store import connector_status, items, outbox_order, outbox_views, outboxes, preferences, sent_items, sight, views
from gateway.store.moments import moment_json
from gateway.store.outbox_views import DUE_LAST, Wanted, Who
from gateway.store.setups import version_of

KEPT = "outbox"
"""The name under which a person's choice for this screen is kept."""
WIDEST = timedelta(days=90)
"""The widest range of dates in which sent mails are looked for (C-SE-01)."""


class OutboxViewDesk(DeskBase):
    """Nothing is changed by looking. A mail outside a person's sight is neither shown nor counted (E-33)."""

    def list_outbox(self, by: str, *, states: Sequence[str] = (), ref: str = "", limit: int = views.MOST_ITEMS, **filters: Any) -> list[Json]:
        """The record of mails within sight, those due last first; also what was sent and cancelled. `filters` as for `outbox_page`."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            wanted = self._wanted_mails(connection, scene, view="", states=states, ref=ref, **filters)
            return self._outbox_rows(connection, scene, wanted, sort=DUE_LAST, rows=limit)

    def outbox_page(
        self, by: str, *, view: str = "", columns: Sequence[str] = (), rows: int = 0, sort: str = OLDEST_FIRST, cursor: str = "", **filters: Any
    ) -> Json:
        """One page of a view: `view`, `columns`, `rows` and `next`, the mark after which the next page begins (None: there is none).

        What is not said is as the person keeps it (A-OB-06…08, A-OB-19). `filters`: states, connector, ref, author, text, after, before.
        """
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            choice = _choice(connection, scene)
            asked = rows_wanted(rows) if rows else choice.rows
            wanted = self._wanted_mails(connection, scene, view=view or choice.view, **filters)
            found = self._outbox_rows(connection, scene, wanted, sort=sort, rows=asked + 1, cursor=cursor)
        return {
            "view": str(wanted.view),
            "columns": list(with_compulsory(columns) if columns else choice.columns),
            "rows": found[:asked],
            "next": found[asked - 1]["cursor"] if len(found) > asked else None,
        }

    def count_outbox(self, by: str) -> dict[str, Json]:
        """View → totals, statuses, oldest, next attempt, last answer; `mine` is what navigation shows (A-OB-04)."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            seen = sight.visible_outbox(self._sight(scene))
            return outbox_views.counts(connection, who(scene), seen, scene.now, disabled(scene.setup))

    def outbox_choice(self, by: str) -> Json:
        """The view, the columns and the number of rows a person finds again."""
        with self._database.read() as connection:
            return _choice_json(_choice(connection, self._scene(connection, by)))

    def keep_outbox_choice(self, by: str, *, view: str = "", columns: Sequence[str] = (), rows: int = 0, forget: bool = False) -> Json:
        """Keep what is said of it, over every log-out; `forget`: as at first. Raises Refused for what cannot be chosen."""

        def deed(connection: Connection) -> Json:
            scene = self._scene(connection, by)
            if forget:
                preferences.forget(connection, scene.by, KEPT)
            else:
                kept = _said(view, columns, rows)
                preferences.put(connection, scene.by, KEPT, {**preferences.get(connection, scene.by, KEPT), **kept}, scene.now)
            return _choice_json(_choice(connection, scene))

        return self._durably(deed)

    def sent_items(
        self, by: str, *, team: bool = False, after: datetime | None = None, before: datetime | None = None, rows: int = MOST_ROWS, cursor: str = "", **filters: Any
    ) -> list[Json]:
        """Mails that left, the newest first: one's own or one's team's, the last 90 days or a range no wider (C-SE-01).

        `filters` are the fields of `sent_items.Wanted`. Raises Refused for a wider range.
        """
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            until = before or (after + WIDEST if after is not None else scene.now + timedelta(microseconds=1))
            since = after or until - WIDEST
            if not timedelta(0) < until - since <= WIDEST:
                raise Refused(f"Sent mails are shown for a range of at most {WIDEST.days} days, its begin before its end.")
            wanted = sent_items.Wanted(since, until, team=team, **_clean(filters))
            found = sent_items.listing(connection, wanted, who(scene), sight.visible_outbox(self._sight(scene)), scene.setup, rows=rows, cursor=cursor)
            return [{**outboxes.as_json(message), **beside} for message, beside in found]

    def show_outbox(self, outbox_id: str, by: str) -> Json:
        """One mail of the outbox with its attempts, its history and the waits between its tries, and the deeds that are `possible` (A-OB-18, C-OB-04)."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            message, item = self._seen_message(connection, outbox_id, scene)
            ways = _ways(connection, scene)
            before = outbox_order.waits_for(connection, (message,), scene.now, live=_live(scene.setup))
            waits = message.state in UNSENT
            beside = {"item_type": item.kind[:1].upper() if item is not None else None, "redirected_to": list(scene.setup.redirect_all) if waits else []}
            tries = {**_retries(connection, message, scene.setup), "possible": self._possible_deeds(message, item, scene)}
            return {**outboxes.detail(connection, message, disabled=disabled(scene.setup)), **_shown(message, ways, scene, before.get(message.id, "")), **beside, **tries}

    # ------------------------------------------------------------ how

    def _possible_deeds(self, message: OutboxMessage, item: WorkItem | None, scene: Scene) -> list[str]:
        """What the person may do with it now, by name; who only looks may do nothing."""
        return []

    def _outbox_rows(self, connection: Connection, scene: Scene, wanted: Wanted, *, sort: str, rows: int, cursor: str = "") -> list[Json]:
        seen, ways = sight.visible_outbox(self._sight(scene)), _ways(connection, scene)
        found = outbox_views.page(connection, wanted, who(scene), seen, sort=sort, rows=rows, cursor=cursor)
        warned = outboxes.warnings_of(connection, (message for message, _ in found))
        off = disabled(scene.setup)
        before = outbox_order.waits_for(connection, (message for message, _ in found), scene.now, live=_live(scene.setup))
        return [
            {
                **outboxes.as_json(message, beside["item"] or "", disabled=off, warned=warned.get(message.id, outboxes.QUIET)),
                **_shown(message, ways, scene, before.get(message.id, "")),
                "item_type": beside["item_type"],
                "cursor": beside["cursor"],
            }
            for message, beside in found
        ]

    def _wanted_mails(self, connection: Connection, scene: Scene, *, view: str = "", states: Sequence[str] = (), ref: str = "", **filters: Any) -> Wanted:
        """Filters as they came from the outside. Raises Refused, and NotFound for an item out of sight."""
        item_id = self._item(connection, ref, scene).id if ref else ""
        states = outbox_views.states_of(tuple(states))
        return Wanted(View(_view(view)) if view else None, states, item_id=item_id, off=disabled(scene.setup), **_clean(filters))

    def _seen_message(self, connection: Connection, outbox_id: str, scene: Scene, *, lock: bool = False) -> tuple[OutboxMessage, WorkItem | None]:
        """The mail and its item, if the person may see it; else it does not exist for them."""
        named = clean_line(outbox_id, 64)
        message = outboxes.get(connection, named, lock=lock)
        item = items.load(connection, (message.item_id,)).get(message.item_id) if message is not None and message.item_id else None
        own = self._sight(scene)
        seen = message is not None and (own.everything or message.author in own.people or (item is not None and sees(own, item)))
        if message is None or not seen:
            raise NotFound(f"There is no outgoing mail “{named}” that you may see.")
        return message, item


def who(scene: Scene) -> Who:
    """The person and their teams, as the views ask for them."""
    return Who(scene.by, teammates(scene.user, scene.setup))


def disabled(setup: Setup) -> frozenset[str]:
    """Connectors that an administrator switched off: their waiting mails show *connector disabled*."""
    return frozenset(connector.name for connector in setup.connectors if not connector.enabled)


def _live(setup: Setup) -> list[str]:
    return [connector.name for connector in setup.connectors if connector.enabled]


Ways = Mapping[str, tuple[Way, datetime | None]]


def _ways(connection: Connection, scene: Scene) -> Ways:
    """How it stands with each connector, and until when a troubled one rests."""
    healths = connector_status.healths(connection)
    return {one.name: _way(one.enabled, healths.get(one.name), scene.now) for one in scene.setup.connectors}


def _way(enabled: bool, health: Health | None, now: datetime) -> tuple[Way, datetime | None]:
    if not enabled:
        return Way.OFF, None
    rests = health is not None and health.rests(now)
    return (Way.SUSPENDED, health.suspended_until) if rests and health is not None else (Way.OPEN, None)


def _shown(message: OutboxMessage, ways: Ways, scene: Scene, waits_for: str = "") -> Json:
    """What the columns say beside the fields of the contract (A-OB-20)."""
    way, rests_until = ways.get(message.connector, (Way.OFF, None))
    language = scene.user.language or scene.setup.language
    status = status_of(message.state, way)
    waits = message.state in WAITS
    return {
        "status": str(status) if status is not None else None,
        "status_words": status_words(message.state, way, language, hold_reason=message.hold_reason),
        "last_failure": last_failure(message.state, way, message.connector, message.last_error, language, waits_for=waits_for),
        "waits_for": waits_for or None,
        "suspended_until": moment_json(rests_until) if waits else None,
        "scheduled_for": moment_json(message.due_at) if message.scheduled and not message.attempts else None,
        "attempts_at_most": message.attempts + (message.tries_left if message.state in (*WAITS, OutboxState.HELD, OutboxState.SENDING) else 0),
    }


def _retries(connection: Connection, message: OutboxMessage, setup: Setup) -> Json:
    """The retry template that was in force when the mail was written, and the tries to come if each is refused (E-24, C-OB-04)."""
    seconds: Any = message.content.get("intervals", [])
    named = setup.retry_template_by_id.get(message.retry_template_id or "")
    waits = message.state in (*WAITS, OutboxState.HELD, OutboxState.SENDING)
    moments = next_tries([timedelta(seconds=one) for one in seconds], message.due_at, message.tries_left) if waits else ()
    return {
        "retry_template": named.name if named is not None else DEFAULT.name,
        "retry_template_version": version_of(connection, "retry_template", named.id) if named is not None else None,
        "retry_after_seconds": seconds,
        "next_tries": [{"at": moment_json(one)} for one in moments],
    }


def _view(view: str) -> View:
    if view not in set(View):
        raise Refused(f"There is no view “{clean_line(view, 40)}”; there are {', '.join(View)}.")
    return View(view)


def _clean(filters: Json) -> Json:
    return {name: clean_line(value) if isinstance(value, str) else value for name, value in filters.items()}


def _said(view: str, columns: Sequence[str], rows: int) -> Json:
    """What is to be kept, of what was said."""
    said: Json = {"view": str(_view(view))} if view else {}
    said |= {"columns": list(with_compulsory(columns))} if columns else {}
    said |= {"rows": rows_wanted(rows)} if rows else {}
    if not said:
        raise Refused("Say what to keep: a view, columns or a number of rows.")
    return said


def _choice(connection: Connection, scene: Scene) -> Choice:
    return chosen(preferences.get(connection, scene.by, KEPT), scene.user, scene.setup)


def _choice_json(choice: Choice) -> Json:
    return {"view": str(choice.view), "columns": list(choice.columns), "rows": choice.rows}
