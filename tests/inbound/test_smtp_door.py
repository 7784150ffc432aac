"""The SMTP door under load and pressure: sizes, caps, rates, time-outs, clients that die, faults behind it, and its closing."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from core.setup import Setup
from gateway.inbound.data_reader import DataReader
from gateway.inbound.intake import Intake
from gateway.inbound.port import Arrival
from gateway.inbound.replies import REPLIES
from gateway.inbound.smtp import SmtpOptions
from gateway.store.engine import Database
from tests.conftest import make_schema
from tests.inbound.doors import ENVELOPE, FAKE_ENDS, MAIL, SMUGGLED, Client, OpenDoor, open_door
from tests.postfix import wait_for

MEBI = 2**20
Opener = Callable[..., AbstractContextManager[OpenDoor]]


@pytest.fixture
def opened(tmp_path: Path, example_setup: Setup) -> Opener:
    """Opens doors with the options given, over SQLite."""

    @contextmanager
    def open_with(**options: Any) -> Iterator[OpenDoor]:
        database = Database(f"sqlite:///{tmp_path}/guichet.db")
        make_schema(database)
        with open_door(database, example_setup, SmtpOptions(port=0, hostname="mx.demo.example", **options)) as house:
            yield house
        database.dispose()

    return open_with


def lines_of(size: int) -> bytes:
    """A mail of exactly `size` bytes in lines of 80."""
    text = b"Subject: big\r\n\r\n" + (b"x" * 78 + b"\r\n") * (size // 80 + 1)
    return text[: size - 2] + b"\r\n"


# ---------------------------------------------------------------- sizes


def test_forty_megabytes_are_taken_and_fifty_refused_while_reading(opened: Opener) -> None:
    """40 MB come through whole; 50 MB are read to their dot, refused with 552 5.3.4 and nothing is kept; the connection goes on."""
    big = lines_of(40_000_000)
    with opened() as house, Client(house.port, timeout=60) as client:
        client.begin()
        assert client.deliver(lines_of(50_000_000) + b".\r\n").startswith("552 5.3.4")
        assert client.deliver(big + b".\r\n").startswith("250 2.0.0")
        (row,) = house.mails()
        assert row.size == len(big) and row.bytes == big
        assert house.door.room.free == house.door.options.max_held


def test_announced_size_is_refused_at_mail(opened: Opener) -> None:
    """SIZE beyond the limit is refused before a byte of content, at the limit it is not (RFC 1870)."""
    with opened(max_size=1000) as house, house.client() as client:
        client.begin()
        assert client.ask(b"MAIL FROM:<a@b.example> SIZE=1001\r\n").startswith("552 5.3.4")
        assert client.ask(b"MAIL FROM:<a@b.example> SIZE=1000\r\n").startswith("250")


def test_the_limit_is_exact_on_the_wire(opened: Opener) -> None:
    """One byte decides."""
    with opened(max_size=5000) as house, house.client() as client:
        client.begin()
        assert client.deliver(lines_of(5001) + b".\r\n").startswith("552 5.3.4")
        assert client.deliver(lines_of(5000) + b".\r\n").startswith("250")


def test_a_megabyte_line_and_nul_bytes_are_taken(opened: Opener) -> None:
    """Long lines, NUL and bytes of any value are content; they are stored as they came."""
    mail = b"Subject: " + b"x" * MEBI + b"\r\n\r\n" + bytes(range(256)) * 10 + b"\r\n"
    with opened() as house, house.client() as client:
        assert client.begin().deliver(mail.replace(b"\r\n.", b"\r\n..") + b".\r\n").startswith("250")
        assert house.mails()[0].bytes == mail


def test_a_smuggled_mail_stays_inside_the_first(opened: Opener) -> None:
    """SMTP smuggling: what another server would take for a second mail is stored as the content of one."""
    with opened() as house, house.client() as client:
        client.begin()
        for fake in FAKE_ENDS:
            client.deliver(MAIL + fake + SMUGGLED + b".\r\n")
        rows = house.mails()
        assert len(rows) == 5 and all(b"Subject: evil" in row.bytes and row.envelope_from == "a@client.example" for row in rows)


def test_too_much_held_by_all_is_a_passing_refusal(opened: Opener) -> None:
    """Content of all connections together is bounded; beyond it a mail is told to come later, and the others get through."""
    with opened(max_held=100_000) as house, house.client() as slow, house.client() as quick:
        slow.begin().send(ENVELOPE + b"DATA\r\n" + lines_of(80_000))
        wait_for(lambda: house.door.room.free <= 20_000, 20)
        quick.begin()
        assert quick.deliver(lines_of(50_000) + b".\r\n").startswith("452 4.3.1")
        slow.send(b".\r\n")
        assert slow.replies(4)[-1].startswith("250 2.0.0")
        assert quick.deliver(lines_of(50_000) + b".\r\n").startswith("250 2.0.0")


def test_a_flood_is_cut(opened: Opener) -> None:
    """A client that never stops sending is disconnected."""
    with opened(max_size=1000) as house, house.client() as client:
        client.begin().send(ENVELOPE + b"DATA\r\n")
        client.replies(3)
        with pytest.raises(ConnectionError):
            for _ in range(1000):
                client.send(b"x" * 100_000)
        wait_for(lambda: house.door.connections == 0, 20)
        assert house.mails() == []


# ---------------------------------------------------------------- caps and rates


def test_too_many_connections(opened: Opener) -> None:
    """Beyond the cap the greeting is 421 and the connection closed; when one leaves there is room."""
    with opened(max_connections=2) as house:
        with house.client() as first, house.client() as second:
            first.begin()
            second.begin()
            with house.client() as third:
                assert third.reply().startswith("421 4.3.2") and third.closed()
        wait_for(lambda: house.door.connections == 0, 20)
        with house.client() as fourth:
            fourth.begin()


def test_too_many_connections_of_one_client(opened: Opener) -> None:
    """One client may hold only so many."""
    with opened(max_connections_per_peer=1, unlimited_peers=()) as house, house.client() as first, house.client() as second:
        first.begin()
        assert second.reply().startswith("421 4.7.0") and second.closed()


def test_connecting_too_fast(opened: Opener) -> None:
    """One client may come only so often in a minute."""
    with opened(connections_per_minute=2, unlimited_peers=()) as house:
        greetings = []
        for _ in range(3):
            with house.client() as client:
                greetings.append(client.reply()[:9])
    assert greetings == ["220 mx.de", "220 mx.de", "421 4.7.0"]


def test_sending_too_fast(opened: Opener) -> None:
    """Mails of one client in a minute are capped with a 4xx at MAIL; the connection goes on."""
    with opened(mails_per_minute=1, unlimited_peers=()) as house, house.client() as client:
        assert client.begin().deliver(MAIL + b".\r\n").startswith("250")
        assert client.ask(b"MAIL FROM:<a@b.example>\r\n").startswith("451 4.7.1")
        assert client.ask(b"NOOP\r\n").startswith("250")


def test_a_flood_of_mails_without_content_is_capped_as_well(opened: Opener) -> None:
    """MAIL and RSET for ever count like mails: 451 beyond the rate, and 4xx for as long as it lasts."""
    with opened(mails_per_minute=3, unlimited_peers=()) as house, house.client() as client:
        client.begin()
        replies = []
        for _ in range(8):
            replies.append(client.ask(b"MAIL FROM:<a@b.example>\r\n")[:9])
            client.ask(b"RSET\r\n")
    assert replies == ["250 2.1.0"] * 3 + ["451 4.7.1"] * 5


def test_a_flood_of_recipients_ends_with_a_4xx(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the cap every further recipient hears 452, the same one again and again does not fill memory, and in the end it is 421."""
    monkeypatch.setattr("gateway.inbound.conversation.MAX_COMMANDS", 200)
    with opened(max_recipients=5) as house, house.client() as client:
        client.begin().send(b"MAIL FROM:<a@b.example>\r\n" + b"RCPT TO:<support@demo.example>\r\n" * 100)
        assert {reply[:3] for reply in client.replies(101)} == {"250"}
        client.send(b"".join(b"RCPT TO:<support+%d@demo.example>\r\n" % n for n in range(99)))
        assert [client.reply()[:9] for _ in range(99)] == ["250 2.1.5"] * 4 + ["452 4.5.3"] * 94 + ["421 4.7.0"]
        assert client.closed()


