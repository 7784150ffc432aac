"""Our own signatures in a mail: which of its ids and addresses of ours carry one, and which are too old to prove anything; what a proof is worth is routing's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from core.brakes import Brakes, is_outdated
from core.outbox import OutboxMessage
from core.status import Status
from core.work_item import WorkItem
from gateway.keys import Keys
from gateway.routing.recipients import Recipient
from gateway.store import outbox_rows


@dataclass(frozen=True, slots=True)
class Signatures:
    """Verifies for one installation."""

    keys: Keys
    brakes: Brakes

    def ids(self, connection: Connection, ids: Iterable[str], received_at: datetime) -> tuple[frozenset[str], frozenset[str]]:
        """The ids that we signed, and those that we signed too long ago; what is no longer in the outbox cannot tell its age, and counts."""
        verified = {message_id: outbox_id for message_id in ids if (outbox_id := self.keys.verified_message_id(message_id))}
        if not verified or not self.brakes.signed_for:
            return frozenset(verified), frozenset()
        made = outbox_rows.made_at(connection, verified.values())
        old = {one for one, outbox_id in verified.items() if outbox_id in made and is_outdated(self.brakes, made[outbox_id], received_at)}
        return frozenset(verified.keys() - old), frozenset(old)

    def verified(self, recipient: Recipient) -> Recipient:
        """The recipient with what its plus-tag says, if we signed it: a reference, or which mail of ours it is the bounce address or the agent's address of."""
        if "." not in recipient.tag:
            return recipient
        told = self.keys.verified_agent_tag(recipient.tag)
        if told:
            return replace(recipient, agent_of=told)
        ref = self.keys.verified_reply_tag(recipient.tag)
        return replace(recipient, signed_ref=ref) if ref else replace(recipient, bounce_of=self.keys.verified_bounce_tag(recipient.tag))

    def of_mails(self, connection: Connection, recipients: tuple[Recipient, ...], received_at: datetime) -> tuple[Recipient, ...]:
        """The recipients, those that are bounce addresses with the reference of their mail's item; aged as the ids of our mails are."""
        wanted = [one.bounce_of for one in recipients if one.bounce_of]
        if not wanted:
            return recipients
        mails = outbox_rows.load(connection, wanted)
        return tuple(self._of_mail(one, mails.get(one.bounce_of), received_at) for one in recipients)

    def _of_mail(self, recipient: Recipient, message: OutboxMessage | None, received_at: datetime) -> Recipient:
        ref = str(message.content.get("ref", "")).upper() if message is not None else ""
        if message is None or not ref:
            return recipient
        if is_outdated(self.brakes, message.sent_at or message.created_at, received_at):
            return replace(recipient, outdated_ref=ref)
        return replace(recipient, signed_ref=ref)

    def aged(self, recipient: Recipient, by_ref: Mapping[str, WorkItem], received_at: datetime) -> Recipient:
        """The address of an item that was closed long ago proves nothing more and goes on working; that of an open one is in use."""
        item = by_ref.get(recipient.signed_ref) if recipient.signed_ref else None
        if item is None or item.status is not Status.CLOSED or not is_outdated(self.brakes, item.updated_at, received_at):
            return recipient
        return replace(recipient, signed_ref="", outdated_ref=recipient.signed_ref)
