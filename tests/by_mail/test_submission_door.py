"""The submission door's manners: TLS and a log-in before everything, who may write from where, limits; what becomes of a mail is tested beside this."""

from __future__ import annotations

import logging
import smtplib
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from argon2 import PasswordHasher

from core.setup import Setup
from gateway.bootstrap import open_house
from gateway.clock import SystemClock, new_secret
from gateway.inbound import submission
from gateway.inbound.intake import Intake
from gateway.inbound.log_ins import LogIns, Tries
from gateway.inbound.smtp import SmtpOptions
from gateway.inbound.submission import MOST_FAILURES, SubmissionDoor, authors
from gateway.serve import Service
from gateway.store import app_passwords, passwords
from gateway.store.app_passwords import AppPassword, fingerprint, written
from gateway.store.engine import Database
from gateway.store.passwords import hashed, set_password
from gateway.store.setups import Setups
from tests.conftest import free_port, make_schema
from tests.houses import make_house, settings_for, url_of
from tests.inbound.doors import FAKE_ENDS, SMUGGLED, Client, OpenDoor, play
from tests.inbound.test_smtp_dialogue import make_certificate, no_check

ANN, BOB, ROOT, CARL, SUPPORT = "ann@demo.example", "bob@demo.example", "root@demo.example", "carl@acme.example", "support@demo.example"
SECRET = "correct horse battery"
TLS_FIRST = """
    < 220 mx.demo.example ESMTP
    > MAIL FROM:<support@demo.example>
    < 530 5.7.0 TLS comes first
    > AUTH PLAIN AGEAYg==
    < 538 5.7.11
    > EHLO client.example
    < 250 STARTTLS
    > AUTH PLAIN AGEAYg==
    < 538 5.7.11
    > MAIL FROM:<support@demo.example>
    < 530 5.7.0 TLS comes first
    > RCPT TO:<carl@acme.example>
    < 530 5.7.0
    > DATA
    < 530 5.7.0
    > QUIT
    < 221
    < EOF"""


def plain(name: str, password: str, acting_as: str = "") -> bytes:
    return b64encode(f"{acting_as}\0{name}\0{password}".encode())


def a_mail(from_: str = f"Ann <{SUPPORT}>", to: str = CARL, text: str = "Here you are.") -> bytes:
    return f"From: {from_}\r\nTo: {to}\r\nSubject: Printer\r\nMessage-ID: <1@ann.example>\r\n\r\n{text}\r\n".encode()


class Office:
    """A door with TLS over one database with users who have passwords."""

    def __init__(self, folder: Path, setup: Setup) -> None:
        self.database = Database(f"sqlite:///{folder}/guichet.db")
        make_schema(self.database)
        self.clock = SystemClock()
        self.setup = setup
        self.certificate, self.key = make_certificate(folder, "mx.demo.example")
        secret = hashed(SECRET)
        with self.database.durable() as connection:
            Setups(self.clock).save(connection, setup, "test", self.clock.now())
            for one in (ANN, BOB, ROOT):
                set_password(connection, one, secret, "test", self.clock.now())

    @contextmanager
    def opened(self, *, hostname: str = "mx.demo.example", **more: Any) -> Iterator[OpenDoor]:
        options = {name: more.pop(name) for name in tuple(more) if name in SmtpOptions.__dataclass_fields__}
        intake = Intake(self.database, self.clock, lambda: self.setup)
        made = SmtpOptions(port=0, hostname=hostname, **{"tls_certificate": self.certificate, "tls_key": self.key, **options})
        door = SubmissionDoor(intake, made, LogIns(self.database, self.clock), lambda: self.setup, **more)
        door.start()
        try:
            yield OpenDoor(door, intake, self.database)
        finally:
            door.stop(5)
            intake.close()

    def app_password(self, email: str = ANN) -> str:
        password = written(new_secret())
        with self.database.durable() as connection:
            app_passwords.add(connection, AppPassword(self.clock.new_id(), email, "phone", self.clock.now()), password, by=email)
        return password


