"""The POP3 mailbox: nothing lost, nothing twice, nothing deleted that is not ours, whatever the server does."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from core.delivery import Meaning
from core.setup import Connector, Setup
from gateway.clock import FakeClock
from gateway.inbound.fetch_token import FetchToken
from gateway.inbound.fetching import Fetched, FetchTrouble, LeaseLost, Means, NeedsConsent
from gateway.inbound.intake import Intake
from gateway.inbound.pop3 import Pop3Fetcher
from gateway.keys import Keys
from gateway.oauth.tokens import Tokens
from gateway.store import fetched, schema
from gateway.store.engine import Database
from gateway.store.mailboxes import choose
from tests import dovecot as dovecots
from tests.conftest import make_schema, missing
from tests.dovecot import PASSWORD, TOKEN, Dovecot
from tests.inbound.pop3_server import Pop3Server
from tests.oauth.conftest import Provider

ENVIRON = {"POP_PASSWORD": PASSWORD}


def mail(number: int, size: int = 0, received: str = "Mon, 02 Mar 2026 09:30:00 +0000") -> bytes:
    """A numbered mail as a server holds it, with dots, a long line and eight-bit bytes."""
    body = b".\r\n..two\r\n" + b"x" * 3000 + b"\r\n\xe9\xff\r\n" + b"y" * 70 * (size // 70)
    head = f"Return-Path: <a@acme.example>\r\nReceived: from x by y; {received}\r\nFrom: a@acme.example\r\n"
    return f"{head}Subject: {number}\r\nMessage-ID: <{number}@acme.example>\r\n\r\n".encode() + body + b"\r\n"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """SQLite: what either database does with arrivals is tested in `test_intake.py`."""
    made = Database(f"sqlite:///{tmp_path}/guichet.db")
    make_schema(made)
    yield made
    made.dispose()


@pytest.fixture
def means(database: Database, clock: FakeClock, example_setup: Setup) -> Iterator[Means]:
    """What a fetcher is given; mails above 100,000 bytes are too large."""
    intake = Intake(database, clock, lambda: example_setup)
    yield Means(database, intake, clock, environ=ENVIRON, timeout=20.0, max_size=100_000)
    intake.close()


@pytest.fixture
def server() -> Iterator[Pop3Server]:
    """An obedient server with an empty mailbox."""
    with Pop3Server() as made:
        yield made


def connector(port: int, **keys: object) -> Connector:
    """The mailbox on a port."""
    incoming: dict[str, object] = {"kind": "pop3", "host": "127.0.0.1", "port": port, "security": "none", "user": "support", "password_env": "POP_PASSWORD", **keys}
    return Connector("c-support", "support", "support@demo.example", incoming=incoming)


def turn(means: Means, port: int, **keys: object) -> Fetched:
    """One look of a process of its own."""
    fetcher = Pop3Fetcher(connector(port, **keys), means)
    try:
        fetcher.open()
        return fetcher.fetch()
    finally:
        fetcher.close()


def stored(database: Database) -> list[Any]:
    """What is ours, in order."""
    statement = select(schema.inbound, schema.raw_mail.c.bytes).join(schema.raw_mail, schema.raw_mail.c.id == schema.inbound.c.id).order_by(text("inbound.rowid"))
    with database.read() as connection:
        return list(connection.execute(statement))


def subjects(database: Database) -> list[str]:
    """Their numbers."""
    return [row.bytes.split(b"Subject: ")[1].split(b"\r\n")[0].decode() for row in stored(database)]


# ---- Dovecot


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    """A real server."""
    reason = dovecots.missing_reason()
    if reason:
        missing(reason)
    with Dovecot(users=("plain", "delete", "tls", "x", "y", "big")) as made:
        yield made


def test_dovecot_new_mail_comes_in_once(dovecot: Dovecot, means: Means, database: Database, clock: FakeClock) -> None:
    """decisions.md 13: what is there at first is left alone and counted; what comes later is taken in byte for byte, once, and left there."""
    dovecot.deliver_many("plain", [mail(1), mail(2)])
    assert turn(means, dovecot.pop3, user="plain") == Fetched(0, 2, 0, None)
    dovecot.deliver_many("plain", [mail(3), mail(4)])
    assert turn(means, dovecot.pop3, user="plain") == Fetched(2, 4, 0, None)
    assert turn(means, dovecot.pop3, user="plain") == Fetched(0, 4, 0, None)
    rows = stored(database)
    assert [row.bytes for row in rows] == [mail(3), mail(4)]
    assert {(row.door, row.connector, row.envelope_from, row.archive, row.folder) for row in rows} == {("pop3", "support", "a@acme.example", False, "POP3")}
    with database.read() as connection:
        (folder,) = fetched.folders(connection, "support")
    assert (folder.choice, folder.seen, folder.stored, folder.begun_at) == ("now", 4, 2, clock.now())


def test_dovecot_deletes_after_the_commit(dovecot: Dovecot, means: Means, database: Database) -> None:
    """Law 3: with `after = "delete"` a mail leaves the server when it is ours; those that were left alone stay."""
    dovecot.deliver_many("delete", [mail(1)])
    turn(means, dovecot.pop3, user="delete", after="delete")
    dovecot.deliver_many("delete", [mail(number) for number in range(2, 252)])
    assert turn(means, dovecot.pop3, user="delete", after="delete") == Fetched(250, 1, 0, None)
    assert turn(means, dovecot.pop3, user="delete", after="delete") == Fetched(0, 1, 0, None)
    assert subjects(database) == [str(number) for number in range(2, 252)]
    assert len(dovecot.flags("delete")) == 1


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_dovecot_over_tls(dovecot: Dovecot, means: Means, security: str) -> None:
    """TLS at once and by STLS, with the certificate checked; one that is not trusted gets no password."""
    port = dovecot.pop3s if security == "tls" else dovecot.pop3
    assert turn(means, port, user="tls", security=security, ca_file=str(dovecot.ca_file)).stored == 0
    with pytest.raises(FetchTrouble, match="not trusted") as told:
        turn(means, port, user="tls", security=security)
    assert told.value.meaning is Meaning.TROUBLE


@pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
def test_dovecot_with_a_token(dovecot: Dovecot, means: Means, auth: str) -> None:
    """A log-in with a token, and the refusal of a wrong one, with the server's words and without the token."""
    import dataclasses

    keys: dict[str, object] = {"user": "x", "auth": auth}
    good = dataclasses.replace(means, token=lambda _: TOKEN)
    assert turn(good, dovecot.pop3, **keys).stored == 0
    bad = dataclasses.replace(means, token=lambda _: "stolen-token")
    with pytest.raises(FetchTrouble, match="refused the log-in of x") as told:
        turn(bad, dovecot.pop3, **keys)
    assert told.value.meaning is Meaning.LOGIN_REFUSED
    assert "stolen" not in str(told.value)


