"""Archives into the house: every mail once, however often; nothing automatic leaves; what went wrong is said."""

from __future__ import annotations

import gzip
import mailbox
import os
import subprocess
import sys
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.bootstrap import open_house
from gateway.settings_source import load_settings
from gateway.store import schema
from tests import dovecot as dovecots
from tests import postfix as postfixes
from tests.cli.conftest import Guichet, mail
from tests.conftest import missing
from tests.dovecot import Dovecot
from tests.postfix import Postfix, wait_for

FROM = b"From alice@acme.example Mon Jan  1 12:00:00 2024\n"
FEW = 300
GUICHET = str(Path(sys.executable).parent / "guichet")


def rows(installation: Path) -> list[Any]:
    """What is stored."""
    house = open_house(load_settings(installation / "guichet.toml"))
    statement = select(schema.inbound, schema.raw_mail.c.bytes).join(schema.raw_mail, schema.raw_mail.c.id == schema.inbound.c.id).order_by(schema.raw_mail.c.bytes)
    try:
        with house.database.read() as connection:
            return list(connection.execute(statement))
    finally:
        house.close()


def outgoing(installation: Path) -> int:
    """Mails that were queued to leave."""
    house = open_house(load_settings(installation / "guichet.toml"))
    try:
        with house.database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(schema.outbox)).scalar_one())
    finally:
        house.close()


def numbered(count: int, first: int = 0) -> list[bytes]:
    """Mails that differ."""
    return [mail(f"Old {number:05}").replace(b"\r\n", b"\n") for number in range(first, first + count)]


def written(path: Path, raws: list[bytes]) -> Path:
    """An mbox of them."""
    path.write_bytes(b"".join(FROM + raw + b"\n" for raw in raws))
    return path


def test_an_archive_of_an_mbox(guichet: Guichet, installation: Path, work: Callable[[], None], tmp_path: Path) -> None:
    """With --archive each mail becomes an item, and nothing automatic leaves."""
    box = written(tmp_path / "old.mbox", numbered(20))
    said = guichet("import", "mbox", box, "--archive")
    assert (said.code, said.out, said.err) == (0, "20 of 20 mails stored.\n", "")
    found = rows(installation)
    assert [row.bytes for row in found] == numbered(20)
    assert {(row.door, row.archive, row.envelope_from) for row in found} == {("mbox", True, "alice@acme.example")}
    for _ in range(5):
        work()
    assert {row.state for row in rows(installation)} == {"done"}
    assert outgoing(installation) == 0


def test_an_import_may_be_repeated(guichet: Guichet, installation: Path, tmp_path: Path) -> None:
    """The same file again, longer, and with a mail twice in it: each mail is stored once, in either kind of archive."""
    box = written(tmp_path / "old.mbox", numbered(3))
    assert guichet("import", "mbox", box, "--json").json == {"file": str(box), "mails": 3, "stored": 3, "known": 0, "refused": [], "try_later": 0}
    written(box, [*numbered(5), *numbered(1)])
    assert guichet("import", "mbox", box).out == "2 of 6 mails stored, 4 were there already.\n"
    folder = mailbox.Maildir(tmp_path / "dir")
    for raw in numbered(6):
        folder.add(message_from_bytes(raw))
    said = guichet("import", "maildir", tmp_path / "dir")
    assert said.out == "1 of 6 mails stored, 5 were there already.\n"
    assert len(rows(installation)) == 6


def test_for_one_connector(guichet: Guichet, installation: Path, work: Callable[[], None], tmp_path: Path) -> None:
    """--connector says whose mailbox it was: a mail to two of ours becomes one item, there; a name that does not exist is refused before anything is read."""
    box = written(tmp_path / "old.mbox", [mail("Both", to="support@demo.example, claims@demo.example")])
    said = guichet("import", "mbox", box, "--connector", "nobody")
    assert said.code == 2 and "nobody" in said.err
    assert rows(installation) == []
    assert guichet("import", "mbox", box, "--connector", "claims", "--archive").code == 0
    work()
    (row,) = rows(installation)
    assert (row.connector, row.state) == ("claims", "done")
    assert [item["queue"] for item in guichet("item", "list", "--json").json] == ["Claims"]


