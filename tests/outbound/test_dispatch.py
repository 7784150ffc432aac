"""The dispatcher with an item behind each mail: claim, mark, settle, order, retries, brakes on connectors, recovery; on both databases."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from core.delivery import Meaning
from core.health import Health
from core.mail import Address
from core.outbox import OutboxEvent, OutboxState, Outcome, Purpose, Recipient
from core.overtaken import Kind, Overtaking, overtaken
from core.setup import Setup
from core.status import Reason, ResolutionMethod, Status, WaitType
from core.transitions import IllegalTransition
from core.wait import Clocks
from gateway.holders import new_holder
from gateway.store import connector_status, outbox_claims, outboxes
from gateway.store.schema import notification, outbox, outbox_attempt, timeline
from tests.outbound.drafts import NOW, House, Way, with_connector


def entries(house: House, kind: str = "delivery") -> list[Any]:
    with house.database.read() as connection:
        return list(connection.execute(select(timeline).where(timeline.c.kind == kind).order_by(timeline.c.seq)))


def history(house: House, draft_id: str = "d1") -> list[str]:
    with house.database.read() as connection:
        return [change["became"] for change in outboxes.history(connection, draft_id)]


def test_a_due_mail_is_sent_once(house: House) -> None:
    """Queued → sending → sent; bytes and envelope are those that were sealed, attempt and history are written, the timeline says so."""
    house.item()
    house.queue()
    way = Way()
    assert house.dispatcher(way).run_due() == 1
    assert house.dispatcher(way).run_due() == 0
    (mail,) = way.given
    with house.database.read() as connection:
        assert mail.data == outboxes.raw(connection, "d1")
        attempts = connection.execute(select(outbox_attempt)).all()
    assert (mail.envelope_from, mail.recipients) == ("support@demo.example", ("carl@acme.example",))
    message = house.get()
    assert (message.state, message.attempts, message.sent_at, message.lease_by) == (OutboxState.SENT, 1, NOW, "")
    assert [one.outcome for one in message.recipients] == [Outcome.ACCEPTED]
    assert history(house) == ["queued", "sending", "sent"]
    assert [(row.n, row.outcome, row.words) for row in attempts] == [(1, "accepted", "")]
    assert [row.text for row in entries(house)] == ["Sent to carl@acme.example."]


def test_a_mail_that_is_not_due_stays(house: House) -> None:
    """A-OB-26, A-US-05: an undo delay or a scheduled time is a due time; before it nothing is claimed."""
    house.item()
    house.queue(due_at=NOW + timedelta(seconds=10))
    way = Way()
    dispatcher = house.dispatcher(way)
    assert dispatcher.run_due() == 0
    house.clock.advance(seconds=9, milliseconds=999)
    assert dispatcher.run_due() == 0
    house.clock.advance(milliseconds=1)
    assert dispatcher.run_due() == 1


def test_temporary_refusals_follow_the_template_until_no_try_is_left(house: House) -> None:
    """decisions.md 19, A-OB-21, C-OB-03: waits of 2, 4, 8, 16, 32 minutes, then failed; the bytes and the Message-ID never change."""
    house.item()
    house.queue()
    way = Way(Outcome.TEMPORARY)
    dispatcher = house.dispatcher(way)
    waits = []
    while house.state() in ("queued", "pending_retry"):
        assert dispatcher.run_due(1) == 1
        if house.state() == "pending_retry":
            waits.append(house.get().due_at - house.clock.now())
            assert dispatcher.run_due() == 0
            house.clock.set(house.get().due_at)
    assert waits == [timedelta(minutes=2**n) for n in range(1, 6)]
    message = house.get()
    assert (message.state, message.attempts, message.tries_left) == (OutboxState.FAILED, 6, 0)
    assert message.first_failed_at == NOW
    assert len({mail.data for mail in way.given}) == 1
    item = house.item_now()
    assert (item.status, item.reason) == (Status.TO_DO, Reason.DELIVERY_FAILED)
    assert "carl@acme.example" in item.attention


def test_a_permanent_refusal_fails_at_once_and_tells_the_author(house: House) -> None:
    """decisions.md 15: failed for good → To Do, attention, countdown off, and the author is told, once, in the words of the server."""
    clocks = Clocks(answer_within=timedelta(days=2), after_mail="d1")
    house.item(status=Status.WAIT, wait_type=WaitType.MORE_INFORMATION, assignee="", owner="ann@demo.example", queue="", clocks=clocks)
    house.queue()
    house.dispatcher(Way(Outcome.PERMANENT)).run_due(1)
    item = house.item_now()
    assert (item.status, item.wait_type, item.reason, item.assignee) == (Status.TO_DO, None, Reason.DELIVERY_FAILED, "ann@demo.example")
    assert item.clocks == Clocks()
    assert house.state() == "failed"
    with house.database.read() as connection:
        (told,) = connection.execute(select(notification).where(notification.c.occasion == "failed")).all()
        assert [one for one in outboxes.listing(connection) if one.purpose is Purpose.SEND_FAILED] == []
    assert (told.user_key, told.outbox_id, told.state) == ("ann@demo.example", "d1", "waiting")
    assert told.words.startswith("The mail could not be delivered. carl@acme.example: ")


def test_an_author_who_may_not_see_the_item_gets_a_notice(house: House) -> None:
    """decisions.md 15: where a notification would show what they may not see, the author gets the automatic mail that nobody can answer."""
    house.item(queue="Claims", home_queue="Claims", assignee="", owner="")
    house.queue()
    house.dispatcher(Way(Outcome.PERMANENT)).run_due(1)
    with house.database.read() as connection:
        (notice,) = [one for one in outboxes.listing(connection) if one.purpose is Purpose.SEND_FAILED]
        assert connection.execute(select(notification).where(notification.c.user_key == "ann@demo.example")).all() == []
    assert [one.address.address for one in notice.recipients] == ["ann@demo.example"]
    assert notice.envelope_from == "" and "could not be delivered" in notice.subject


def test_recipients_are_tried_apart(house: House) -> None:
    """Law 8: who accepted is never sent to again; the others are, with the same bytes."""
    people = tuple(Recipient(Address(f"{name}@acme.example")) for name in ("a", "b"))
    house.item()
    house.queue(recipients=people)

    class Half(Way):
        def deliver(self, mail: Any, before_final_dot: Any) -> Any:
            answer = super().deliver(mail, before_final_dot)
            if len(self.given) == 1:
                return replace(answer, recipients={**answer.recipients, "b@acme.example": (Outcome.TEMPORARY, "450 later")})
            return answer

    way = Half()
    dispatcher = house.dispatcher(way)
    dispatcher.run_due()
    assert house.state() == "pending_retry"
    house.clock.advance(minutes=3)
    dispatcher.run_due()
    assert [mail.recipients for mail in way.given] == [("a@acme.example", "b@acme.example"), ("b@acme.example",)]
    assert way.given[0].data == way.given[1].data
    assert house.state() == "sent"


def test_an_unknown_outcome_is_repeated_once(house: House) -> None:
    """decisions.md 18: a person's mail is repeated once after the first interval, same bytes; unknown again: it stays, and the item is marked."""
    house.item()
    house.queue()
    way = Way(Outcome.UNKNOWN)
    dispatcher = house.dispatcher(way)
    dispatcher.run_due()
    assert house.state() == "pending_retry"
    assert house.get().due_at == NOW + timedelta(minutes=2)
    with house.database.read() as connection:
        assert "unknown" in outboxes.history(connection, "d1")[-1]["reason"]
    house.clock.advance(minutes=2)
    dispatcher.run_due()
    assert house.state() == "unknown"
    assert way.given[0] == way.given[1]
    item = house.item_now()
    assert item.status is Status.TO_DO and "not known" in item.attention
    house.clock.advance(days=1)
    assert dispatcher.run_due() == 0


