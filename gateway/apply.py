"""Writes a Decision: items, timelines, people, links, sealed mails and changes of the outbox, all in the transaction of its caller; it decides nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from core.blind_copies import with_blind_copies
from core.decision import Decision, KnownId, OutboxChange
from core.mail import address_key
from core.outbox import TO_AGENTS, Draft, Sealed
from core.retry import template_for
from core.setup import Connector, Setup
from core.test_mode import of_test_item, why_withheld
from core.transitions import IllegalTransition
from core.work_item import WorkItem
from gateway.clock import Clock
from gateway.keys import Keys
from gateway.outbound.sealing import sealed_with_files, with_template_files
from gateway.store import agent_mails, brakes, contacts, items, mail_links, outboxes
from gateway.store.items import StaleItem
from gateway.telling import tell

log = logging.getLogger("guichet.apply")


@dataclass(frozen=True, slots=True)
class Applied:
    """What was written: the items with their new versions, and the earliest time a new mail is due (None: no mail was queued)."""

    items: tuple[WorkItem, ...] = ()
    mails: tuple[str, ...] = ()
    due_at: datetime | None = None


class Apply:
    """Given to every handler. Call it inside a write transaction; it raises StaleItem if an item was saved, or a mail claimed, by somebody else since."""

    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def __call__(self, connection: Connection, decision: Decision, setup: Setup, now: datetime) -> Applied:
        """Write everything in the decision at the moment `now` (aware UTC)."""
        saved = tuple(replace(item, version=items.save(connection, item)) for item in decision.items)
        self._people(connection, decision, setup, now)
        items.add_links(connection, decision.links, now)
        theirs = {item.id: item for item in saved}
        known = [*decision.known_ids]
        queued: list[Draft] = []
        for draft in decision.mails:
            found = self._queue(connection, draft, theirs, setup, now)
            if found is not None:
                queued.append(draft)
                known += found
        items.add_known_ids(connection, known, now)
        items.add_entries(connection, decision.entries)
        tell(connection, decision, theirs, setup, self._clock, now)
        for change in decision.outbox:
            _change(connection, change, now)
        for suppression in decision.suppressions:
            brakes.suppress(connection, suppression)
            if suppression.address_key in setup.user_of:  # one of our own is told nothing more: administrators have to know
                log.warning("user_suppressed", extra={"user": suppression.address_key, "reason": suppression.reason[:300]})
        mail_links.add(connection, decision.mail_links)
        agent_mails.add(connection, decision.audited)
        return Applied(saved, tuple(draft.id for draft in queued), min((draft.due_at for draft in queued if not draft.hold_reason), default=None))

    def sealed(self, connection: Connection, draft: Draft, setup: Setup, *, ref: str) -> Sealed:
        """The draft as it would leave, with the files of its template; nothing is written. Raises LookupError where no connector sends it."""
        whole, _ = with_template_files(connection, draft, setup)
        return sealed_with_files(connection, whole, sending_connector(setup, draft.connector), setup, self._keys, ref=ref)

    def _people(self, connection: Connection, decision: Decision, setup: Setup, now: datetime) -> None:
        """Contacts, participants, and addresses to remember; whoever is on an item takes part in it, and nobody of ours does (decisions.md)."""
        if not (decision.contacts or decision.participants or decision.remember_addresses):
            return
        outsiders = [one for one in decision.contacts if not setup.is_ours(one.address)]
        items.add_contacts(connection, outsiders, fresh={item.id for item in decision.items if not item.version})
        contacts.remember(connection, outsiders, lambda domain: _company(setup, domain), self._clock.new_id, now)
        contacts.add_addresses(connection, decision.remember_addresses)
        pairs = [*decision.participants, *((one.item_id, address_key(one.address)) for one in outsiders)]
        items.add_participants(connection, [(item_id, key) for item_id, key in pairs if not setup.is_ours(key)])

    def _queue(self, connection: Connection, draft: Draft, theirs: dict[str, WorkItem], setup: Setup, now: datetime) -> Sequence[KnownId] | None:
        """Seal one draft and put it into the outbox; where its Message-ID points. None: it was kept back, for a test item mails no strangers (E-47)."""
        if draft.item_id and draft.item_id not in theirs:
            theirs |= items.load(connection, (draft.item_id,))
        item = theirs.get(draft.item_id)
        if item is not None and item.test:
            draft = of_test_item(draft)
            withheld = why_withheld(setup, draft)
            if withheld:  # whoever made the draft should have asked: nothing of it leaves
                log.error("withheld", extra={"item": item.ref, "purpose": str(draft.purpose), "reason": withheld})
                return None
        connector = sending_connector(setup, draft.connector)
        draft = with_blind_copies(replace(draft, connector=connector.name), setup)
        ref = item.ref if item is not None else ""
        draft, missing = with_template_files(connection, draft, setup)
        if missing:
            log.warning("template_file_missing", extra={"purpose": str(draft.purpose), "files": list(missing)})
        sealed = sealed_with_files(connection, draft, connector, setup, self._keys, ref=ref)
        if sealed.note:
            log.warning("template_broken", extra={"note": sealed.note})
        outboxes.insert(connection, draft, sealed, now=now, ref=ref, template=template_for(setup, connector))
        return (KnownId(sealed.message_id, draft.item_id, "out", draft.id),) if draft.item_id and draft.purpose not in TO_AGENTS else ()


def _change(connection: Connection, change: OutboxChange, now: datetime) -> None:
    """Raises StaleItem for a change that came too late and rests on what was read: a claim was faster, so that all is decided anew."""
    try:
        outboxes.change(connection, change, now)
    except IllegalTransition:
        if not change.again_if_late:
            raise
        raise StaleItem("A mail that waits to be sent") from None


def sending_connector(setup: Setup, name: str) -> Connector:
    """The connector a mail leaves by. Raises LookupError with a sentence if none sends; the desk file is refused before that can happen."""
    connector = setup.speaker(name)
    if connector is not None:
        return connector
    raise LookupError(f"No connector can send: “{name}” does not, and there is no default connector that does.")


def _company(setup: Setup, domain: str) -> str:
    company = setup.company(domain)
    return company.name if company is not None else ""


