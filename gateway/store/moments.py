"""Moments as JSON, said once for lists, details and timelines; how they are stored is `schema.Moment`."""

from __future__ import annotations

from datetime import datetime


def moment_json(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with Z, or None."""
    return moment.isoformat().replace("+00:00", "Z") if moment is not None else None
