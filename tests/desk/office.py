"""People of several teams around one outbox, and what the way out and administrators do there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from core.setup import Role, Team, User
from gateway.store.schema import outbox
from tests.desk.conftest import Room

ANN, BOB, LEA, ROOT, XAVER = "ann@demo.example", "bob@demo.example", "lea@demo.example", "root@demo.example", "x@demo.example"
LATER = timedelta(hours=5)


def with_another_team(room: Room) -> Room:
    """With Xaver, who is alone in a team and works from the queue of the claims."""
    save(room, users=(*room.setup.users, User("u-x", XAVER, "Xaver", Role.AGENT, "Claims team", ("Claims",))), teams=(*room.setup.teams, Team("Claims team")))
    return room


def save(room: Room, **changes: Any) -> None:
    with room.database.durable() as connection:
        room.setup = replace(room.setups.current(connection), **changes)
        room.setups.save(connection, room.setup, ROOT, room.clock.now())


def switch(room: Room, *, enabled: bool) -> None:
    """An administrator switches the connector `support` off or on."""
    save(room, connectors=tuple(replace(one, enabled=enabled) if one.name == "support" else one for one in room.setup.connectors))


def rows(room: Room, by: str, view: str = "", **more: Any) -> list[str]:
    return [row["id"] for row in room.desk.outbox_page(by, view=view, **more)["rows"]]


def put(room: Room, outbox_id: str, **values: Any) -> None:
    """What the way out would write."""
    with room.database.durable() as connection:
        connection.execute(update(outbox).where(outbox.c.id == outbox_id).values(**values))