def test_an_automatic_mail_of_unknown_outcome_is_not_repeated(house: House) -> None:
    """decisions.md 18: `hold` is the default for automatic mails; the item is left alone."""
    house.save(with_connector(house.setup, outgoing={"kind": "maildir", "path": "x"}))
    item = house.item()
    house.queue(purpose=Purpose.ACKNOWLEDGEMENT, author="")
    house.dispatcher(Way(Outcome.UNKNOWN)).run_due()
    assert house.state() == "unknown"
    assert house.item_now().attention == "" and house.item_now().status is item.status


def test_a_failed_automatic_mail_only_leaves_a_line(house: House) -> None:
    """decisions.md 3, E-45: marked in the timeline, nothing moves, nobody is told by mail."""
    before = house.item()
    house.queue(purpose=Purpose.ACKNOWLEDGEMENT, author="")
    house.dispatcher(Way(Outcome.PERMANENT)).run_due()
    assert replace(house.item_now(), version=0) == before
    assert [row.system for row in entries(house)] == [True]
    with house.database.read() as connection:
        assert len(outboxes.listing(connection)) == 1


def test_the_feedback_window_begins_when_the_mail_is_sent(house: House) -> None:
    """decisions.md 1: resolved with a mail that waits to be undone; the window runs from the sending, not from the click."""
    clocks = Clocks(feedback_window=timedelta(days=5), after_mail="d1")
    house.item(status=Status.RESOLVED, assignee="", owner="ann@demo.example", clocks=clocks)
    house.queue(due_at=NOW + timedelta(minutes=2), resolves=True)
    assert house.item_now().clocks.alarm_at is None
    house.clock.advance(minutes=2)
    house.dispatcher(Way()).run_due()
    assert house.item_now().clocks.feedback_until == NOW + timedelta(days=5, minutes=2)
    assert house.item_now().status is Status.RESOLVED