@pytest.fixture(scope="module", autouse=True)
def _quick_hashes() -> Iterator[None]:
    """Argon2 as it is, at a fraction of its cost: nothing here is about how slow it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=64))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("submission")


@pytest.fixture
def office(tmp_path: Path, example_setup: Setup) -> Iterator[Office]:
    """Users with passwords, and a certificate."""
    made = Office(tmp_path, example_setup)
    yield made
    made.database.dispose()


@pytest.fixture
def door(office: Office) -> Iterator[OpenDoor]:
    """Its door, open."""
    with office.opened() as opened:
        yield opened


def client_of(door: OpenDoor | int) -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", door if isinstance(door, int) else door.port, local_hostname="laptop.example", timeout=20)
    client.starttls(context=no_check())
    client.ehlo()
    return client


def logged_in(door: OpenDoor | int, name: str = ANN, password: str = SECRET) -> smtplib.SMTP:
    client = client_of(door)
    client.login(name, password)
    return client


def asked(client: smtplib.SMTP, *said: str) -> list[str]:
    """Each line's answer as `code enhanced`."""
    return [f"{code} {words.decode()}"[:9].strip() for code, words in (client.docmd(one) for one in said)]


# ---------------------------------------------------------------- before the log-in


def test_nothing_without_tls(door: OpenDoor) -> None:
    """RFC 6409 section 4: before TLS neither a log-in nor a mail is possible; AUTH is not even offered."""
    play(door.port, [line.strip() for line in TLS_FIRST.strip().splitlines()])
    with door.client() as client:
        assert client.reply() and "AUTH" not in client.ask(b"EHLO x\r\n")


def test_nothing_without_log_in(door: OpenDoor) -> None:
    """Inside TLS the extensions are those of the brief and AUTH; MAIL, RCPT and DATA still wait for a log-in."""
    with client_of(door) as client:
        assert client.esmtp_features.keys() == {"size", "8bitmime", "smtputf8", "pipelining", "enhancedstatuscodes", "auth"}
        assert client.esmtp_features["auth"].split() == ["PLAIN", "LOGIN"]
        assert asked(client, f"MAIL FROM:<{SUPPORT}>", f"RCPT TO:<{CARL}>", "DATA") == ["530 5.7.0"] * 3
    assert door.mails() == []


def test_without_a_certificate_nobody_logs_in(office: Office) -> None:
    """A door without TLS says 538 to every log-in."""
    with office.opened(tls_certificate=None, tls_key=None) as opened, opened.client() as client:
        assert "STARTTLS" not in client.ask(b"EHLO x\r\n") + client.reply()
        assert client.ask(b"AUTH PLAIN " + plain(ANN, SECRET) + b"\r\n").startswith("538 5.7.11")


def test_the_dialogue_of_a_log_in(door: OpenDoor) -> None:
    """RFC 4954: both mechanisms with and without their first words, cancelled, malformed, unknown, twice, within a mail; acting for another is refused."""
    for login in (
        [f"AUTH PLAIN {plain(ANN, SECRET).decode()}"],
        [f"auth plain {plain(ANN.upper(), SECRET, ANN.upper()).decode()}"],
        ["AUTH PLAIN", plain(ANN, SECRET).decode()],
        ["AUTH LOGIN", b64encode(ANN.encode()).decode(), b64encode(SECRET.encode()).decode()],
        [f"AUTH LOGIN {b64encode(ANN.encode()).decode()}", b64encode(SECRET.encode()).decode()],
    ):
        with client_of(door) as client:
            said = asked(client, *login)
            assert [one[:3] for one in said[:-1]] == ["334"] * (len(login) - 1) and said[-1] == "235 2.7.0", login
            assert asked(client, "AUTH PLAIN AGEAYg==") == ["503 5.5.1"]
    with client_of(door) as client:
        assert asked(client, "AUTH", "AUTH CRAM-MD5", "AUTH PLAIN !!!", "AUTH LOGIN =") == ["504 5.5.4", "504 5.5.4", "501 5.5.2", "334 UGFzc"]
        assert asked(client, "*") == ["501 5.7.0"]
        assert asked(client, f"AUTH PLAIN {plain(ANN, SECRET, BOB).decode()}", f"AUTH PLAIN {b64encode(b'just one').decode()}") == ["535 5.7.8"] * 2
        assert asked(client, f"AUTH PLAIN {plain(ANN, SECRET).decode()}") == ["235 2.7.0"]


