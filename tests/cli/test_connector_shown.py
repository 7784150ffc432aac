"""`guichet connector list`, `show` and `begin`, and the figures of mailboxes for Prometheus, as the rows say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.health import Health
from gateway.bootstrap import open_house
from gateway.clock import FakeClock
from gateway.settings_source import load_settings
from gateway.store import connector_status, fetched
from gateway.store.due import is_behind
from gateway.store.engine import Database
from gateway.store.fetched import Folder
from gateway.store.figures import figures
from gateway.store.mailbox_figures import mailbox_figures
from gateway.web import metrics
from tests.cli.conftest import Guichet
from tests.conftest import make_schema

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""When the oldest mail began to wait."""


@pytest.fixture
def rows(tmp_path: Path, clock: FakeClock) -> Database:
    made = Database(f"sqlite:///{tmp_path}/rows.db")
    make_schema(made)
    with made.durable() as connection:
        fetched.save(
            connection, Folder("support", "INBOX", 1, 9, NOON, "now", seen=120, stored=20, waiting=3, oldest_waiting_at=NOON, looked_at=NOON)
        )
        fetched.save(connection, Folder("support", "Junk", 1, 2, NOON, "now", seen=5, stored=1))
        connector_status.save(connection, Health("fetch:sales", refused_logins=3, suspended_until=NOON, last_error="no", last_error_at=NOON))
    return made


def test_the_figures_of_a_mailbox_are_the_sum_of_its_folders(rows: Database) -> None:
    """Waiting, seen and stored add up, the oldest waiting mail keeps its age, and the state says what is wrong first."""
    with rows.read() as connection:
        support, sales, new = mailbox_figures(connection, ["support", "sales", "new"])
    assert (support.seen, support.stored, support.waiting, support.oldest_waiting_at, support.state) == (125, 21, 3, NOON, "behind")
    assert (sales.state, new.state) == ("suspended", "new")


def test_metrics_have_a_line_per_mailbox(rows: Database) -> None:
    """Last success, waiting, oldest waiting and suspended can be alarmed on; the only label is the connector's name."""
    with rows.read() as connection:
        found = figures(connection, NOON, ["support", "sales"])
    page = metrics.text(metrics.registry(lambda: found)).decode()
    assert 'guichet_mailbox_waiting{connector="support"} 3.0' in page
    assert 'guichet_mailbox_suspended{connector="sales"} 1.0' in page
    line = next(line for line in page.splitlines() if line.startswith('guichet_mailbox_oldest_waiting_timestamp_seconds{connector="support"}'))
    assert float(line.split()[-1]) == NOON.timestamp()


def test_mail_that_waits_in_the_mailbox_holds_the_clock(rows: Database) -> None:
    """decisions.md 1: nothing is closed by time over a mail that came before and still lies in the mailbox."""
    with rows.read() as connection:
        assert is_behind(connection, "support", NOON)
        assert not is_behind(connection, "support", NOON.replace(hour=11))


MAILBOX = 'incoming = { kind = "imap", host = "127.0.0.1", user = "support", password_env = "SUPPORT_PASSWORD", folders = ["INBOX", "Old"] }'
"""For the first connector of the desk."""


@pytest.fixture
def polled(guichet: Guichet, installation: Path) -> str:
    """The name of a connector that is fetched from."""
    return with_incoming(guichet, installation, MAILBOX)


@pytest.fixture
def house_database(installation: Path) -> Iterator[Database]:
    """That of the installation."""
    house = open_house(load_settings(installation / "guichet.toml"))
    yield house.database
    house.close()


def with_incoming(guichet: Guichet, installation: Path, line: str) -> str:
    """The first connector of the desk takes its mail in so; its name."""
    file = installation / "desk.toml"
    lines = file.read_text("utf-8").splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("incoming"))
    lines[place] = line
    file.write_text("\n".join(lines) + "\n", "utf-8")
    assert guichet("config", "apply", file).code == 0
    found: list[dict[str, str]] = guichet("connector", "list", "--json").json
    return found[0]["name"]


def test_a_beginning_is_chosen_before_the_first_look(guichet: Guichet, polled: str) -> None:
    """decisions.md 13: `connector begin` writes the choice for every folder, and `show` shows it."""
    said = guichet("connector", "begin", polled, "--from", "since", "--since", "2026-11-01", "--json")
    assert [(one["folder"], one["choice"]) for one in said.json] == [("INBOX", "since 2026-11-01"), ("Old", "since 2026-11-01")]
    shown = guichet("connector", "show", polled, "--json").json
    assert [(one["folder"], one["begun_at"], one["choice"]) for one in shown["folders"]] == [
        ("INBOX", "", "since 2026-11-01"),
        ("Old", "", "since 2026-11-01"),
    ]
    assert shown["state"] == "new"
    assert "INBOX" in guichet("connector", "show", polled).out
    assert "imap" in guichet("connector", "list").out