def test_without_a_window_the_item_closes_with_the_mail(house: House) -> None:
    """decisions.md 5: zero closes at once, that is when the mail that resolves has left."""
    house.item(status=Status.RESOLVED, assignee="", owner="ann@demo.example", clocks=Clocks(feedback_window=timedelta(0), after_mail="d1"))
    house.queue(resolves=True)
    house.dispatcher(Way()).run_due()
    item = house.item_now()
    assert (item.status, item.reason, item.clocks) == (Status.CLOSED, Reason.FEEDBACK_WINDOW_PASSED, Clocks())


def test_a_scheduled_send_and_resolve_resolves_when_sent(house: House) -> None:
    """decisions.md 15: until its time the item is open; then it is resolved by the author with this mail."""
    house.item(status=Status.IN_PROGRESS)
    house.queue(due_at=NOW + timedelta(hours=1), scheduled=True, resolves=True)
    house.clock.advance(hours=1)
    house.dispatcher(Way()).run_due()
    item = house.item_now()
    assert (item.status, item.resolution_method) == (Status.RESOLVED, ResolutionMethod.WITH_CUSTOMER_RESPONSE)
    assert item.resolution is not None
    assert (item.resolution.by, item.resolution.outbox_id) == ("ann@demo.example", "d1")
    assert item.clocks.feedback_until == NOW + timedelta(days=5, hours=1)


def test_a_mail_whose_author_left_is_held_at_its_time(house: House) -> None:
    """decisions.md 16: the author's right is looked at again when a scheduled mail is due; a person's release sends it after all."""
    house.item()
    house.queue(due_at=NOW + timedelta(hours=1), scheduled=True, author="gone@demo.example")
    house.clock.advance(hours=1)
    way = Way()
    dispatcher = house.dispatcher(way)
    assert dispatcher.run_due() == 0
    message = house.get()
    assert (message.state, message.attempts) == (OutboxState.HELD, 0)
    assert "gone@demo.example" in message.hold_reason
    with house.database.durable() as connection:
        outboxes.act(connection, "d1", OutboxEvent.RELEASE, house.clock.now(), "lea@demo.example")
    assert dispatcher.run_due() == 1
    assert house.state() == "sent"