def test_what_passes_is_4xx() -> None:
    """No refusal for a state that passes tells the client to give up (RFC 5321 section 4.2.1)."""
    passing = "closing busy too_many_connections connecting_too_fast sending_too_fast timeout too_many_errors too_many_commands flood fault no_room too_many_recipients"
    assert {REPLIES[name][0] for name in passing.split()} == {"4"}


def test_too_many_recipients(opened: Opener) -> None:
    """Beyond the cap a recipient is put off (452), the accepted ones get their mail."""
    with opened(max_recipients=2) as house, house.client() as client:
        client.begin().ask(b"MAIL FROM:<a@b.example>\r\n")
        replies = [client.ask(b"RCPT TO:<support+%d@demo.example>\r\n" % n)[:9] for n in range(3)]
        assert replies == ["250 2.1.5", "250 2.1.5", "452 4.5.3"]
        client.ask(b"DATA\r\n")
        assert client.ask(MAIL + b".\r\n").startswith("250")
        assert house.mails()[0].envelope_to == ["support+0@demo.example", "support+1@demo.example"]


def test_commands_without_end(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that only talks is sent away."""
    monkeypatch.setattr("gateway.inbound.conversation.MAX_COMMANDS", 50)
    with opened() as house, house.client() as client:
        client.begin().send(b"NOOP\r\n" * 60)
        codes = [client.reply()[:3] for _ in range(50)]
        assert codes == ["250"] * 49 + ["421"] and client.closed()


def test_a_client_that_does_not_read_is_made_to_wait(opened: Opener) -> None:
    """Answers nobody reads do not pile up without bound: the door stops reading, and everything is answered once they are read."""
    with opened() as house, house.client() as client:
        client.begin()
        pusher = threading.Thread(target=client.send, args=((b"HELP " + b"x" * 1000 + b"\r\n") * 1900,))
        pusher.start()
        assert [reply[:3] for reply in client.replies(1900)] == ["214"] * 1900
        pusher.join()


def test_a_client_that_never_reads_is_cut(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Last words wait only so long: a client that fills its pipes and reads nothing loses its connection, and the door its memory of it."""
    monkeypatch.setattr("gateway.inbound.wire.LINGER_SECONDS", 0.1)
    with opened(command_timeout=0.5) as house, house.client() as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.begin()
        client.socket.settimeout(5)
        with pytest.raises(OSError):
            for _ in range(1000):
                client.send(b"HELP\r\n" * 10_000)
        wait_for(lambda: house.door.connections == 0, 20)


# ---------------------------------------------------------------- time-outs


def test_an_idle_client_is_sent_away(opened: Opener) -> None:
    """Silence between commands ends with 421 4.4.2."""
    with opened(command_timeout=0.3) as house, house.client() as client:
        client.begin()
        assert client.reply().startswith("421 4.4.2") and client.closed()


def test_a_client_silent_in_the_middle_of_a_mail_is_sent_away(opened: Opener) -> None:
    """Half a mail and then nothing: 421, nothing stored, nothing held."""
    with opened(data_timeout=0.3) as house, house.client() as client:
        client.begin().send(ENVELOPE + b"DATA\r\nhalf a mail\r\n")
        assert [reply[:3] for reply in client.replies(4)] == ["250", "250", "354", "421"] and client.closed()
        wait_for(lambda: house.door.connections == 0, 20)
        assert house.mails() == [] and house.door.room.free == house.door.options.max_held


def test_a_mail_that_drips_for_ever_is_ended(opened: Opener) -> None:
    """Each byte in time, the mail as a whole not: the connection ends."""
    with opened(data_timeout=30, mail_timeout=0.5) as house, house.client() as client:
        client.begin().send(ENVELOPE + b"DATA\r\n")
        client.replies(3)
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.05):
                try:
                    client.send(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        assert client.reply().startswith("421 4.4.2")
        stop.set()
        thread.join()


def test_no_answer_in_time_is_451(opened: Opener) -> None:
    """A commit that hangs is a passing fault for the client; the door lives on."""
    release = threading.Event()
    with opened(answer_timeout=0.2) as house, house.client() as client:
        event.listen(house.database.engine, "commit", lambda _: release.wait(20))
        assert client.begin().deliver(MAIL + b".\r\n").startswith("451 4.3.0")
        release.set()
        assert client.ask(b"NOOP\r\n").startswith("250")


# ---------------------------------------------------------------- clients that die, faults behind the door


@pytest.mark.parametrize("sent", [b"half a mail", MAIL, MAIL + b".", MAIL + b".\r", b""])
def test_a_client_that_dies_before_the_final_dot_has_sent_nothing(opened: Opener, sent: bytes) -> None:
    """Wherever the connection breaks before CRLF.CRLF is complete: nothing stored, nothing held, no connection counted."""
    with opened() as house:
        with house.client() as client:
            client.begin().send(ENVELOPE + b"DATA\r\n" + sent)
            client.replies(3)
        wait_for(lambda: house.door.connections == 0, 20)
        assert house.mails() == [] and house.door.room.free == house.door.options.max_held


def test_a_client_that_dies_after_the_final_dot_loses_nothing(opened: Opener) -> None:
    """Dot sent, connection cut: the mail is stored or it is not, whole, and the door goes on; the sender has no 250 and sends again."""
    with opened() as house:
        for _ in range(20):
            with house.client() as client:
                client.begin().send(ENVELOPE + b"DATA\r\n")
                client.replies(3)
                client.send(MAIL + b".\r\n")
        wait_for(lambda: house.door.connections == 0, 20)
        house.intake.close()
        assert all(row.bytes == MAIL for row in house.mails())
        assert sorted(house.told) == sorted(row.id for row in house.mails())


class Broken(Intake):
    """An intake with a fault of ours in it."""

    def submit(self, arrival: Arrival) -> Any:
        raise RuntimeError("secret-host is down")


def test_a_fault_behind_data_is_451_without_its_words(tmp_path: Path, example_setup: Setup) -> None:
    """The fault is answered with 451 4.3.0, never with its text, and the next mail can be tried on the same connection."""
    database = Database(f"sqlite:///{tmp_path}/guichet.db")
    make_schema(database)
    with open_door(database, example_setup, intake=Broken) as house, house.client() as client:
        client.begin()
        for _ in range(2):
            reply = client.deliver(MAIL + b".\r\n")
            assert reply.startswith("451 4.3.0") and "secret" not in reply
    database.dispose()


def test_a_database_that_is_away_is_451(opened: Opener) -> None:
    """Without its tables the database refuses: the client hears 451 4.3.0 and nothing of SQL; when it is back, 250."""
    with opened() as house, house.client() as client:
        client.begin()
        with house.database.durable() as connection:
            connection.exec_driver_sql("ALTER TABLE raw_mail RENAME TO elsewhere")
        reply = client.deliver(MAIL + b".\r\n")
        assert reply.startswith("451 4.3.0") and "raw_mail" not in reply
        with house.database.durable() as connection:
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO raw_mail")
        assert client.deliver(MAIL + b".\r\n").startswith("250")
        assert len(house.mails()) == 1


# ---------------------------------------------------------------- many at once


def test_two_hundred_clients_at_once(opened: Opener) -> None:
    """Two hundred connections with three mails each: every mail stored once under its own id, in fewer commits than mails."""
    replies: list[str] = []
    faults: list[BaseException] = []
    commits: list[int] = []
    with opened() as house:
        event.listen(house.database.engine, "commit", lambda _: commits.append(1))
        ready = threading.Barrier(200)

        def run(number: int) -> None:
            try:
                with Client(house.port, timeout=60) as client:
                    client.begin()
                    ready.wait(60)
                    replies.extend(client.deliver(b"Subject: %d.%d\r\n\r\nx\r\n.\r\n" % (number, n)) for n in range(3))
            except (OSError, AssertionError, threading.BrokenBarrierError) as fault:
                faults.append(fault)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not faults
        rows = house.mails()
        assert {reply.rpartition(" ")[2] for reply in replies} == {row.id for row in rows}
        assert len({row.bytes for row in rows}) == len(rows) == 600
        assert len(commits) < 600


def test_no_mail_stays_in_memory(opened: Opener) -> None:
    """When the 250 is out, nothing of the door holds the mail any more, though the connection is still open."""
    big = lines_of(3 * MEBI)
    with opened() as house, house.client() as client:
        assert client.begin().deliver(big + b".\r\n").startswith("250")
        assert client.ask(b"NOOP\r\n").startswith("250")
        gc.collect()
        assert not [thing for thing in gc.get_objects() if isinstance(thing, Arrival) and len(thing.raw) > MEBI]
        assert not [thing for thing in gc.get_objects() if isinstance(thing, DataReader)]


# ---------------------------------------------------------------- closing


def test_closing_sends_idle_clients_away(opened: Opener) -> None:
    """Idle and half-way clients hear 421 4.3.2; nobody can connect any more."""
    with opened() as house, house.client() as idle, house.client() as midway:
        idle.begin()
        midway.begin().ask(b"MAIL FROM:<a@b.example>\r\n")
        house.door.stop(5)
        for client in (idle, midway):
            assert client.reply().startswith("421 4.3.2") and client.closed()
        with pytest.raises(ConnectionRefusedError):
            house.client()


def test_closing_lets_a_mail_on_its_way_end(opened: Opener) -> None:
    """A client in the middle of DATA goes on, gets its real 250 after the commit, then 421."""
    with opened() as house, house.client() as client:
        client.begin().send(ENVELOPE + b"DATA\r\nSubject: slow\r\n")
        client.replies(3)
        stopper = threading.Thread(target=house.door.stop, args=(20,))
        stopper.start()
        wait_for(lambda: _takes_nobody(house), 20)
        client.send(b"\r\nlate but whole\r\n.\r\n")
        reply = client.reply()
        assert reply.startswith("250 2.0.0")
        assert client.reply().startswith("421 4.3.2") and client.closed()
        stopper.join()
        (row,) = house.mails()
        assert reply.endswith(row.id) and row.bytes.endswith(b"late but whole\r\n")


def _takes_nobody(house: OpenDoor) -> bool:
    try:
        house.client().close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # taken from the queue at the moment of closing: look once more
        return False
    return False


def test_the_time_to_drain_has_an_end(opened: Opener) -> None:
    """A client that does not finish is cut with 421 when the time is over; nothing of it is stored; the thread has ended."""
    with opened() as house, house.client() as client:
        client.begin().send(ENVELOPE + b"DATA\r\nSubject: never\r\n")
        client.replies(3)
        house.door.stop(0.3)
        assert client.reply().startswith("421 4.3.2") and client.closed()
        assert house.mails() == []
        assert not [thread for thread in threading.enumerate() if thread.name == "smtp"]


def test_stopping_twice_and_before_a_start_is_harmless(opened: Opener) -> None:
    """A stop without a start, and a second stop, do nothing."""
    with opened() as house:
        house.door.stop(1)
        house.door.stop(1)


# ---------------------------------------------------------------- anything at all

WORDS = [
    b"EHLO x",
    b"MAIL FROM:<a@b>",
    b"RCPT TO:<support@demo.example>",
    b"DATA",
    b"RSET",
    b".",
    b"",
    b"QUIT",
    b"STARTTLS",
    b"\0",
    b"\xff",
    b"x" * 5000,
]
STREAMS = st.lists(st.tuples(st.sampled_from(WORDS) | st.binary(max_size=20), st.sampled_from([b"\r\n", b"\r\n", b"\n", b"\r", b""])), max_size=30)


def test_any_stream_is_answered_in_order(opened: Opener, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever bytes come: every answer is a well-formed reply line, no fault of ours is logged, nothing stays held, the next client is served."""
    with opened() as house:

        @settings(max_examples=60, deadline=None)
        @given(STREAMS)
        def run(pieces: list[tuple[bytes, bytes]]) -> None:
            with house.client() as client:
                with suppress(ConnectionError):
                    client.send(b"".join(word + end for word, end in pieces))
                    client.socket.shutdown(socket.SHUT_WR)
                with suppress(ConnectionError):
                    while reply := client.reply():
                        assert all(line[:3].isdigit() and line[3] in " -" for line in reply.splitlines()), reply

        run()
        wait_for(lambda: house.door.connections == 0, 20)
        assert house.door.room.free == house.door.options.max_held
        assert not [record for record in caplog.records if record.name.startswith("guichet") and record.levelname == "ERROR"]
        with house.client() as client:
            assert client.begin().deliver(MAIL + b".\r\n").startswith("250")
