"""The demo: a small installation written into a folder, and a few mails to begin with; serving it is `gateway/cli/demo.py`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import format_datetime, getaddresses
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.clock import Clock, new_password
from gateway.demo_door import CERTIFICATE, write_private
from gateway.deskfile import read_desk
from gateway.inbound.port import Arrival
from gateway.store.engine import Database
from gateway.store.passwords import hashed, set_password
from gateway.store.setups import Setups

if TYPE_CHECKING:
    from gateway.bootstrap import House

SAMPLES = Path(__file__).resolve().parent.parent / "templates" / "demo"
BY = "demo"
PATIENCE = 5.0
"""Seconds for the reading of one sample mail."""

SETTINGS_FILE = """\
# The settings of the demo; see docs/settings.md. Commands find it by --config or GUICHET_CONFIG.

data = "."                        # folder of the database, the keys and the local mail: here

[database]
url = "sqlite:///guichet.db"

[smtp]
host = "127.0.0.1"
port = {smtp_port}{certificate}

[lmtp]
host = "127.0.0.1"
port = {lmtp_port}

[web]
host = "127.0.0.1"
port = {web_port}{links}
"""

CERTIFICATE_LINE = f"""
tls_certificate = "{CERTIFICATE}"        # for this machine alone; the doors for mail programs offer TLS with it"""
LINKS_LINE = """
public_url = "http://127.0.0.1:{web_port}"   # links in mails to the demo's people begin so"""
SUBMISSION_PART = """
[submission]                      # where the demo's people hand in what they write
enabled = true
host = "127.0.0.1"
port = {submission_port}
"""


@dataclass(frozen=True)
class Ports:
    """Where the demo listens, on loopback."""

    smtp: int = 2525
    lmtp: int = 2424
    web: int = 8080
    submission: int | None = 5870
    """None: no such door, and no links in mails."""


def write_settings(folder: Path, ports: Ports) -> Path:
    """The folder with its settings file; a file that is there stays. Returns its path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    file = folder / "guichet.toml"
    if not file.exists():
        part = folder / "guichet.toml.part"
        part.write_text(_settings(ports), "utf-8")
        part.rename(file)
    return file


def _settings(ports: Ports) -> str:
    by_mail = ports.submission is not None
    certificate, links = (CERTIFICATE_LINE, LINKS_LINE.format(web_port=ports.web)) if by_mail else ("", "")
    settings = SETTINGS_FILE.format(smtp_port=ports.smtp, lmtp_port=ports.lmtp, web_port=ports.web, certificate=certificate, links=links)
    return settings + (SUBMISSION_PART.format(submission_port=ports.submission) if by_mail else "")


def fill_desk(database: Database, folder: Path, clock: Clock) -> dict[str, str]:
    """The sample desk with a password for each user, if the database has no desk yet. Returns new passwords by e-mail address.

    The files are written before the hashes are committed: a crash in between leaves a file that the next start writes anew.
    """
    setups = Setups(clock)
    with database.read() as connection:
        if setups.current(connection).revision:
            return {}
    setup = read_desk(SAMPLES / "desk.toml").setup
    passwords = {user.email: new_password() for user in setup.users}
    write_private(folder / "passwords.txt", "".join(f"{email}  {password}\n" for email, password in passwords.items()).encode())
    (folder / "desk.toml").write_text((SAMPLES / "desk.toml").read_text("utf-8"), "utf-8")
    hashes = {email: hashed(password) for email, password in passwords.items()}
    now = clock.now()
    with database.durable() as connection:
        setups.save(connection, setup, BY, now)
        for email, password_hash in hashes.items():
            set_password(connection, email, password_hash, BY, now)
    return passwords


def play_samples(house: House) -> int:
    """Hand the sample mails to the intake, if no mail has ever come in. Returns how many. A second time they would only be duplicates.

    Each waits until the one before it was read, so that their items have the references that the documents name.
    """
    now = house.clock.now()
    if any(_states(house).values()):
        return 0
    files = sorted((SAMPLES / "mails").glob("*.eml"))
    for place, file in enumerate(files):
        raw = file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        head = BytesHeaderParser().parsebytes(raw)
        date = format_datetime(now - timedelta(minutes=5 * (len(files) - place))).encode("ascii")
        sender, recipients = _envelope(head)
        house.intake.submit(Arrival(b"Date: " + date + b"\r\n" + raw, "demo", now, sender, recipients)).result()
        _wait_until_read(house)
    return len(files)


def _states(house: House) -> dict[str, int]:
    from gateway.store.figures import figures

    with house.database.read() as connection:
        return figures(connection, house.clock.now()).inbound


def _wait_until_read(house: House) -> None:
    """Patient, but not for ever: a demo without its order is better than none."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        states = _states(house)
        if not any(states[state] for state in ("new", "working")):
            return
        time.sleep(0.02)


def _envelope(head: Message) -> tuple[str, tuple[str, ...]]:
    """The envelope that the sample's header stands for."""
    (_, sender), *_ = getaddresses([str(head["From"])])
    return sender, tuple(address for _, address in getaddresses([str(head["To"]), str(head["Cc"] or "")]) if address)


