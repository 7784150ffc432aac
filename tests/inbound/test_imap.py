"""The IMAP door against a real Dovecot: what is taken in, what is changed in the mailbox, and that nothing comes twice."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.delivery import Meaning
from gateway.clock import FakeClock
from gateway.inbound.fetching import FetchTrouble
from gateway.inbound.imap_deleted import MARK
from gateway.store import fetched, mailboxes
from gateway.store.engine import Database
from tests.conftest import make_schema, missing
from tests.dovecot import TOKEN, Dovecot, missing_reason
from tests.inbound.imap_ways import Desk, connector, mail
from tests.inbound.meddler import Meddler

_NAMES = itertools.count(1)


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    if reason := missing_reason():
        missing(reason)
    with Dovecot(users=[f"user{number}" for number in range(1, 100)]) as made:
        yield made


@pytest.fixture
def user() -> str:
    """A fresh mailbox."""
    return f"user{next(_NAMES)}"


@pytest.fixture
def desk(database: Database, clock: FakeClock) -> Iterator[Desk]:
    made = Desk(database, clock)
    yield made
    made.close()


@pytest.fixture
def alone(tmp_path: Path, clock: FakeClock) -> Iterator[Desk]:
    """For what has nothing to do with the kind of database."""
    database = Database(f"sqlite:///{tmp_path}/alone.db")
    make_schema(database)
    made = Desk(database, clock)
    yield made
    made.close()
    database.dispose()


def folder(desk: Desk, name: str = "INBOX") -> Any:
    with desk.database.read() as connection:
        return next(row for row in fetched.folders(connection, "support") if row.folder == name)


def test_begins_with_what_comes_from_now_on(dovecot: Dovecot, user: str, desk: Desk) -> None:
    """decisions.md 13: at the first connection old mail is left alone and counted; what comes afterwards is taken in, once."""
    for number in (1, 2):
        dovecot.deliver(user, mail(number))
    made = connector(dovecot.imap, user=user)
    assert desk.fetch(made).stored == 0
    assert (folder(desk).seen, folder(desk).choice, folder(desk).begun_at) == (2, "now", desk.clock.now())
    dovecot.deliver(user, mail(3))
    assert desk.fetch(made).stored == 1
    assert desk.fetch(made).stored == 0
    assert desk.subjects() == ["Mail 3"]
    row = desk.stored()[0]
    assert (row.door, row.connector, row.folder, row.envelope_to, row.spam, row.full_size, row.archive) == (
        "imap",
        "support",
        "INBOX",
        [],
        False,
        0,
        False,
    )
    assert dovecot.flags(user) == {1: "\\Recent", 2: "\\Recent", 3: "\\Recent"}


@pytest.mark.parametrize(
    ("start", "found", "archive"), [("archive", ["Mail 1", "Mail 2"], True), ("unseen", ["Mail 2"], False), ("since", ["Mail 2"], False)]
)
def test_other_beginnings(dovecot: Dovecot, user: str, desk: Desk, start: str, found: list[str], archive: bool) -> None:
    """decisions.md 13: all old mail as archive, the unread, or what came since a date; new mail is ordinary mail afterwards."""
    dovecot.deliver(user, mail(1), flags="(\\Seen)", when=datetime(2020, 1, 1, 12, tzinfo=UTC))
    dovecot.deliver(user, mail(2), when=datetime(2024, 1, 1, 12, tzinfo=UTC))
    made = connector(dovecot.imap, user=user, start=start, since="2022-06-01")
    assert desk.fetch(made).stored == len(found)
    assert desk.subjects() == found
    assert {row.archive for row in desk.stored()} == {archive}
    dovecot.deliver(user, mail(3))
    desk.fetch(made)
    assert [row.archive for row in desk.stored() if b"Mail 3" in row.bytes] == [False]


@pytest.mark.parametrize("after", ["leave", "seen", "move", "delete"])
def test_what_is_done_afterwards(dovecot: Dovecot, user: str, desk: Desk, after: str) -> None:
    """A mail that is ours is left untouched, marked, moved or deleted as the connector says, and a mail somebody flagged as deleted stays and is not taken in."""
    dovecot.deliver(user, mail(1), flags="(\\Deleted)")
    dovecot.deliver(user, mail(2))
    made = connector(dovecot.imap, user=user, start="archive", after=after, move_to="Done")
    assert desk.fetch(made).stored == 1
    dovecot.deliver(user, mail(3))
    assert desk.fetch(made).stored == 1
    inbox, done = dovecot.flags(user), dovecot.flags(user, "Done")
    assert "\\Deleted" in inbox[1]
    assert sorted(inbox) == {"leave": [1, 2, 3], "seen": [1, 2, 3], "move": [1], "delete": [1]}[after]
    assert len(done) == (2 if after == "move" else 0)
    if len(inbox) == 3:
        assert ["\\Seen" in inbox[uid] for uid in (2, 3)] == [after == "seen"] * 2


def test_a_mail_that_was_marked_as_deleted_comes_in_once_it_is_not(dovecot: Dovecot, user: str, desk: Desk, clock: FakeClock) -> None:
    """Law 7: a mail marked when the folder was read past it is looked at again each hour; it does not wait meanwhile, and comes in once."""
    made = connector(dovecot.imap, user=user)
    desk.fetch(made)
    for number, flags in ((1, ""), (2, "(\\Deleted)"), (3, "(\\Deleted)"), (4, "")):
        dovecot.deliver(user, mail(number), flags=flags)
    assert desk.fetch(made).waiting == 0
    assert desk.subjects() == ["Mail 1", "Mail 4"]
    with dovecot.client(user) as client:
        client.select("INBOX")
        client.uid("STORE", "2", "-FLAGS", "(\\Deleted)")
    assert desk.fetch(made).stored == 0, "once an hour"
    clock.advance(hours=1, seconds=1)
    assert desk.fetch(made).stored == 1
    assert desk.subjects() == ["Mail 1", "Mail 2", "Mail 4"]
    with desk.database.read() as connection:
        assert (folder(desk).waiting, folder(desk).oldest_waiting_at) == (0, None), "no clock stands still for the other (decisions.md 1)"
        assert [name.rpartition("/")[2] for name in mailboxes.named(connection, "support", MARK)] == ["3"], "it is still noted"
    with dovecot.client(user) as client:
        client.select("INBOX")
        client.expunge()
    clock.advance(hours=1, seconds=1)
    assert (desk.fetch(made).stored, len(desk.stored())) == (0, 3)
    with desk.database.read() as connection:
        assert mailboxes.named(connection, "support", MARK) == []


def test_spam_and_other_folders(dovecot: Dovecot, user: str, desk: Desk) -> None:
    """Folders are read beside INBOX, those for spam are marked so, and a name that is not ASCII is found (modified UTF-7)."""
    names = ("INBOX", "Aufträge & mehr", "Junk")
    for number, name in enumerate(names):
        dovecot.deliver(user, mail(number), folder=name.replace("Aufträge & mehr", "Auftr&AOQ-ge &- mehr"))
    made = connector(dovecot.imap, user=user, start="archive", folders=list(names[:2]), spam_folders=["Junk"])
    assert desk.fetch(made).stored == 3
    assert {(row.folder, row.spam) for row in desk.stored()} == {("INBOX", False), ("Aufträge & mehr", False), ("Junk", True)}


def test_a_beginning_decided_anew(dovecot: Dovecot, user: str, desk: Desk) -> None:
    """decisions.md 13: old mail that was left may be taken in as archive later; what is ours already does not come twice, and new mail goes on."""
    dovecot.deliver(user, mail(1))
    made = connector(dovecot.imap, user=user)
    desk.fetch(made)
    dovecot.deliver(user, mail(2))
    desk.fetch(made)
    dovecot.deliver(user, mail(3))
    with desk.database.durable() as connection:
        mailboxes.choose(connection, "support", "archive", "", ("INBOX",))
    desk.fetch(made)
    assert desk.subjects() == ["Mail 1", "Mail 2", "Mail 3"]
    assert {row.bytes.split(b"Subject: ")[1][:6]: row.archive for row in desk.stored()} == {b"Mail 1": True, b"Mail 2": False, b"Mail 3": False}


@pytest.mark.parametrize("auth", ["password", "xoauth2", "oauthbearer"])
@pytest.mark.parametrize("security", ["tls", "starttls", "none"])
def test_ways_to_log_in(dovecot: Dovecot, user: str, alone: Desk, security: str, auth: str) -> None:
    """Password and tokens (RFC 7628), with TLS from the first byte, with STARTTLS, and without."""
    port = dovecot.imaps if security == "tls" else dovecot.imap
    made = connector(port, user=user, security=security, auth=auth, ca_file=str(dovecot.ca_file), start="archive")
    dovecot.deliver(user, mail(1))
    assert alone.fetch(made, token=lambda _: TOKEN).stored == 1


def test_a_refused_token_is_not_said_again(dovecot: Dovecot, user: str, alone: Desk) -> None:
    """The server's reason is in the words, and the token is neither there nor sent a second time."""
    with Meddler(dovecot.imap) as meddler:
        made = connector(meddler.port, user=user, auth="xoauth2")
        with pytest.raises(FetchTrouble) as met:
            alone.fetch(made, token=lambda _: "expired-token")
        assert met.value.meaning is Meaning.LOGIN_REFUSED
        assert "expired-token" not in str(met.value)
        assert sum(1 for line in meddler.lines if len(line) > 40) == 1


