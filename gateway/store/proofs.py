"""What the connection test has shown to work for a connector and its address; trying it out is `gateway/connecting/`, and `setups.py` tells it to whoever writes mail."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from core.mail import address_key
from gateway.store.schema import connector_proof, desk_revision

ROUND_TRIP = "round_trip"
"""A mail to the connector's own address left and came back."""
PLUS_ADDRESSING = "plus_addressing"
"""So did one to its plus-tagged form, with the tag."""

_C = connector_proof.c
_ALL = select(_C.connector, _C.address).where(_C.what == bindparam("asked"))
_OF = select(connector_proof).where(_C.connector == bindparam("asked")).order_by(_C.what)
_SET = insert(connector_proof)
_SET = _SET.on_conflict_do_update(index_elements=[_C.connector, _C.what], set_={"address": _SET.excluded.address, "proved_at": _SET.excluded.proved_at})
_FORGET = delete(connector_proof).where(_C.connector.in_(bindparam("names", expanding=True)))
_FORGET_ONE = delete(connector_proof).where(_C.connector == bindparam("asked"), _C.what == bindparam("about"))
_NEXT_REVISION = update(desk_revision).values(revision=desk_revision.c.revision + 1)


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing shown; `address` is an address key, `proved_at` aware UTC."""

    connector: str
    what: str
    address: str
    proved_at: datetime


def all_of(connection: Connection, what: str) -> dict[str, str]:
    """Connector → the address for which this was shown."""
    return {row.connector: row.address for row in connection.execute(_ALL, {"asked": what})}


def of(connection: Connection, connector: str) -> dict[str, Proof]:
    """What was shown for one connector."""
    return {row.what: Proof(row.connector, row.what, row.address, row.proved_at) for row in connection.execute(_OF, {"asked": connector})}


def record(connection: Connection, connector: str, address: str, shown: Mapping[str, bool], now: datetime) -> None:
    """Write down what was shown to work, and what no longer does. The setup gets another revision, so that every process hears of it.

    The revision comes first: its row is what everybody who changes the setup waits for.
    """
    connection.execute(_NEXT_REVISION)
    for what, works in shown.items():
        if works:
            connection.execute(_SET, {"connector": connector, "what": what, "address": address_key(address), "proved_at": now})
        else:
            connection.execute(_FORGET_ONE, {"asked": connector, "about": what})


def forget(connection: Connection, names: Collection[str]) -> None:
    """These connectors have changed: what was shown is no longer so."""
    if names:
        connection.execute(_FORGET, {"names": list(names)})
