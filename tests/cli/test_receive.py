"""The pipe hook: stored or not, what the MTA is told, and that nothing of ours ever makes a mail bounce."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.settings_source import load_settings
from gateway.store import schema
from gateway.store.engine import Database
from tests.cli.conftest import Guichet, mail

GUICHET = str(Path(sys.executable).parent / "guichet")


def _stored(installation: Path) -> list[tuple[str, list[str], bytes]]:
    database = Database(load_settings(installation / "guichet.toml").database_url)
    inbound, raw_mail = schema.inbound.c, schema.raw_mail.c
    statement = select(inbound.envelope_from, inbound.envelope_to, raw_mail.bytes).join_from(schema.inbound, schema.raw_mail, raw_mail.id == inbound.id)
    with database.read() as connection:
        rows = [(row[0], list(row[1]), bytes(row[2])) for row in connection.execute(statement)]
    database.dispose()
    return rows


@pytest.mark.parametrize(
    ("arguments", "recipients"),
    [
        (("--from", "a@acme.example", "--to", "support@demo.example"), ["support@demo.example"]),
        (("--from", "a@acme.example", "--to", "support@demo.example", "help@demo.example"), ["support@demo.example", "help@demo.example"]),
        (("--to", "support@demo.example", "--to", "help@demo.example", "--from", "a@acme.example"), ["support@demo.example", "help@demo.example"]),
    ],
)
def test_a_mail_is_stored_with_its_envelope(guichet: Guichet, installation: Path, arguments: tuple[str, ...], recipients: list[str]) -> None:
    """Exit 0 and not a word; several recipients as Postfix gives them."""
    raw = mail()
    said = guichet("receive", *arguments, stdin=raw)
    assert (said.code, said.out, said.err) == (0, "", "")
    assert _stored(installation) == [("a@acme.example", recipients, raw)]


def test_an_unknown_recipient_is_67(guichet: Guichet, installation: Path) -> None:
    """A bounce is wanted: EX_NOUSER, one line with the enhanced status."""
    said = guichet("receive", "--to", "nobody@demo.example", stdin=mail())
    assert (said.code, said.err) == (67, "5.1.1 No such address here\n")
    assert _stored(installation) == []


def test_a_mail_that_is_too_big_is_65(guichet: Guichet, installation: Path) -> None:
    """EX_DATAERR, and nothing is stored."""
    said = guichet("--set", "smtp.max_size=10000", "receive", "--to", "support@demo.example", stdin=mail(text="x" * 10_001))
    assert said.code == 65
    assert said.err.startswith("5.3.4 ")
    assert len(said.err.splitlines()) == 1
    assert _stored(installation) == []


@pytest.mark.parametrize(
    "broken",
    [
        "no settings file",
        "wrong settings",
        "no database",
        "database away",
        "old revision",
        "wrong option",
        "a bug",
    ],
)
def test_whatever_is_wrong_with_us_is_75_in_one_line(guichet: Guichet, installation: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """The MTA keeps the mail and tries again; nothing inner is told to the sender."""
    arguments = ["receive", "--to", "support@demo.example"]
    file = installation / "guichet.toml"
    if broken == "no settings file":
        file.unlink()
    elif broken == "wrong settings":
        file.write_text("prot = 1", "utf-8")
    elif broken == "no database":
        (installation / "guichet.db").unlink()
    elif broken == "database away":
        arguments = ["--set", "database.url=postgresql+psycopg://x:geheim@127.0.0.1:1/x", *arguments]
    elif broken == "old revision":
        database = Database(load_settings(file).database_url)
        with database.durable() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
        database.dispose()
    elif broken == "wrong option":
        arguments.append("--nonsense")
    else:
        monkeypatch.setattr("gateway.inbound.receive.receive", lambda *_, **__: 1 / 0)
    said = guichet(*arguments, stdin=mail())
    assert (said.code, said.out) == (75, "")
    assert said.err.startswith("4.3.0 ")
    assert len(said.err.splitlines()) == 1
    assert "geheim" not in said.err


def test_storing_needs_no_key(guichet: Guichet, installation: Path) -> None:
    """A mail is taken in even while the key file is away; processing it waits."""
    (installation / "secret.key").unlink()
    assert guichet("receive", "--to", "support@demo.example", stdin=mail()).code == 0
    assert len(_stored(installation)) == 1


def test_a_broken_interpreter_path_is_75_too(installation: Path, tmp_path: Path) -> None:
    """Even when a library cannot be imported, the exit code is not the 1 that bounces."""
    (tmp_path / "click.py").write_text("raise ImportError('broken installation')", "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from gateway.cli.main import main; sys.exit(main(['receive']))"],
        env={"PYTHONPATH": str(tmp_path), "GUICHET_CONFIG": str(installation / "guichet.toml")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 75
    assert len(done.stderr.splitlines()) == 1


def test_the_real_command_as_an_mta_calls_it(installation: Path) -> None:
    """Another process, bytes on stdin, envelope in the environment."""
    raw = mail(more="X-Bytes: \xe9\r\n").replace("é".encode(), b"\xe9")
    environment = {"GUICHET_CONFIG": str(installation / "guichet.toml"), "SENDER": "a@acme.example", "RECIPIENT": "support@demo.example"}
    done = subprocess.run([GUICHET, "receive"], input=raw, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert _stored(installation) == [("a@acme.example", ["support@demo.example"], raw)]


def test_help_of_receive_is_help(guichet: Guichet, installation: Path) -> None:
    """Asked for help, it helps."""
    said = guichet("receive", "--help")
    assert said.code == 0
    assert "master.cf" in said.out
