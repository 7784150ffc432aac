"""The handler of arriving mail on both databases: one mail, one decision, one commit; faults, replays, and explaining without writing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from core.brakes import Brakes
from core.mail import Mail
from core.setup import RouteEffect, Setup
from core.status import Status, WaitType
from core.wait import UNSEEN, Clocks
from gateway.clock import FakeClock
from gateway.inbound import process
from gateway.inbound.isolate import read_mail
from gateway.keys import Keys
from gateway.store import inbound_claims, items
from gateway.store.engine import Database
from gateway.store.items import StaleItem
from gateway.store.schema import automatic_mail, inbound, item, metadata, outbox, participant, suppressed_address, timeline
from tests.inbound.way_in import ANN, JO, SUPPORT, WayIn, a_raw

CLAIMS = "claims@demo.example"
STRANGER = "stranger@elsewhere.example"


@pytest.fixture
def way(database: Database, example_setup: Setup, clock: FakeClock, keys: Keys) -> Iterator[WayIn]:
    """The way in with the example desk."""
    yield WayIn(database, example_setup, clock, keys)


def answer_of(way: WayIn, n: int = 0) -> str:
    """The Message-ID of a mail of ours."""
    return str(way.outbox()[n].message_id)


# ---------------------------------------------------------------- the main job


def test_from_mail_to_ticket(way: WayIn) -> None:
    """A customer's mail becomes a ticket with its acknowledgement in the outbox, in one commit; the dispatcher is woken."""
    taken = way.take(a_raw(message_id="a@acme.example"))
    assert (taken["state"], taken["items"], taken["subject"], taken["from"]) == ("done", ["101001-T"], "Printer", f"Jo <{JO}>")
    assert way.kinds("101001-T") == ["created", "mail_in", "mail_out"]
    (mail,) = way.outbox()
    assert (mail.system_generated, [one.address.address for one in mail.recipients], mail.state.value) == (True, [JO], "queued")
    assert way.woken == 1


def test_the_answer_finds_it(way: WayIn) -> None:
    """An answer to our signed mail, one to the customer's own mail and one with the reference only: all join the item."""
    way.take(a_raw(message_id="a@acme.example"))
    ours = answer_of(way)
    for n, header in enumerate((f"In-Reply-To: <{ours}>", "References: <a@acme.example>", "X-Nothing: x")):
        taken = way.take(a_raw(subject="Re: [101001-T] Printer", message_id=f"b{n}@acme.example", text=f"answer {n}", headers=[header]))
        assert (taken["verdicts"][0]["action"], taken["items"]) == ("join", ["101001-T"])
    assert [one["evidence"] for one in way.desk().list_inbound("root@demo.example")[:0]] == []
    assert way.kinds("101001-T").count("mail_in") == 4
    assert way.item("101001-T").new_information
    assert len(way.outbox()) == 1


def test_evidence_through_the_database(way: WayIn) -> None:
    """The signature is verified with the installation's key, and participants are read: a colleague joins as Cc, a stranger is held, a forged id is only known."""
    way.take(a_raw(message_id="a@acme.example"))
    ours = answer_of(way)
    colleague = way.take(a_raw(from_="kim@acme.example", message_id="k@x", headers=[f"In-Reply-To: <{ours}>"], text="me too"))
    assert (colleague["verdicts"][0]["action"], colleague["verdicts"][0]["evidence"]) == ("join", "strong")
    stranger = way.take(a_raw(from_=STRANGER, message_id="s@x", headers=[f"In-Reply-To: <{ours}>"], text="hello"))
    assert (stranger["state"], stranger["items"]) == ("held", ["101001-T"])
    forged = way.take(a_raw(from_="ken@acme.example", message_id="f@x", headers=["In-Reply-To: <k@x>"], text="and me"))
    assert (forged["state"], forged["verdicts"][0]["evidence"]) == ("held", "known")
    with way.database.read() as connection:
        assert set(connection.execute(select(participant.c.address_key)).scalars()) == {JO, "kim@acme.example"}