@pytest.mark.parametrize("wanted", [False, True])
def test_a_mail_overtaken_while_it_was_being_sent(house: House, wanted: bool) -> None:
    """decisions.md 16: set to cancel itself and refused for now after the customer wrote, it is cancelled before its next try, unless a person wants it sent."""
    house.item()
    house.queue(cancel_if_answered=True, scheduled=True)
    way = Way(Outcome.TEMPORARY, Outcome.ACCEPTED)
    wrote = Overtaking(Kind.CUSTOMER_WROTE, "Carl", house.clock.now())

    def customer_writes() -> None:
        with house.database.durable() as connection:
            house.apply(connection, overtaken(house.item_now(), (house.get(),), wrote, house.clock.now()), house.setup, house.clock.now())

    way.after = customer_writes
    house.dispatcher(way).run_due()
    assert house.state() == "pending_retry"
    way.after = lambda: None
    if wanted:
        with house.database.durable() as connection:
            outboxes.act(connection, "d1", OutboxEvent.SEND_NOW, house.clock.now(), "ann@demo.example")
    house.clock.advance(hours=1)
    house.dispatcher(way).run_due()
    assert (house.state(), len(way.given)) == (("sent", 2) if wanted else ("cancelled", 1))
    assert ("cancelled itself" in house.item_now().attention) is not wanted


def test_a_notice_to_a_colleague_holds_up_no_answer(house: House) -> None:
    """decisions.md 20 is about the conversation: a notice that cannot leave, sent by another connector, does not keep the customer's answer waiting."""
    house.item()
    house.queue("d0", purpose=Purpose.SEND_FAILED, author="", connector="claims")
    house.queue("d1")
    with house.database.durable() as connection:
        connector_status.save(connection, Health("claims", refused_logins=3, suspended_until=NOW + timedelta(hours=1), probes=1))
    assert house.dispatcher(Way(Outcome.ACCEPTED)).run_due() == 1
    assert (house.state("d0"), house.state("d1")) == ("queued", "sent")


def test_mails_of_an_item_leave_in_order(house: House) -> None:
    """decisions.md 20: a later mail waits while an earlier one is to be tried again; a scheduled, held or failed one does not hold it up."""
    house.item()
    house.queue("d1")
    house.queue("d2")
    way = Way(Outcome.TEMPORARY, Outcome.ACCEPTED)
    dispatcher = house.dispatcher(way)
    assert dispatcher.run_due() == 1
    assert (house.state("d1"), house.state("d2")) == ("pending_retry", "queued")
    house.clock.advance(minutes=2)
    assert dispatcher.run_due() == 2
    assert [mail.id for mail in way.given] == ["d1", "d1", "d2"]


@pytest.mark.parametrize("earlier", ["scheduled", "held", "disabled", "failed"])
def test_what_does_not_hold_up_a_later_mail(house: House, earlier: str) -> None:
    """decisions.md 20 as read in outbox_claims: scheduled for later, held, failed, or waiting for a connector that was switched off."""
    house.item()
    later: dict[str, dict[str, Any]] = {
        "scheduled": {"due_at": NOW + timedelta(hours=1)},
        "held": {"hold_reason": "brake"},
        "disabled": {"connector": "claims"},
        "failed": {},
    }
    house.queue("d1", **later[earlier])
    if earlier == "failed":
        house.dispatcher(Way(Outcome.PERMANENT)).run_due(1)
    if earlier == "disabled":
        house.save(with_connector(house.setup, "claims", enabled=False))
    house.queue("d2")
    way = Way()
    house.dispatcher(way).run_due()
    assert "d2" in [mail.id for mail in way.given] and "d1" not in [mail.id for mail in way.given]


