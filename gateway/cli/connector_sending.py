"""How a connector's way out fares, as `guichet connector show` tells it; the rest of the command is `connector_shown.py`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.setup import Connector, Setup
    from gateway.bootstrap import House
    from gateway.store.outbox_figures import Outgoing


def sending_of(house: House, connector: Connector) -> dict[str, Any]:
    """What waits and since when, the last success and error, suspension, rate, and copies for the folder Sent; {} for one that does not send."""
    from gateway.store.outbox_figures import outgoing

    if not connector.sends:
        return {}
    now = house.clock.now()
    with house.database.read() as connection:
        (found,) = outgoing(connection, now, (connector.name,))
        setup = house.setups.current(connection)
        retries = _retries(connection, setup, connector)
    return {
        "state": _state(connector, found),
        "waiting": found.waiting,
        "due": found.due,
        "oldest_due_at": iso(found.oldest_due_at),
        **{state: found.by_state.get(state, 0) for state in ("sending", "held", "failed", "unknown", "bounced")},
        "last_success_at": iso(found.health.last_success_at),
        "last_error": found.health.last_error,
        "last_error_at": iso(found.health.last_error_at),
        "suspended": found.health.suspended,
        "tried_again_at": iso(found.health.suspended_until),
        **_rate(connector, found, now),
        "copies_waiting": found.copies_waiting,
        **retries,
        "redirected_to": list(setup.redirect_all),
    }


def _retries(connection: Connection, setup: Setup, connector: Connector) -> dict[str, Any]:
    """The retry template that new mails get: its version, how often it tries, and the waits between."""
    from core.durations import write_duration
    from core.retry import template_for, tries
    from gateway.store.setups import version_of

    found = template_for(setup, connector)
    return {
        "retry_template": found.name,
        "retry_template_version": version_of(connection, "retry_template", found.id),
        "tries": tries(found.intervals),
        "retry_after": [write_duration(one) for one in found.intervals],
    }


def _state(connector: Connector, found: Outgoing) -> str:
    """`disabled` by an administrator, `suspended` by refused log-ins, `in trouble` by anything else, `late` where mail should have left, or `fine`."""
    if not connector.enabled:
        return "disabled"
    if found.health.suspended:
        return "suspended"
    if found.health.troubled:
        return "in trouble"
    return "late" if found.oldest_due >= 60 else "fine"


def _rate(connector: Connector, found: Outgoing, now: Any) -> dict[str, Any]:
    from core.pace import pace_of

    pace = pace_of(connector.outgoing)
    if pace is None:
        return {"rate": "", "next_slot_at": ""}
    return {"rate": f"{pace.rate} within {connector.outgoing.get('rate_per') or 'PT1M'}", "next_slot_at": iso(pace.free_at(found.next_at, now))}


def iso(moment: datetime | None) -> str:
    """ISO 8601 in UTC with Z, '' for None."""
    from gateway.store.moments import moment_json

    return moment_json(moment) or ""
