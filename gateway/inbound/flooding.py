"""The brake on items that one sender opens: asked before a mail opens one, counted when it does; how many are too many is `core/brakes.py`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from core.brakes import Brakes, why_unopened
from gateway.routing.facts import Facts
from gateway.store import brakes as counts

log = logging.getLogger("guichet.inbound")


@dataclass(frozen=True, slots=True)
class Flooding:
    """For one installation. Senders are told apart by their address without its plus-tag; imported history is never counted."""

    brakes: Brakes

    def why(self, connection: Connection, facts: Facts, now: datetime) -> str:
        """Why the sender opens no more items for now, '' if they may: a program gone wild, or somebody who wants to bury us in work."""
        return why_unopened(self.brakes, counts.opened_lately(connection, facts.sender.key, now)) if self._counts(facts) else ""

    def count(self, connection: Connection, facts: Facts, n: int, now: datetime) -> None:
        """Count what the sender opens; who reaches the limit is written down, once an hour."""
        if not self._counts(facts):
            return
        most, opened = self.brakes.items_per_sender_hour, counts.count_opened(connection, facts.sender.key, n, now)
        if opened - n < most <= opened:
            log.warning("sender_braked", extra={"sender": facts.sender.key[:320], "items": most, "inbound_id": facts.inbound_id})

    def _counts(self, facts: Facts) -> bool:
        return bool(self.brakes.items_per_sender_hour and facts.sender.key) and not facts.archive
