"""The SMTP door's manners: verbs, their order, their answers, addresses and extensions; content and caps are tested beside this."""

from __future__ import annotations

import smtplib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.setup import Setup
from gateway.inbound import replies
from gateway.inbound.conversation import MAX_ERRORS
from gateway.inbound.line_reader import MAX_LINE
from gateway.inbound.replies import REPLIES
from gateway.inbound.smtp import SmtpDoor, SmtpOptions
from gateway.store.engine import Database
from tests.conftest import make_schema
from tests.inbound.doors import ENVELOPE, HELLO, MAIL, US, OpenDoor, open_door, play
from tests.postfix import wait_for

DIALOGUES: dict[str, str] = {
    "a mail from EHLO to QUIT": """
        < 220 mx.demo.example ESMTP
        > EHLO client.example
        < 250
        > MAIL FROM:<a@client.example>
        < 250 2.1.0
        > RCPT TO:<support@demo.example>
        < 250 2.1.5
        > DATA
        < 354
        > Subject: x\\r\\n\\r\\nhello\\r\\n.
        < 250 2.0.0 Ok: queued as
        > QUIT
        < 221 2.0.0
        < EOF""",
    "HELO is enough": """
        < 220
        > HELO client.example
        < 250 mx.demo.example
        > MAIL FROM:<a@client.example>
        < 250 2.1.0""",
    "lower case, spaces, no brackets": """
        < 220
        > ehlo client.example
        < 250
        > mail from: a@client.example
        < 250 2.1.0
        > rcpt to: <Support@DEMO.example>
        < 250 2.1.5""",
    "unknown recipient": """
        < 220
        > EHLO client.example
        < 250
        > MAIL FROM:<a@client.example>
        < 250 2.1.0
        > RCPT TO:<nobody@demo.example>
        < 550 5.1.1
        > RCPT TO:<support@demo.example.org>
        < 550 5.1.1
        > RCPT TO:<postmaster>
        < 550 5.1.1
        > DATA
        < 503 5.5.1""",
    "addresses of ours": """
        < 220
        > EHLO client.example
        < 250
        > MAIL FROM:<>
        < 250 2.1.0
        > RCPT TO:<help@demo.example>
        < 250 2.1.5
        > RCPT TO:<support+101203-T@demo.example>
        < 250 2.1.5
        > RCPT TO:<@relay.example,@other.example:support@demo.example>
        < 250 2.1.5
        > RCPT TO:<"support"@demo.example>
        < 250 2.1.5
        > RCPT TO:<support@demo.example>
        < 250 2.1.5""",
    "malformed addresses": """
        < 220
        > EHLO client.example
        < 250
        > MAIL FROM:<a@client.example
        < 501 5.1.7
        > MAIL FROM:<a b@client.example>
        < 501 5.1.7
        > MAIL FROM:<a@>
        < 501 5.1.7
        > MAIL FROM:
        < 501 5.1.7
        > MAIL FROM:<a@client.example>x
        < 501 5.5.4
        > MAIL TO:<a@client.example>
        < 501 5.5.4
        > MAIL
        < 501 5.5.4
        > MAIL FROM:<a@client.example>
        < 250 2.1.0
        > RCPT TO:<>
        < 501 5.1.3
        > RCPT TO:<a@@client.example>
        < 501 5.1.3
        > RCPT FROM:<support@demo.example>
        < 501 5.5.4""",
    "order of the verbs": """
        < 220
        > MAIL FROM:<a@client.example>
        < 503 5.5.1
        > EHLO
        < 501 5.5.4
        > EHLO client.example
        < 250
        > RCPT TO:<support@demo.example>
        < 503 5.5.1
        > DATA
        < 503 5.5.1
        > MAIL FROM:<>
        < 250 2.1.0
        > MAIL FROM:<>
        < 503 5.5.1
        > DATA
        < 503 5.5.1
        > RSET
        < 250 2.0.0
        > RCPT TO:<support@demo.example>
        < 503 5.5.1
        > MAIL FROM:<>
        < 250 2.1.0
        > EHLO again.example
        < 250
        > MAIL FROM:<>
        < 250 2.1.0""",
    "arguments where none belong": """
        < 220
        > EHLO client.example
        < 250
        > RSET now
        < 501 5.5.4
        > QUIT now
        < 501 5.5.4
        > MAIL FROM:<>
        < 250
        > RCPT TO:<support@demo.example>
        < 250
        > DATA now
        < 501 5.5.4""",
    "parameters": """
        < 220
        > EHLO client.example
        < 250
        > MAIL FROM:<a@client.example> SIZE=1000 BODY=8BITMIME SMTPUTF8
        < 250 2.1.0
        > RSET
        < 250
        > MAIL FROM:<a@client.example> size=1000 body=7bit
        < 250 2.1.0
        > RCPT TO:<support@demo.example> NOTIFY=NEVER
        < 555 5.5.4
        > RSET
        < 250
        > MAIL FROM:<a@client.example> BODY=BINARYMIME
        < 555 5.5.4
        > MAIL FROM:<a@client.example> SIZE=many
        < 555 5.5.4
        > MAIL FROM:<a@client.example> SIZE=99999999999999999999999
        < 555 5.5.4
        > MAIL FROM:<a@client.example> AUTH=<>
        < 555 5.5.4
        > MAIL FROM:<a@client.example> SIZE=
        < 501 5.5.4
        > MAIL FROM:<a@client.example> SIZE=1 SIZE=2
        < 501 5.5.4
        > MAIL FROM:<a@client.example> SIZE=99999999999
        < 552 5.3.4""",
    "other verbs": """
        < 220
        > NOOP
        < 250 2.0.0
        > NOOP whatever
        < 250 2.0.0
        > HELP
        < 214 2.0.0
        > VRFY support@demo.example
        < 252 2.0.0
        > VRFY nobody@demo.example
        < 252 2.0.0
        > EXPN list
        < 502 5.5.1
        > AUTH PLAIN AGEAYg==
        < 502 5.5.1
        > BDAT 10 LAST
        < 502 5.5.1
        > STARTTLS
        < 502 5.5.1
        > XYZZY
        < 500 5.5.1
        > \\x20
        < 500 5.5.2""",
    "NUL, control characters and bytes that are not UTF-8": """
        < 220
        > EHLO client.example
        < 250
        > MAIL FROM:<a\\x00@client.example>
        < 500 5.5.2
        > NOOP\\x00
        < 500 5.5.2
        > MAIL FROM:<a\\x1b@client.example>
        < 501 5.1.7
        > MAIL FROM:<\\xe9t\\xe9@client.example>
        < 500 5.5.2
        > MAIL FROM:<a@client.example>
        < 250 2.1.0""",
    "lines that do not end with CRLF": """
        < 220
        > EHLO client.example\\nMAIL FROM:<a@client.example>
        < 500 5.5.2
        < 503 5.5.1
        > NOOP\\rNOOP
        < 500 5.5.2
        > NOOP\\r\\r\\nNOOP
        < 500 5.5.2
        < 250 2.0.0""",
    "a browser": """
        < 220
        > GET / HTTP/1.1
        < 421 4.7.0
        < EOF""",
}


