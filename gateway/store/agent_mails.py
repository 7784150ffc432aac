"""The audit list of mails by our people: one row each, never changed; what a row says is `core/agent_record.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, select

from core.agent_record import BY_LINK, AgentOutcome, AgentRecord
from gateway.store.schema import agent_mail, item

_A = agent_mail.c
_SINCE = (
    select(_A.outcome, func.count())
    .where(_A.user_key == bindparam("whose"), _A.at > bindparam("since"), _A.reason.not_in(BY_LINK))
    .group_by(_A.outcome)
)
_REFUSED = select(func.count()).where(
    _A.user_key == bindparam("whose"),
    _A.at > bindparam("since"),
    _A.outcome == str(AgentOutcome.REFUSED),
    _A.reason.in_(bindparam("reasons", expanding=True)),
)
_THERE = select(_A.id).where(_A.id == bindparam("its_id"))
_OUTCOMES = select(_A.outcome).where(_A.inbound_id == bindparam("mail"))
_CARRIED_OUT = tuple(map(str, (AgentOutcome.DONE, AgentOutcome.HELD, AgentOutcome.FILED)))
_SEEN = select(_A.id).where(_A.fingerprint == bindparam("print"), _A.inbound_id != bindparam("but"), _A.outcome.in_(_CARRIED_OUT)).limit(1)


def add(connection: Connection, records: Iterable[AgentRecord]) -> None:
    """Write them down."""
    rows = [
        {
            "id": one.id, "inbound_id": one.inbound_id, "at": one.at, "user_key": one.user_key[:320], "from_key": one.from_key[:320], "item_id": one.item_id,
            "answers": one.answers, "outcome": str(one.outcome), "reason": one.reason[:40], "words": one.words[:4000], "commands": list(one.commands),
            "outbox_id": one.outbox_id, "fingerprint": one.fingerprint,
        }
        for one in records
    ]  # fmt: skip
    if rows:
        connection.execute(agent_mail.insert(), rows)


def has(connection: Connection, record_id: str) -> bool:
    """Whether there is a line with this id already."""
    return connection.execute(_THERE, {"its_id": record_id}).first() is not None


def counted(connection: Connection, user_key: str, since: datetime) -> dict[str, int]:
    """Outcome → how many of a user's mails had it since then; what they did by links is no mail."""
    return {str(outcome): int(n) for outcome, n in connection.execute(_SINCE, {"whose": user_key, "since": since})}


def refused(connection: Connection, user_key: str, since: datetime, reasons: Collection[str]) -> int:
    """How many of a user's mails were refused since then for one of these reasons."""
    return int(connection.execute(_REFUSED, {"whose": user_key, "since": since, "reasons": list(reasons)}).scalar_one())


def outcomes(connection: Connection, inbound_id: str) -> frozenset[str]:
    """What became of this very mail before, where it is read again."""
    return frozenset(connection.execute(_OUTCOMES, {"mail": inbound_id}).scalars())


def is_replayed(connection: Connection, fingerprint: str, inbound_id: str) -> bool:
    """Whether another mail with this fingerprint was carried out."""
    return bool(fingerprint) and connection.execute(_SEEN, {"print": fingerprint, "but": inbound_id}).first() is not None


def listed(
    connection: Connection, *, user_key: str = "", item_id: str = "", outcome: str = "", limit: int = 200, seen: ColumnElement[bool] | None = None
) -> list[dict[str, Any]]:
    """The newest first, as rows with the reference of their item (`ref`, None without one); `seen` is a condition on the audit list (`sight.visible_agent_mail`)."""
    wanted = select(agent_mail, item.c.ref).select_from(agent_mail.outerjoin(item, item.c.id == _A.item_id)).order_by(_A.at.desc(), _A.id.desc()).limit(limit)
    for column, value in ((_A.user_key, user_key), (_A.item_id, item_id), (_A.outcome, outcome)):
        wanted = wanted.where(column == value) if value else wanted
    return [dict(row._mapping) for row in connection.execute(wanted.where(seen) if seen is not None else wanted)]