def test_a_disabled_connector_costs_no_attempt(house: House) -> None:
    """A-OB-24, E-23: nothing is claimed while it is off; switched on again the mail goes out as if nothing had been."""
    house.item()
    house.queue()
    house.save(with_connector(house.setup, enabled=False))
    way = Way()
    assert house.dispatcher(way).run_due() == 0
    message = house.get()
    assert (message.state, message.attempts) == (OutboxState.QUEUED, 0)
    assert outboxes.as_json(message, disabled={"support"})["state"] == "connector_disabled"
    house.save(with_connector(house.setup, enabled=True))
    assert house.dispatcher(way).run_due() == 1


def test_refused_log_ins_suspend_the_connector_and_it_comes_back(house: House) -> None:
    """decisions.md 19: three in a row suspend it; one probe at a time with growing waits; it resumes by itself and no try was used up.
    There is no other way out here, so no mail tells of it; those that do are in test_alarms.py."""
    support, claims = house.setup.connectors
    house.save(replace(house.setup, connectors=(support, replace(claims, direction="incoming"))))
    house.item()
    for n in range(4):
        house.queue(f"d{n}", item_id="" if n else "i1")
    way = Way(Meaning.LOGIN_REFUSED)
    dispatcher = house.dispatcher(way)

    def by_support() -> list[str]:
        return [mail.id for mail in way.given if mail.id.startswith("d")]

    for _ in range(3):
        dispatcher.run_due()
        house.clock.advance(minutes=1)
    with house.database.read() as connection:
        health = connector_status.health(connection, "support")
    assert health.suspended and len(by_support()) == 3
    waits = []
    for _ in range(3):
        with house.database.read() as connection:
            until = connector_status.health(connection, "support").suspended_until
        assert until is not None
        waits.append(until - house.clock.now())
        tried = len(by_support())
        dispatcher.run_due()
        assert len(by_support()) == tried, "nothing is tried while it rests"
        house.clock.set(until + timedelta(minutes=1))
        dispatcher.run_due()
        assert len(by_support()) == tried + 1, "one mail at a time probes"
    assert waits == sorted(waits) and waits[0] < waits[-1]
    way.answers = [Outcome.ACCEPTED]
    house.clock.advance(hours=5)
    dispatcher.run_due()
    assert {house.state(f"d{n}") for n in range(4)} == {"sent"}
    with house.database.read() as connection:
        health = connector_status.health(connection, "support")
    assert not health.suspended and not health.troubled
    assert house.get("d0").tries_left == 6


def test_what_met_trouble_leaves_when_somebody_has_mended_it(house: House) -> None:
    """Once a test of the connector went well, the mails that were its probes wait no longer for their next try."""
    house.item()
    for n in range(3):
        house.queue(f"d{n}", item_id="" if n else "i1")
    way = Way(Meaning.LOGIN_REFUSED)
    dispatcher = house.dispatcher(way)
    for _ in range(3):
        dispatcher.run_due()
        house.clock.advance(minutes=1)
    assert {house.state(f"d{n}") for n in range(3)} == {"pending_retry"}
    way.answers = [Outcome.ACCEPTED]
    dispatcher.run_due()
    assert {house.state(f"d{n}") for n in range(3)} == {"pending_retry"}
    with house.database.durable() as connection:
        connector_status.try_at_once(connection, ["support"])
    dispatcher.run_due()
    assert {house.state(f"d{n}") for n in range(3)} == {"sent"}


def test_a_server_that_is_away_is_left_alone_for_a_moment(house: House) -> None:
    """One mail meets the trouble; the others are not even tried until the pause is over."""
    for n in range(3):
        house.queue(f"d{n}", item_id="")
    way = Way(Meaning.PASSING, Outcome.ACCEPTED)
    dispatcher = house.dispatcher(way)
    assert dispatcher.run_due() == 1
    with house.database.read() as connection:
        assert [(row.outcome, row.words) for row in connection.execute(select(outbox_attempt))] == [("trouble", "535 no")]
    house.clock.advance(seconds=5)
    assert dispatcher.run_due() == 2
    assert house.state("d0") == "pending_retry"
    assert house.get("d0").due_at == NOW + timedelta(minutes=2)


