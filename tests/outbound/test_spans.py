"""How long a mail is tried: retry templates from minutes to a week, as they were when the mail was queued (decisions.md 19, E-24)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from core.outbox import OutboxState, Outcome
from core.retry import SPREAD
from core.setup import RetryTemplate
from gateway.store.schema import notification
from tests.outbound.drafts import House, Way

SPANS = {
    "minutes": (timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)),
    "doubling": tuple(timedelta(minutes=min(2**n, 240)) for n in range(1, 9)),
    "a week": (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), *(timedelta(hours=4) for _ in range(41))),
    "a week, hourly": tuple(timedelta(hours=1) for _ in range(168)),
}


@pytest.mark.parametrize("name", SPANS)
def test_a_mail_is_tried_as_long_as_its_template_says(house: House, name: str) -> None:
    """A-OB-21, A-OB-23: one try and one after each wait, each wait within ±10 % of what the template says; then it has failed, and only a person tries again."""
    waits = SPANS[name]
    templates = (RetryTemplate("r-1", "standard", waits),)
    house.save(replace(house.setup, retry_templates=templates))
    house.item()
    house.queue()
    way = Way(Outcome.TEMPORARY)
    dispatcher = house.dispatcher(way)
    began = house.clock.now()
    for n, wait in enumerate(waits, 1):
        assert dispatcher.run_due() == 1
        message = house.get()
        assert (message.state, message.attempts) == (OutboxState.PENDING_RETRY, n)
        waited = message.due_at - house.clock.now()
        assert wait * (1 - SPREAD) <= waited <= wait * (1 + SPREAD)
        house.clock.set(house.clock.now() + waited - timedelta(seconds=1))
        assert dispatcher.run_due() == 0, "never before its time"
        house.clock.advance(seconds=1)
    assert dispatcher.run_due() == 1, "the mail a last time"
    with house.database.read() as connection:
        told = [(row.user_key, row.outbox_id) for row in connection.execute(select(notification))]
    assert told == [("ann@demo.example", "d1")], "its author is told"
    assert (house.get().state, house.get().attempts) == (OutboxState.FAILED, len(waits) + 1)
    whole = sum(waits, timedelta())
    assert whole * (1 - SPREAD) <= house.clock.now() - began <= whole * (1 + SPREAD)
    house.clock.advance(days=30)
    dispatcher.run_due()
    assert sum(mail.id == "d1" for mail in way.given) == len(waits) + 1


def test_a_mail_keeps_the_version_it_was_queued_with(house: House) -> None:
    """E-24, C-OB-06: a template changed later is a new version for later mails; a mail that waits goes on with its own."""
    house.save(replace(house.setup, retry_templates=(RetryTemplate("r-1", "standard", (timedelta(minutes=10),)),)))
    house.item()
    house.queue()
    dispatcher = house.dispatcher(Way(Outcome.TEMPORARY))
    assert dispatcher.run_due() == 1
    house.save(replace(house.setup, retry_templates=(RetryTemplate("r-2", "standard", (timedelta(minutes=10),) * 9),)))
    house.clock.advance(minutes=12)
    dispatcher.run_due()
    assert house.get().state is OutboxState.FAILED
    its_own = house.setup.retry_template_by_id[str(house.get().retry_template_id)]
    assert its_own.intervals == (timedelta(minutes=10),)