def test_a_signed_plus_address_through_the_database(way: WayIn, keys: Keys) -> None:
    """The signed tag in a recipient's address is verified; a stranger who uses it is held, a participant joins."""
    way.take(a_raw())
    tagged = f"support+{keys.reply_tag('101001-T')}@demo.example"
    assert way.take(a_raw(to=tagged, text="answer"), to=(tagged,))["verdicts"][0]["evidence"] == "strong"
    assert way.take(a_raw(from_=STRANGER, to=tagged, text="hello"), to=(tagged,), sender=STRANGER)["state"] == "held"


def test_waking_reopening_and_following_up(way: WayIn) -> None:
    """A-TK-11, A-TK-22, A-TK-24: a waiting item wakes, a resolved one reopens, a closed one is followed up, and the second answer joins the follow-up."""
    way.take(a_raw(message_id="a@acme.example"))
    for status, wait in ((Status.WAIT, WaitType.MORE_INFORMATION), (Status.RESOLVED, None)):
        way.save(replace(way.item("101001-T"), status=status, wait_type=wait))
        way.take(a_raw(message_id=f"{status}@acme.example", text=str(status), headers=["In-Reply-To: <a@acme.example>"]))
        assert way.item("101001-T").status is Status.TO_DO
    way.save(replace(way.item("101001-T"), status=Status.CLOSED))
    for n in range(2):
        taken = way.take(a_raw(message_id=f"late{n}@acme.example", text=f"late {n}", headers=["In-Reply-To: <a@acme.example>"]))
        assert taken["items"] == ["101002-T"]
        assert taken["verdicts"][0]["action"] == ("follow_up", "join")[n]
    assert way.item("101001-T").status is Status.CLOSED
    with way.database.read() as connection:
        links = items.links_of(connection, [way.item("101001-T").id, way.item("101002-T").id])
    assert {link.kind for listed in links.values() for link in listed} == {"follow_up_of", "followed_by"}


def test_one_mail_to_two_mailboxes(way: WayIn) -> None:
    """decisions.md 7: one item each, linked; one acknowledgement each; one message that is done."""
    taken = way.take(a_raw(to=f"{SUPPORT}, {CLAIMS}", message_id="a@acme.example"), to=(SUPPORT, CLAIMS))
    assert (taken["items"], len(way.outbox())) == (["101001-T", "101002-C"], 2)
    with way.database.read() as connection:
        assert {link.kind for link in items.links_of(connection, [way.item("101001-T").id])[way.item("101001-T").id]} == {"same_mail"}


def test_copies_from_two_mailboxes(way: WayIn) -> None:
    """decisions.md 7, B-DD-05: the same mail fetched from two mailboxes opens an item in each, linked to each other."""
    raw = a_raw(to=f"{SUPPORT}, {CLAIMS}", message_id="a@acme.example")
    first = way.take(raw, to=(), door="imap", connector="support")
    second = way.take(raw, to=(), door="imap", connector="claims")
    assert (first["items"], second["items"]) == (["101001-T"], ["101002-C"])
    with way.database.read() as connection:
        assert [link.kind for link in items.links_of(connection, [way.item("101002-C").id])[way.item("101002-C").id]] == ["same_mail"]


def test_duplicates_through_the_database(way: WayIn) -> None:
    """decisions.md 8: delivered again, it is a duplicate; the same id with other content is its own mail; without id the content tells for a week."""
    raw = a_raw(message_id="a@acme.example")
    assert [way.take(raw)["state"] for _ in range(2)] == ["done", "duplicate"]
    assert way.take(a_raw(message_id="a@acme.example", text="other"))["state"] == "done"
    nameless = a_raw(subject="No id")
    assert [way.take(nameless)["state"] for _ in range(2)] == ["done", "duplicate"]
    way.later(days=8)
    assert way.take(nameless)["state"] == "done"
    assert [one.title for one in way.items()] == ["Printer", "Printer", "No id", "No id"]


