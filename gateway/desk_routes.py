"""Routes made from mails that nobody took: prefilled, counted against the backlog, saved, and applied to it; the rules are `core/route_from.py`."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from core.new_item import process_for
from core.permissions import Sight, sees
from core.plain import to_plain
from core.refusal import NotFound, Refused
from core.route_from import By, Lost, prefilled, takes, with_route
from core.scene import Scene
from core.setup import Route, Setup
from core.verdict import InboundState
from core.wording import clean_line
from gateway.desk_base import Json
from gateway.desk_waiting import WaitingDesk
from gateway.store import inbound_waiting, items, sight, unhandled
from gateway.store.items import StaleItem
from gateway.store.routes_by_hand import FROM_MAIL

BATCH = 100
"""Messages of the backlog that one transaction gives to the workers again."""
UNHANDLED = frozenset({InboundState.UNHANDLED})


class RouteDesk(WaitingDesk):
    """Everybody who sees the mails of a mailbox may make a route of them (B-UH-08)."""

    def count_route(
        self, inbound_id: str, by: str, *, kind: str, process: str, since: datetime | None = None, until: datetime | None = None, **more: Any
    ) -> Json:
        """The route as it would be made, and how many mails of the unhandled backlog of that range it would take; nothing is written."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            route = self._route(connection, inbound_id, kind, process, scene, more)
            return {"route": route_json(route), "matching": len(self._backlog(connection, route, since, until, scene)), "replayed": 0}

    def route_from(
        self,
        inbound_id: str,
        by: str,
        *,
        kind: str,
        process: str,
        apply: bool = False,
        since: datetime | None = None,
        until: datetime | None = None,
        **more: Any,
    ) -> Json:
        """A route from this mail's sender or recipient, live at once; with `apply` the backlog of that range that it takes is processed anew.
        The same route made before is used again.

        `more`: category, name, connector, automated. Moments are aware UTC.
        """

        def deed(connection: Connection) -> tuple[Route, list[str]]:
            scene = self._scene(connection, by)
            route = self._route(connection, inbound_id, kind, process, scene, more)
            if route not in scene.setup.routes:
                self._save(connection, route, scene, inbound_id)
            return route, self._backlog(connection, route, since, until, scene)

        route, backlog = self._durably(deed)
        replayed = self._replay_all(backlog, by) if apply else 0
        return {"route": route_json(route), "matching": len(backlog), "replayed": replayed}

    # ------------------------------------------------------------ how

    def _route(self, connection: Connection, inbound_id: str, kind: str, process: str, scene: Scene, more: dict[str, Any]) -> Route:
        lost = self._lost(connection, self._seen_inbound(connection, inbound_id, scene), clean_line(str(more.get("connector", ""))))
        if lost.connector not in _mailboxes(scene.setup, self._sight(scene)):
            raise NotFound(f"There is no mailbox “{lost.connector}” that you may make routes for." if lost.connector else _NO_MAILBOX)
        route = prefilled(
            By(kind),
            lost,
            process_for(process, scene),
            scene.setup,
            category=clean_line(str(more.get("category", ""))),
            name=clean_line(str(more.get("name", ""))),
            automated=bool(more.get("automated", False)),
        )
        if route not in scene.setup.routes:
            _check(with_route(scene.setup, route), route)
        return route

    def _lost(self, connection: Connection, inbound_id: str, connector: str) -> Lost:
        found = unhandled.of(connection, inbound_id)
        if not found:
            raise Refused("This mail is not unhandled; a route is made from one that nobody took.")
        first = next((one for one in found if one.connector), found[0])
        return Lost(first.sender, first.recipient, connector or first.connector)

    def _save(self, connection: Connection, route: Route, scene: Scene, inbound_id: str) -> None:
        """Nothing but this route is added; if somebody else changed the desk meanwhile, it is decided anew from what is there then."""
        changes = self._setups.save(connection, with_route(scene.setup, route), scene.by, scene.now, noted={FROM_MAIL: inbound_id})
        if [(change.kind, change.name, change.change) for change in changes] != [("route", f"{route.connector}/{route.name}", "added")]:
            raise StaleItem("The desk")

    def _backlog(self, connection: Connection, route: Route, since: datetime | None, until: datetime | None, scene: Scene) -> list[str]:
        """Ids of the unhandled mails within sight that the route takes, oldest first."""
        seen = sight.visible_inbound(self._sight(scene), scene.setup)
        return list(dict.fromkeys(inbound_id for inbound_id, lost in unhandled.backlog(connection, seen, since, until) if takes(route, lost)))

    def _replay_all(self, backlog: list[str], by: str) -> int:
        parts = (backlog[start : start + BATCH] for start in range(0, len(backlog), BATCH))
        return sum(self._durably(partial(self._replayed, ids=part, by=by)) for part in parts)

    def _replayed(self, connection: Connection, ids: list[str], by: str) -> int:
        """How many of these were given to the workers again: those that still are unhandled, and whose other items are within sight."""
        scene, done = self._scene(connection, by), 0
        own = self._sight(scene)
        for inbound_id in sorted(ids):
            if inbound_waiting.locked(connection, inbound_id) is not InboundState.UNHANDLED:
                continue
            found = inbound_waiting.waiting(connection, inbound_id, states=UNHANDLED)
            if all(sees(own, item) for item in items.load(connection, found.item_ids).values()):
                inbound_waiting.replay(connection, found, by=scene.by, now=scene.now)
                done += 1
        return done


_NO_MAILBOX = "It is not known to which mailbox this mail came. Say it: --connector NAME."


def route_json(route: Route) -> Json:
    """The route as the desk file has it."""
    return to_plain(route, full=False)


def _mailboxes(setup: Setup, own: Sight) -> frozenset[str]:
    """The mailboxes whose mail the person sees (B-UH-03)."""
    return frozenset(setup.connector_named) if own.everything else sight.mailboxes(setup, own.queues)


def _check(setup: Setup, route: Route) -> None:
    """What would be wrong with it in a desk file. Raises Refused."""
    from gateway.deskfile.checks import CHECKS

    for check in CHECKS:
        for _path, said in check(setup):
            raise Refused(f"The route “{route.name}” cannot be made: {said.rstrip('.')}.")
