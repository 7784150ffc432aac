"""`guichet config`, `user`, `init`: the desk and its people by command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings_source import load_settings
from gateway.store.engine import Database
from gateway.store.passwords import check_password
from tests.cli.conftest import Guichet


def _can_log_in(installation: Path, email: str, password: str) -> bool:
    database = Database(load_settings(installation / "guichet.toml").database_url)
    with database.read() as connection:
        found = check_password(connection, email, password)
    database.dispose()
    return bool(found)


def test_export_and_apply_change_nothing(guichet: Guichet, installation: Path) -> None:
    """What is exported is what is applied."""
    (installation / "out.toml").write_text(guichet("config", "export").out, "utf-8")
    said = guichet("config", "apply", installation / "out.toml")
    assert (said.code, said.out) == (0, "Nothing to change: the desk is already as the file says.\n")
    assert guichet("config", "export", installation / "out.toml").code == 2, "an existing file is never overwritten"


def test_a_dry_run_prints_the_difference_and_writes_nothing(guichet: Guichet, installation: Path) -> None:
    """Each change a line; applied for good it prints the same, and the second time nothing."""
    file = installation / "desk.toml"
    file.write_text(file.read_text("utf-8").replace('feedback_window = "P5D"', 'feedback_window = "PT0.5S"').replace('"wifi"', '"wlan"'), "utf-8")
    dry = guichet("config", "apply", file, "--dry-run")
    assert "process “General support”: feedback_window 'P5D' → 'PT0.5S'" in dry.out
    assert "2 changes would be made; nothing was written." in dry.out
    assert 'feedback_window = "P5D"' in guichet("config", "export").out
    changes = guichet("config", "apply", file, "--json").json
    assert [(change["kind"], change["name"], change["change"]) for change in changes] == [
        ("process", "General support", "changed"),
        ("route", "support/network incidents", "changed"),
    ]
    assert 'feedback_window = "PT0.5S"' in guichet("config", "export").out
    assert guichet("config", "apply", file, "--json").json == []


def test_a_wrong_desk_file_changes_nothing(guichet: Guichet, installation: Path) -> None:
    """The last line is wrong: exit 2, one sentence, nothing half applied."""
    file = installation / "desk.toml"
    before = guichet("config", "export").out
    file.write_text(file.read_text("utf-8").replace("Demo desk", "Other desk").replace('effect = "reject_as_spam"', 'effect = "no"'), "utf-8")
    said = guichet("config", "apply", file)
    assert said.code == 2
    assert said.err.startswith(f"guichet: {file}, line ")
    assert len(said.err.splitlines()) == 1
    assert guichet("config", "export").out == before


def test_an_alias_without_a_route_is_said(guichet: Guichet, installation: Path) -> None:
    """A warning on stderr, applied all the same."""
    file = installation / "desk.toml"
    file.write_text(file.read_text("utf-8").replace('aliases = ["help@demo.example"]', 'aliases = ["help@demo.example", "sos@demo.example"]'), "utf-8")
    said = guichet("config", "apply", file)
    assert said.code == 0
    assert "Warning:" in said.err
    assert "sos@demo.example has no route" in said.err


def test_people_are_added_given_passwords_and_leave(guichet: Guichet, installation: Path) -> None:
    """A password is made and printed once, or read; who left cannot log in and stays in the list."""
    said = guichet("user", "add", "eve@demo.example", "--name", "Eve", "--queue", "First line", "--team", "Support")
    assert said.code == 0, said.err
    password = said.out.split()[-1]
    assert _can_log_in(installation, "eve@demo.example", password)
    assert guichet("user", "passwd", "eve@demo.example", "--password-stdin", stdin=b"a better password\n").code == 0
    assert not _can_log_in(installation, "eve@demo.example", password)
    assert _can_log_in(installation, "eve@demo.example", "a better password")
    assert guichet("user", "deactivate", "eve@demo.example").code == 0
    assert not _can_log_in(installation, "eve@demo.example", "a better password")
    listed = {user["email"]: user for user in guichet("user", "list", "--json").json}
    assert listed["eve@demo.example"]["active"] is False
    assert listed["ann@demo.example"]["queues"] == ["First line", "Claims"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("user", "add", "ann@demo.example"), "is a user already"),
        (("user", "add", "nobody"), "no e-mail address"),
        (("user", "add", "eve@demo.example", "--queue", "Nowhere"), "there is no queue “Nowhere”"),
        (("user", "add", "eve@demo.example", "--team", "None"), "there is no team “None”"),
        (("user", "passwd", "eve@demo.example"), "There is no active user"),
        (("user", "deactivate", "eve@demo.example"), "There is no active user"),
        (("user", "deactivate", "root@demo.example"), "nobody is administrator"),
        (("user", "deactivate", "lea@demo.example"), "the e-mail of no user"),
    ],
)
def test_what_is_refused(guichet: Guichet, installation: Path, arguments: tuple[str, ...], why: str) -> None:
    """The desk stays consistent: exit 2 and a sentence."""
    said = guichet(*arguments)
    assert said.code == 2
    assert why in said.err


def test_what_somebody_else_changes_meanwhile_is_kept(guichet: Guichet, installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two administrators at once: a user taken in while another is, and a changed name of the desk, are both there afterwards."""
    from gateway.store import passwords

    file = installation / "desk.toml"
    file.write_text(guichet("config", "export").out.replace("Demo desk", "Other desk"), "utf-8")
    made = passwords.hashed

    def slow(password: str) -> str:
        """Hashing takes its time, and somebody else is quicker."""
        monkeypatch.setattr(passwords, "hashed", made)
        assert guichet("config", "apply", file).code == 0
        assert guichet("user", "add", "zoe@demo.example").code == 0
        return made(password)

    monkeypatch.setattr(passwords, "hashed", slow)
    assert guichet("user", "add", "eve@demo.example").code == 0
    assert {"eve@demo.example", "zoe@demo.example"} <= {user["email"] for user in guichet("user", "list", "--json").json}
    assert 'name = "Other desk"' in guichet("config", "export").out


