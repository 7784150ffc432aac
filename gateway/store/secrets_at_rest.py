"""Secrets that are stored encrypted: which columns hold them, and how they are encrypted anew after the keys were rotated; the keys are the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Column, Connection, select, update

from gateway.store.schema import oauth_token, secret

COLUMNS = (oauth_token.c.access_token, oauth_token.c.refresh_token, secret.c.value)


def renew(connection: Connection, renewed: Callable[[str], str | None]) -> tuple[int, int]:
    """Every secret replaced by what `renewed` makes of it (None: none of our keys opens it, and it is left). Returns (renewed, left).

    One that somebody replaced in the meantime is theirs, and newer.
    """
    done = left = 0
    for column, sealed in list(_sealed(connection)):
        anew = renewed(sealed)
        if anew is None:
            left += 1
            continue
        done += connection.execute(update(column.table).where(column == sealed).values({column: anew})).rowcount
    return done, left


def _sealed(connection: Connection) -> Iterator[tuple[Column[str], str]]:
    for column in COLUMNS:
        for (sealed,) in connection.execute(select(column).where(column != "")):
            yield column, sealed
