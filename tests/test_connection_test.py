"""The connection test of a connector against real servers: what works, what is refused and why, and that no secret is in what it shows."""

from __future__ import annotations

import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.delivery import Meaning
from core.setup import Connector, Setup
from gateway import connection_test
from gateway.connecting.network import at_most
from gateway.connecting.protocol import HIDDEN, MAX_LINES, Protocol
from gateway.connecting.report import Report
from gateway.connecting.surroundings import Door, Surroundings
from gateway.inbound.intake import Intake
from gateway.inbound.lmtp import LmtpDoor
from gateway.oauth.trouble import TokenTrouble
from gateway.store.engine import Database
from tests.conftest import missing
from tests.dovecot import PASSWORD, TOKEN, Dovecot, missing_reason
from tests.inbound.doors import open_door
from tests.outbound import certificates
from tests.outbound.peer import Peer

USER = "support"
ENVIRON = {"PW": PASSWORD, "WRONG": "wrong \"horse\" battery"}


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    """One mailbox with a folder and a mail in it."""
    if reason := missing_reason():
        missing(reason)
    with Dovecot() as made:
        made.deliver(USER, b"From: a@b.example\r\n\r\nHello\r\n")
        made.deliver(USER, b"From: a@b.example\r\n\r\nHello\r\n", folder="Erledigt")
        yield made


def given_token(connector: Connector, way: str) -> str:
    return TOKEN


def around(environ: dict[str, str] = ENVIRON, token: Callable[[Connector, str], str] = given_token, **more: Any) -> Surroundings:
    return Surroundings(**{"folder": Path("/nowhere"), "environ": environ, "hostname": "desk.example", "token": token, "doors": {}, "patience": 5.0, **more})


def imap(port: int, **incoming: Any) -> Connector:
    given = {"kind": "imap", "host": "127.0.0.1", "port": port, "security": "none", "user": USER, "password_env": "PW"}
    return Connector("c", "support", "support@desk.example", incoming={**given, **incoming})


def pop3(port: int, **incoming: Any) -> Connector:
    return imap(port, kind="pop3", **incoming)


def sender(port: int, **outgoing: Any) -> Connector:
    return Connector("c", "support", "support@desk.example", outgoing={"kind": "smtp", "host": "127.0.0.1", "port": port, "security": "none", **outgoing})


def names(report: Report) -> list[str]:
    return [step.name for step in report.steps]


def only_failure(report: Report) -> tuple[str, str]:
    """Step and sentence of the one step that failed, which is the last."""
    (failed,) = report.failed
    assert report.steps[-1] is failed and not report.fine
    return failed.name, failed.sentence


def shows_no_secret(report: Report, *secrets: str) -> bool:
    """Whether none of the secrets is anywhere in the report, plain or in base64, alone or behind a user name."""
    shown = "\n".join((*report.log, *(step.sentence for step in report.steps)))
    forms = [form for one in secrets for form in (one, b64(one), b64(f"\0{USER}\0{one}"), b64(f"user={USER}\1auth=Bearer {one}\1\1"), one.replace('"', '\\"'))]
    return not any(form in shown for form in forms)


def b64(text: str) -> str:
    return b64encode(text.encode()).decode()


# ---------------------------------------------------------------- IMAP and POP3


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
@pytest.mark.parametrize("kind", [imap, pop3])
def test_a_mailbox_that_works(dovecot: Dovecot, kind: Callable[..., Connector], security: str) -> None:
    """Every way to log in is tried step by step, and the log shows the conversation without the password, in whatever form it travelled."""
    port: int = getattr(dovecot, ("imap" if kind is imap else "pop3") + ("s" if security == "tls" else ""))
    report = connection_test.test_incoming(kind(port, security=security, ca_file=str(dovecot.ca_file)), around())
    assert report.fine, report.failed
    assert [name for name in names(report) if name in ("connection", "encryption", "log-in")] == ["connection", *(["encryption"] if security != "none" else []), "log-in"]
    assert any(HIDDEN in line for line in report.log) and any(line.startswith("S: ") for line in report.log)
    assert shows_no_secret(report, PASSWORD)


@pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
@pytest.mark.parametrize("kind", [imap, pop3])
def test_a_mailbox_with_tokens(dovecot: Dovecot, kind: Callable[..., Connector], auth: str) -> None:
    """OAuth2: getting the token is a step of its own, the log-in the next; the token is nowhere in the report."""
    port = dovecot.imap if kind is imap else dovecot.pop3
    report = connection_test.test_incoming(kind(port, auth=auth), around())
    assert report.fine, report.failed
    assert names(report)[0] == "access token" and "log-in" in names(report) and shows_no_secret(report, TOKEN)
    refused = connection_test.test_incoming(kind(port, auth=auth), around(token=lambda connector, way: "ya29.bad-token"))
    assert only_failure(refused)[0] == "log-in" and shows_no_secret(refused, "ya29.bad-token")

    def no_token(connector: Connector, way: str) -> str:
        raise TokenTrouble(Meaning.LOGIN_REFUSED, "Run: guichet connector consent support")

    assert only_failure(connection_test.test_incoming(kind(port, auth=auth), around(token=no_token))) == ("access token", "Run: guichet connector consent support")


def test_folders_are_looked_at_and_nothing_is_changed(dovecot: Dovecot) -> None:
    """Every folder to fetch from and the one to move to: those that are there with their number of mails, those that are not with what to do."""
    before = dovecot.flags(USER)
    wanted = imap(dovecot.imap, folders=["INBOX", "Absent é"], spam_folders=["Junk"], after="move", move_to="Erledigt")
    report = connection_test.test_incoming(wanted, around())
    steps = {step.name: step for step in report.steps}
    assert (steps["folder INBOX"].sentence, steps["folder Erledigt"].sentence) == ("is there, with 1 messages", "is there")
    assert [step.name for step in report.failed] == ["folder Absent é", "folder Junk"]
    assert "name another one with folders" in steps["folder Absent é"].sentence and "spam_folders" in steps["folder Junk"].sentence
    assert dovecot.flags(USER) == before


@pytest.mark.parametrize("kind", [imap, pop3])
def test_what_is_refused_says_what_to_do(dovecot: Dovecot, kind: Callable[..., Connector], tmp_path: Path) -> None:
    """Each failure is one step with a sentence about the key to look at."""
    clear, tls = (dovecot.imap, dovecot.imaps) if kind is imap else (dovecot.pop3, dovecot.pop3s)

    def tried(port: int, **incoming: Any) -> tuple[str, str]:
        report = connection_test.test_incoming(kind(port, **incoming), around(patience=10.0))
        assert shows_no_secret(report, PASSWORD, ENVIRON["WRONG"])
        return only_failure(report)

    step, said = tried(clear, password_env="WRONG")
    assert step == "log-in" and "refuses" in said and "Look at user" in said
    step, said = tried(tls, security="tls")
    assert step == "encryption" and "ca_file" in said
    step, said = tried(clear, security="tls", ca_file=str(dovecot.ca_file))
    assert step in ("encryption", "connection") and "security" in said
    step, said = tried(clear, password_env="UNSET")
    assert step == "settings" and "UNSET" in said
    step, said = tried(clear, host="mail.desk.example")
    assert step == "settings" and "unencrypted" in said
    step, said = tried(tls, security="tls", ca_file=str(tmp_path / "absent"))
    assert step == "settings" and "ca_file" in said
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        step, said = tried(closed.getsockname()[1])
    assert step == "connection" and "Nothing listens" in said