def test_a_mail_that_is_too_large(guichet: Guichet, installation: Path, tmp_path: Path) -> None:
    """It is refused and named, the others are stored: exit 2."""
    box = written(tmp_path / "old.mbox", [*numbered(1), mail("Big", text="x" * 20_000), *numbered(1, 1)])
    said = guichet("--set", "smtp.max_size=10000", "import", "mbox", box, "--json")
    assert said.code == 2
    assert said.err == f"{box}, mail 2: 5.3.4 The mail is larger than the 10000 bytes that are taken.\n"
    assert (said.json["stored"], [one["mail"] for one in said.json["refused"]]) == (2, [f"{box}, mail 2"])


def test_what_is_no_archive(guichet: Guichet, installation: Path, tmp_path: Path) -> None:
    """Another file, an empty folder, a damaged file: exit 2, a sentence, and what was stored before is counted."""
    (tmp_path / "x.eml").write_bytes(mail())
    said = guichet("import", "mbox", tmp_path / "x.eml")
    assert said.code == 2 and "does not begin with" in said.err
    said = guichet("import", "maildir", tmp_path / "demo")
    assert said.code == 2 and "no Maildir" in said.err
    assert guichet("import", "mbox", tmp_path / "absent").code == 64
    box = written(tmp_path / "old.mbox", numbered(50))
    packed = tmp_path / "old.gz"
    packed.write_bytes(gzip.compress(box.read_bytes())[:-10])
    said = guichet("import", "mbox", packed)
    assert said.code == 2 and "damaged" in said.err and "were stored before that" in said.err
    assert len(rows(installation)) >= 40