def test_unhandled_and_replayed(way: WayIn) -> None:
    """An alias without route is unhandled; once there is a route, a replay opens the item, and what was done before stands."""
    routes = way.setup.routes
    way.configure(replace(way.setup, routes=tuple(route for route in routes if route.name != "help")))
    taken = way.take(a_raw(to="help@demo.example"), to=("help@demo.example", SUPPORT))
    assert (taken["state"], taken["items"]) == ("unhandled", ["101001-T"])
    way.configure(way.setup)
    way.desk().replay_inbound(taken["id"], "root@demo.example")
    way.processor().sweep()
    again = way.shown(taken["id"])
    assert (again["state"], again["items"]) == ("done", ["101001-T", "101002-T"])
    assert len(way.items()) == 2


def test_a_route_that_appends(way: WayIn) -> None:
    """A route's effect *append* finds its item by reference in the database."""
    way.take(a_raw())
    route = replace(way.setup.routes[1], effect=RouteEffect.APPEND, item="101001-T")
    way.configure(replace(way.setup, routes=(way.setup.routes[0], route, way.setup.routes[2])))
    taken = way.take(a_raw(from_=STRANGER, to="help@demo.example", text="log line"), to=("help@demo.example",))
    assert (taken["items"], taken["verdicts"][0]["action"]) == (["101001-T"], "append")


# ---------------------------------------------------------------- held, and decided by a person


def test_held_and_joined(way: WayIn) -> None:
    """A held mail stops the countdown; joined by a person it wakes the item, the countdown is over, and the address belongs to the contact from then on."""
    way.take(a_raw(message_id="a@acme.example"))
    due = way.clock.now() + timedelta(days=1)
    waiting = replace(way.item("101001-T"), status=Status.WAIT, wait_type=WaitType.MORE_INFORMATION, clocks=Clocks(answer_within=timedelta(days=1), answer_due=due))
    way.save(waiting)
    private = "jo@home.example"
    held = way.take(a_raw(from_=f"Jo <{private}>", message_id="h@home.example", text="from home", headers=["In-Reply-To: <a@acme.example>"]))
    stopped = way.item("101001-T")
    assert (held["state"], stopped.status, stopped.clocks.alarm_at, stopped.new_information) == ("held", Status.WAIT, None, True)
    way.desk().join_inbound(held["id"], "101001-T", ANN)
    assert (way.item("101001-T").status, way.shown(held["id"])["state"]) == (Status.TO_DO, "done")
    later = way.take(a_raw(from_=private, message_id="i@home.example", text="again", headers=["References: <a@acme.example>"]))
    assert later["verdicts"][0]["action"] == "join"


def test_held_and_opened(way: WayIn) -> None:
    """Opened as a new item: linked, never acknowledged, the countdown of the other goes on with the time that was left."""
    way.take(a_raw(message_id="a@acme.example"))
    due = way.clock.now() + timedelta(days=1)
    way.save(replace(way.item("101001-T"), status=Status.WAIT, wait_type=WaitType.MORE_INFORMATION, clocks=Clocks(answer_within=timedelta(days=1), answer_due=due)))
    held = way.take(a_raw(from_=STRANGER, message_id="h@x", headers=["In-Reply-To: <a@acme.example>"], text="mine"))
    way.later(hours=3)
    mails = len(way.outbox())
    shown = way.desk().open_inbound(held["id"], ANN)
    assert (shown["state"], shown["items"], len(way.outbox())) == ("done", ["101002-T"], mails)
    assert way.item("101001-T").clocks.answer_due is not None
    assert way.item("101001-T").clocks.answer_due > due + timedelta(hours=3) - timedelta(seconds=5)  # type: ignore[operator]
    assert way.item("101001-T").status is Status.WAIT