def serving(*lines: bytes) -> int:
    """A server that greets each client with these bytes and then repeats them to whatever it hears."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as client:
            try:
                for line in lines:
                    client.sendall(line)
                while client.recv(4096):
                    client.sendall(lines[-1])
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


@pytest.mark.parametrize("kind", [imap, pop3])
@pytest.mark.parametrize("greeting", [b"220 this is SMTP\r\n", b"\x00\xff" * 1000, b"* OK {2000000000}\r\n", b"+OK \xe9\x1b[31m\r\n", b"* OK hello\r\n"])
def test_a_server_that_talks_nonsense_is_a_failed_step(kind: Callable[..., Connector], greeting: bytes) -> None:
    """Whatever comes back, the test ends in time, with a sentence, and with a log that is printable."""
    report = connection_test.test_incoming(kind(serving(greeting)), around(patience=0.5, limit=2.0))
    assert len(report.failed) == 1 and report.failed[0].sentence
    assert all(line.isprintable() for line in report.log)


def test_a_server_that_is_silent_or_drips_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """No greeting: patience ends it. A byte now and then: the limit of the whole test does."""
    silent = socket.create_server(("127.0.0.1", 0))
    report = connection_test.test_incoming(imap(silent.getsockname()[1]), around(patience=0.3))
    assert only_failure(report)[0] == "connection" and "does not answer in time" in report.failed[0].sentence
    silent.close()
    rung = threading.Event()
    with at_most(0.05, rung.set):
        assert rung.wait(5)


# ---------------------------------------------------------------- SMTP out


def test_a_way_out_that_works() -> None:
    """Connection, greeting and log-in as a delivery would do them, and the password is not in the log."""
    with Peer({"EHLO": "250-peer\r\n250 AUTH PLAIN", "AUTH": "235 2.7.0 welcome"}) as peer:
        report = connection_test.test_outgoing(sender(peer.port, user=USER, password_env="PW"), around())
    assert report.fine and names(report) == ["connection", "greeting", "log-in", "offers"]
    assert f"C: AUTH PLAIN {HIDDEN}" in report.log and shows_no_secret(report, PASSWORD)
    with Peer({"EHLO": "250-peer\r\n250 AUTH LOGIN", "AUTH": "334 VXNlcm5hbWU6"}) as peer:
        report = connection_test.test_outgoing(sender(peer.port, user=USER, password_env="PW"), around(patience=0.5))
    assert shows_no_secret(report, PASSWORD) and f"C: {HIDDEN}" in report.log


@pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
def test_a_way_out_with_tokens(auth: str) -> None:
    """Getting the token is the first step, and it is in no line of the log."""
    with Peer({"EHLO": "250-peer\r\n250 AUTH XOAUTH2 OAUTHBEARER", "AUTH": "235 2.7.0 welcome"}) as peer:
        report = connection_test.test_outgoing(sender(peer.port, user=USER, auth=auth), around())
    assert report.fine and names(report) == ["access token", "connection", "greeting", "log-in", "offers"]
    assert f"C: AUTH {auth.upper()} {HIDDEN}" in report.log and shows_no_secret(report, TOKEN)
    with Peer({"EHLO": "250-peer\r\n250 AUTH XOAUTH2 OAUTHBEARER", "AUTH": ["334 eyJ9", "535 5.7.3 no"]}) as peer:
        report = connection_test.test_outgoing(sender(peer.port, user=USER, auth=auth), around())
    assert only_failure(report)[0] == "log-in" and shows_no_secret(report, TOKEN)


def test_a_server_that_repeats_the_password_does_not_bring_it_into_the_log() -> None:
    """Hidden by value as well as by place."""
    with Peer({"EHLO": "250-peer\r\n250 AUTH PLAIN", "AUTH": f"535 5.7.8 no {PASSWORD} {b64(PASSWORD)} " + b64(f"\0{USER}\0{PASSWORD}")}) as peer:
        report = connection_test.test_outgoing(sender(peer.port, user=USER, password_env="PW"), around())
    step, said = only_failure(report)
    assert step == "log-in" and "5.7.8" in said and HIDDEN in said and shows_no_secret(report, PASSWORD)


@pytest.mark.parametrize(
    ("script", "outgoing", "step", "said"),
    [
        ({"BANNER": "554 5.7.1 go away"}, {}, "connection", "Look at host and port"),
        ({"EHLO": "550 5.7.1 who are you", "HELO": "550 no"}, {}, "greeting", "outbound.hostname"),
        ({}, {"security": "starttls"}, "encryption", "does not offer STARTTLS"),
        ({"EHLO": "250-peer\r\n250 AUTH PLAIN", "AUTH": "535 5.7.8 no"}, {"user": USER, "password_env": "WRONG"}, "log-in", "Look at user"),
        ({}, {"user": USER, "password_env": "UNSET"}, "settings", "UNSET"),
        ({}, {"user": USER, "password_env": "PW"}, "settings", "offers no log-in"),
    ],
)
def test_a_way_out_that_is_refused(script: dict[str, Any], outgoing: dict[str, Any], step: str, said: str) -> None:
    """Each stage of a dialogue that can go wrong is a step that says what to do; the steps before it are shown to be fine."""
    with Peer(script) as peer:
        report = connection_test.test_outgoing(sender(peer.port, **outgoing), around())
    assert only_failure(report)[0] == step and said in report.failed[0].sentence
    assert all(done.ok for done in report.steps[:-1])


def test_a_certificate_nobody_trusts() -> None:
    """TLS that cannot be believed fails its own step, and names ca_file; with the authority named it is fine."""
    authority, context = certificates.made()
    with Peer(tls=context, implicit_tls=True) as peer:
        assert "ca_file" in only_failure(connection_test.test_outgoing(sender(peer.port, security="tls"), around()))[1]
        report = connection_test.test_outgoing(sender(peer.port, security="tls", ca_file=str(authority)), around())
        assert report.fine and said_of(report, "encryption") == "TLS, and the certificate is trusted, for 28 more days"


def test_what_a_server_offers() -> None:
    """DSN, PIPELINING, SIZE and log-ins as it says them, and the rate that is set; nothing it invents gets into the sentence."""
    ehlo = "250-peer\r\n250-SIZE 52428800\r\n250-PIPELINING\r\n250-DSN\r\n250-AUTH PLAIN LOGIN \x1b[31m\r\n250 X-EVIL yes"
    with Peer({"EHLO": ehlo}) as peer:
        report = connection_test.test_outgoing(sender(peer.port, rate=30, rate_per="PT10M"), around())
        assert said_of(report, "offers") == "mails up to 52,428,800 bytes; offers PIPELINING, DSN; log-ins PLAIN, LOGIN; we send at most 30 within PT10M"
    with Peer({"EHLO": "250 peer"}) as peer:
        said = said_of(connection_test.test_outgoing(sender(peer.port), around()), "offers")
    assert said.startswith("mails of any size, as far as it says; no PIPELINING and no DSN; no log-in; so nobody reports a delay to us")
    assert said.endswith("we send as fast as it takes")


def said_of(report: Report, name: str) -> str:
    (step,) = [step for step in report.steps if step.name == name]
    return step.sentence


# ---------------------------------------------------------------- doors and folders of ours


def test_our_own_door(tmp_path: Path, database: Database, example_setup: Setup) -> None:
    """A connector that is delivered to: the door answers, nobody answers, or somebody else does."""
    lmtp = Connector("c", "support", "support@demo.example", incoming={"kind": "lmtp"})
    with open_door(database, example_setup, kind=LmtpDoor, intake=Intake) as house:
        served = around(doors={"lmtp": Door("lmtp", "0.0.0.0", house.port)})
        assert connection_test.test_incoming(lmtp, served).fine
        smtp = Connector("c", "support", "support@demo.example", incoming={"kind": "smtp"})
        other = connection_test.test_incoming(smtp, around(doors={"smtp": Door("smtp", "127.0.0.1", house.port)}))
        assert "answers something else" in only_failure(other)[1]
    step, said = only_failure(connection_test.test_incoming(lmtp, served))
    assert step == "door" and "guichet serve" in said
    by_socket = around(doors={"lmtp": Door("lmtp", socket=tmp_path / "absent.sock")})
    assert "guichet serve" in only_failure(connection_test.test_incoming(lmtp, by_socket))[1]


def test_maildirs(tmp_path: Path) -> None:
    """In: three folders that can be read and written. Out: a folder that can be made."""
    incoming = Connector("c", "support", "s@demo.example", incoming={"kind": "maildir", "path": "in"}, outgoing={"kind": "maildir", "path": "out"})
    here = around(folder=tmp_path)
    assert "new and cur and tmp are missing" in only_failure(connection_test.test_incoming(incoming, here))[1]
    for part in ("new", "cur", "tmp"):
        (tmp_path / "in" / part).mkdir(parents=True)
    (tmp_path / "in" / "new" / "1.a.b").write_bytes(b"x")
    report = connection_test.test_incoming(incoming, here)
    assert report.fine and "1 mails are new" in report.steps[0].sentence
    assert connection_test.test_outgoing(incoming, here).fine
    (tmp_path / "out").write_text("a file")
    assert only_failure(connection_test.test_outgoing(incoming, here))[0] == "maildir"


def test_a_kind_that_nobody_knows() -> None:
    """A desk file of another version does not break the test."""
    assert only_failure(connection_test.test_incoming(Connector("c", "x", "x@y.example", incoming={"kind": "pigeon"}), around()))[0] == "settings"


# ---------------------------------------------------------------- the log


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"a1 LOGIN support \"correct horse\"\r\n", f"C: a1 LOGIN support {HIDDEN}"),
        (b"a1 AUTHENTICATE PLAIN AGFiYw==\r\n", f"C: a1 AUTHENTICATE PLAIN {HIDDEN}"),
        (b"a1 AUTHENTICATE PLAIN\r\n", "C: a1 AUTHENTICATE PLAIN"),
        (b"AUTH XOAUTH2 AGFiYw==\r\n", f"C: AUTH XOAUTH2 {HIDDEN}"),
        (b"auth login\r\n", "C: auth login"),
        (b"PASS correct horse\r\n", f"C: PASS {HIDDEN}"),
        (b"USER support\r\n", "C: USER support"),
        (b"a2 SELECT INBOX\r\n", "C: a2 SELECT INBOX"),
    ],
)
def test_a_log_in_is_hidden_by_place(said: bytes, shown: str) -> None:
    """Without knowing a secret: what follows the name of a mechanism, PASS or LOGIN is not shown."""
    protocol = Protocol()
    protocol.client(said)
    assert protocol.lines == [shown]


@pytest.mark.parametrize("asks", [b"+ \r\n", b"+\r\n", b"+ VXNlcm5hbWU6\r\n", b"334 VXNlcm5hbWU6\r\n", b"334\r\n"])
def test_what_answers_a_challenge_is_hidden(asks: bytes) -> None:
    """The part of a log-in that the server asks for is not shown, the next command is."""
    protocol = Protocol()
    protocol.server(asks)
    protocol.client(b"c2VjcmV0\r\n")
    protocol.client(b"QUIT\r\n")
    assert protocol.lines[1:] == [f"C: {HIDDEN}", "C: QUIT"]


def test_a_log_has_an_end_and_is_printable() -> None:
    """Long lines are cut, too many are left out, and nothing in it can steer a terminal."""
    protocol = Protocol()
    for _ in range(MAX_LINES + 10):
        protocol.server(b"x" * 1000 + b"\x1b[31m\xff\r\n")
    assert len(protocol.lines) == MAX_LINES + 1 and all(line.isprintable() and len(line) < 500 for line in protocol.lines)
