"""A person and a dispatcher at the same mail at the same moment: one atomic claim decides, whatever the person does; both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.outbox import OutboxEvent, OutboxState
from core.transitions import IllegalTransition
from gateway.desk import Desk
from gateway.store import outboxes
from tests.outbound.drafts import House, Way
from tests.outbound.test_races import together

ANN = "ann@demo.example"
ROUNDS = 200

AFTER: dict[str, str] = {"cancel": "cancelled", "hold": "held", "edit": "sent", "send-now": "sent", "retry": "sent"}
"""Deed → the state a mail ends in when the person was first; when the dispatcher was, it is sent as it was."""


@pytest.mark.parametrize("deed", AFTER)
def test_a_person_against_the_dispatcher(house: House, deed: str) -> None:
    """E-28, A-US-01, A-OB-13, A-OB-15: 200 mails, a person at one end and a dispatcher at the other: what the person did in time holds for every one of
    them, what came too late was refused with a sentence, and nothing is sent twice."""
    names = [f"d{n:03}" for n in range(ROUNDS)]
    for name in names:
        house.queue(name, item_id="", subject="Old", text="Old words.")
    if deed == "retry":
        wait_for_a_try(house, names)
    way, done, late = Way(), [], []
    desk = Desk(house.database, house.setups, house.clock, house.apply)

    def person() -> None:
        for name in reversed(names):
            try:
                desk.do_with_mail(deed, name, ANN, changes={"text": "New words."} if deed == "edit" else None)
                done.append(name)
            except IllegalTransition as too_late:
                assert str(too_late).startswith("Too late"), str(too_late)
                late.append(name)

    together([person, lambda: drain(house, way)])
    drain(house, way)
    sent = [mail.id for mail in way.given]
    assert len(sent) == len(set(sent)), "none twice"
    assert sorted(done + late) == names
    assert {house.state(name) for name in done} <= {AFTER[deed]}
    assert {house.state(name) for name in late} <= {"sent"}
    assert set(sent) == {name for name in names if house.state(name) == "sent"}
    if deed == "edit":
        assert {mail.id for mail in way.given if b"New words." in mail.data} == set(done)


def drain(house: House, way: Way) -> None:
    house.dispatcher(way).run_due(10 * ROUNDS)


def wait_for_a_try(house: House, names: list[str]) -> None:
    """They were tried once, and the next try is due now."""
    from sqlalchemy import update

    from gateway.store.schema import outbox

    with house.database.durable() as connection:
        connection.execute(update(outbox).where(outbox.c.id.in_(names)).values(state="pending_retry", attempts=1))


def test_two_people_at_once(house: House) -> None:
    """One releases and one cancels the same held mails: each ends as the last of the deeds that were possible left it, and its history tells both."""
    names = [f"d{n:03}" for n in range(60)]
    for name in names:
        house.queue(name, item_id="", hold_reason="look at it", due_at=house.clock.now() + timedelta(hours=1))
    desk = Desk(house.database, house.setups, house.clock, house.apply)
    refused: list[tuple[str, str]] = []

    def do(deed: str, order: list[str]) -> None:
        for name in order:
            try:
                desk.do_with_mail(deed, name, ANN)
            except IllegalTransition:
                refused.append((deed, name))

    together([lambda: do("release", names), lambda: do("cancel", names[::-1])])
    assert {house.state(name) for name in names} == {"cancelled"}, "a cancel is possible before and after a release"
    assert {deed for deed, _ in refused} <= {"release"}
    for name in names:
        changes: list[Any] = [change["became"] for change in house.history(name)]
        assert changes == (["held", "cancelled"] if ("release", name) in refused else ["held", "queued", "cancelled"])


def test_marking_as_sent_never_meets_an_attempt(house: House) -> None:
    """decisions.md 18: a mail of unknown outcome that is retried and claimed at that moment is not marked as sent under the dispatcher's hands."""
    names = [f"d{n:03}" for n in range(60)]
    for name in names:
        house.queue(name, item_id="")
    from sqlalchemy import update

    from gateway.store.schema import outbox

    with house.database.durable() as connection:
        connection.execute(update(outbox).values(state="unknown", attempts=1))
    desk = Desk(house.database, house.setups, house.clock, house.apply)
    marked: list[str] = []
    way = Way()

    def mark() -> None:
        for name in names[::-1]:
            try:
                desk.mark_mail_sent(name, ANN)
                marked.append(name)
            except IllegalTransition:
                pass

    def retry_and_send() -> None:
        for name in names:
            try:
                desk.retry_mail(name, ANN)
            except IllegalTransition:
                continue
            drain(house, way)

    together([mark, retry_and_send])
    sent = {mail.id for mail in way.given}
    assert sent.isdisjoint(marked) and sent | set(marked) == set(names)
    assert {house.state(name) for name in names} == {OutboxState.SENT.value}
    with house.database.read() as connection:
        assert {outboxes.get(connection, name).attempts for name in marked} == {1}  # type: ignore[union-attr]
        by = {name: [change for change in outboxes.history(connection, name) if change["reason"] == OutboxEvent.ACCEPTED.value] for name in marked}
    assert all([change["by"] for change in changes] == [ANN] for changes in by.values())