def test_dovecot_wrong_password(dovecot: Dovecot, means: Means) -> None:
    """A refused password is a refused log-in, which suspends in the end (decisions.md 19)."""
    import dataclasses

    with pytest.raises(FetchTrouble) as told:
        turn(dataclasses.replace(means, environ={"POP_PASSWORD": "wrong"}), dovecot.pop3, user="y")
    assert told.value.meaning is Meaning.LOGIN_REFUSED


def test_dovecot_too_large(dovecot: Dovecot, means: Means, database: Database) -> None:
    """Of a mail that is too large the header comes in with its whole size, once, and the mail is never deleted there."""
    turn(means, dovecot.pop3, user="big", after="delete")
    dovecot.deliver_many("big", [mail(1, 300_000), mail(2)])
    assert turn(means, dovecot.pop3, user="big", after="delete") == Fetched(2, 1, 0, None)
    assert turn(means, dovecot.pop3, user="big", after="delete") == Fetched(0, 1, 0, None)
    large, small = stored(database)
    assert large.full_size > 300_000 and large.bytes.endswith(b"\r\n\r\n") and b"Subject: 1" in large.bytes
    assert (small.full_size, small.bytes) == (0, mail(2))


def test_dovecot_made_anew(dovecot: Dovecot, means: Means, database: Database) -> None:
    """decisions.md 13: a mailbox made anew gives its old mails new names; those from before the beginning are still left alone."""
    old = [mail(number, received="Mon, 23 Feb 2026 09:00:00 +0100") for number in (1, 2, 3)]
    dovecot.user("anew")
    dovecot.deliver_many("anew", old)
    assert turn(means, dovecot.pop3, user="anew").seen == 3
    dovecot.forget("anew")
    dovecot.deliver_many("anew", [*old, mail(4)])
    assert turn(means, dovecot.pop3, user="anew") == Fetched(1, 4, 0, None)
    assert turn(means, dovecot.pop3, user="anew") == Fetched(0, 4, 0, None)
    assert subjects(database) == ["4"]


