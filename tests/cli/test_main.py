"""The command line as a whole: help, exit codes, how quick it is to say what it can."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from gateway import serve as service
from gateway.cli import main as entry
from gateway.cli import serve as serve_command
from gateway.cli.drawing import draw
from gateway.cli.main import COMMANDS, exit_code, main, sentence
from gateway.cli.trouble import Unusable
from tests.cli.conftest import Guichet

GUICHET = str(Path(sys.executable).parent / "guichet")


def test_help_names_every_command(guichet: Guichet) -> None:
    """All of them with one line each."""
    said = guichet("--help")
    assert said.code == 0
    for name, (_, line) in COMMANDS.items():
        assert f"  {name} " in said.out
        assert line.split(":")[0] in " ".join(said.out.split())


def test_help_imports_nothing_heavy() -> None:
    """`guichet --help` stays quick: neither the database toolkit nor pydantic is loaded for it."""
    code = (
        "import sys\nfrom gateway.cli.main import main\nmain(['--help'])\n"
        "heavy = {'sqlalchemy', 'pydantic', 'dramatiq', 'starlette', 'alembic', 'asyncio'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_with_an_example(guichet: Guichet, name: str) -> None:
    """What it does, and how it is called."""
    said = guichet(name, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: guichet {name}")
    assert f"  guichet {name}" in said.out or name == "receive"


def test_the_document_of_the_commands_has_them_all() -> None:
    """Also the commands within groups."""
    text = draw()
    for name in ("## guichet check", "### guichet outbox send-now", "### guichet item do", "### guichet import eml", "### guichet db backup"):
        assert f"\n{name}\n" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("--nonsense",),
        ("item",),
        ("item", "show"),
        ("outbox", "retry"),
        ("outbox", "retry", "--state", "failed"),
        ("--set", "x", "check"),
        ("serve", "--roles", "cook"),
    ],
)
def test_wrong_usage_is_64(guichet: Guichet, bare: Path, arguments: tuple[str, ...]) -> None:
    """Whatever click refuses, with its words on stderr."""
    said = guichet(*arguments)
    assert said.code == 64
    assert said.out == ""
    assert said.err


def test_nothing_there_is_78(guichet: Guichet, bare: Path) -> None:
    """Without an installation a sentence says how to name or make one."""
    for arguments in (("item", "list"), ("serve",), ("config", "export"), ("outbox", "list")):
        said = guichet(*arguments)
        assert said.code == 78
        assert "There is no installation here" in said.err
        assert len(said.err.splitlines()) == 1


def test_wrong_settings_are_78(guichet: Guichet, bare: Path) -> None:
    """One sentence naming file, line and key, for every command."""
    (bare / "guichet.toml").write_text("[smtp]\nport = 0x\n", "utf-8")
    assert guichet("item", "list").code == 78
    (bare / "guichet.toml").write_text("[smtp]\nprot = 1\n", "utf-8")
    said = guichet("item", "list")
    assert (said.code, said.err) == (78, f"guichet: {bare}/guichet.toml, line 2: smtp.prot: unknown key; did you mean “port”?\n")


def test_an_unreadable_key_is_78(guichet: Guichet, installation: Path) -> None:
    """A key file that others can read is refused."""
    (installation / "secret.key").chmod(0o644)
    said = guichet("item", "list")
    assert said.code == 78
    assert "chmod 600" in said.err


def test_a_setting_of_the_command_line(guichet: Guichet, installation: Path) -> None:
    """--set wins over the file."""
    rows = {row["key"]: row for row in guichet("--set", "smtp.port=2601", "config", "show", "--json").json}
    assert rows["smtp.port"] == {"key": "smtp.port", "value": "2601", "from": "command line"}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Unusable("no"), 78),
        (OperationalError("SELECT secret", {}, Exception("database is locked")), 75),
        (ZeroDivisionError(), None),
    ],
)
def test_known_troubles_have_their_code(fault: Exception, code: int | None) -> None:
    """And what is not known is a bug."""
    assert exit_code(fault) == code
    assert "SELECT" not in sentence(fault)


def test_a_bug_is_loud(guichet: Guichet, installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw is not dressed up as a sentence."""
    monkeypatch.setattr("gateway.desk.Desk.list_items", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        guichet("item", "list")


def test_a_closed_pipe_is_no_fault(installation: Path) -> None:
    """`guichet config export | true` ends quietly."""
    done = subprocess.run(f"{GUICHET} config show --json | true", shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_the_roles_are_those_of_the_service() -> None:
    """The command's list and the service's are one."""
    assert serve_command.ROLES == service.ROLES


def test_the_module_can_be_run() -> None:
    """`python -m gateway.cli.main` is the same command."""
    assert main(["--version"]) == 0
    assert entry.EXIT_USAGE == 64
