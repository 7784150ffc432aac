"""A throw-away Postfix: as the client that relays to us, and as the server that we deliver to, with refusals on demand."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.ports import free_port

SBIN = "/usr/sbin:/sbin"

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 1 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
lmtp      unix  - - n - - lmtp
relay     unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
local     unix  - n n - - local
virtual   unix  - n n - - virtual
showq     unix  n - n - - showq
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
tlsmgr    unix  - - n 1000? 1 tlsmgr
smtpd     pass  - - n - - smtpd
dnsblog   unix  - - n - 0 dnsblog
tlsproxy  unix  - - n - 0 tlsproxy
postlog   unix-dgram n - n - 1 postlogd
"""


def missing_reason() -> str:
    """Why no Postfix can be started here, '' if one can."""
    if _postfix() is None:
        return "Postfix is not installed"
    return "" if os.geteuid() == 0 else "Postfix can only be started by root"


def _postfix() -> str | None:
    return shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:{SBIN}")


def _door(port: int, settings: Mapping[str, str]) -> str:
    """A listener in master.cf; `{ }` lets values hold blanks."""
    program = settings.get("", "smtpd")
    limit = 1 if program == "postscreen" else "-"
    options = "".join(f"  -o {{ {name} = {value} }}\n" for name, value in settings.items() if name)
    return f"127.0.0.1:{port} inet n - n - {limit} {program}\n{options}"


