"""Inbound messages in the database, on both kinds: claims and leases, attempts and quarantine, settlement, lists, replay, what people decide."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from core.evidence import Evidence
from core.mail import Address, Attachment, Mail
from core.refusal import NotFound, Refused
from core.verdict import Action, InboundState, TraceStep, Verdict
from gateway.clock import FakeClock
from gateway.inbound.port import Arrival
from gateway.store import arrivals, inbound_claims, inbound_list, inbound_waiting, inbounds, items
from gateway.store.engine import Database
from gateway.store.inbound_claims import Claimed
from gateway.store.inbounds import LostLease, Settlement
from gateway.store.intake_keys import TakenMeanwhile, write_keys
from gateway.store.schema import inbound, inbound_body, inbound_verdict, intake_key
from tests.core.test_on_mail import an_item

SUPPORT = "support@demo.example"
LEASE = timedelta(minutes=2)
MAIL = Mail(message_id="a@x", from_=(Address("jo@acme.example", "Jo"),), to=(Address(SUPPORT),), subject="Printer", new_text="new", content_key="c" * 64)
OPENED = Verdict(SUPPORT, Action.OPEN, "route “default”", connector="support", process_id="p-support", opens=0)
HELD = Verdict(SUPPORT, Action.HOLD, "a stranger", connector="support", item_id="i1", evidence=Evidence.KNOWN)
UNHANDLED = Verdict("help@demo.example", Action.UNHANDLED, "no route", connector="support")


def arrive(database: Database, clock: FakeClock, n: int = 1, door: str = "smtp") -> list[str]:
    """`n` mails a second apart."""
    ids = []
    with database.durable() as connection:
        for _ in range(n):
            ids.append(clock.new_id())
            arrivals.store(connection, [(ids[-1], Arrival(b"raw " + ids[-1].encode(), door, clock.advance(seconds=1), "jo@acme.example", (SUPPORT,)))])
    return ids


def claim(database: Database, clock: FakeClock, holder: str = "me", most: int = 8) -> list[Claimed]:
    with database.lazy() as connection:
        return inbound_claims.claim(connection, clock.now(), holder, LEASE, most)


def again(database: Database, clock: FakeClock) -> list[Claimed]:
    with database.lazy() as connection:
        return inbound_claims.claim_again(connection, clock.now(), "me", LEASE)


KEYS = (("support", SUPPORT),)


def settle(
    database: Database, clock: FakeClock, claimed: Claimed, *verdicts: Verdict, mail: Mail = MAIL, keys: tuple[tuple[str, str], ...] = KEYS
) -> None:
    trace = (TraceStep("route", "support / default", "hit", "because"),)
    with database.lazy() as connection:
        inbounds.settle(connection, claimed, Settlement(mail, verdicts, trace, "ordinary", keys), clock.now())


def an_item_there(database: Database) -> None:
    with database.durable() as connection:
        items.save(connection, replace(an_item(1), version=0))


def state_of(database: Database, inbound_id: str) -> tuple[str, int]:
    with database.read() as connection:
        row = connection.execute(select(inbound.c.state, inbound.c.attempts).where(inbound.c.id == inbound_id)).one()
        return row.state, row.attempts


# ---------------------------------------------------------------- claims


def test_claims_are_in_order_and_bounded(database: Database, clock: FakeClock) -> None:
    """The oldest come first, at most as many as asked for, each once, with envelope and attempt."""
    ids = arrive(database, clock, 3)
    first = claim(database, clock, most=2)
    assert [one.id for one in first] == ids[:2]
    assert (first[0].attempts, first[0].envelope.door, first[0].envelope.sender, first[0].envelope.recipients) == (1, "smtp", "jo@acme.example", (SUPPORT,))
    assert [one.id for one in claim(database, clock)] == ids[2:]
    assert claim(database, clock) == []
    assert state_of(database, ids[0]) == ("working", 1)


def test_named_claims(database: Database, clock: FakeClock) -> None:
    """A wake-up call claims what it names, if nobody has it; doubled and late calls find nothing."""
    ids = arrive(database, clock, 2)
    with database.lazy() as connection:
        assert [one.id for one in inbound_claims.claim_named(connection, clock.now(), "me", LEASE, [ids[1], "unknown"])] == [ids[1]]
        assert inbound_claims.claim_named(connection, clock.now(), "me", LEASE, [ids[1]]) == []
        assert inbound_claims.claim_named(connection, clock.now(), "me", LEASE, []) == []


def test_the_raw_mail(database: Database, clock: FakeClock) -> None:
    """The raw mail is read by its id; what is not there is a LookupError."""
    (only,) = arrive(database, clock)
    with database.read() as connection:
        assert inbounds.raw(connection, only) == b"raw " + only.encode()
        with pytest.raises(LookupError):
            inbounds.raw(connection, "unknown")


def test_threads_claim_each_mail_once(database: Database, clock: FakeClock) -> None:
    """Six workers at once: every mail is claimed by exactly one of them."""
    ids = arrive(database, clock, 40)
    got: list[str] = []
    lock = threading.Lock()

    def work(name: str) -> None:
        while True:
            mine = claim(database, clock, name, 3)
            if not mine:
                return
            with lock:
                got.extend(one.id for one in mine)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(got) == sorted(ids)


def test_a_passing_fault_is_no_attempt(database: Database, clock: FakeClock) -> None:
    """architecture section 4: given back without an attempt, at once or after a while."""
    (only,) = arrive(database, clock)
    with database.lazy() as connection:
        inbound_claims.release(connection, claim_one(connection, clock), clock.now())
    assert state_of(database, only) == ("new", 0)
    with database.lazy() as connection:
        inbound_claims.release(connection, claim_one(connection, clock), clock.now(), delay=timedelta(seconds=5))
    assert claim(database, clock) == again(database, clock) == []
    clock.advance(seconds=5)
    assert [one.attempts for one in again(database, clock)] == [1]


def claim_one(connection, clock: FakeClock) -> Claimed:  # type: ignore[no-untyped-def]
    return inbound_claims.claim(connection, clock.now(), "me", LEASE, 1)[0]


def test_three_failures_are_quarantine(database: Database, clock: FakeClock) -> None:
    """Our own fault: tried three times, a little later each time and alone, then quarantined with the reason (law 7)."""
    (only,) = arrive(database, clock)
    claimed = claim(database, clock)[0]
    for attempt in (1, 2):
        with database.lazy() as connection:
            assert inbound_claims.fail(connection, claimed, f"fault {attempt}", clock.now()) is False
        assert state_of(database, only) == ("new", attempt)
        assert again(database, clock) == []
        clock.advance(seconds=10 * attempt)
        claimed = again(database, clock)[0]
    with database.lazy() as connection:
        assert inbound_claims.fail(connection, claimed, "fault 3", clock.now()) is True
    assert state_of(database, only) == ("quarantined", 3)
    with database.read() as connection:
        assert inbound_list.show(connection, only)["reason"] == "fault 3"
        assert inbound_list.show(connection, only)["history"][-1]["became"] == "quarantined"


def test_a_dead_workers_mail_comes_back(database: Database, clock: FakeClock) -> None:
    """A lease that is over: tried again; the third death is quarantine. The attempts count, for the mail may have killed the worker."""
    (only,) = arrive(database, clock)
    claim(database, clock)
    for attempt in (1, 2, 3):
        with database.lazy() as connection:
            assert inbound_claims.sweep(connection, clock.now(), "gone") == ()
        clock.advance(minutes=3)
        with database.lazy() as connection:
            assert inbound_claims.sweep(connection, clock.now(), "gone") == ((only,) if attempt == 3 else ())
        if attempt < 3:
            assert [one.attempts for one in again(database, clock)] == [attempt + 1]
    assert state_of(database, only) == ("quarantined", 3)


def test_what_failed_comes_alone(database: Database, clock: FakeClock) -> None:
    """A mail that may kill its worker is never claimed together with others."""
    ids = arrive(database, clock, 3)
    claim(database, clock)
    clock.advance(minutes=3)
    with database.lazy() as connection:
        inbound_claims.sweep(connection, clock.now(), "gone")
    fresh = arrive(database, clock, 2)
    assert [one.id for one in claim(database, clock)] == fresh
    assert [len(again(database, clock)) for _ in range(4)] == [1, 1, 1, 0]
    assert all(state_of(database, one)[0] == "working" for one in ids)


def test_leases_of_known_dead_end_at_once(database: Database, clock: FakeClock) -> None:
    """A holder that is known to be gone loses its leases without waiting for their end."""
    arrive(database, clock)
    claim(database, clock, "dead")
    with database.lazy() as connection:
        assert inbound_claims.holders(connection) == ("dead",)
        inbound_claims.expire(connection, ["dead"], clock.now() - timedelta(seconds=1))
        inbound_claims.sweep(connection, clock.now(), "gone")
    assert len(again(database, clock)) == 1


def test_a_lease_is_renewed_by_its_holder_only(database: Database, clock: FakeClock) -> None:
    """A renewed lease holds; whoever lost it cannot renew."""
    arrive(database, clock)
    claimed = claim(database, clock)[0]
    with database.lazy() as connection:
        assert inbound_claims.renew(connection, claimed, clock.now() + 5 * LEASE)
    clock.advance(minutes=3)
    with database.lazy() as connection:
        inbound_claims.sweep(connection, clock.now(), "gone")
        assert not inbound_claims.renew(connection, Claimed(claimed.id, claimed.attempts, claimed.envelope, "other"), clock.now())
    assert again(database, clock) == []


# ---------------------------------------------------------------- settlement


def test_settled(database: Database, clock: FakeClock) -> None:
    """State, what was read, the verdicts and the trace are written together, and shown as the contract names them."""
    (only,) = arrive(database, clock)
    an_item_there(database)
    mail = replace(MAIL, attachments=(Attachment("a.pdf", "application/pdf", 1, 2, "base64", 1, "0" * 64),), defects=("odd",))
    settle(database, clock, claim(database, clock)[0], HELD, UNHANDLED, mail=mail)
    with database.read() as connection:
        (listed,) = inbound_list.listing(connection)
        shown = inbound_list.show(connection, only)
    assert {"id", "state", "reason", "door", "received_at", "envelope_from", "envelope_to", "subject", "from", "message_id", "items", "trace"} <= set(listed)
    assert (listed["state"], listed["reason"], listed["from"], listed["items"]) == ("held", "a stranger", "Jo <jo@acme.example>", ["1-T"])
    assert listed["trace"] == [{"step": "route", "check": "support / default", "outcome": "hit", "because": "because"}]
    assert [(one["recipient"], one["state"], one["item"]) for one in shown["verdicts"]] == [(SUPPORT, "held", "1-T"), ("help@demo.example", "unhandled", None)]
    assert (shown["text"], shown["attachments"][0]["name"], shown["defects"], shown["to"]) == ("new", "a.pdf", ["odd"], [SUPPORT])
    assert [change["became"] for change in shown["history"]] == ["held"]


def test_filters(database: Database, clock: FakeClock) -> None:
    """Lists are filtered by state and id, and bounded; the newest come first."""
    ids = arrive(database, clock, 3)
    with database.read() as connection:
        assert [one["id"] for one in inbound_list.listing(connection, states=("new",))] == ids[::-1]
        assert [one["id"] for one in inbound_list.listing(connection, ids=ids[:1])] == ids[:1]
        assert len(inbound_list.listing(connection, limit=2)) == 2
        assert inbound_list.listing(connection, states=("held",)) == []
        with pytest.raises(NotFound):
            inbound_list.show(connection, "unknown")


def test_who_lost_the_lease_settles_nothing(database: Database, clock: FakeClock) -> None:
    """Compare-and-set: what a slow worker worked out is thrown away when somebody else has the mail."""
    (only,) = arrive(database, clock)
    slow = claim(database, clock)[0]
    clock.advance(minutes=3)
    with database.lazy() as connection:
        inbound_claims.sweep(connection, clock.now(), "gone")
    again(database, clock)
    with pytest.raises(LostLease):
        settle(database, clock, slow, OPENED)
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(inbound_verdict)).scalar_one() == 0
    assert state_of(database, only)[0] == "working"


def test_the_same_mail_is_taken_once(database: Database, clock: FakeClock) -> None:
    """Two workers with the same mail at the same moment: the second is told to decide again (decisions.md 8)."""
    arrive(database, clock, 2)
    first, second = claim(database, clock)
    settle(database, clock, first, OPENED)
    with pytest.raises(TakenMeanwhile):
        settle(database, clock, second, OPENED)
    settle(database, clock, second, OPENED, mail=replace(MAIL, content_key="d" * 64))


def test_nameless_mail_may_come_again_after_a_week(database: Database, clock: FakeClock) -> None:
    """decisions.md 8: without Message-ID the content is known for seven days."""
    nameless = Mail(content_key="c" * 64)
    arrive(database, clock, 3)
    first, second, third = claim(database, clock)
    settle(database, clock, first, OPENED, mail=nameless)
    with pytest.raises(TakenMeanwhile):
        settle(database, clock, second, OPENED, mail=nameless)
    clock.advance(days=8)
    settle(database, clock, third, OPENED, mail=nameless)
    with database.read() as connection:
        assert connection.execute(select(intake_key.c.inbound_id)).scalars().all() == [third.id]


def test_hostile_lengths(database: Database, clock: FakeClock) -> None:
    """Over-long addresses, names and ids are cut where a column ends, and cost nothing else."""
    arrive(database, clock)
    mail = Mail(message_id="m" * 998, from_=(Address("a" * 5_000 + "@x.example", "n" * 5_000),), subject="s" * 100_000)
    recipient = "r" * 5_000 + "@demo.example"
    settle(database, clock, claim(database, clock)[0], Verdict(recipient, Action.UNHANDLED, "b" * 10_000), mail=mail, keys=(("support", recipient),))
    with database.read() as connection:
        assert len(connection.execute(select(inbound.c.from_address)).scalar_one()) == 1_000


# ---------------------------------------------------------------- people decide


def held_one(database: Database, clock: FakeClock, *verdicts: Verdict) -> str:
    an_item_there(database)
    (only,) = arrive(database, clock)
    settle(database, clock, claim(database, clock)[0], *(verdicts or (HELD,)))
    return only


def test_waiting(database: Database, clock: FakeClock) -> None:
    """What is stored of a held mail is enough to decide about it."""
    only = held_one(database, clock)
    with database.durable() as connection:
        found = inbound_waiting.waiting(connection, only)
    assert (found.state, found.numbers, found.item_ids, found.recipient, found.connector) == (InboundState.HELD, (0,), ("i1",), SUPPORT, "support")
    assert (found.mail.author, found.mail.message_id, found.mail.subject, found.mail.new_text) == (Address("jo@acme.example", "Jo"), "a@x", "Printer", "new")


def test_a_decision(database: Database, clock: FakeClock) -> None:
    """Every open verdict is decided, the message is done, and the history says by whom."""
    only = held_one(database, clock, HELD, UNHANDLED)
    with database.durable() as connection:
        found = inbound_waiting.waiting(connection, only)
        joined = {"action": "join", "item_id": "i1", "process_id": "", "because": "joined by ann@demo.example"}
        inbound_waiting.decide(connection, found, **joined, by="ann@demo.example", now=clock.now())
    with database.read() as connection:
        shown = inbound_list.show(connection, only)
    assert shown["state"] == "done"
    assert {(one["action"], one["state"], one["item"], one["decided_by"]) for one in shown["verdicts"]} == {("join", "done", "1-T", "ann@demo.example")}
    assert (shown["history"][-1]["was"], shown["history"][-1]["by"]) == ("held", "ann@demo.example")


def test_a_decided_mail_is_not_decided_again(database: Database, clock: FakeClock) -> None:
    """What is done is refused with a sentence."""
    only = held_one(database, clock, OPENED)
    with database.durable() as connection, pytest.raises(Refused, match="is done"):
        inbound_waiting.waiting(connection, only)


def test_discarded_and_back(database: Database, clock: FakeClock) -> None:
    """A discarded mail is kept; it can be held again."""
    only = held_one(database, clock)
    with database.durable() as connection:
        found = inbound_waiting.waiting(connection, only)
        inbound_waiting.set_aside(connection, found, InboundState.DISCARDED, because="discarded", by="ann@demo.example", now=clock.now())
    assert state_of(database, only)[0] == "discarded"
    with database.durable() as connection:
        found = inbound_waiting.waiting(connection, only, states=(InboundState.DISCARDED,))
        assert found.item_ids == ("i1",)
        inbound_waiting.set_aside(connection, found, InboundState.HELD, because="taken back", by="ann@demo.example", now=clock.now())
    with database.durable() as connection:
        assert inbound_waiting.waiting(connection, only).item_ids == ("i1",)


def test_a_quarantined_mail_can_be_opened(database: Database, clock: FakeClock) -> None:
    """A mail that was never read has no verdicts; a person's decision adds one."""
    an_item_there(database)
    (only,) = arrive(database, clock)
    claimed = claim(database, clock)[0]
    with database.lazy() as connection:
        inbound_claims.fail(connection, Claimed(claimed.id, 1, claimed.envelope, "me"), "x", clock.now())
    for _ in range(2):
        clock.advance(minutes=5)
        one = again(database, clock)[0]
        with database.lazy() as connection:
            inbound_claims.fail(connection, one, "broken", clock.now())
    with database.durable() as connection:
        found = inbound_waiting.waiting(connection, only)
        assert found.mail.partial
        inbound_waiting.decide(connection, found, action="join", item_id="i1", process_id="", because="x", by="ann@demo.example", now=clock.now())
    with database.read() as connection:
        assert inbound_list.listing(connection)[0]["items"] == ["1-T"]
    assert state_of(database, only)[0] == "done"