def test_tls_from_the_first_byte(office: Office) -> None:
    """`implicit_tls`: port 465; somebody who speaks plainly is not listened to."""
    with office.opened(implicit_tls=True) as opened:
        with smtplib.SMTP_SSL("127.0.0.1", opened.port, context=no_check(), timeout=20) as client:
            client.login(ANN, SECRET)
            client.sendmail(SUPPORT, [CARL], a_mail())
        with Client(opened.port) as client_in_clear:
            client_in_clear.send(b"EHLO x\r\n")
            assert not client_in_clear.reply().startswith(("220", "250"))
        assert [row.submitted_by for row in opened.mails()] == [ANN]


# ---------------------------------------------------------------- who gets in


def test_who_gets_in(office: Office, door: OpenDoor) -> None:
    """A person's password or an app password, as it is typed; nobody else's, no empty one, no user who left, and an app password only until it is revoked."""
    app = office.app_password()
    for password in (SECRET, app, app.upper().replace("-", " ")):
        logged_in(door, ANN, password).close()
    for name, password in ((ANN, ""), (ANN, "wrong"), ("nobody@demo.example", SECRET), (BOB, app), ("", ""), (ANN, SECRET + "\x00")):
        with client_of(door) as client, pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            client.auth("PLAIN", lambda challenge=None, name=name, password=password: f"\0{name}\0{password}")
        assert refused.value.smtp_code == 535, (name, password)
    with logged_in(door, ANN, app) as client:
        with office.database.durable() as connection:
            (gone,) = app_passwords.revoke(connection, ANN, "phone", office.clock.now(), by=ROOT)
            assert gone.used_at is not None
        with pytest.raises(smtplib.SMTPDataError) as over:
            client.sendmail(SUPPORT, [CARL], a_mail())
        assert over.value.smtp_code == 530 and asked(client, f"MAIL FROM:<{SUPPORT}>") == ["530 5.7.0"]
    with logged_in(door, BOB) as client:
        office.setup = replace(office.setup, users=tuple(one for one in office.setup.users if one.email != BOB))
        assert asked(client, f"MAIL FROM:<{SUPPORT}>") == ["530 5.7.0"]
    with client_of(door) as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login(BOB, SECRET)


def test_another_password_ends_what_was_logged_in(office: Office, door: OpenDoor) -> None:
    """Who got in with the old password hands nothing in after it was changed."""
    with logged_in(door) as client:
        with office.database.durable() as connection:
            set_password(connection, ANN, hashed("quite another one"), ROOT, office.clock.now())
        with pytest.raises(smtplib.SMTPDataError):
            client.sendmail(SUPPORT, [CARL], a_mail())
    assert door.mails() == []


def test_who_leaves_loses_them_for_good(office: Office) -> None:
    """An app password ends with its user; who comes back makes a new one."""
    password, setups, now = office.app_password(), Setups(office.clock), office.clock.now()
    assert LogIns(office.database, office.clock).check(ANN, password) is not None
    left = replace(office.setup, users=tuple(one for one in office.setup.users if one.email != ANN))
    for setup in (left, office.setup):
        with office.database.durable() as connection:
            setups.save(connection, setup, ROOT, now)
    assert LogIns(office.database, office.clock).check(ANN, password) is None
    with office.database.read() as connection:
        assert [one.revoked_at for one in app_passwords.listed(connection, ANN)] == [now]
    assert LogIns(office.database, office.clock).check(ANN, office.app_password()) is not None


def test_a_use_is_noted_once_an_hour(office: Office) -> None:
    """When an app password was used last can be seen, to the hour."""
    log_ins, password = LogIns(office.database, office.clock), office.app_password()
    assert log_ins.check(ANN, password)
    with office.database.read() as connection:
        (first,) = app_passwords.listed(connection, ANN)
    assert first.used_at is not None and log_ins.check(ANN, password)
    with office.database.read() as connection:
        assert app_passwords.listed(connection, ANN) == [first]


