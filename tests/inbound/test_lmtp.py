"""The LMTP door's manners (RFC 2033): its greeting, one answer for each recipient, and all that it has in common with the SMTP door."""

from __future__ import annotations

import socket
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from core.setup import Setup
from gateway.inbound.intake import Intake
from gateway.inbound.lmtp import EVERYBODY, LmtpDoor
from gateway.inbound.port import Answer, Arrival, TryLater
from gateway.inbound.smtp import SmtpOptions
from gateway.store.engine import Database
from tests.conftest import make_schema
from tests.inbound.doors import FAKE_ENDS, MAIL, SMUGGLED, US, Client, OpenDoor, open_door, play
from tests.inbound.test_smtp_dialogue import make_certificate, no_check
from tests.postfix import wait_for

LHLO = b"LHLO mta.example\r\n"
SENDER = b"MAIL FROM:<a@client.example>\r\n"

DIALOGUES: dict[str, str] = {
    "a mail for two, one unknown": """
        < 220 mx.demo.example LMTP
        > LHLO mta.example
        < 250
        > MAIL FROM:<a@client.example>
        < 250 2.1.0
        > RCPT TO:<support@demo.example>
        < 250 2.1.5
        > RCPT TO:<nobody@demo.example>
        < 550 5.1.1
        > RCPT TO:<help@demo.example>
        < 250 2.1.5
        > DATA
        < 354
        > Subject: x\\r\\n\\r\\nhello\\r\\n.
        < 250 2.0.0 Ok: queued as
        < 250 2.0.0 Ok: queued as
        > QUIT
        < 221 2.0.0
        < EOF""",
    "the greetings of SMTP are refused": """
        < 220
        > EHLO mta.example
        < 500 5.5.1
        > HELO mta.example
        < 500 5.5.1
        > MAIL FROM:<a@client.example>
        < 503 5.5.1
        > LHLO
        < 501 5.5.4
        > LHLO mta.example
        < 250""",
    "no recipient, no content": """
        < 220
        > LHLO mta.example
        < 250
        > MAIL FROM:<a@client.example>
        < 250
        > RCPT TO:<nobody@demo.example>
        < 550 5.1.1
        > DATA
        < 503 5.5.1
        > RSET
        < 250
        > NOOP
        < 250""",
    "the same recipient twice hears twice": """
        < 220
        > LHLO mta.example
        < 250
        > MAIL FROM:<>
        < 250
        > RCPT TO:<support@demo.example>
        < 250
        > RCPT TO:<support@demo.example>
        < 250
        > DATA
        < 354
        > Subject: x\\r\\n\\r\\nhello\\r\\n.
        < 250 2.0.0
        < 250 2.0.0
        > NOOP
        < 250 2.0.0 Here""",
    "an announced size that is too big": """
        < 220
        > LHLO mta.example
        < 250
        > MAIL FROM:<a@client.example> SIZE=99999999999
        < 552 5.3.4""",
}


class Troubled(Intake):
    """An intake with a passing fault, or with a fault in itself."""

    broken = False

    def submit(self, arrival: Arrival) -> Future[Answer]:
        if self.broken:
            raise RuntimeError("secret-host is down")
        answer: Future[Answer] = Future()
        answer.set_result(TryLater("in trouble"))
        return answer


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/guichet.db")
    make_schema(database)
    yield database
    database.dispose()


@pytest.fixture
def house(database: Database, example_setup: Setup) -> Iterator[OpenDoor]:
    """An open LMTP door over SQLite."""
    with open_door(database, example_setup, kind=LmtpDoor) as opened:
        yield opened


def to(*recipients: str) -> bytes:
    return SENDER + b"".join(f"RCPT TO:<{one}>\r\n".encode() for one in recipients)


def deliver(client: Client, wire: bytes, *recipients: str) -> list[str]:
    """One mail; the replies after its final dot."""
    client.send(to(*recipients))
    assert [reply[:3] for reply in client.replies(1 + len(recipients))] == ["250"] * (1 + len(recipients))
    assert client.ask(b"DATA\r\n").startswith("354 ")
    client.send(wire)
    return client.replies(len(recipients))