def test_doubtful_mail_until_seen(way: WayIn) -> None:
    """decisions.md 1: what looks like an out-of-office stops the countdown until somebody marks the item read."""
    way.take(a_raw(message_id="a@acme.example"))
    due = way.clock.now() + timedelta(days=1)
    way.save(replace(way.item("101001-T"), status=Status.WAIT, wait_type=WaitType.MORE_INFORMATION, clocks=Clocks(answer_within=timedelta(days=1), answer_due=due)))
    taken = way.take(a_raw(subject="Automatic reply: Printer", message_id="o@x", headers=["In-Reply-To: <a@acme.example>"]))
    assert (taken["verdicts"][0]["action"], way.item("101001-T").clocks.stopped_by) == ("append", (f"{UNSEEN}{taken['id']}",))
    way.desk().do("101001-T", "mark-read", ANN)
    assert way.item("101001-T").clocks.alarm_at is not None


# ---------------------------------------------------------------- brakes


def test_per_sender_brake(way: WayIn) -> None:
    """decisions.md 9: after 20 acknowledgements in a day the sender gets no more; the day after, again."""
    way.brakes = Brakes(per_sender_day=2)
    for n in range(4):
        way.take(a_raw(subject=f"Mail {n}"))
    assert (len(way.items()), len(way.outbox())) == (4, 2)
    way.later(hours=25)
    way.take(a_raw(subject="Next day"))
    assert len(way.outbox()) == 3


def test_hourly_brake(way: WayIn) -> None:
    """decisions.md 9: above the hourly number automatic mails are held; after the hour they are queued again."""
    way.brakes = Brakes(per_hour=2)
    for n in range(4):
        way.take(a_raw(from_=f"u{n}@acme.example", subject=f"Mail {n}"))
    assert sorted(one.state.value for one in way.outbox()) == ["held", "held", "queued", "queued"]
    way.later(hours=2)
    way.take(a_raw(from_="u9@acme.example", subject="Later"))
    assert way.outbox()[-1].state.value == "queued"
    assert way.count(automatic_mail) == 5


def test_suppressed_address(way: WayIn) -> None:
    """decisions.md 3: an address whose mail came back gets nothing automatic."""
    with way.database.durable() as connection:
        connection.execute(suppressed_address.insert().values(address_key=JO, until=way.clock.now() + timedelta(days=60), reason="gone"))
    taken = way.take(a_raw())
    assert (len(way.outbox()), any("came back" in step["because"] for step in taken["trace"])) == (0, True)


# ---------------------------------------------------------------- bounces and our own mail


def a_bounce(message_id: str, to: str = JO) -> bytes:
    return (
        "From: MAILER-DAEMON@mx.acme.example\r\nTo: support@demo.example\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nsorry\r\n"
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; {to}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: support@demo.example\r\nMessage-ID: <{message_id}>\r\n\r\nx\r\n--b--\r\n"
    ).encode()


def an_answer_by_ann(way: WayIn) -> Any:
    way.desk().do("101001-T", "take", ANN)
    shown = way.desk().mail("101001-T", ANN, text="Please switch it on.", undo=timedelta(0))
    mail = next(one for one in way.outbox() if not one.system_generated)
    assert shown
    return mail


def test_a_bounce_of_a_persons_mail(way: WayIn) -> None:
    """decisions.md 3: tied by our signed Message-ID; the mail is bounced, the item in To Do with its reason, the address suppressed."""
    way.take(a_raw())
    mail = an_answer_by_ann(way)
    way.sent(mail.id)
    taken = way.take(a_bounce(mail.message_id), sender="")
    assert (taken["state"], taken["classification"], taken["verdicts"][0]["action"], taken["items"]) == ("done", "bounce", "bounce", ["101001-T"])
    assert next(one for one in way.outbox() if one.id == mail.id).state.value == "bounced"
    assert (way.item("101001-T").status, way.item("101001-T").reason.value) == (Status.TO_DO, "delivery_failed")
    assert way.count(suppressed_address) == 1


def test_a_bounce_that_is_faster_than_we_are(way: WayIn) -> None:
    """A report about a mail that is just being sent waits until that is settled, and it is no attempt."""
    way.take(a_raw())
    mail = an_answer_by_ann(way)
    with way.database.durable() as connection:
        connection.execute(outbox.update().where(outbox.c.id == mail.id).values(state="sending"))
    inbound_id = way.arrive(a_bounce(mail.message_id), sender="")
    way.processor().sweep()
    assert (way.shown(inbound_id)["state"], way.shown(inbound_id)["attempts"]) == ("new", 0)
    way.sent(mail.id)
    way.later(seconds=5)
    way.processor().sweep()
    assert way.shown(inbound_id)["state"] == "done"


