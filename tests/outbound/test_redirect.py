"""Where the envelope goes: redirection of a test system, the desk's own blind copies, and test items that mail nobody but test contacts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.blind_copies import with_blind_copies
from core.decision import Decision
from core.delivery import Delivery, Meaning, Stage
from core.mail import Address, address_key
from core.outbox import OutboxEvent, OutboxState, Outcome, Recipient
from core.outbox_acts import Edit
from core.redirect import SPEAKS, answered, envelope
from core.setup import Setup
from core.test_mode import of_test_item
from gateway.outbound import dispatch
from gateway.store import outboxes
from tests.conftest import missing
from tests.outbound.drafts import House, Way, make_draft
from tests.outbound.peer import Peer
from tests.postfix import Postfix, missing_reason, wait_for

SINK = "sink@test.example"
BOSS = "boss@audit.example"


def with_desk(house: House, **more: Any) -> None:
    """The desk with other values of `[desk]`."""
    house.save(replace(house.setup, **more))


@pytest.fixture
def applied(house: House) -> Any:
    """Puts a draft into the outbox as every decision does."""
    house.item()

    def put(draft_id: str = "d1", **more: Any) -> str:
        draft = make_draft(draft_id, **({"due_at": house.clock.now()} | more))
        with house.database.durable() as connection:
            house.apply(connection, Decision(mails=(draft,)), house.setup, house.clock.now())
        return draft_id

    return put


# ---------------------------------------------------------------- redirection


def test_nothing_queued_before_escapes(house: House, applied: Any) -> None:
    """C-GW-05: decided at each attempt. A mail tried once before redirect_all was set is retried to the redirect address only, with the same bytes, blind
    copies and Bcc included; the outcome counts for every recipient and its words say so."""
    with_desk(house, bcc_all=(BOSS,))
    people = (Recipient(Address("carl@acme.example")), Recipient(Address("cc@acme.example"), "cc"), Recipient(Address("bcc@acme.example"), "bcc"))
    applied(recipients=people)
    way = Way(Outcome.TEMPORARY, Outcome.ACCEPTED)
    dispatcher = house.dispatcher(way)
    dispatcher.run_due()
    assert set(way.given[0].recipients) == {"carl@acme.example", "cc@acme.example", "bcc@acme.example", BOSS}
    with_desk(house, redirect_all=(SINK,))
    house.clock.advance(minutes=3)
    dispatcher.run_due()
    assert way.given[1].recipients == (SINK,)
    assert way.given[1].data == way.given[0].data
    message = house.get()
    assert message.state is OutboxState.SENT
    assert {(one.outcome, one.words) for one in message.recipients} == {(Outcome.ACCEPTED, f"redirected to {SINK}: said accepted")}


def test_a_server_sees_only_the_redirect_address(house: House, applied: Any) -> None:
    """C-GW-05: over SMTP there is no RCPT for anybody else, first tries and retries alike."""
    with Peer({"RCPT": ["450 4.2.1 later", "250 2.1.5 ok"]}) as peer:
        support, claims = house.setup.connectors
        smtp = replace(support, outgoing={"kind": "smtp", "host": "127.0.0.1", "port": peer.port, "security": "none"})
        with_desk(house, connectors=(smtp, claims), redirect_all=(SINK,), bcc_all=(BOSS,))
        applied()
        dispatcher = house.dispatcher(timeout=5.0)
        try:
            dispatcher.run_due()
            assert house.state() == "pending_retry"
            house.clock.advance(minutes=3)
            dispatcher.run_due()
        finally:
            dispatcher.close()
        assert house.state() == "sent"
        asked = {command.partition("<")[2].partition(">")[0] for command in peer.commands if command.startswith("RCPT")}
        assert asked == {SINK}


@pytest.mark.timeout(180)
def test_a_real_server_stores_it_for_the_redirect_address_alone(house: House, applied: Any) -> None:
    """C-GW-05: Postfix delivers to the redirect address, and nothing for To, Cc, Bcc or the desk's own copy, though it keeps mail for all of them."""
    if missing_reason():
        missing(missing_reason())
    with Postfix() as postfix:
        support, claims = house.setup.connectors
        smtp = replace(support, outgoing={"kind": "smtp", "host": "127.0.0.1", "port": postfix.port, "security": "none"})
        with_desk(house, connectors=(smtp, claims), redirect_all=("sink@mailbox.example",), bcc_all=("boss@mailbox.example",))
        applied(recipients=tuple(Recipient(Address(f"{role}@mailbox.example"), role) for role in ("to", "cc", "bcc")))
        dispatcher = house.dispatcher(timeout=10.0)
        try:
            dispatcher.run_due()
        finally:
            dispatcher.close()
        assert house.state() == "sent"
        wait_for(postfix.mails, what="the mail in the mailbox")
        assert [mail["X-Original-To"] for mail in postfix.mails()] == ["sink@mailbox.example"]


