"""The IMAP door where something goes wrong: nothing is lost, nothing is doubled, the rest flows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from core.delivery import Meaning
from gateway.clock import FakeClock
from gateway.inbound import pace
from gateway.inbound.fetching import FetchTrouble
from gateway.inbound.imap import ImapFetcher
from gateway.inbound.imap_connection import open_connection
from gateway.inbound.imap_place import Place
from gateway.inbound.port import Answer, Arrival, TryLater
from gateway.store import fetched, schema
from gateway.store.due import is_behind
from gateway.store.engine import Database
from tests.conftest import make_schema, missing
from tests.dovecot import Dovecot, missing_reason
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
def meddler(dovecot: Dovecot) -> Iterator[Meddler]:
    with Meddler(dovecot.imap) as made:
        yield made


@pytest.fixture
def desk(database: Database, clock: FakeClock) -> Iterator[Desk]:
    made = Desk(database, clock)
    yield made
    made.close()


@pytest.fixture
def sqlite_desk(tmp_path: Path, clock: FakeClock) -> Iterator[Desk]:
    """For what has nothing to do with the kind of database."""
    database = Database(f"sqlite:///{tmp_path}/alone.db")
    make_schema(database)
    made = Desk(database, clock)
    yield made
    made.close()
    database.dispose()


def tries(desk: Desk, made: Any, times: int = 8) -> list[str]:
    """Sessions until one goes well; what went wrong before."""
    said: list[str] = []
    for _ in range(times):
        try:
            desk.fetch(made)
        except FetchTrouble as trouble:
            said.append(str(trouble))
        else:
            return said
    raise AssertionError(said)


def asks_for(uid: int, line: bytes) -> bool:
    """Whether a command asks for the content of this message."""
    words = line.split()
    if b"FETCH" not in words or not (b"BODY" in line or b"(RFC822)" in line):
        return False
    spans = [part.split(b":") for part in words[words.index(b"FETCH") + 1].split(b",")]
    return any(int(span[0]) <= uid <= int(span[-1]) for span in spans)


def waiting(desk: Desk) -> int:
    with desk.database.read() as connection:
        return sum(row.waiting for row in fetched.folders(connection, "support"))


ALL = [f"Mail {number}" for number in range(5)]


def test_a_connection_cut_within_a_mail_is_taken_up_again(dovecot: Dovecot, meddler: Meddler, user: str, desk: Desk) -> None:
    """A server that closes in the middle of a FETCH leaves nothing half stored; the next session has every mail once."""
    dovecot.deliver_many(user, [mail(number, "x" * 3000) for number in range(5)])
    meddler.cut_within("FETCH.*BODY", 5000, times=1)
    made = connector(meddler.port, user=user, start="archive")
    assert len(tries(desk, made)) == 1
    assert desk.subjects() == ALL


def test_one_mail_that_kills_every_connection_does_not_hold_up_the_others(
    dovecot: Dovecot, meddler: Meddler, user: str, desk: Desk, clock: FakeClock
) -> None:
    """A poison mail over which the server falls down is found by asking one by one, is written down as owed, and comes when the server can."""
    made = connector(meddler.port, user=user)
    desk.fetch(made)
    dovecot.deliver_many(user, [mail(number) for number in range(5)])
    meddler.rules.append(lambda line: 20 if asks_for(3, line) else None)
    assert len(tries(desk, made)) == 3
    assert desk.subjects() == [name for name in ALL if name != "Mail 2"]
    assert waiting(desk) == 1
    meddler.rules.clear()
    clock.advance(minutes=2)
    desk.fetch(made)
    assert desk.subjects() == ALL
    assert waiting(desk) == 0


def asks_for_all_of(uid: int, line: bytes) -> bool:
    """Whether a command asks for the whole of this message."""
    return asks_for(uid, line) and b"HEADER" not in line


@pytest.mark.parametrize("fate", [b"%TAG NO [SERVERBUG] corrupted\r\n", 20])
def test_a_mail_that_is_never_given_comes_with_its_header(
    dovecot: Dovecot, meddler: Meddler, user: str, sqlite_desk: Desk, clock: FakeClock, fate: bytes | int
) -> None:
    """After a day of refusals, or of lost connections, its header is taken in so that an item is opened, and nothing waits any more; the mail stays there."""
    made = connector(meddler.port, user=user, after="delete")
    sqlite_desk.fetch(made)
    dovecot.deliver_many(user, [mail(number) for number in range(5)])
    meddler.rules.append(lambda line: fate if asks_for_all_of(3, line) else None)
    for _ in range(4):
        tries(sqlite_desk, made)
        clock.advance(hours=7)
        assert len(sqlite_desk.stored()) == 4
        assert behind(sqlite_desk, clock)
    tries(sqlite_desk, made)
    (header,) = [row for row in sqlite_desk.stored() if row.full_size]
    assert b"Subject: Mail 2" in header.bytes and b"Hello" not in header.bytes
    assert not behind(sqlite_desk, clock)
    assert waiting(sqlite_desk) == 0
    assert list(dovecot.flags(user)) == [3]
    assert sqlite_desk.fetch(made).stored == 0


def behind(desk: Desk, clock: FakeClock) -> bool:
    with desk.database.durable() as connection:
        connection.execute(schema.inbound.update().values(state="done"))
    with desk.database.read() as connection:
        return is_behind(connection, "support", clock.now())


def test_a_server_that_trickles_is_given_up(
    dovecot: Dovecot, meddler: Meddler, user: str, sqlite_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then within a mail: no silence is too long, but the whole answer is; what was not had comes with the next connection."""
    made = connector(meddler.port, user=user)
    sqlite_desk.fetch(made)
    dovecot.deliver_many(user, [mail(number) for number in range(5)])

    def slow(line: bytes) -> None:
        if b"BODY" in line:
            meddler.pause = 0.01
            monkeypatch.setattr(pace, "TIMES", 0)

    meddler.rules.append(slow)
    with pytest.raises(FetchTrouble, match="no answer in time") as told:
        sqlite_desk.fetch(made)
    assert told.value.meaning is Meaning.PASSING
    meddler.rules.clear()
    meddler.pause = 0.0
    monkeypatch.undo()
    tries(sqlite_desk, made)
    assert sqlite_desk.subjects() == ALL


