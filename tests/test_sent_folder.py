"""Copies into the Sent folder of a real Dovecot: once, as read, as sent; nothing of it holds up or repeats the mail itself."""

from __future__ import annotations

import email
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.delivery import Meaning
from core.health import Health
from core.mail import Address
from core.outbox import Outcome, Recipient
from core.setup import DkimKey, Setup
from gateway.clock import FakeClock
from gateway.inbound.fetching import Means
from gateway.inbound.imap import ImapFetcher
from gateway.keys import Keys
from gateway.outbound.alarms import Alarms
from gateway.outbound.dkim import Signer
from gateway.outbound.dkim_key import ED25519, new_key
from gateway.sent_folder import GIVE_UP, LEASE, WAITS, SentFolder
from gateway.serve import Service
from gateway.store import alarms, connector_status, outboxes, sent_copies
from gateway.store.engine import Database
from gateway.store.schema import inbound, sent_copy
from gateway.store.schema import item as item_table
from tests.conftest import missing
from tests.dovecot import PASSWORD, TOKEN, Dovecot, missing_reason
from tests.houses import make_house, wait_for
from tests.inbound.imap_ways import Desk as FetchingDesk
from tests.inbound.meddler import Meddler
from tests.outbound.drafts import House, Way, with_connector
from tests.sink import Sink

SPECIAL = """
namespace inbox {
  mailbox "Gesendete Objekte" {
    special_use = \\Sent
    auto = create
  }
}
"""
_NAMES = itertools.count(1)


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    if reason := missing_reason():
        missing(reason)
    with Dovecot(users=[f"user{number}" for number in range(1, 60)]) as made:
        yield made


@pytest.fixture
def user() -> str:
    """A fresh mailbox."""
    return f"user{next(_NAMES)}"


class Sender:
    """A house whose connector `support` sends by a scripted way and copies into a mailbox; `copier` works the copies off."""

    def __init__(self, house: House, port: int, user: str, **more: Any) -> None:
        self.house, self.port, self.user = house, port, user
        self.fetching = FetchingDesk(house.database, house.clock)
        self.token: Callable[[Any], str] = lambda connector: TOKEN
        self.way = Way()
        self.save(**more)
        self.copier = self.another()
        self.house.item()
        self.dispatcher = house.dispatcher(self.way)

    def save(self, folder: str = "Sent", incoming: dict[str, Any] | None = None, **more: Any) -> None:
        box = {"kind": "imap", "host": "127.0.0.1", "port": self.port, "security": "none", "user": self.user, "password_env": "PASS"}
        outgoing = {"kind": "smtp", "host": "smtp.demo.example", "sent_folder": folder} if folder else {"kind": "smtp", "host": "smtp.demo.example"}
        setup = with_connector(self.house.setup, incoming={**box, **(incoming or {})}, outgoing=outgoing)
        self.house.save(replace(setup, **more))

    def means(self) -> Means:
        return self.fetching.means({"PASS": PASSWORD}, token=self.token, timeout=5.0)

    def another(self) -> SentFolder:
        house = self.house
        return SentFolder(house.database, house.setups, house.clock, Alarms(house.apply, house.clock), self.means)

    def send(self, draft_id: str = "d1", **more: Any) -> bytes:
        """Send a mail; the bytes as the server got them."""
        self.house.queue(draft_id, **more)
        self.dispatcher.run_due(10)
        return next((one.data for one in reversed(self.way.given) if one.id == draft_id), b"")

    def rows(self) -> list[Any]:
        with self.house.database.read() as connection:
            return list(connection.execute(select(sent_copy).order_by(sent_copy.c.outbox_id)))

    def later(self, delta: timedelta = WAITS[-1]) -> int:
        self.house.clock.set(self.house.clock.now() + delta)
        return self.copier.run_due()

    def close(self) -> None:
        self.dispatcher.close()
        self.fetching.close()


@pytest.fixture
def sender(database: Database, example_setup: Setup, keys: Keys, clock: FakeClock, dovecot: Dovecot, user: str) -> Iterator[Sender]:
    made = Sender(House(database, example_setup, keys, clock), dovecot.imap, user)
    yield made
    made.close()