# ---- first connection


@pytest.mark.parametrize(
    ("keys", "taken", "archive"),
    [
        ({}, [], []),
        ({"start": "unseen"}, [], []),
        ({"start": "since", "since": "2026-02-01"}, ["2", "3"], [False, False]),
        ({"start": "archive"}, ["1", "2", "3"], [True] * 3),
    ],
)
def test_the_first_connection(server: Pop3Server, means: Means, database: Database, keys: dict[str, object], taken: list[str], archive: list[bool]) -> None:
    """decisions.md 13: from now on, since a date (a mail that tells none is taken in), or all as archive; later mails are no archive."""
    undated = b"Subject: 3\r\n\r\nno date\r\n"
    server.mails = {"a": mail(1, received="Sat, 31 Jan 2026 23:59:00 +0000"), "b": mail(2, received="Sun, 01 Feb 2026 00:01:00 +0000"), "c": undated}
    turn(means, server.port, **keys)
    assert subjects(database) == taken
    assert [row.archive for row in stored(database)] == archive
    server.mails["d"] = mail(4)
    assert turn(means, server.port, **keys).stored == 1
    assert (subjects(database), stored(database)[-1].archive) == ([*taken, "4"], False)


def test_an_archive_cut_off_goes_on_as_archive(server: Pop3Server, means: Means, database: Database) -> None:
    """The connection breaks within the first look: what is left of the old mails comes in later, as archive still; a new mail does not."""
    server.mails = {"a": mail(1), "b": mail(2), "c": mail(3)}
    server.replies = {"RETR 2": None}
    with pytest.raises(FetchTrouble, match="closed the connection"):
        turn(means, server.port, start="archive")
    server.replies = {}
    server.mails["d"] = mail(4)
    turn(means, server.port, start="archive")
    assert sorted(zip(subjects(database), [row.archive for row in stored(database)], strict=True)) == [("1", True), ("2", True), ("3", True), ("4", False)]


def test_the_choice_made_anew(server: Pop3Server, means: Means, database: Database) -> None:
    """`connector begin`: what was left alone comes in by the new choice; what came since is new mail whatever is chosen; nothing comes in twice."""
    server.mails = {"a": mail(1, received="Sat, 31 Jan 2026 23:59:00 +0000"), "b": mail(2, received="Sun, 01 Feb 2026 00:01:00 +0000")}
    turn(means, server.port)
    for choice, name, expected in (
        ("now", "c", [("3", False)]),
        ("since 2026-02-01", "d", [("3", False), ("2", False), ("4", False)]),
        ("archive", "e", [("3", False), ("2", False), ("4", False), ("1", True), ("5", False)]),
    ):
        with database.durable() as connection:
            choose(connection, "support", choice, "", ())
        server.mails[name] = mail(len(server.mails) + 1)
        turn(means, server.port)
        assert list(zip(subjects(database), [row.archive for row in stored(database)], strict=True)) == expected


# ---- servers that are not as they should be


@pytest.fixture
def begun(server: Pop3Server, means: Means) -> Pop3Server:
    """A mailbox whose first look is behind it."""
    turn(means, server.port)
    return server


