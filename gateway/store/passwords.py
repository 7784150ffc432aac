"""Passwords of users: hashed with argon2 (imported when the first one is needed), set and checked; nothing here says what a user may do."""

from __future__ import annotations

import functools
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from core.mail import address_key
from gateway.store.schema import desk_change
from gateway.store.schema import user as user_table

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 10
LONGEST = 1_000


class PasswordTrouble(ValueError):
    """A password that is not taken; `str()` says why."""


@functools.cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


@functools.cache
def _nobody() -> str:
    """A hash to compare with where there is no user, so that an unknown name takes as long as a wrong password."""
    return _hasher().hash("nobody has this password")


def hashed(password: str) -> str:
    """The hash of a new password; takes about 160 ms, so call it before the transaction. Raises PasswordTrouble."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordTrouble(f"A password of {SHORTEST} to {LONGEST} characters is expected.")
    return _hasher().hash(password)


def set_password(connection: Connection, email: str, password_hash: str, by: str, now: datetime) -> None:
    """Store the hash of a new password for an active user, and that it was changed. Raises PasswordTrouble."""
    table, name = user_table.c, address_key(email)
    done = connection.execute(user_table.update().where(table.name == name, table.active).values(password_hash=password_hash))
    if not done.rowcount:
        raise PasswordTrouble(f"There is no active user “{email}”.")
    connection.execute(desk_change.insert().values(at=now, by=by, kind="user", name=name, change="password", body=None))


def standing(connection: Connection, email: str) -> str:
    """What changes when an active user gets another password; '' where there is no such user, or none is set. It is no secret."""
    table = user_table.c
    stored = connection.execute(select(table.password_hash).where(table.name == address_key(email), table.active)).scalar()
    return sha256(stored.encode()).hexdigest() if stored else ""


def check_password(connection: Connection, email: str, password: str) -> str:
    """The id of the active user with this password, or ''. Takes about 160 ms either way; call it outside of write transactions."""
    from argon2.exceptions import InvalidHashError, VerifyMismatchError

    table = user_table.c
    row = connection.execute(select(table.id, table.password_hash).where(table.name == address_key(email), table.active)).first()
    stored = row.password_hash if row is not None and row.password_hash else _nobody()
    try:
        _hasher().verify(stored, password[:LONGEST])
    except (VerifyMismatchError, InvalidHashError):
        return ""
    return str(row.id) if row is not None and row.password_hash else ""
