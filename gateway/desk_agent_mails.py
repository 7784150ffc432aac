"""The audit list of mails by our own people, and of those in their names, as people look at it; lines are written by `gateway/apply.py`."""

from __future__ import annotations

from typing import Any

from core.agent_record import AgentOutcome
from core.mail import address_key
from core.refusal import Refused
from core.wording import clean_line
from gateway.desk_base import DeskBase, Json
from gateway.store import agent_mails, sight
from gateway.store.moments import moment_json

MOST = 10_000


class AgentMailDesk(DeskBase):
    """The part of the desk that shows what became of mails by agents. The methods answer as `Desk` says."""

    def list_agent_mails(self, by: str, *, user: str = "", ref: str = "", outcome: str = "", limit: int = 200) -> list[Json]:
        """The newest first: one's own, one's team's, and those about items within sight; an administrator sees all. Raises Refused, NotFound."""
        wanted = clean_line(outcome, 40)
        if wanted and wanted not in list(AgentOutcome):
            raise Refused(f"“{wanted}” is no outcome. Possible: {', '.join(AgentOutcome)}.")
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            item_id = self._item(connection, ref, scene).id if ref else ""
            key = address_key(clean_line(user, 320)) if user else ""
            seen = sight.visible_agent_mail(self._sight(scene))
            rows = agent_mails.listed(connection, user_key=key, item_id=item_id, outcome=wanted, limit=min(limit, MOST), seen=seen)
        return [_json(row) for row in rows]


def _json(row: dict[str, Any]) -> Json:
    return {
        "id": row["id"],
        "at": moment_json(row["at"]),
        "user": row["user_key"],
        "from": row["from_key"],
        "item": row["ref"],
        "outcome": row["outcome"],
        "reason": row["reason"],
        "commands": list(row["commands"]),
        "words": row["words"],
        "inbound_id": row["inbound_id"],
        "answers": row["answers"],
        "outbox_id": row["outbox_id"],
    }
