"""What was taken in for which recipient: the keys by which a mail that comes twice is known (decisions.md 8); what follows is decided in `gateway/routing`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, or_, select
from sqlalchemy.dialects.postgresql import insert

from core.mail import Mail
from core.verdict import DUPLICATE_WINDOW
from gateway.store.schema import intake_key

LONGEST_ID, LONGEST_RECIPIENT, LONGEST_CONTENT = 998, 1_000, 64
"""Bounds of the columns."""
MOST_TAKEN = 1_000

_K = intake_key.c
_INSERT = insert(intake_key)
_INSERT = _INSERT.on_conflict_do_update(
    index_elements=[_K.connector, _K.recipient, _K.message_id, _K.content_key],
    set_={"inbound_id": _INSERT.excluded.inbound_id, "at": _INSERT.excluded.at},
    where=or_(_K.inbound_id == _INSERT.excluded.inbound_id, (_K.message_id == "") & (_K.at < bindparam("before", type_=_K.at.type))),
).execution_options(preserve_rowcount=True)  # else an INSERT's row count is not kept on PostgreSQL
_TAKEN = select(_K.connector, _K.recipient, _K.message_id, _K.content_key, _K.inbound_id, _K.at).where(
    _K.connector.in_(bindparam("connectors", expanding=True)),
    _K.recipient.in_(bindparam("recipients", expanding=True)),
    _K.message_id == bindparam("its_id"),
)
_TAKEN_NAMELESS = _TAKEN.where(_K.content_key == bindparam("its_content"))
_TAKEN_NAMED = _TAKEN.order_by((_K.content_key == bindparam("its_content")).desc(), _K.at).limit(bindparam("most"))
"""Those of the same content first: an id can be used again with other content as often as somebody likes."""
_ALIKE = select(_K.inbound_id).where(_K.inbound_id.in_(bindparam("ids", expanding=True)), _K.content_key == bindparam("its_content"))


class TakenMeanwhile(Exception):
    """The same mail was taken in for the same recipient by another worker a moment ago: decide again."""


def write_keys(connection: Connection, inbound_id: str, mail: Mail, keys: Iterable[tuple[str, str]], now: datetime) -> None:
    """Remember that a mail was taken in for these (connector, recipient key). Raises TakenMeanwhile."""
    for connector, recipient in keys:
        row = {**_its(mail), "connector": connector, "recipient": recipient[:LONGEST_RECIPIENT], "inbound_id": inbound_id, "at": now}
        if connection.execute(_INSERT, {**row, "before": now - DUPLICATE_WINDOW}).rowcount != 1:
            raise TakenMeanwhile(inbound_id)


def taken(connection: Connection, mail: Mail, keys: Collection[tuple[str, str]]) -> Sequence[Row[str, str, str, str, str, datetime]]:
    """The keys of what came in before for these (connector, recipient key) with the same id, or with the same content where there is no id."""
    if not keys:
        return ()
    its = _its(mail)
    asked = {
        "connectors": list({connector for connector, _ in keys}),
        "recipients": [recipient[:LONGEST_RECIPIENT] for _, recipient in keys],
        "its_id": its["message_id"],
        "its_content": its["content_key"],
    }
    if not mail.message_id:
        return connection.execute(_TAKEN_NAMELESS, asked).all()
    return connection.execute(_TAKEN_NAMED, {**asked, "most": MOST_TAKEN}).all()


def alike(connection: Connection, mail: Mail, inbound_ids: Collection[str]) -> frozenset[str]:
    """Those of these messages that have the content of this mail."""
    if not inbound_ids:
        return frozenset()
    return frozenset(connection.execute(_ALIKE, {"ids": list(inbound_ids), "its_content": _its(mail)["content_key"]}).scalars())


def _its(mail: Mail) -> dict[str, str]:
    return {"message_id": mail.message_id[:LONGEST_ID], "content_key": mail.content_key[:LONGEST_CONTENT]}