def test_quit_that_fails_deletes_nothing(begun: Pop3Server, means: Means, database: Database) -> None:
    """Without the word of the server nothing counts as deleted: it is deleted again next time, and nothing comes in twice."""
    begun.mails = {"a": mail(1)}
    for reply in (None, b"-ERR some messages not deleted\r\n"):
        begun.replies = {"QUIT": reply}
        assert turn(means, begun.port, after="delete").seen == 1
    begun.replies = {}
    assert turn(means, begun.port, after="delete") == Fetched(0, 0, 0, None)
    assert (subjects(database), begun.mails) == (["1"], {})


def test_what_is_not_stored_is_not_deleted(begun: Pop3Server, means: Means, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 3: our database cannot store; nothing is deleted, the mails come in when it can."""
    begun.mails = {"a": mail(1), "b": mail(2)}
    with monkeypatch.context() as broken:
        broken.setattr("gateway.inbound.intake.arrivals.store", _no_disk)
        with pytest.raises(FetchTrouble, match="stays in the mailbox") as told:
            turn(means, begun.port, after="delete")
    assert told.value.meaning is Meaning.PASSING
    assert begun.count("DELE") == 0
    with database.read() as connection:
        assert fetched.folders(connection, "support")[0].waiting == 2
    assert turn(means, begun.port, after="delete") == Fetched(2, 0, 0, None)
    assert subjects(database) == ["1", "2"]


def _no_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_crash_between_commit_and_delete(begun: Pop3Server, means: Means, database: Database) -> None:
    """The process dies after the commit: the mail is not taken in again, and is deleted by the next."""
    begun.mails = {"a": mail(1)}
    begun.replies = {"DELE": None}
    with pytest.raises(FetchTrouble):
        turn(means, begun.port, after="delete")
    begun.replies = {}
    assert turn(means, begun.port, after="delete") == Fetched(0, 0, 0, None)
    assert subjects(database) == ["1"]


def test_a_lost_lease_deletes_nothing(begun: Pop3Server, means: Means, database: Database) -> None:
    """Another process polls now: what is stored stays stored, the session ends without QUIT."""
    import dataclasses

    begun.mails = {"a": mail(1)}

    def lost() -> None:
        raise LeaseLost

    with pytest.raises(LeaseLost):
        turn(dataclasses.replace(means, alive=lost), begun.port, after="delete")
    assert begun.count("QUIT") == 1  # that of the first look
    assert turn(means, begun.port, after="delete") == Fetched(0, 0, 0, None)
    assert subjects(database) == ["1"]


def test_a_mail_deleted_by_another_program(begun: Pop3Server, means: Means, database: Database) -> None:
    """-ERR for one message: the others come in; it counts as waiting as long as the server lists it."""
    begun.mails = {"a": mail(1), "b": mail(2), "c": mail(3)}
    begun.replies = {"RETR 2": b"-ERR message is gone\r\n"}
    found = turn(means, begun.port, after="delete")
    assert (found.stored, found.waiting, found.oldest_waiting_at) == (2, 1, means.clock.now())
    assert subjects(database) == ["1", "3"]
    assert list(begun.mails) == ["b"]


def test_one_message_that_breaks_the_connection(begun: Pop3Server, means: Means, database: Database) -> None:
    """A message over which the connection always breaks keeps nobody else waiting for ever: it is passed over after two tries, and reported."""
    begun.mails = {"a": mail(1), "b": mail(2), "c": mail(3)}
    begun.replies = {"RETR 1": b"+OK\r\nSubject: 1\r\n" + b"z" * 1_000_000 + b"\r\n"}
    for _ in range(2):
        with pytest.raises(FetchTrouble):
            turn(means, begun.port)
    assert turn(means, begun.port).waiting == 1
    assert subjects(database) == ["2", "3"]


@pytest.mark.parametrize("missing_top", [False, True])
def test_a_server_without_uidl(server: Pop3Server, means: Means, database: Database, missing_top: bool) -> None:
    """Messages are told apart by header and size; without TOP the header is read out of the whole."""
    server.replies = {"UIDL": b"-ERR unknown command\r\n", **({"TOP": b"-ERR unknown command\r\n"} if missing_top else {})}
    server.mails = {"a": mail(1)}
    turn(means, server.port)
    server.mails.update({"b": mail(2), "c": mail(3)})
    assert turn(means, server.port).stored == 2
    assert turn(means, server.port).stored == 0
    assert subjects(database) == ["2", "3"]


@pytest.mark.parametrize("when", ["together", "one after the other"])
def test_without_uidl_nothing_is_deleted_that_is_not_itself_stored(server: Pop3Server, means: Means, database: Database, when: str) -> None:
    """Law 3: of two mails of the same header and size each is taken in before it is deleted; a true copy is taken in once."""
    server.replies = {"UIDL": b"-ERR unknown command\r\n"}
    turn(means, server.port)
    one, other = mail(1), mail(1).replace(b"two", b"2wo")
    server.mails = {"a": one, "b": other, "c": one} if when == "together" else {"a": one}
    if when != "together":
        server.replies["QUIT"] = b"-ERR some messages not deleted\r\n"
    turn(means, server.port, after="delete")
    if when != "together":
        del server.replies["QUIT"]
        server.mails = {"b": other}
        turn(means, server.port, after="delete")
    assert server.mails == {}
    assert sorted(row.bytes for row in stored(database)) == sorted([one, other])


def test_without_uidl_what_cannot_be_read_again_stays(server: Pop3Server, means: Means, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 3: a mail like one that is ours, which cannot be stored now, is not deleted."""
    server.replies = {"UIDL": b"-ERR unknown command\r\n"}
    turn(means, server.port)
    server.mails = {"a": mail(1)}
    turn(means, server.port)
    server.mails = {"b": mail(1).replace(b"two", b"2wo")}
    monkeypatch.setattr("gateway.inbound.intake.arrivals.store", _no_disk)
    with pytest.raises(FetchTrouble):
        turn(means, server.port, after="delete")
    assert (list(server.mails), subjects(database)) == (["b"], ["1"])


def test_names_that_are_twice_or_none(begun: Pop3Server, means: Means, database: Database) -> None:
    """Ids that stand for two messages, are empty or hold control characters are not trusted: no mail is taken for another."""
    begun.mails = {"a": mail(1), "b": mail(2), "c": mail(3), "d": mail(4)}
    begun.replies = {"UIDL": b"+OK\r\n1 same\r\n2 same\r\n3 \r\n4 \x01\x02\r\nx y\r\n99999999999999999999999 z\r\n.\r\n"}
    assert turn(means, begun.port).stored == 4
    assert turn(means, begun.port).stored == 0
    assert subjects(database) == ["1", "2", "3", "4"]


def test_a_name_used_again(begun: Pop3Server, means: Means, database: Database) -> None:
    """A server that numbers its messages from 1 after each deletion: another mail under an old name is another mail."""
    begun.mails = {"1": mail(1)}
    turn(means, begun.port, after="delete")
    begun.mails = {"1": mail(20)}
    turn(means, begun.port, after="delete")
    assert subjects(database) == ["1", "20"]


def test_a_size_that_is_a_lie(begun: Pop3Server, means: Means, database: Database) -> None:
    """The server says 10 bytes and sends more than we take: the header is kept, with the size that came."""
    begun.mails = {"a": mail(1, 300_000)}
    begun.replies = {"LIST": b"+OK\r\n1 10\r\n.\r\n"}
    assert turn(means, begun.port).stored == 1
    (row,) = stored(database)
    assert row.full_size > 300_000 and len(row.bytes) < 1000


@pytest.mark.parametrize("how", ["the limit is raised", "the server had said less"])
def test_a_mail_of_which_only_the_header_is_ours_is_never_deleted(begun: Pop3Server, means: Means, how: str) -> None:
    """Law 7: whatever the sizes are now, the whole mail stays on the server."""
    begun.mails = {"a": mail(1, 300_000)}
    if how == "the server had said less":
        begun.replies = {"LIST": b"+OK\r\n1 99000\r\n.\r\n"}
    assert turn(means, begun.port, after="delete").stored == 1
    turn(dataclasses.replace(means, max_size=1_000_000) if how == "the limit is raised" else means, begun.port, after="delete")
    assert list(begun.mails) == ["a"]


@pytest.mark.parametrize("reply", [b"-ERR locked\r\n", b"hello?\r\n", b"\xff" * 100_000, b"+OK\r\n" + b"1 1 " * 50_000, None])
def test_lists_that_are_none(begun: Pop3Server, means: Means, reply: bytes | None) -> None:
    """Refused, garbage, endless or nothing instead of a list: passing trouble, in a printable sentence."""
    begun.replies = {"LIST": reply}
    with pytest.raises(FetchTrouble) as told:
        turn(_patient(means, 1.0), begun.port)
    assert told.value.meaning is Meaning.PASSING
    assert str(told.value).isprintable()


def _patient(means: Means, seconds: float) -> Means:
    import dataclasses

    return dataclasses.replace(means, timeout=seconds)


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("[AUTH] wrong", Meaning.LOGIN_REFUSED),
        ("no", Meaning.LOGIN_REFUSED),
        ("[SYS/TEMP] later", Meaning.PASSING),
        ("[IN-USE] another session", Meaning.PASSING),
        ("maildrop already locked", Meaning.PASSING),
        ("[SYS/PERM] mailbox broken", Meaning.TROUBLE),
    ],
)
def test_whose_fault_a_refused_log_in_is(server: Pop3Server, means: Means, words: str, meaning: Meaning) -> None:
    """RFC 2449 and 3206: a lock or a passing fault does not suspend a mailbox; the password never appears."""
    server.replies = {"PASS": f"-ERR {words} {PASSWORD}\r\n".encode()}
    with pytest.raises(FetchTrouble) as told:
        turn(means, server.port)
    assert told.value.meaning is meaning
    assert PASSWORD not in str(told.value)


