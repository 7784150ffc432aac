"""Access and refresh tokens of connectors, one row each, encrypted by whoever hands them in; getting them is `gateway/oauth/`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from gateway.store.schema import oauth_token

NEEDS_CONSENT = "needs_consent"

_T = oauth_token.c
_FIND = select(oauth_token).where(_T.name == bindparam("wanted"))
_ALL = select(oauth_token).order_by(_T.name)
_SAVE = insert(oauth_token)
_SAVE = _SAVE.on_conflict_do_update(
    index_elements=[_T.name], set_={column.name: _SAVE.excluded[column.name] for column in oauth_token.columns if column.name != "name"}
)


@dataclass(frozen=True, slots=True)
class TokenRow:
    """The tokens of one connector as stored: encrypted, '' for none. Moments are aware UTC; `state` is '' or `needs_consent`."""

    name: str
    access_token: str = ""
    refresh_token: str = ""
    expires_at: datetime | None = None
    state: str = ""
    last_error: str = ""
    changed_at: datetime | None = None


def find(connection: Connection, name: str) -> TokenRow:
    """The row of that name; an empty one where there is none."""
    row = connection.execute(_FIND, {"wanted": name}).first()
    return TokenRow(name) if row is None else TokenRow(**{str(key): value for key, value in row._mapping.items()})


def rows(connection: Connection) -> tuple[TokenRow, ...]:
    """All of them, by name."""
    return tuple(TokenRow(**{str(key): value for key, value in row._mapping.items()}) for row in connection.execute(_ALL))


def save(connection: Connection, row: TokenRow) -> None:
    """Write one row as it is now."""
    connection.execute(_SAVE, asdict(row))