@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogues(house: OpenDoor, name: str) -> None:
    """Each script is answered line by line as written: code, enhanced code, open or closed."""
    play(house.port, [line.strip() for line in DIALOGUES[name].splitlines() if line.strip()])


def test_what_is_offered(house: OpenDoor) -> None:
    """LHLO names what EHLO would: the same reader, the same limits (RFC 2033 section 5 asks for PIPELINING and ENHANCEDSTATUSCODES)."""
    with house.client() as client:
        assert client.reply() == "220 mx.demo.example LMTP"
        offers = [line[4:] for line in client.ask(LHLO).splitlines()]
    assert offers == ["mx.demo.example", f"SIZE {45 * 2**20}", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"]


def test_one_stored_mail_for_all_recipients(house: OpenDoor) -> None:
    """Several recipients are one arrival: one row, every answer names it; door, bare client address and the name it said are kept."""
    with house.client() as client:
        replies = deliver(client.begin(LHLO), MAIL + b".\r\n", US, "help@demo.example", US)
    (row,) = house.mails()
    assert replies == [f"250 2.0.0 Ok: queued as {row.id}"] * 3
    assert (row.door, row.peer, row.helo, row.envelope_to, row.bytes) == ("lmtp", "127.0.0.1", "mta.example", [US, "help@demo.example"], MAIL)


def test_a_whole_conversation_in_one_write(house: OpenDoor) -> None:
    """Pipelined as a modern MTA does it, two mails with two recipients each: every reply comes, in order (RFC 2920)."""
    one = to(US, "help@demo.example") + b"DATA\r\n" + MAIL + b".\r\n"
    with house.client() as client:
        client.send(LHLO + one + one + b"QUIT\r\n")
        assert [reply[:3] for reply in client.replies(15)] == ["220", "250"] + ["250", "250", "250", "354", "250", "250"] * 2 + ["221"]
    assert len(house.mails()) == 2


def test_a_smuggled_mail_stays_inside_the_first(house: OpenDoor) -> None:
    """SMTP smuggling, the same table as at the SMTP door: what another server would take for a second mail is the content of one."""
    with house.client() as client:
        client.begin(LHLO)
        for fake in FAKE_ENDS:
            assert len(deliver(client, MAIL + fake + SMUGGLED + b".\r\n", US)) == 1
        rows = house.mails()
    assert len(rows) == 5 and all(b"Subject: evil" in row.bytes and row.envelope_from == "a@client.example" for row in rows)


@pytest.mark.parametrize("broken", [False, True])
def test_a_passing_fault_is_told_to_every_recipient(database: Database, example_setup: Setup, broken: bool) -> None:
    """451 4.3.0 for each, without the fault's words, whether the intake says so or breaks; the conversation stays in step."""
    with open_door(database, example_setup, intake=Troubled, kind=LmtpDoor) as house, house.client() as client:
        house.intake.broken = broken  # type: ignore[attr-defined]  # it is Troubled
        client.begin(LHLO)
        for _ in range(2):
            replies = deliver(client, MAIL + b".\r\n", US, "help@demo.example")
            assert [reply[:9] for reply in replies] == ["451 4.3.0"] * 2 and "secret" not in "".join(replies)
        assert client.ask(b"NOOP\r\n") == "250 2.0.0 Here"


def test_what_is_too_big_or_finds_no_room_is_told_to_every_recipient(database: Database, example_setup: Setup) -> None:
    """552 5.3.4 for what never fits, 452 4.3.1 for what does not fit now; each recipient hears it."""
    options = SmtpOptions(port=0, max_size=50_000, max_held=70_000)
    with open_door(database, example_setup, options, kind=LmtpDoor) as house, house.client() as slow, house.client() as client:
        client.begin(LHLO)
        assert [reply[:9] for reply in deliver(client, b"x" * 60_000 + b"\r\n.\r\n", US, "help@demo.example")] == ["552 5.3.4"] * 2
        slow.begin(LHLO).send(to(US) + b"DATA\r\n" + b"x" * 40_000)
        wait_for(lambda: house.door.room.free <= 30_000)
        assert [reply[:9] for reply in deliver(client, b"x" * 40_000 + b"\r\n.\r\n", US, "help@demo.example")] == ["452 4.3.1"] * 2
        assert house.mails() == []


def test_too_many_recipients_are_put_off_however_often_named(database: Database, example_setup: Setup) -> None:
    """Every RCPT that is accepted will be answered, so a repeated one counts too; beyond the cap it is 452."""
    with open_door(database, example_setup, SmtpOptions(port=0, max_recipients=2), kind=LmtpDoor) as house, house.client() as client:
        client.begin(LHLO).send(to(US, US, US))
        assert [reply[:9] for reply in client.replies(4)] == ["250 2.1.0", "250 2.1.5", "250 2.1.5", "452 4.5.3"]
        assert client.ask(b"DATA\r\n").startswith("354")
        client.send(MAIL + b".\r\n")
        assert [reply[:3] for reply in client.replies(2)] == ["250", "250"]


def test_the_mta_in_front_has_no_limits_of_its_own(database: Database, example_setup: Setup) -> None:
    """As the house opens it, no client is capped, on loopback or elsewhere."""
    options = SmtpOptions(port=0, max_connections_per_peer=1, connections_per_minute=1, mails_per_minute=1, unlimited_peers=EVERYBODY)
    with open_door(database, example_setup, options, kind=LmtpDoor) as house, house.client() as first, house.client() as second:
        for client in (first, second, first):
            if client is second or not house.mails():
                client.begin(LHLO)
            assert [reply[:3] for reply in deliver(client, MAIL + b".\r\n", US)] == ["250"]
        assert house.door.peers.enter("192.0.2.1", 0) == house.door.peers.enter("2001:db8::1", 0) == ""


def test_starttls(tmp_path: Path, database: Database, example_setup: Setup) -> None:
    """With a certificate STARTTLS is offered, and after it the client begins anew with LHLO (RFC 3207 section 4.2)."""
    certificate, key = make_certificate(tmp_path, "mx.demo.example")
    with open_door(database, example_setup, SmtpOptions(port=0, tls_certificate=certificate, tls_key=key), kind=LmtpDoor) as house, house.client() as client:
        client.reply()
        assert "STARTTLS" in client.ask(LHLO)
        assert client.ask(b"STARTTLS\r\n").startswith("220")
        client.socket = no_check().wrap_socket(client.socket)
        client._file = client.socket.makefile("rb")
        assert client.ask(SENDER).startswith("503")
        assert "STARTTLS" not in client.ask(LHLO)
        assert [reply[:3] for reply in deliver(client, MAIL + b".\r\n", US)] == ["250"]
    assert len(house.mails()) == 1


def test_a_socket_in_the_file_system(tmp_path: Path, database: Database, example_setup: Setup) -> None:
    """The MTA may come by a socket file: user and group may open it, no client limits hold there, and it is gone when the door closes."""
    place = tmp_path / "lmtp.sock"
    left_over = socket.socket(socket.AF_UNIX)
    left_over.bind(str(place))
    left_over.close()
    options = SmtpOptions(socket=place, hostname="mx.demo.example", connections_per_minute=1)
    with open_door(database, example_setup, options, kind=LmtpDoor) as house:
        assert stat.S_IMODE(place.stat().st_mode) == 0o660
        with pytest.raises(OSError, match="in use"):
            LmtpDoor(house.intake, options).start()
        for _ in range(3):
            with Client(place) as client:
                assert [reply[:3] for reply in deliver(client.begin(LHLO), MAIL + b".\r\n", US)] == ["250"]
        assert [row.peer for row in house.mails()] == ["local"] * 3
    assert not place.exists()


def test_closing_lets_a_mail_on_its_way_end(house: OpenDoor) -> None:
    """Idle connections are told 421, one in the middle of a mail gets an answer for each recipient first."""
    with house.client() as idle, house.client() as busy:
        idle.begin(LHLO)
        busy.begin(LHLO).send(to(US, "help@demo.example") + b"DATA\r\n" + MAIL)
        busy.replies(4)
        closing = threading.Thread(target=house.door.stop, args=(10,))
        closing.start()
        assert idle.reply().startswith("421 4.3.2")
        busy.send(b".\r\n")
        assert [reply[:3] for reply in busy.replies(2)] == ["250", "250"]
        closing.join()
    assert len(house.mails()) == 1