def test_a_forged_bounce(way: WayIn) -> None:
    """A report with an id that we did not sign changes nothing and is kept."""
    way.take(a_raw())
    mail = an_answer_by_ann(way)
    way.sent(mail.id)
    taken = way.take(a_bounce(mail.message_id.replace(".", "x.", 1)), sender="")
    assert (taken["state"], taken["verdicts"][0]["action"]) == ("ignored", "bounce")
    assert next(one for one in way.outbox() if one.id == mail.id).state.value == "sent"


def test_a_bounce_to_the_signed_address(way: WayIn, keys: Keys) -> None:
    """decisions.md 3: a report without our Message-ID is tied by the signed bounce address it came to."""
    way.take(a_raw())
    mail = an_answer_by_ann(way)
    way.sent(mail.id)
    tagged = f"support+{keys.reply_tag('101001-T')}@demo.example"
    assert way.take(a_bounce("unknown@x"), to=(tagged,), sender="")["verdicts"][0]["action"] == "bounce"
    assert next(one for one in way.outbox() if one.id == mail.id).state.value == "bounced"


def test_own_mail_comes_back(way: WayIn) -> None:
    """decisions.md 7: our own mail to the mailbox it left from is ignored; to another mailbox of ours it opens an item there without automatic mail."""
    way.take(a_raw())
    desk = way.desk()
    desk.do("101001-T", "take", ANN)
    desk.mail("101001-T", ANN, text="Please look.", to=[CLAIMS], undo=timedelta(0))
    mail = next(one for one in way.outbox() if not one.system_generated)
    way.sent(mail.id)
    raw = a_raw(from_=SUPPORT, to=CLAIMS, subject="[101001-T] Please look", message_id=mail.message_id)
    assert way.take(raw, to=(SUPPORT,), sender=SUPPORT)["state"] == "ignored"
    taken = way.take(raw, to=(CLAIMS,), sender=SUPPORT)
    assert (taken["state"], taken["items"], len(way.outbox())) == ("done", ["101002-C"], 2)


# ---------------------------------------------------------------- faults


class Broken:
    """An apply that fails as told, then works."""

    def __init__(self, way: WayIn, *faults: Exception) -> None:
        self.way = way
        self.faults = list(faults)
        self.calls = 0

    def __call__(self, connection, decision, setup, now):  # type: ignore[no-untyped-def]
        self.calls += 1
        applied = self.way.apply(connection, decision, setup, now)
        if self.faults:
            raise self.faults.pop(0)
        return applied


def test_our_fault_rolls_back_and_is_counted(way: WayIn) -> None:
    """A fault of ours: nothing of the decision is kept, the attempt is; later the mail is processed as if nothing had been."""
    inbound_id = way.arrive(a_raw())
    processor = way.processor(apply=Broken(way, ValueError("odd")))
    processor.sweep()
    assert (way.items(), way.shown(inbound_id)["state"], way.shown(inbound_id)["attempts"]) == ([], "new", 1)
    way.later(seconds=11)
    processor.sweep()
    assert [one.ref for one in way.items()] in (["101001-T"], ["101002-T"])  # a sequence does not give a number back


def test_three_faults_are_quarantine_and_nothing_else_stops(way: WayIn) -> None:
    """decisions.md 12, law 7: after three faults the mail is kept in quarantine with the reason; other mails go on; a replay heals it."""
    poison = way.arrive(a_raw(subject="Poison"))
    fine = way.arrive(a_raw(subject="Fine"))

    def read(raw: bytes) -> Mail:
        if b"Poison" in raw:
            raise RuntimeError("a fault of ours")
        return read_mail(raw)

    way.read = read
    for _ in range(4):
        way.processor().sweep()
        way.later(minutes=1)
    shown = way.shown(poison)
    assert (shown["state"], shown["reason"], shown["attempts"]) == ("quarantined", "RuntimeError: a fault of ours", 3)
    assert way.shown(fine)["state"] == "done"
    way.read = read_mail
    way.desk().replay_inbound(poison, "root@demo.example")
    way.processor().sweep()
    assert way.shown(poison)["state"] == "done"