def test_replay(database: Database, clock: FakeClock) -> None:
    """A replayed mail is new again; what was done for a recipient stands with its key, the rest is decided anew."""
    only = held_one(database, clock, OPENED, UNHANDLED)
    with database.durable() as connection:
        write_keys(connection, only, MAIL, [("support", "help@demo.example")], clock.now())
        inbound_waiting.replay(connection, inbound_waiting.waiting(connection, only, states=inbound_waiting.REPLAYABLE), by="ann@demo.example", now=clock.now())
    assert state_of(database, only) == ("new", 0)
    with database.read() as connection:
        assert connection.execute(select(intake_key.c.recipient)).scalars().all() == [SUPPORT]
        assert inbounds.standing(connection, only).states == (InboundState.DONE,)
    claimed = claim(database, clock)[0]
    with database.lazy() as connection:
        settled = Settlement(MAIL, (UNHANDLED,), (), "ordinary", (), inbounds.standing(connection, only))
        inbounds.settle(connection, claimed, settled, clock.now())
    with database.read() as connection:
        assert [one["state"] for one in inbound_list.show(connection, only)["verdicts"]] == ["done", "unhandled"]
        assert connection.execute(select(func.count()).select_from(inbound_body)).scalar_one() == 1


def test_what_is_done_cannot_be_replayed(database: Database, clock: FakeClock) -> None:
    """A replay would do again what was done: it is refused."""
    only = held_one(database, clock, OPENED)
    with database.durable() as connection, pytest.raises(Refused):
        inbound_waiting.waiting(connection, only, states=inbound_waiting.REPLAYABLE)


# ---------------------------------------------------------------- plans


def test_claims_use_the_index(database: Database) -> None:
    """Looking for work never reads the whole table."""
    sql = "SELECT id FROM inbound WHERE state = 'new' AND lease_until IS NULL ORDER BY lease_until LIMIT 8"
    with database.lazy() as connection:
        if database.is_sqlite:
            plan = " ".join(row[-1] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {sql}")))
        else:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            plan = " ".join(row[0] for row in connection.execute(text(f"EXPLAIN {sql}")))
    assert "ix_inbound_open" in plan