def wait_for(condition: Callable[[], Any], seconds: float = 30.0, what: str = "") -> Any:
    """The first true value of `condition`; fails after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:.0f} s in vain for {what or condition}")
        time.sleep(0.05)


class Postfix:
    """An instance with its own folders on a free loopback port; use it as a context manager.

    `relay`: domain → port on loopback where its mail is sent to (us) by SMTP, or a transport such as `lmtp:unix:/run/door`.
    `mailboxes`: domains whose mail it keeps, every address in one Maildir (the bounces it writes land there too, if the sender is
    in one of them). `refuse`: recipient → reply at RCPT, such as `450 4.2.1 later` or `550 5.1.1 nobody`. `settings`: more of main.cf.
    `doors`: further listeners by name, each with settings of its own; `door_port` says where.
    Its program is smtpd, or what stands under the name ''.
    `files`: name → text, to be named in settings as `$config_directory/name`.
    """

    def __init__(
        self,
        *,
        relay: Mapping[str, int | str] | None = None,
        mailboxes: Iterable[str] = ("mailbox.example",),
        refuse: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        doors: Mapping[str, Mapping[str, str]] | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="guichet-postfix-"))
        self.port = free_port()
        self._relay = dict(relay or {})
        self._mailboxes = tuple(mailboxes)
        self._settings = dict(settings or {})
        self._refuse = dict(refuse or {})
        self._files = dict(files or {})
        self._doors = {name: (free_port(), dict(more)) for name, more in (doors or {}).items()}

    def __enter__(self) -> Postfix:
        self._write()
        self._run("start")
        wait_for(self._answers, what="Postfix to answer")
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        subprocess.run([str(_postfix()), "-c", self._config, "abort"], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what a test does with it

    def submit(self, sender: str, recipients: Iterable[str], mail: bytes, options: Iterable[str] = ()) -> None:
        """Hand it a mail over SMTP, as a user's program would."""
        with smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.example", timeout=20) as client:
            client.sendmail(sender, list(recipients), mail, list(options))

    def raw_mails(self) -> list[bytes]:
        """The mails it has kept, oldest first, with the Return-Path, X-Original-To and Delivered-To it adds."""
        found = sorted((self.folder / "mail" / "inbox" / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        return [path.read_bytes() for path in found]

    def mails(self) -> list[Message]:
        """The mails it has kept, parsed."""
        return [message_from_bytes(raw, policy=compat32) for raw in self.raw_mails()]

    def log(self) -> str:
        """Its log so far."""
        path = self.folder / "log" / "mail.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def queue(self) -> list[dict[str, Any]]:
        """What waits in its queue (`postqueue -j`)."""
        listing = subprocess.run([self._command("postqueue"), "-c", self._config, "-j"], capture_output=True, text=True, check=True).stdout
        return [json.loads(line) for line in listing.splitlines()]

    def flush(self) -> None:
        """Try everything in the queue now."""
        subprocess.run([self._command("postqueue"), "-c", self._config, "-f"], check=True)

    def door_port(self, name: str) -> int:
        """Where one of `doors` listens."""
        return self._doors[name][0]

    def restart(self) -> None:
        """All connections are cut; what it took stays in its queue."""
        self._run("abort")
        wait_for(self._starts, what="Postfix to start again")
        wait_for(self._answers, what="Postfix to answer again")

    def _starts(self) -> bool:
        """Its master may still be ending when `abort` is back; until then it cannot be started."""
        try:
            self._run("start")
        except AssertionError:
            return False
        return True

    def refuse(self, replies: Mapping[str, str]) -> None:
        """From now on answer these recipients so, and no others."""
        self._refuse = dict(replies)
        self._write_refusals()
        self._run("reload")

    # ---- how it is set up

    @property
    def _config(self) -> str:
        return str(self.folder / "etc")

    def _command(self, name: str) -> str:
        found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SBIN}")
        assert found, f"{name} is not installed"
        return found

    def _write(self) -> None:
        owner = pwd.getpwnam("postfix")
        nobody = pwd.getpwnam("nobody")
        for name in ("etc", "queue", "data", "mail", "log"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)
        os.chown(self.folder / "data", owner.pw_uid, owner.pw_gid)
        os.chown(self.folder / "mail", nobody.pw_uid, nobody.pw_gid)
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": f"{self.folder}/queue",
            "data_directory": f"{self.folder}/data",
            "maillog_file": f"{self.folder}/log/mail.log",
            "maillog_file_prefixes": str(self.folder),
            "myhostname": "postfix.example",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "smtpd_peername_lookup": "no",
            "smtp_dns_support_level": "disabled",
            "alias_maps": "",
            "local_recipient_maps": "",
            "message_size_limit": str(60 * 2**20),
            "mailbox_size_limit": "0",
            "virtual_mailbox_limit": "0",
            "virtual_mailbox_domains": " ".join(self._mailboxes),
            "virtual_mailbox_base": f"{self.folder}/mail",
            "virtual_mailbox_maps": "static:inbox/",
            "virtual_minimum_uid": "1",
            "virtual_uid_maps": f"static:{nobody.pw_uid}",
            "virtual_gid_maps": f"static:{nobody.pw_gid}",
            "relay_domains": " ".join(self._relay),
            "transport_maps": f"texthash:{self.folder}/etc/transport",
            "default_transport": "error:no route in this test",
            "smtpd_recipient_restrictions": f"check_recipient_access texthash:{self.folder}/etc/refuse, permit_mynetworks, reject",
            "minimal_backoff_time": "1s",
            "maximal_backoff_time": "2s",
            "queue_run_delay": "1s",
            "smtp_destination_rate_delay": "0s",
            "default_destination_concurrency_failed_cohort_limit": "0",
            **self._settings,
        }
        etc = self.folder / "etc"
        (etc / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        (etc / "master.cf").write_text(MASTER.format(port=self.port) + "".join(_door(port, more) for port, more in self._doors.values()))
        (etc / "transport").write_text("".join(f"{domain} {to if isinstance(to, str) else f'smtp:[127.0.0.1]:{to}'}\n" for domain, to in self._relay.items()))
        for name, text in self._files.items():
            (etc / name).write_text(text)
        self._write_refusals()

    def _write_refusals(self) -> None:
        (self.folder / "etc" / "refuse").write_text("".join(f"{address} {reply}\n" for address, reply in self._refuse.items()))

    def _run(self, what: str) -> None:
        done = subprocess.run([str(_postfix()), "-c", self._config, what], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"postfix {what}: {done.stderr}\n{self.log()}"

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
                return probe.recv(3) == b"220"
        except OSError:
            return False