def lying(dovecot: Dovecot, user: str, folder: str = "Sent") -> list[tuple[bytes, str, str]]:
    """(bytes, flags, internal date) of what lies in a folder."""
    with dovecot.client(user) as client:
        kind, count = client.select(f'"{folder}"', readonly=True)
        if kind != "OK" or count == [b"0"]:
            return []
        _, answer = client.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")
        found = []
        for part in answer:
            if isinstance(part, tuple):
                head = part[0].decode()
                found.append((part[1], head.split("FLAGS (")[1].split(")")[0], head.split('INTERNALDATE "')[1].split('"')[0]))
        return found


def test_the_copy_is_the_mail_once_read_and_dated(sender: Sender, dovecot: Dovecot, user: str) -> None:
    """Exactly the bytes that left, signature and ids included, without Bcc; \\Seen; the internal date is when it left; the folder is made; then no row is left."""
    people = (Recipient(Address("carl@acme.example")), Recipient(Address("secret@acme.example"), "bcc"))
    signer, pem = Signer(lambda name: pem), new_key(ED25519)
    sender.save(dkim_keys=(DkimKey("demo.example", "s1", "k"),))
    sender.dispatcher.close()
    sender.dispatcher = sender.house.dispatcher(sender.way, holder="host/1/b", sign=signer)
    sent_at = sender.house.clock.now()
    data = sender.send(recipients=people, text="Grüße\n.\n" + "x" * 2_000, in_reply_to="1@acme.example", references=("0@acme.example",))
    sender.house.clock.advance(minutes=5)
    assert sender.copier.run_due() == 1
    ((raw, flags, moment),) = lying(dovecot, user)
    assert raw == data and data.startswith(b"DKIM-Signature:")
    assert b"secret@acme.example" not in raw and set(flags.split()) - {"\\Recent"} == {"\\Seen"}
    assert moment == sent_at.strftime("%d-%b-%Y %H:%M:%S %z")
    mail = email.message_from_bytes(raw)
    assert (mail["In-Reply-To"], mail["Message-ID"].strip("<>")) == ("<1@acme.example>", sender.house.get().message_id)
    assert sender.rows() == [] and sender.copier.run_due() == 0


def test_without_the_key_nothing_is_queued(sender: Sender, dovecot: Dovecot, user: str) -> None:
    """sent_folder is asked for, and only where the mailbox is fetched from by IMAP."""
    sender.save(folder="")
    sender.send("d1")
    sender.save(incoming={"kind": "pop3"})
    sender.send("d2")
    assert sender.rows() == [] and sender.copier.run_due() == 0 and lying(dovecot, user) == []


@pytest.mark.parametrize(
    ("answers", "copies"),
    [
        ([Outcome.PERMANENT], 0),
        ([Outcome.TEMPORARY], 0),
        ([Outcome.UNKNOWN], 0),
        ([Outcome.TEMPORARY, Outcome.ACCEPTED], 1),
        ([Meaning.PASSING, Outcome.ACCEPTED], 1),
    ],
)
def test_what_nobody_got_is_not_copied(sender: Sender, answers: list[Any], copies: int) -> None:
    """Refused, waiting and uncertain mails have no copy; one that left at the second try has one."""
    sender.way.answers = list(answers)
    sender.send()
    for _ in answers[1:]:
        sender.house.clock.advance(hours=2)
        sender.dispatcher.run_due(10)
    assert len(sender.rows()) == copies


def test_a_mail_that_reached_some_is_copied_when_it_has_come_to_its_end(sender: Sender, dovecot: Dovecot, user: str) -> None:
    """One recipient takes it, another never does: no copy while it is tried, one at the end."""
    people = (Recipient(Address("carl@acme.example")), Recipient(Address("dora@acme.example")))

    class Partly(Way):
        def deliver(self, mail: Any, before_final_dot: Any) -> Any:
            delivery = super().deliver(mail, before_final_dot)
            return replace(delivery, recipients={key: (Outcome.TEMPORARY if "dora" in key else out, words) for key, (out, words) in delivery.recipients.items()})

    sender.dispatcher.close()
    sender.way = Partly()
    sender.dispatcher = sender.house.dispatcher(sender.way, holder="host/1/c")
    sender.send(recipients=people)
    assert sender.house.state() == "pending_retry" and sender.rows() == []
    for _ in range(10):
        sender.house.clock.advance(hours=3)
        sender.dispatcher.run_due(10)
    assert sender.house.state() == "failed" and [row.outbox_id for row in sender.rows()].count("d1") == 1
    sender.copier.run_due()
    ours = sender.house.get().message_id.encode()
    assert sum(b"Message-ID: <" + ours in raw for raw, _, _ in lying(dovecot, user)) == 1  # besides it the notice to the author