def test_a_quarantined_mail_stops_the_clocks(way: WayIn) -> None:
    """decisions.md 1: the item that a quarantined mail answers does not close over it; after a replay its clock goes on."""
    way.take(a_raw(message_id="a@acme.example"))
    due = way.clock.now() + timedelta(days=1)
    way.save(replace(way.item("101001-T"), status=Status.RESOLVED, clocks=Clocks(feedback_window=timedelta(days=1), feedback_until=due)))
    inbound_id = way.arrive(a_raw(message_id="b@acme.example", text="poison", headers=["In-Reply-To: <a@acme.example>"]))
    broken = Broken(way, ValueError("1"), ValueError("2"), ValueError("3"))
    processor = way.processor(apply=broken)
    for _ in range(3):
        processor.sweep()
        way.later(minutes=1)
    assert (way.shown(inbound_id)["state"], way.shown(inbound_id)["items"]) == ("quarantined", ["101001-T"])
    assert (way.item("101001-T").clocks.stopped_by, way.item("101001-T").clocks.alarm_at) == ((inbound_id,), None)
    assert "attention" in way.kinds("101001-T")
    way.desk().replay_inbound(inbound_id, "root@demo.example")
    way.processor().sweep()
    assert (way.shown(inbound_id)["state"], way.item("101001-T").status, way.item("101001-T").clocks.stopped_by) == ("done", Status.TO_DO, ())


def test_a_passing_fault_is_no_attempt(way: WayIn) -> None:
    """architecture section 4: a database that is away is no fault of the mail: given back without an attempt, however often."""
    inbound_id = way.arrive(a_raw())
    away = [OperationalError("x", {}, Exception("database is locked")) for _ in range(5)]
    processor = way.processor(apply=Broken(way, *away))
    for _ in range(5):
        processor.sweep()
        assert (way.shown(inbound_id)["state"], way.shown(inbound_id)["attempts"]) == ("new", 0)
        way.later(seconds=5)
    processor.sweep()
    assert way.shown(inbound_id)["state"] == "done"


def test_what_should_pass_and_never_does(way: WayIn) -> None:
    """A mail for whose reading memory never suffices is quarantined in the end and seen, instead of being tried for ever."""
    inbound_id = way.arrive(a_raw())

    def read(raw: bytes) -> Mail:
        raise MemoryError

    way.read = read
    processor = way.processor()
    for turn in range(30):
        processor.sweep()
        way.later(seconds=60)
        assert (way.shown(inbound_id)["state"] == "new") is (turn < 22)
    assert "MemoryError" in way.shown(inbound_id)["reason"]