@pytest.fixture
def house(tmp_path: Path, example_setup: Setup) -> Iterator[OpenDoor]:
    """An open door over SQLite."""
    database = Database(f"sqlite:///{tmp_path}/guichet.db")
    make_schema(database)
    with open_door(database, example_setup) as opened:
        yield opened
    database.dispose()


@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogues(house: OpenDoor, name: str) -> None:
    """Each script is answered line by line as written: code, enhanced code, open or closed."""
    play(house.port, [line.strip() for line in DIALOGUES[name].splitlines() if line.strip()])


def test_what_is_stored_is_what_was_given(house: OpenDoor) -> None:
    """The row holds envelope, door, the client's address and the name it said, and size; the raw mail is byte for byte what was sent; the id is in the 250."""
    with house.client() as client:
        reply = client.begin().deliver(MAIL + b".\r\n")
    (row,) = house.mails()
    assert reply == f"250 2.0.0 Ok: queued as {row.id}"
    assert (row.state, row.door, row.envelope_from, row.envelope_to) == ("new", "smtp", "a@client.example", [US])
    assert (row.peer, row.helo, row.size, row.archive, row.bytes) == ("127.0.0.1", "client.example", len(MAIL), False, MAIL)
    wait_for(lambda: house.told == [row.id])


def test_null_sender_and_several_recipients(house: OpenDoor) -> None:
    """The null sender is stored as '', recipients in the order given, as given, each once."""
    envelope = b"MAIL FROM:<>\r\nRCPT TO:<Help@demo.example>\r\nRCPT TO:<support+x@demo.example>\r\nRCPT TO:<Help@demo.example>\r\n"
    with house.client() as client:
        client.begin().deliver(MAIL + b".\r\n", envelope)
    (row,) = house.mails()
    assert (row.envelope_from, row.envelope_to) == ("", ["Help@demo.example", "support+x@demo.example"])


