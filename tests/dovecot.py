"""A throw-away Dovecot on free loopback ports: IMAP, POP3 and LMTP, plain and TLS, with passwords and tokens; what is asked of it is the business of the tests.

Dovecot 2.3 (Debian 12). Runs as root or as a plain user.
"""

from __future__ import annotations

import contextlib
import grp
import imaplib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType

from tests.outbound import certificates
from tests.ports import free_port

SBIN = "/usr/sbin:/sbin"
PASSWORD = "correct horse"
TOKEN = "ya29.good-token"
SEPARATOR = "."

imaplib._MAXLINE = 10_000_000

CONFIGURATION = """\
protocols = imap pop3 lmtp
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
instance_name = {name}
log_path = {folder}/dovecot.log
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
auth_failure_delay = 0
mail_fsync = never
first_valid_uid = 1
mail_location = maildir:~/Maildir
mail_max_userip_connections = 100
default_vsz_limit = 1G
service imap-login {{
  chroot =
  process_min_avail = 1
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service doveadm {{
  unix_listener doveadm-server {{
    mode = 0600
  }}
}}
passdb {{
  driver = passwd-file
  mechanisms = xoauth2 oauthbearer
  args = scheme=PLAIN username_format=%u {folder}/tokens
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = scheme=PLAIN username_format=%u {folder}/passwords
}}
userdb {{
  driver = static
  args = allow_all_users=yes uid={uid} gid={gid} home={folder}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
}}
protocol lmtp {{
  mail_plugins =
}}
"""

AS_OTHER_USER = """\
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
"""


def missing_reason() -> str:
    """Why no Dovecot can be started here, '' if one can."""
    if _program() is None:
        return "Dovecot is not installed"
    for protocol in ("imap", "pop3", "lmtp"):
        if not Path("/usr/lib/dovecot", protocol).exists():
            return f"Dovecot's {protocol} is not installed"
    version = subprocess.run([str(_program()), "--version"], capture_output=True, text=True, check=False).stdout
    return "" if version.startswith("2.3.") else f"Dovecot {version.strip()} has another configuration language"


def _program() -> str | None:
    return shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:{SBIN}")


