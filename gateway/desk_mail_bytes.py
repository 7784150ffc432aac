"""Outgoing mails as files: any of them as it leaves, and those of another system's queue taken over; what else is done with them is `desk_outbox.py`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from core.blind_copies import with_blind_copies
from core.mail import address_key
from core.outbox import Draft, OutboxMessage, Purpose, Sealed
from core.outbox_view import IN_OUTBOX
from core.refusal import Refused
from core.senders import NO_WAY, way_of
from core.setup import Connector, Role, Setup
from gateway.apply import sending_connector
from gateway.clock import Clock
from gateway.desk_base import Json
from gateway.desk_outbox_views import OutboxViewDesk
from gateway.keys import Keys
from gateway.outbound import old_queue
from gateway.outbound.sealing import FileGone, sealed_with_files
from gateway.store import outbox_imports, outboxes
from gateway.store.engine import Database
from gateway.store.setups import Setups

if TYPE_CHECKING:
    from gateway.apply import Apply

Sign = Callable[[Setup, OutboxMessage, bytes], str]
"""The DKIM-Signature fields of a sealed mail, '' for none; asked outside any transaction."""


class MailBytesDesk(OutboxViewDesk):
    """`sign` is what signs mail that leaves; without it nothing does."""

    def __init__(self, database: Database, setups: Setups, clock: Clock, apply: Apply, keys: Keys, *, sign: Sign | None = None) -> None:
        super().__init__(database, setups, clock, apply)
        self._keys = keys
        self._sign = sign

    def eml(self, outbox_id: str, by: str) -> bytes:
        """The mail as it left or, if it has not, as it would leave now, signatures and all; blind copies are never in it (C-SE-02).

        Raises NotFound for a mail out of sight, Refused for one whose files are gone.
        """
        with self._database.read() as connection:
            scene = self._scene(connection, by)
            message, _ = self._seen_message(connection, outbox_id, scene)
            data = self._bytes(connection, message, scene.setup)
        untried = not message.attempts and message.state in IN_OUTBOX
        return (self._sign(scene.setup, message, data).encode("ascii") if untried and self._sign is not None else b"") + data

    def import_mail(self, raw: bytes, by: str, *, connector: str = "", author: str = "") -> Json:
        """A mail that another system had queued comes into the outbox as failed: it is never sent by itself (A-OB-17).

        `connector` is the way it will leave, by default that of its From address; `author` whose mail it is, by default the user in From. A mail
        whose Message-ID is in the outbox is left as it is (`known`). For administrators. Raises Refused with a sentence for what is unreadable.
        """
        queued = old_queue.read(raw)
        new_id = self._clock.new_id()

        def deed(connection: Connection) -> Json:
            scene = self._scene(connection, by)
            if scene.user.role is not Role.ADMIN:
                raise Refused("Only an administrator may import mails: they may be in anybody's name. Nothing was imported.")
            there = outbox_imports.known(connection, queued.message_id) if queued.message_id else ""
            if there:
                return {"id": there, "known": True, "subject": queued.subject}
            way = _way(scene.setup, connector, queued.sender.key)
            mail = queued if queued.message_id else queued.with_id(self._keys.message_id(new_id, way.domain))
            draft = with_blind_copies(_draft(new_id, mail, way, _author(scene.setup, author, queued.sender.key), scene.now), scene.setup)
            sealed = Sealed(mail.bytes, way.address, mail.message_id, mail.subject, mail.text, attachment_count=mail.attachment_count)
            outbox_imports.add(connection, draft, sealed, now=scene.now, by=scene.by)
            found = outboxes.get(connection, new_id)
            assert found is not None, "it was put there a moment ago"
            return {**outboxes.as_json(found), "known": False}

        return self._durably(deed)

    def _bytes(self, connection: Connection, message: OutboxMessage, setup: Setup) -> bytes:
        if message.sealed or message.attempts:
            return outboxes.raw(connection, message.id)
        draft, ref = outboxes.draft_of(message)
        try:
            return sealed_with_files(connection, draft, sending_connector(setup, draft.connector), setup, self._keys, ref=ref).bytes
        except (FileGone, LookupError) as gone:
            raise Refused(f"{gone} So there is nothing to show yet; edit the mail or cancel it.") from None


def _way(setup: Setup, named: str, sender: str) -> Connector:
    """The connector an imported mail will leave by."""
    if named:
        connector = setup.connector_named.get(named)
        if connector is None or not connector.sends:
            raise Refused(f"There is no connector “{named[:60]}” that sends; guichet connector list shows them.")
        return connector
    way = way_of(setup, sender)
    if way is None:
        raise Refused(NO_WAY)
    return way


def _author(setup: Setup, named: str, sender: str) -> str:
    """The address key of whose mail it is; '' where nobody of ours is in From and nobody was named."""
    user = setup.user_of.get(address_key(named or sender))
    if user is None and named:
        raise Refused(f"There is no active user “{named[:100]}”.")
    return address_key(user.email) if user is not None else ""


def _draft(new_id: str, mail: old_queue.Queued, way: Connector, author: str, now: datetime) -> Draft:
    return Draft(
        id=new_id,
        item_id="",
        purpose=Purpose.PERSON,
        connector=way.name,
        from_=mail.sender,
        recipients=mail.recipients,
        due_at=now,
        author=author,
        subject=mail.subject,
        text=mail.text,
        in_reply_to=mail.in_reply_to,
        references=mail.references,
        importance=mail.importance,
    )