def test_failed_log_ins_are_limited(office: Office) -> None:
    """After three failures the connection ends; after as many as are allowed a minute the client, and the name from elsewhere, is told 454 without a look."""
    with office.opened(log_ins_per_minute=MOST_FAILURES + 1) as opened:
        with client_of(opened) as client:
            wrong = f"AUTH PLAIN {plain(ANN, 'wrong').decode()}"
            assert asked(client, *[wrong] * MOST_FAILURES) == ["535 5.7.8"] * (MOST_FAILURES - 1) + ["421 4.7.0"]
        with client_of(opened) as client:
            assert asked(client, wrong, wrong) == ["535 5.7.8", "454 4.7.0"]
            assert asked(client, f"AUTH PLAIN {plain(ANN, SECRET).decode()}") == ["454 4.7.0"], "not even the right one"


def test_how_failures_are_counted() -> None:
    """By client and by name; what succeeded does not count, and a client that got in under a name is not kept out by others who try it."""
    tries = Tries(2)
    assert tries.begin("192.0.2.1", ANN, 0.0)
    tries.succeeded("192.0.2.1", ANN)
    assert [tries.begin("198.51.100.9", ANN, 0.0) for _ in range(3)] == [True, True, False]
    assert [tries.begin("198.51.100.10", name, 0.0) for name in (ANN, BOB)] == [False, True], "the name from anywhere, the client with another name"
    assert [tries.begin("192.0.2.1", ANN, 0.0) for _ in range(3)] == [True, True, False], "its own failures count"
    assert tries.begin("198.51.100.9", ANN, 61.0)


def test_the_log_never_holds_a_password(door: OpenDoor, caplog: pytest.LogCaptureFixture) -> None:
    """Neither one that fails nor one that is said in the wrong place, as a command or before TLS."""
    caplog.set_level(logging.DEBUG)
    with door.client() as client:
        client.begin()
        client.ask(b"AUTH PLAIN " + plain(ANN, SECRET) + b"\r\n")
        client.ask(plain(ANN, SECRET) + b"\r\n")
    with client_of(door) as inside:
        asked(inside, f"AUTH XOAUTH2 {plain(ANN, SECRET).decode()}", f"AUTH PLAIN {plain(ANN, 'wrong').decode()}", plain(ANN, SECRET).decode())
    said = " ".join(str(record.__dict__) for record in caplog.records)
    assert "submission_refused" in said and "submission_log_in_failed" in said
    for secret in (SECRET, plain(ANN, SECRET).decode(), plain(ANN, "wrong").decode()):
        assert secret not in said


