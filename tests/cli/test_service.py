"""The service as a process: the demo, `serve`, one role per process, signals, ports in use."""

from __future__ import annotations

import json
import os
import shlex
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.cli.conftest import mail
from tests.conftest import free_port

GUICHET = str(Path(sys.executable).parent / "guichet")
PATIENCE = 60.0


def eventually(what: Callable[[], Any], of: Running | None = None) -> Any:
    """The first true answer; fails after a minute, or when the service it is about has ended."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert of is None or of.process.poll() is None, f"the service has ended: {of.err.read_text('utf-8')[-2_000:]}"
        try:
            answer = what()
        except OSError:
            answer = None
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError("it never came true")


class Running:
    """A guichet command in a process of its own, its output in files."""

    def __init__(self, folder: Path, *arguments: object, environment: dict[str, str] | None = None) -> None:
        self.out, self.err = folder / "out", folder / "err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            env = {name: value for name, value in os.environ.items() if not name.startswith("GUICHET_")} | (environment or {})
            self.process = subprocess.Popen([GUICHET, *map(str, arguments)], stdout=out, stderr=err, env=env, cwd=folder)

    def log(self) -> list[dict[str, Any]]:
        """The events logged so far."""
        return [json.loads(line) for line in self.err.read_text("utf-8").splitlines() if line.startswith("{") and line.endswith("}")]

    def says(self, event: str) -> dict[str, Any] | None:
        """The first record of an event."""
        return next((record for record in self.log() if record["event"] == event), None)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Signal it and wait for its end."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def running(folder: Path, *arguments: object, environment: dict[str, str] | None = None) -> Iterator[Running]:
    """A command that is killed at the end if it still runs."""
    folder.mkdir(exist_ok=True)
    service = Running(folder, *arguments, environment=environment)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.process.kill()
            service.process.wait()


def ask(folder: Path, config: Path, *arguments: str) -> Any:
    """A command about the installation, its JSON."""
    done = subprocess.run([GUICHET, "--config", str(config), *arguments, "--json"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _send(port: int, subject: str) -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=PATIENCE) as client:
        client.sendmail("alice@acme.example", ["support@demo.example"], mail(subject))


def _get(port: int, path: str) -> str:
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
        return str(answer.read().decode())


def test_the_demo_from_nothing_to_an_answered_mail_and_on_after_a_restart(tmp_path: Path) -> None:
    """Sample mails become items, a mail over SMTP becomes a ticket with an acknowledgement, Ctrl-C ends it, a second start goes on."""
    smtp, lmtp, web, submission, folder = free_port(), free_port(), free_port(), free_port(), tmp_path / "d"
    asked = ("demo", "--dir", folder, "--smtp-port", smtp, "--lmtp-port", lmtp, "--web-port", web, "--submission-port", submission)
    config = folder / "guichet.toml"
    with running(tmp_path / "first", *asked) as demo:
        eventually(lambda: "Send a mail" in demo.out.read_text("utf-8"), demo)
        assert eventually(lambda: len(ask(tmp_path, config, "item", "list")) == 6, demo)
        assert json.loads(_get(web, "/readyz"))["ready"] is True
        _work_by_mail(tmp_path, config, demo)
        _send(smtp, "One more")
        eventually(lambda: any(item["title"] == "One more" for item in ask(tmp_path, config, "item", "list")), demo)
        with smtplib.LMTP("127.0.0.1", lmtp, local_hostname="mta.example") as client:
            client.sendmail("alice@acme.example", ["help@demo.example"], mail("From the mail server"))
        eventually(lambda: any(item["title"] == "From the mail server" for item in ask(tmp_path, config, "item", "list")), demo)
        eventually(lambda: any(b"One more" in file.read_bytes() or b"alice@acme.example" in file.read_bytes() for file in (folder / "outgoing" / "new").iterdir()))
        assert demo.end(signal.SIGINT) == 0
        said = demo.out.read_text("utf-8")
    passwords = folder / "passwords.txt"
    assert passwords.stat().st_mode & 0o777 == 0o600
    for line in passwords.read_text("utf-8").splitlines():
        assert line in said, "passwords are printed on the first start"
    assert (folder / "secret.key").stat().st_mode & 0o777 == 0o600
    with running(tmp_path / "second", *asked) as demo:
        eventually(lambda: "Send a mail" in demo.out.read_text("utf-8"), demo)
        assert len(ask(tmp_path, config, "item", "list")) == 8, "what was there is there, and the samples are not played again"
        _send(smtp, "After the restart")
        eventually(lambda: any(item["title"] == "After the restart" for item in ask(tmp_path, config, "item", "list")), demo)
        assert demo.end() == 0
        assert passwords.read_text("utf-8").splitlines()[0].split()[-1] not in demo.out.read_text("utf-8"), "only the first start prints them"


def _work_by_mail(folder: Path, config: Path, demo: Running) -> None:
    """Agents by mail: what the demo prints can be typed, and an agent's answer is carried out; its certificate is for this machine."""
    printed = [line.strip() for line in demo.out.read_text("utf-8").splitlines()]
    _, assign, read, answer, helped = printed[printed.index("Work by mail, as Ann: give her an item, read what she is told, and answer it:"):][1:6]
    ask(folder, config, *shlex.split(assign)[1:])
    eventually(lambda: subprocess.run(shlex.split(read), capture_output=True, check=False).returncode == 0, demo)
    for typed in (answer, helped):
        assert "Handed in" in subprocess.run(shlex.split(typed), capture_output=True, text=True, check=True).stdout
    eventually(lambda: [one["outcome"] for one in ask(folder, config, "agent-mail", "list")] == ["done", "done"], demo)
    (item,) = [one for one in ask(folder, config, "item", "list") if one["ref"] == "101001-T"]
    assert (item["title"], item["status"]) == ("Invoice for October is missing", "wait")