@pytest.mark.parametrize(
    ("pattern", "answer"),
    [
        (r"FETCH \d+[,:][\d,:]+ .*BODY", b"%TAG NO server error\r\n"),
        (r"FETCH .*BODY", b"* 1 FETCH (UID 1 BODY[] NIL)\r\n%TAG OK done\r\n"),
        (r"SEARCH", b"%TAG BAD no such search\r\n"),
        (r"(SEARCH UID|FETCH \d+:\*)", b"%TAG BAD no such thing\r\n"),
        (r"FETCH .*BODY", b"%TAG OK nothing\r\n"),
    ],
)
def test_servers_that_cannot_do_what_is_asked(dovecot: Dovecot, meddler: Meddler, user: str, desk: Desk, pattern: str, answer: bytes) -> None:
    """FETCH refused for several, an empty body, no extended SEARCH, neither SEARCH by UID nor ranges: the mail comes another way."""
    made = connector(meddler.port, user=user)
    desk.fetch(made)
    dovecot.deliver_many(user, [mail(number) for number in range(5)])
    dovecot.deliver(user, mail(99), flags="(\\Deleted)")
    meddler.refuse(pattern, answer)
    assert desk.fetch(made).stored == 5
    assert desk.subjects() == ALL


@pytest.mark.parametrize("hidden", [(b"MOVE",), (b"MOVE", b"UIDPLUS"), (b"IDLE",)])
def test_servers_without_extensions(dovecot: Dovecot, meddler: Meddler, user: str, desk: Desk, hidden: tuple[bytes, ...]) -> None:
    """Without MOVE a mail is copied and then deleted; without UIDPLUS it stays flagged, for a plain EXPUNGE would take what a person has flagged."""
    meddler.hidden = hidden
    dovecot.deliver(user, mail(98), flags="(\\Deleted)")
    made = connector(meddler.port, user=user, start="archive", after="move", move_to="Done")
    dovecot.deliver(user, mail(0))
    assert desk.fetch(made).stored == 1
    assert len(dovecot.flags(user, "Done")) == 1
    there = dovecot.flags(user)
    assert "\\Deleted" in there[1]
    assert ("\\Deleted" in there.get(2, "")) == (b"UIDPLUS" in hidden)
    assert desk.fetch(made).stored == 0


def test_a_crash_between_commit_and_mark_is_mended(dovecot: Dovecot, meddler: Meddler, user: str, desk: Desk) -> None:
    """Law 3: a mail is stored first and moved then; when the connection is lost in between it is moved at the next look, and not stored again."""
    dovecot.deliver_many(user, [mail(number) for number in range(5)])
    made = connector(meddler.port, user=user, start="archive", after="delete")
    meddler.cut_within("STORE", 0, times=1)
    assert len(tries(desk, made)) == 1
    assert desk.subjects() == ALL
    assert dovecot.flags(user) == {}


