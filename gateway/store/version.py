"""Which revision of the schema this code needs and which one a database has; moving from one to the other is `migrate.py`."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

HEAD = "0004"
"""The newest file in `migrations/versions`; a constant, because asking Alembic costs 0.4 s at every start."""


class VersionTrouble(Exception):
    """The database does not fit this code; `str()` says which command helps."""


def stored_version(connection: Connection) -> str:
    """The revision a database has, '' if it was never made."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def require_head(connection: Connection) -> None:
    """Raises VersionTrouble unless the database has the revision this code needs."""
    stored = stored_version(connection)
    if stored == HEAD:
        return
    if not stored:
        raise VersionTrouble("The database is empty. `guichet init` makes it ready.")
    if stored > HEAD:
        raise VersionTrouble(f"The database was upgraded by a newer Guichet (revision {stored}, this one knows {HEAD}). Install that version again.")
    raise VersionTrouble(f"The database has revision {stored} and {HEAD} is needed. Make a backup, then `guichet db upgrade`.")
