"""A fetcher that is killed at every effect it has on the database or on the mailbox: each mail is ours once, and the mailbox is as was wished."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.setup import Connector
from gateway.clock import FakeClock
from gateway.store.engine import Database
from tests.conftest import make_schema, missing
from tests.crash.effects import Effects, KillAt
from tests.crash.forked import context
from tests.dovecot import Dovecot, missing_reason
from tests.inbound.imap_ways import Desk, connector, mail, subject_of

MAILS = 4
MOST_EFFECTS = 40
AFTERS = ("seen", "move", "delete")
PATIENCE_SECONDS = 60


def fetch(url: str, mailbox: Connector, kill_at: KillAt, journal: Path) -> None:
    """One session in a process of its own, which dies where it is told to."""
    database = Database(url)
    effects = Effects(kill_at, journal)
    effects.watch_sockets()
    effects.watch_commits(database, lambda: None)
    Desk(database, FakeClock()).fetch(mailbox)
    os._exit(0)


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    if reason := missing_reason():
        missing(reason)
    with Dovecot(users=[f"{after}{n}" for after in AFTERS for n in range(MOST_EFFECTS)]) as made:
        yield made


@pytest.mark.parametrize("after", AFTERS)
def test_a_fetcher_killed_at_every_effect(dovecot: Dovecot, tmp_path: Path, after: str) -> None:
    """Law 3, before each command to the server and each commit: the next session takes in what is missing, once each, and finishes what was begun."""
    url = f"sqlite:///{tmp_path}/guichet.db"
    database = Database(url)
    make_schema(database)
    desk = Desk(database, FakeClock())
    try:
        for n in range(1, MOST_EFFECTS):
            user = f"{after}{n}"
            mailbox = replace(connector(dovecot.imap, user=user, after=after, **({"move_to": "Done"} if after == "move" else {})), name=user)
            with dovecot.client(user) as client:
                client.create('"Done"')
            desk.fetch(mailbox)
            dovecot.deliver_many(user, [mail(number) for number in range(MAILS)])
            died = killed(url, mailbox, KillAt(n), tmp_path / f"effects{n}.txt")
            desk.fetch(mailbox)
            said = f"killed before effect {n}: {(tmp_path / f'effects{n}.txt').read_text()}"
            assert sorted(subject_of(row.bytes) for row in desk.stored() if row.connector == user) == [f"Mail {number}" for number in range(MAILS)], (
                said
            )
            assert as_wished(dovecot, user, after), said
            if not died:
                assert n > 10, said
                return
    finally:
        desk.close()
        database.dispose()
    pytest.fail("the child had more effects than were played")


def killed(url: str, mailbox: Connector, kill_at: KillAt, journal: Path) -> bool:
    """Whether the session came to its death; False if it ended before."""
    process = context().Process(target=fetch, args=(url, mailbox, kill_at, journal), daemon=True)
    process.start()
    process.join(PATIENCE_SECONDS)
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def as_wished(dovecot: Dovecot, user: str, after: str) -> bool:
    """Every mail marked, moved without a copy left or made twice, or gone."""
    inbox, done = dovecot.flags(user), dovecot.flags(user, "Done")
    if after == "seen":
        return len(inbox) == MAILS and all("Seen" in flags for flags in inbox.values())
    return not inbox and len(done) == (MAILS if after == "move" else 0)