def test_a_crash_between_commit_and_cursor_doubles_nothing(dovecot: Dovecot, user: str, desk: Desk) -> None:
    """A cursor that was not written after the commit asks for the same messages again; they are known by their source."""
    made = connector(dovecot.imap, user=user)
    desk.fetch(made)
    with desk.database.read() as connection:
        before = fetched.folders(connection, "support")[0]
    dovecot.deliver_many(user, [mail(number) for number in range(5)])
    desk.fetch(made)
    with desk.database.lazy() as connection:
        fetched.save(connection, before)
    desk.fetch(made)
    assert desk.subjects() == ALL


def read_now(desk: Desk) -> None:
    """As the processing does: Message-IDs are known from then on."""
    from sqlalchemy import update

    from gateway.store.schema import inbound

    with desk.database.lazy() as connection:
        for row in desk.stored():
            found = row.bytes.split(b"Message-ID: <", 1)[1].split(b">", 1)[0].decode()
            connection.execute(update(inbound).where(inbound.c.id == row.id).values(message_id=found, state="done"))


def test_a_mailbox_made_anew_imports_nothing_twice(dovecot: Dovecot, user: str, desk: Desk, clock: FakeClock) -> None:
    """decisions.md 13: after a change of UIDVALIDITY what is ours is not taken in again, what lay there before us stays left, and new mail comes in."""
    clock.set(datetime.now(UTC).replace(microsecond=0))
    old, known, new = [mail(900)], [mail(number) for number in range(3)], [mail(number) for number in range(3, 5)]
    dovecot.deliver(user, old[0], when=datetime(2020, 1, 1, tzinfo=UTC))
    made = connector(dovecot.imap, user=user)
    desk.fetch(made)
    for one in known:
        dovecot.deliver(user, one)
    assert desk.fetch(made).stored == 3
    read_now(desk)
    with desk.database.read() as connection:
        before = fetched.folders(connection, "support")[0].uidvalidity
    dovecot.forget(user)
    dovecot.restart()
    dovecot.deliver(user, old[0], when=datetime(2020, 1, 1, tzinfo=UTC))
    for one in (*new, *known):
        dovecot.deliver(user, one)
    assert desk.fetch(made).stored == 2
    with desk.database.read() as connection:
        assert fetched.folders(connection, "support")[0].uidvalidity != before
    assert desk.subjects() == ALL
    dovecot.deliver(user, mail(7))
    assert desk.fetch(made).stored == 1


def test_a_mail_that_is_too_large_comes_with_its_header(dovecot: Dovecot, user: str, desk: Desk) -> None:
    """Of a mail above `max_size` only the header is fetched, with its full size, once; nothing else waits for it."""
    made = connector(dovecot.imap, user=user, max_size=10_000)
    desk.fetch(made)
    dovecot.deliver(user, mail(0))
    dovecot.deliver(user, mail(1, "x" * 50_000))
    dovecot.deliver(user, mail(2))
    assert desk.fetch(made).stored == 3
    assert desk.fetch(made).stored == 0
    sizes = {row.bytes.split(b"Subject: Mail ")[1][:1]: (row.full_size, len(row.bytes)) for row in desk.stored()}
    assert sizes[b"0"][0] == sizes[b"2"][0] == 0
    assert sizes[b"1"][0] > 50_000
    assert sizes[b"1"][1] < 500


def test_a_mail_of_which_only_the_header_is_ours_is_never_deleted(dovecot: Dovecot, user: str, desk: Desk) -> None:
    """Law 7: with `after = "delete"` the whole mail stays on the server, also when the limit is raised later; the others go."""
    made = connector(dovecot.imap, user=user, max_size=10_000, after="delete")
    desk.fetch(made)
    dovecot.deliver(user, mail(0, "x" * 50_000))
    dovecot.deliver(user, mail(1))
    assert desk.fetch(made).stored == 2
    assert list(dovecot.flags(user)) == [1]
    with desk.database.durable() as connection:
        connection.execute(update(schema.fetched).values(touched=False))
    desk.fetch(connector(dovecot.imap, user=user, after="delete"))
    assert list(dovecot.flags(user)) == [1]


class Refusing:
    """An intake that has a passing fault for some mails, as with a full disk."""

    def __init__(self, desk: Desk) -> None:
        self._intake = desk.intake
        self.max_size = desk.intake.max_size
        self.poison = b"Mail"

    def submit_all(self, arrivals: Sequence[Arrival]) -> Future[list[Answer]]:
        refused = [bool(self.poison) and self.poison in arrival.raw for arrival in arrivals]
        stored = iter(self._intake.submit_all([arrival for arrival, no in zip(arrivals, refused, strict=True) if not no]).result())
        answers: Future[list[Answer]] = Future()
        answers.set_result([TryLater("disk full") if no else next(stored) for no in refused])
        return answers


