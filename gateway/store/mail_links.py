"""Links in mails to our people as rows: kept, found, used once; what a link does is decided by whoever uses it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, update

from core.mail_links import LinkDeed, MailLink
from gateway.store.schema import mail_link

_L = mail_link.c
_GET = select(mail_link).where(_L.id == bindparam("its_id"))
_USE = update(mail_link).where(_L.id == bindparam("its_id"), _L.used_at.is_(None), _L.expires_at > bindparam("now")).values(used_at=bindparam("now"))
_PRUNE = delete(mail_link).where(_L.expires_at < bindparam("before"))


def add(connection: Connection, links: Iterable[MailLink]) -> None:
    """Keep new links."""
    rows = [
        {
            "id": one.id, "user_key": one.user_key, "item_id": one.item_id, "deed": str(one.deed), "body": one.body, "made_at": one.made_at,
            "expires_at": one.expires_at, "used_at": one.used_at,
        }
        for one in links
    ]  # fmt: skip
    if rows:
        connection.execute(mail_link.insert(), rows)


def get(connection: Connection, link_id: str, *, lock: bool = False) -> MailLink | None:
    """The link, used or not, over or not; None where there is no such."""
    row = connection.execute(_GET.with_for_update() if lock else _GET, {"its_id": link_id}).first()
    if row is None:
        return None
    return MailLink(row.id, row.user_key, LinkDeed(row.deed), row.made_at, row.expires_at, row.item_id, dict(row.body), row.used_at)


def use(connection: Connection, link_id: str, now: datetime) -> bool:
    """Mark it as used; False where it was used or is over: of two who ask at once, one may go on."""
    return connection.execute(_USE, {"its_id": link_id, "now": now}).rowcount == 1


def prune(connection: Connection, before: datetime) -> int:
    """Forget those that were over before then; returns how many."""
    return connection.execute(_PRUNE, {"before": before}).rowcount