def test_send_now_seals_again_under_the_same_id(house: House) -> None:
    """Architecture section 5: Date follows the new time until the first attempt; the Message-ID never changes."""
    house.item()
    house.queue(due_at=NOW + timedelta(hours=3), scheduled=True)
    with house.database.durable() as connection:
        outboxes.act(connection, "d1", OutboxEvent.SEND_NOW, NOW, "ann@demo.example")
    way = Way()
    house.dispatcher(way).run_due()
    data = way.given[0].data
    assert b"Date: Mon, 02 Mar 2026 09:00:00 +0000\r\n" in data
    assert f"Message-ID: <{house.get().message_id}>".encode() in data
    with house.database.read() as connection:
        assert outboxes.raw(connection, "d1") == data


def test_an_edit_is_sent_as_edited(house: House) -> None:
    """A-US-01: during the delay a mail can be reviewed; what leaves is what was edited, to whom it was edited."""
    from core.outbox_acts import Edit

    house.item()
    house.queue(due_at=NOW + timedelta(seconds=10))
    people = (Recipient(Address("other@acme.example")),)
    with house.database.durable() as connection:
        outboxes.act(connection, "d1", OutboxEvent.EDIT, NOW, "ann@demo.example", edit=Edit("Re: Scanner", "Goodbye.", recipients=people))
    house.clock.advance(seconds=10)
    way = Way()
    house.dispatcher(way).run_due()
    assert b"Subject: Re: [101203-T] Scanner" in way.given[0].data and b"Goodbye." in way.given[0].data
    assert way.given[0].recipients == ("other@acme.example",)
    with house.database.durable() as connection, pytest.raises(IllegalTransition, match="Too late"):
        outboxes.act(connection, "d1", OutboxEvent.EDIT, NOW, "ann@demo.example", edit=Edit("x"))


def test_a_dead_sender_before_the_mark(house: House) -> None:
    """A lease that is over without the mark: nothing was handed over, the mail goes out at once and no try is used up."""
    house.item()
    house.queue()
    assert house.claim(holder="elsewhere/9/z") is not None
    house.clock.advance(minutes=29)
    dispatcher = house.dispatcher(way := Way())
    assert dispatcher.recover_expired(house.clock.now()) == 0
    house.clock.advance(minutes=1)
    assert dispatcher.recover_expired(house.clock.now()) == 1
    assert house.state() == "pending_retry" and house.get().tries_left == 6
    assert dispatcher.run_due() == 1
    assert len(way.given) == 1 and house.state() == "sent"


@pytest.mark.parametrize("policy", ["repeat", "hold"])
def test_a_dead_sender_after_the_mark(house: House, policy: str) -> None:
    """With the mark and no answer the outcome is unknown: repeated once by the connector's policy, or left to a person."""
    house.save(with_connector(house.setup, outgoing={"kind": "maildir", "path": "x", "unknown": policy}))
    house.item()
    house.queue()
    message = house.claim(holder="elsewhere/9/z")
    assert message is not None
    with house.database.durable() as connection:
        outbox_claims.mark(connection, "d1", message.attempts)
    house.clock.advance(minutes=31)
    assert house.dispatcher(Way()).recover_expired(house.clock.now()) == 1
    assert house.state() == ("pending_retry" if policy == "repeat" else "unknown")
    assert [one.outcome for one in house.get().recipients] == [Outcome.UNKNOWN]