@pytest.mark.parametrize("poison", [b"Mail", b"Mail 3\r"])
def test_what_cannot_be_stored_now_is_stored_later(dovecot: Dovecot, user: str, desk: Desk, clock: FakeClock, poison: bytes) -> None:
    """TryLater for all or for one: the mails stay in the mailbox, unmarked, are counted as waiting, and come when they can."""
    made = connector(dovecot.imap, user=user, after="delete")
    desk.fetch(made)
    dovecot.deliver_many(user, [mail(number) for number in range(5)])
    intake = Refusing(desk)
    intake.poison = poison
    came = ImapFetcher(made, replace(desk.means(), intake=intake))  # type: ignore[arg-type]  # it has what is used
    failing = 5 if poison == b"Mail" else 1
    came.open()
    assert came.fetch().waiting == failing
    assert len(dovecot.flags(user)) == failing
    intake.poison = b""
    clock.advance(minutes=1)
    assert came.fetch().waiting == 0
    came.close()
    assert desk.subjects() == ALL
    assert dovecot.flags(user) == {}


def test_one_poison_among_hundreds(dovecot: Dovecot, user: str, desk: Desk) -> None:
    """One of 300 mails cannot be stored: 299 are, in one look, and the one is said to wait."""
    made = connector(dovecot.imap, user=user)
    desk.fetch(made)
    dovecot.deliver_many(user, [mail(number) for number in range(300)])
    intake = Refusing(desk)
    intake.poison = b"Mail 150\r"
    came = ImapFetcher(made, replace(desk.means(), intake=intake))  # type: ignore[arg-type]  # it has what is used
    came.open()
    found = came.fetch()
    came.close()
    assert (found.stored, found.waiting) == (299, 1)


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (b"%TAG NO [AUTHENTICATIONFAILED] correct horse is wrong\r\n", Meaning.LOGIN_REFUSED),
        (b"%TAG NO [UNAVAILABLE] the directory is away\r\n", Meaning.PASSING),
        (b"* BYE going down\r\n", Meaning.PASSING),
    ],
)
def test_refused_log_ins_are_told_from_servers_in_trouble(
    dovecot: Dovecot, meddler: Meddler, user: str, sqlite_desk: Desk, answer: bytes, meaning: Meaning
) -> None:
    """RFC 5530: what does not blame the password does not suspend, and no secret is in the words."""
    meddler.refuse("AUTHENTICATE|LOGIN", answer)
    if answer.startswith(b"* BYE"):
        meddler.rules.clear()
        meddler.cut_within("AUTHENTICATE|LOGIN", 0)
    with pytest.raises(FetchTrouble) as met:
        sqlite_desk.fetch(connector(meddler.port, user=user))
    assert met.value.meaning is meaning
    assert "correct horse" not in str(met.value)


def test_a_hostile_server_cannot_fill_the_memory(dovecot: Dovecot, meddler: Meddler, user: str, sqlite_desk: Desk) -> None:
    """A literal of 40 GB that nobody asked for ends the connection, as does an answer without end."""
    made = connector(meddler.port, user=user)
    sqlite_desk.fetch(made)
    dovecot.deliver(user, mail(0))
    meddler.refuse("FETCH .*RFC822.SIZE", b"* 1 FETCH (UID 1 RFC822.SIZE {40000000000}\r\n", times=1)
    with pytest.raises(FetchTrouble, match="too large"):
        sqlite_desk.fetch(made)
    meddler.refuse("FETCH .*RFC822.SIZE", b"* 1 FETCH (UID 1 FLAGS ())\r\n" * 800_000, times=1)
    with pytest.raises(FetchTrouble):
        sqlite_desk.fetch(made)
    assert sqlite_desk.fetch(made).stored == 1


def test_a_dead_folder_stops_no_other(dovecot: Dovecot, user: str, sqlite_desk: Desk) -> None:
    """A folder that is not there is trouble somebody must look at; the mail of the others is taken in nevertheless."""
    dovecot.deliver(user, mail(0))
    came_to = sqlite_desk.fetch(connector(dovecot.imap, user=user, start="archive", folders=["Nowhere", "INBOX"]))
    assert "Nowhere" in came_to.trouble
    assert sqlite_desk.subjects() == ["Mail 0"]
    with pytest.raises(FetchTrouble, match="Nowhere") as met:
        sqlite_desk.fetch(connector(dovecot.imap, user=user, start="archive", folders=["Nowhere"]))
    assert met.value.meaning is Meaning.TROUBLE


def test_no_secret_travels_to_another_machine_in_clear() -> None:
    """Without encryption nothing is said to another host, not even hello."""
    with pytest.raises(FetchTrouble, match="unencrypted") as met:
        open_connection(Place("imap.invalid", 143, security="none", user="jo", secret=lambda: pytest.fail("it was asked for")))
    assert met.value.meaning is Meaning.TROUBLE