def test_smtputf8_addresses(house: OpenDoor) -> None:
    """Addresses outside ASCII are taken and stored as sent (RFC 6531)."""
    with house.client() as client:
        client.begin().deliver(MAIL + b".\r\n", "MAIL FROM:<josé@exämple.org> SMTPUTF8\r\nRCPT TO:<support@demo.example>\r\n".encode())
    assert house.mails()[0].envelope_from == "josé@exämple.org"


def test_what_is_offered(house: OpenDoor) -> None:
    """EHLO names the extensions of the issue, no STARTTLS without a certificate and nothing that is not kept (CHUNKING, AUTH, DSN)."""
    with house.client() as client:
        client.reply()
        offers = [line[4:] for line in client.ask(HELLO).splitlines()]
    assert offers == ["mx.demo.example", f"SIZE {45 * 2**20}", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"]


def test_every_reply_has_an_enhanced_code() -> None:
    """ENHANCEDSTATUSCODES is offered, so each 2xx, 4xx and 5xx reply carries a code of its class (RFC 2034); greetings, 334 and 354 have none."""
    for name, reply in REPLIES.items():
        if not reply.startswith("3"):
            code, enhanced = reply.split()[:2]
            assert enhanced.split(".")[0] == code[0] and len(enhanced.split(".")) == 3, name


def test_every_reply_of_the_table_is_said_somewhere() -> None:
    """The table holds no sentence that the door never says."""
    said = "".join(path.read_text() for path in Path(replies.__file__).parent.glob("*.py") if path.name != "replies.py")
    assert [name for name in REPLIES if f'"{name}"' not in said] == []


def test_pipelined_commands_are_answered_together(house: OpenDoor) -> None:
    """A whole mail sent as far as DATA in one piece gets its four replies in order (RFC 2920)."""
    with house.client() as client:
        client.begin().send(ENVELOPE + b"DATA\r\n")
        assert [reply[:3] for reply in client.replies(3)] == ["250", "250", "354"]
        assert client.ask(MAIL + b".\r\n").startswith("250 2.0.0 ")


def test_what_a_pipelining_client_sends_after_the_dot_is_kept(house: OpenDoor) -> None:
    """Two mails and QUIT in one write, content included: two mails are stored, every reply comes, in order."""
    one = ENVELOPE + b"DATA\r\n" + MAIL + b".\r\n"
    with house.client() as client:
        client.begin().send(one + one + b"QUIT\r\n")
        assert [reply[:3] for reply in client.replies(9)] == ["250", "250", "354", "250", "250", "250", "354", "250", "221"]
        assert client.closed()
    assert [row.bytes for row in house.mails()] == [MAIL, MAIL]


def test_a_client_that_only_closes_its_sending_side_is_answered(house: OpenDoor) -> None:
    """`printf … | nc` ends its side after the last command; what it gave is done and answered."""
    with house.client() as client:
        client.send(HELLO + ENVELOPE + b"DATA\r\n" + MAIL + b".\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        assert [reply[:3] for reply in client.replies(6)] == ["220", "250", "250", "250", "354", "250"]
        assert client.closed()
    assert len(house.mails()) == 1


def test_overlong_command(house: OpenDoor) -> None:
    """A command line beyond the limit is refused without being held, and the next one is heard."""
    with house.client() as client:
        client.begin()
        assert client.ask(b"NOOP " + b"x" * (40 * MAX_LINE) + b"\r\n").startswith("500 5.5.2")
        assert client.ask(b"NOOP\r\n").startswith("250")


def test_errors_are_counted(house: OpenDoor) -> None:
    """After a number of errors the client is sent away for now; a directory harvest ends there too."""
    with house.client() as client:
        client.begin().ask(b"MAIL FROM:<a@client.example>\r\n")
        replies = [client.ask(f"RCPT TO:<guess{n}@demo.example>\r\n".encode())[:9] for n in range(MAX_ERRORS)]
        assert replies == ["550 5.1.1"] * (MAX_ERRORS - 1) + ["421 4.7.0"]
        assert client.closed()


def test_a_stored_mail_forgives_errors(house: OpenDoor) -> None:
    """A relay that has much mail for unknown addresses is not sent away while it also brings good mail."""
    with house.client() as client:
        client.begin()
        for _ in range(3):
            client.ask(b"MAIL FROM:<a@client.example>\r\n")
            for n in range(MAX_ERRORS // 2):
                assert client.ask(f"RCPT TO:<guess{n}@demo.example>\r\n".encode()).startswith("550")
            client.ask(b"RSET\r\n")
            assert client.deliver(MAIL + b".\r\n").startswith("250")


def test_a_fault_of_ours_is_451_without_its_words(house: OpenDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception behind the door is a passing fault, and its text stays inside (libraries.md, surprise 3)."""

    def broken(address: str) -> bool:
        raise RuntimeError("db down secret-host")

    monkeypatch.setattr(house.intake, "knows", broken)
    with house.client() as client:
        client.begin().ask(b"MAIL FROM:<a@client.example>\r\n")
        reply = client.ask(b"RCPT TO:<support@demo.example>\r\n")
        assert reply.startswith("451 4.3.0 ") and "secret" not in reply and "Runtime" not in reply
        assert client.ask(b"NOOP\r\n").startswith("250")


def test_smtplib_reads_us_as_a_good_server(house: OpenDoor) -> None:
    """Python's own client finds SIZE and the extensions, and learns about each refused recipient."""
    with smtplib.SMTP("127.0.0.1", house.port, timeout=20) as client:
        refused = client.sendmail("a@client.example", [US, "nobody@demo.example"], MAIL)
        assert client.has_extn("pipelining") and client.esmtp_features["size"] == str(45 * 2**20)
    assert list(refused) == ["nobody@demo.example"] and refused["nobody@demo.example"][0] == 550
    assert house.mails()[0].envelope_to == [US]


# ---------------------------------------------------------------- TLS


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subprocess.run([*command, "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def tls_house(tmp_path: Path, example_setup: Setup) -> Iterator[OpenDoor]:
    """A door with a certificate."""
    certificate, key = make_certificate(tmp_path, "mx.demo.example")
    database = Database(f"sqlite:///{tmp_path}/guichet.db")
    make_schema(database)
    with open_door(database, example_setup, SmtpOptions(port=0, hostname="mx.demo.example", tls_certificate=certificate, tls_key=key)) as opened:
        yield opened
    database.dispose()


def no_check() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_starttls(tls_house: OpenDoor) -> None:
    """With a certificate STARTTLS is offered; a mail of several blocks comes through it whole; inside it is not offered again."""
    big = MAIL + b"x" * 76 * 20_000 + b"\r\n"
    with smtplib.SMTP("127.0.0.1", tls_house.port, timeout=20) as client:
        client.starttls(context=no_check())
        client.ehlo("client.example")
        assert not client.has_extn("starttls")
        assert client.docmd("STARTTLS")[0] == 503
        client.sendmail("a@client.example", [US], big)
    assert tls_house.mails()[0].bytes == big


def test_starttls_forgets_what_was_said_before(tls_house: OpenDoor) -> None:
    """After the handshake the client is a stranger: EHLO comes first, the sender is gone (RFC 3207 section 4.2)."""
    with smtplib.SMTP("127.0.0.1", tls_house.port, timeout=20) as client:
        client.ehlo("client.example")
        client.docmd("MAIL", "FROM:<a@client.example>")
        client.starttls(context=no_check())
        assert client.docmd("MAIL", "FROM:<a@client.example>")[0] == 503


def test_a_command_in_the_same_packet_as_the_end_of_the_handshake_is_heard(tls_house: OpenDoor) -> None:
    """TLS 1.3 lets a client send its EHLO together with its Finished, as Postfix does under load; it is not taken for one from before TLS."""
    with tls_house.client() as client:
        client.begin()
        client.ask(b"STARTTLS\r\n")
        received, to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = no_check().wrap_bio(received, to_send)
        finished = False
        while not finished:
            try:
                tls.do_handshake()
                finished = True
            except ssl.SSLWantReadError:
                client.send(to_send.read())
                received.write(client.socket.recv(65536))
        tls.write(HELLO + b"NOOP\r\n")
        client.send(to_send.read())
        heard = b""
        while not heard.endswith(b"250 2.0.0 Here\r\n"):
            try:
                heard += tls.read(65536)
            except ssl.SSLWantReadError:
                received.write(client.socket.recv(65536))
    assert heard.startswith(b"250-mx.demo.example")


def test_nothing_is_smuggled_into_tls(tls_house: OpenDoor) -> None:
    """Commands that were sent in clear behind STARTTLS are not obeyed inside TLS: the handshake is refused (CVE-2011-0411)."""
    with tls_house.client() as client:
        client.begin()
        assert client.ask(b"STARTTLS\r\nNOOP\r\n").startswith("503 5.5.1")
        assert client.ask(b"NOOP\r\n").startswith("250")


def test_a_failed_handshake_leaves_nothing(tls_house: OpenDoor) -> None:
    """Garbage instead of a handshake ends that connection, and the door's counts are right again."""
    with tls_house.client() as client:
        client.begin()
        client.ask(b"STARTTLS\r\n")
        client.send(b"this is not TLS\r\n" * 10)
        while client.socket.recv(4096):
            pass
    with tls_house.client() as client:
        client.begin()
        assert tls_house.door.connections == 1


def test_a_renewed_certificate_is_used_without_a_restart(tls_house: OpenDoor, tmp_path: Path) -> None:
    """The next connection after the files have changed sees the new certificate; half-written files change nothing."""

    def subject() -> bytes:
        with smtplib.SMTP("127.0.0.1", tls_house.port, timeout=20) as client:
            client.starttls(context=no_check())
            return client.sock.getpeercert(binary_form=True) or b""  # type: ignore[union-attr]

    options = tls_house.door.options
    assert options.tls_certificate is not None and options.tls_key is not None
    before = subject()
    options.tls_certificate.write_text("half a file")
    assert subject() == before
    certificate, key = make_certificate(tmp_path, "renewed.demo.example")
    key.rename(options.tls_key)
    certificate.rename(options.tls_certificate)
    assert b"renewed.demo.example" in subject()


def test_a_port_in_use_and_a_missing_certificate_are_errors_at_start(house: OpenDoor, tmp_path: Path) -> None:
    """Both raise OSError at once, in the caller's thread, so that a start can end with one sentence."""
    with pytest.raises(OSError, match="in use"):
        SmtpDoor(house.intake, SmtpOptions(port=house.port)).start()
    with pytest.raises(FileNotFoundError):
        SmtpDoor(house.intake, SmtpOptions(port=0, tls_certificate=tmp_path / "absent.pem"))