def test_auto_finds_the_folder_marked_as_sent(database: Database, example_setup: Setup, keys: Keys, clock: FakeClock) -> None:
    """RFC 6154: whatever it is called."""
    if reason := missing_reason():
        missing(reason)
    with Dovecot(users=["special"], more=SPECIAL) as dovecot:
        sender = Sender(House(database, example_setup, keys, clock), dovecot.imap, "special", folder="auto")
        sender.send()
        assert sender.copier.run_due() == 1
        assert len(lying(dovecot, "special", "Gesendete Objekte")) == 1 and lying(dovecot, "special", "Sent") == []
        sender.close()


def test_auto_without_a_mark_makes_sent(sender: Sender, dovecot: Dovecot, user: str) -> None:
    """Where no folder is marked, it is the one called Sent, made if it is not there; a name with other letters is made as well."""
    sender.save(folder="auto")
    sender.send("d1")
    sender.copier.run_due()
    sender.save(folder="Envoyés & co")
    sender.send("d2")
    sender.copier.run_due()
    assert len(lying(dovecot, user)) == 1 and len(lying(dovecot, user, "Envoy&AOk-s &- co")) == 1 and sender.rows() == []


def test_a_mailbox_that_is_away(sender: Sender, user: str, database: Database) -> None:
    """The mails are sent all the same; their copies wait longer and longer, asking once for all, and are put there once it is back; the alarm comes and goes."""
    if reason := missing_reason():
        missing(reason)
    with Dovecot(users=[user]) as dovecot:
        sender.port = dovecot.imap
        sender.save()
        dovecot.stop()
        sent = [sender.send(f"d{n}") for n in range(5)]
        assert sender.copier.run_due() == 1 and {row.due_at - sender.house.clock.now() for row in sender.rows()} == {WAITS[0]}
        assert [sender.house.state(f"d{n}") for n in range(5)] == ["sent"] * 5
        assert sender.copier.run_due() == 0
        tried = [sender.later(wait) for wait in WAITS]
        assert tried == [1] * len(WAITS) and all("cannot be reached" in row.last_error for row in sender.rows())
        with database.read() as connection:
            assert list(alarms.lasting(connection)) == ["sent_copy/support"]
        dovecot.start()
        sender.later()
        assert sender.rows() == [] and sorted(raw for raw, _, _ in lying(dovecot, user)) == sorted(sent)
        with database.read() as connection:
            assert alarms.lasting(connection) == {}


@pytest.mark.parametrize("budget", [0, 6, 7, 20])
def test_a_connection_cut_during_append(sender: Sender, dovecot: Dovecot, user: str, budget: int) -> None:
    """Cut before the server had the mail, or after it had it and before it could say so: in the end the copy lies there once."""
    with Meddler(dovecot.imap) as meddler:
        meddler.cut_within("APPEND", budget, times=1)
        sender.port = meddler.port
        sender.save(folder="Sent")
        with dovecot.client(user) as client:
            client.create("Sent")
        data = sender.send()
        assert sender.copier.run_due() == 1
        (row,) = sender.rows()
        assert "connection" in row.last_error and row.attempts == 1
        assert len(lying(dovecot, user)) == (0 if budget <= 6 else 1)
        assert sender.later() == 1 and sender.rows() == []
    assert [raw for raw, _, _ in lying(dovecot, user)] == [data]