def test_a_certificate_that_is_not_trusted_is_refused(dovecot: Dovecot, user: str, alone: Desk) -> None:
    """Without the right authority there is no session, and a person must look."""
    for security, port in (("tls", dovecot.imaps), ("starttls", dovecot.imap)):
        with pytest.raises(FetchTrouble, match="not trusted") as met:
            alone.fetch(connector(port, user=user, security=security))
        assert met.value.meaning is Meaning.TROUBLE


def test_starttls_never_falls_back(dovecot: Dovecot, user: str, alone: Desk) -> None:
    """A server, or somebody in between, that hides STARTTLS gets no password."""
    with Meddler(dovecot.imap) as meddler:
        meddler.hidden = (b"STARTTLS",)
        with pytest.raises(FetchTrouble, match="STARTTLS"):
            alone.fetch(connector(meddler.port, user=user, security="starttls", ca_file=str(dovecot.ca_file)))
        assert not any(b"LOGIN" in line or b"AUTHENTICATE" in line for line in meddler.lines)


def test_servers_that_know_only_login(dovecot: Dovecot, user: str, alone: Desk) -> None:
    """Where AUTH=PLAIN is not offered the LOGIN command is used, with a name and a password that hold blanks and quotes."""
    with Meddler(dovecot.imap) as meddler:
        meddler.hidden = (b"AUTH=PLAIN", b"AUTH=LOGIN")
        dovecot.deliver(user, mail(1))
        assert alone.fetch(connector(meddler.port, user=user, start="archive")).stored == 1
        assert any(b" LOGIN " in line for line in meddler.lines)