def test_old_figures_say_how_old_they_are(guichet: Guichet, polled: str, installation: Path) -> None:
    """A suspended mailbox shows the figures of its last look, with the moment of that look; a folder that is read no more does not make them older."""
    assert guichet("connector", "list", "--json").json[0]["looked_at"] == ""
    house = open_house(load_settings(installation / "guichet.toml"))
    with house.database.durable() as connection:
        for folder, hour in (("INBOX", 12), ("Old", 11), ("Gone", 1)):
            looked = NOON.replace(hour=hour)
            fetched.save(connection, Folder(polled, folder, 1, 2, NOON, "now", seen=5, stored=1, looked_at=looked))
        connector_status.save(connection, Health(f"fetch:{polled}", refused_logins=3, suspended_until=NOON, last_error="no", last_error_at=NOON))
    house.close()
    (line,) = [one for one in guichet("connector", "list", "--json").json if one["name"] == polled]
    assert (line["state"], line["looked_at"], line["on_server"]) == ("suspended", "2026-03-02T11:00:00Z", 15)
    assert "looked at" in guichet("connector", "list").out


@pytest.mark.parametrize(
    "asked",
    [
        ("--from", "since"),
        ("--from", "now", "--since", "2026-11-01"),
        ("--from", "since", "--since", "yesterday"),
        ("--from", "now", "--folder", "No"),
    ],
)
def test_what_cannot_be_chosen_is_a_sentence(guichet: Guichet, polled: str, asked: tuple[str, ...]) -> None:
    """A date that is missing, unwanted or none, and a folder that is not read: one sentence, nothing written."""
    said = guichet("connector", "begin", polled, *asked)
    assert said.code != 0
    assert len(said.err.splitlines()) == 1
    assert guichet("connector", "show", polled, "--json").json["folders"] == []


POP3 = 'incoming = { kind = "pop3", host = "127.0.0.1", user = "support", password_env = "SUPPORT_PASSWORD" }'
MAILDIR = 'incoming = { kind = "maildir", path = "box" }'


@pytest.mark.parametrize(("line", "folder"), [(POP3, "POP3"), (MAILDIR, "Maildir")])
def test_mailboxes_without_folders_begin_too(guichet: Guichet, installation: Path, line: str, folder: str) -> None:
    """decisions.md 13: POP3 and Maildir can be told before their first look from where on they are read; POP3 knows nothing of what was read."""
    name = with_incoming(guichet, installation, line)
    said = guichet("connector", "begin", name, "--from", "archive", "--json")
    assert [(one["folder"], one["choice"]) for one in said.json] == [(folder, "archive")]
    assert [one["choice"] for one in guichet("connector", "show", name, "--json").json["folders"]] == ["archive"]
    assert (guichet("connector", "begin", name, "--from", "unseen").code == 0) is (folder == "Maildir")


def test_what_a_mailbox_owes_is_shown_and_can_be_given_up(guichet: Guichet, polled: str, house_database: Database) -> None:
    """A message that is never had is named by `show`, and `give-up` leaves it where it is; what is not owed cannot be given up."""
    source = "INBOX/1/7"
    with house_database.durable() as connection:
        fetched.note(connection, [(polled, source, ""), (polled, "INBOX/1/8", "inb1")], NOON)
    assert guichet("connector", "show", polled, "--json").json["owed"] == [{"source": source, "since": "2026-03-02T12:00:00Z"}]
    assert source in guichet("connector", "show", polled).out
    assert guichet("connector", "give-up", polled, source).code == 0
    assert "owed" not in guichet("connector", "show", polled, "--json").json
    for refused in ("INBOX/1/9", "INBOX/1/8"):
        said = guichet("connector", "give-up", polled, refused)
        assert (said.code, len(said.err.splitlines())) == (2, 1)
    assert guichet("connector", "give-up", "nobody", source).code == 2


def test_a_message_of_a_maildir_is_given_up(guichet: Guichet, installation: Path, house_database: Database) -> None:
    """Its source is noted as looked at, so that it waits no more; not where all old mail comes in."""
    name = with_incoming(guichet, installation, MAILDIR)
    assert guichet("connector", "give-up", name, "maildir/001.host").code == 0
    with house_database.read() as connection:
        assert fetched.known(connection, name, ["maildir/001.host"]) == {"maildir/001.host": ""}
    guichet("connector", "begin", name, "--from", "archive")
    assert "archive" in guichet("connector", "give-up", name, "maildir/002.host").err


def test_only_mailboxes_that_are_fetched_from_begin_anew(guichet: Guichet, installation: Path) -> None:
    """A connector that mail is delivered to has nothing to begin with."""
    name = guichet("connector", "list", "--json").json[0]["name"]
    said = guichet("connector", "begin", name, "--from", "archive")
    assert said.code != 0
    assert "imap, pop3 or maildir" in said.err
