"""Passwords for mail programs, one for each program: made, found by what is typed, listed, revoked; the password of a person is `passwords.py`."""

from __future__ import annotations

from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, Row, bindparam, func, or_, select, update

from core.mail import address_key
from gateway.store.schema import app_password, desk_change
from gateway.store.schema import user as user_table

LETTERS, GROUP = 28, 4
"""Of base32: 140 random bits, in groups that a person can read out."""
NAME = 120
MOST = 20
"""In force at one time, for one user."""
NOTED_AGAIN_AFTER = timedelta(hours=1)
"""A use is written down at most so often."""

_P = app_password.c
_ABOUT = select(_P.id, _P.user_key, _P.name, _P.made_at, _P.used_at, _P.revoked_at)
_IN_FORCE = (
    select(_P.id)
    .join(user_table, user_table.c.name == _P.user_key)
    .where(_P.user_key == bindparam("whose"), _P.revoked_at.is_(None), user_table.c.active)
)
_FOUND = _IN_FORCE.where(_P.hash == bindparam("its_hash"))
_STANDS = _IN_FORCE.where(_P.id == bindparam("its_id"))
_COUNT = select(func.count()).select_from(_IN_FORCE.subquery())
_USED = update(app_password).where(_P.id == bindparam("its_id"), or_(_P.used_at.is_(None), _P.used_at < bindparam("before"))).values(used_at=bindparam("now"))


@dataclass(frozen=True, slots=True)
class AppPassword:
    """One of them, without what is typed. Moments are aware UTC."""

    id: str
    user_key: str
    name: str
    made_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


def written(secret: bytes) -> str:
    """How a person reads and types it: `mfrg-gzdf-…`. `secret` are at least 18 random bytes (`clock.new_secret`)."""
    letters = b32encode(secret).decode("ascii").lower()[:LETTERS]
    return "-".join(letters[at : at + GROUP] for at in range(0, LETTERS, GROUP))


def fingerprint(typed: str) -> str:
    """What is stored of it, however it was typed: letter case, blanks and hyphens do not count."""
    return sha256("".join(typed.lower().replace("-", " ").split()).encode("utf-8", "replace")).hexdigest()


def add(connection: Connection, one: AppPassword, password: str, *, by: str) -> None:
    """A new one, and that it was made."""
    row = {"id": one.id, "user_key": one.user_key, "name": one.name[:NAME], "hash": fingerprint(password), "made_at": one.made_at}
    connection.execute(app_password.insert().values(**row))
    _changed(connection, one, "app password", by, one.made_at)


def found(connection: Connection, email: str, typed: str) -> str:
    """The id of the user's password that was typed, '' where it is none, or revoked, or the user is not active."""
    return str(connection.execute(_FOUND, {"whose": address_key(email), "its_hash": fingerprint(typed)}).scalar() or "")


def stands(connection: Connection, email: str, password_id: str) -> bool:
    """Whether it is still in force."""
    return connection.execute(_STANDS, {"whose": address_key(email), "its_id": password_id}).first() is not None


def in_force(connection: Connection, email: str) -> int:
    """How many a user has."""
    return int(connection.execute(_COUNT, {"whose": address_key(email)}).scalar_one())


def is_used_lately(connection: Connection, password_id: str, now: datetime) -> bool:
    """Whether its use needs no noting."""
    used: datetime | None = connection.execute(select(_P.used_at).where(_P.id == password_id)).scalar()
    return used is not None and used >= now - NOTED_AGAIN_AFTER


def note_use(connection: Connection, password_id: str, now: datetime) -> None:
    """It was used, if that was not noted within the last hour."""
    connection.execute(_USED, {"its_id": password_id, "before": now - NOTED_AGAIN_AFTER, "now": now})


def listed(connection: Connection, email: str = "") -> list[AppPassword]:
    """Those of a user, or of everybody, the newest first; revoked ones as well."""
    wanted = _ABOUT.order_by(_P.made_at.desc(), _P.id)
    return [_one(row) for row in connection.execute(wanted.where(_P.user_key == address_key(email)) if email else wanted)]


def revoke(connection: Connection, email: str, named: str, now: datetime, *, by: str) -> list[AppPassword]:
    """Those of a user that bear this name or id are no longer taken, from this moment on. Returns them."""
    gone = [one for one in listed(connection, email) if one.revoked_at is None and named in (one.id, one.name)]
    for one in gone:
        connection.execute(update(app_password).where(_P.id == one.id).values(revoked_at=now))
        _changed(connection, one, "app password revoked", by, now)
    return gone


def revoke_all(connection: Connection, email: str, now: datetime, *, by: str) -> None:
    """None of a user's is taken any more, also if they come back: they left."""
    for one in listed(connection, email):
        if one.revoked_at is None:
            connection.execute(update(app_password).where(_P.id == one.id).values(revoked_at=now))
            _changed(connection, one, "app password revoked", by, now)


def _changed(connection: Connection, one: AppPassword, change: str, by: str, now: datetime) -> None:
    connection.execute(desk_change.insert().values(at=now, by=by, kind="user", name=one.user_key, change=change, body=None))


def _one(row: Row[str, str, str, datetime, datetime | None, datetime | None]) -> AppPassword:
    return AppPassword(row.id, row.user_key, row.name, row.made_at, row.used_at, row.revoked_at)