def test_a_copier_that_died_after_append(sender: Sender, dovecot: Dovecot, user: str) -> None:
    """Killed before it could note it: after the lease another one finds the copy and puts no second one there; before that nobody tries."""
    sender.send()
    dying = sender.another()
    dying._done = lambda copy, setup: None  # type: ignore[method-assign]  # the kill: nothing is written after the server took it
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sent_copies, "done", lambda connection, outbox_id: None)
        assert dying.run_due() == 1
    assert sender.copier.run_due() == 0
    assert sender.later(LEASE) == 1 and sender.rows() == [] and len(lying(dovecot, user)) == 1


def test_two_copiers_put_it_there_once(sender: Sender, dovecot: Dovecot, user: str) -> None:
    """Threads and processes share the work; each mail is claimed by one."""
    from concurrent.futures import ThreadPoolExecutor

    for n in range(12):
        sender.send(f"d{n}")
    with ThreadPoolExecutor(3) as pool:
        tried = list(pool.map(lambda copier: copier.run_due(), [sender.another() for _ in range(3)]))
    assert sum(tried) == 12 and len(lying(dovecot, user)) == 12 and sender.rows() == []


def test_a_refusal_is_kept_to_its_mail_and_given_up_after_a_week(sender: Sender, dovecot: Dovecot, user: str, caplog: pytest.LogCaptureFixture) -> None:
    """A mailbox that is full: one copy is tried for seven days, then an error and an alarm say so; others go on, and the mail stays sent."""
    with Meddler(dovecot.imap) as meddler:
        with dovecot.client(user) as client:
            client.create("Sent")
        meddler.refuse("APPEND", b"%TAG NO [OVERQUOTA] the mailbox is full\r\n", times=1)
        sender.port = meddler.port
        sender.save()
        sender.send("d1")
        sender.send("d2")
        assert sender.copier.run_due() == 2
        assert [(row.outbox_id, "mailbox is full" in row.last_error) for row in sender.rows()] == [("d1", True)]
        meddler.refuse("APPEND", b"%TAG NO [OVERQUOTA] the mailbox is full\r\n")
        began = sender.house.clock.now()
        turns = 0
        while sender.rows()[0].given_up_at is None and turns < 400:
            turns += sender.later(timedelta(hours=12))
        assert GIVE_UP <= sender.house.clock.now() - began <= GIVE_UP + timedelta(hours=12)
        assert [record.levelname for record in caplog.records if record.message == "sent_copy_given_up"] == ["ERROR"]
        assert sender.later(timedelta(days=30)) == 0
    with sender.house.database.read() as connection:
        shown = outboxes.detail(connection, sender.house.get("d1"))["sent_copy"]
        assert list(alarms.lasting(connection)) == ["sent_copy/support"]
        assert "sent_copy" not in outboxes.detail(connection, sender.house.get("d2"))
    assert (shown["state"], shown["next_at"], "full" in shown["last_error"]) == ("given up", None, True) and sender.house.state("d1") == "sent"
    sender.port = dovecot.imap
    sender.save()
    with sender.house.database.durable() as connection:
        assert sent_copies.again(connection, "support", sender.house.clock.now()) == 1, "connector copy-again"
    assert sender.copier.run_due() == 1 and sender.rows() == [] and len(lying(dovecot, user)) == 2


def test_an_odd_server_leaves_the_next_mailbox_alone(sender: Sender, dovecot: Dovecot, user: str) -> None:
    """A disabled connector, one whose copies are no longer wanted, and one whose log-in is suspended wait untried."""
    sender.send()
    sender.save()
    house = sender.house
    house.save(with_connector(house.setup, enabled=False))
    assert sender.copier.run_due() == 0
    house.save(with_connector(house.setup, enabled=True))
    until = house.clock.now() + timedelta(hours=1)
    with house.database.durable() as connection:
        connector_status.save(connection, Health("fetch:support", 3, until, 1, "535 no"))
    assert sender.copier.run_due() == 0 and sender.rows()[0].attempts == 0
    assert sender.later() == 1 and sender.rows() == []