def test_a_disk_that_is_full_at_the_commit(way: WayIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot even be given back is kept in mind: with room again the mail is read at once and not when its lease ends, and it was no attempt."""
    inbound_id = way.arrive(a_raw())
    room, real = [True, True, True], way.database.lazy

    @contextmanager
    def lazy() -> Iterator[Connection]:
        with real() as connection:
            yield connection
            if not room:
                raise OperationalError("COMMIT", {}, Exception("database or disk is full"))
            room.pop()

    monkeypatch.setattr(way.database, "lazy", lazy)
    processor = way.processor()
    for _ in range(2):  # the leases, the claims of what failed and of what is fresh; then nothing more
        with pytest.raises(OperationalError):
            processor.sweep()
    room.extend([True] * 20)
    processor.sweep()
    assert (way.shown(inbound_id)["state"], way.shown(inbound_id)["attempts"]) == ("new", 0)
    way.later(seconds=3)
    processor.sweep()
    assert (way.shown(inbound_id)["state"], way.shown(inbound_id)["attempts"], len(way.items())) == ("done", 1, 1)


def test_an_item_that_changes_under_us(way: WayIn) -> None:
    """architecture section 8: a stale version is decided again from fresh facts, and nobody notices."""
    inbound_id = way.arrive(a_raw())
    broken = Broken(way, StaleItem("101001-T"), StaleItem("101001-T"))
    way.processor(apply=broken).sweep()
    assert (way.shown(inbound_id)["state"], way.shown(inbound_id)["attempts"], broken.calls, len(way.items())) == ("done", 1, 3, 1)


def test_a_lost_lease_writes_nothing(way: WayIn) -> None:
    """A worker that was too slow throws its work away; the one that took over did it once."""
    inbound_id = way.arrive(a_raw())
    slow = way.processor("slow")
    fast = way.processor("fast")

    def read(raw: bytes) -> Mail:
        way.read = read_mail
        way.later(minutes=10)
        fast.sweep()
        return read_mail(raw)

    way.read = read
    slow.sweep()
    assert (way.shown(inbound_id)["state"], way.shown(inbound_id)["attempts"], len(way.items()), len(way.outbox())) == ("done", 2, 1, 1)


def test_a_worker_that_dies_three_times(way: WayIn) -> None:
    """A mail whose worker is gone comes back when the lease is over, and is quarantined after the third death."""
    inbound_id = way.arrive(a_raw())
    for _ in range(3):
        with way.database.lazy() as connection:
            now = way.clock.now()
            claim = inbound_claims.claim(connection, now, "dead", process.LEASE) or inbound_claims.claim_again(connection, now, "dead", process.LEASE)
        assert len(claim) == 1
        way.later(minutes=3)
        way.processor().recover()
        way.later(seconds=1)
    assert (way.shown(inbound_id)["state"], way.shown(inbound_id)["reason"]) == ("quarantined", process.GONE)


def test_mail_of_a_dead_process_is_taken_over_at_once(way: WayIn) -> None:
    """At its first sweep a new process ends the leases of processes of this machine that are gone, and only those."""
    import socket

    host = socket.gethostname()[:40]
    dead, living = way.arrive(a_raw(subject="dead")), way.arrive(a_raw(subject="living"))
    with way.database.lazy() as connection:
        now = way.clock.now()
        inbound_claims.claim_named(connection, now, f"{host}/4194304999/x", process.LEASE, [dead])
        inbound_claims.claim_named(connection, now, f"{host}/1/x", process.LEASE, [living])
    way.later(seconds=1)
    way.processor(f"{host}/9/new").sweep()
    assert (way.shown(dead)["state"], way.shown(living)["state"]) == ("done", "working")


@pytest.mark.parametrize("raw", [b"", b"\x00\xff\xfe", b"From: \r\n\r\n", b"no header at all"], ids=["empty", "bytes", "no author", "no header"])
def test_unreadable_content_never_raises(way: WayIn, raw: bytes) -> None:
    """decisions.md 12: whatever comes, an item is opened with what could be read."""
    taken = way.take(raw)
    assert (taken["state"], len(way.items()), len(way.outbox())) == ("done", 1, 0)


def test_a_mail_full_of_addresses_and_references(way: WayIn) -> None:
    """Hostile numbers: thousands of Cc, ids and over-long addresses are stored within bounds."""
    many = ", ".join(f"u{n}@y.example" for n in range(3_000))
    ids = " ".join(f"<r{n}@y.example>" for n in range(3_000))
    taken = way.take(a_raw(from_="a" * 3_000 + "@acme.example", message_id="m" * 2_000, headers=[f"Cc: {many}", f"References: {ids}", f"In-Reply-To: {ids}"]))
    assert taken["state"] == "done"
    assert way.count(participant) <= 501


# ---------------------------------------------------------------- several workers


def test_workers_process_each_mail_once(way: WayIn) -> None:
    """Four workers and their wake-up calls at once: every mail is processed once, duplicates are found, replies join one item."""
    way.take(a_raw(message_id="a@acme.example"))
    ids = [way.arrive(a_raw(from_=f"u{n}@acme.example", subject=f"Mail {n}", message_id=f"m{n}@x")) for n in range(12)]
    ids += [way.arrive(a_raw(message_id=f"r{n}@x", text=f"reply {n}", headers=["In-Reply-To: <a@acme.example>"])) for n in range(6)]
    twice = a_raw(from_="twin@acme.example", subject="Twin", message_id="twin@x")
    ids += [way.arrive(twice) for _ in range(4)]
    processors = [way.processor(f"w{n}") for n in range(4)]
    faults: list[BaseException] = []

    def work(n: int) -> None:
        try:
            processors[n].process(ids[n::2])
            processors[n].sweep()
        except BaseException as fault:  # told by the main thread
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for _ in range(3):  # what met a conflict that passes is looked at again
        way.later(seconds=30)
        processors[0].sweep()
    assert faults == []
    with way.database.read() as connection:
        states = connection.execute(select(inbound.c.state)).scalars().all()
    assert (states.count("done"), states.count("duplicate"), len(states)) == (20, 3, 23)
    assert len(way.items()) == 14
    assert way.kinds("101001-T").count("mail_in") == 7
    assert len(way.outbox()) == 14


# ---------------------------------------------------------------- explaining


def snapshot(way: WayIn) -> dict[str, Any]:
    """Every row of every table."""
    with way.database.read() as connection:
        return {table.name: sorted(map(repr, connection.execute(select(table)).all())) for table in metadata.sorted_tables}


def test_explaining_writes_nothing(way: WayIn) -> None:
    """`explain` walks the same path and changes no row, neither for a new mail nor for an answer."""
    way.take(a_raw(message_id="a@acme.example"))
    before = snapshot(way)
    new = way.explain(a_raw(subject="Something else", message_id="n@x"))
    answer = way.explain(a_raw(message_id="b@x", text="y", headers=["In-Reply-To: <a@acme.example>"]))
    assert snapshot(way) == before
    assert new["verdicts"] == [{"recipient": SUPPORT, "action": "open", "item": None, "process": "General support", "because": "route “default”"}]
    assert (answer["verdicts"][0]["action"], answer["verdicts"][0]["item"]) == ("join", "101001-T")
    assert {"step", "check", "outcome", "because"} == set(new["trace"][0])


def test_explaining_says_what_will_be_done(way: WayIn) -> None:
    """What explain says of a mail and what is stored with it when it comes are the same steps."""
    raw = a_raw(to=f"{SUPPORT}, {CLAIMS}", message_id="n@x")
    said = way.explain(raw, (SUPPORT, CLAIMS))
    done = way.take(raw, to=(SUPPORT, CLAIMS))
    assert said["trace"] == done["trace"]
    assert [one["action"] for one in said["verdicts"]] == [one["action"] for one in done["verdicts"]]


def test_explaining_without_envelope(way: WayIn) -> None:
    """A file alone is explained by its own To and Cc."""
    assert [one["recipient"] for one in way.processor().explain(a_raw(to=f"{SUPPORT}, x@y.example"))["verdicts"]] == [SUPPORT]
    assert way.processor().explain(a_raw(to="x@y.example"))["verdicts"][0]["action"] == "unhandled"
    assert way.count(inbound) == way.count(item) == way.count(timeline) == 0


def test_two_answers_at_one_moment_open_one_follow_up(way: WayIn) -> None:
    """decisions.md 4: answers to a closed item that are processed at the same time make one follow-up; the second joins it."""
    way.take(a_raw(message_id="a@acme.example"))
    way.save(replace(way.item("101001-T"), status=Status.CLOSED))
    ids = [way.arrive(a_raw(message_id=f"l{n}@x", text=f"late {n}", headers=["In-Reply-To: <a@acme.example>"])) for n in range(4)]
    together = threading.Barrier(4)

    def work(n: int) -> None:
        together.wait(30)
        way.processor(f"w{n}").process_one(ids[n])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    way.later(seconds=30)
    way.processor().sweep()
    assert len(way.items()) == 2
    assert sorted(way.shown(one)["verdicts"][0]["action"] for one in ids) == ["follow_up", "join", "join", "join"]
