"""Connectors side by side: none delays another, rates hold over all processes, and finding what is due costs the same whatever lies about."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import event, text

from core.delivery import Meaning
from core.outbox import Outcome
from gateway.outbound.compose import seal
from gateway.store import connector_status, outbox_claims, outboxes
from tests.outbound.drafts import NOW, REF, House, Way, make_draft, with_connector

YEAR = timedelta(days=365)


def queue_many(house: House, names: list[str], **more: Any) -> None:
    """Many drafts in one commit; `more` may be a function of the number."""
    setup = house.setup
    with house.database.durable() as connection:
        for n, name in enumerate(names):
            values = {key: value(n) if callable(value) else value for key, value in more.items()}
            draft = make_draft(name, **({"due_at": house.clock.now(), "item_id": ""} | values))
            sealed = seal(draft, setup.connector_named[draft.connector], setup, house.keys, ref=REF)
            outboxes.insert(connection, draft, sealed, now=house.clock.now() + timedelta(microseconds=n), ref=REF)


def test_connectors_take_turns(house: House) -> None:
    """Issue 4, 1, fair queueing: a hundred mails that were due first do not hold up the one of another connector."""
    queue_many(house, [f"d{n:03}" for n in range(100)], due_at=NOW - timedelta(hours=1))
    queue_many(house, ["other"], connector="claims")
    way = Way()
    house.dispatcher(way).run_due(20)
    assert "other" in [mail.id for mail in way.given[:2]]


@pytest.mark.parametrize("how", ["disabled", "suspended", "limited"])
def test_one_that_may_not_send_delays_nobody(house: House, how: str) -> None:
    """Issue 4, 1: mails of a connector that is switched off, resting or at its rate stay as they are, and the others leave at once."""
    if how == "disabled":
        house.save(with_connector(house.setup, enabled=False))
    if how == "limited":
        house.save(with_connector(house.setup, outgoing={"kind": "maildir", "path": "x", "rate": 1, "rate_per": "PT1H"}))
    if how == "suspended":
        with house.database.durable() as connection:
            health = connector_status.health(connection, "support").met(Meaning.PASSING, "away", NOW, 0.0)
            connector_status.save(connection, health.probing(NOW + timedelta(hours=1)))
    queue_many(house, [f"d{n:02}" for n in range(30)])
    queue_many(house, [f"o{n}" for n in range(10)], connector="claims")
    way = Way()
    house.dispatcher(way).run_due()
    assert Counter(mail.id[0] for mail in way.given) == Counter({"o": 10} | ({"d": 1} if how == "limited" else {}))
    waiting = house.get("d29")
    assert (waiting.state, waiting.attempts, waiting.due_at, len(house.history("d29"))) == ("queued", 0, NOW, 1)


def test_the_rate_holds_over_all_processes(house: House) -> None:
    """Issue 4, 1: two dispatchers on one database send ten a minute between them, spread out; a mail that waits has used no try."""
    house.save(with_connector(house.setup, outgoing={"kind": "maildir", "path": "x", "rate": 10}))
    queue_many(house, [f"d{n:02}" for n in range(40)])
    way = Way()
    both = [house.dispatcher(way, holder=f"h/{n}/x") for n in range(2)]
    sent_at = []
    for second in range(181):
        for dispatcher in both:
            sent_at += [second] * dispatcher.run_due()
        house.clock.advance(seconds=1)
    assert len(sent_at) == 31 and len({mail.id for mail in way.given}) == 31
    assert all(later - earlier >= 6 for earlier, later in pairwise(sent_at))
    assert {house.get(f"d{n}").attempts for n in range(31, 40)} == {0}


def test_trouble_does_not_reset_the_rate(house: House) -> None:
    """What a connector may send is remembered apart from how it fares."""
    house.save(with_connector(house.setup, outgoing={"kind": "maildir", "path": "x", "rate": 10}))
    queue_many(house, ["d1", "d2"])
    house.dispatcher(Way(Meaning.PASSING)).run_due()
    with house.database.read() as connection:
        assert connector_status.next_at(connection, "support") == NOW + timedelta(seconds=6)


def test_a_thousand_mails_go_on_in_order_when_their_connector_is_enabled(house: House) -> None:
    """E-35, A-OB-24: they wait while it is disabled; enabled again they leave, those of an item in their order, and a scheduled time is kept."""
    for n in range(10):
        house.item(id=f"i{n}", ref=f"{101203 + n}-T", number=101203 + n)
    house.save(with_connector(house.setup, enabled=False))
    names = [f"d{n:04}" for n in range(1000)]
    later = house.clock.now() + timedelta(days=1)
    queue_many(house, names, item_id=lambda n: f"i{n % 10}", due_at=lambda n: later if n >= 990 else house.clock.now(), scheduled=lambda n: n >= 990)
    way = Way()
    dispatcher = house.dispatcher(way)
    assert dispatcher.run_due(2000) == 0
    house.clock.advance(hours=1)
    house.save(with_connector(house.setup, enabled=True))
    while dispatcher.run_due(2000):
        pass
    assert len(way.given) == 990
    for item in range(10):
        assert [mail.id for mail in way.given if int(mail.id[1:]) % 10 == item] == names[item:990:10]
    house.clock.set(later)
    assert dispatcher.run_due(2000) == 10
    assert len(set(way.given)) == len(way.given) == 1000


def test_what_is_due_is_found_by_its_index(house: House) -> None:
    """Issue 4, speed: with thousands sent, thousands of a connector that is disabled and thousands planned, each look is a range of one index: nothing is
    read through and nothing sorted."""
    house.queue(item_id="")
    with house.database.durable() as connection:
        house.copies(connection, 3000, "sent")
        house.copies(connection, 30, "pending_retry")
        connection.execute(text("UPDATE outbox SET item_id = NULL"))
        house.copies(connection, 3000, "queued")
        connection.execute(text("UPDATE outbox SET connector = 'claims' WHERE state = 'queued' AND id <> 'd1'"))
        house.copies(connection, 3000, "held")
        moment = int((NOW + YEAR).timestamp() * 1_000_000)
        connection.execute(text("UPDATE outbox SET state = 'queued', due_at = :moment WHERE state = 'held'"), {"moment": moment})
        if not house.database.is_sqlite:
            connection.execute(text("ANALYZE outbox"))
    asked = {"in_state": "queued", "now": NOW, "by_connector": "support", "live": ["support"], "most": 8}
    with house.database.read() as connection:
        for statement in (outbox_claims._DUE, outbox_claims._ANY_DUE):
            compiled = statement.params(asked).compile(connection, compile_kwargs={"literal_binds": True})
            explain = "EXPLAIN QUERY PLAN " if house.database.is_sqlite else "EXPLAIN "
            plan = "\n".join(str(row) for row in connection.exec_driver_sql(explain + str(compiled).replace("%", "%%")))
            assert "ix_outbox_due" in plan, plan
            if house.database.is_sqlite:
                assert "(state=? AND connector=? AND due_at<?)" in plan and "SCAN outbox" not in plan and "TEMP B-TREE" not in plan, plan
            else:
                assert "Seq Scan on outbox" not in plan and "Sort" not in plan, plan
    with house.database.lazy() as connection:
        connection.execute(text("UPDATE outbox SET state = 'sent' WHERE state = 'pending_retry'"))
        assert [one.id for one in outbox_claims.due(connection, NOW, "support", live=["support"], most=8)] == ["d1"]


def test_a_claim_looks_up_its_mails_by_id(house: House) -> None:
    """Issue 4, speed: claiming a batch costs the same however many are queued: SQLite, which keeps no figures about its tables, is not led to read them all."""
    if not house.database.is_sqlite:
        pytest.skip("PostgreSQL knows how many rows there are of each")
    house.queue(item_id="")
    with house.database.durable() as connection:
        house.copies(connection, 20, "queued")
        connection.execute(text("UPDATE outbox SET item_id = NULL"))
    asked: list[tuple[str, Any]] = []
    with house.database.lazy() as connection:
        event.listen(connection, "before_cursor_execute", lambda _connection, _cursor, statement, values, *_: asked.append((statement, values)))
        found = outbox_claims.due(connection, NOW, "support", live=["support"], most=8)
        assert len(outbox_claims.claim(connection, found, NOW, holder="x", lease_until=NOW + YEAR)) == 8
        (statement, values) = next(one for one in asked if one[0].startswith("UPDATE outbox "))
        plan = "\n".join(str(row) for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, values))
    assert "(id=?)" in plan and "state=?" not in plan, plan


def test_the_copies_of_the_desk_say_nothing_about_the_mail(house: House) -> None:
    """C-GW-05: the system-wide blind copy was refused: the mail is sent, nobody is told, and the refusal stands on that recipient alone."""
    from core.mail import Address
    from core.outbox import Recipient

    people = (Recipient(Address("carl@acme.example")), Recipient(Address("journal@demo.example"), "sys"))
    house.item()
    house.queue(recipients=people)

    class Refusing(Way):
        def deliver(self, mail: Any, before_final_dot: Any) -> Any:
            answer = super().deliver(mail, before_final_dot)
            refused = {key: (Outcome.PERMANENT, "550 no journal") if key.startswith("journal") else one for key, one in answer.recipients.items()}
            return type(answer)(answer.stage, "550 no journal", refused)

    house.dispatcher(Refusing()).run_due()
    message = house.get()
    assert (message.state, message.last_error) == ("sent", "")
    assert {one.address.address: (one.outcome, one.words) for one in message.recipients}["journal@demo.example"] == (Outcome.PERMANENT, "550 no journal")
    assert house.item_now().attention == ""
    with house.database.read() as connection:
        assert [one.id for one in outboxes.listing(connection)] == ["d1"], "no notice"