def test_our_own_fault_is_75(guichet: Guichet, installation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database cannot store: exit 75, nothing is marked as done, and the same command stores it later."""
    box = written(tmp_path / "old.mbox", numbered(2))

    def no_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("gateway.inbound.intake.arrivals.store", no_disk)
        said = guichet("import", "mbox", box)
    assert said.code == 75
    assert guichet("import", "mbox", box).out == "2 of 2 mails stored.\n"


def test_killed_in_the_middle(guichet: Guichet, installation: Path, tmp_path: Path) -> None:
    """kill -9 while it stores: the next run goes on, nothing is lost, nothing is there twice."""
    box = written(tmp_path / "old.mbox", numbered(3_000))
    process = subprocess.Popen([GUICHET, "import", "mbox", str(box), "--archive"], env={**os.environ}, stdout=subprocess.DEVNULL)
    wait_for(lambda: len(rows(installation)) >= 50 or process.poll() is not None, what="the first mails")
    process.kill()
    process.wait()
    before = len(rows(installation))
    said = guichet("import", "mbox", box, "--archive", "--json").json
    assert (said["stored"], said["known"]) == (3_000 - before, before)
    assert [row.bytes for row in rows(installation)] == numbered(3_000)


@pytest.mark.timeout(300)
def test_ten_thousand_in_bounded_memory(installation: Path, tmp_path: Path) -> None:
    """An mbox of 100 MB costs no more memory than one of 20 MB: the peak of the whole process stays within 100 MB more than what it needs at all."""
    program = """
import resource, sys
from gateway.cli.main import main
code = main(["import", "mbox", sys.argv[1], "--archive"])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
sys.exit(code)
"""
    peaks = []
    for count, box in ((1, tmp_path / "one"), (10_000, tmp_path / "many")):
        with box.open("wb") as file:
            for number in range(count):
                file.write(FROM + mail(f"N {count} {number}", text="0123456789abcdef\r\n" * 600).replace(b"\r\n", b"\n") + b"\n")
        done = subprocess.run([sys.executable, "-c", program, str(box)], capture_output=True, text=True, check=True)
        assert f"{count} of {count} mails stored" in done.stdout
        peaks.append(int(done.stdout.splitlines()[-1]))
    assert peaks[1] < peaks[0] + 100, peaks


def test_a_maildir_written_by_dovecot(guichet: Guichet, installation: Path, work: Callable[[], None]) -> None:
    """INBOX and folders as Dovecot keeps them, read and unread, with names in other alphabets: all come in, in the order of delivery, with their folder."""
    reason = dovecots.missing_reason()
    if reason:
        missing(reason)
    raws = [raw.replace(b"\n", b"\r\n") for raw in numbered(6)]
    with Dovecot() as server:
        server.deliver("support", raws[0])
        server.deliver("support", raws[1], flags="(\\Seen)")
        server.deliver("support", raws[2], "Archive.2019", "(\\Seen \\Answered)")
        server.deliver("support", raws[3], "Entw&APw-rfe")
        server.deliver_many("support", raws[4:])
        said = guichet("import", "maildir", server.maildir("support"), "--archive")
        again = guichet("import", "maildir", server.maildir("support"), "--archive")
    assert (said.code, said.out) == (0, "6 of 6 mails stored.\n"), said.err
    assert again.out == "0 of 6 mails stored, 6 were there already.\n"
    found = rows(installation)
    assert [row.bytes.replace(b"\r\n", b"\n") for row in found] == numbered(6)
    assert [row.folder for row in found] == ["INBOX", "INBOX", "Archive/2019", "Entwürfe", "INBOX", "INBOX"]
    work()
    assert {row.state for row in rows(installation)} == {"done"}


def test_an_mbox_written_by_postfix(guichet: Guichet, installation: Path) -> None:
    """virtual(8) delivers to an mbox: its From_ lines, its quoting and the sender's Return-Path are understood."""
    reason = postfixes.missing_reason()
    if reason:
        missing(reason)
    bodies = [b"plain\r\n", b"From here\r\n\r\nFrom a@b Mon Jan  1 12:00:00 2024\r\nX: y\r\n", b">From quoted already\r\n", b".\r\n\r\n\r\n"]
    with Postfix(mailboxes=("demo.example",), settings={"virtual_mailbox_maps": "static:box"}) as server:
        for number, body in enumerate(bodies):
            raw = b"From: alice@acme.example\r\nTo: support@demo.example\r\nSubject: %d\r\n\r\n" % number + body
            server.submit("alice@acme.example", ["support@demo.example"], raw)
        box = server.folder / "mail" / "box"
        wait_for(lambda: box.exists() and box.read_bytes().count(b"\nSubject: ") == 4 and server.queue() == [], what="four deliveries")
        said = guichet("import", "mbox", box)
    assert (said.code, said.out) == (0, "4 of 4 mails stored.\n"), said.err
    found = {row.bytes.split(b"Subject: ")[1][:1]: row for row in rows(installation)}
    for number, body in enumerate(bodies):
        row = found[b"%d" % number]
        kept = row.bytes.partition(b"\n\n")[2]
        assert kept.rstrip(b"\n") == body.replace(b"\r\n", b"\n").replace(b">From", b"From").rstrip(b"\n")
        assert row.envelope_from == "alice@acme.example"


def test_a_maildir_with_files_that_are_none(guichet: Guichet, installation: Path, tmp_path: Path) -> None:
    """Links, folders and compressed files in an archive: links are not followed, compressed mails unpacked, damaged ones named with exit 2."""
    root = tmp_path / "dir"
    for name in ("cur", "new", "tmp", ".Sub/cur", ".Sub/new"):
        (root / name).mkdir(parents=True)
    (root / "cur" / "1.host:2,S").write_bytes(gzip.compress(numbered(1)[0]))
    (root / ".Sub" / "new" / "2.host").write_bytes(numbered(1, 1)[0])
    (root / "new" / "3.host").write_bytes(b"\x1f\x8bnot really")
    (root / "new" / "4.host").symlink_to(tmp_path / "demo" / "secret.key")
    (root / "loop").symlink_to(root)
    (root / "tmp" / "5.host").write_bytes(numbered(1, 5)[0])
    said = guichet("import", "maildir", root)
    assert said.code == 2
    assert "3.host: it is compressed and damaged" in said.err
    assert [row.bytes for row in rows(installation)] == numbered(2)
    assert [row.folder for row in rows(installation)] == ["INBOX", "Sub"]
