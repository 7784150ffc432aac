"""The desk's own blind copy of every mail that leaves (`bcc_all`, C-GW-05): envelope recipients that stand in no header and decide nothing about the mail."""

from __future__ import annotations

from dataclasses import replace

from core.mail import Address
from core.outbox import COPY, TO_AGENTS, Draft, Recipient
from core.setup import Setup
from core.test_mode import FACT


def with_blind_copies(draft: Draft, setup: Setup) -> Draft:
    """The draft as it is queued: with one more recipient for each address of `bcc_all` that does not get it anyway.

    Never for a test item, nor of what our own people are told, whose links and addresses for answers are theirs alone; and never for an address
    of ours, where it would come back as mail. Mails that are queued already keep the copies they were queued with when the desk changes.
    """
    if not setup.bcc_all or draft.facts.get(FACT) or draft.purpose in TO_AGENTS:
        return draft
    there = {one.address.key for one in draft.recipients}
    copies = {one.key: one for one in map(Address, setup.bcc_all) if one.key not in there and not setup.is_ours(one.address)}
    return replace(draft, recipients=(*draft.recipients, *(Recipient(one, COPY) for one in copies.values())))