def test_a_user_with_a_password_that_is_too_short_is_not_added(guichet: Guichet, installation: Path) -> None:
    """Nothing is half done."""
    said = guichet("user", "add", "eve@demo.example", "--password-stdin", stdin=b"short\n")
    assert said.code == 2
    assert "eve@demo.example" not in guichet("user", "list", "--json").out


def test_init_makes_an_installation_and_leaves_one_alone(guichet: Guichet, bare: Path) -> None:
    """Database, key file (0600), first administrator; the second time nothing changes."""
    file = bare / "guichet.toml"
    file.write_text('data = "var"\n', "utf-8")
    assert guichet("init").code == 2, "somebody must be administrator"
    said = guichet("init", "--admin", "you@your.example")
    assert said.code == 0
    key = bare / "var" / "secret.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert _can_log_in(bare, "you@your.example", said.out.split()[-1])
    before = key.read_bytes()
    again = guichet("init", "--admin", "other@your.example")
    assert (again.code, again.out) == (0, "The database is ready; administrators: you@your.example.\n")
    assert key.read_bytes() == before
    assert [user["email"] for user in guichet("user", "list", "--json").json] == ["you@your.example"]


def test_init_writes_settings_where_none_are_named(guichet: Guichet, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation is found from elsewhere by its file; one that is there is not touched."""
    assert guichet("init", "--admin", "you@your.example").code == 0
    file = bare / "guichet.toml"
    assert (bare / "guichet.db").stat().st_mode & 0o077 == 0, "every mail is in it"
    written = file.read_text("utf-8")
    (bare / "elsewhere").mkdir()
    monkeypatch.chdir(bare / "elsewhere")
    assert [user["email"] for user in guichet("--config", file, "user", "list", "--json").json] == ["you@your.example"]
    assert guichet("--config", file, "init").code == 0
    assert file.read_text("utf-8") == written


def test_the_history_names_only_users(guichet: Guichet, installation: Path) -> None:
    """`config apply --as` somebody unknown is refused and changes nothing."""
    desk = installation / "desk.toml"
    desk.write_text(desk.read_text("utf-8").replace('name = "Demo desk"', 'name = "Other desk"'), "utf-8")
    said = guichet("config", "apply", desk, "--as", "nobody@demo.example")
    assert (said.code, said.err) == (2, "guichet: There is no active user “nobody@demo.example”.\n")
    assert "Demo desk" in guichet("config", "export").out
    assert guichet("config", "apply", desk, "--as", "Root@demo.example").code == 0


def test_init_with_a_password_of_ones_own(guichet: Guichet, bare: Path) -> None:
    """Read from standard input, never printed; too short is refused and makes no administrator."""
    (bare / "guichet.toml").write_text("", "utf-8")
    assert guichet("init", "--admin", "you@your.example", "--password-stdin", stdin=b"short\n").code == 2
    said = guichet("init", "--admin", "you@your.example", "--password-stdin", stdin=b"my own password\n")
    assert said.code == 0
    assert "password" not in said.out.lower()
    assert _can_log_in(bare, "you@your.example", "my own password")


def test_settings_in_force_are_shown_with_their_origin(guichet: Guichet, installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`config show`: key, value, where from; secrets dotted."""
    monkeypatch.setenv("GUICHET_BROKER__URL", "redis://:geheim@127.0.0.1/1")
    rows = {row["key"]: (row["value"], row["from"]) for row in guichet("config", "show", "--json").json}
    assert rows["smtp.port"] == ("2525", f"{installation}/guichet.toml, line 10")
    assert rows["broker.url"] == ("redis://:••••••@127.0.0.1/1", "environment GUICHET_BROKER__URL")
    assert "geheim" not in guichet("config", "show").out