def test_the_database_is_away(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours is no failed log-in: 454, as often as it happens, and 451 for a mail."""
    with office.opened(log_ins_per_minute=2) as opened, logged_in(opened) as inside:
        monkeypatch.setattr(LogIns, "check", lambda *_: 1 / 0)
        monkeypatch.setattr(LogIns, "stands", lambda *_: 1 / 0)
        with client_of(opened) as client:
            assert asked(client, *[f"AUTH PLAIN {plain(ANN, SECRET).decode()}"] * 4) == ["454 4.7.0"] * 4
        with pytest.raises(smtplib.SMTPDataError) as later:
            inside.sendmail(SUPPORT, [CARL], a_mail())
        assert later.value.smtp_code == 451 and opened.mails() == []


# ---------------------------------------------------------------- the mail


def test_a_mail_is_stored_before_it_is_answered(door: OpenDoor) -> None:
    """Law 3: the raw mail, its envelope with blind copies, and who handed it in; AUTH= at MAIL is understood."""
    with logged_in(door) as client:
        assert asked(client, f"MAIL FROM:<{SUPPORT}> AUTH=<> SIZE=200 BODY=8BITMIME", f"RCPT TO:<{CARL}>", "RCPT TO:<blind@globex.example>") == [
            "250 2.1.0",
            "250 2.1.5",
            "250 2.1.5",
        ]
        code, said = client.data(a_mail())
        assert code == 250 and said.startswith(b"2.0.0 Ok: queued as ")
    (row,) = door.mails()
    assert (row.door, row.submitted_by, row.envelope_from, row.envelope_to, row.state) == ("submission", ANN, SUPPORT, [CARL, "blind@globex.example"], "new")
    assert row.bytes == a_mail() and said.decode().split()[-1] == row.id


@pytest.mark.parametrize(
    ("by", "return_path", "from_", "to", "answer"),
    [
        (ANN, SUPPORT, SUPPORT, [CARL], 250),
        (ANN, "HELP@demo.example", "Ann <Help@Demo.Example>", [CARL], 250),
        (ANN, ANN, SUPPORT, [CARL], 250),
        (ANN, ANN, ANN, ["support+a.x.y@demo.example"], 250),
        (ANN, ANN, ANN, [SUPPORT, CARL], 550),
        (ANN, SUPPORT, "claims@demo.example", [CARL], 550),
        (ANN, "claims@demo.example", SUPPORT, [CARL], 550),
        (BOB, "claims@demo.example", "claims@demo.example", [CARL], 250),
        (ROOT, "claims@demo.example", "claims@demo.example", [CARL], 250),
        (ANN, SUPPORT, BOB, [SUPPORT], 550),
        (ANN, SUPPORT, "boss@bank.example", [CARL], 550),
        (ANN, "", SUPPORT, [CARL], 550),
        (ANN, SUPPORT, f"{SUPPORT}, {ANN}", [CARL], 550),
        (ANN, SUPPORT, "undisclosed", [CARL], 550),
        (ANN, SUPPORT, f"{SUPPORT}\r\nFrom: boss@bank.example", [CARL], 550),
    ],
)
def test_who_may_write_from_where(shared: OpenDoor, by: str, return_path: str, from_: str, to: list[str], answer: int) -> None:
    """From is a mailbox whose routes fill one's queues (an administrator has all), or one's own address to us alone; else 550 5.7.1 and nothing is taken."""
    before = len(shared.mails())
    with logged_in(shared, by) as client:
        client.ehlo_or_helo_if_needed()
        code, said = client.docmd(f"MAIL FROM:<{return_path}>")
        if code == 250:
            assert {client.docmd(f"RCPT TO:<{one}>")[0] for one in to} == {250}
            code, said = client.data(a_mail(from_))
    assert code == answer, said
    assert answer == 250 or said.startswith(b"5.7.1 ")
    assert len(shared.mails()) - before == (answer == 250)


@pytest.fixture(scope="module")
def shared(folder: Path) -> Iterator[OpenDoor]:
    """One open door for many questions."""
    made = Office(folder, _example())
    with made.opened(log_ins_per_minute=1000) as opened:
        yield opened
    made.database.dispose()


def _example() -> Setup:
    from tests import conftest

    return partial(conftest.example_setup.__wrapped__)()  # type: ignore[attr-defined]


def test_who_may_be_written_to(shared: OpenDoor) -> None:
    """Anybody with an address, each once, a hundred at the most; what is no address is refused before the mail."""
    with logged_in(shared) as client:
        client.command_encoding = "utf-8"
        said = asked(client, f"MAIL FROM:<{SUPPORT}>", "RCPT TO:<postmaster>", "RCPT TO:<a b@x.example>", "RCPT TO:<>", "RCPT TO:<jürgen@x.example>")
        assert said == ["250 2.1.0", "501 5.1.3", "501 5.1.3", "501 5.1.3", "250 2.1.5"]
        client.rset()
        client.docmd(f"MAIL FROM:<{SUPPORT}>")
        said = asked(client, *[f"RCPT TO:<a{n}@x.example>" for n in range(101)], "RCPT TO:<a0@x.example>")
        assert said == ["250 2.1.5"] * 100 + ["452 4.5.3", "250 2.1.5"]


def test_a_user_may_send_so_many_an_hour(office: Office) -> None:
    """`mails_per_hour`: the next one is told to come later, whatever the connection; others are not kept from sending."""
    with office.opened(mails_per_hour=2) as opened:
        for by, codes in ((ANN, [250, 250, 451]), (ANN, [451]), (BOB, [250])):
            with logged_in(opened, by) as client:
                found = []
                for _ in codes:
                    found.append(client.docmd(f"MAIL FROM:<{SUPPORT}>")[0])
                    client.rset()
                assert found == codes


def test_smuggling(door: OpenDoor) -> None:
    """Only CRLF . CRLF ends a mail here as well: what follows a fake end stays in it, and makes no second mail."""
    with logged_in(door) as client:
        for fake in FAKE_ENDS:
            client.docmd(f"MAIL FROM:<{SUPPORT}>")
            client.docmd(f"RCPT TO:<{CARL}>")
            client.docmd("DATA")
            client.send(a_mail() + fake + SMUGGLED + b"\r\n.\r\n")
            assert client.getreply()[0] == 250
    assert len(door.mails()) == len(FAKE_ENDS) and all(SMUGGLED in row.bytes for row in door.mails())


def test_too_big_is_said_before_from_is_looked_at(office: Office) -> None:
    """The limits of the SMTP door are in force: SIZE at MAIL, and the size of what was sent."""
    with office.opened(max_size=20_000) as opened, logged_in(opened) as client:
        assert asked(client, f"MAIL FROM:<{SUPPORT}> SIZE=30000") == ["552 5.3.4"]
        client.docmd(f"MAIL FROM:<{SUPPORT}>")
        client.docmd(f"RCPT TO:<{CARL}>")
        assert client.data(a_mail(text="x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 400))[0] == 552
    assert opened.mails() == []


def test_how_from_is_read() -> None:
    """From is found in the header alone, however it is folded and however lines end; twice, none, or behind a header without end is nobody."""
    assert [one.key for one in authors(a_mail())] == [SUPPORT]
    assert [one.key for one in authors(b"From:\r\n =?utf-8?q?Ann?=\r\n <support@demo.example>\r\n\r\nFrom: boss@bank.example\r\n")] == [SUPPORT]
    assert [one.key for one in authors(b"From: support@demo.example\rTo: x@y.example\r\rFrom: boss@bank.example\r")] == [SUPPORT]
    assert [one.key for one in authors(b"From: support@demo.example\nTo: x@y.example\n\nFrom: boss@bank.example")] == [SUPPORT]
    assert authors(b"From: a@x.example\r\nFROM: support@demo.example\r\n\r\n") == authors(b"") == authors(b"Subject: x\r\n\r\nFrom: a@x.example\r\n") == ()
    assert authors(b"From: support@demo.example\r\n" + b"X: y\r\n" * submission.LONGEST_HEADER) == ()


def test_from_the_door_to_the_outbox(office: Office, tmp_path: Path) -> None:
    """Served as a role where it is enabled, and not where it is not: what is handed in begins an item and waits in the outbox, in the agent's name."""
    database = url_of(office.database)
    make_house(tmp_path, office.database, office.setup).close()
    tls = {"host": "127.0.0.1", "port": 0, "hostname": "mx.demo.example", "tls_certificate": str(office.certificate), "tls_key": str(office.key)}
    more: dict[str, Any] = {"broker": {"url": "drop://"}, "smtp": tls}
    for enabled in (False, True):
        port = free_port()
        house = open_house(settings_for(tmp_path, database, **more, submission={"enabled": enabled, "port": port}))
        service = Service(house, ("submission",))
        service.start()
        try:
            if not enabled:
                with pytest.raises(ConnectionRefusedError):
                    Client(port)
                continue
            with logged_in(port) as client:
                client.sendmail(SUPPORT, [CARL, SUPPORT], a_mail())
            house.processor.sweep()
            (sent,) = house.desk.list_outbox(ANN)
            assert (sent["to"], sent["from"], sent["state"]) == ([CARL], f"Ann Agent <{SUPPORT}>", "queued")
            assert [one["title"] for one in house.desk.list_items(ANN)] == ["Printer"]
        finally:
            service.stop()
            house.close()


@pytest.mark.skipif(which("swaks") is None, reason="swaks is not installed")
def test_with_swaks(door: OpenDoor) -> None:
    """Another client, which logs in with LOGIN over STARTTLS."""
    command = ["swaks", "--server", "127.0.0.1", "--port", str(door.port), "--tls", "--timeout", "20"]
    sent = subprocess.run(
        [*command, "--auth", "LOGIN", "--auth-user", ANN, "--auth-password", SECRET, "--from", SUPPORT, "--to", CARL, "--helo", "laptop.example"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert len(door.mails()) == 1


def test_a_fingerprint_forgives_how_it_was_typed() -> None:
    """An app password has seven groups of four letters; case, blanks and hyphens do not count, letters do."""
    made = written(new_secret())
    assert [len(group) for group in made.split("-")] == [4] * 7 and made.replace("-", "").isalnum()
    assert fingerprint(made) == fingerprint(made.upper()) == fingerprint(made.replace("-", "")) == fingerprint(f" {made.replace('-', ' ')} ")
    assert fingerprint(made) != fingerprint(made[:-1])
