"""The pipe hook behind a real Postfix, by pipe(8): stored with its envelope, bounced where a bounce is wanted, put off where the fault is ours."""

from __future__ import annotations

import os
import socketserver
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from sqlalchemy import select

from gateway.settings_source import load_settings
from gateway.store import schema
from gateway.store.engine import Database
from tests import postfix as postfixes
from tests.cli.conftest import mail
from tests.conftest import missing
from tests.postfix import Postfix, wait_for

GUICHET = str(Path(sys.executable).parent / "guichet")

HOOK = """\
use IO::Socket::INET;
my $wire = IO::Socket::INET->new(PeerAddr => "127.0.0.1:" . shift @ARGV) or exit 75;
binmode STDIN; binmode $wire;
print $wire join("\\0", @ARGV), "\\n";
print $wire $_ while <STDIN>;
shutdown $wire, 1;
my $code = <$wire>;
print STDERR $_ while <$wire>;
exit $code;
"""
"""What pipe(8) runs: as the user nobody, who may not read this Python, it hands arguments and mail to the test, which runs the hook."""


class Piping(Postfix):
    """A Postfix that hands the mail of demo.example to `guichet receive` of an installation."""

    def __init__(self, installation: Path) -> None:
        super().__init__(relay={"demo.example": 9}, settings={"transport_maps": "inline:{{demo.example = guichet:}}"})

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                arguments = self.rfile.readline().decode().rstrip("\n").split("\0")
                command = [GUICHET, "--config", str(installation / "guichet.toml"), "receive", *arguments]
                done = subprocess.run(command, input=self.rfile.read(), capture_output=True, check=False)
                self.wfile.write(f"{done.returncode}\n".encode() + done.stderr)

        self._hook = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._hook.serve_forever, daemon=True).start()

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        super().__exit__(kind, fault, trace)
        self._hook.shutdown()
        self._hook.server_close()

    def _write(self) -> None:
        super()._write()
        script = self.folder / "etc" / "hook.pl"
        script.write_text(HOOK)
        command = f"/usr/bin/perl {script} {self._hook.server_address[1]} --from ${{sender}} --to ${{recipient}}"
        with (self.folder / "etc" / "master.cf").open("a") as file:
            file.write(f"guichet unix - n n - 2 pipe flags=Rhu user=nobody argv={command}\n")


@pytest.fixture
def shared(installation: Path) -> Path:
    """A copy of the demo's desk, where a Postfix can be started."""
    reason = postfixes.missing_reason()
    if reason:
        missing(reason)
    return installation


def stored(installation: Path) -> list[Any]:
    """What came in."""
    database = Database(load_settings(installation / "guichet.toml").database_url)
    statement = select(schema.inbound, schema.raw_mail.c.bytes).join(schema.raw_mail, schema.raw_mail.c.id == schema.inbound.c.id)
    try:
        with database.read() as connection:
            return list(connection.execute(statement))
    finally:
        database.dispose()


def test_postfix_hands_mail_to_the_hook(shared: Path) -> None:
    """Two recipients in one run, the null sender, a sender in capitals: stored with the envelope."""
    with Piping(shared) as server:
        server.submit("Alice@acme.example", ["support@demo.example", "claims@demo.example"], mail("two"))
        server.submit("", ["support@demo.example"], mail("null"))
        wait_for(lambda: len(stored(shared)) == 2 and server.queue() == [], what="both mails")
        found = {row.envelope_from: row for row in stored(shared)}
    assert set(found) == {"Alice@acme.example", ""}
    assert sorted(found["Alice@acme.example"].envelope_to) == ["claims@demo.example", "support@demo.example"]
    assert found[""].bytes.startswith(b"Return-Path: <MAILER-DAEMON>\n") and b"Subject: null" in found[""].bytes
    assert {row.door for row in found.values()} == {"pipe"}


def test_what_the_hook_refuses_bounces(shared: Path) -> None:
    """An address that nobody knows: Postfix tells the sender with our words; nothing is stored."""
    with Piping(shared) as server:
        server.submit("someone@mailbox.example", ["nobody@demo.example"], mail())
        (bounce,) = wait_for(server.raw_mails, what="the bounce")
    assert b"Status: 5.1.1" in bounce and b"No such address here" in bounce
    assert stored(shared) == []


def test_a_fault_of_ours_puts_off(shared: Path) -> None:
    """The database is away: 75, the mail waits in Postfix's queue without a bounce, and comes in when the database is back."""
    database = load_settings(shared / "guichet.toml").database_url.removeprefix("sqlite:///")
    away = Path(f"{database}.away")
    os.rename(database, away)
    Path(database).mkdir()
    with Piping(shared) as server:
        server.submit("alice@acme.example", ["support@demo.example"], mail())
        wait_for(lambda: "status=deferred" in server.log(), what="the delay")
        assert "4.3.0" in server.log()
        Path(database).rmdir()
        os.rename(away, database)
        server.flush()
        wait_for(lambda: stored(shared), what="the mail")
        assert server.raw_mails() == []
    assert len(stored(shared)) == 1
