"""Shared mailboxes on a real Dovecot: by a log-in that acts for another, and by the namespace of other people's folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.clock import FakeClock
from gateway.inbound.fetching import FetchTrouble
from gateway.store.engine import Database
from tests.conftest import make_schema, missing
from tests.dovecot import PASSWORD, Dovecot, missing_reason
from tests.inbound.imap_ways import Desk, connector, mail

SHARING = """\
passdb {
  driver = passwd-file
  master = yes
  args = scheme=PLAIN {folder}/masters
}
namespace others {
  type = shared
  separator = .
  prefix = user.%%u.
  location = maildir:{folder}/home/%%u/Maildir
  subscriptions = no
  list = children
}
plugin {
  acl = vfile
  acl_shared_dict = file:{folder}/shared-mailboxes
}
protocol imap {
  mail_plugins = acl imap_acl
}
"""


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    """`helper` may log in for anybody; `ann` may read INBOX of `support`."""
    if reason := missing_reason():
        missing(reason)
    made = Dovecot(users=["support", "ann"], more=SHARING)
    masters = made.folder / "masters"
    masters.write_text(f"helper:{{PLAIN}}{PASSWORD}\n")
    masters.chmod(0o644)
    with made:
        made.deliver("support", mail(1000))
        (made.maildir("support") / "dovecot-acl").write_text("user=ann lrwste\nuser=helper lrwste\nowner lrwstipekxa\n")
        (made.maildir("support") / "dovecot-acl").chmod(0o644)
        yield made


@pytest.fixture
def desk(tmp_path: Path, clock: FakeClock) -> Iterator[Desk]:
    """On SQLite: what is shown here is what the server is asked."""
    database = Database(f"sqlite:///{tmp_path}/shared.db")
    make_schema(database)
    made = Desk(database, clock)
    yield made
    made.close()
    database.dispose()


def test_a_log_in_that_acts_for_the_mailbox(dovecot: Dovecot, desk: Desk) -> None:
    """`mailbox` is the authorization identity (RFC 4422): one user's password opens another's mailbox, if the server lets it; else the log-in is refused."""
    made = connector(dovecot.imap, user="helper", mailbox="support", after="seen")
    desk.fetch(made)
    uid = dovecot.deliver("support", mail(1))
    desk.fetch(made)
    assert desk.subjects() == ["Mail 1"]
    assert "Seen" in dovecot.flags("support")[uid]
    with pytest.raises(FetchTrouble):
        desk.fetch(connector(dovecot.imap, user="ann", mailbox="support"))


@pytest.mark.parametrize("after", ["leave", "delete"])
def test_the_namespace_of_other_people(dovecot: Dovecot, desk: Desk, after: str) -> None:
    """`namespace` before each folder: the shared INBOX is read with the reader's own log-in, and changed as far as the rights go."""
    made = connector(dovecot.imap, user="ann", namespace="user.support.", after=after)
    desk.fetch(made)
    uid = dovecot.deliver("support", mail(2))
    desk.fetch(made)
    assert desk.subjects() == ["Mail 2"]
    assert [row.folder for row in desk.stored()] == ["INBOX"]
    assert (uid in dovecot.flags("support")) is (after == "leave")