def test_a_batch_looks_again(house: House, applied: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mails that were claimed together with one that takes long are not sent by what the desk said then."""
    monkeypatch.setattr(dispatch, "SETUP_FRESH", 0.0)
    for n in range(4):
        applied(f"d{n}", item_id="")
    way = Way()
    way.before = lambda: with_desk(house, redirect_all=(SINK,))
    house.dispatcher(way).run_due()
    assert [mail.recipients for mail in way.given] == [("carl@acme.example",), *[(SINK,)] * 3]


def test_trouble_is_nobodys_outcome(house: House, applied: Any) -> None:
    """A connector that fails while mail is redirected uses up no try, as always."""
    with_desk(house, redirect_all=(SINK,))
    applied()
    house.dispatcher(Way(Meaning.PASSING)).run_due()
    message = house.get()
    assert (message.state, {one.outcome for one in message.recipients}) == (OutboxState.PENDING_RETRY, {Outcome.PENDING})


OUTCOMES = st.sampled_from([Outcome.ACCEPTED, Outcome.TEMPORARY, Outcome.PERMANENT, Outcome.UNKNOWN])


@given(st.lists(OUTCOMES, min_size=1, max_size=4), st.lists(st.sampled_from("abcdef"), min_size=1, unique=True))
def test_everybody_gets_the_outcome_of_the_redirection(found: list[Outcome], names: list[str]) -> None:
    """One accepting address is enough; else the most urgent outcome counts, and it is the same for every recipient."""
    people = tuple(f"{name}@acme.example" for name in names)
    sinks = tuple(f"s{n}@test.example" for n in range(len(found)))
    assert envelope(sinks, people) == sinks and envelope((), people) == people and envelope(sinks, ()) == ()
    given_back = Delivery(Stage.DOT, "", {address_key(one): (outcome, "words") for one, outcome in zip(sinks, found, strict=True)})
    told = answered(given_back, people, sinks)
    assert set(told.recipients) == {address_key(one) for one in people}
    (outcome,) = {outcome for outcome, _ in told.recipients.values()}
    assert outcome is min(found, key=SPEAKS.index)
    assert all(words.startswith("redirected to s0@test.example") for _, words in told.recipients.values())
    assert answered(given_back, people, ()) is given_back


# ---------------------------------------------------------------- blind copies


def test_every_mail_has_the_desks_copy(house: House, applied: Any) -> None:
    """C-GW-05: an envelope recipient that is in no header; what becomes of it says nothing about the mail, and no participant comes of it."""
    with_desk(house, bcc_all=(BOSS, "carl@acme.example"))
    applied()

    class Half(Way):
        def deliver(self, mail: Any, before_final_dot: Any) -> Any:
            answer = super().deliver(mail, before_final_dot)
            return replace(answer, recipients={**answer.recipients, BOSS: (Outcome.PERMANENT, "550 no such boss")})

    way = Half()
    house.dispatcher(way).run_due()
    assert sorted(way.given[0].recipients) == [BOSS, "carl@acme.example"]
    assert b"audit.example" not in way.given[0].data
    message = house.get()
    assert message.state is OutboxState.SENT
    assert {(one.address.key, one.role) for one in message.recipients} == {("carl@acme.example", "to"), (BOSS, "sys")}
    assert BOSS not in str(outboxes.as_json(message)["to"]) + str(outboxes.as_json(message)["cc"])


def test_an_edit_keeps_the_copy(house: House, applied: Any) -> None:
    """Whomever the author writes to instead, the desk's copy goes with it; who is named openly gets no second one."""
    with_desk(house, bcc_all=(BOSS, "audit@audit.example"))
    applied(due_at=house.clock.now() + timedelta(hours=1))
    with house.database.durable() as connection:
        edit = Edit(recipients=(Recipient(Address("dora@acme.example")), Recipient(Address("Audit@audit.example"), "cc")))
        outboxes.act(connection, "d1", OutboxEvent.EDIT, house.clock.now(), "ann@demo.example", edit=edit)
    assert {(one.address.key, one.role) for one in house.get().recipients} == {("dora@acme.example", "to"), ("audit@audit.example", "cc"), (BOSS, "sys")}


def test_no_copy_for_test_items_nor_to_ourselves(example_setup: Setup) -> None:
    """E-47: a test item mails test contacts only; a copy to an address of ours would come back as mail."""
    setup = replace(example_setup, bcc_all=(BOSS, "help@demo.example", "support+x@demo.example", BOSS.upper()))
    assert [one.address.address for one in with_blind_copies(make_draft(), setup).recipients if one.role == "sys"] == [BOSS.upper()]
    assert with_blind_copies(of_test_item(make_draft()), setup).recipients == make_draft().recipients
    assert with_blind_copies(make_draft(), example_setup) == make_draft()


# ---------------------------------------------------------------- test items


TESTER = "tester@demo.test"
STRANGER = Recipient(Address("jo@acme.example"))
KNOWN = Recipient(Address(TESTER))


@pytest.fixture
def testing(house: House) -> Iterator[House]:
    """A test item, and one test contact."""
    with_desk(house, test_contacts=(TESTER,), bcc_all=(BOSS,))
    house.item(test=True)
    yield house


@pytest.mark.parametrize("role", ["to", "cc", "bcc"])
def test_a_stranger_in_any_role_keeps_it_back(testing: House, role: str) -> None:
    """E-47: To, Cc and Bcc alike; whoever made the draft, nothing of it gets into the outbox."""
    draft = make_draft(recipients=(KNOWN, replace(STRANGER, role=role)))
    with testing.database.durable() as connection:
        testing.apply(connection, Decision(mails=(draft,)), testing.setup, testing.clock.now())
        assert outboxes.get(connection, "d1") is None


def put_known(house: House) -> None:
    with house.database.durable() as connection:
        house.apply(connection, Decision(mails=(make_draft(recipients=(KNOWN,), due_at=house.clock.now()),)), house.setup, house.clock.now())


def test_a_test_item_has_no_copies_and_a_mark(testing: House) -> None:
    """E-47: the desk's blind copy is no test contact."""
    put_known(testing)
    assert [one.address.address for one in testing.get().recipients] == [TESTER]
    way = Way()
    testing.dispatcher(way).run_due()
    assert way.given[0].recipients == (TESTER,) and b"[TEST]" in way.given[0].data


def test_a_stranger_added_by_an_edit_is_held_at_the_try(testing: House) -> None:
    """E-47: whom it mails is looked at before every try, also after recipients were changed in the Outbox."""
    put_known(testing)
    with testing.database.durable() as connection:
        outboxes.act(connection, "d1", OutboxEvent.EDIT, testing.clock.now(), "ann@demo.example", edit=Edit(recipients=(KNOWN, replace(STRANGER, role="cc"))))
    way = Way()
    testing.dispatcher(way).run_due()
    assert (way.given, testing.state()) == ([], "held")
    assert "jo@acme.example is none" in testing.get().hold_reason


@pytest.mark.parametrize(("sink", "state"), [(SINK, "held"), ("tester+x@demo.test", "sent")])
def test_redirection_brings_a_test_item_to_no_stranger(testing: House, sink: str, state: str) -> None:
    """E-47: a redirect address that is no test contact holds the mail; one that is gets it."""
    put_known(testing)
    with_desk(testing, redirect_all=(sink,))
    way = Way()
    testing.dispatcher(way).run_due()
    assert testing.state() == state
    assert [mail.recipients for mail in way.given] == ([(sink,)] if state == "sent" else [])


def test_a_released_mail_is_looked_at_again(testing: House) -> None:
    """E-47: releasing what was held for this does not let it go."""
    put_known(testing)
    with_desk(testing, redirect_all=(SINK,))
    way = Way()
    dispatcher = testing.dispatcher(way)
    dispatcher.run_due()
    with testing.database.durable() as connection:
        outboxes.act(connection, "d1", OutboxEvent.RELEASE, testing.clock.now(), "ann@demo.example")
    dispatcher.run_due()
    assert (way.given, testing.state()) == ([], "held")