def test_a_port_in_use_is_one_sentence_and_78(tmp_path: Path) -> None:
    """For each port, before anything is served."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        options = ("--smtp-port", "--lmtp-port", "--web-port", "--submission-port")
        for option in options:
            others = [word for other in options if other != option for word in (other, free_port())]
            with running(tmp_path / option.strip("-"), "demo", "--dir", "d", option, taken, *others) as demo:
                assert demo.process.wait(PATIENCE) == 78
                said = demo.err.read_text("utf-8")
            assert said == f"guichet: Port {taken} on 127.0.0.1 cannot be used (address already in use); choose another one with {option}.\n"


def test_a_folder_that_cannot_be_written_is_one_sentence_and_78(tmp_path: Path) -> None:
    """Also for root: a file stands where the folder should be."""
    (tmp_path / "file").write_text("", "utf-8")
    with running(tmp_path / "x", "demo", "--dir", tmp_path / "file" / "d") as demo:
        assert demo.process.wait(PATIENCE) == 78
        assert len(demo.err.read_text("utf-8").splitlines()) == 1


@pytest.fixture
def served(installation: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, str], int, int]:
    """The installation with free ports: settings file, environment, SMTP port, web port."""
    smtp, web = free_port(), free_port()
    environment = {"GUICHET_CONFIG": str(installation / "guichet.toml"), "GUICHET_SMTP__PORT": str(smtp), "GUICHET_WEB__PORT": str(web)}
    environment["GUICHET_LMTP__PORT"] = str(free_port())
    return installation / "guichet.toml", environment, smtp, web


def test_serve_prints_its_settings_and_drains_on_sigterm(tmp_path: Path, served: tuple[Path, dict[str, str], int, int]) -> None:
    """Settings that are no defaults are logged with their origin, secrets dotted; SIGTERM ends it with 0 and the ports are free."""
    config, environment, smtp, web = served
    environment |= {"GUICHET_BROKER__URL": "", "GUICHET_LOG__LEVEL": "info"}
    with running(tmp_path / "s", "serve", environment=environment) as service:
        eventually(lambda: service.says("serving"), service)
        settings = {record["key"]: record for record in service.log() if record["event"] == "setting"}
        assert (settings["smtp.port"]["value"], settings["smtp.port"]["origin"]) == (str(smtp), "environment GUICHET_SMTP__PORT")
        assert "web.host" in settings
        assert "limits.automatic_per_hour" not in settings
        _send(smtp, "Hello")
        eventually(lambda: ask(tmp_path, config, "item", "list"))
        assert service.end() == 0
        assert service.says("stopped")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", smtp), timeout=5)


def test_one_role_per_process(tmp_path: Path, served: tuple[Path, dict[str, str], int, int]) -> None:
    """A door that only takes in, and a worker that only processes: together they open the ticket."""
    config, environment, smtp, web = served
    with running(tmp_path / "door", "serve", "--roles", "smtp,web", environment=environment) as door:
        eventually(lambda: door.says("serving"), door)
        _send(smtp, "Hello")
        assert ask(tmp_path, config, "item", "list") == []
        assert 'guichet_inbound_messages{state="new"} 1.0' in _get(web, "/metrics")
        with running(tmp_path / "worker", "serve", "--roles", "worker", environment=environment) as worker:
            eventually(lambda: ask(tmp_path, config, "item", "list"), worker)
            assert ask(tmp_path, config, "outbox", "list", "--state", "queued"), "nobody dispatches"
            assert worker.end() == 0
        assert door.end() == 0


def test_a_taken_port_of_serve_is_one_sentence_and_78(tmp_path: Path, served: tuple[Path, dict[str, str], int, int]) -> None:
    """The sentence names the port; nothing goes on running."""
    _, environment, smtp, _ = served
    with socket.create_server(("127.0.0.1", smtp)), running(tmp_path / "s", "serve", environment=environment) as service:
        assert service.process.wait(PATIENCE) == 78
        last = service.err.read_text("utf-8").splitlines()[-1]
        assert last == f"guichet: Port {smtp} on 127.0.0.1 cannot be used (address already in use); choose another one with smtp.port (GUICHET_SMTP__PORT)."
        assert str(smtp) in last


def test_a_certificate_that_cannot_be_used_is_one_sentence_and_78(tmp_path: Path, served: tuple[Path, dict[str, str], int, int]) -> None:
    """Missing, or no certificate at all."""
    _, environment, _, _ = served
    (tmp_path / "nonsense.pem").write_text("nonsense", "utf-8")
    for place in ("nowhere.pem", "nonsense.pem"):
        more = {"GUICHET_SMTP__TLS_CERTIFICATE": str(tmp_path / place)}
        with running(tmp_path / place.partition(".")[0], "serve", environment=environment | more) as service:
            assert service.process.wait(PATIENCE) == 78
            assert service.err.read_text("utf-8").splitlines()[-1].startswith("guichet: The ")