class Dovecot:
    """An instance with its own folders; use it as a context manager, or `start` and `stop`.

    Every user of it has the password PASSWORD and the token TOKEN until `passwords` or `tokens` say otherwise.
    LMTP delivers to any name.
    Certificates are for 127.0.0.1, to be trusted through `ca_file`. `settings`: more lines of configuration, such as
    `{"imap_capability": "IMAP4rev1 …"}`; `more` is as it stands, with {folder} for where all this lies.
    """

    def __init__(self, users: Iterable[str] = ("support",), settings: Mapping[str, str] | None = None, more: str = "") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="guichet-dovecot-"))
        self.imap, self.imaps, self.pop3, self.pop3s, self.lmtp = (free_port() for _ in range(5))
        self.ca_file = certificates.made()[0]
        self._users = dict.fromkeys(users, PASSWORD)
        self._tokens = dict.fromkeys(users, TOKEN)
        self._settings = dict(settings or {})
        self._more = more
        self._process: subprocess.Popen[bytes] | None = None
        self._written = int(time.time()) - 10_000_000

    def __enter__(self) -> Dovecot:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what a test does with it

    def user(self, name: str, password: str = PASSWORD, token: str = TOKEN) -> None:
        """One more user, or another password and token for one; in force at the next log-in. Takes a second if Dovecot runs."""
        self._users[name] = password
        self._tokens[name] = token
        self._write_users()
        if self._process is not None:
            time.sleep(1.1)  # Dovecot looks at the files' times once a second

    def deliver(self, user: str, raw: bytes, folder: str = "INBOX", flags: str = "", when: datetime | None = None) -> int:
        """Put a mail in by APPEND, creating the folder if need be; returns its UID."""
        moment = imaplib.Time2Internaldate(when) if when is not None else ""
        with self.client(user) as client:
            quoted = f'"{folder}"'
            if folder != "INBOX":
                client.create(quoted)
            status, answer = client.append(quoted, flags, moment, raw)  # type: ignore[arg-type]  # None and '' are the same to imaplib
            assert status == "OK", answer
            return int(answer[0].split(b"]")[0].split()[-1])

    def deliver_many(self, user: str, raws: Iterable[bytes], folder: str = "INBOX") -> int:
        """Put many mails in at once by writing the Maildir's files, in order; returns how many."""
        place = self.maildir(user, folder)
        uid, gid = self._mail_owner()
        for name in ("tmp", "new", "cur"):
            (place / name).mkdir(parents=True, exist_ok=True)
        count = 0
        for count, raw in enumerate(raws, 1):
            on_the_wire = len(raw) + raw.count(b"\n") - raw.count(b"\r\n")
            path = place / "tmp" / f"{time.time_ns() // 1000:018d}.M{count:07d}.test,S={len(raw)},W={on_the_wire}"  # as its own LDA names them
            path.write_bytes(raw)
            os.chown(path, uid, gid)
            path.rename(place / "new" / path.name)
        self._own(place)
        return count

    def maildir(self, user: str, folder: str = "INBOX") -> Path:
        """Where Dovecot keeps a folder."""
        root = self.folder / "home" / user / "Maildir"
        return root if folder == "INBOX" else root / f".{folder}"

    def forget(self, user: str) -> None:
        """The user's mail is gone with all its folders, as after a disaster; the next log-in makes a new mailbox with another UIDVALIDITY."""
        shutil.rmtree(self.folder / "home" / user, ignore_errors=True)

    @contextlib.contextmanager
    def client(self, user: str) -> Iterator[imaplib.IMAP4]:
        """A plain client of the standard library, logged in."""
        made = imaplib.IMAP4("127.0.0.1", self.imap, timeout=20)
        try:
            made.login(user, self._users[user])
            yield made
        finally:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                made.logout()

    def flags(self, user: str, folder: str = "INBOX") -> dict[int, str]:
        """UID → flags of what lies in a folder."""
        with self.client(user) as client:
            if client.select(f'"{folder}"', readonly=True)[0] != "OK":
                return {}
            answer = client.uid("FETCH", "1:*", "(FLAGS)")[1]
            lines = [line.decode() for line in answer if isinstance(line, bytes)]
        return {int(line.split("UID ")[1].split()[0].rstrip(")")): line.split("FLAGS (")[1].split(")")[0] for line in lines}

    def log(self) -> str:
        """Its log so far."""
        path = self.folder / "dovecot.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    # ---- how it runs

    def start(self) -> None:
        """Start it, with whatever mail is there; returns when it answers."""
        self._write()
        self._process = subprocess.Popen(
            [str(_program()), "-F", "-c", str(self.folder / "dovecot.conf")],
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "stderr").open("wb"),
            cwd="/",
            start_new_session=True,
        )
        until = time.monotonic() + 30
        while not (self._answers(self.imap) and self._answers(self.pop3)):
            assert self._process.poll() is None, (self.folder / "stderr").read_text() + self.log()
            assert time.monotonic() < until, f"Dovecot does not answer: {self.log()}"
            time.sleep(0.05)

    def stop(self) -> None:
        """End it and every connection at once; its mail stays. `start` brings it back on the same ports."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)

    def restart(self) -> None:
        """All connections are cut; the mail stays."""
        self.stop()
        self.start()

    # ---- how it is set up

    def _mail_owner(self) -> tuple[int, int]:
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            return nobody.pw_uid, nobody.pw_gid
        return os.geteuid(), os.getegid()

    def _own(self, place: Path) -> None:
        if os.geteuid() != 0:
            return
        uid, gid = self._mail_owner()
        while place != self.folder / "home" and place != place.parent:
            os.chown(place, uid, gid)
            place = place.parent
        os.chown(self.folder / "home", uid, gid)
        for path in (self.folder / "home").glob("*/Maildir/**/"):
            os.chown(path, uid, gid)

    def _write(self) -> None:
        uid, gid = self._mail_owner()
        for name in ("run", "state", "home"):
            (self.folder / name).mkdir(exist_ok=True)
        self.folder.chmod(0o755)
        os.chown(self.folder / "home", uid, gid)
        text = CONFIGURATION.format(
            folder=self.folder,
            name=self.folder.name,
            cert=self.ca_file,
            key=self.ca_file.parent / "key.pem",
            imap=self.imap,
            imaps=self.imaps,
            pop3=self.pop3,
            pop3s=self.pop3s,
            lmtp=self.lmtp,
            uid=uid,
            gid=gid,
            separator=SEPARATOR,
        )
        if os.geteuid() != 0:
            text += AS_OTHER_USER.format(user=pwd.getpwuid(uid).pw_name, group=grp.getgrgid(gid).gr_name)
        text += "".join(f"{name} = {value}\n" for name, value in self._settings.items()) + self._more.replace("{folder}", str(self.folder))
        (self.folder / "dovecot.conf").write_text(text)
        self._write_users()

    def _write_users(self) -> None:
        self._written += 1
        for name, secrets in (("passwords", self._users), ("tokens", self._tokens)):
            fresh = self.folder / f"{name}.new"
            fresh.write_text("".join(f"{user}:{{PLAIN}}{secret}\n" for user, secret in secrets.items()))
            fresh.chmod(0o644)
            os.utime(fresh, (self._written, self._written))  # it tells versions apart by whole seconds
            fresh.rename(self.folder / name)

    def _answers(self, port: int) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
                return probe.recv(3) in (b"* O", b"+OK")
        except OSError:
            return False
