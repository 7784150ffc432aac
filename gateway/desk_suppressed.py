"""Addresses that get no automatic mail because mail to them came back or they complained: shown, and taken off; putting them on is `core/on_result.py`."""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from core.mail import address_key
from core.refusal import NotFound
from core.wording import clean_line
from gateway.desk_base import DeskBase, Json
from gateway.store import brakes

log = logging.getLogger("guichet.desk")


class SuppressedDesk(DeskBase):
    """The part of the desk that knows dead addresses. The methods answer as `Desk` says."""

    def list_suppressed(self, by: str, *, limit: int = 1_000) -> list[Json]:
        """`address`, `until` (aware UTC) and `reason` of each, the one that ends last first."""
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            return brakes.all_suppressed(connection, scene.now, limit)

    def unsuppress(self, address: str, by: str) -> Json:
        """From now on automatic mail goes to the address again. Raises NotFound if it is not on the list."""

        def deed(connection: Connection) -> Json:
            scene = self._scene(connection, by)
            key = address_key(address)
            was = brakes.unsuppress(connection, key, scene.now)
            if was is None:
                raise NotFound(f"Automatic mail to “{clean_line(address, 320)}” is not stopped.")
            log.info("unsuppressed", extra={"address": key, "by": scene.user.email})
            return was

        return self._durably(deed)