def test_our_own_dead_process_is_recovered_at_start(house: House) -> None:
    """At start no lease has to end: what a process of this machine left that no longer runs is put right at once, what others hold is left."""
    here = socket.gethostname()[:40]
    for n, holder in enumerate((f"{here}/{os.getpid()}/old", f"{here}/999999999/x", "there/1/old")):
        house.queue(f"d{n}", item_id="")
        assert house.claim(holder=holder) is not None
    dispatcher = house.dispatcher(Way(), holder=new_holder("new"))
    assert dispatcher.recover_own() == 2
    assert [house.state(f"d{n}") for n in range(3)] == ["pending_retry", "pending_retry", "sending"]


def test_a_sender_that_lost_its_claim_stops_before_the_dot(house: House) -> None:
    """Recovered while still sending: the mark fails, so the dot never leaves, and nothing is settled twice."""
    house.item()
    house.queue()
    first, second = Way(), Way()
    other = house.dispatcher(second, holder="b/1/b")

    def meanwhile() -> None:
        house.clock.advance(hours=1)
        assert other.recover_expired(house.clock.now()) == 1
        assert other.run_due() == 1

    first.before = meanwhile
    assert house.dispatcher(first).run_due(1) == 1
    assert house.state() == "sent" and house.get().attempts == 2
    assert history(house).count("sent") == 1


def test_a_fault_of_ours_after_the_mark_is_unknown(house: House) -> None:
    """Whatever breaks after the dot may have left, the mail is not silently sent again: unknown, by policy."""
    house.item()
    house.queue()
    house.dispatcher(Way(ZeroDivisionError("bug"))).run_due()
    assert house.state() == "pending_retry" and house.get().unknown_repeats == 1
    assert "ZeroDivisionError" in house.get().last_error