def test_no_secret_travels_in_clear(server: Pop3Server, means: Means) -> None:
    """No STLS, or none asked for towards another machine: no log-in is tried."""
    with pytest.raises(FetchTrouble, match="STLS"):
        turn(means, server.port, security="starttls")
    assert server.count("USER") == 0
    with pytest.raises(FetchTrouble) as told:
        turn(means, server.port, host="pop.invalid")
    assert told.value.meaning is Meaning.PASSING  # it cannot be reached, so nothing was said


def test_a_token_that_was_refused_is_renewed_once(server: Pop3Server, means: Means, database: Database, keys: Keys, clock: FakeClock) -> None:
    """A token revoked before its time: one new one is had and works; if that is refused as well, it is a refused log-in, not a storm."""
    import dataclasses

    provider = Provider()
    tokens = Tokens(database, keys, clock, {"APP_SECRET": "s3cret"}, "host/1/a", transport=provider.transport)
    oauth = {"auth": "xoauth2", "oauth_provider": "microsoft", "oauth_grant": "client_credentials", "tenant": "t", "client_id": "app", "client_secret_env": "APP_SECRET"}
    means = dataclasses.replace(means, token=FetchToken(tokens))
    server.tokens = {"access-1"}
    turn(means, server.port, **oauth)
    server.tokens = {"access-2"}
    turn(means, server.port, **oauth)
    assert len(provider.asked) == 2
    server.tokens = set()
    with pytest.raises(FetchTrouble) as told:
        turn(means, server.port, **oauth)
    assert (told.value.meaning, len(provider.asked)) == (Meaning.LOGIN_REFUSED, 3)
    with pytest.raises(NeedsConsent, match="connector consent support"):
        turn(means, server.port, **{**oauth, "oauth_grant": "refresh_token"})


def test_waiting_ends_with_the_service(server: Pop3Server, means: Means) -> None:
    """`wait` comes back when the service stops."""
    stopping = threading.Event()
    stopping.set()
    Pop3Fetcher(connector(server.port), means).wait(60, stopping)


def test_a_big_mailbox_takes_several_sessions(begun: Pop3Server, means: Means, database: Database) -> None:
    """More than one session's worth: all come in within one turn, each session ends well before the next."""
    begun.mails = {f"u{number}": mail(number)[:200] + b"\r\n" for number in range(1, 701)}
    before = begun.count("QUIT")
    assert turn(means, begun.port, after="delete") == Fetched(700, 0, 0, None)
    assert begun.count("QUIT") - before == 2
    assert len(stored(database)) == 700


