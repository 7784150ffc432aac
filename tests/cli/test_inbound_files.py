"""`guichet inbound attachments`, `attachment`, `html`, `link`: files that came in, handed out or kept back."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.conftest import Guichet
from tests.cli.test_inbound import GUICHET
from tests.inbound.mails import PNG, multipart, part

HTML = part(b"text/html", b'<p>words</p><script>alert(1)</script><img src="https://x.example/a.png">')
RAW = (
    multipart(
        b"mixed",
        HTML,
        part(b"application/pdf; name=report.pdf", base64.encodebytes(b"%PDF-1.7 hello"), b"Content-Transfer-Encoding: base64"),
        part(b"application/octet-stream; name=run.exe", b"MZ\x90\0"),
        part(b"image/png; name=a.png", PNG, b"Content-Transfer-Encoding: base64"),
    )
    .replace(b"ann@x.org", b"alice@acme.example")
    .replace(b"help@y.org", b"support@demo.example")
)


@pytest.fixture
def message(guichet: Guichet, installation: Path, work: Callable[[], None]) -> str:
    """The id of a mail with three files, processed."""
    assert guichet("receive", "--from", "alice@acme.example", "--to", "support@demo.example", stdin=RAW).code == 0
    work()
    (found,) = guichet("inbound", "list", "--json").json
    assert found["state"] == "done"
    return str(found["id"])


def test_files_are_listed(guichet: Guichet, message: str) -> None:
    """With what they are and why one is not handed out; the same in the message itself."""
    found = guichet("inbound", "attachments", message, "--json").json
    assert [(one["number"], one["name"], one["sniffed"], bool(one["danger"])) for one in found] == [
        (1, "report.pdf", "application/pdf", False),
        (2, "run.exe", "application/x-executable", True),
        (3, "a.png", "image/png", False),
    ]
    assert "type .exe" in guichet("inbound", "attachments", message).out
    shown = guichet("inbound", "show", message, "--json").json["attachments"]
    assert [(one["name"], one["sniffed"], bool(one["danger"])) for one in shown] == [(one["name"], one["sniffed"], bool(one["danger"])) for one in found]


def test_a_file_is_handed_out(guichet: Guichet, message: str, tmp_path: Path) -> None:
    """Byte by byte, to standard output by the real command, or into a file that is not there yet."""
    done = subprocess.run([GUICHET, "inbound", "attachment", message, "1"], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"%PDF-1.7 hello", b"")
    target = tmp_path / "report.pdf"
    assert guichet("inbound", "attachment", message, 1, "--output", target).code == 0
    assert target.read_bytes() == b"%PDF-1.7 hello"
    again = guichet("inbound", "attachment", message, 1, "--output", target)
    assert again.code != 0 and "cannot be written" in again.err
    assert "no number 9" in guichet("inbound", "attachment", message, 9).err


def test_a_dangerous_one_is_not(guichet: Guichet, message: str, tmp_path: Path) -> None:
    """A sentence says why and what helps; who insists gets it."""
    said = guichet("inbound", "attachment", message, 2, "--output", tmp_path / "run.exe")
    assert said.code == 2
    assert "type .exe" in said.err and "--anyway" in said.err
    assert not (tmp_path / "run.exe").exists()
    assert guichet("inbound", "attachment", message, 2, "--anyway", "--output", tmp_path / "run.exe").code == 0
    assert (tmp_path / "run.exe").read_bytes() == b"MZ\x90\0"


def test_a_virus_is_for_administrators(guichet: Guichet, message: str, installation: Path, tmp_path: Path) -> None:
    """An agent does not get it, however much asked; what the scanner found stays found, whatever the list says."""
    _mark(installation, message, "virus: Eicar")
    said = guichet("inbound", "attachment", message, 1, "--anyway", "--as", "ann@demo.example")
    assert said.code == 2 and "Only an administrator" in said.err
    assert "--anyway" in guichet("inbound", "attachment", message, 1).err
    assert guichet("inbound", "attachment", message, 1, "--anyway", "--output", tmp_path / "a.pdf").code == 0


def _mark(installation: Path, message: str, danger: str) -> None:
    with sqlite3.connect(next(installation.rglob("*.db"))) as connection:
        (text,) = connection.execute("SELECT attachments FROM inbound_body WHERE inbound_id = ?", (message,)).fetchone()
        marked = [{**one, "danger": danger} for one in json.loads(text)]
        connection.execute("UPDATE inbound_body SET attachments = ? WHERE inbound_id = ?", (json.dumps(marked), message))


def test_html_and_link(guichet: Guichet, message: str) -> None:
    """Sanitised; remote images only when asked for; the link names the web server's address."""
    safe = guichet("inbound", "html", message).out
    assert "<p>words</p>" in safe and "script" not in safe and ' src="https' not in safe
    assert ' src="https://x.example/a.png"' in guichet("inbound", "html", message, "--remote-images").out
    link = urlsplit(guichet("inbound", "link", message).out.strip())
    assert link.path.startswith(f"/frame/{message}.0.") and link.path.endswith("/page")
    assert f"{message}.1." in guichet("inbound", "link", message, "--remote-images").out
    assert guichet("inbound", "link", "nothing").code == 2


def test_nothing_is_imported_that_is_not_used(message: str, installation: Path) -> None:
    """A house without scanner whose mail others receive loads neither the scanner nor the checks of senders; one with a scanner asks it."""
    code = (
        "import sys; from gateway.bootstrap import open_house; from gateway.settings_source import load_settings;"
        "house = open_house(load_settings()); house.processor; print(house.inspect.scan is not None, 'gateway.inbound.scanner' in sys.modules,"
        "'gateway.inbound.mailauth.authenticate' in sys.modules, 'tnefparse' in sys.modules, 'gateway.inbound.tnef' in sys.modules)"
    )
    environment = {**os.environ, "GUICHET_CONFIG": str(installation / "guichet.toml")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["False"] * 5
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**environment, "GUICHET_SCANNER__ADDRESS": "127.0.0.1:3310"}, check=True
    )
    assert done.stdout.split() == ["True", "True", "False", "False", "False"]