def test_with_oauth2(sender: Sender, dovecot: Dovecot, user: str) -> None:
    """The mailbox's own way to log in is used; without a token the copy waits and says why."""
    from gateway.inbound.fetching import NeedsConsent

    def refuse(connector: Any) -> str:
        raise NeedsConsent(Meaning.LOGIN_REFUSED, "a person must log in: guichet connector consent support")

    sender.save(incoming={"auth": "xoauth2", "oauth_provider": "microsoft", "client_id": "c"})
    sender.token = refuse
    sender.send()
    sender.copier.run_due()
    assert "connector consent" in sender.rows()[0].last_error
    sender.token = lambda connector: TOKEN
    assert sender.later() == 1 and len(lying(dovecot, user)) == 1


def test_our_own_copy_is_not_new_mail(database: Database, example_setup: Setup, clock: FakeClock, dovecot: Dovecot, user: str, tmp_path: Path) -> None:
    """decisions.md 7: by default only INBOX is fetched; where the folder Sent is fetched from as well, our mail in it is ignored and opens nothing."""
    box = {"kind": "imap", "host": "127.0.0.1", "port": dovecot.imap, "security": "none", "user": user, "password_secret": "box"}
    with Sink() as sink:
        outgoing = {"kind": "smtp", "host": "127.0.0.1", "port": sink.port, "security": "none", "sent_folder": "Sent"}
        setup = with_connector(example_setup, incoming={**box, "start": "now"}, outgoing=outgoing)
        made = make_house(tmp_path, database, setup, clock=clock)
        made.secrets.set("box", PASSWORD, "root@demo.example")
        for folders in (["INBOX"], ["INBOX", "Sent"]):
            with dovecot.client(user) as client:
                client.create("Sent")
            given = with_connector(current(made), incoming={**box, "start": "now", "folders": folders})
            with database.durable() as connection:
                made.setups.save(connection, given, "root@demo.example", clock.now())
            fetch(made)
            about = {"process": "General support", "title": "Lamp", "description": "Dark", "category": "Question"}
            item = made.desk.new_item("ann@demo.example", contacts=["carl@acme.example"], submit=True, **about)
            made.desk.mail(item["ref"], "ann@demo.example", text="Here.", to=["carl@acme.example"], undo=timedelta(0))
            made.dispatcher.run_due()
            assert made.sent_folder.run_due() >= 1
            fetch(made)
            made.processor.sweep()
        with database.read() as connection:
            states = [row.state for row in connection.execute(select(inbound.c.state))]
            assert states and set(states) == {"ignored"}
            assert len(connection.execute(select(item_table.c.id)).all()) == 2
        made.close()


def test_the_service_puts_copies(database: Database, example_setup: Setup, dovecot: Dovecot, user: str, tmp_path: Path) -> None:
    """The role `dispatch` does it by itself, and stops cleanly."""
    box = {"kind": "imap", "host": "127.0.0.1", "port": dovecot.imap, "security": "none", "user": user, "password_secret": "box"}
    with Sink() as sink:
        outgoing = {"kind": "smtp", "host": "127.0.0.1", "port": sink.port, "security": "none", "sent_folder": "auto"}
        made = make_house(tmp_path, database, with_connector(example_setup, incoming=box, outgoing=outgoing))
        made.secrets.set("box", PASSWORD, "root@demo.example")
        service = Service(made, ("dispatch",))
        service.start()
        try:
            about = {"process": "General support", "title": "Lamp", "description": "Dark", "category": "Question"}
            item = made.desk.new_item("ann@demo.example", contacts=["carl@acme.example"], submit=True, **about)
            made.desk.mail(item["ref"], "ann@demo.example", text="Here.", to=["carl@acme.example"], undo=timedelta(0))
            (raw, _, _), *_ = wait_for(lambda: lying(dovecot, user), "a copy in the folder Sent")
        finally:
            service.stop()
            made.close()
        assert raw in sink.raw


def current(made: Any) -> Setup:
    with made.database.read() as connection:
        return made.setups.current(connection)  # type: ignore[no-any-return]


def fetch(made: Any) -> None:
    """One look into the mailbox."""
    fetcher = ImapFetcher(current(made).connector_named["support"], made.fetch_means())
    try:
        fetcher.open()
        fetcher.fetch()
    finally:
        fetcher.close()