def test_a_mail_that_cannot_be_composed_is_held_and_the_others_go_out(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outer edge: one broken mail is held with its reason."""
    from gateway.outbound import claiming

    house.queue("d1", item_id="", due_at=NOW + timedelta(hours=1))
    house.queue("d2", item_id="")
    with house.database.durable() as connection:
        outboxes.act(connection, "d1", OutboxEvent.SEND_NOW, NOW, "ann@demo.example")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(claiming, "sealed_with_files", broken)
    assert house.dispatcher(Way()).run_due() == 1
    assert (house.state("d1"), house.state("d2")) == ("held", "sent")
    assert "could not be composed" in house.get("d1").hold_reason


def test_a_mail_for_nobody_fails_instead_of_going_round(house: House) -> None:
    """Without a recipient there is nothing to deliver; it ends as failed and the next mail goes out."""
    house.queue("d1", item_id="", recipients=())
    house.queue("d2", item_id="")
    assert house.dispatcher(Way()).run_due() == 2
    assert (house.state("d1"), house.state("d2")) == ("failed", "sent")


def test_a_database_that_is_away_after_the_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer of the outside is written again and again: a passing fault does not make it unknown."""
    house.item()
    house.queue()
    settle, faults = outbox_claims.settle, [1, 2]

    def shaky(*arguments: Any) -> None:
        if faults:
            raise OperationalError("settle", {}, Exception(f"database is locked {faults.pop()}"))
        settle(*arguments)

    monkeypatch.setattr(outbox_claims, "settle", shaky)
    house.dispatcher(Way()).run_due()
    assert house.state() == "sent" and history(house) == ["queued", "sending", "sent"]


def test_a_database_that_is_away_for_long_after_the_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is kept in mind until it can be written, once: the mail neither becomes unknown when its lease ends nor leaves twice."""
    house.item()
    house.queue()
    settle, away = outbox_claims.settle, [True]

    def shaky(*arguments: Any) -> None:
        if away:
            raise OperationalError("settle", {}, Exception("the database is away"))
        settle(*arguments)

    monkeypatch.setattr(outbox_claims, "settle", shaky)
    way = Way()
    dispatcher = house.dispatcher(way)
    monkeypatch.setattr(dispatcher._settler._pause, "wait", lambda seconds: None)
    for _ in range(2):
        with pytest.raises(OperationalError):
            dispatcher.run_due()
    assert house.state() == "sending"
    away.clear()
    assert dispatcher.run_due() == 0
    assert house.state() == "sent" and history(house) == ["queued", "sending", "sent"] and len(way.given) == 1
    dispatcher.recover_expired(NOW + timedelta(hours=1))
    assert house.state() == "sent"


def test_a_database_that_is_away_at_the_mark(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """No mark, no dot: the mail was not handed over and is tried again."""
    house.item()
    house.queue()

    def away(*_: Any) -> None:
        raise OperationalError("mark", {}, Exception("disk I/O error"))

    monkeypatch.setattr(outbox_claims, "mark", away)
    way = Way()
    way.after = lambda: pytest.fail("the dot left without a mark")
    tries = house.get().tries_left
    house.dispatcher(way).run_due(1)
    after = house.get()
    assert house.state() == "pending_retry" and after.unknown_repeats == 0
    assert (after.tries_left, after.due_at, after.first_failed_at) == (tries, house.clock.now(), None), "it is no attempt (architecture section 4)"
    assert after.last_error == "The database was away when the mail was to be handed over."
    with house.database.read() as connection:
        assert connector_status.health(connection, "support").last_success_at is None, "nor a success of the connector"


def test_a_mail_that_could_not_be_given_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full in the middle of a batch: what was not begun is given back when there is room again, and does not wait for its lease."""
    for n in range(4):
        house.queue(f"d{n}", item_id="")
    mark, give_back, full = outbox_claims.mark, outbox_claims.give_back, [True]

    def shaky(original: Any) -> Any:
        def called(*arguments: Any) -> None:
            if full and house.state("d2") == "sending":
                raise OperationalError("COMMIT", {}, Exception("database or disk is full"))
            original(*arguments)

        return called

    monkeypatch.setattr(outbox_claims, "mark", shaky(mark))
    monkeypatch.setattr(outbox_claims, "give_back", shaky(give_back))
    way = Way()
    dispatcher = house.dispatcher(way)
    with pytest.raises(OperationalError):
        dispatcher.run_due()
    with pytest.raises(OperationalError):
        dispatcher.run_due()
    assert "sending" in {house.state(f"d{n}") for n in range(4)}
    full.clear()
    assert dispatcher.run_due() > 0
    assert {house.state(f"d{n}") for n in range(4)} == {"sent"}
    assert all(house.get(f"d{n}").tries_left == house.get("d0").tries_left for n in range(4))


def test_the_mark_is_committed_durably_before_the_dot(house: House) -> None:
    """Law 9: when the dot is next, another connection sees the mark, and the commit that made it was a durable one."""
    house.item()
    house.queue()
    way = Way()
    seen: list[bool] = []
    kinds: list[str] = []

    def look() -> None:
        with house.database.read() as connection:
            seen.append(bool(connection.execute(select(outbox.c.marked)).scalar()))

    way.after = look
    durable, lazy = house.database.durable, house.database.lazy
    house.database.durable = lambda: kinds.append("durable") or durable()  # type: ignore[method-assign,func-returns-value]
    house.database.lazy = lambda: kinds.append("lazy") or lazy()  # type: ignore[method-assign,func-returns-value]
    house.dispatcher(way).run_due(1)
    assert seen == [True]
    assert kinds == ["lazy", "durable", "durable"], "claim, mark, settle"


def test_the_demo_writes_a_maildir(house: House, example_setup: Setup) -> None:
    """The example connectors write into a folder: one file a mail, named by its id."""
    house.item()
    house.queue()
    dispatcher = house.dispatcher()
    dispatcher.run_due()
    (file,) = (house.folder / "outgoing" / "new").iterdir()
    assert file.name.startswith("d1.")
    with house.database.read() as connection:
        assert file.read_bytes() == outboxes.raw(connection, "d1")
    dispatcher.close()
